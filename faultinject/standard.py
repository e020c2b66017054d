# SPDX-License-Identifier: MIT
"""The campaign that `perdure campaign` runs: five clients on an ext2 disk, each in a directory of its own.

reader checks files that are on the disk from the start; writer, renamer and directories change theirs; numbers draws
from the random number service. All of it is made here from fixed numbers: the same on every host.
"""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

from rich.console import Console

from faultinject import campaign, table
from faultinject.draw import Draw
from faultinject.errors import SetupError
from faultinject.machine import Qemu
from faultinject.models import Model
from faultinject.system import BUILD, System
from faultinject.workload import Workload, add_files, make_ext2, session_line

DISK_MIB = 4
FILE_SIZES = (0, 1, 700, 1024, 5000, 12288, 13000, 40000, 90001)

#: Client: variant and number of operations.
CLIENTS = {"alpha": ("writer", 60), "beta": ("renamer", 60), "gamma": ("directories", 60),
           "delta": ("reader", 60), "epsilon": ("numbers", 30)}


def reader_files() -> list[tuple[str, bytes]]:
    """The reader's files and the list of their checksums."""
    files = []
    lines = []
    for number, size in enumerate(FILE_SIZES):
        source = Draw("file", number)
        data = b"".join(source.bits64().to_bytes(8, "little") for _ in range(-(-size // 8)))[:size]
        path = f"/files/file{number}"
        files.append((path, data))
        lines.append(f"{zlib.crc32(data):08x} {size} {path}\n")
    return [*files, ("/checksums", "".join(lines).encode())]


def make_disk(image: Path) -> None:
    """The campaign's disk."""
    make_ext2(image, DISK_MIB, options=("-b", "1024"))
    add_files(image, reader_files())


def workload(disk: Path) -> Workload:
    """The session."""
    program = BUILD / "programs" / "workload"
    if not program.exists():
        raise SetupError(f"{program} is missing", "build it: make")
    session = "".join(session_line("workload", [name, variant, "-n", str(operations), "-s", str(number + 1)])
                      for number, (name, (variant, operations)) in enumerate(CLIENTS.items()))
    return Workload("five clients", session, {"workload": program}, disk)


def boot_option(recovery: str) -> str:
    """The word on the kernel's command line by which the monitor knows how much of recovery is in force
    (recovery/mode.h). The whole of it needs no word."""
    return "" if recovery == "full" else f"recovery={recovery}"


def run_campaign(service: str, models: tuple[Model, ...], count: int, seed: int, jobs: int, directory: Path,
                 memory_mib: int, console: Console, recovery: str = "full") -> campaign.Report:
    """Prepares, runs and shows a campaign."""
    directory.mkdir(parents=True, exist_ok=True)
    disk = directory / "disk.img"
    make_disk(disk)
    system = System.perdure()
    system.service(service)
    workbench = campaign.prepare(system, Qemu.find(), workload(disk), directory, memory_mib)
    workbench.append = boot_option(recovery)
    request = campaign.Request(service, models, count, seed, jobs)
    try:
        with table.CampaignDisplay(console) as display:
            report = campaign.run(workbench, request, directory, display)
    finally:
        shutil.rmtree(workbench.directory, ignore_errors=True)
    table.print_report(console, report)
    return report
