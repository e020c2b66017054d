#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs what the tests show at its full size, for as long as that takes, and says what was measured.

Rule: soak.toml says what there is; this file only runs it. Every step has a time limit and ends with all its children; a
step that ends in another way than by status 0, or whose output does not say what it was to measure, has failed. The exit
status is 0 only if every line that was asked for holds.

usage: tools/soak.py [--list] [LINE...]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tools" / "soak.toml"
OUTPUT = ROOT / "build" / "soak"
MINUTE_S = 60
#: How often a person at a terminal, and how often a log, sees how far it is.
TERMINAL_EVERY_S, LOG_EVERY_S = 5, 120
ENDED_LATE = "ended by the time limit"


class SoakError(Exception):
    """Something that the user can mend."""


@dataclass(frozen=True)
class Line:
    """One promise at full size."""

    name: str
    shows: str
    limit_minutes: float
    run: tuple[str, ...]
    measure: re.Pattern[str]

    @classmethod
    def read(cls, name: str, entry: dict[str, object]) -> Line:
        """From its table in soak.toml."""
        keys = {"shows": str, "limit_minutes": (int, float), "run": list, "measure": str}
        if set(entry) != set(keys) or not all(isinstance(entry[key], kind) for key, kind in keys.items()):
            raise SoakError(f"{TABLE.name}: [{name}] needs exactly {', '.join(keys)}")
        steps = [str(step) for step in entry["run"]]
        if not steps:
            raise SoakError(f"{TABLE.name}: [{name}] runs nothing")
        return cls(name, str(entry["shows"]), float(entry["limit_minutes"]), tuple(steps),
                   re.compile(str(entry["measure"]), re.MULTILINE))


@dataclass
class Verdict:
    """What came of a line."""

    name: str
    shows: str
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)

    def text(self) -> str:
        """For the summary."""
        head = f"{'holds' if not self.failures else 'FAILED':7s}{self.name:16s}{clock(self.seconds):>9s}  {self.shows}"
        return "\n".join([head, *(f"        {line}" for line in self.measured),
                          *(f"        ! {line}" for failure in self.failures for line in failure.splitlines())])


def read_table(path: Path = TABLE) -> dict[str, Line]:
    """All lines, in their order."""
    return {name: Line.read(name, entry) for name, entry in tomllib.loads(path.read_text()).items()}


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def last_line(log: Path) -> str:
    """The last thing that a step said."""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - 400, 0))
        lines = [line for line in re.split(r"[\r\n]+", file.read().decode(errors="replace")) if line.strip()]
    return lines[-1].strip()[:90] if lines else ""


class Progress:
    """One line that changes on a terminal, one now and then in a log."""

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty()
        self.every_s = TERMINAL_EVERY_S if self.terminal else LOG_EVERY_S
        self.shown = time.monotonic()

    def show(self, text: str) -> None:
        """If it is time."""
        if time.monotonic() - self.shown >= self.every_s:
            self.shown = time.monotonic()
            print(f"\r\033[K{text[:118]}" if self.terminal else text, end="" if self.terminal else "\n", flush=True)

    def end(self) -> None:
        """Nothing of the line is left."""
        if self.terminal:
            print("\r\033[K", end="", flush=True)


def words_of(step: str) -> tuple[list[str], dict[str, str]]:
    """A step as a shell would read it: NAME=VALUE before the command is its environment."""
    words = shlex.split(step)
    environment = {}
    while words and re.match(r"[A-Z_][A-Z0-9_]*=", words[0]):
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    return words, environment


def run_step(step: str, log: Path, limit_s: float, progress: Progress, where: str) -> str:
    """Why it failed, or nothing."""
    words, environment = words_of(step)
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                   start_new_session=True, env={**os.environ, **environment})
        try:
            while process.poll() is None and time.monotonic() - started < limit_s:
                try:
                    process.wait(1)
                except subprocess.TimeoutExpired:
                    progress.show(f"{where} {clock(time.monotonic() - started)} {last_line(log)}")
        finally:
            progress.end()
            late = process.poll() is None
            if late:
                end_group(process)
    if late:
        return ENDED_LATE
    return "" if process.returncode == 0 else f"status {process.returncode}"


def end_group(process: subprocess.Popen[bytes]) -> None:
    """First politely, so that the step can end its machines, then not."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run_line(line: Line, progress: Progress) -> Verdict:
    """All its steps, even after one that failed."""
    verdict = Verdict(line.name, line.shows)
    started = time.monotonic()
    deadline = started + line.limit_minutes * MINUTE_S
    for number, step in enumerate(line.run, 1):
        log = OUTPUT / f"{line.name}-{number}.log"
        reason = run_step(step, log, deadline - time.monotonic(), progress, f"{line.name} {number}/{len(line.run)}")
        output = log.read_text(errors="replace")
        measured = [match[0].strip() for match in line.measure.finditer(output)]
        if not reason and not measured:
            reason = "it did not say what it measured"
        if reason:
            tail = "\n".join(output.strip().splitlines()[-8:])
            verdict.failures.append(f"{step}\n{reason}; all it said is in {log.relative_to(ROOT)}\n{tail}".rstrip())
        verdict.measured += measured
        if reason == ENDED_LATE:
            break
    verdict.seconds = time.monotonic() - started
    return verdict


def soak(lines: list[Line]) -> int:
    """Runs the lines one after the other and returns the exit status; whatever ends it, what is known by then is printed
    and kept."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    verdicts: list[Verdict] = []
    interrupted = False
    try:
        for line in lines:
            print(f"soak {line.name}: {line.shows} (at most {line.limit_minutes:g} min)", flush=True)
            verdicts.append(run_line(line, Progress()))
            print(verdicts[-1].text(), flush=True)
    except KeyboardInterrupt:
        interrupted = True
    failed = [verdict.name for verdict in verdicts if verdict.failures]
    (OUTPUT / "summary.json").write_text(json.dumps([vars(verdict) for verdict in verdicts], indent=2) + "\n")
    print(f"\nsoak: {len(verdicts) - len(failed)} hold, {len(failed)} failed, {len(lines) - len(verdicts)} not run"
          f"{': ' + ', '.join(failed) if failed else ''}; {(OUTPUT / 'summary.json').relative_to(ROOT)}")
    return 130 if interrupted else 1 if failed else 0


def interrupt(*_: object) -> None:
    """Being ended is like Ctrl-C."""
    raise KeyboardInterrupt


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="make soak SOAK=...", description="Everything at its full size.")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("lines", nargs="*", metavar="LINE", help="default: all of them")
    arguments = parser.parse_args()
    try:
        table = read_table()
        unknown = [name for name in arguments.lines if name not in table]
        if unknown:
            raise SoakError(f"there is no line {', '.join(unknown)}; mend: use some of {' '.join(table)}")
    except (SoakError, tomllib.TOMLDecodeError, re.error) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 2
    if arguments.list:
        for line in table.values():
            print(f"{line.name:16s}{line.limit_minutes:5g} min  {line.shows}")
        return 0
    signal.signal(signal.SIGTERM, interrupt)
    return soak([table[name] for name in arguments.lines or table])


if __name__ == "__main__":
    sys.exit(main())
