# SPDX-License-Identifier: MIT
"""Faults at a service's boundary: in requests, replies, capability indices, notifications, memory, and its device.

The golden run's timeline tells when each delivery begins and each system call ends a stretch (faultinject/records.py);
there, and only there, what travels is in registers that are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from faultinject.draw import Draw
from faultinject.models.base import (LASTING, R8, R9, R10, RAX, RDI, RDX, REGISTERS, RSI, UNKNOWN, Change, Model, Target, damage,
                                     describe_damage)
from faultinject.records import Begin, Finish, Stretch

if TYPE_CHECKING:
    from faultinject.plan import Execution

#: PE_IO of abi/posix_errno.toml, as a service answers it.
ERROR_IO = -5 & (1 << 64) - 1
#: SLOT_NOTIFICATION and NOTIFICATION_WAIT of abi/kernel.toml, as a selector.
WAIT_SELECTOR = 10 | 2 << 16


class _Registers(Model):
    """One bit of what travels: bits 0 to n - 1 of some registers."""

    groups = ("boundary",)
    parts: tuple[tuple[int, int], ...] = ()
    what = ""

    def choices(self, target: Target = UNKNOWN) -> int:
        return sum(bits for _, bits in self.parts)

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        number = source.below(self.choices())
        for register, bits in self.parts:
            if number < bits:
                return Change("register", register, damage(number))
            number -= bits
        raise AssertionError

    def describe(self, change: Change) -> str:
        return f"{self.what}, {REGISTERS[change.a]} {describe_damage(change.b)}"


class CorruptedRequest(_Registers):
    """One bit of a request is inverted when it is delivered: of its four words, its operation and binding, or its transfer
    descriptor."""

    name = "request-corrupt"
    explanation = "one bit of a request inverted on delivery"
    parts = ((RDI, 64), (RSI, 64), (RDX, 64), (R10, 64), (R9, 48), (R8, 25))
    what = "request"

    def points(self, execution: Execution) -> Sequence[int]:
        return execution.first_of(lambda stretch, _: stretch.begin == Begin.CALL)


class CorruptedReply(_Registers):
    """One bit of a reply is inverted when it is made: of its four words, or of the number of its message's bytes."""

    name = "reply-corrupt"
    explanation = "one bit of a reply inverted as it is made"
    parts = ((RDI, 64), (RSI, 64), (RDX, 64), (R10, 64), (R8, 13))
    what = "reply"

    def points(self, execution: Execution) -> Sequence[int]:
        return execution.last_of(_replies_to_a_call)


class CorruptedCapability(_Registers):
    """One bit of the capability index by which the service invokes something is inverted."""

    name = "capability-corrupt"
    explanation = "one bit of a capability index inverted as it is invoked"
    parts = ((RAX, 16),)
    what = "capability index"

    def points(self, execution: Execution) -> Sequence[int]:
        return execution.last_of(lambda stretch: stretch.end == Finish.INVOKE)


class LostNotification(Model):
    """The bits of a notification are gone when it is delivered; the monitor's is what it is told failures by."""

    name = "notification-lost"
    explanation = "a notification arrives without its bits"
    groups = ("boundary",)

    def points(self, execution: Execution) -> Sequence[int]:
        return execution.first_of(lambda stretch, before: stretch.begin == Begin.EVENT or _has_waited(stretch, before))

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("assign", 0, RDI)

    def describe(self, change: Change) -> str:
        return "notification lost"


class DoubledNotification(Model):
    """A notification that is delivered to a service comes once more after it."""

    name = "notification-again"
    explanation = "a notification is delivered twice"
    groups = ("boundary",)

    def points(self, execution: Execution) -> Sequence[int]:
        return execution.first_of(lambda stretch, _: stretch.begin == Begin.EVENT)

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("event-again", target.number, 0)

    def describe(self, change: Change) -> str:
        return "notification delivered twice"


class OutOfMemory(Model):
    """From the point on the service's domain gets no more memory; what it has it keeps."""

    name = "out-of-memory"
    explanation = "the service's quota of memory is used up"
    permanence = LASTING
    groups = ("boundary",)

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("quota", target.number, 0)

    def describe(self, change: Change) -> str:
        return "no more memory"


class _Device(Model):
    """What strikes the replies of the service that has the disk."""

    groups = ("boundary", "device")

    def points(self, execution: Execution) -> Sequence[int]:
        return execution.last_of(_replies_to_a_call) if execution.target.disk else ()


class DeviceError(_Device):
    """The block service answers a request with an input/output error, as when its device fails to carry it out."""

    name = "device-error"
    explanation = "the block service answers with an error"

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("assign", ERROR_IO, RDI)

    def describe(self, change: Change) -> str:
        return "input/output error"


class DeviceDelay(_Device):
    """The block service's reply is delayed, as when its device is slow; the longest delay is beyond its limit for hangs."""

    name = "device-delay"
    explanation = "the block service's reply comes late"
    DELAYS_NS = (10_000, 100_000, 1_000_000, 5_000_000, 15_000_000, 40_000_000)

    def choices(self, target: Target = UNKNOWN) -> int:
        return len(self.DELAYS_NS)

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("delay", self.DELAYS_NS[source.below(len(self.DELAYS_NS))], 0)

    def describe(self, change: Change) -> str:
        return f"{change.a / 1e6:g} ms late"


def _has_waited(stretch: Stretch, before: Stretch | None) -> bool:
    return (before is not None and stretch.begin == Begin.RESULT and before.end == Finish.INVOKE
            and before.selector == WAIT_SELECTOR)


def _replies_to_a_call(stretch: Stretch) -> bool:
    return stretch.end == Finish.REPLY and stretch.serving_binding != 0


MODELS = (CorruptedRequest(), CorruptedReply(), CorruptedCapability(), LostNotification(), DoubledNotification(),
          OutOfMemory(), DeviceError(), DeviceDelay())
