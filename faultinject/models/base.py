# SPDX-License-Identifier: MIT
"""What a fault model is, and what it may know of the service that it strikes.

Rule: a model's space is (points of the service's execution) x (its own choices), and a draw is uniform over it. It takes
all its randomness from the source that it is given, so the same seed gives the same fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faultinject.draw import Draw

if TYPE_CHECKING:
    from faultinject.plan import Execution

REGISTERS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
             "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip", "rflags")
RAX, RDX, RSI, RDI, R8, R9, R10, RIP, RFLAGS = 0, 2, 6, 7, 8, 9, 10, 16, 17


@dataclass(frozen=True)
class Change:
    """What the plugin is told: the kind of a plan line and its two operands (faultinject/plugin/plan.h)."""

    kind: str
    a: int
    b: int


@dataclass(frozen=True)
class Segment:
    """A piece of a service's image: "code", "constants", "data" or "scratch"."""

    kind: str
    address: int
    bytes: int


@dataclass(frozen=True)
class Target:
    """What is known of a service beside its execution."""

    service: str = ""
    #: Of the manifest.
    number: int = 0
    segments: tuple[Segment, ...] = ()
    #: Where its stack begins (it grows down from there); 0: not known.
    stack: int = 0
    #: Bytes of each client's server state region, and of the service's own.
    ssr_bytes: int = 0
    region_bytes: int = 0
    #: It has a disk.
    disk: bool = False

    def bytes_of(self, *kinds: str) -> int:
        """The size of its segments of these kinds."""
        return sum(segment.bytes for segment in self.segments if segment.kind in kinds)

    def place(self, number: int, *kinds: str) -> int:
        """The address of byte `number` of its segments of these kinds."""
        for segment in self.segments:
            if segment.kind in kinds:
                if number < segment.bytes:
                    return segment.address + number
                number -= segment.bytes
        raise ValueError(f"byte {number} beyond the segments {kinds}")


#: A target of which nothing is known.
UNKNOWN = Target()

#: What damage does to bits: enum damage_effect of the plugin.
INVERT, CLEAR, SET = 0, 1, 2
_EFFECTS = ("inverted", "cleared", "set")
_PLACES = 1 << 31


def damage(first_bit: int, bits: int = 1, effect: int = INVERT, held: bool = False, place: int = 0) -> int:
    """The operand that says it: struct damage of the plugin. `place` is of 2**31, a fraction of all places."""
    return first_bit | (bits - 1) << 8 | effect << 16 | int(held) << 20 | place << 32


def any_place(source: Draw) -> int:
    """A place of damage(), where the number of places is known to the machine alone."""
    return source.below(_PLACES)


def describe_damage(operand: int) -> str:
    """For people."""
    first, bits, effect, held = operand & 0xFF, 1 + (operand >> 8 & 0xFF), operand >> 16 & 0xF, operand >> 20 & 1
    which = f"bit {first}" if bits == 1 else f"bits {first} to {first + bits - 1}"
    return which if (effect, held) == (INVERT, 0) else f"{which} {'held ' if held else ''}{_EFFECTS[effect]}"


#: How long a fault lasts: it strikes once; what it changed in the code stays until a recovery restores it; or it outlasts
#: recoveries. Figures of faults that last differently are never pooled without saying so.
PERMANENCES = TRANSIENT, UNTIL_RESTORED, LASTING = "transient", "until restored", "lasting"


class Model:
    """A fault model."""

    name = ""
    explanation = ""
    #: Names under which several models are asked for together.
    groups: tuple[str, ...] = ()
    #: Register faults at every instruction, which def/use analysis may group (faultinject/trace.py).
    grouped = False
    permanence = TRANSIENT

    def points(self, execution: Execution) -> Sequence[int]:
        """Before which instructions of the execution it may strike; none: it does not apply to that service."""
        return range(execution.instructions)

    def choices(self, target: Target = UNKNOWN) -> int:
        """How many faults there are at one point; 1 where their number differs from point to point."""
        return 1

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        """One of them."""
        raise NotImplementedError

    def describe(self, change: Change) -> str:
        """For people."""
        raise NotImplementedError
