# SPDX-License-Identifier: MIT
"""The report that the plugin writes in modes crash and count: one line an event."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from faultinject.records import Recovery


@dataclass(frozen=True)
class Crash:
    """A kill: when, at which instruction, whom the service was serving, its incarnation, how many instructions it had
    executed in normal operation, and its name."""

    time_ns: int
    rip: int
    serving_binding: int
    incarnation: int
    executed: int
    service: str


@dataclass(frozen=True)
class Mark:
    """A benchmark's mark and the counts at it."""

    number: int
    time_ns: int
    cr3_writes: int
    tlb_invalidations: int
    kernel_entries: int


@dataclass(frozen=True)
class RecoveryCounts:
    """Counts from a failure to the end of its recovery."""

    cr3_writes: int
    tlb_invalidations: int
    kernel_entries: int


@dataclass
class Events:
    """All of one run. `verdict` is (code, detail, time) or None when the machine gave none."""

    crashes: list[Crash] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    #: In mode count: one for each of `recoveries`.
    recovery_counts: list[RecoveryCounts] = field(default_factory=list)
    verdict: tuple[int, int, int] | None = None
    #: Virtual time at which the power was cut.
    cut_ns: int | None = None
    #: Hash of the disk at the verdict, by which its image is named.
    disk: str | None = None

    @classmethod
    def read(cls, path: Path) -> Events:
        """From the plugin's file; a missing one is an empty report."""
        return cls.parse(path.read_text()) if path.exists() else cls()

    @classmethod
    def parse(cls, text: str) -> Events:
        """From the file's text; a line that was cut off is left out."""
        events = cls()
        for line in text.splitlines(keepends=True):
            if line.endswith("\n"):
                kind, _, rest = line.strip().partition(" ")
                events._add(kind, rest)
        return events

    def _add(self, kind: str, rest: str) -> None:
        if kind == "recovery":
            self.recoveries.append(Recovery.unpack(bytes.fromhex(rest)))
            return
        if kind == "disk":
            self.disk = rest
            return
        if kind == "crash":
            *words, service = rest.split()
            self.crashes.append(Crash(*(int(word, 0) for word in words), service))
            return
        numbers = [int(word, 0) for word in rest.split()]
        if kind == "recovery_counts":
            self.recovery_counts.append(RecoveryCounts(*numbers))
        elif kind == "cut":
            self.cut_ns = numbers[0]
        elif kind == "mark":
            self.marks.append(Mark(*numbers))
        elif kind == "verdict":
            self.verdict = (numbers[0], numbers[1], numbers[2])

    def recovered(self) -> int:
        """Failures after which a new incarnation came up."""
        return sum(recovery.t_ready != 0 for recovery in self.recoveries)

    def latencies(self) -> list[int]:
        """Of every recovery whose parked call was answered."""
        return [recovery.latency_ns for recovery in self.recoveries if recovery.latency_ns is not None]
