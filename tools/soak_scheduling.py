#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Programs of tests/recovery that measure time, each with many seeds of crashes: all must be right."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Program, its arguments, what is killed and how often, and what it says at its end.
RUNS = (("shares", ["tickets"], "sched:3000", "tickets right"),
        ("shares", ["deadlines"], "sched:1500", "deadlines right"),
        ("shares", ["tickets"], "all:20000", "tickets right"),
        ("alarms", [], "timer:1500", "alarms 480 ticks right"))


def build(directory: Path) -> None:
    """The programs, as anyone builds them."""
    for name in {run[0] for run in RUNS}:
        subprocess.run([ROOT / "perdure", "cc", "-O2", "-o", directory / name, ROOT / "tests" / "recovery" / f"{name}.c"],
                       check=True, timeout=300)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=30)
    seeds = parser.parse_args().seeds
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="perdure-soak-") as name:
        directory = Path(name)
        build(directory)
        for program, arguments, crash, words in RUNS:
            for seed in range(1, seeds + 1):
                done = subprocess.run([ROOT / "perdure", "run", "--timeout", "300", "--crash", crash, "--seed", str(seed),
                                       directory / program, *arguments], capture_output=True, text=True, timeout=360,
                                      check=False)
                if done.returncode != 0 or done.stdout.strip() != words:
                    wrong += 1
                    print(f"{program} {' '.join(arguments)} --crash {crash} --seed {seed}: {done.stdout}{done.stderr}")
    print(f"soak_scheduling: {len(RUNS) * seeds} runs, {wrong} wrong")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
