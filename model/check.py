#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks protocol.pml exhaustively in every configuration, and that each mutant of it is caught.

Rule: a configuration passes only if Spin searched all of its states and found no violation; a mutant passes only if
Spin found the kind of violation that its missing rule leads to. Prints `ok NAME` or `not ok NAME` for each.

usage: model/check.py [NAME...]
"""

from __future__ import annotations

import concurrent.futures
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).resolve().parent / "protocol.pml"
BUILD = MODEL.parents[1] / "build" / "model"
DEPTH = 100_000
MEMORY_MIB = 3000
TIMEOUT_S = 240
ASSERTION, END_STATE, CYCLE = "assertion violated", "invalid end state", "non-progress cycle"


@dataclass
class Check:
    """One run of Spin: what is defined, whether cycles are looked for, and what must be found."""

    name: str
    defines: str
    cycles: bool = False
    violation: str | None = None


CHECKS = [
    Check("calls exactly once with two faults and one of the monitor", ""),
    Check("nested calls, two services failing", "NESTED"),
    Check("several requests of each client", "REQUESTS=2 FAULTS=1"),
    Check("requests cut into several transactions", "CUT FAULTS=1"),
    Check("deferred requests and events", "WAITERS=1 EVENTS=1"),
    Check("two waiters, two events", "WAITERS=2 EVENTS=2 FAULTS=1"),
    Check("poison of one client among three", "POISONED CLIENTS=3 FAULTS=0"),
    Check("poison and a random fault", "POISONED FAULTS=1"),
    Check("a client dies at any moment", "MORTAL FAULTS=1"),
    Check("a client dies while it waits", "MORTAL WAITERS=1 EVENTS=1 FAULTS=1"),
    Check("a service that cannot recover is given up", "BROKEN"),
    Check("a client gives up waiting and calls again", "IMPATIENT REQUESTS=2 FAULTS=1 MONITOR_FAULTS=0"),
    Check("a client gives up a deferred request", "IMPATIENT REQUESTS=2 WAITERS=1 EVENTS=2 FAULTS=1 MONITOR_FAULTS=0"),
    Check("a client gives up a request that is cut", "IMPATIENT CUT REQUESTS=2 FAULTS=1 MONITOR_FAULTS=0"),
    Check("a capability is moved with each client's request", "HANDOVER REQUESTS=2 FAULTS=1 MONITOR_FAULTS=0"),
    Check("a capability of a client that dies at any moment", "HANDOVER MORTAL FAULTS=1 MONITOR_FAULTS=0"),
    Check("everything ends: calls", "FAULTS=1", cycles=True),
    Check("everything ends: poison", "POISONED FAULTS=0", cycles=True),
    Check("everything ends: events", "WAITERS=1 EVENTS=1 FAULTS=1 MONITOR_FAULTS=0", cycles=True),
    Check("mutant: a rollback keeps the working copy", "MUTANT_NO_ROLLBACK", violation=ASSERTION),
    Check("mutant: a rollback keeps the working copy of a cut request", "MUTANT_NO_ROLLBACK CUT", violation=ASSERTION),
    Check("mutant: regions commit one after the other", "MUTANT_TWO_FLIPS", violation=ASSERTION),
    Check("mutant: an incarnation goes on after its rollback", "MUTANT_NO_RESTART", violation=ASSERTION),
    Check("mutant: an effect leaves before its commit", "MUTANT_EARLY_EFFECT", violation=ASSERTION),
    Check("mutant: a stale reply reaches the new incarnation", "MUTANT_STALE_REPLY NESTED", violation=ASSERTION),
    Check("mutant: events are cleared at delivery", "MUTANT_EVENT_LOST WAITERS=1 EVENTS=1", violation=ASSERTION),
    Check("mutant: deferred requests are answered before commit", "MUTANT_ANSWER_AT_ONCE WAITERS=1 EVENTS=1",
          violation=ASSERTION),
    Check("mutant: the reply to a request given up answers the next", "MUTANT_ABANDONED_REPLY IMPATIENT REQUESTS=2 FAULTS=0",
          violation=ASSERTION),
    Check("mutant: a request given up while it is served counts as not done",
          "MUTANT_FATE_NOT_DONE IMPATIENT REQUESTS=2 FAULTS=0", violation=ASSERTION),
    Check("mutant: what arrived is kept before the commit", "MUTANT_KEPT_AT_ONCE HANDOVER FAULTS=1", violation=ASSERTION),
    Check("mutant: what arrived outlives the rollback", "MUTANT_ARRIVAL_STAYS HANDOVER FAULTS=1", violation=ASSERTION),
    Check("mutant: a parked call is dropped", "MUTANT_PARKED_DROPPED", violation=ASSERTION),
    Check("mutant: the monitor acknowledges first", "MUTANT_ACKNOWLEDGE_FIRST", violation=ASSERTION),
    Check("mutant: restart is not checked against the stage", "MUTANT_STAGE_UNCHECKED", violation=ASSERTION),
    Check("mutant: nobody restarts the monitor", "MUTANT_NO_MONITOR_RESTART", violation=ASSERTION),
    Check("mutant: poison has no limit", "MUTANT_NO_POISON_LIMIT POISONED FAULTS=0", cycles=True, violation=CYCLE),
]


def run(command: list[str], directory: Path) -> str:
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    return result.stdout + result.stderr


def verdict(check: Check, output: str) -> str | None:
    """What is wrong with the result, or None."""
    first = re.search(r"^pan:1: (.*)", output, re.MULTILINE)
    found = next((kind for kind in (ASSERTION, END_STATE, CYCLE) if first and kind in first.group(1)), None)
    errors = re.search(r"errors: (\d+)", output)
    if errors is None:
        return "Spin did not finish:\n" + output[-800:]
    if check.violation is not None:
        return None if found == check.violation else f"found {found}, should have found {check.violation}"
    if int(errors.group(1)) or found:
        return f"{first.group(1) if first else output}"
    if "max search depth too small" in output or "Search not completed" in output:
        return "the search is not complete: raise DEPTH or MEMORY_MIB"
    return None


def perform(check: Check) -> tuple[str, str | None]:
    """Runs one check; returns how many states were searched and what is wrong, if anything."""
    directory = BUILD / re.sub(r"\W+", "-", check.name)
    directory.mkdir(parents=True, exist_ok=True)
    defines = [f"-D{define}" for define in check.defines.split()]
    generated = run(["spin", "-a", *defines, str(MODEL)], directory)
    if "rror" in generated:
        return "", generated
    flags = ["-DNP"] if check.cycles else ["-DSAFETY"]
    compiled = run(["gcc", "-O2", "-w", *flags, f"-DMEMLIM={MEMORY_MIB}", "-o", "pan", "pan.c"], directory)
    if compiled:
        return "", compiled
    output = run(["./pan", f"-m{DEPTH}", *(["-l"] if check.cycles else [])], directory)
    states = re.search(r"(\d+) states, stored", output)
    return states.group(1) if states else "0", verdict(check, output)


def main() -> int:
    checks = [check for check in CHECKS if not sys.argv[1:] or any(word in check.name for word in sys.argv[1:])]
    failed = not checks
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for check, (states, problem) in zip(checks, pool.map(perform, checks)):
            failed |= problem is not None
            print(f"{'not ok' if problem else 'ok'} {check.name} ({states} states)", flush=True)
            if problem:
                print("    " + problem.strip().replace("\n", "\n    "))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
