# SPDX-License-Identifier: MIT
"""`perdure bench`: the program `bench` on the machine, counted from outside.

The program times each row by the time-stamp counter, one tick an instruction, and sets marks around a pass of the same
operation; the plugin counts between the marks what instructions do not show. A recovery is counted from the kernel's
record of the failure to that of its end.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from bench.report import print_table
from faultinject.errors import MachineError
from faultinject.events import Events, Mark
from faultinject.golden import Workbench
from faultinject.machine import Qemu, run_to_end
from faultinject.system import System
from faultinject.workload import Workload, make_ext2

DISK_MIB = 32
MEMORY_MIB = 160
TIMEOUT_S = 300

#: Rows in the order in which they are shown, and the service whose recoveries a row counts.
ROWS = ("null_invoke", "call_0w", "call_4w", "call_ssr_256", "sched_switch", "signal_wait", "post_take",
        "revoke_64", "fault_kernel", "fault_pager", "fault_file", "map_4k", "unmap_4k", "recovery_rng", "recovery_fs", "fs_read_4k", "fs_write_4k",
        "fs_open_close", "fs_stat", "fs_create_unlink", "pipe_round_trip", "spawn_wait", "fork_wait")
RECOVERY_ROWS = {"recovery_rng": "rng", "recovery_fs": "fs"}
COUNTS = ("cr3_writes", "tlb_invalidations", "kernel_entries")
EMPTY = "empty"

_LINE = re.compile(r"^bench (\S+) instructions=(\d+) minimum=(\d+) maximum=(\d+) iterations=(\d+)"
                   r"(?: counted=(\d+) marks=(\d+),(\d+))?\s*$", re.MULTILINE)
_FAILED = re.compile(r"^bench (\S+) failed: (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """A row as the program prints it."""

    instructions: int
    minimum: int
    maximum: int
    iterations: int
    counted: int
    marks: tuple[int, int] | None


def parse(console: str) -> dict[str, Line]:
    """All rows of the program's output; a row that failed is an error."""
    failed = _FAILED.findall(console)
    if failed:
        raise MachineError("the bench program reports: " + "; ".join(f"{name}: {why}" for name, why in failed),
                           "run it by itself: ./perdure run, and mend what it shows")
    lines = {}
    for match in _LINE.finditer(console):
        name, *numbers = match.groups()
        values = [int(number) if number else 0 for number in numbers]
        lines[name] = Line(*values[:5], (values[5], values[6]) if numbers[5] else None)
    return lines


def between(marks: dict[int, Mark], line: Line) -> dict[str, int]:
    """Counts between a row's marks."""
    if line.marks is None:
        raise MachineError("a row has no marks", "rebuild: make")
    first, last = (marks[number] for number in line.marks)
    return {name: getattr(last, name) - getattr(first, name) for name in COUNTS}


def tidy(value: float) -> int | float:
    """A whole number as one; otherwise two decimals."""
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def rows(console: str, events: Events, numbers: dict[str, int]) -> dict[str, dict[str, int | float]]:
    """What bench.json holds. `numbers`: service name -> its number in recovery records."""
    lines = parse(console)
    marks = {mark.number: mark for mark in events.marks}
    missing = [name for name in (*ROWS, EMPTY) if name not in lines]
    if missing:
        raise MachineError(f"the bench program printed no row {', '.join(missing)}",
                           "run it by itself: ./perdure run build/programs/bench")
    nothing = between(marks, lines[EMPTY])
    found: dict[str, dict[str, int | float]] = {}
    for name in ROWS:
        line = lines[name]
        entry: dict[str, int | float] = {"instructions": line.instructions}
        if name in RECOVERY_ROWS:
            entry |= recovery_counts(events, numbers[RECOVERY_ROWS[name]])
        else:
            counts = between(marks, line)
            entry |= {count: tidy((counts[count] - nothing[count]) / line.counted) for count in COUNTS}
        entry |= {"minimum": line.minimum, "maximum": line.maximum, "iterations": line.iterations}
        found[name] = entry
    return found


def recovery_counts(events: Events, service: int) -> dict[str, int | float]:
    """Medians over the recoveries of a service whose parked call was answered."""
    pairs = [counts for recovery, counts in zip(events.recoveries, events.recovery_counts, strict=True)
             if recovery.service == service and recovery.latency_ns is not None]
    if not pairs:
        raise MachineError(f"no recovery of service {service} was counted", "rebuild: make")
    return {name: tidy(median(getattr(counts, name) for counts in pairs)) for name in COUNTS}


def measure(system: System, qemu: Qemu) -> dict[str, dict[str, int | float]]:
    """Runs the program."""
    with tempfile.TemporaryDirectory(prefix="perdure-bench-") as name:
        directory = Path(name)
        disk, events, payload = directory / "disk.img", directory / "events", directory / "payload"
        make_ext2(disk, DISK_MIB, options=("-b", "4096"))
        workload = Workload("bench", "bench bench\n", {}, disk)
        workload.write_payload(payload)
        workbench = Workbench(system, qemu, workload, payload, directory, MEMORY_MIB)
        run_to_end(workbench.machine("bench", ["mode=count", f"events={events}"]), TIMEOUT_S, "the bench run")
        log, console, _ = (output.decode(errors="replace") for output in workbench.outputs("bench"))
        report = Events.read(events)
    if report.verdict is None or report.verdict[:2] != (0, 0):
        raise MachineError("the bench run did not end well\n" + "\n".join((console + log).strip().splitlines()[-8:]),
                           "run it by itself: ./perdure run build/programs/bench")
    return rows(console, report, system.numbers())


def run(path: Path, console: Console) -> None:
    """Measures, writes bench.json and prints the table."""
    found = measure(System.perdure(), Qemu.find())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")
    print_table(console, found)
    console.print(f"{path}", highlight=False)
