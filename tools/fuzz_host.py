#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the fuzzed programs of tests/fuzz on this machine: for a number of runs that is always the same, or for a time.

Rule: the seeds come from the programs themselves. With --seconds what was found worth keeping stays in build/fuzz/NAME.corpus
and is begun with the next time; otherwise only the seeds are, so that the same build gives the same runs. An input that breaks
something stays in build/fuzz/NAME-*, and build/fuzz/NAME FILE repeats it.

usage: tools/fuzz_host.py [--seconds N] [NAME...]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "fuzz"
ONE_INPUT_S = 60
RUNS_LIMIT_S = 600


@dataclass(frozen=True)
class Report:
    """What came of one program."""

    name: str
    status: int
    text: str

    @property
    def line(self) -> str:
        """For people."""
        runs = re.findall(r"^Done (\d+) runs in (\d+)", self.text, re.MULTILINE)
        cover = re.findall(r"cov: (\d+) ft: (\d+)", self.text)
        if self.status == 0 and runs and cover:
            return f"fuzz_host: {self.name}: {runs[-1][0]} runs, {cover[-1][0]} blocks reached, nothing broken"
        return f"fuzz_host: {self.name}: BROKEN, status {self.status}"


def names() -> dict[str, int]:
    """The programs, and how many runs each gets."""
    found = {}
    for source in sorted((ROOT / "tests" / "fuzz").glob("fuzz_*.c")):
        runs = re.search(r"^/\* runs: (\d+) \*/$", source.read_text(), re.MULTILINE)
        if runs:
            found[source.stem.removeprefix("fuzz_")] = int(runs[1])
    return found


def fuzz(name: str, runs: int, seconds: int) -> Report:
    """One program: `seconds`, or `runs` if that is 0."""
    program = BUILD / name
    if not program.exists():
        return Report(name, 1, f"there is no {program}; mend: make fuzz-programs")
    corpus = BUILD / f"{name}.corpus" if seconds else Path(tempfile.mkdtemp(prefix=f"perdure-fuzz-{name}-"))
    corpus.mkdir(exist_ok=True)
    try:
        seeded = subprocess.run([program], env={**os.environ, "FUZZ_SEEDS": str(corpus)}, capture_output=True, text=True,
                                errors="replace", check=False, timeout=RUNS_LIMIT_S)
        if seeded.returncode != 0:
            return Report(name, seeded.returncode, seeded.stderr)
        length = [f"-max_total_time={seconds}"] if seconds else [f"-runs={runs}"]
        done = subprocess.run([program, "-seed=1", *length, f"-timeout={ONE_INPUT_S}", f"-artifact_prefix={BUILD}/{name}-",
                               corpus], capture_output=True, text=True, errors="replace", check=False,
                              timeout=seconds + RUNS_LIMIT_S)
    except subprocess.TimeoutExpired:
        return Report(name, -1, "it did not end")
    finally:
        if not seconds:
            shutil.rmtree(corpus)
    return Report(name, done.returncode, done.stderr)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Coverage-guided fuzzing on this machine.")
    parser.add_argument("--seconds", type=int, default=0, help="for each program, instead of its number of runs")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all of them")
    arguments = parser.parse_args()
    known = names()
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        print(f"fuzz_host: there is no {', '.join(unknown)}; mend: use some of {' '.join(known)}", file=sys.stderr)
        return 2
    failed = 0
    for name in arguments.names or known:
        report = fuzz(name, known[name], arguments.seconds)
        print(report.line, flush=True)
        if report.status:
            failed += 1
            print("\n".join(report.text.strip().splitlines()[-40:]), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
