# SPDX-License-Identifier: MIT
"""What the plugin writes, read back: the layouts of faultinject/plugin/results.h and observe.h.

Rule: sizes are checked against what the file itself states, so that plugin and harness cannot drift apart unseen.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from pathlib import Path

from faultinject.errors import EngineError
from faultinject.times import ENGINE_PHASES

MAGIC = 0x314C555345524446
_HEADER = struct.Struct("<QIIIIQQIIII6Q")
_EXPERIMENT = struct.Struct("<II QQ qq QQ IIII QQQ II QQ QQ II Q 9Q IIQ qqQQ qQQ")
_RECOVERY = struct.Struct("<IIII 10Q II")
_STRETCH = struct.Struct("<qqi8I4x")
_DONE = struct.Struct("<I")
_LISTED = struct.Struct("<I")

OUTPUTS = ("log", "console", "error")
TRACE_SUPERSEDED = 1


class End(IntEnum):
    """How a run ended."""

    NONE = 0
    VERDICT = 1
    LIMIT = 2
    RESET = 3
    SHUTDOWN = 4
    WALL = 5
    CHILD_DIED = 6
    MISSED = 7


#: Ends that say something about the injector and nothing about the system under test.
ENGINE_FAILURES = frozenset({End.NONE, End.WALL, End.CHILD_DIED, End.MISSED})


class Feature(IntFlag):
    """What the plugin did to be fast. No result depends on it."""

    QUICK_CHECKSUMS = 1
    WARM = 2
    EARLY_END = 4
    SWITCHES = 8
    REWRITTEN = 16


class Activation(IntEnum):
    """What became of the faulty value or place while it was watched."""

    NOT_SEEN = 0
    USED = 1
    REPLACED = 2
    IMPOSSIBLE = 3


class Cause(IntEnum):
    """Why an incarnation ended (CAUSE_* of the kernel)."""

    NONE = 0
    EXCEPTION = 1
    HANG = 2
    PROTOCOL = 3
    CHECK = 4
    PANIC = 5
    HEARTBEAT = 6
    KILL = 7


class Stage(IntEnum):
    """STAGE_* of the kernel."""

    UNUSED = 0
    FRESH_START = 1
    RUNNING = 2
    FAILED = 3
    RESTORING = 4
    RECOVERING = 5
    GIVEN_UP = 6


@dataclass(frozen=True)
class Recovery:
    """The kernel's trace of one recovery; times are timestamps in ns (one instruction is 1 ns), 0 where a step was
    not reached."""

    service: int
    incarnation: int
    cause: int
    flags: int
    fault_rip: int
    fault_address: int
    t_fault: int
    t_parked: int
    t_decided: int
    t_restored: int
    t_started: int
    t_ready: int
    t_rerun: int
    t_replied: int
    binding: int
    operation: int

    @classmethod
    def unpack(cls, data: bytes) -> Recovery:
        """From the kernel's struct recovery_record."""
        return cls(*_RECOVERY.unpack(data))

    @property
    def superseded(self) -> bool:
        """Another failure came before this recovery had answered the parked call."""
        return bool(self.flags & TRACE_SUPERSEDED)

    @property
    def latency_ns(self) -> int | None:
        """From the fault to the reply of the call that was run again; None when no call was parked."""
        if self.superseded or not self.t_replied:
            return None
        return self.t_replied - self.t_fault


@dataclass(frozen=True)
class Experiment:
    """One run with one fault, as the plugin saw it. Texts begin at the injection."""

    end: End
    code: int
    detail: int
    injected_at_ns: int
    ended_at_ns: int
    rip: int
    cr3: int
    privilege: int
    stage: int
    serving_binding: int
    incarnation: int
    address: int
    before: int
    after: int
    activation: Activation
    watched_instructions: int
    activation_rip: int
    end_rip: int
    disk_hash: str
    recovery_count: int
    recoveries: tuple[Recovery, ...]
    output_starts: tuple[int, int, int]
    output_tails: tuple[bytes, bytes, bytes]
    end_stage: int
    end_restarts: int
    given_up: int
    #: When the faulty value was used or replaced, and when the kernel noted the first failure; 0: never.
    activated_at_ns: int = 0
    detected_at_ns: int = 0
    #: Replies of the target service since the injection, at these times (at the end where nothing was detected).
    calls_at_activation: int = 0
    calls_at_detection: int = 0
    #: When a second fault was put in and before which instruction (0: it was not), and among how many its place was.
    second_at_ns: int = 0
    second_rip: int = 0
    second_points: int = 0

    @property
    def detection_latency_ns(self) -> int | None:
        """From activation (from injection if that was not seen) to detection; of a second fault, if there was one."""
        if not self.detected_at_ns:
            return None
        return self.detected_at_ns - (self.activated_at_ns or self.second_at_ns or self.injected_at_ns)

    @property
    def calls_undetected(self) -> int:
        """Calls that the target service committed with the fault active and not detected."""
        return self.calls_at_detection - self.calls_at_activation


class Begin(IntEnum):
    """How a stretch begins: by going on after an interrupt, by a start, by an invocation's result, by a delivery."""

    CONTINUED = 0
    START = 1
    RESULT = 2
    CALL = 3
    EVENT = 4
    UNBIND = 5


class Finish(IntEnum):
    """How a stretch ends."""

    INTERRUPTED = 0
    REPLY = 1
    INVOKE = 2


OPERATION_NONE = 0xFFFF


@dataclass(frozen=True)
class Stretch:
    """Uninterrupted execution of a service in the golden run: end_ns - start_ns instructions."""

    start_ns: int
    end_ns: int
    service: int
    stage: int
    serving_binding: int
    incarnation: int
    begin: int = Begin.CONTINUED
    end: int = Finish.INTERRUPTED
    #: Of the request that is being served.
    operation: int = OPERATION_NONE
    #: Of the invocation that ends it: slot, and operation from bit 16; and its first word's lower half.
    selector: int = 0
    argument: int = 0


class Results:
    """The plugin's results file, readable while it is being written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        header = self._file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            self._file.close()
            raise EngineError(f"{path} is not complete", "read what QEMU printed on stderr")
        (magic, header_bytes, record_bytes, recovery_bytes, self.count, *_) = _HEADER.unpack(header)
        sizes = (magic, header_bytes, record_bytes, recovery_bytes)
        if sizes != (MAGIC, _HEADER.size, _EXPERIMENT.size, _RECOVERY.size):
            self._file.close()
            raise EngineError(f"{path} is of another version of the plugin", "build both again: make")
        self._taken = 0

    def close(self) -> None:
        """Gives the file back."""
        self._file.close()

    def _read(self, offset: int, length: int) -> bytes:
        """The file is sparse, and read by calls: a page of a mapping may need room on its disk, and without it we would die."""
        return os.pread(self._file.fileno(), length, offset)

    def _unpack(self, layout: struct.Struct, offset: int) -> tuple:
        return layout.unpack(self._read(offset, layout.size))

    @property
    def finished(self) -> bool:
        """The whole plan was worked off."""
        return self._unpack(_HEADER, 0)[8] == 1

    @property
    def features(self) -> Feature:
        """What was done to be fast."""
        return Feature(self._unpack(_HEADER, 0)[10])

    @property
    def phases_ns(self) -> dict[str, int]:
        """Processor time of the fork server and its children, by what it was spent on."""
        return dict(zip(ENGINE_PHASES, self._unpack(_HEADER, 0)[11:], strict=True))

    def take_ended(self) -> Iterator[int]:
        """The indices of experiments that have ended since this was last asked, in the order in which they did."""
        list_offset = self._offset(self.count)
        while self._taken < self.count:
            (number,) = self._unpack(_LISTED, list_offset + self._taken * _LISTED.size)
            if number == 0:
                return
            self._taken += 1
            yield number - 1

    def _offset(self, index: int) -> int:
        return _HEADER.size + index * _EXPERIMENT.size

    def done(self, index: int) -> bool:
        """The record is complete."""
        return self._unpack(_DONE, self._offset(index))[0] == 1

    def experiment(self, index: int) -> Experiment:
        """One complete record."""
        field = iter(self._unpack(_EXPERIMENT, self._offset(index)))
        next(field)
        end = End(next(field))
        numbers = [next(field) for _ in range(13)]
        activation = Activation(next(field))
        watched, activation_rip, end_rip = next(field), next(field), next(field)
        hash_low, hash_high, disk_known = next(field), next(field), next(field)
        recovery_count, recoveries_offset = next(field), next(field)
        outputs = [(next(field), next(field), next(field)) for _ in OUTPUTS]
        end_stage, end_restarts, given_up = next(field), next(field), next(field)
        activated_at, detected_at, calls_activation, calls_detection = (next(field) for _ in range(4))
        second_at, second_rip, second_points = (next(field) for _ in range(3))
        return Experiment(
            end, *numbers, activation, watched, activation_rip, end_rip,
            disk_hash=f"{hash_low:016x}{hash_high:016x}" if disk_known else "",
            recovery_count=recovery_count,
            recoveries=tuple(self._recoveries(recoveries_offset, recovery_count)),
            output_starts=tuple(start for start, _, _ in outputs),
            output_tails=tuple(self._read(offset, length) if offset else b""
                               for _, offset, length in outputs),
            end_stage=end_stage, end_restarts=end_restarts, given_up=given_up, activated_at_ns=activated_at,
            detected_at_ns=detected_at, calls_at_activation=calls_activation, calls_at_detection=calls_detection,
            second_at_ns=second_at, second_rip=second_rip, second_points=second_points)

    def _recoveries(self, offset: int, count: int) -> Iterator[Recovery]:
        for i in range(min(count, 64) if offset else 0):
            start = offset + i * _RECOVERY.size
            yield Recovery.unpack(self._read(start, _RECOVERY.size))


def read_timeline(path: Path) -> list[Stretch]:
    """The golden run's timeline, in order of time."""
    data = path.read_bytes()
    return [Stretch(*fields) for fields in _STRETCH.iter_unpack(data)]
