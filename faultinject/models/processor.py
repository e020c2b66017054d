# SPDX-License-Identifier: MIT
"""Faults of the processor as a whole, and the control."""

from __future__ import annotations

from faultinject.draw import Draw
from faultinject.models.base import UNKNOWN, Change, Model, Target

#: Where nothing is mapped in any address space: a stray jump lands there.
STRAY_BASE, STRAY_SPAN = 0x5000_0000_0000, 0x1000_0000_0000


class MemoryAbort(Model):
    """The first data access at or after the point faults, once: its page is absent for that one access."""

    name = "memory-abort"
    explanation = "the next data access faults"
    groups = ("processor", "hardware")

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("abort", 0, 0)

    def describe(self, change: Change) -> str:
        return "next data access"


class Hang(Model):
    """The next instruction is overwritten by a jump to itself; the code stays so until it is restored."""

    name = "hang"
    explanation = "the next instruction becomes an endless loop"
    groups = ("processor", "software")

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("hang", 0, 0)

    def describe(self, change: Change) -> str:
        return "endless loop"


class Kill(Model):
    """Execution goes on at an address where nothing is mapped: the service dies at this very instruction."""

    name = "kill"
    explanation = "the service dies at this instruction"
    groups = ("processor",)

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("kill", STRAY_BASE + source.below(STRAY_SPAN // 64) * 64, 0)

    def describe(self, change: Change) -> str:
        return f"stray jump to {change.a:#x}"


class Control(Model):
    """Nothing is changed. Every such run must equal the golden run: it tests the injector, not the system."""

    name = "control"
    explanation = "nothing is changed"

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("none", 0, 0)

    def describe(self, change: Change) -> str:
        return "none"


MODELS = (MemoryAbort(), Hang(), Kill(), Control())
