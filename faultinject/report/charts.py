# SPDX-License-Identifier: MIT
"""The charts, as specifications for Vega-Lite (the map: for Vega).

Rule: colours are names of the page's (`var(--…)`), resolved where a chart is drawn: by script.js for light and dark, by
figures.py for paper. Widths are the container's. Every chart says in words what it shows.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faultinject.classify import Outcome
from faultinject.report.codemap import Struck, failures
from faultinject.report.compare import ANY, Line
from faultinject.report.content import Content
from faultinject.report.latency import Distribution, Exemplar
from faultinject.statistics import wilson
from faultinject.table import LABELS
from faultinject.timeline import STEP_FIELDS

VEGA_LITE = "https://vega.github.io/schema/vega-lite/v6.json"
VEGA = "https://vega.github.io/schema/vega/v6.json"
#: Heights in pixels of a bar, and of it with the space between two.
BAR, ROW = 22, 30
#: Of more rows than so many in one chart, each is lower.
ROWS_WIDE, ROW_CLOSE = 16, 21
CAUSES = ("exception", "hang", "protocol", "check", "panic", "heartbeat", "kill")
#: What can be chosen where one class is shown: names and keys.
CAUGHT = "caught_recovered"
CHOICES = {ANY: "any failure that a user could see", **{outcome.value: LABELS[outcome] for outcome in Outcome},
           CAUGHT: "recovered, of those that were caught"}

#: Of an axis in microseconds.
TIME_LABEL = ("datum.value >= 1000 ? format(datum.value / 1000, ',~g') + ' ms' : datum.value >= 1 ? format(datum.value, '~g') + "
              "' µs' : format(datum.value * 1000, '~g') + ' ns'")

ALL_SERVICES = "all services"

Spec = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """A chart of the page."""

    name: str
    title: str
    description: str
    spec: Spec


def outcome_colour(key: str) -> str:
    """The page's name for it."""
    return f"var(--{key.replace('_', '-')})"


def _lite(description: str, values: list[dict], **rest: Any) -> Spec:
    return {"$schema": VEGA_LITE, "description": description, "width": "container",
            "autosize": {"type": "fit-x", "contains": "padding"}, "data": {"values": values}, **rest}


def _colours(field: str, names: Sequence[str], colours: Sequence[str], legend: bool, title: str | None = None) -> Spec:
    shown = {"title": title, "orient": "top", "columns": 3, "labelLimit": 0, "offset": 12} if legend else None
    return {"field": field, "type": "nominal", "legend": shown, "scale": {"domain": list(names), "range": list(colours)}}


def _row(names: Sequence[str] | Mapping[str, Any]) -> int:
    """The height of one of so many rows, in pixels."""
    return ROW if len(names) <= ROWS_WIDE else ROW_CLOSE


def _rows(names: Sequence[str]) -> Spec:
    return {"field": "row", "type": "nominal", "sort": list(names), "axis": {
        "title": None, "ticks": False, "domain": False, "labelPadding": 9, "labelLimit": 260}}


def _tips(**fields: str) -> list[Spec]:
    """Tool tips: title -> field; a format after a bar."""
    tips = []
    for title, field in fields.items():
        name, _, form = field.partition("|")
        tip: Spec = {"field": name, "title": title.replace("_", " ")}
        if form:
            tip |= {"type": "quantitative", "format": form}
        tips.append(tip)
    return tips


def outcome_bars(sections: Mapping[str, Mapping], legend: bool = False, one: str = "fault model") -> Spec:
    """A bar for each name, which is that of `one` of something, divided by class."""
    values = []
    for name, section in sections.items():
        for order, outcome in enumerate(Outcome):
            entry = section["intervals"][outcome.value]
            if entry["count"]:
                low, high = entry["wilson_95"]
                values.append({"row": name, "outcome": LABELS[outcome], "order": order, "draws": entry["count"],
                               "share": entry["share"], "interval": f"{100 * low:.2f} to {100 * high:.2f} %"})
    present = [o for o in Outcome if any(value["outcome"] == LABELS[o] for value in values)]
    row = _row(sections)
    return _lite(f"Share of faults by outcome, one bar a {one}", values, height=row * len(sections),
                 mark={"type": "bar", "height": BAR * row // ROW, "stroke": "var(--surface)", "strokeWidth": 0.5}, encoding={
                     "y": _rows(list(sections)),
                     "x": {"field": "share", "type": "quantitative", "stack": "zero", "scale": {"domain": [0, 1]},
                           "axis": {"format": "%", "title": "share of faults", "tickCount": 5}},
                     "order": {"field": "order", "type": "quantitative"},
                     "color": _colours("outcome", [LABELS[o] for o in present],
                                       [outcome_colour(o.value) for o in present], legend),
                     "tooltip": _tips(**{one.replace(" ", "_"): "row"}, outcome="outcome", faults="draws", share="share|.2%",
                                      Wilson_95="interval")})


def _choice(section: Mapping, key: str) -> tuple[int, int]:
    """(count, of) of a class that can be chosen."""
    if key == CAUGHT:
        return section["caught_recovered"]["count"], section["caught"]
    if key == ANY:
        return failures(section["outcomes"]), section["injected"]
    return section["outcomes"][key], section["injected"]


def intervals(sections: Mapping[str, Mapping], keys: Sequence[str] = tuple(CHOICES), chosen: str = ANY) -> Spec:
    """The share of one class by name, with its interval. The signal `chosen` says which class."""
    values = []
    for name, section in sections.items():
        for key in keys:
            count, of = _choice(section, key)
            low, high = wilson(count, of)
            if of:
                values.append({"row": name, "key": key, "share": count / of, "low": low, "high": high,
                               "what": f"{count} of {of}", "interval": f"{100 * low:.2f} to {100 * high:.2f} %"})
    x = {"type": "quantitative", "axis": {"format": "~%", "title": "share, with Wilson 95 % interval", "tickCount": 5}}
    tips = _tips(fault_model="row", faults="what", share="share|.2%", Wilson_95="interval")
    colour = {"value": "var(--accent)"}
    return _lite("Share of one class of outcomes with its interval, one line a fault model", values,
                 height=_row(sections) * len(sections), params=[{"name": "chosen", "value": chosen}],
                 transform=[{"filter": "datum.key == chosen"}], encoding={"y": _rows(list(sections))}, layer=[
                     {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {
                         "x": {"field": "low", **x}, "x2": {"field": "high"}, "color": colour, "tooltip": tips}},
                     {"mark": {"type": "tick", "size": 10, "thickness": 2}, "encoding": {
                         "x": {"field": "low", **x}, "color": colour}},
                     {"mark": {"type": "tick", "size": 10, "thickness": 2}, "encoding": {
                         "x": {"field": "high", **x}, "color": colour}},
                     {"mark": {"type": "point", "filled": True, "size": 70, "opacity": 1}, "encoding": {
                         "x": {"field": "share", **x}, "color": colour, "tooltip": tips}}])


def histogram(found: Distribution, what: str, legend: bool = False) -> Spec:
    """A distribution over a logarithmic scale, by cause, with median and 99 %."""
    tops: Counter[float] = Counter()
    values = []
    present = [cause for cause in CAUSES if any(one.group == cause for one in found.bins)]
    for one in sorted(found.bins, key=lambda b: (b.low_ns, CAUSES.index(b.group) if b.group in CAUSES else 99)):
        values.append({"from_us": one.low_ns / 1000, "to_us": one.high_ns / 1000, "cause": one.group, "draws": one.draws,
                       "bottom": tops[one.low_ns], "top": tops[one.low_ns] + one.draws})
        tops[one.low_ns] += one.draws
    marks = _quantile_marks(found)
    x = {"type": "quantitative", "scale": {"type": "log", "nice": False, "padding": 6},
         "axis": {"title": what, "labelExpr": TIME_LABEL, "tickCount": 4, "grid": False, "labelOverlap": "greedy"}}
    return _lite(f"Distribution of {what} by cause of the failure, with median and 99th percentile", values, height=190,
                 layer=[
                     {"mark": {"type": "bar", "stroke": "var(--surface)", "strokeWidth": 0.5}, "encoding": {
                         "x": {"field": "from_us", **x}, "x2": {"field": "to_us"},
                         "y": {"field": "bottom", "type": "quantitative", "axis": {"title": "faults", "tickCount": 4}},
                         "y2": {"field": "top"},
                         "color": _colours("cause", present, [f"var(--cause-{cause})" for cause in present], legend),
                         "tooltip": _tips(cause="cause", faults="draws", from_µs="from_us|,.1f", to_µs="to_us|,.1f")}},
                     *({"data": {"values": [mark]}, "mark": {"type": "rule", "strokeDash": [4, 3]}, "encoding": {
                         "x": {"field": "at", **x}, "color": {"value": "var(--ink)"}, "y": {"value": mark["top"] + 8},
                         "y2": {"value": 190}}} for mark in marks),
                     *({"data": {"values": [mark]}, "mark": {"type": "text", "align": mark["align"], "fontSize": 11}, "encoding": {
                         "x": {"field": "at", **x}, "y": {"value": mark["top"]}, "text": {"field": "label"},
                         "color": {"value": "var(--ink)"}}} for mark in marks)])


def _quantile_marks(found: Distribution) -> list[dict[str, Any]]:
    """Median and 99 %: where, with what words, and how high above the bars, each at the side where there is room."""
    low, high = math.log(found.bins[0].low_ns), math.log(found.bins[-1].high_ns)
    marks = []
    for name, top in (("median", -20), ("99 %", -7)):
        at = found.quantiles_ns[name]
        place = (math.log(max(at, 1)) - low) / (high - low)
        marks.append({"at": max(at, 1) / 1000, "label": f"{name} {_span(at)}", "top": top,
                      "align": "left" if place < 0.25 else "right" if place > 0.75 else "center"})
    return marks


def _span(ns: float) -> str:
    if ns < 1000:
        return f"{ns} ns"
    return f"{ns / 1e3:,.1f} µs" if ns < 1e7 else f"{ns / 1e6:,.1f} ms"


def decades(least: float, most: float) -> list[float]:
    """1, 3, 10, 30 and so on, from the last that is not above the least to the first that is not below the most."""
    first, last = math.floor(math.log10(least)), math.ceil(math.log10(most))
    marks = [step * 10.0 ** power for power in range(first, last + 1) for step in (1, 3)]
    below = max((mark for mark in marks if mark <= least), default=marks[0])
    above = min((mark for mark in marks if mark >= most), default=marks[-1])
    return [mark for mark in marks if below <= mark <= above]


def spans(found: Mapping[str, Distribution], what: str) -> Spec:
    """Distributions beside each other, one line a name: from the 10 % quantile to the greatest, with median and 99 %."""
    values = [{"row": name, "recoveries": one.count, **{key.replace(" ", ""): at / 1000 for key, at in one.quantiles_ns.items()}}
              for name, one in found.items()]
    shown = [value[key] for value in values for key in ("10%", "max")]
    x = {"type": "quantitative", "scale": {"type": "log", "nice": False, "padding": 12},
         "axis": {"title": f"{what}: 10 % to greatest, with median (point) and 99 % (tick)", "labelExpr": TIME_LABEL,
                  "values": decades(min(shown, default=1), max(shown, default=1))}}
    colour = {"value": "var(--accent)"}
    return _lite(f"Quantiles of the {what}, one line a service", values, height=ROW * len(values), encoding={"y": _rows(list(found))},
                 layer=[
                     {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {
                         "x": {"field": "10%", **x}, "x2": {"field": "max"}, "color": colour}},
                     {"mark": {"type": "tick", "size": 12, "thickness": 2}, "encoding": {"x": {"field": "99%", **x}, "color": colour}},
                     {"mark": {"type": "point", "filled": True, "size": 70, "opacity": 1}, "encoding": {
                         "x": {"field": "median", **x}, "color": colour}}])


def stages(found: Sequence[Exemplar], legend: bool = False) -> Spec:
    """The recoveries at the quantiles, divided into their stages."""
    names = [name for _, name, _ in STEP_FIELDS]
    labels = [one.label for one in found]
    values = [{"row": one.label, "stage": name, "order": names.index(name), "us": length / 1000,
               "experiment": one.experiment} for one in found for name, length in one.stages]
    return _lite("The recoveries at the quantiles of the latency, divided into their stages", values,
                 height=ROW * len(labels), mark={"type": "bar", "height": BAR, "stroke": "var(--surface)", "strokeWidth": 0.5},
                 encoding={"y": _rows(labels),
                           "x": {"field": "us", "type": "quantitative", "stack": "zero",
                                 "axis": {"title": "from the failure to the reply, µs", "tickCount": 5}},
                           "order": {"field": "order", "type": "quantitative"},
                           "color": _colours("stage", names, [f"var(--stage-{n})" for n in range(len(names))], legend),
                           "tooltip": _tips(recovery="row", stage="stage", µs="us|,.1f", experiment="experiment")})


def code_map(functions: Sequence[Struck]) -> Spec:
    """A treemap: an area for each function, as large as the part of the faults that struck it, the redder the more of
    them failed."""
    files: dict[tuple[str, str], list[tuple[int, Struck]]] = defaultdict(list)
    for number, struck in enumerate(functions):
        files[struck.service, struck.file].append((number, struck))
    nodes: list[Spec] = [{"id": "all"}]
    nodes += [{"id": f"s:{service}", "parent": "all", "label": service} for service in
              dict.fromkeys(service for service, _ in files)]
    for (service, file), members in files.items():
        nodes.append({"id": f"f:{service}:{file}", "parent": f"s:{service}", "label": file.rsplit("/", 1)[-1]})
        for number, struck in members:
            failed = failures(struck.counts)
            nodes.append({"id": number, "parent": f"f:{service}:{file}", "label": struck.name, "draws": struck.draws,
                          "failures": failed, "href": f"#function-{number}",
                          "words": f"{service}: {struck.name} ({struck.file or 'no source'})\n{struck.draws} faults, "
                                   f"{failed} failures"})
    most = max((failures(struck.counts) for struck in functions), default=1) or 1
    size = "isFinite(containerSize()[0]) ? containerSize()[0] : 320"
    inner = {"x": {"field": "x0"}, "y": {"field": "y0"}, "x2": {"field": "x1"}, "y2": {"field": "y1"}}
    return {"$schema": VEGA, "description": "Map of the code: area is the number of faults that struck a function, colour "
            "how many of them failed", "height": 440, "autosize": {"type": "fit", "contains": "padding"}, "padding": 0,
            "signals": [{"name": "width", "init": size, "on": [{"events": "window:resize", "update": size}]}],
            "data": [{"name": "tree", "values": nodes, "transform": [
                {"type": "stratify", "key": "id", "parentKey": "parent"},
                {"type": "treemap", "field": "draws", "sort": {"field": "value", "order": "descending"}, "round": True,
                 "method": "squarify", "ratio": 1.4, "paddingInner": 1, "paddingOuter": 2, "paddingTop": 15,
                 "size": [{"signal": "width"}, {"signal": "height"}]}]},
                {"name": "outer", "source": "tree", "transform": [
                    {"type": "filter", "expr": "datum.depth == 1 || datum.depth == 2"}]},
                {"name": "leaves", "source": "tree", "transform": [{"type": "filter", "expr": "datum.depth == 3"}]}],
            "scales": [{"name": "heat", "type": "sqrt", "domain": [0, most], "range": ["var(--heat-low)", "var(--heat-high)"]}],
            "marks": [
                {"type": "rect", "from": {"data": "outer"}, "encode": {
                    "enter": {"fill": [{"test": "datum.depth == 1", "value": "var(--line)"}, {"value": "var(--faint)"}]},
                    "update": inner}},
                {"type": "text", "from": {"data": "outer"}, "interactive": False, "encode": {
                    "enter": {"fill": [{"test": "datum.depth == 1", "value": "var(--ink)"}, {"value": "var(--soft)"}],
                              "fontWeight": [{"test": "datum.depth == 1", "value": "bold"}, {"value": "normal"}],
                              "fontSize": [{"test": "datum.depth == 1", "value": 11.5}, {"value": 10}],
                              "baseline": {"value": "top"}, "ellipsis": {"value": "…"}},
                    "update": {"x": {"signal": "datum.x0 + 4"}, "y": {"signal": "datum.y0 + 3"},
                               "limit": {"signal": "max(datum.x1 - datum.x0 - 6, 1)"},
                               "text": {"signal": "datum.x1 - datum.x0 > 40 && datum.y1 - datum.y0 > 16 ? datum.label : ''"}}}},
                {"type": "rect", "from": {"data": "leaves"}, "encode": {
                    "enter": {"fill": [{"test": "datum.failures == 0", "value": "var(--heat-none)"},
                                       {"scale": "heat", "field": "failures"}],
                              "tooltip": {"field": "words"}, "href": {"field": "href"}, "cursor": {"value": "pointer"}},
                    "update": {**inner, "stroke": {"value": "transparent"}},
                    "hover": {"stroke": {"value": "var(--ink)"}, "strokeWidth": {"value": 1.5}}}},
                {"type": "text", "from": {"data": "leaves"}, "interactive": False, "encode": {
                    "enter": {"fill": [{"test": f"datum.failures > {most / 4}", "value": "var(--heat-ink)"},
                                       {"value": "var(--ink)"}],
                              "fontSize": {"value": 11}, "baseline": {"value": "top"}, "ellipsis": {"value": "…"}},
                    "update": {"x": {"signal": "datum.x0 + 4"}, "y": {"signal": "datum.y0 + 4"},
                               "limit": {"signal": "max(datum.x1 - datum.x0 - 8, 1)"},
                               "text": {"signal": "datum.x1 - datum.x0 > 34 && datum.y1 - datum.y0 > 16 ? datum.label : ''"}}}}]}


def comparison(lines: Sequence[Line]) -> Spec:
    """Differences of absolute counts under one model, with their intervals; the signal `chosen` says of which class."""
    values = []
    for line in lines:
        value, low, high = line.difference
        values.append({"row": line.service or ALL_SERVICES, "key": line.outcome, "value": value, "low": low, "high": high,
                       "verdict": line.verdict, "first": line.first.faults, "second": line.second.faults})
    x = {"type": "quantitative", "axis": {
        "labelExpr": "datum.value == 0 ? '0' : format(datum.value, '~s')", "title": "difference, in faults of the raw space", "tickCount": 5}}
    tips = _tips(service="row", first="first|,.0f", second="second|,.0f", difference="value|+,.0f", lowest="low|+,.0f",
                 highest="high|+,.0f", verdict="verdict")
    colour = {"field": "verdict", "type": "nominal", "legend": None,
              "scale": {"domain": ["fewer", "more", "undecided"],
                        "range": ["var(--recovered-transparently)", "var(--silent-data-corruption)", "var(--soft)"]}}
    rows = list(dict.fromkeys(value["row"] for value in values))
    return _lite("Difference of the extrapolated numbers of faults between both campaigns, with intervals", values,
                 height=ROW * len(rows), params=[{"name": "chosen", "value": ANY}],
                 transform=[{"filter": "datum.key == chosen"}], encoding={"y": _rows(rows)}, layer=[
                     {"data": {"values": [{"zero": 0}]}, "mark": {"type": "rule", "strokeDash": [4, 3]}, "encoding": {
                         "x": {"field": "zero", **x}, "y": {"value": None}, "color": {"value": "var(--ink)"}}},
                     {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {
                         "x": {"field": "low", **x}, "x2": {"field": "high"}, "color": colour, "tooltip": tips}},
                     {"mark": {"type": "point", "filled": True, "size": 70, "opacity": 1}, "encoding": {
                         "x": {"field": "value", **x}, "color": colour, "tooltip": tips}}])


def of_comparison(lines: Sequence[Line]) -> list[Chart]:
    """A chart for each model: their spaces have no common measure, so they have no common axis."""
    models = dict.fromkeys(line.model for line in lines)
    return [Chart(f"comparison-{model}", model, "Second minus first campaign, with the 95 % interval.",
                  comparison([line for line in lines if line.model == model])) for model in models]


def overview(content: Content, legend: bool = False) -> list[Chart]:
    """Every service, and every model, in one chart each."""
    found = []
    for key, one in (("by_service", "service"), ("by_model", "fault model")):
        sections = {name: section for name, section in content.summary[key].items() if section["injected"]}
        whole = {"all": content.summary} if len(sections) > 1 else {}
        found.append(Chart(key.replace("_", "-"), f"Outcomes by {one}", f"Each bar is all faults of one {one}.",
                           outcome_bars({**whole, **sections}, legend, one)))
    return found


def of_campaign(content: Content, legend: bool = False) -> list[Chart]:
    """All charts of one campaign."""
    found = overview(content, legend) if len(content.services) > 1 else []
    for service in content.services:
        sections = {model: section for model, section in content.summary["by_service_and_model"][service].items()
                    if section["injected"]}
        found.append(Chart(f"outcomes-{service}", f"Outcomes in {service}",
                           "Each bar is all faults of one model; its parts are what came of them.",
                           outcome_bars(sections, legend)))
        found.append(Chart(f"intervals-{service}", f"Chosen class in {service}", "The class chosen above: its share, and what this "
                           "many faults allow to say of it.", intervals(sections)))
        if content.recoveries[service].count:
            found.append(Chart(f"recovery-{service}", f"Recovery of {service}", "From the failure to the reply of the call that "
                               "was run again.", histogram(content.recoveries[service], "recovery latency", legend)))
            found.append(Chart(f"stages-{service}", f"Stages of recovery of {service}", "Single recoveries, those at the "
                               "quantiles of the latency.", stages(content.exemplars[service], legend)))
        if content.detections[service].count:
            found.append(Chart(f"detection-{service}", f"Detection in {service}", "From the first use of the faulty value to the "
                               "failure that the kernel noted.", histogram(content.detections[service], "detection latency", legend)))
    if any(struck.draws for struck in content.functions) and not legend:
        found.append(Chart("map", "Where faults struck", "Area: faults that struck the function. Colour: how many of them a user "
                           "could see.", code_map(content.functions)))
    return found
