# SPDX-License-Identifier: MIT
"""QEMU: which one, of which version, and the command line of each kind of machine.

Rule: every machine runs under `-accel tcg -icount shift=0,sleep=off`, so that virtual time is the count of executed
instructions and the same image gives the same run; every run is bounded by a time-out and leaves no process behind.
"""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from faultinject.errors import MachineError, SetupError
from faultinject.system import BUILD, System

_LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1

PLUGIN = BUILD / "fi" / "plugin.so"
VERSION_LEAST = (7, 2)
#: From this version on QEMU translates one instruction to a block by an option of its accelerator.
ONE_INSTRUCTION_FROM = (8, 1)
MICROVM = ("microvm,x-option-roms=off,rtc=off,pit=off,pic=off,isa-serial=off,acpi=off,auto-kernel-cmdline=off,"
           "mem-merge=off")
CPU = "max,-erms,-fsrm"

#: COM1 and COM2: I/O port and interrupt line.
SERIAL_LINES = ((0x3F8, 4), (0x2F8, 3))


@dataclass(frozen=True)
class Qemu:
    """An emulator: the words that start it, and its version."""

    command: tuple[str, ...]
    version: str

    @classmethod
    def find(cls) -> Qemu:
        """The one that PERDURE_QEMU names (a command, options allowed), or qemu-system-x86_64 of the path."""
        words = tuple(shlex.split(os.environ.get("PERDURE_QEMU", "qemu-system-x86_64")))
        if not words or shutil.which(words[0]) is None:
            raise SetupError(f"{words[0] if words else 'PERDURE_QEMU'} is not an executable",
                             "install it (apt-get install qemu-system-x86), or set PERDURE_QEMU to a QEMU 7.2 or later")
        return cls(words, qemu_version(words))

    @property
    def release(self) -> tuple[int, int]:
        """Its version's first two numbers."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)


@lru_cache
def qemu_version(words: tuple[str, ...]) -> str:
    """As QEMU states it; refuses what is too old."""
    done = subprocess.run([*words, "--version"], capture_output=True, text=True, timeout=20, check=False)
    match = re.search(r"version ((\d+)\.(\d+)\.\d+[^\n]*)", done.stdout)
    if not match:
        raise SetupError(f"{words[0]} did not state its version", "set PERDURE_QEMU to a QEMU 7.2 or later")
    if (int(match[2]), int(match[3])) < VERSION_LEAST:
        raise SetupError(f"QEMU {match[1]} is too old", "install QEMU 7.2 (Debian 12) or later")
    return match[1]


def value(text: object) -> str:
    """As a value among QEMU's options, which a comma separates."""
    return str(text).replace(",", ",,")


@lru_cache
def missing_symbols(qemu: Qemu, plugin: Path) -> str:
    """Those of QEMU's functions that the plugin does not find, by name; empty when it finds all."""
    if not plugin.exists():
        raise SetupError(f"{plugin} is missing", "build it: make")
    done = subprocess.run([*qemu.command, "-M", "none", "-accel", "tcg", "-nodefaults", "-display", "none", "-S",
                           "-plugin", f"{value(plugin)},mode=symbols"], capture_output=True, text=True, timeout=60, check=False)
    match = re.search(r"has no symbol ([^\n]+)", done.stderr)
    return match[1] if match else ""


@dataclass
class Machine:
    """One machine to be run. Paths of outputs are files that QEMU creates."""

    system: System
    qemu: Qemu
    memory_mib: int = 64
    payload: Path | None = None
    append: str = ""
    log: Path | None = None
    #: Chardev options ("file,path=..." or "socket,fd=...") of COM1 and COM2; None leaves the line out.
    console: str | None = None
    error: str | None = None
    memory_file: Path | None = None
    plugin_options: list[str] = field(default_factory=list)
    plugin: Path = PLUGIN
    #: Words that only one kind of run needs.
    more: list[str] = field(default_factory=list)
    #: The plugin works with nothing but what every build of QEMU offers (faultinject/plugin/stub.h).
    stub: bool = False

    def command(self) -> list[str]:
        """QEMU's command line."""
        words = [*self.qemu.command, "-M", MICROVM, "-cpu", CPU,
                 "-accel", "tcg,thread=single,tb-size=64" + self._one_by_one, "-icount", "shift=0,sleep=off",
                 "-m", str(self.memory_mib), "-nodefaults", "-no-user-config", "-no-reboot",
                 "-display", "none", "-monitor", "none", "-serial", "none",
                 "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
                 "-kernel", str(self.system.kernel), "-append", self.append]
        if self.payload:
            words += ["-initrd", str(self.payload)]
        if self.stub:
            words[words.index("-M") + 1] += ",memory-backend=ram"
        if self.memory_file:
            words[words.index("-M") + 1] += ",memory-backend=ram"
            words += ["-object", f"memory-backend-file,id=ram,size={self.memory_mib}M,"
                                 f"mem-path={value(self.memory_file)},share=on"]
        if self.log:
            words += ["-chardev", f"file,id=log,path={value(self.log)}", "-device", "isa-debugcon,iobase=0xe9,chardev=log"]
        for name, chardev, (port, line) in zip(("console", "error"), (self.console, self.error), SERIAL_LINES,
                                               strict=True):
            if chardev:
                backend, _, rest = chardev.partition(",")
                words += ["-chardev", f"{backend},id={name},{rest}",
                          "-device", f"isa-serial,iobase={port:#x},irq={line},chardev={name}"]
        if self.plugin_options:
            if not self.plugin.exists():
                raise SetupError(f"{self.plugin} is missing", "build it: make")
            words += ["-plugin", ",".join(map(value, [self.plugin, *self.plugin_options]))]
        return words + self.more

    @property
    def _one_by_one(self) -> str:
        """One instruction to a block, as QEMU from 8.1 on takes it; before it is a word of its own."""
        return ",one-insn-per-tb=on" if self.stub and self.qemu.release >= ONE_INSTRUCTION_FROM else ""

    def start(self, **keywords: object) -> subprocess.Popen[bytes]:
        """Starts QEMU in a process group of its own; whoever starts it must stop() it. It dies with us in any case."""
        if not self.stub:
            return self._start(self, **keywords)
        debugger, monitor = socket.socketpair(), socket.socketpair()
        numbers = [end.fileno() for end in (*debugger, *monitor)]
        try:
            words = ["-S", "-no-shutdown", *([] if self._one_by_one else ["-singlestep"]),
                     "-object", f"memory-backend-memfd,id=ram,size={self.memory_mib}M,share=on",
                     "-chardev", f"socket,id=stub,fd={numbers[0]}", "-gdb", "chardev:stub",
                     "-chardev", f"socket,id=monitor,fd={numbers[2]}", "-mon", "chardev=monitor,mode=control"]
            options = [*self.plugin_options, f"stub={numbers[1]}", f"monitor={numbers[3]}"]
            return self._start(replace(self, plugin_options=options, more=[*self.more, *words]), pass_fds=numbers,
                               **keywords)
        finally:
            for end in (*debugger, *monitor):
                end.close()

    @staticmethod
    def _start(machine: Machine, **keywords: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(machine.command(), stdin=subprocess.DEVNULL, start_new_session=True,
                                preexec_fn=die_with_parent, **keywords)  # type: ignore[call-overload]


def die_with_parent() -> None:
    """In a child before its program starts: the kernel kills it when its parent ends, even by SIGKILL."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends QEMU and all its children, whatever they do."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run_to_end(machine: Machine, timeout_s: float, what: str) -> int:
    """Runs QEMU to its end and returns its status; what it says on stderr goes into the error when it fails."""
    process = machine.start(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _, complaint = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{what} did not end within {timeout_s:.0f} s",
                           "look at the kernel's log; a longer --timeout helps only on a very slow machine") from error
    finally:
        stop(process)
    text = complaint.decode(errors="replace").strip()
    if process.returncode not in (0, 1, 3) or "fault injection:" in text:
        raise MachineError(f"{what}: QEMU ended with status {process.returncode}\n{text}".strip(),
                           "see QEMU's message above")
    return process.returncode
