# SPDX-License-Identifier: MIT
"""`perdure replay --gdb`: one experiment under the debugger, stopped where its fault is due.

Rule: the machine goes along the golden path by itself and is stopped by the plugin; gdb comes to a machine that stands
still, so nothing that gdb does can move the place. The machine ends with the debugger.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import click

from faultinject.errors import MachineError, SetupError
from faultinject.events import Events
from faultinject.golden import Workbench
from faultinject.layout import layout_options
from faultinject.machine import Machine, Qemu, stop, value
from faultinject.models import MODELS
from faultinject.models.second import FIRST, SecondFault
from faultinject.plan import Fault
from faultinject.replay import Recorded, open_workbench, read
from faultinject.symbols import KEPT_SOURCE, service_files
from faultinject.system import ROOT, System

STOP_TIMEOUT_S = 120
POLL_S = 0.05
#: Steps of gdb are to be steps of the run: with timers and interrupts, where QEMU by itself would hold both back.
STEP_FLAGS = "maintenance packet Qqemu.sstep=0x1"


def find_gdb() -> list[str]:
    """The command that PERDURE_GDB names (options allowed), or gdb of the path."""
    words = shlex.split(os.environ.get("PERDURE_GDB", "gdb"))
    if not words or shutil.which(words[0]) is None:
        raise SetupError(f"{words[0] if words else 'PERDURE_GDB'} is not an executable",
                         "install it (apt-get install gdb), or set PERDURE_GDB to a gdb for x86-64")
    return words


@dataclass(frozen=True)
class Point:
    """Where the machine is stopped: what is put in on the way there, and the fault that is due there."""

    before: tuple[Fault, ...]
    due: Fault
    rip: int
    words: str

    @classmethod
    def of(cls, recorded: Recorded) -> Point:
        """Of an experiment; of one with two faults the second, if it was put in."""
        fault, row, model = recorded.fault, recorded.row, MODELS[recorded.fault.model]
        words = (f"{fault.service}, instruction {fault.instruction:,}, {fault.time_ns:,} ns. {fault.model}: "
                 f"{model.describe(fault.change)}.")
        if not isinstance(model, SecondFault):
            return cls((), fault, int(row["rip"], 16), words)
        first = replace(fault, change=FIRST)
        if not row["second_at_ns"]:
            return cls((), first, int(row["rip"], 16), words)
        second = replace(fault, time_ns=row["second_at_ns"], change=model.alone(fault.change))
        return cls((first,), second, int(row["second_rip"], 16), f"{words} The second fault is due, at {second.time_ns:,} ns.")

    @property
    def plan(self) -> str:
        """As the plugin reads it."""
        return "".join(fault.line(number) for number, fault in enumerate((*self.before, self.due)))


def script(system: System, socket: Path, point: Point) -> str:
    """What gdb does before its prompt."""
    source = system.kernel.parent / KEPT_SOURCE
    return "\n".join(["set confirm off", "set pagination off", "set architecture i386:x86-64",
                      f'directory "{source if source.is_dir() else ROOT}"',
                      f'file "{system.kernel}"',
                      *(f'add-symbol-file "{path}"' for path in service_files(system)),
                      f"target remote {socket}", STEP_FLAGS, "set pagination on",
                      f"echo \\n{point.words}\\n",
                      "echo The next step or continue puts the fault in. Useful: break service_fail, watch, info registers."
                      "\\n\\n",
                      "frame", "x/3i $pc"]) + "\n"


def _machine(workbench: Workbench, point: Point, socket: Path) -> tuple[Machine, Path]:
    plan, events = workbench.directory / "debug.plan", workbench.directory / "debug.events"
    plan.write_text(point.plan)
    machine = workbench.machine("debug", ["mode=debug", f"plan={plan}", f"events={events}",
                                          *layout_options(workbench.system.kernel, [point.due.change.kind])])
    machine.more = ["-chardev", f"socket,id=gdb,path={value(socket)},server=on,wait=off", "-gdb", "chardev:gdb"]
    return machine, events


def _await_stop(process: subprocess.Popen[bytes], events: Path, rip: int) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while not (events.exists() and re.match("stopped .*\n", events.read_text())):
        if process.poll() is not None or time.monotonic() > deadline:
            complaint = process.stderr.read().decode(errors="replace") if process.poll() is not None else "time-out"
            raise MachineError(f"the machine did not come to the fault\n{complaint}".strip(),
                               "replay it without --gdb: it says whether this run is repeatable here")
        time.sleep(POLL_S)
    stopped = int(events.read_text().split()[1], 16)
    if stopped != rip:
        raise MachineError(f"the machine stopped at {stopped:#x} where the campaign's was at {rip:#x}",
                           "replay it without --gdb: it says whether this run is repeatable here")


def debug(database: Path, which: str, qemu: Qemu, plugin: Path | None = None) -> int:
    """Runs experiment `which` to its fault and gdb on it; gdb's exit status."""
    command = find_gdb()
    recorded = read(database, which)
    point = Point.of(recorded)
    with tempfile.TemporaryDirectory(prefix="perdure-gdb-") as name:
        directory = Path(name)
        workbench = open_workbench(database, recorded, qemu, directory, plugin)
        socket, commands = directory / "gdb", directory / "commands"
        machine, events = _machine(workbench, point, socket)
        commands.write_text(script(workbench.system, socket, point))
        process = machine.start(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _await_stop(process, events, point.rip)
            status = _run_gdb([command[0], "-q", "-nx", "-x", str(commands), *command[1:]])
            verdict = Events.read(events).verdict
            if verdict:
                click.echo(f"The machine gave its verdict at {verdict[2]:,} ns; recorded was {recorded.row['ended_at_ns']:,}.")
            return status
        finally:
            stop(process)


def _run_gdb(command: list[str]) -> int:
    """With the terminal: an interrupt from the keyboard is for gdb alone."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with subprocess.Popen(command, preexec_fn=_default_interrupt) as gdb:
            return gdb.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def _default_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
