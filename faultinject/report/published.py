# SPDX-License-Identifier: MIT
"""A campaign as pages for a repository or a web site: README.md with tables, figures as SVG, every failure as CSV.

Rule: a function of the database alone, so that whoever repeats the campaign gets the same files, byte for byte. Every share
has its interval, and every failure the number under which it can be run again.
"""

from __future__ import annotations

import csv
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from faultinject.classify import Outcome
from faultinject.report import charts, figures, latency
from faultinject.report.content import LISTED, Content, command
from faultinject.statistics import wilson
from faultinject.store import Store
from faultinject.table import LABELS

PAGE, FAILURES_CSV = "README.md", "failures.csv"
COLUMNS = ("number", "service", "model", "description", "function", "outcome", "reason", "weight")
#: Functions that are listed by name.
FUNCTIONS_MOST = 25
#: A line of text, without its newline.
TEXT_WIDTH = 118

Section = Mapping[str, Any]


def write(content: Content, directory: Path) -> Iterator[Path]:
    """Writes everything into `directory`, replacing files of the same names; yields each path."""
    yield from figures.draw(list(_charts(content)), directory)
    with figures.writing(directory), Store.open(content.database) as store:
        with (directory / FAILURES_CSV).open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for row in store.experiments([outcome.value for outcome in LISTED]):
                writer.writerow([row[column] for column in COLUMNS])
        yield directory / FAILURES_CSV
        (directory / PAGE).write_text(_page(content))
        yield directory / PAGE


def _charts(content: Content) -> Iterator[charts.Chart]:
    yield from charts.overview(content, legend=True)
    found = _recoveries(content)
    if found:
        yield charts.Chart("recovery", "Recovery latency", "", charts.spans(found, "recovery latency"))


def _recoveries(content: Content) -> dict[str, latency.Distribution]:
    return {name: one for name, one in content.recoveries.items() if one.count}


def _page(content: Content) -> str:
    summary = content.summary
    services, models = content.services, [name for name, one in summary["by_model"].items() if one["injected"]]
    caught = summary["caught_recovered"]
    parts = [
        f"# {summary['injected']:,} faults in {_listed(services)}",
        _lines(f"Written by `./perdure report DB --summary DIR`. {summary['injected']:,} faults of {len(models)} models were drawn "
               f"and put, one at a time, into {_listed(services)}, while {content.facts['workload']} used the system. Of "
               f"{caught['of']:,} faults that ended an incarnation, {caught['count']:,} were recovered so that nobody noticed. "
               f"{content.failed:,} faults had a consequence that a user could see."),
        _code(command(part, content.facts) for part in content.parts),
        "## Outcomes", _headline(summary),
        "The same as shares of what papers divide by:", _denominators(summary, content.failed),
        "## By service", "![Outcomes by service](by-service.svg)", _outcomes(summary["by_service"], "service"),
        "## By fault model", "![Outcomes by fault model](by-model.svg)", _outcomes(summary["by_model"], "fault model")]
    if len(summary["by_permanence"]) > 1:
        parts += ["## By how long a fault lasts", _outcomes(summary["by_permanence"], "the fault is")]
    if _recoveries(content):
        parts += ["## How long recovery took", "![Recovery latency by service](recovery.svg)", _recovery_table(content)]
    parts += ["## What was not transparent", _failures(content), "## What was run", _facts(content)]
    return "\n\n".join(parts) + "\n"


def _headline(summary: Section) -> str:
    return _table(("", "faults", "of", "share", "Wilson 95 %"), [
        _share(LABELS[outcome], summary["outcomes"][outcome.value], summary["injected"]) for outcome in Outcome])


def _denominators(summary: Section, failed: int) -> str:
    """Success as it may be counted: papers differ in what they divide by."""
    damaged = failed + summary["outcomes"][Outcome.LATENT.value]
    recovered = summary["outcomes"][Outcome.RECOVERED.value]
    return _table(("", "faults", "of", "share", "Wilson 95 %"), [
        _share("of the injected, without failure or damage", summary["injected"] - damaged, summary["injected"]),
        _share("of the activated, without failure or damage", summary["activated"] - damaged, summary["activated"]),
        _share("of the manifested, recovered transparently", recovered, summary["manifested"]),
        _share("of the caught, recovered transparently", summary["caught_recovered"]["count"], summary["caught"])])


def _share(name: str, count: int, of: int) -> tuple[str, ...]:
    low, high = wilson(count, of)
    share = f"{100 * count / of:.2f} %" if of else "–"
    return name, f"{count:,}", f"{of:,}", share, f"{100 * low:.2f}–{100 * high:.2f} %"


def _outcomes(sections: Mapping[str, Section], name: str) -> str:
    """A column for each class that occurs."""
    present = [outcome for outcome in Outcome if any(section["outcomes"][outcome.value] for section in sections.values())]
    rows = [(key, f"{section['injected']:,}", *(f"{section['outcomes'][outcome.value]:,}" for outcome in present),
             f"{section['caught_recovered']['count']:,} of {section['caught']:,}")
            for key, section in sections.items() if section["injected"]]
    return _table((name, "faults", *(LABELS[outcome] for outcome in present), "recovered of caught"), rows)


def _recovery_table(content: Content) -> str:
    rows = [(name, f"{one.count:,}", *(f"{at / 1000:,.1f}" for at in one.quantiles_ns.values()))
            for name, one in _recoveries(content).items()]
    return _table(("service", "recoveries", *(f"{label}, µs" for _, label in latency.SHARES)), rows) + "\n\n" + _lines(
        "From the failure to the reply of the call that was run again. 1 µs is 1,000 instructions of the emulated processor.")


def _failures(content: Content) -> str:
    if not content.failures:
        return "Nothing."
    found: Counter[tuple[str, str, str]] = Counter()
    silent: Counter[tuple[str, str, str]] = Counter()
    latent: Counter[tuple[str, str, str]] = Counter()
    for failure in content.failures:
        row = failure.row
        key = row["service"], row["function"] or "?", row["model"]
        of = latent if row["outcome"] == Outcome.LATENT else found
        of[key] += row["weight"]
        silent[key] += row["weight"] * (row["outcome"] == Outcome.SILENT)
    by_function: Counter[tuple[str, str]] = Counter()
    for (service, function, _), count in found.items():
        by_function[service, function] += count
    rows = []
    for (service, function), count in sorted(by_function.items(), key=lambda one: (-one[1], one[0]))[:FUNCTIONS_MOST]:
        models = {model: n for (s, f, model), n in found.items() if (s, f) == (service, function)}
        rows.append((service, f"`{function}`", str(count), str(sum(silent[service, function, model] for model in models)),
                     ", ".join(f"{model} {n}" for model, n in sorted(models.items(), key=lambda one: (-one[1], one[0])))))
    some = f" (the first {len(rows)} of {len(by_function)})" if len(rows) < len(by_function) else ""
    text = _lines(f"{sum(found.values()):,} faults that a user could see and {sum(latent.values()):,} that left latent damage are in "
                  f"[{FAILURES_CSV}]({FAILURES_CSV}), each with the number by which `./perdure replay` runs it again. By the function "
                  f"that was struck{some}:")
    return text + ("\n\n" + _table(("service", "function", "failures", "of them silent", "fault models"), rows, (0, 1, 4)) if rows else "")


def _facts(content: Content) -> str:
    facts, golden = content.facts, content.facts["golden"]
    rows = [("QEMU", facts["qemu"]), ("memory", f"{facts['memory_mib']} MiB"), ("workload", facts["workload"]),
            ("kernel's command line", f"`{facts['append']}`" if facts["append"] else "nothing added"),
            ("run without faults", f"{golden['ended_at_ns'] / 1e6:,.1f} ms of guest time")]
    rows += [(f"instructions of {name}", f"{count:,}") for name, count in golden["service_instructions"].items()]
    rows += [(name, f"`{value}`") for name, value in (
        ("kernel image, SHA-256", facts["system_sha256"]), ("disk, SHA-256", facts["disk_sha256"]),
        ("workload, SHA-256", facts["workload_sha256"]), ("all rows, SHA-256", content.summary["rows_sha256"]))]
    return _table(("", ""), rows, (0, 1))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _code(lines: Iterable[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], texts: Sequence[int] = (0,)) -> str:
    """A table of Markdown: the columns `texts` are texts, all else figures. A bar in a cell is escaped."""
    lines = [head, ["---" if column in texts else "---:" for column in range(len(head))], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _lines(text: str) -> str:
    """Wrapped as pages here are."""
    return "\n".join(textwrap.wrap(text, TEXT_WIDTH, break_long_words=False, break_on_hyphens=False))
