# SPDX-License-Identifier: MIT
"""Boots the system with user/recovery as its session, and returns what the machine said.

Rule: a machine that does not print its verdict within the deadline has failed; none is left running.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from faultinject.machine import CPU, MICROVM, Qemu
from tools.bundle import pack

ROOT = Path(__file__).resolve().parent.parent.parent
KERNEL = Path(os.environ.get("PERDURE_KERNEL", ROOT / "build" / "perdure.elf"))
DEADLINE_S = 240
LISTENING = b"console: ready"
FINISHED = "verdict finished code=0 detail=0"


@dataclass(frozen=True)
class Outcome:
    """What the machine left: its exit status, the kernel's log, and COM1."""

    status: int
    log: str
    output: str

    def cases(self) -> dict[str, str]:
        """The verdict of each case that user/recovery ran."""
        found: dict[str, str] = {}
        for line in self.output.splitlines():
            if line.startswith("case "):
                name, _, verdict = line[len("case "):].partition(": ")
                if found.get(name, "ok") == "ok":
                    found[name] = verdict
        return found

    def tail(self) -> str:
        """For a report."""
        return "\n".join(["--- log", *self.log.splitlines()[-25:], "--- output", *self.output.splitlines()[-25:]])


def make_disk(path: Path, mebibytes: int) -> None:
    """An ext2 image with a few files of this repository."""
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext2", "-d", str(ROOT / "servers"), str(path), f"{mebibytes}M"],
                   check=True, timeout=60, env={**os.environ, "PATH": f"{os.environ['PATH']}:/sbin:/usr/sbin"})


def check_disk(path: Path) -> tuple[int, str]:
    """e2fsck's exit status and report; nothing is changed."""
    done = subprocess.run(["e2fsck", "-fn", str(path)], capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "PATH": f"{os.environ['PATH']}:/sbin:/usr/sbin"})
    return done.returncode, done.stdout + done.stderr


def feed(process: subprocess.Popen[bytes], log: Path, data: bytes) -> None:
    """Gives the machine its input as soon as it listens."""
    while process.poll() is None and not (log.exists() and LISTENING in log.read_bytes()):
        time.sleep(0.01)
    assert process.stdin
    try:
        process.stdin.write(data)
        process.stdin.close()
    except BrokenPipeError:
        pass


def read_all(process: subprocess.Popen[bytes], limit_s: float) -> bytes:
    """All that the machine writes to COM1 until it ends."""
    timer = threading.Timer(limit_s, kill, (process,))
    timer.start()
    assert process.stdout
    output = process.stdout.read()
    if not timer.is_alive():
        output += b"\n(no end within the deadline)\n"
    timer.cancel()
    return output


def kill(process: subprocess.Popen[bytes]) -> None:
    """Ends QEMU if it is still there."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def boot(directory: Path, cases: list[str], *, machine: str = "microvm", options: str = "",
         entries: list[tuple[str, bytes]] | None = None, devices: list[str] | None = None,
         instruction_count: bool = True, send: bytes = b"") -> Outcome:
    """Runs the cases. `send` goes to COM1 when the console listens; `entries` into the payload beside the session."""
    session = " ".join(["recovery", "recovery", *cases]) + "\n"
    payload = directory / "payload"
    log = directory / "log"
    payload.write_bytes(pack([("session", session.encode()), *(entries or [])]))
    kind = MICROVM if machine == "microvm" else machine
    command = [*Qemu.find().command, "-M", kind, "-cpu", CPU, "-accel", "tcg,thread=single,tb-size=64",
               *(["-icount", "shift=0,sleep=off"] if instruction_count else []), "-m", "96", "-nodefaults",
               "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none",
               "-kernel", str(KERNEL), "-initrd", str(payload), "-append", f"console=framed epoch=1 {options}",
               "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
               "-chardev", f"file,id=log,path={log}", "-device", "isa-debugcon,iobase=0xe9,chardev=log",
               "-chardev", "stdio,id=console,signal=off", "-device", "isa-serial,iobase=0x3f8,irq=4,chardev=console",
               *(devices or [])]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    sender = threading.Thread(target=feed, args=(process, log, send), daemon=True)
    sender.start()
    output = read_all(process, DEADLINE_S)
    try:
        process.wait(10)
    finally:
        kill(process)
        sender.join()
    return Outcome(process.returncode, log.read_text(errors="replace") if log.exists() else "",
                   output.decode(errors="replace"))
