# SPDX-License-Identifier: MIT
"""Def/use analysis: which register faults of the raw space are known to be equal, or to have no effect.

Between two touches of a register's bit (an instruction that reads or replaces it) nothing depends on when the bit is
inverted. All the instructions after one touch, up to and with the next, are one class: its faults are equal, and the last
one, right before the touch, is run for all of them. If the touch replaces the bit without reading it, no run is needed.

Rule: a class never reaches beyond a stretch of uninterrupted execution. Where the service gives up the processor, by a
system call, an exception or an interrupt, whatever comes next may read everything, so the stretch's last instruction
closes all classes that are open. What the decoder does not know reads everything, too. So classes are smaller than they
could be, and never too large. Sources: docs/methodology.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy

from faultinject.errors import EngineError
from faultinject.golden import Golden, Workbench
from faultinject.machine import run_to_end
from faultinject.models import FLAG_BITS, RFLAGS, RIP, Change
from faultinject.plan import Execution, Place

MAGIC = 0x3143415254444654
REGISTER_COUNT = 16
KNOWN = 1

#: Flags that are in force with the next instruction, whatever it reads (TF, IF, IOPL, RF, AC): their faults are not grouped.
_IN_FORCE = {8, 9, 12, 13, 16, 18}
_GROUPED_FLAGS = frozenset(FLAG_BITS) - _IN_FORCE

_HEADER = numpy.dtype([("magic", "<u8"), ("header_bytes", "<u4"), ("code_bytes", "<u4"), ("executed", "<u8"),
                       ("codes", "<u8"), ("ended_at_ns", "<i8")])
_CODE = numpy.dtype([("address", "<u8"), ("flags_read", "<u4"), ("flags_written", "<u4"), ("kind", "<u4"),
                     ("length_bytes", "<u4"), ("read", "<u8", REGISTER_COUNT), ("written", "<u8", REGISTER_COUNT)])
#: How far a search looks at a time, in instructions.
_STEP = 128


def run_trace(workbench: Workbench, golden: Golden, timeout_s: float = 300) -> Path:
    """Runs the golden run once more, traced; the trace is in the file that is returned."""
    path = workbench.directory / "golden.trace"
    with workbench.account.on("golden runs"):
        run_to_end(workbench.machine("trace", ["mode=trace", f"events={path}"]), timeout_s, "the traced golden run")
    header = numpy.fromfile(path, _HEADER, 1)[0]
    if header["magic"] != MAGIC or header["header_bytes"] != _HEADER.itemsize or header["code_bytes"] != _CODE.itemsize:
        raise EngineError(f"{path} is of another version of the plugin", "build both again: make")
    executed = sum(stretch.end_ns - stretch.start_ns for stretch in golden.timeline)
    if (header["executed"], header["ended_at_ns"]) != (executed, golden.experiment.ended_at_ns):
        raise EngineError("the traced run differs from the golden run",
                          "runs are not repeatable with this QEMU: use another build, and say which one failed")
    return path


@dataclass(frozen=True)
class _Touches:
    """By number of an instruction: whether it touches a bit, and whether it reads it."""

    touched: numpy.ndarray
    read: numpy.ndarray


class Tracer:
    """The classes of the faults of some services; the trace is made when the first register fault is asked for."""

    def __init__(self, workbench: Workbench, golden: Golden, executions: Mapping[str, Execution]) -> None:
        self._make = lambda: Classes(run_trace(workbench, golden), golden, executions)
        self._classes: Classes | None = None

    def __call__(self, service: str, instruction: int, change: Change) -> Place | None:
        """The class of a fault; None when it is by itself."""
        if change.kind != "register":
            return None
        if self._classes is None:
            self._classes = self._make()
        return self._classes(service, instruction, change)


class Classes:
    """The classes of the register faults of some services."""

    def __init__(self, path: Path, golden: Golden, executions: Mapping[str, Execution]) -> None:
        header = numpy.fromfile(path, _HEADER, 1)[0]
        executed, codes = int(header["executed"]), int(header["codes"])
        #: The number of each instruction that was executed. On the disk: as large as the run is long.
        self._executed = numpy.memmap(path, "<u4", "r", _HEADER.itemsize, (executed,))
        self._codes = numpy.fromfile(path, _CODE, codes, offset=_HEADER.itemsize + 4 * executed)
        self._executions = executions
        self._starts = {}
        position = 0
        for stretch in golden.timeline:
            self._starts[stretch.start_ns] = position
            position += stretch.end_ns - stretch.start_ns
        self._touches = lru_cache(maxsize=None)(self._find_touches)

    def address(self, service: str, instruction: int) -> int:
        """Of a service's instruction."""
        position, _, _ = self._position(service, instruction)
        return int(self._codes[self._executed[position]]["address"])

    def _position(self, service: str, instruction: int) -> tuple[int, int, int]:
        """In the trace: of the instruction, of its stretch's first, and behind its stretch's last."""
        time_ns, stretch = self._executions[service].locate(instruction)
        first = self._starts[stretch.start_ns]
        return first + time_ns - stretch.start_ns, first, first + stretch.end_ns - stretch.start_ns

    def __call__(self, service: str, instruction: int, change: Change) -> Place | None:
        """The class of a fault; None when it is by itself."""
        if change.kind != "register" or change.a == RIP or (change.a == RFLAGS and change.b not in _GROUPED_FLAGS):
            return None
        touches = self._touches(change.a, change.b)
        position, first, end = self._position(service, instruction)
        use = self._next(touches.touched, position, end)
        closed = use < end
        use = min(use, end - 1)
        before = self._previous(touches.touched, position, first)
        dead = closed and not touches.read[self._executed[use]]
        return Place(instruction + use - position, use - before, dead,
                     int(self._codes[self._executed[use]]["address"]))

    def _find_touches(self, register: int, bit: int) -> _Touches:
        codes, mask = self._codes, numpy.uint64(1 << bit)
        if register == RFLAGS:
            read, written = codes["flags_read"] & mask != 0, codes["flags_written"] & mask != 0
        else:
            read, written = codes["read"][:, register] & mask != 0, codes["written"][:, register] & mask != 0
        read |= codes["kind"] & KNOWN == 0
        return _Touches(read | written, read)

    def _next(self, touched: numpy.ndarray, position: int, end: int) -> int:
        """The first touch at `position` or later; `end` if there is none."""
        while position < end:
            hits = touched[self._executed[position:min(position + _STEP, end)]]
            if hits.any():
                return position + int(hits.argmax())
            position += _STEP
        return end

    def _previous(self, touched: numpy.ndarray, position: int, first: int) -> int:
        """The last touch before `position`; `first` - 1 if there is none."""
        while position > first:
            start = max(position - _STEP, first)
            hits = touched[self._executed[start:position]]
            if hits.any():
                return position - 1 - int(hits[::-1].argmax())
            position = start
        return first - 1
