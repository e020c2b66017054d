# SPDX-License-Identifier: MIT
"""`perdure run`: one program on the machine, as if it ran here.

Its standard streams are passed through, its exit status becomes ours, and the disk image holds afterwards what the
machine's disk held at its end, however it ended.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from faultinject.errors import SetupError, UsageError
from faultinject.events import Events
from faultinject.hostlink import Link, Streams, write_all
from faultinject.machine import Machine, Qemu, stop
from faultinject.statistics import summary as quantiles
from faultinject.system import System
from faultinject.workload import Workload, make_ext2, session_line
from tools import bundle

#: Exit statuses that are not the program's.
STATUS_KERNEL_FAILURE = 120
STATUS_SERVICE_LOST = 121
STATUS_CUT = 122
STATUS_TIMEOUT = 124
STATUS_SETUP = 125

MEMORY_LEAST_MIB = 128
#: What the system and its programs get beside the payload, which stays in memory.
MEMORY_FREE_MIB = 96
MEMORY_MOST_MIB = 3072
SCRATCH_DISK_MIB = 16
CRASH_EVERY = 200_000
ARGUMENTS_MOST = 120

_RAMDISK = re.compile(r"ramdisk physical=(0x[0-9a-fA-F]+) bytes=(\d+)")
_VERDICT = re.compile(r"verdict (?:\S+ )?code=(\d+) detail=(\d+)")


@dataclass(frozen=True)
class CrashPlan:
    """Which services are killed, and each every how many of its instructions on average."""

    groups: tuple[tuple[tuple[str, ...], int], ...]

    @classmethod
    def parse(cls, text: str) -> CrashPlan:
        """From SERVICE[,SERVICE...][:EVERY], and more of them after a +; for a service that is named twice the last holds."""
        groups = []
        for group in text.split("+"):
            services, separator, every = group.partition(":")
            if separator and (not every.isdecimal() or int(every) < 1):
                raise UsageError(f"--crash {text}: {every!r} is not a number of instructions", "--crash fs:200000")
            groups.append((tuple(services.split(",")), int(every) if separator else CRASH_EVERY))
        return cls(tuple(groups))

    def victims(self, system: System) -> dict[str, int]:
        """Distances by name; `all` is every service, the monitor among them. One that is not there is refused."""
        known = [service.name for service in system.services]
        return {name: every for names, every in self.groups
                for name in (known if names == ("all",) else [system.service(name).name for name in names])}


@dataclass
class Request:
    """A run."""

    program: Path
    arguments: list[str]
    disk: Path | None = None
    memory_mib: int | None = None
    crash: CrashPlan | None = None
    cut_ns: int | None = None
    seed: int = 1
    timeout_s: float | None = None
    epoch_s: int | None = None
    environment: dict[str, str] = field(default_factory=dict)
    observe: bool = False
    streams: Streams = field(default_factory=Streams)


@dataclass
class Result:
    """What came of it. `reason` is empty when the program ended by itself."""

    status: int
    program_status: int | None
    reason: str
    log: str
    events: Events
    seconds: float

    def as_json(self) -> dict[str, object]:
        """For --json."""
        latencies = self.events.latencies()
        verdict = self.events.verdict
        return {"status": self.status, "program_status": self.program_status, "reason": self.reason,
                "crashes": len(self.events.crashes),
                "recoveries": self.events.recovered(),
                "recovery_ns": quantiles(latencies),
                "virtual_ns": verdict[2] if verdict else None,
                "seconds": round(self.seconds, 3),
                "crash_list": [asdict(crash) for crash in self.events.crashes],
                "recovery_list": [{**asdict(recovery), "latency_ns": recovery.latency_ns}
                                  for recovery in self.events.recoveries]}


class MemoryFile:
    """A file that is only in memory: QEMU opens it by `path`, and it is gone with the last process that has it open."""

    def __init__(self, name: str, data: bytes = b"", size: int = 0) -> None:
        self.descriptor = os.memfd_create(name, 0)
        self.path = Path(f"/proc/self/fd/{self.descriptor}")
        if size:
            os.ftruncate(self.descriptor, size)
        write_all(self.descriptor, data)

    def read(self) -> bytes:
        """All of it."""
        return os.pread(self.descriptor, os.fstat(self.descriptor).st_size, 0)

    def text(self) -> str:
        """All of it, as text."""
        return self.read().decode(errors="replace")

    def close(self) -> None:
        """Ours; QEMU may have it open still."""
        os.close(self.descriptor)


def choose_memory(asked_mib: int | None, payload_bytes: int) -> int:
    """The machine's memory: the payload (with the disk in it) stays there while the machine runs."""
    payload_mib = -(-payload_bytes >> 20)
    needed = payload_mib + MEMORY_FREE_MIB
    memory = asked_mib if asked_mib is not None else max(MEMORY_LEAST_MIB, needed)
    if asked_mib is not None and asked_mib < payload_mib + 32:
        raise UsageError(f"{asked_mib} MB of memory do not hold a disk and programs of {payload_mib} MB and the system",
                         f"--mem {needed}, or leave --mem out")
    if memory > MEMORY_MOST_MIB:
        raise UsageError(f"{memory} MB of memory: the machine has at most {MEMORY_MOST_MIB}", "a smaller disk")
    return memory


def scratch_disk() -> bytes:
    """An empty disk."""
    with tempfile.TemporaryDirectory(prefix="perdure-disk-") as name:
        image = Path(name) / "image"
        make_ext2(image, SCRATCH_DISK_MIB)
        return image.read_bytes()


def _payload(request: Request) -> bytes:
    program = request.program
    if not program.is_file():
        raise SetupError(f"there is no program {program}", "build it: ./perdure cc -o PROGRAM SOURCE.c")
    with program.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            raise SetupError(f"{program} is no ELF file", "build it: ./perdure cc -o PROGRAM SOURCE.c")
    if len(request.arguments) > ARGUMENTS_MOST:
        raise UsageError(f"{len(request.arguments)} arguments are too many for a session ({ARGUMENTS_MOST})",
                         "put them into a file")
    if request.disk and not request.disk.is_file():
        raise SetupError(f"there is no disk image {request.disk}", f"mke2fs -t ext2 {request.disk} 64M")
    name = program.name[:47]
    workload = Workload("run", session_line(name, request.arguments), {name: program},
                        environment=request.environment)
    disk = request.disk.read_bytes() if request.disk else scratch_disk()
    return bundle.pack([*workload.entries(), ("disk", disk)])


def _plugin_options(request: Request, system: System, events: Path) -> list[str]:
    if not request.crash and not request.observe and request.cut_ns is None:
        return []
    options = ["mode=crash", f"events={events}"]
    if request.cut_ns is not None:
        options.append(f"cut_ns={request.cut_ns}")
    if request.crash:
        victims = request.crash.victims(system)
        options += [f"target={'+'.join(f'{name}={every}' for name, every in victims.items())}", f"seed={request.seed}"]
    return options + system.plugin_options()


def run(request: Request, system: System | None = None, qemu: Qemu | None = None) -> Result:
    """Runs a program to its end. No file is made: all that the machine reads and writes is in memory."""
    system = system or System.perdure()
    qemu = qemu or Qemu.find()
    payload_bytes = _payload(request)
    memory_mib = choose_memory(request.memory_mib, len(payload_bytes))
    payload, log, events, complaint = (MemoryFile("payload", payload_bytes), MemoryFile("log"), MemoryFile("events"),
                                       MemoryFile("qemu"))
    del payload_bytes
    memory = MemoryFile("memory", size=memory_mib << 20)
    files = (payload, log, events, complaint, memory)
    link = Link(request.streams, log.path)
    console, error = link.guest_descriptors
    epoch = int(time.time()) if request.epoch_s is None else request.epoch_s
    machine = Machine(system, qemu, memory_mib, payload.path, f"console=framed epoch={epoch} disk=ram", log.path,
                      f"socket,fd={console}", f"socket,fd={error}", memory.path,
                      _plugin_options(request, system, events.path))
    started = time.monotonic()
    deadline = started + request.timeout_s if request.timeout_s is not None else None
    in_time = False
    try:
        process = machine.start(stdout=complaint.descriptor, stderr=complaint.descriptor,
                                pass_fds=(console, error, *(file.descriptor for file in files)))
        try:
            link.started()
            payload.close()
            in_time = link.carry(process, deadline)
        finally:
            stop(process)
            if request.disk:
                write_back(log.text(), memory, request.disk)
        report = Events.parse(events.text())
        result = _judge(log.text(), in_time, request, complaint.text().strip(), report)
    finally:
        link.close()
        for file in files[1:]:
            file.close()
    result.seconds = time.monotonic() - started
    return result


def _judge(log: str, in_time: bool, request: Request, complaint: str, events: Events) -> Result:
    """Status and reason from the machine's last words."""
    found = _VERDICT.findall(log)
    last = "\n".join(log.strip().splitlines()[-6:])

    def result(status: int, reason: str, program: int | None = None) -> Result:
        return Result(status, program, reason, log, events, 0.0)

    if found:
        code, detail = (int(word) for word in found[-1])
        if code == 0:
            return result(detail & 0xFF, "", detail & 0xFF)
        if code == 2:
            return result(STATUS_SERVICE_LOST, f"service lost\n{last}")
        return result(STATUS_KERNEL_FAILURE, f"kernel failure\n{last}")
    if events.cut_ns is not None:
        return result(STATUS_CUT, f"power cut after {events.cut_ns} instructions")
    if not in_time:
        return result(STATUS_TIMEOUT, f"time-out after {request.timeout_s:g} s")
    if not log:
        raise SetupError(f"the machine did not start\n{complaint}", "see QEMU's message above; make doctor")
    return result(STATUS_KERNEL_FAILURE, f"the machine ended without a verdict\n{last}\n{complaint}".rstrip())


def write_back(log: str, memory: MemoryFile, disk: Path) -> None:
    """Copies what the machine changed of its RAM disk into the image, piece by piece."""
    found = _RAMDISK.search(log)
    if not found:
        return
    start, length = int(found[1], 16), int(found[2])
    piece = 1 << 16
    with disk.open("r+b") as target:
        for offset in range(0, length, piece):
            new = os.pread(memory.descriptor, min(piece, length - offset), start + offset)
            target.seek(offset)
            if target.read(len(new)) != new:
                target.seek(offset)
                target.write(new)


def write_json(path: Path, result: Result) -> None:
    """The report of --json."""
    path.write_text(json.dumps(result.as_json(), indent=2) + "\n")
