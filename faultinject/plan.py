# SPDX-License-Identifier: MIT
"""Sampling faults from the raw fault space that the golden run spans.

Rule: a draw is a pure function of (seed, services, models, its number) and the golden run. So a larger campaign begins
with the draws of a smaller one, any part of a campaign can be drawn by itself, and the order of work has no influence.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from faultinject.draw import Draw
from faultinject.errors import MachineError, UsageError
from faultinject.models import Change, Model, Target
from faultinject.models.base import UNKNOWN
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


class Spans(Sequence[int]):
    """Whole numbers in ascending order, as (first, how many)."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._spans = [span for span in spans if span[1] > 0]
        self._ends = list(itertools.accumulate(length for _, length in self._spans))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, position: int) -> int:  # type: ignore[override]
        if not 0 <= position < len(self):
            raise IndexError(position)
        span = bisect.bisect_right(self._ends, position)
        first, length = self._spans[span]
        return first + length - (self._ends[span] - position)


class Execution:
    """A service's execution in the golden run: all the instructions it executed, numbered from 0."""

    def __init__(self, timeline: Sequence[Stretch], service_index: int, target: Target = UNKNOWN) -> None:
        self.target = target
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

    def _numbered(self) -> Iterator[tuple[int, Stretch]]:
        """Each stretch and the number of its first instruction."""
        for stretch, end in zip(self.stretches, self._ends, strict=True):
            yield end - (stretch.end_ns - stretch.start_ns), stretch

    def instructions_in(self, stage: int) -> Spans:
        """Those that were executed in a stage of the service."""
        return Spans((first, stretch.end_ns - stretch.start_ns) for first, stretch in self._numbered()
                     if stretch.stage == stage)

    def instructions_between(self, begin_ns: int, end_ns: int, binding: int | None = None) -> Spans:
        """Those that were executed in that time; for this binding, if one is given."""
        return Spans((first, stretch.end_ns - stretch.start_ns) for first, stretch in self._numbered()
                     if begin_ns <= stretch.start_ns < end_ns and binding in (None, stretch.serving_binding))

    def first_of(self, wanted: Callable[[Stretch, Stretch | None], bool]) -> Spans:
        """The first instruction of each stretch that is wanted; it is asked for with the one before."""
        before = [None, *self.stretches]
        return Spans((first, 1) for (first, stretch), previous in zip(self._numbered(), before, strict=False)
                     if wanted(stretch, previous))

    def last_of(self, wanted: Callable[[Stretch], bool]) -> Spans:
        """The last instruction of each stretch that is wanted."""
        return Spans((first + stretch.end_ns - stretch.start_ns - 1, 1) for first, stretch in self._numbered()
                     if wanted(stretch))


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


@dataclass(frozen=True)
class Stratum:
    """One service under one fault model: a fault space of its own, from which is drawn uniformly."""

    service: str
    model: Model
    execution: Execution

    @cached_property
    def points(self) -> Sequence[int]:
        """Before which of the service's instructions the model can strike."""
        return self.model.points(self.execution)

    @property
    def choices(self) -> int:
        """What it can do at each."""
        return self.model.choices(self.execution.target)

    @property
    def raw_faults(self) -> int:
        """How many faults there are."""
        return len(self.points) * self.choices


@dataclass(frozen=True)
class Shard:
    """Every `of`-th deal of a campaign, beginning with deal `index`; a deal is one draw from each stratum."""

    index: int = 0
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From "i/n", i from 0 to n - 1."""
        index, separator, of = text.partition("/")
        if not (separator and index.isdecimal() and of.isdecimal() and int(index) < int(of)):
            raise UsageError(f"{text!r} is no shard", "i/n with i from 0 to n - 1: --shard 0/4, 1/4, 2/4, 3/4")
        return cls(int(index), int(of))


@dataclass(frozen=True)
class Place:
    """Where a class of equal faults is represented (faultinject/trace.py)."""

    #: The fault before this instruction of the service stands for all of the class.
    instruction: int
    #: Of how many instructions the class is.
    size: int
    #: The faulty value is replaced there before anything has read it.
    dead: bool
    #: Of that instruction.
    address: int


#: The class of a fault by service, instruction and change; None where a fault is by itself.
Classify = Callable[[str, int, Change], Place | None]


@dataclass
class Planned:
    """An experiment to be run, and how many draws it stands for."""

    fault: Fault
    description: str
    weight: int = 1
    #: How many instructions of the raw space are known to give the same result with the same change.
    class_size: int = 1
    #: It needs no run: the faulty value is replaced there without having been read.
    dead: Place | None = None


class Space:
    """The fault space of a campaign: its strata, and the draws from them by number.

    Draws are dealt out to the strata in turn: draw `n` is draw `n // len(strata)` from stratum `n % len(strata)`.
    """

    def __init__(self, strata: Sequence[Stratum], seed: int, environment: Environment,
                 classes: Classify | None = None) -> None:
        if not strata:
            raise UsageError("a campaign needs a service and a fault model")
        self._classes = classes
        self.strata = tuple(strata)
        self._seed = seed
        self._environment = environment

    def draw(self, number: int) -> Planned:
        """Draw `number`, uniform over its stratum, with replacement; then the fault that stands for the draw's class."""
        stratum = self.strata[number % len(self.strata)]
        service, model = stratum.service, stratum.model
        source = Draw("fault", self._seed, service, model.name, number // len(self.strata))
        instruction = stratum.points[source.below(len(stratum.points))]
        change = model.draw(source, stratum.execution.target)
        place = self._classes(service, instruction, change) if self._classes and model.grouped else None
        if place:
            instruction = place.instruction
        time_ns, _ = stratum.execution.locate(instruction)
        identity = self._environment.fault_id(model.name, service, instruction, change)
        fault = Fault(number, identity, model.name, service, instruction, time_ns, change)
        return Planned(fault, model.describe(change), class_size=place.size if place else 1,
                       dead=place if place and place.dead else None)

    def stretch(self, fault: Fault) -> Stretch:
        """In which a fault is put in."""
        execution, = {stratum.execution for stratum in self.strata if stratum.service == fault.service}
        return execution.locate(fault.instruction)[1]

    def draws(self, first: int, end: int, shard: Shard = Shard()) -> list[Planned]:
        """The draws `first` to `end` - 1 that belong to a shard; equal ones are one, with the first's number."""
        found: dict[str, Planned] = {}
        for number in range(first, end):
            if number // len(self.strata) % shard.of == shard.index:
                planned = self.draw(number)
                known = found.setdefault(planned.fault.id, planned)
                if known is not planned:
                    known.weight += 1
        return list(found.values())


def make_space(executions: Mapping[str, Execution], models: Sequence[Model], seed: int,
               environment: Environment, classes: Classify | None = None) -> Space:
    """Every model in every service in which it has a point, a service's models next to each other."""
    for service, execution in executions.items():
        if execution.instructions == 0:
            raise MachineError(f"{service} executes nothing in the golden run",
                               "choose another service, or a workload that uses it")
    strata = [Stratum(service, model, execution) for service, execution in executions.items() for model in models]
    possible = [stratum for stratum in strata if stratum.points]
    if not possible:
        raise MachineError(f"{', '.join(model.name for model in models)} has no point in the execution of "
                           f"{', '.join(executions)}", "see docs/fault-models.md for where each model applies")
    return Space(possible, seed, environment, classes)
