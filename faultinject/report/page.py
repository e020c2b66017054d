# SPDX-License-Identifier: MIT
"""The page itself: what is written out as HTML here can be read without scripts; what is large is embedded as data and made
visible by script.js."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from faultinject.classify import Outcome
from faultinject.models import MODELS
from faultinject.report import charts, compare
from faultinject.report.charts import Chart
from faultinject.report.codemap import FAILURES, Struck, failures
from faultinject.report.content import LISTED, Content, Run, command
from faultinject.statistics import wilson
from faultinject.table import LABELS
from faultinject.timeline import STEP_FIELDS

HERE = Path(__file__).parent
OUTCOMES = list(Outcome)
QUANTILES = {"p50": "median", "p99": "99 %", "max": "max"}
MEANING = {
    Outcome.NOT_ACTIVATED: "the faulty value or place was not used while it was watched",
    Outcome.OVERWRITTEN: "replaced before its first use, or used without lasting effect",
    Outcome.LATENT: "replies and disk are right, but an audit finds inconsistent state",
    Outcome.RECOVERED: "at least one incarnation was replaced, and nobody noticed",
    Outcome.OWN_CLIENT: "only the client that was being served was told of an error",
    Outcome.OTHER_CLIENT: "another client was told of an error, or did not end",
    Outcome.SILENT: "a wrong successful reply, or a wrong disk that no reported error explains",
    Outcome.SERVICE_LOST: "a service was given up",
    Outcome.SYSTEM_HANG: "no verdict within the limit of instructions",
    Outcome.KERNEL_FAILURE: "panic, triple fault, or switched off without a verdict",
}


def number(value: float) -> str:
    """With separators of thousands."""
    return f"{value:,.0f}"


def percent(share: float, digits: int = 1) -> str:
    """A share."""
    return f"{100 * share:.{digits}f} %"


def interval(count: int, of: int) -> str:
    """A Wilson interval."""
    low, high = wilson(count, of)
    return f"{100 * low:.2f}\u00a0–\u00a0{100 * high:.2f}\u00a0%"


def inert(script: str) -> str:
    """A script whose strings do not end the element that it is in."""
    return script.replace("</script", "<\\/script")


def shown(path: Path) -> str:
    """A path as it is to be typed where the report was asked for."""
    return os.path.relpath(path) if path.resolve().is_relative_to(Path.cwd()) else str(path)


def listed(words: Sequence[str]) -> str:
    """With commas and "and"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def colour(outcome: str) -> str:
    """The attribute that gives a swatch its colour."""
    return f'style="--colour:{charts.outcome_colour(outcome)}"'


def tile(name: str, figure: str, more: str, kind: str = "") -> str:
    """One figure."""
    return (f'<div class="tile {kind}"><dt>{escape(name)}</dt><dd><div class="figure">{escape(figure)}</div>'
            f'<div class="more">{escape(more)}</div></dd></div>')


def brief(value: float, sign: str = "") -> str:
    """Three digits that count, and a unit."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:{sign}.3g}\u00a0{name}"
    return f"{value:{sign}.0f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], label: str, words: int = 1) -> str:
    """A table that scrolls by itself where it is wider than the window. Cells are HTML; the first `words` are texts."""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}"><table class="words-{words}"><thead><tr>'
            + "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head) + f"</tr></thead><tbody>{body}</tbody></table></div>")


def figures(label: str, inner: str) -> str:
    """Numbers behind a chart, folded."""
    return f'<details class="figures"><summary>{escape(label)}</summary>{inner}</details>'


def chart(one: Chart, group: str = "") -> str:
    """A chart's place."""
    grouped = f' data-group="{escape(group)}"' if group else ""
    return (f'<figure class="card"><figcaption><strong>{escape(one.title)}</strong><span>{escape(one.description)}</span>'
            f'</figcaption><div class="chart" data-chart="{escape(one.name)}"{grouped}></div></figure>')


def legend(entries: Iterable[tuple[str, str]], title: str = "") -> str:
    """Swatches: (name, colour)."""
    head = f"<li><b>{escape(title)}</b></li>" if title else ""
    return f'<ul class="legend">{head}' + "".join(f'<li><span class="swatch" style="--colour:{tint}"></span>{escape(name)}</li>'
                                           for name, tint in entries) + "</ul>"


def chooser(name: str, choices: Mapping[str, str]) -> str:
    """A choice of class for the charts of a group."""
    options = "".join(f'<option value="{escape(key)}">{escape(words)}</option>' for key, words in choices.items())
    return (f'<div class="controls"><label for="choose-{name}">Show</label>'
            f'<select id="choose-{name}" data-for="{name}">{options}</select></div>')


class Page:
    """Puts a page together; `comparison` is of another campaign with this one."""

    def __init__(self, content: Content, other: Run | None, lines: Sequence[compare.Line]) -> None:
        self._content, self._other, self._lines = content, other, lines
        self._charts = {one.name: one for one in charts.of_campaign(content)}
        self._charts |= {one.name: one for one in charts.of_comparison(lines)}

    def html(self, libraries: Sequence[str]) -> str:
        """The whole file."""
        sections = [("summary", "Summary", self._summary()), ("outcomes", "Outcomes", self._outcomes()),
                    ("latency", "Recovery time", self._latency()), ("map", "Code", self._map()),
                    ("failures", "Failures", self._failures()), ("comparison", "Comparison", self._comparison()),
                    ("method", "What was run", self._method())]
        present = [section for section in sections if section[2]]
        links = "".join(f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title, _ in present)
        body = "".join(f'<section id="{name}" aria-label="{escape(title)}">{inner}</section>'
                       for name, title, inner in present[1:])
        title = self._title()
        scripts = "".join(f"<script>{inert(text)}</script>\n" for text in libraries)
        return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Perdure">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{(HERE / "style.css").read_text()}</style>
</head>
<body>
<a class="skip" href="#outcomes">Skip to the outcomes</a>
<div class="wrap">
<header id="summary"><p class="eyebrow">Perdure · fault-injection campaign</p><h1>{escape(title)}</h1>{present[0][2]}</header>
</div>
<nav aria-label="Sections"><div class="wrap"><ul>{links}</ul></div></nav>
<main class="wrap">
<noscript><p class="note grave">Charts, source lines and the list of failures need JavaScript; the figures below do not.</p></noscript>
{body}
</main>
<footer class="wrap">Written by <code>perdure report</code> from {escape(self._content.database.name)}. Nothing in this page is
fetched from anywhere.</footer>
<script type="application/json" id="content">{self._data()}</script>
{scripts}<script>
{(HERE / "script.js").read_text()}</script>
</body>
</html>
"""

    def _title(self) -> str:
        return f"{number(self._content.summary['injected'])} faults in {listed(self._content.services)}"

    def _data(self) -> str:
        """For script.js."""
        data = {"outcomes": [{"key": o.value, "label": LABELS[o], "failure": o in FAILURES} for o in OUTCOMES],
                "charts": {name: one.spec for name, one in self._charts.items()},
                "functions": [_function(struck) for struck in self._content.functions],
                "failures": [self._failure(one.row, one.place, one.log) for one in self._content.failures]}
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")

    def _failure(self, row: Mapping[str, Any], place: str, log: str) -> dict[str, object]:
        replay = f"./perdure replay {shlex.quote(shown(self._content.database))} {row['number']}"
        return {"number": row["number"], "service": row["service"], "model": row["model"], "place": place, "log": log,
                "description": row["description"], "outcome": OUTCOMES.index(Outcome(row["outcome"])),
                "function": row["function"], "reason": row["reason"], "replay": replay,
                "calls": row["calls_undetected"], "others": ", ".join(json.loads(row["affected"]))}

    # Sections

    def _summary(self) -> str:
        found, content = self._content.summary, self._content
        caught, failed, injected = found["caught_recovered"], content.failed, found["injected"]
        clients = sorted({name for names in content.facts["clients"].values() for name in names.values()})
        median = found["recovery_ns"]["p50"]
        tiles = [
            tile("injected", number(injected), f"{number(found['experiments'])} experiments" + (
                f", {number(found['known_without_run'])} known without a run" if found["known_without_run"] else "")),
            tile("activated", number(found["activated"]), f"{percent(found['activated'] / max(injected, 1))} of the injected"),
            tile("caught", number(found["caught"]), "ended an incarnation"),
            tile("recovered of caught", percent(caught["share"], 2), "95 %: " + interval(caught["count"], caught["of"]),
                 "good" if caught["count"] else ""),
            tile("failures", number(failed), f"95 %: {interval(failed, injected)} of the injected", "bad" if failed else "good"),
            tile("median recovery", f"{median / 1000:,.1f} µs" if median else "–", "fault to reply; 1 instruction = 1 ns")]
        return (f'<p class="lead">While {escape(listed(clients) if clients else "programs")} used the system, '
                f"{number(injected)} faults were put into {escape(listed(content.services))}, one at a time. "
                f"{number(failed)} of them had a consequence that a user could see. Of {number(caught['of'])} that ended an "
                f"incarnation, {number(caught['count'])} were recovered so that nobody noticed.</p>"
                f'<dl class="tiles">{"".join(tiles)}</dl>')

    def _outcomes(self) -> str:
        parts = ["<h2>What came of the faults</h2><p>Each fault ended in exactly one class. Those after "
                 "<em>recovered transparently</em> are failures: a user could see something.</p>",
                 legend((LABELS[o], charts.outcome_colour(o.value)) for o in OUTCOMES)]
        both = [chart(self._charts[name]) for name in ("by-service", "by-model") if name in self._charts]
        if both:
            parts.append(f'<h3>all services</h3>{"".join(both)}')
        parts.append(chooser("class", charts.CHOICES))
        for service in self._content.services:
            sections = self._content.summary["by_service_and_model"][service]
            parts.append(f'<h3>{escape(service)}</h3><div class="pair">{chart(self._charts[f"outcomes-{service}"])}'
                         f'{chart(self._charts[f"intervals-{service}"], "class")}</div>')
            parts.append(figures(f"Figures of {service}", self._outcome_table(sections)))
        return "".join(parts)

    @staticmethod
    def _outcome_table(sections: Mapping[str, Mapping]) -> str:
        shown = [o for o in OUTCOMES if o in FAILURES or any(section["outcomes"][o.value] for section in sections.values())]
        rows = []
        for name, section in sections.items():
            injected = section["injected"]
            cells = [f'{number(section["outcomes"][o.value])}<br><span class="soft">{interval(section["outcomes"][o.value], injected)}'
                     "</span>" for o in shown]
            rows.append((escape(name), number(injected), *cells))
        return table(("fault model", "faults", *(LABELS[o] for o in shown)), rows, "faults by fault model and class, with intervals")

    def _latency(self) -> str:
        with_any = [service for service in self._content.services if f"recovery-{service}" in self._charts
                    or f"detection-{service}" in self._charts]
        if not with_any:
            return ""
        causes = [cause for cause in charts.CAUSES if any(
            one.group == cause for found in (self._content.recoveries, self._content.detections)
            for distribution in found.values() for one in distribution.bins)]
        parts = ["<h2>How long it took</h2><p>Times are counts of instructions. <em>Recovery</em> is from the failure to the reply "
                 "of the call that was run again, as its client waits; <em>detection</em> from the first use of the faulty value to the failure.</p>",
                 legend(((cause, f"var(--cause-{cause})") for cause in causes), "Causes"),
                 legend(((name, f"var(--stage-{n})") for n, (_, name, _) in enumerate(STEP_FIELDS)), "Stages")]
        for service in with_any:
            names = [name for name in (f"recovery-{service}", f"stages-{service}", f"detection-{service}") if name in self._charts]
            parts.append(f'<h3>{escape(service)}</h3><div class="pair">{"".join(chart(self._charts[name]) for name in names)}</div>')
            if f"stages-{service}" in self._charts:
                parts.append(figures(f"Stages of recovery of {service}", self._latency_table(service)))
            parts.append(figures(f"Until a fault in {service} was noticed", self._detection_table(service)))
        return "".join(parts)

    def _detection_table(self, service: str) -> str:
        """What happened between activation and detection, and who saw it."""
        rows = []
        for name, section in self._content.summary["by_service_and_model"][service].items():
            latencies, calls, others = section["detection_ns"], section["calls_undetected"], section["others_affected"]
            if latencies["count"]:
                rows.append((escape(name), number(latencies["count"]), *(f"{latencies[key] / 1000:,.1f}" for key in QUANTILES),
                             *(number(calls[key]) for key in QUANTILES), number(others["max"])))
        head = ("fault model", "detected", *(f"{name}, µs" for name in QUANTILES.values()),
                *(f"calls in between, {name}" for name in QUANTILES.values()), "other clients that saw it, most")
        return table(head, rows, "detection")

    def _latency_table(self, service: str) -> str:
        names = [name for _, name, _ in STEP_FIELDS]
        rows = []
        for one in self._content.exemplars[service]:
            lengths = dict(one.stages)
            rows.append((one.label, f"{one.latency_ns / 1000:,.1f}", *(f"{lengths.get(name, 0) / 1000:,.1f}" for name in names),
                         str(one.experiment)))
        return table(("quantile", "whole, µs", *names, "experiment"), rows, "stages of recoveries")

    def _map(self) -> str:
        if "map" not in self._charts:
            return ""
        rows = "".join(self._function_row(n, struck) for n, struck in enumerate(self._content.functions))
        pruned = "" if all(part.pruning != "def/use" for part in self._content.parts) else (
            "A flipped register counts where it is next read or replaced: earlier flips of the same bit are the same fault.")
        return (f"""<h2>Where the code is vulnerable</h2><p>Faults strike where instructions execute, so a function's area is the
part of the execution that it makes up. Open a function to see its lines: how many faults struck each, and what came of them.
{pruned}</p>
{chart(self._charts["map"])}
<div class="controls"><label for="function-filter">Functions whose name, file or service contains</label>
<input id="function-filter" type="search" autocomplete="off" spellcheck="false"></div>
<div class="head function"><button data-sort="name" aria-pressed="false">function</button>
<button class="number" data-sort="faults" aria-pressed="false">faults</button><span>outcomes</span>
<button class="number" data-sort="failures" aria-pressed="true">failures</button>
<button class="number" data-sort="share" aria-pressed="false">share, 95 %</button></div>
<div class="list" id="functions">{rows}</div>
<p><button id="function-more" type="button" hidden>Show all {len(self._content.functions)} functions</button></p>""")

    @staticmethod
    def _function_row(index: int, struck: Struck) -> str:
        failed = failures(struck.counts)
        parts = "".join(f'<i style="--colour:{charts.outcome_colour(o.value)};--share:{100 * struck.counts[o.value] / struck.draws:.2f}%">'
                        "</i>" for o in OUTCOMES if struck.counts[o.value])
        words = ", ".join(f"{LABELS[o]} {struck.counts[o.value]}" for o in OUTCOMES if struck.counts[o.value])
        where = f"{struck.service} · {struck.file}:{struck.first}" if struck.file else struck.service
        return (f'<details class="function" id="function-{index}" data-number="{index}"><summary>'
                f'<span class="name"><b>{escape(struck.name)}</b><span>{escape(where)}</span></span>'
                f'<span class="number">{number(struck.draws)}</span>'
                f'<span class="bar" role="img" aria-label="{escape(words)}" title="{escape(words)}">{parts}</span>'
                f'<span class="number{" failed" if failed else ""}">{number(failed)}</span>'
                f'<span class="number soft share">{interval(failed, struck.draws)}</span></summary><div class="body"></div></details>')

    def _failures(self) -> str:
        if not self._content.failures:
            return "<h2>Failures</h2><p>There were none, and no latent damage either.</p>"
        present = {one.row["outcome"] for one in self._content.failures}
        options = "".join(f'<option value="{o.value}">{escape(LABELS[o])}</option>' for o in LISTED if o.value in present)
        return f"""<h2>Every failure</h2><p>Experiments in which a user could see something, and those that left latent damage. Each
can be run again, identically: open one for its command and what the machine wrote.</p>
<div class="controls"><label for="failure-outcome">Class</label><select id="failure-outcome"><option value="">all</option>{options}</select>
<label for="failure-filter">containing</label><input id="failure-filter" type="search" autocomplete="off" spellcheck="false">
<span class="soft" id="failure-state" role="status"></span></div>
<div class="head failure"><span>number</span><span>class</span><span>function</span><span>fault</span></div>
<div class="list failure" id="failures-list"></div>
<p><button id="failure-more" type="button" hidden>Show more</button></p>"""

    def _comparison(self) -> str:
        if self._other is None:
            return ""
        grave, others = compare.cautions(self._content.facts, self._other.facts)
        notes = "".join(f'<p class="note grave">Another {escape(text)}. Absolute counts of different workloads have no common '
                        "measure.</p>" for text in grave)
        if others:
            notes += f'<p class="note">What differs: {escape("; ".join(others))}.</p>'
        keys = {line.outcome for line in self._lines}
        choices = {key: words for key, words in charts.CHOICES.items() if key in keys}
        parts = ["<h2>Two campaigns compared</h2><p>Compared are absolute numbers: how many faults of the whole fault space come to a "
                 "class, extrapolated from the draws. Shares would reward a program for running longer (Schirmeier, Borchert, "
                 "Spinczyk, DSN 2015).</p>", notes,
                 f'<dl class="facts"><dt>first</dt><dd><code>{escape(shown(self._content.database))}</code></dd>'
                 f"<dt>second</dt><dd><code>{escape(shown(self._other.database))}</code></dd></dl>"]
        if not self._lines:
            return "".join([*parts, "<p>They have no service and fault model in common.</p>"])
        rows = []
        for line in self._lines:
            value, low, high = line.difference
            rows.append((escape(line.model), escape(line.service or charts.ALL_SERVICES), escape(charts.CHOICES[line.outcome]),
                         self._count(line.first), self._count(line.second), f"{brief(value, '+')}",
                         f"{brief(low, '+')} to {brief(high, '+')}",
                         f'<span class="verdict-{line.verdict.split()[0]}">{line.verdict}</span>'))
        places = "".join(chart(one, "comparison") for name, one in self._charts.items() if name.startswith("comparison-"))
        head = ("fault model", "service", "class", "first", "second", "difference", "95 %", "second has")
        return "".join([*parts, chooser("comparison", choices), f'<div class="pair">{places}</div>',
                        figures("All figures", table(head, rows, "comparison", 3))])

    @staticmethod
    def _count(count: compare.Count) -> str:
        return f'{brief(count.faults)} <span class="soft">({count.seen} of {count.draws})</span>'

    def _method(self) -> str:
        content = self._content
        parts = [self._run(content, "How to run it again" if self._other is None else "The first campaign")]
        if self._other is not None:
            parts.append(self._run(self._other, "The second campaign"))
        classes = "".join(f'<dt><span class="swatch" {colour(o.value)}></span>{escape(LABELS[o])}</dt><dd>{escape(MEANING[o])}</dd>'
                          for o in OUTCOMES)
        models = "".join(f"<dt>{escape(name)}</dt><dd>{escape(MODELS[name].explanation) if name in MODELS else ''}</dd>"
                         for name in content.models)
        return f"""<h2>What was run</h2>{"".join(parts)}
<h3>Fault models</h3><dl class="facts">{models}</dl>
<h3>Classes</h3><dl class="facts">{classes}</dl>
<h3>What the figures mean</h3><p>Faults are drawn uniformly from the raw fault space: all instructions that a service executes in
the run without faults, times what the model can do at each. An experiment counts as often as it was drawn. Intervals are
Wilson's, at 95 %; they cover the sampling alone, for this workload on this machine. When no failure was seen in n draws, a rate
of up to about 3.8 / n remains possible.</p>"""

    @staticmethod
    def _run(content: Run, title: str) -> str:
        commands = "".join(f'<div data-command="{escape(command(part, content.facts))}"><code>{escape(command(part, content.facts))}'
                           "</code></div>" for part in content.parts)
        facts, golden = content.facts, content.facts["golden"]
        instructions = ", ".join(f"{name} {number(count)}" for name, count in golden["service_instructions"].items())
        entries = {"seed": ", ".join(str(part.seed) for part in content.parts), "workload": facts["workload"],
                   "QEMU": facts["qemu"], "memory": f"{facts['memory_mib']} MiB", "engine": facts["engine"],
                   "kernel's command line": facts["append"] or "nothing added", "run without faults":
                   f"{golden['ended_at_ns'] / 1e6:,.1f} ms; instructions: {instructions}",
                   "kernel image, SHA-256": facts["system_sha256"], "disk, SHA-256": facts["disk_sha256"],
                   "workload, SHA-256": facts["workload_sha256"], "all rows, SHA-256": content.summary["rows_sha256"]}
        listing = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in entries.items())
        return f'<h3>{escape(title)}</h3>{commands}<dl class="facts">{listing}</dl>'


def _function(struck: Struck) -> dict[str, object]:
    """For script.js: lines are [file, line, counts, text]; the file is empty for the function's own."""
    last = struck.first + len(struck.text)
    lines: list[list[object]] = []
    for (file, line), counts in sorted(struck.lines.items()):
        own = file == struck.file and struck.first <= line < last
        lines.append(["", line, _counts(counts)] if own else [file, line, _counts(counts), struck.moved.get((file, line), "")])
    return {"service": struck.service, "name": struck.name, "file": struck.file, "first": struck.first,
            "counts": _counts(struck.counts), "lines": lines, "text": struck.text}


def _counts(counts: Mapping[str, int]) -> list[list[int]]:
    return [[index, counts[outcome.value]] for index, outcome in enumerate(OUTCOMES) if counts.get(outcome.value)]
