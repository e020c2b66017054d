# SPDX-License-Identifier: MIT
"""Running one experiment of a campaign again, in a fresh QEMU and without forking."""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path

from faultinject import engine
from faultinject.campaign import Finding, judge_experiment, make_judge
from faultinject.errors import SetupError
from faultinject.golden import Workbench, run_golden
from faultinject.machine import Qemu
from faultinject.models import Change
from faultinject.oracle import DiskOracle
from faultinject.plan import Fault
from faultinject.store import Store
from faultinject.system import Service, System
from faultinject.workload import Workload

#: Columns that a replay must reproduce.
COMPARED = ("outcome", "reason", "activated", "manifested", "caught", "activation", "activation_rip",
            "watched_instructions", "rip", "stage", "served", "serving_binding", "address", "before_value",
            "after_value", "end", "code", "detail", "ended_at_ns", "recoveries", "disk_hash", "log_tail",
            "console_tail", "error_tail")


@dataclass
class Replay:
    """What came out, and where it differs from the database."""

    finding: Finding
    differing: dict[str, tuple[object, object]]
    log: str
    console: str
    error: str


@dataclass(frozen=True)
class Recorded:
    """An experiment as its campaign wrote it down."""

    fault: Fault
    row: sqlite3.Row
    recoveries: list[sqlite3.Row]
    facts: dict[str, object]


def read(database: Path, which: str) -> Recorded:
    """Experiment `which`: an id, the first digits of one, or a number."""
    store = Store.open(database)
    try:
        row = store.find(which)
        recoveries = store.rows("SELECT * FROM recovery WHERE experiment = ? ORDER BY position", (row["number"],))
        fault = Fault(row["number"], row["id"], row["model"], row["service"], row["instruction"], row["time_ns"],
                      Change(row["change"], int(row["operand_a"], 16), row["operand_b"]))
        return Recorded(fault, row, recoveries, store.facts())
    finally:
        store.close()


def open_workbench(database: Path, facts: dict[str, object], qemu: Qemu, directory: Path,
                   plugin: Path | None = None) -> Workbench:
    """The campaign's own kernel and payload, kept beside its database."""
    kept = database.parent / "system"
    if not (kept / "kernel.elf").is_file() or not (kept / "payload").is_file():
        raise SetupError(f"{kept} does not hold the campaign's kernel and payload",
                         "keep the directory of a campaign together, or run it again")
    if facts["qemu"] != qemu.version:
        raise SetupError(f"the campaign was run by QEMU {facts['qemu']}, this is {qemu.version}",
                         "set PERDURE_QEMU to that version: instruction counts differ between versions")
    services = tuple(Service(name, low, high) for name, low, high in facts["services"])
    system = System.load(kept / "kernel.elf", services)
    if system.sha256() != facts["system_sha256"]:
        raise SetupError(f"{kept}/kernel.elf is not the campaign's kernel", "run the campaign again")
    clients = {int(number): name for number, name in facts["clients"].items()}
    workload = Workload(str(facts["workload"]), "", clients=clients)
    return Workbench(system, qemu, workload, kept / "payload", directory, int(facts["memory_mib"]),
                     str(facts["append"]), plugin)


def replay(database: Path, which: str, qemu: Qemu, oracle: DiskOracle | None = None,
           plugin: Path | None = None) -> Replay:
    """Runs experiment `which` (an id or a number) again and compares it with its row."""
    recorded = read(database, which)
    fault = recorded.fault
    with tempfile.TemporaryDirectory(prefix="perdure-replay-") as name:
        workbench = open_workbench(database, recorded.facts, qemu, Path(name), plugin)
        golden = run_golden(workbench, fault.service)
        judge = make_judge(workbench, golden, oracle)
        experiment = engine.run_alone(workbench, golden, fault)
        finding = judge_experiment(fault, experiment, golden, judge)
        log, console, error = (golden.whole_output(i, experiment) for i in range(3))
    return Replay(finding, _differences(finding, recorded), log, console, error)


def _differences(finding: Finding, recorded: Recorded) -> dict[str, tuple[object, object]]:
    """Made by writing the finding to a database in memory and reading its row back."""
    memory = Store.create_in_memory()
    try:
        memory.add(finding.fault, "", finding.experiment, finding.judgement, "", finding.served)
        again = memory.rows("SELECT * FROM experiment")[0]
        recoveries = memory.rows("SELECT * FROM recovery ORDER BY position")
    finally:
        memory.close()
    differing = {column: (recorded.row[column], again[column]) for column in COMPARED
                 if recorded.row[column] != again[column]}
    if [tuple(recovery) for recovery in recoveries] != [tuple(recovery) for recovery in recorded.recoveries]:
        differing["recovery records"] = (len(recorded.recoveries), len(recoveries))
    return differing
