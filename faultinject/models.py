# SPDX-License-Identifier: MIT
"""Fault models: what is changed in the machine at a point of a service's execution.

A model's space is (instructions that the service executes in the golden run) x (its own choices); a draw is uniform
over it. Each is one small class; a campaign names them by `name`.
"""

from __future__ import annotations

from dataclasses import dataclass

from faultinject.draw import Draw
from faultinject.errors import UsageError

REGISTERS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
             "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip", "rflags")
RIP, RFLAGS = 16, 17

#: Bits of RFLAGS that a program's state has: arithmetic, DF, TF, IF, IOPL, NT, RF, AC, ID. (VM, VIF and VIP do not
#: exist in 64-bit mode; the others are fixed.)
FLAG_BITS = (0, 2, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 21)

#: Where nothing is mapped in any address space: a stray jump lands there.
STRAY_BASE, STRAY_SPAN = 0x5000_0000_0000, 0x1000_0000_0000


@dataclass(frozen=True)
class Change:
    """What the plugin is told: the kind of a plan line and its two operands."""

    kind: str
    a: int
    b: int


class Model:
    """A fault model."""

    name = ""
    explanation = ""

    def choices(self) -> int:
        """How many faults there are at one point."""
        raise NotImplementedError

    def draw(self, source: Draw) -> Change:
        """One of them."""
        raise NotImplementedError

    def describe(self, change: Change) -> str:
        """For people."""
        raise NotImplementedError


class RegisterBitflip(Model):
    """One bit of one register (16 general registers, RIP, the meaningful bits of RFLAGS) is inverted, once."""

    name = "reg-bitflip"
    explanation = "one bit of a register inverted"
    _BITS = [(register, bit) for register in range(RIP + 1) for bit in range(64)]
    _BITS += [(RFLAGS, bit) for bit in FLAG_BITS]

    def choices(self) -> int:
        return len(self._BITS)

    def draw(self, source: Draw) -> Change:
        register, bit = self._BITS[source.below(len(self._BITS))]
        return Change("register", register, bit)

    def describe(self, change: Change) -> str:
        return f"{REGISTERS[change.a]} bit {change.b}"


class MemoryAbort(Model):
    """The first data access at or after the point faults, once: its page is absent for that one access."""

    name = "memory-abort"
    explanation = "the next data access faults"

    def choices(self) -> int:
        return 1

    def draw(self, source: Draw) -> Change:
        return Change("abort", 0, 0)

    def describe(self, change: Change) -> str:
        return "next data access"


class Hang(Model):
    """The next instruction is overwritten by a jump to itself; the code stays so until it is restored."""

    name = "hang"
    explanation = "the next instruction becomes an endless loop"

    def choices(self) -> int:
        return 1

    def draw(self, source: Draw) -> Change:
        return Change("hang", 0, 0)

    def describe(self, change: Change) -> str:
        return "endless loop"


class Kill(Model):
    """Execution goes on at an address where nothing is mapped: the service dies at this very instruction."""

    name = "kill"
    explanation = "the service dies at this instruction"

    def choices(self) -> int:
        return 1

    def draw(self, source: Draw) -> Change:
        return Change("kill", STRAY_BASE + source.below(STRAY_SPAN // 64) * 64, 0)

    def describe(self, change: Change) -> str:
        return f"stray jump to {change.a:#x}"


class CodeBitflip(Model):
    """One bit of the first four bytes of the next instruction is inverted in memory, and stays so."""

    name = "code-bitflip"
    explanation = "one bit of the code about to execute inverted"
    _BYTES = 4

    def choices(self) -> int:
        return 8 * self._BYTES

    def draw(self, source: Draw) -> Change:
        place = source.below(8 * self._BYTES)
        return Change("code", place // 8, place % 8)

    def describe(self, change: Change) -> str:
        return f"byte {change.a} bit {change.b} of the instruction"


class Control(Model):
    """Nothing is changed. Every such run must equal the golden run: it tests the injector, not the system."""

    name = "control"
    explanation = "nothing is changed"

    def choices(self) -> int:
        return 1

    def draw(self, source: Draw) -> Change:
        return Change("none", 0, 0)

    def describe(self, change: Change) -> str:
        return "none"


MODELS: dict[str, Model] = {model.name: model for model in
                            (RegisterBitflip(), MemoryAbort(), Hang(), Kill(), CodeBitflip(), Control())}


def parse_models(text: str) -> tuple[Model, ...]:
    """From a list of names with commas; each at most once."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in MODELS:
            raise UsageError(f"there is no fault model {name}", "some of " + ", ".join(MODELS))
    if not names or len(set(names)) != len(names):
        raise UsageError(f"the list of models {text!r} is empty or names one twice", "some of " + ", ".join(MODELS))
    return tuple(MODELS[name] for name in names)
