# SPDX-License-Identifier: MIT
"""Exhaustive campaigns: a fault at every instruction of one operation of one client, instead of a sample of all there are.

The client makes a file, writes to it, gives it another name, at which there is a file already, and removes it, with a `sync`
after each (user/workload/steps.c); another client reads meanwhile. In fs the operation is what fs executes for that request;
in another service it is what that executes from there to the end of the `sync`, so that what becomes of the operation on the
disk belongs to it. `sync` itself, in fs, is every step of the commit to the disk. `recovery` is a kill in the midst of
the write, and then the fault at every instruction of the recovery from it, of the service or of the monitor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from faultinject import engine
from faultinject.draw import Draw
from faultinject.errors import MachineError, SetupError, UsageError
from faultinject.golden import Golden, Workbench, learn_clients
from faultinject.models import Model
from faultinject.models.second import PLACE_SHIFT, SecondFault
from faultinject.plan import Environment, Execution, Fault, Planned, Space, Stratum
from faultinject.records import Begin, Stage, Stretch
from faultinject.story import operation_numbers
from faultinject.system import BUILD
from faultinject.workload import Workload, session_line

#: What can be asked for -> the operation of fs.
OPERATIONS = {"create": "open", "write": "write", "rename": "rename", "unlink": "unlink", "sync": "sync"}
RECOVERY = "recovery"
CHOICES = (*OPERATIONS, RECOVERY)
#: Who asks for it, and who is there besides.
CLIENT, WITNESS = "alpha", "delta"
FILE_SYSTEM = "fs"


def workload(disk: Path) -> Workload:
    """The session of these campaigns."""
    program = BUILD / "programs" / "workload"
    if not program.exists():
        raise SetupError(f"{program} is missing", "build it: make")
    session = session_line("workload", [CLIENT, "steps", "-y"]) + \
        session_line("workload", [WITNESS, "reader", "-n", "12", "-s", "1", "-y"])
    return Workload("one client, step by step", session, {"workload": program}, disk)


def exhaustive_flags(text: str) -> list[str]:
    """The flags that ask for what str(Every) says; none for any other text."""
    match = re.fullmatch(r"every instruction of (\w+)(?:, stride (\d+))?", text)
    return [] if match is None else ["--exhaustive", match[1], *(["--stride", match[2]] if match[2] else [])]


@dataclass(frozen=True)
class Every:
    """What is asked for: the operation, and of its instructions every `stride`-th."""

    operation: str
    stride: int = 1

    #: More than any operation has instructions.
    MOST: ClassVar[int] = 1 << 40

    def __str__(self) -> str:
        return f"every instruction of {self.operation}" + (f", stride {self.stride}" if self.stride > 1 else "")

    @classmethod
    def parse(cls, operation: str, stride: int, services: tuple[str, ...], models: tuple[Model, ...]) -> Every:
        """Refuses what has no sense with it."""
        if len(services) != 1 or len(models) != 1 or services == ("all",):
            raise UsageError("--exhaustive is about one service and one fault model", "--service fs --model kill")
        if (operation == RECOVERY) != isinstance(models[0], SecondFault):
            raise UsageError(f"{models[0].name} is no fault of {operation}", "for recovery one of the group second, for example "
                             "--model recovering-kill or monitor-kill; for operations any other, for example kill")
        return cls(operation, stride)

    def space(self, workbench: Workbench, golden: Golden, executions: Mapping[str, Execution], model: Model, seed: int,
              environment: Environment) -> EveryPoint:
        """All of them, in the order of execution."""
        (service, execution), = executions.items()
        window = _window(workbench, golden, "write" if self.operation == RECOVERY else self.operation)
        own = service == FILE_SYSTEM
        points = execution.instructions_between(window.begin_ns, window.end_ns if own else window.synced_ns,
                                                window.binding if own else None)
        if not points:
            raise MachineError(f"{service} executes nothing for this {self.operation}",
                               "choose fs or blk: `sync` and what follows an operation are what blk works for")
        stratum = _Chosen(service, model, execution, points)
        found = EveryPoint(self.stride, stratum, seed, environment)
        if self.operation != RECOVERY:
            return found
        instruction = points[len(points) // 2]
        steps = engine.run_alone(workbench, golden, found.planned(0, instruction, 0).fault).second_points
        if not steps:
            raise MachineError(f"nothing of the recovery of {service} can be struck", "choose another service")
        return _EveryStep(self.stride, replace(stratum, chosen=range(steps)), seed, environment, instruction)

    @staticmethod
    def usual_model(operation: str) -> str:
        """The fault model if none is asked for."""
        return "recovering-kill" if operation == RECOVERY else "kill"


@dataclass(frozen=True)
class _Window:
    """An operation in the golden run, and the end of the sync that follows it."""

    binding: int
    begin_ns: int
    end_ns: int
    synced_ns: int


def _window(workbench: Workbench, golden: Golden, operation: str) -> _Window:
    clients = {name: number for number, name in
               learn_clients(golden.outputs[0].decode(errors="replace"), FILE_SYSTEM).items()}
    numbers = operation_numbers(FILE_SYSTEM)
    index = workbench.system.service_index(FILE_SYSTEM)
    own = [stretch for stretch in golden.timeline if stretch.service == index and stretch.stage == Stage.RUNNING
           and stretch.serving_binding == clients.get(CLIENT)]
    begin, end = _request(own, numbers[OPERATIONS[operation]], 0)
    synced = own[end].end_ns if operation == "sync" else own[_request(own, numbers["sync"], end)[1]].end_ns
    return _Window(own[begin].serving_binding, own[begin].start_ns, own[end].end_ns, synced)


def _request(own: list[Stretch], number: int, first: int) -> tuple[int, int]:
    """The first and the last stretch of the next request of this kind: its deliveries in several parts are one request."""
    begin = next((i for i in range(first, len(own)) if own[i].begin == Begin.CALL and own[i].operation == number), None)
    if begin is None:
        raise MachineError(f"the client's request {number} does not occur in the golden run", "build all again: make")
    after = next((i for i in range(begin, len(own)) if own[i].begin == Begin.CALL and own[i].operation != number), len(own))
    return begin, after - 1


@dataclass(frozen=True)
class _Chosen(Stratum):
    """A fault space that is a part of its model's."""

    chosen: Sequence[int]

    @property
    def points(self) -> Sequence[int]:  # type: ignore[override]
        """All that can be struck."""
        return self.chosen


class EveryPoint(Space):
    """Draw n is a fault before the n-th of the instructions."""

    def __init__(self, stride: int, stratum: _Chosen, seed: int, environment: Environment) -> None:
        super().__init__([stratum], seed, environment)
        self._stride = stride

    def __len__(self) -> int:
        return -(-len(self.strata[0].points) // self._stride)

    def draw(self, number: int) -> Planned:
        """The only one of that number."""
        return self.planned(number, self.strata[0].points[number * self._stride])

    def planned(self, number: int, instruction: int, place: int | None = None) -> Planned:
        """The fault before that instruction; a second fault's place in the recovery."""
        stratum, = self.strata
        source = Draw("every", self._seed, stratum.service, stratum.model.name, number)
        change = stratum.model.draw(source, stratum.execution.target)
        if place is not None:
            change = replace(change, b=change.b & (1 << PLACE_SHIFT) - 1 | place << PLACE_SHIFT)
        time_ns, _ = stratum.execution.locate(instruction)
        fault = Fault(number, self._environment.fault_id(stratum.model.name, stratum.service, instruction, change),
                      stratum.model.name, stratum.service, instruction, time_ns, change)
        return Planned(fault, stratum.model.describe(change))


class _EveryStep(EveryPoint):
    """Draw n is a kill at one point, and the second fault before the n-th instruction of the recovery from it."""

    def __init__(self, stride: int, stratum: _Chosen, seed: int, environment: Environment, instruction: int) -> None:
        super().__init__(stride, stratum, seed, environment)
        self._instruction = instruction

    def draw(self, number: int) -> Planned:
        """The only one of that number."""
        steps = len(self.strata[0].points)
        return self.planned(number, self._instruction, -(-(number * self._stride << 31) // steps))
