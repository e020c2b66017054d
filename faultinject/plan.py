# SPDX-License-Identifier: MIT
"""Sampling faults from the raw fault space that the golden run spans.

Rule: a fault is a pure function of (seed, model, number within the model) and the golden run. So a larger campaign
begins with the faults of a smaller one, and the order of work has no influence.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from faultinject.draw import Draw
from faultinject.errors import MachineError, UsageError
from faultinject.models import Change, Model
from faultinject.records import Stretch


@dataclass(frozen=True)
class Fault:
    """One fault of a campaign: put in before the service's `instruction`-th instruction, at `time_ns`."""

    index: int
    id: str
    model: str
    service: str
    instruction: int
    time_ns: int
    change: Change

    def line(self, index: int | None = None) -> str:
        """As the plugin reads it."""
        return (f"{self.index if index is None else index} {self.time_ns} {self.change.kind} "
                f"{self.change.a:#x} {self.change.b:#x}\n")


class Execution:
    """A service's execution in the golden run: all the instructions it executed, numbered from 0."""

    def __init__(self, timeline: Sequence[Stretch], service_index: int) -> None:
        self.stretches = [stretch for stretch in timeline if stretch.service == service_index]
        self._ends: list[int] = []
        total = 0
        for stretch in self.stretches:
            total += stretch.end_ns - stretch.start_ns
            self._ends.append(total)
        self.instructions = total

    def locate(self, instruction: int) -> tuple[int, Stretch]:
        """The time just before the instruction, and the stretch that it is in."""
        if not 0 <= instruction < self.instructions:
            raise UsageError(f"instruction {instruction} is not one of 0..{self.instructions - 1}")
        position = bisect.bisect_right(self._ends, instruction)
        stretch = self.stretches[position]
        return stretch.end_ns - (self._ends[position] - instruction), stretch


@dataclass(frozen=True)
class Environment:
    """What a fault's meaning depends on besides itself: the hashes that its id includes."""

    system: str
    disk: str
    workload: str
    qemu: str

    def fault_id(self, model: str, service: str, instruction: int, change: Change) -> str:
        """16 hexadecimal digits; the same id is the same run."""
        words = (self.system, self.disk, self.workload, self.qemu, model, service, instruction, change.kind,
                 change.a, change.b)
        return hashlib.sha256("\0".join(str(word) for word in words).encode()).hexdigest()[:16]


def sample(execution: Execution, service: str, models: Sequence[Model], count: int, seed: int,
           environment: Environment) -> list[Fault]:
    """`count` faults, dealt out to the models in turn, in order of time. Drawn with replacement."""
    if count < 1:
        raise UsageError(f"{count} faults make no campaign", "--n 1 or more")
    if execution.instructions == 0:
        raise MachineError(f"{service} executes nothing in the golden run",
                           "choose another service, or a workload that uses it")
    drawn = []
    for number in range(count):
        model = models[number % len(models)]
        source = Draw("fault", seed, service, model.name, number // len(models))
        instruction = source.below(execution.instructions)
        change = model.draw(source)
        time_ns, _ = execution.locate(instruction)
        drawn.append((time_ns, number, model.name, instruction, change))
    drawn.sort(key=lambda item: item[:2])
    return [Fault(index, environment.fault_id(model, service, instruction, change), model, service, instruction,
                  time_ns, change)
            for index, (time_ns, _, model, instruction, change) in enumerate(drawn)]
