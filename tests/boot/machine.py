# SPDX-License-Identifier: MIT
"""Boots the system in each of its ways and returns what it said.

Rule: every machine has a deadline and none is left running; the verdict is the machine's own.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from faultinject.machine import CPU, MICROVM, qemu_version  # noqa: E402
from tools.bundle import pack  # noqa: E402

KERNEL = ROOT / "build" / "perdure.elf"
PROGRAMS = ROOT / "build" / "programs"
DEADLINE_S = 120
EXACT = ("-icount", "shift=0,sleep=off")


def emulators() -> list[str]:
    """The emulator of the path, and those that PERDURE_QEMUS names besides (commands, separated by colons)."""
    commands = ["qemu-system-x86_64", *os.environ.get("PERDURE_QEMUS", "").split(":")]
    return [command for command in commands if command and shutil.which(shlex.split(command)[0])]


def emulator_name(command: str) -> str:
    """For the names of tests."""
    return "qemu-" + qemu_version(tuple(shlex.split(command))).split()[0]


@dataclass(frozen=True)
class Outcome:
    """What the machine left: QEMU's exit status, the kernel's log, COM1."""

    status: int
    log: str
    output: str

    def tail(self) -> str:
        """For a report."""
        return f"status {self.status}\n--- log\n{self.log[-1500:]}\n--- output\n{self.output[-1500:]}"


def payload(session: str, **entries: bytes) -> bytes:
    """A payload with the program hello and what else is given."""
    return pack([("session", session.encode()), ("hello", (PROGRAMS / "hello").read_bytes()), *entries.items()])


def make_iso(directory: Path, options: str, payload_bytes: bytes | None) -> Path:
    """The ISO with options and a payload of its own, as grub.cfg takes them."""
    tree = directory / "tree"
    (tree / "boot" / "grub").mkdir(parents=True)
    shutil.copyfile(KERNEL, tree / "boot" / "perdure.elf")
    shutil.copyfile(ROOT / "boot" / "grub.cfg", tree / "boot" / "grub" / "grub.cfg")
    (tree / "boot" / "options.cfg").write_text(f'set options="{options}"\n')
    if payload_bytes is not None:
        (tree / "boot" / "payload").write_bytes(payload_bytes)
    image = directory / "perdure.iso"
    subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "-o", image, tree], check=True,
                   capture_output=True, timeout=60)
    return image


def start_options(directory: Path, way: str, options: str, payload_bytes: bytes | None, kernel: Path = KERNEL) -> list[str]:
    """QEMU's options for `way`: pvh-microvm, pvh-pc, pvh-q35 or grub-pc."""
    loader, _, machine = way.partition("-")
    words = ["-M", MICROVM if machine == "microvm" else machine]
    if loader == "grub":
        return [*words, "-cdrom", str(make_iso(directory, options, payload_bytes)), "-boot", "d"]
    words += ["-kernel", str(kernel), "-append", options]
    if payload_bytes is not None:
        (directory / "payload").write_bytes(payload_bytes)
        words += ["-initrd", str(directory / "payload")]
    return words


def wait_for_console(process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the console listens: what is sent while the UART is being set up is lost."""
    until = time.monotonic() + DEADLINE_S
    while process.poll() is None and time.monotonic() < until:
        if log.exists() and b"console: ready" in log.read_bytes():
            return
        time.sleep(0.02)


def boot(directory: Path, emulator: str, way: str, payload_bytes: bytes | None, *, options: str = "epoch=1",
         memory_mib: int = 128, extra: tuple[str, ...] = (), keys: bytes = b"", deadline_s: int = DEADLINE_S,
         kernel: Path = KERNEL) -> Outcome:
    """One machine, from power-on to its verdict."""
    log = directory / "log"
    command = [*shlex.split(emulator),
               *start_options(directory, way, f"console=framed {options}", payload_bytes, kernel),
               "-cpu", CPU, "-accel", "tcg,thread=single,tb-size=64", "-m", str(memory_mib), "-nodefaults",
               "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none",
               "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
               "-chardev", f"file,id=log,path={log}", "-device", "isa-debugcon,iobase=0xe9,chardev=log",
               "-chardev", "stdio,id=console,signal=off", "-device", "isa-serial,iobase=0x3f8,irq=4,chardev=console",
               *extra]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        if keys:
            wait_for_console(process, log)
        output, _ = process.communicate(keys, timeout=deadline_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        output += b"\n(no end within the deadline)\n"
    return Outcome(process.returncode, log.read_text(errors="replace") if log.exists() else "",
                   output.decode(errors="replace"))
