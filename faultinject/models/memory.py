# SPDX-License-Identifier: MIT
"""Bits in memory that are not what was stored. Each fault is watched from the moment it is put in: a load of a faulty
byte by whomever is its activation, a store before that replaces it.

Servers allocate nothing: what would be on a heap elsewhere, caches and tables, is in their segment `scratch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from faultinject.draw import Draw
from faultinject.models.base import (CLEAR, LASTING, SET, UNKNOWN, UNTIL_RESTORED, Change, Model, Target, any_place,
                                     damage, describe_damage)
from faultinject.records import Stage

if TYPE_CHECKING:
    from faultinject.plan import Execution

#: WINDOW_MESSAGE and MESSAGE_BYTES of abi/kernel.toml.
MESSAGE_ADDRESS, MESSAGE_BYTES = 0x70060000, 4096
MULTIBIT_MOST = 4

#: Copies of server state regions: enum copy of the plugin.
IN_USE, WORKING, COMMITTED = 0, 1, 2
_COPIES = ("in use", "working copy at rest", "committed copy")
_SERVICE_SHIFT = 8


class _Memory(Model):
    groups = ("memory", "hardware")


class _Segments(_Memory):
    """Any bit of some segments of the image."""

    kinds: tuple[str, ...] = ()

    def points(self, execution: Execution) -> Sequence[int]:
        return super().points(execution) if execution.target.bytes_of(*self.kinds) else ()

    def choices(self, target: Target = UNKNOWN) -> int:
        return 8 * target.bytes_of(*self.kinds)

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        address = target.place(source.below(target.bytes_of(*self.kinds)), *self.kinds)
        return Change("memory", address, self.damage(source))

    def damage(self, source: Draw) -> int:
        """To the byte that was drawn."""
        return damage(source.below(8))

    def describe(self, change: Change) -> str:
        return f"byte {change.a:#x} {describe_damage(change.b)}"


class DataBitflip(_Segments):
    """One bit of the service's variables (.data and .bss) is inverted; it stays so until it is stored to."""

    name = "data-bitflip"
    explanation = "one bit of the service's variables inverted"
    kinds = ("data",)


class HeapBitflip(_Segments):
    """One bit of the service's caches and tables (its segment `scratch`, without the stack) is inverted."""

    name = "heap-bitflip"
    explanation = "one bit of the service's caches and tables inverted"
    kinds = ("scratch",)


class TextBitflip(_Segments):
    """One bit of the service's code or constants is inverted, wherever they are; a bit of code is activated when the
    instruction that it belongs to is executed."""

    name = "text-bitflip"
    explanation = "one bit of the service's code or constants inverted"
    permanence = UNTIL_RESTORED
    kinds = ("code", "constants")


class DataMultibit(DataBitflip):
    """Two to four adjacent bits of the service's variables are inverted."""

    name = "data-multibit"
    explanation = "two to four adjacent bits of the service's variables inverted"

    def choices(self, target: Target = UNKNOWN) -> int:
        return super().choices(target) * (MULTIBIT_MOST - 1)

    def damage(self, source: Draw) -> int:
        return damage(source.below(8), 2 + source.below(MULTIBIT_MOST - 1))


class DataStuckAt(DataBitflip):
    """One bit of the service's variables is stuck at 0 or 1: whatever is stored, it reads so. It survives the recovery,
    for the new incarnation has the same frames."""

    name = "data-stuck-at"
    explanation = "one bit of the service's variables stuck at 0 or 1"
    permanence = LASTING

    def choices(self, target: Target = UNKNOWN) -> int:
        return super().choices(target) * 2

    def damage(self, source: Draw) -> int:
        return damage(source.below(8), effect=(CLEAR, SET)[source.below(2)], held=True)


class StackBitflip(_Memory):
    """One bit of the bytes of the stack that are in use at the point is inverted."""

    name = "stack-bitflip"
    explanation = "one bit of the stack in use inverted"

    def points(self, execution: Execution) -> Sequence[int]:
        return super().points(execution) if execution.target.stack else ()

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("stack", target.stack, damage(source.below(8), place=any_place(source)))

    def describe(self, change: Change) -> str:
        return f"stack, at {_percent(change.b)} of what is in use, {describe_damage(change.b)}"


class MessageBitflip(_Memory):
    """One bit of the service's message page, in which requests and replies travel, is inverted."""

    name = "message-bitflip"
    explanation = "one bit of the message page inverted"

    def points(self, execution: Execution) -> Sequence[int]:
        return execution.instructions_in(Stage.RUNNING)

    def choices(self, target: Target = UNKNOWN) -> int:
        return 8 * MESSAGE_BYTES

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("memory", MESSAGE_ADDRESS + source.below(MESSAGE_BYTES), damage(source.below(8)))

    def describe(self, change: Change) -> str:
        return f"byte {change.a - MESSAGE_ADDRESS} of the message {describe_damage(change.b)}"


class _Region(_Memory):
    """One bit among all the server state regions of the service that have such a copy at the point, its own included."""

    copy = IN_USE

    def points(self, execution: Execution) -> Sequence[int]:
        target = execution.target
        # Its own region is mapped whenever it runs; only clients' regions rest.
        kept = target.ssr_bytes if self.copy == WORKING else target.ssr_bytes + target.region_bytes
        return execution.instructions_in(Stage.RUNNING) if kept else ()

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("region", self.copy | target.number << _SERVICE_SHIFT, self.damage(source))

    def damage(self, source: Draw) -> int:
        """Somewhere in them."""
        return damage(source.below(8), place=any_place(source))

    def describe(self, change: Change) -> str:
        return f"state region {_COPIES[change.a & 0xFF]}, at {_percent(change.b)}, {describe_damage(change.b)}"


class RegionInUse(_Region):
    """One bit of the regions that the running transaction has opened: its client's, the service's own, in an event those that
    it has opened so far. The kernel checksums them after it, so only the layout's ranges and the service itself can find it."""

    name = "ssr-in-use"
    explanation = "one bit of a server state region inverted while a call works on it"


class RegionWorking(_Region):
    """One bit of the working copy of a region at rest: it is found by its checksum when it is opened next, and repaired."""

    name = "ssr-working"
    explanation = "one bit of the working copy of a server state region at rest inverted"
    copy = WORKING


class RegionCommitted(_Region):
    """One bit of the copy of a region that counts: it is found when the working copy must be made from it."""

    name = "ssr-committed"
    explanation = "one bit of the committed copy of a server state region inverted"
    copy = COMMITTED


class RegionMultibit(_Region):
    """Two to eight adjacent bits of the working copy of a region at rest."""

    name = "ssr-multibit"
    explanation = "two to eight adjacent bits of the working copy of a server state region at rest inverted"
    copy = WORKING

    def damage(self, source: Draw) -> int:
        return damage(source.below(8), 2 + source.below(7), place=any_place(source))


class RegionStuckAt(_Region):
    """One bit of the committed copy of a region is stuck at 0 or 1; the two copies change places with each commit."""

    name = "ssr-stuck-at"
    explanation = "one bit of the committed copy of a server state region stuck at 0 or 1"
    permanence = LASTING
    copy = COMMITTED

    def damage(self, source: Draw) -> int:
        return damage(source.below(8), effect=(CLEAR, SET)[source.below(2)], held=True, place=any_place(source))


def _percent(operand: int) -> str:
    return f"{(operand >> 32) * 100 / (1 << 31):.1f} %"


MODELS = (StackBitflip(), DataBitflip(), HeapBitflip(), TextBitflip(), DataMultibit(), DataStuckAt(), MessageBitflip(),
          RegionInUse(), RegionWorking(), RegionCommitted(), RegionMultibit(), RegionStuckAt())
