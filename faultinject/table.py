# SPDX-License-Identifier: MIT
"""Showing a campaign: progress while it runs, its table when it has ended. Plain text where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from faultinject.campaign import Progress, Report
from faultinject.classify import Outcome
from faultinject.every import exhaustive_flags
from faultinject.models import GROUPS, MODELS
from faultinject.records import Cause
from faultinject.replay import Replay
from faultinject.store import Store
from faultinject.times import PARTS

PLAIN_INTERVAL_S = 5.0
BAD_SHOWN = 20

LABELS = {
    Outcome.NOT_ACTIVATED: "not activated",
    Outcome.OVERWRITTEN: "overwritten",
    Outcome.LATENT: "latent",
    Outcome.RECOVERED: "recovered transparently",
    Outcome.OWN_CLIENT: "error to its own client",
    Outcome.OTHER_CLIENT: "other client affected",
    Outcome.SILENT: "silent data corruption",
    Outcome.SERVICE_LOST: "service lost",
    Outcome.SYSTEM_HANG: "system hang",
    Outcome.KERNEL_FAILURE: "kernel failure",
}
_GOOD = {Outcome.RECOVERED}
_BAD = {Outcome.OWN_CLIENT, Outcome.OTHER_CLIENT, Outcome.SILENT, Outcome.SERVICE_LOST, Outcome.SYSTEM_HANG,
        Outcome.KERNEL_FAILURE}


def _style(outcome: Outcome, count: int) -> str:
    if not count:
        return "dim"
    return "green" if outcome in _GOOD else "red" if outcome in _BAD else ""


#: Where there is no terminal, tables are not squeezed.
PLAIN_WIDTH = 120


def make_console() -> Console:
    """The one that commands print on."""
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


class CampaignDisplay:
    """Rate, time left and running counts; a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._last_plain = 0.0

    def __enter__(self) -> CampaignDisplay:
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=8, transient=True)
            self._live.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        if self._live:
            self._live.__exit__(None, None, None)

    def __call__(self, progress: Progress) -> None:
        """Shows where the campaign is."""
        if self._live:
            self._live.update(Group(self._headline(progress), self._counts(progress)))
            return
        now = time.monotonic()
        if progress.done == progress.total or now - self._last_plain > PLAIN_INTERVAL_S:
            self._last_plain = now
            self._console.print(f"{progress.done} of {progress.total} experiments, {progress.rate:.0f}/s, "
                                f"{_time_left(progress)}{_workers(progress)}: {self._counts(progress)}".rstrip(": "), highlight=False)

    @staticmethod
    def _headline(progress: Progress) -> Table:
        line = Table.grid(padding=(0, 1))
        line.add_row(ProgressBar(progress.total, progress.done, width=40),
                     Text(f"{progress.done}/{progress.total}"), Text(f"{progress.rate:.0f}/s", style="cyan"),
                     Text(_time_left(progress) + _workers(progress)))
        return line

    @staticmethod
    def _counts(progress: Progress) -> Text:
        text = Text()
        for outcome in Outcome:
            count = progress.outcomes[outcome]
            if count:
                text.append(f"{LABELS[outcome]} {count}  ", style=_style(outcome, count))
        return text


def _time_left(progress: Progress) -> str:
    if progress.left_s is None:
        return "time left unknown"
    minutes, seconds = divmod(round(progress.left_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min left" if hours else f"{minutes} min {seconds:02} s left" if minutes else \
        f"{seconds} s left"


def _workers(progress: Progress) -> str:
    return "" if progress.workers is None else f", {progress.workers} workers" if progress.workers else \
        ", waiting for workers"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _microseconds(ns: int) -> str:
    return f"{ns / 1000:,.1f}"


def print_times(console: Console, report: Report) -> None:
    """What processor time a campaign was spent on (times.py): by part, its share, and for each experiment that was run."""
    found = report.account.table()
    whole = sum(ns for _, ns in found)
    table = Table(show_header=True, header_style="bold", box=None, pad_edge=False)
    table.add_column("processor time", no_wrap=True)
    for heading in ("s", "share", "ms each"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", style="dim")
    for part, ns in [*found, ("all", whole)]:
        table.add_row(part, f"{ns / 1e9:,.2f}", _percent(ns / whole), f"{ns / 1e6 / max(report.run, 1):,.2f}",
                      PARTS.get(part, f"of {report.run:,} experiments that were run"))
    console.print()
    console.print(table)


def outcome_table(summary: Mapping[str, Any], by: str) -> Table:
    """Counts by class and `by` ("model", "service" or "permanence"), with the intervals of the whole."""
    groups: Mapping[str, Mapping] = summary[f"by_{by}"]
    several = len(groups) > 1
    table = Table(show_header=True, header_style="bold", box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in groups if several else ():
        table.add_column(name.replace("-", "\n"), justify="right", vertical="bottom")
    table.add_column("all", justify="right", vertical="bottom", no_wrap=True)
    table.add_column("share", justify="right", vertical="bottom", no_wrap=True)
    table.add_column("Wilson 95 %", justify="right", vertical="bottom", no_wrap=True)
    for key in ("injected", "activated", "manifested", "caught"):
        table.add_row(key, *(f"{groups[name][key]}" for name in groups if several), f"{summary[key]}", "", "",
                      style="bold")
    table.add_section()
    for outcome in Outcome:
        entry = summary["intervals"][outcome.value]
        low, high = entry["wilson_95"]
        table.add_row(LABELS[outcome], *(f"{groups[name]['outcomes'][outcome.value]}" for name in groups if several),
                      f"{entry['count']}", _percent(entry["share"]), f"{100 * low:.1f} – {100 * high:.1f}",
                      style=_style(outcome, entry["count"]))
    return table


def _print_bad(console: Console, database: Path) -> None:
    """The experiments that were not transparent, one by one, so that each can be replayed."""
    with Store.open(database) as store:
        bad = [outcome.value for outcome in Outcome if outcome in _BAD | {Outcome.LATENT}]
        total = sum(row["experiments"] for row in store.tally() if row["outcome"] in bad)
        if not total:
            return
        console.print("\nNot transparent (`perdure replay` shows one):", highlight=False)
        for row in store.experiments(bad, limit=BAD_SHOWN):
            console.print(f"  {row['number']:>5}  {LABELS[Outcome(row['outcome'])]}: {row['service']}, {row['model']}, "
                          f"{row['description']}, in {row['function'] or row['rip']}; {row['reason']}",
                          highlight=False, soft_wrap=True)
        if total > BAD_SHOWN:
            console.print(f"  and {total - BAD_SHOWN} more in the database", highlight=False)


def print_summary(console: Console, summary: Mapping[str, Any], database: Path) -> None:
    """What summary.json says, and what was not transparent."""
    campaign = summary["campaign"]
    instructions = campaign["golden"]["service_instructions"]
    spaces = ", ".join(f"[bold]{service}[/bold] ({count:,} instructions)" for service, count in instructions.items())
    seeds = ", ".join(str(part["seed"]) for part in campaign["parts"])
    every = "".join(f", {part['pruning']}" for part in campaign["parts"] if exhaustive_flags(part["pruning"]))
    console.print(f"\nFaults in {spaces}; workload {campaign['workload']}{every}, seed {seeds}, QEMU {campaign['qemu']}\n",
                  highlight=False)
    console.print(outcome_table(summary, "model"))
    if len(summary["by_service"]) > 1:
        console.print()
        console.print(outcome_table(summary, "service"))
    if len(summary["by_permanence"]) > 1:
        console.print("\nBy how long a fault lasts (docs/fault-models.md):", highlight=False)
        console.print(outcome_table(summary, "permanence"))
    caught = summary["caught_recovered"]
    low, high = caught["wilson_95"]
    console.print(f"\nOf {caught['of']} faults that were caught, {caught['count']} were recovered transparently: "
                  f"{_percent(caught['share'])} ({_percent(low)} – {_percent(high)})", highlight=False)
    recovery = summary["recovery_ns"]
    if recovery["count"]:
        console.print(f"Recovery, fault to reply of the call run again, in µs at 1 instruction/ns ({recovery['count']} "
                      f"recoveries): min {_microseconds(recovery['min'])}, median {_microseconds(recovery['p50'])}, "
                      f"99 % {_microseconds(recovery['p99'])}, max {_microseconds(recovery['max'])}", highlight=False)
    _print_bad(console, database)


def print_report(console: Console, report: Report) -> None:
    """The result of a campaign that has just ended."""
    print_summary(console, report.summary, report.database)
    summary = report.summary
    done_before = summary["experiments"] - report.run
    console.print(f"{summary['injected']} faults drawn: {report.run} experiments in {report.seconds:.1f} s "
                  f"({report.run / max(report.seconds, 1e-9):.0f}/s)" +
                  (f", {done_before} were done before" if done_before else "") +
                  f", {summary['known_without_run']} known by the golden run's trace\n{report.database}, summary.json",
                  highlight=False)


def print_models(console: Console) -> None:
    """Names, what they do, and groups."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for model in MODELS.values():
        table.add_row(model.name, model.explanation)
    console.print(table)
    console.print("\nGroups:")
    for group, names in GROUPS.items():
        console.print(f"  [bold]{group}[/bold]: {len(names)} models, {names[0]} to {names[-1]}", highlight=False)


def print_replay(console: Console, replay: Replay, output: bool) -> None:
    """What one experiment was, what the machine wrote, and whether it was the same again."""
    finding = replay.finding
    fault, experiment, judgement = finding.fault, finding.experiment, finding.judgement
    described = MODELS[fault.model].describe(fault.change)
    console.print(f"experiment {fault.index}  {fault.id}  {fault.model}: {described}", highlight=False)
    console.print(f"  {fault.service}, instruction {fault.instruction:,}, at {experiment.injected_at_ns:,} ns, rip "
                  f"{experiment.rip:#x}, serving {', '.join(finding.served) or 'nobody'}", highlight=False)
    if experiment.second_at_ns:
        console.print(f"  second fault at {experiment.second_at_ns:,} ns, rip {experiment.second_rip:#x}, one of "
                      f"{experiment.second_points:,} places; what follows is about it", highlight=False)
    console.print(f"  {experiment.before:#x} -> {experiment.after:#x}, {experiment.activation.name.lower()} at "
                  f"{experiment.activation_rip:#x} after {experiment.watched_instructions} instructions",
                  highlight=False)
    console.print(f"  [bold]{judgement.outcome.value}[/bold]: {judgement.reason}; ended by "
                  f"{experiment.end.name.lower()} at {experiment.ended_at_ns:,} ns", highlight=False)
    for recovery in experiment.recoveries:
        console.print(f"  recovery of service {recovery.service}: {Cause(recovery.cause).name.lower()} at rip "
                      f"{recovery.fault_rip:#x} address {recovery.fault_address:#x}, "
                      f"{'superseded' if recovery.superseded else f'{recovery.latency_ns} ns'}", highlight=False)
    if output:
        for name, text in (("log", replay.log), ("stdout", replay.console), ("stderr", replay.error)):
            if text.strip():
                console.print(f"[dim]--- {name}[/dim]", highlight=False)
                console.print(Text(text.rstrip()))
    for column, (recorded, again) in replay.differing.items():
        console.print(f"[red]differs[/red] {column}: recorded {recorded!r}, now {again!r}", highlight=False)
    if not replay.differing:
        console.print("[green]identical[/green] to the recorded result", highlight=False)
