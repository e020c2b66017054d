#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs every test and says in its last line how many passed and failed.

Rule: silence is a failure. A suite that ends early, prints nothing or cannot start counts as one failure; the exit
status is 0 only if something passed and nothing failed.

usage: tools/run_tests.py [SUITE...]      suites: build sources abi unit fuzz model python boot recovery programs
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import fuzz_host

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
PYTHON = "/usr/bin/python3"
SUITE_TIMEOUT_S = 900
UNIT_TIMEOUT_S = 300


@dataclass
class Tally:
    """What one suite did."""

    passed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.passed += other.passed
        self.skipped += other.skipped
        self.failures += other.failures


def run(command: list[str], timeout_s: int, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit status and output. Past the deadline the status is -1; nothing is left running."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True,
                                   env={**os.environ, **(environment or {})})
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            status = -1
        output.seek(0)
        text = output.read().decode(errors="replace")
    if status == -1:
        text += f"\n(ended after {timeout_s} s)"
    return status, text


def tally_tap(name: str, status: int, text: str) -> Tally:
    """Counts `ok` and `not ok` lines; a status that does not fit them is a failure of its own."""
    tally = Tally()
    block: list[str] | None = None
    for line in text.splitlines():
        match = re.match(r"(not )?ok\b\s*(?:\d+\s*-\s*)?(.*)", line)
        if match:
            block = None
            if not match.group(1):
                tally.passed += 1
            else:
                block = [f"{name}: {match.group(2)}"]
                tally.failures.append(block[0])
        elif block is not None and line.startswith("    "):
            tally.failures[-1] += "\n" + line
    if not tally.passed and not tally.failures or (status != 0) != bool(tally.failures):
        tail = "\n    ".join(text.strip().splitlines()[-15:])
        tally.failures.append(f"{name}: ended with status {status}\n    {tail}")
    return tally


def suite_build() -> Tally:
    """Everything, the unit tests and the fuzzed programs compile."""
    status, text = run(["make", "--keep-going", "all", "unit-tests", "fuzz-programs"], SUITE_TIMEOUT_S, {"MAKEFLAGS": ""})
    if status == 0:
        return Tally(passed=1)
    problems = [line for line in text.splitlines() if re.search(r"error|\*\*\*|undefined", line)]
    return Tally(failures=["build: " + "\n    ".join(problems[:20] or text.splitlines()[-20:])])


def suite_sources() -> Tally:
    """The house's habits."""
    return tally_tap("sources", *run([PYTHON, "tools/check_sources.py"], 60))


def suite_abi() -> Tally:
    """Generated headers compile alone, in C and in assembler."""
    tally = Tally()
    headers = sorted((BUILD / "include" / "abi").glob("*.h"))
    if not headers:
        return Tally(failures=["abi: there are no headers in build/include/abi; mend: make"])
    for header in headers:
        include = ["-I", str(BUILD / "include"), "-include", f"abi/{header.name}"]
        for language, flags in (("c", ["-std=c17", "-ffreestanding", "-Wall", "-Wextra", "-Werror", "-c"]),
                                ("assembler-with-cpp", ["-D__ASSEMBLER__", "-c"])):
            status, text = run(["gcc", *flags, *include, "-x", language, "/dev/null", "-o", "/dev/null"], 60)
            if status == 0:
                tally.passed += 1
            else:
                tally.failures.append(f"abi: {header.name} as {language}\n    {text.strip()}")
    return tally


def suite_unit() -> Tally:
    """Check programs under the sanitizers."""
    tally = Tally()
    programs = sorted(path for path in (BUILD / "tests" / "unit").glob("*") if os.access(path, os.X_OK))
    if not programs:
        return Tally(failures=["unit: there are no test programs in build/tests/unit; mend: make unit-tests"])
    for program in programs:
        log = BUILD / "tests" / f"{program.name}.tap"
        log.unlink(missing_ok=True)
        status, text = run([str(program)], UNIT_TIMEOUT_S, {"CK_TAP_LOG_FILE_NAME": str(log)})
        results = log.read_text(errors="replace") if log.exists() else text
        one = tally_tap(f"unit {program.name}", status, results)
        if one.failures:
            reports = [line for line in text.splitlines() if re.search(r"ERROR|runtime error|Sanitizer|#[0-9]", line)]
            one.failures[-1] += "".join(f"\n    {line}" for line in reports[:15])
        tally.add(one)
    return tally


def suite_fuzz() -> Tally:
    """Coverage-guided fuzzing, for a moment."""
    tally = Tally()
    for name, runs in fuzz_host.names().items():
        report = fuzz_host.fuzz(name, runs, 0)
        if report.status == 0:
            tally.passed += 1
        else:
            tail = "\n    ".join(report.text.strip().splitlines()[-25:])
            tally.failures.append(f"{report.line}\n    {tail}")
    return tally


def suite_model() -> Tally:
    """The protocol, and mutants of it that must be caught."""
    return tally_tap("model", *run([PYTHON, "model/check.py"], 300))


def pytest_suite(directory: str, distribution: str = "load") -> Callable[[], Tally]:
    """The tests below one directory of tests/, two at a time; "loadfile": tests of one file share something."""
    def suite() -> Tally:
        if not any((ROOT / directory).rglob("test_*.py")):
            return Tally(failures=[f"{directory}: has no tests"])
        result = BUILD / "tests" / f"{directory.replace('/', '-')}.xml"
        result.unlink(missing_ok=True)
        status, text = run([PYTHON, "-m", "pytest", "-q", "-n", "2", "--dist", distribution, "-p", "no:cacheprovider",
                            "--tb=short", f"--junitxml={result}", directory], SUITE_TIMEOUT_S)
        tally = Tally()
        if not result.exists():
            tail = "\n    ".join(text.strip().splitlines()[-20:])
            return Tally(failures=[f"{directory}: ended with status {status}\n    {tail}"])
        for case in ElementTree.parse(result).getroot().iter("testcase"):
            name = f"{case.get('classname')}.{case.get('name')}"
            problem = case.find("failure")
            if problem is None:
                problem = case.find("error")
            if problem is not None:
                lines = (problem.text or problem.get("message") or "").strip().splitlines()
                tally.failures.append(f"{name}\n    " + "\n    ".join(lines[-25:]))
            elif case.find("skipped") is not None:
                tally.skipped += 1
            else:
                tally.passed += 1
        if status != 0 and not tally.failures:
            tally.failures.append(f"{directory}: ended with status {status}\n    {text.strip()[-400:]}")
        return tally

    suite.__doc__ = f"pytest {directory}"
    return suite


SUITES: dict[str, Callable[[], Tally]] = {
    "build": suite_build,
    "sources": suite_sources,
    "abi": suite_abi,
    "unit": suite_unit,
    "fuzz": suite_fuzz,
    "model": suite_model,
    "python": pytest_suite("tests/python", "loadfile"),
    "boot": pytest_suite("tests/boot"),
    "recovery": pytest_suite("tests/recovery"),
    "programs": pytest_suite("tests/programs"),
}


def main() -> int:
    names = sys.argv[1:] or list(SUITES)
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        print(f"run_tests: no suite {', '.join(unknown)}; mend: use {' '.join(SUITES)}", file=sys.stderr)
        return 2
    (BUILD / "tests").mkdir(parents=True, exist_ok=True)
    total = Tally()
    for name in names:
        start = time.monotonic()
        tally = SUITES[name]()
        print(f"{name:10s} {tally.passed:5d} passed {len(tally.failures):5d} failed {tally.skipped:5d} skipped "
              f"{time.monotonic() - start:7.1f} s", flush=True)
        total.add(tally)
    for failure in total.failures:
        print(f"\nFAILED {failure}")
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"\n{total.passed} passed, {len(total.failures)} failed{skipped}")
    return 0 if total.passed and not total.failures else 1


if __name__ == "__main__":
    sys.exit(main())
