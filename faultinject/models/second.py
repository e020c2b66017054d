# SPDX-License-Identifier: MIT
"""A second fault while the service recovers from a first one.

The first is a kill at the point. The second is of another model, put in before one instruction of the recovery that follows:
of the recovering server, from its start until it is ready; or of the monitor, from the failure until then. Each of
these instructions is as likely as any other; how many there are is found out in the same run (faultinject/plugin/second.c),
so that extrapolated counts are of points.
"""

from __future__ import annotations

from faultinject.draw import Draw
from faultinject.models.base import UNKNOWN, Change, Model, Target, any_place
from faultinject.models.code import CodeBitflip
from faultinject.models.processor import Hang, Kill, MemoryAbort
from faultinject.models.registers import RegisterBitflip

PLACE_SHIFT = 32
#: Where: the word before the model's name, that before its kind for the plugin, and for people.
_RECOVERING = ("recovering", "recovering+", "in its recovery")
_MONITOR = ("monitor", "monitor+", "in the monitor that brings it back")
#: The first fault: as faultinject/plugin/second.c does it.
FIRST = Change("kill", 0x500000000000, 0)


def struck_service(service: str, change: Change) -> str:
    """The service that a change strikes in an experiment on `service`; of two faults, the second."""
    return "monitor" if change.kind.startswith(_MONITOR[1]) else service


class SecondFault(Model):
    """A kill at the point, then a fault of another model during the recovery from it."""

    groups = ("second",)

    def __init__(self, where: tuple[str, str, str], second: Model) -> None:
        self._prefix, self._where, self._second = where[1], where[2], second
        self.name = f"{where[0]}-{second.name}"
        self.explanation = f"the service is killed; {self._where}: {second.explanation}"
        self.groups = (*self.groups, f"second-{where[0]}")
        self.permanence = second.permanence

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        change = self._second.draw(source, target)
        return Change(self._prefix + change.kind, change.a, change.b | any_place(source) << PLACE_SHIFT)

    def alone(self, change: Change) -> Change:
        """The second fault as one that is put in by itself."""
        return Change(change.kind.removeprefix(self._prefix), change.a, change.b & (1 << PLACE_SHIFT) - 1)

    def describe(self, change: Change) -> str:
        place = (change.b >> PLACE_SHIFT) * 100 / (1 << 31)
        return f"killed; {self._where}, at {place:.2f} %: {self.describe_second(change)}"

    def describe_second(self, change: Change) -> str:
        """The second fault alone."""
        return self._second.describe(self.alone(change))


MODELS = tuple(SecondFault(where, model) for where in (_RECOVERING, _MONITOR)
               for model in (RegisterBitflip(), MemoryAbort(), Hang(), Kill(), CodeBitflip()))
