# SPDX-License-Identifier: MIT
"""The system that a campaign keeps beside its database: kernel, payload, symbols. With it experiments can be run again
after the tree has changed, and elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from faultinject.errors import SetupError
from faultinject.golden import Workbench
from faultinject.machine import Qemu
from faultinject.system import Service, System
from faultinject.workload import Workload

#: Its directory, and what must be there.
SYSTEM, KERNEL, PAYLOAD = "system", "kernel.elf", "payload"


def open_kept(kept: Path, facts: Mapping[str, Any], clients: dict[int, str], qemu: Qemu, directory: Path,
              plugin: Path | None = None) -> Workbench:
    """The kept system, to be run in `directory`; refuses another kernel or QEMU than `facts` name. `clients`: those of
    the service in which faults are, or none, to learn them from the kernel's log."""
    if not (kept / KERNEL).is_file() or not (kept / PAYLOAD).is_file():
        raise SetupError(f"{kept} does not hold the campaign's kernel and payload",
                         "keep the directory of a campaign together, or run it again")
    if facts["qemu"] != qemu.version:
        raise SetupError(f"the campaign was run by QEMU {facts['qemu']}, this is {qemu.version}",
                         "set PERDURE_QEMU to that version: instruction counts differ between versions")
    system = System.load(kept / KERNEL, tuple(Service(*entry) for entry in facts["services"]))
    if system.sha256() != facts["system_sha256"]:
        raise SetupError(f"{kept / KERNEL} is not the campaign's kernel", "run the campaign again")
    workload = Workload(str(facts["workload"]), "", clients=clients)
    return Workbench(system, qemu, workload, kept / PAYLOAD, directory, int(facts["memory_mib"]),
                     str(facts["append"]), plugin)
