#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The mixed workload for a given time, while every service is killed again and again: nothing lost, memory level.

Rule: every round of user/mixed does the same. So whatever a client is told must be what it was told in a round without
crashes. Of the kernel's counts after each round, that of the pieces of memory it holds must not grow at all, and that of free
pages must not fall lower in the second half of the time than it fell in the first: a service takes a page of its cache for good
when it first touches it, and how much of the cache is touched depends on the crashes.

usage: tools/soak_mixed.py [--minutes M] [--crash SERVICES[:EVERY]] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "build" / "programs"
DISK_MIB, MEMORY_MIB = 48, 256
FILES, FILE_BYTES = 24, 30_000
#: Rounds without which the two halves of the time say nothing about pages.
ROUNDS_LEAST = 20
#: How long a round may take after the time is up.
LAST_ROUND_S = 1200
_CLIENT = re.compile(r"^client (\S+) operations=(\d+) errors=(\d+) digest=([0-9a-f]+)$")
_ROUND = re.compile(r"^mixed: round (\d+) failed=(\d+) free_pages=(\d+) chunks=(\d+)$")


class Wrong(Exception):
    """What is not as it must be."""


def make_disk(image: Path) -> None:
    """A disk with the program and files for the reader, and with enough room."""
    with tempfile.TemporaryDirectory(prefix="perdure-mixed-") as name:
        tree = Path(name)
        (tree / "bin").mkdir()
        (tree / "bin" / "workload").write_bytes((PROGRAMS / "workload").read_bytes())
        (tree / "bin" / "workload").chmod(0o755)
        lines = []
        for number in range(FILES):
            data = bytes((number * 31 + index * index) & 0xFF for index in range(FILE_BYTES * (number % 5 + 1) // 5))
            (tree / f"file{number}").write_bytes(data)
            lines.append(f"{zlib.crc32(data):08x} {len(data)} /file{number}\n")
        (tree / "checksums").write_text("".join(lines))
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext2", "-d", tree, image, f"{DISK_MIB}M"], check=True, timeout=60,
                       stdout=subprocess.DEVNULL, env=host_environment())


def host_environment() -> dict[str, str]:
    """The tools of e2fsprogs are often where only root looks."""
    return {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin"}


class Rounds:
    """What the machine has said so far, checked as it comes."""

    def __init__(self) -> None:
        self.reference: dict[str, str] = {}
        self.current: dict[str, str] = {}
        self.count = 0
        self.operations = 0
        self.free_pages: list[int] = []
        self.chunks: list[int] = []

    def take(self, line: str) -> None:
        """One line of its output; raises Wrong."""
        client, end = _CLIENT.match(line), _ROUND.match(line)
        if client:
            self.current[client[1]] = client[4]
            self.operations += int(client[2])
        elif end:
            self._end_round(int(end[2]), int(end[3]), int(end[4]))
        elif not re.match(r"^mixed: \d+ rounds$", line):
            raise Wrong(f"after round {self.count}: {line}")

    def _end_round(self, failed: int, free_pages: int, chunks: int) -> None:
        self.count += 1
        self.free_pages.append(free_pages)
        self.chunks.append(chunks)
        self.reference = self.reference or self.current
        if failed or self.current != self.reference:
            raise Wrong(f"round {self.count}: {failed} clients failed; they were told {self.current}, not {self.reference}")
        self.current = {}

    def check_memory(self) -> None:
        """Level; raises Wrong."""
        half = self.count // 2
        if self.chunks[-1] > self.chunks[0]:
            raise Wrong(f"the kernel holds {self.chunks[-1]} pieces of memory, {self.chunks[0]} after the first round")
        if self.count >= ROUNDS_LEAST and min(self.free_pages[half:]) < min(self.free_pages[:half]):
            raise Wrong(f"pages free after each round: {self.free_pages}")


def run(minutes: float, crash: str | None, seed: int, directory: Path, rounds: Rounds) -> Path:
    """The machine for so long; its disk afterwards. Raises Wrong."""
    disk, report = directory / "disk.img", directory / "report.json"
    make_disk(disk)
    options = ["--disk", disk, "--mem", str(MEMORY_MIB), "--seed", str(seed), "--json", report, "--timeout",
               str(minutes * 60 + LAST_ROUND_S), *(["--crash", crash] if crash else [])]
    words = [] if minutes else ["-r", "1"]
    process = subprocess.Popen([ROOT / "perdure", "run", *options, PROGRAMS / "mixed", *words], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    until = time.monotonic() + minutes * 60
    try:
        for line in process.stdout:
            rounds.take(line.rstrip())
            if _ROUND.match(line):
                print(f"mixed: {rounds.count} rounds, {rounds.operations} operations, {rounds.free_pages[-1]} pages free",
                      flush=True)
            if minutes and time.monotonic() > until and not process.stdin.closed:
                process.stdin.write("\n")
                process.stdin.close()
        status = process.wait(60)
    finally:
        process.terminate()
        process.wait()
    if status != 0:
        raise Wrong(f"the machine ended with status {status}")
    return disk


def check_disk(disk: Path) -> None:
    """e2fsck accepts it; raises Wrong."""
    done = subprocess.run(["e2fsck", "-fn", disk], capture_output=True, text=True, check=False, timeout=300,
                          env=host_environment())
    if done.returncode != 0:
        raise Wrong(f"e2fsck: status {done.returncode}\n{done.stdout[-2000:]}")


def soak(minutes: float, crash: str, seed: int) -> None:
    """A calm round, which says what is right, then the storm; prints what was measured, raises Wrong."""
    with tempfile.TemporaryDirectory(prefix="perdure-mixed-") as name:
        directory = Path(name)
        rounds = Rounds()
        run(0, None, seed, directory, rounds)
        calm = rounds.reference
        rounds = Rounds()
        rounds.reference = calm
        check_disk(run(minutes, crash, seed, directory, rounds))
        rounds.check_memory()
        report = json.loads((directory / "report.json").read_text())
        crashes = Counter(crash["service"] for crash in report["crash_list"])
        if not crashes:
            raise Wrong("nothing was crashed")
        print(f"measured: {rounds.count} rounds, {rounds.operations} operations, {sum(crashes.values())} crashes "
              f"({', '.join(f'{service} {count}' for service, count in crashes.most_common())}), all answered as without "
              f"crashes; free pages {rounds.free_pages[0]} after the first round, {rounds.free_pages[-1]} after the last, "
              f"least {min(rounds.free_pages)}; kernel chunks {rounds.chunks[0]}, {rounds.chunks[-1]}, most "
              f"{max(rounds.chunks)}; e2fsck clean")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="The mixed workload under crashes.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--crash", default="all:200000")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    try:
        soak(arguments.minutes, arguments.crash, arguments.seed)
    except (Wrong, OSError, subprocess.SubprocessError) as error:
        print(f"soak_mixed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
