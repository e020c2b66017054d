# SPDX-License-Identifier: MIT
"""Faults in registers. Kernel and servers use general registers only (mk/flags.mk): a fault in an SSE register is one of
the program whose registers are in the processor at that time."""

from __future__ import annotations

from faultinject.draw import Draw
from faultinject.models.base import (CLEAR, LASTING, REGISTERS, RFLAGS, RIP, SET, UNKNOWN, Change, Model, Target, damage,
                                     describe_damage)

#: Bits of RFLAGS that a program's state has: arithmetic, DF, TF, IF, IOPL, NT, RF, AC, ID. (VM, VIF and VIP do not
#: exist in 64-bit mode; the others are fixed.)
FLAG_BITS = (0, 2, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 21)
MULTIBIT_MOST = 4


class _Register(Model):
    groups = ("registers", "hardware")

    def describe(self, change: Change) -> str:
        return f"{REGISTERS[change.a]} {describe_damage(change.b)}"


class RegisterBitflip(_Register):
    """One bit of one register (16 general registers, RIP, the meaningful bits of RFLAGS) is inverted, once."""

    name = "reg-bitflip"
    explanation = "one bit of a register inverted"
    grouped = True
    _BITS = [(register, bit) for register in range(RIP + 1) for bit in range(64)]
    _BITS += [(RFLAGS, bit) for bit in FLAG_BITS]

    def choices(self, target: Target = UNKNOWN) -> int:
        return len(self._BITS)

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        register, bit = self._BITS[source.below(len(self._BITS))]
        return Change("register", register, bit)


class RegisterMultibit(_Register):
    """Two to four adjacent bits of one general register or RIP are inverted, once."""

    name = "reg-multibit"
    explanation = "two to four adjacent bits of a register inverted"
    _PLACES = [(bits, first) for bits in range(2, MULTIBIT_MOST + 1) for first in range(65 - bits)]

    def choices(self, target: Target = UNKNOWN) -> int:
        return (RIP + 1) * len(self._PLACES)

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        bits, first = self._PLACES[source.below(len(self._PLACES))]
        return Change("register", source.below(RIP + 1), damage(first, bits))


class RegisterStuckAt(_Register):
    """One bit of one general register is stuck at 0 or 1 for the next 200 instructions of the service
    (HOLD_INSTRUCTIONS of the plugin's watch.h), those of several incarnations if need be. Other programs see the register whole: a register that is stuck for all
    would be the kernel's, too."""

    name = "reg-stuck-at"
    explanation = "one bit of a register stuck at 0 or 1 for 200 instructions of the service"
    permanence = LASTING

    def choices(self, target: Target = UNKNOWN) -> int:
        return RIP * 64 * 2

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        effect = (CLEAR, SET)[source.below(2)]
        return Change("register", source.below(RIP), damage(source.below(64), effect=effect, held=True))


class SseBitflip(Model):
    """One bit of one of the 16 SSE registers is inverted while the service executes, which uses none of them: they are those
    of the program that used one last. The fault is that program's own; whether others stay unaffected is the question."""

    name = "sse-bitflip"
    explanation = "one bit of an SSE register, a program's, inverted"
    groups = ("program",)
    _REGISTERS, _BITS = 16, 128

    def choices(self, target: Target = UNKNOWN) -> int:
        return self._REGISTERS * self._BITS

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("sse", source.below(self._REGISTERS), damage(source.below(self._BITS)))

    def describe(self, change: Change) -> str:
        return f"xmm{change.a} {describe_damage(change.b)}"


MODELS = (RegisterBitflip(), RegisterMultibit(), RegisterStuckAt(), SseBitflip())
