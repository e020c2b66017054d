# SPDX-License-Identifier: MIT
"""Running one experiment of a campaign again, in a fresh QEMU and without forking."""

from __future__ import annotations

import bisect
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from faultinject import engine, schema, sequence
from faultinject.errors import UsageError
from faultinject.finding import Finding, judge_experiment, make_judge
from faultinject.golden import Golden, Workbench, run_golden
from faultinject.kept import SYSTEM, open_kept
from faultinject.machine import Qemu
from faultinject.oracle import DiskOracle
from faultinject.plan import Fault
from faultinject.store import Store, fault_of
from faultinject.story import Story, as_text, tell
from faultinject.symbols import Symbolizer

#: Columns that a replay must reproduce.
COMPARED = ("outcome", "reason", "activated", "manifested", "caught", "activation", "activation_rip",
            "watched_instructions", "rip", "stage", "served", "serving_binding", "address", "before_value",
            "after_value", "end", "code", "detail", "ended_at_ns", "recoveries", "disk_hash", "log_tail",
            "console_tail", "error_tail", "activated_at_ns", "detected_at_ns", "detection_latency_ns", "calls_undetected",
            "affected_others", "affected", "second_at_ns", "second_rip", "second_points")
#: Those that only a run can say: empty where the campaign knew the result without one.
RUN_ONLY = ("before_value", "after_value", "log_tail", "console_tail", "error_tail", "calls_undetected")


@dataclass
class Replay:
    """What came out, and where it differs from the database."""

    finding: Finding
    differing: dict[str, tuple[object, object]]
    log: str
    console: str
    error: str
    story: Story


@dataclass(frozen=True)
class Recorded:
    """An experiment as its campaign wrote it down."""

    fault: Fault
    row: sqlite3.Row
    recoveries: list[sqlite3.Row]
    facts: dict[str, Any]


def read(database: Path, which: str) -> Recorded:
    """Experiment `which`: an id, the first digits of one, or a number."""
    store = Store.open(database)
    try:
        row = store.find(which)
        recoveries = store.recoveries(row["number"])
        return Recorded(fault_of(row), row, recoveries, store.facts())
    finally:
        store.close()


def open_workbench(database: Path, recorded: Recorded, qemu: Qemu, directory: Path,
                   plugin: Path | None = None) -> Workbench:
    """The campaign's own kernel and payload, kept beside its database; clients are those of the experiment's service."""
    clients = {int(number): name for number, name in recorded.facts["clients"][recorded.fault.service].items()}
    return open_kept(database.parent / SYSTEM, recorded.facts, clients, qemu, directory, plugin)


def replay(database: Path, which: str, qemu: Qemu, oracle: DiskOracle | None = None,
           plugin: Path | None = None) -> Replay:
    """Runs experiment `which` (an id or a number) again and compares it with its row."""
    recorded = read(database, which)
    fault = recorded.fault
    with tempfile.TemporaryDirectory(prefix="perdure-replay-") as name:
        workbench = open_workbench(database, recorded, qemu, Path(name), plugin)
        golden = run_golden(workbench, fault.service)
        judge = make_judge(workbench, golden, oracle)
        experiment = engine.run_alone(workbench, golden, fault)
        finding = judge_experiment(fault, experiment, golden, judge)
        log, console, error = (golden.whole_output(i, experiment) for i in range(3))
        told = tell(finding, _operation(golden, fault.time_ns), Symbolizer.of(workbench.system), log, golden.clients)
    return Replay(finding, _differences(finding, recorded), log, console, error, told)


def write_trace(result: Replay, picture: Path) -> None:
    """Prints the story and draws it to a file."""
    try:
        picture.write_text(sequence.draw(result.story))
    except OSError as error:
        raise UsageError(f"{picture} cannot be written ({error.strerror})", "name another place: --picture FILE") from error
    click.echo("\n".join([*as_text(result.story), "", f"picture: {picture}", ""]))


def _operation(golden: Golden, time_ns: int) -> int | None:
    """The operation that the service was executing then."""
    position = bisect.bisect_right(golden.timeline, time_ns, key=lambda stretch: stretch.start_ns) - 1
    if position < 0 or time_ns > golden.timeline[position].end_ns:
        return None
    return golden.timeline[position].operation


def _differences(finding: Finding, recorded: Recorded) -> dict[str, tuple[object, object]]:
    """By the rows that the finding makes."""
    made = schema.record(finding)
    again = dict(zip((column.name for column in schema.RESULT), made.result, strict=True))
    differing = {column: (recorded.row[column], again[column]) for column in COMPARED
                 if recorded.row[column] != again[column] and (recorded.row["run"] or column not in RUN_ONLY)}
    if list(made.recoveries) != [tuple(recovery) for recovery in recorded.recoveries]:
        differing["recovery records"] = (len(recorded.recoveries), len(made.recoveries))
    return differing
