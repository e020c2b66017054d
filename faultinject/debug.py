# SPDX-License-Identifier: MIT
"""`perdure replay --gdb`: one experiment under the debugger, stopped where its fault is due.

Rule: the machine goes along the golden path by itself and is stopped by the plugin; gdb comes to a machine that stands
still, so nothing that gdb does can move the place. The machine ends with the debugger.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import click

from faultinject.errors import MachineError, SetupError, UsageError
from faultinject.events import Events
from faultinject.golden import Workbench
from faultinject.layout import layout_options
from faultinject.machine import Machine, Qemu, stop
from faultinject.models import MODELS
from faultinject.plan import Fault
from faultinject.replay import open_workbench, read
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


def refuse_second(fault: Fault) -> None:
    """A second fault is put in by the machine's own count of the recovery's instructions, which a debugger's stops disturb."""
    if "+" in fault.change.kind:
        raise UsageError(f"{fault.model} strikes the recovery from a first fault, and cannot be put in under the debugger",
                         "--trace tells the experiment without it")


def script(system: System, socket: Path, fault: Fault) -> str:
    """What gdb does before its prompt."""
    source = system.kernel.parent / KEPT_SOURCE
    described = MODELS[fault.model].describe(fault.change)
    return "\n".join(["set confirm off", "set pagination off", "set architecture i386:x86-64",
                      f"directory {source if source.is_dir() else ROOT}",
                      f"file {system.kernel}",
                      *(f"add-symbol-file {path}" for path in service_files(system)),
                      f"target remote {socket}", STEP_FLAGS, "set pagination on",
                      f"echo \\n{fault.service}, instruction {fault.instruction:,}, {fault.time_ns:,} ns. "
                      f"{fault.model}: {described}.\\n",
                      "echo The next step or continue puts the fault in. Useful: break service_fail, watch, info registers."
                      "\\n\\n",
                      "frame", "x/3i $pc"]) + "\n"


def _machine(workbench: Workbench, fault: Fault, socket: Path) -> tuple[Machine, Path]:
    plan, events = workbench.directory / "debug.plan", workbench.directory / "debug.events"
    plan.write_text(fault.line(0))
    machine = workbench.machine("debug", ["mode=debug", f"plan={plan}", f"events={events}",
                                          *layout_options(workbench.system.kernel, [fault.change.kind])])
    machine.more = ["-chardev", f"socket,id=gdb,path={socket},server=on,wait=off", "-gdb", "chardev:gdb"]
    return machine, events


def _await_stop(process: subprocess.Popen[bytes], events: Path) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while not (events.exists() and events.read_text().startswith("stopped ")):
        if process.poll() is not None or time.monotonic() > deadline:
            complaint = process.stderr.read().decode(errors="replace") if process.poll() is not None else "time-out"
            raise MachineError(f"the machine did not come to the fault\n{complaint}".strip(),
                               "replay it without --gdb: it says whether this run is repeatable here")
        time.sleep(POLL_S)


def debug(database: Path, which: str, qemu: Qemu, plugin: Path | None = None) -> int:
    """Runs experiment `which` to its fault and gdb on it; gdb's exit status."""
    command = find_gdb()
    recorded = read(database, which)
    refuse_second(recorded.fault)
    with tempfile.TemporaryDirectory(prefix="perdure-gdb-") as name:
        directory = Path(name)
        workbench = open_workbench(database, recorded, qemu, directory, plugin)
        socket, commands = directory / "gdb", directory / "commands"
        machine, events = _machine(workbench, recorded.fault, socket)
        commands.write_text(script(workbench.system, socket, recorded.fault))
        process = machine.start(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _await_stop(process, events)
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
