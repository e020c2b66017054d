# SPDX-License-Identifier: MIT
"""The campaign that `perdure campaign` runs: five clients on an ext2 disk, each in a directory of its own.

reader checks files that are on the disk from the start; writer, renamer and directories change theirs; numbers draws
from the random number service. They take turns, one operation each, so that whenever a service is hit others have state
in it. A campaign against a service that none of them uses has clients for it besides (clients.toml). All of it
is made from fixed numbers: the same on every host.
"""

from __future__ import annotations

import shutil
import tomllib
import zlib
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from faultinject import campaign, every, table
from faultinject.draw import Draw
from faultinject.errors import SetupError, UsageError
from faultinject.machine import Qemu
from faultinject.report import build
from faultinject.system import BUILD, System
from faultinject.workload import Workload, add_files, make_ext2, session_line

DISK_MIB = 2
FILE_SIZES = (0, 1, 700, 1024, 5000, 12288, 13000, 20000, 30001)

#: Who takes part; that file says what its tables hold.
CLIENTS = Path(__file__).parent / "clients.toml"


@dataclass(frozen=True)
class Client:
    """A program of the workload."""

    name: str
    arguments: str
    program: str = "workload"
    #: Only in campaigns against this service; empty: in all.
    service: str = ""

    def takes_part(self, services: tuple[str, ...]) -> bool:
        """In a campaign against these services."""
        return not self.service or self.service in services or campaign.ALL in services


def clients(path: Path = CLIENTS) -> list[Client]:
    """All that the file names, in its order, which is the order in which they start."""
    keys = "its keys are arguments, program and service, and all values are texts; docs/add-a-workload.md"
    try:
        tables = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "docs/add-a-workload.md says what it holds") from error
    found = []
    for name, table in tables.items():
        if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
            raise UsageError(f"{path}: {name} is not a table of texts", keys)
        try:
            found.append(Client(name, **table))
        except TypeError as error:
            raise UsageError(f"{path}: [{name}] lacks arguments, or has a key that is unknown", keys) from error
    return found


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


def workload(disk: Path, services: tuple[str, ...]) -> Workload:
    """The session of a campaign against these services."""
    taking_part = [client for client in clients() if client.takes_part(services)]
    programs = {client.program: BUILD / "programs" / client.program for client in taking_part}
    for program in programs.values():
        if not program.exists():
            raise SetupError(f"{program} is missing", "build it: make")
    session = "".join(session_line(client.program, [client.name, *client.arguments.split(), "-y"]) for client in taking_part)
    return Workload(f"{len(taking_part)} clients", session, programs, disk)


def _workload(disk: Path, request: campaign.Request) -> Workload:
    return every.workload(disk) if request.every else workload(disk, request.services)


def boot_option(recovery: str) -> str:
    """The word on the kernel's command line by which the monitor knows how much of recovery is in force
    (recovery/mode.h). The whole of it needs no word."""
    return "" if recovery == "full" else f"recovery={recovery}"


def parse_services(text: str) -> tuple[str, ...]:
    """From a list of names with commas, each at most once; ALL stands for every service there is."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or len(set(names)) != len(names) or (campaign.ALL in names and len(names) > 1):
        raise UsageError(f"the list of services {text!r} is empty or names one twice", "fs,blk,rng, or all")
    return names


@dataclass(frozen=True)
class Place:
    """Where a campaign's files are, and what is to become of those that are there."""

    directory: Path
    #: Another campaign's database may be deleted.
    replace: bool = False
    #: There must be a campaign to go on with.
    resume: bool = False


def run_campaign(request: campaign.Request, place: Place, memory_mib: int, console: Console,
                 recovery: str = "full") -> campaign.Report:
    """Prepares, runs and shows a campaign, or what is left of it."""
    directory = place.directory
    directory.mkdir(parents=True, exist_ok=True)
    with campaign.locked(directory):
        disk = directory / "disk.img"
        make_disk(disk)
        system, qemu, load = System.perdure(), Qemu.find(), _workload(disk, request)
        for service in request.services:
            if service != campaign.ALL:
                system.service(service)
        append = boot_option(recovery)
        facts = campaign.identity(system, qemu, load, memory_mib, append)
        campaign.make_way(directory, facts, request, place.replace, place.resume)
        workbench = campaign.prepare(system, qemu, load, directory, memory_mib)
        workbench.append = append
        try:
            with table.CampaignDisplay(console) as display:
                report = campaign.run(workbench, request, directory, display)
        except KeyboardInterrupt:
            console.print(f"Interrupted. What is done is in {directory}; the same command goes on from there.",
                          highlight=False)
            raise
        finally:
            shutil.rmtree(workbench.directory, ignore_errors=True)
    table.print_report(console, report)
    with report.account.on("report page"):
        _write_page(report, console)
    return report


def _write_page(report: campaign.Report, console: Console) -> None:
    """The report as a page, if what draws it is there."""
    if not build.available():
        console.print("For a page with charts (needs npm): make report", highlight=False)
        return
    page = report.directory / build.REPORT
    build.write(report.database, None, page)
    console.print(f"The report, for a browser: {page}", highlight=False)
