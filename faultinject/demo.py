# SPDX-License-Identifier: MIT
"""`perdure demo`: real files on an ext2 disk, programs at work on them, and a file system that dies again and again.

The same session runs twice: without crashes, which says what the disk must look like in the end, and with them. Then
every file is compared, those that came from the host with the host's own.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from faultinject import timeline
from faultinject.errors import MachineError, SetupError
from faultinject.events import Events
from faultinject.ext2 import Entry, Image, differences
from faultinject.golden import Golden, Workbench, run_golden
from faultinject.machine import Qemu, run_to_end
from faultinject.oracle import client_reports, e2fsck
from faultinject.plan import Execution
from faultinject.statistics import summary
from faultinject.system import BUILD, System
from faultinject.workload import EPOCH_S, Workload, make_ext2, session_line

SERVICE = "fs"
DISK_MIB, MEMORY_MIB = 32, 128
SOURCES = ("/usr/include", "/usr/share/common-licenses", "/usr/share/doc", "/usr/share/perl5", "/etc")
FILES_MOST, FILE_BYTES_MOST, TREE_BYTES_MOST = 240, 120_000, 5 << 20
HOST_DIRECTORY = "host"
CLIENTS = {"alpha": "writer", "beta": "renamer", "gamma": "directories", "delta": "reader"}
#: Operations of each client for each hundred crashes, and the least at which requests make progress between them.
OPERATIONS_PER_HUNDRED = 1400
EVERY_LEAST = 60_000
TIMEOUT_S = 300


@dataclass
class Outcome:
    """Both runs, compared."""

    crashes: int
    recoveries: int
    client_errors: int
    operations: int
    files_checked: int
    files_wrong: int
    e2fsck_exit: int
    recovery_ns: dict[str, int]
    wrong: list[str]

    @property
    def good(self) -> bool:
        """Everything that was promised."""
        return (self.recoveries == self.crashes and self.client_errors == 0 and self.files_wrong == 0
                and self.e2fsck_exit == 0)

    def as_json(self) -> dict[str, object]:
        """What demo.json holds."""
        return {"crashes": self.crashes, "recoveries": self.recoveries, "client_errors": self.client_errors,
                "operations": self.operations, "files_checked": self.files_checked, "files_wrong": self.files_wrong,
                "e2fsck_exit": self.e2fsck_exit, "recovery_ns": self.recovery_ns, "wrong": self.wrong[:50]}


def choose_files() -> list[Path]:
    """Files of this host, spread over what there is: readable, not empty, of moderate size."""
    found = []
    for source in SOURCES:
        for directory, names, files in os.walk(source):
            names.sort()
            for name in sorted(files):
                path = Path(directory) / name
                try:
                    info = path.lstat()
                except OSError:
                    continue
                if stat.S_ISREG(info.st_mode) and 0 < info.st_size <= FILE_BYTES_MOST and info.st_mode & 0o004 \
                        and os.access(path, os.R_OK):
                    found.append(path)
    chosen, total = [], 0
    for path in found[::max(len(found) // FILES_MOST, 1)]:
        size = path.stat().st_size
        if len(chosen) < FILES_MOST and total + size <= TREE_BYTES_MOST:
            chosen.append(path)
            total += size
    if len(chosen) < 20:
        raise SetupError(f"only {len(chosen)} files of this host can serve for the demo",
                         "install linux-libc-dev, or anything that brings files to /usr/share/doc")
    return chosen


def make_tree(tree: Path) -> dict[str, str]:
    """Copies files there and lists their checksums for the reader; returns path on the disk -> SHA-256."""
    hashes = {}
    lines = []
    for path in choose_files():
        data = path.read_bytes()
        place = tree / HOST_DIRECTORY / path.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        name = "/" + str(place.relative_to(tree))
        hashes[name] = hashlib.sha256(data).hexdigest()
        lines.append(f"{zlib.crc32(data):08x} {len(data)} {name}\n")
    (tree / "checksums").write_text("".join(lines))
    for path in [tree, *tree.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (EPOCH_S, EPOCH_S))
    return hashes


def session(crashes: int) -> str:
    """The clients' lines."""
    operations = max(OPERATIONS_PER_HUNDRED * crashes // 100, OPERATIONS_PER_HUNDRED)
    return "".join(session_line("workload", [name, variant, "-n", str(operations), "-s", str(number + 1)])
                   for number, (name, variant) in enumerate(CLIENTS.items()))


def crash_run(workbench: Workbench, every: int, seed: int) -> tuple[Events, str, Path]:
    """The session with crashes: what happened, what the clients wrote, and the disk in the end."""
    events, images = workbench.directory / "events", workbench.directory / "crashed"
    images.mkdir(exist_ok=True)
    machine = workbench.machine("crash", ["mode=crash", f"events={events}", f"target={SERVICE}", f"every={every}",
                                          f"seed={seed}", f"images={images}"])
    run_to_end(machine, TIMEOUT_S, "the run with crashes")
    report = Events.read(events)
    log, console, error = (output.decode(errors="replace") for output in workbench.outputs("crash"))
    if report.verdict is None or report.verdict[0] != 0 or report.disk is None:
        raise MachineError("the run with crashes did not end by itself\n" +
                           "\n".join((error + log).strip().splitlines()[-10:]),
                           "this is what the demo is to show: look for the cause in the log above")
    return report, console, images / f"{report.disk}.img"


def compare(report: Events, console: str, disk: Path, golden: Golden, hashes: dict[str, str]) -> Outcome:
    """The verdict of the demo."""
    assert golden.image is not None
    expected, actual = Image(golden.image.read_bytes()).tree(), Image(disk.read_bytes()).tree()
    wrong = set(differences(expected, actual))
    wrong |= {path for path, digest in hashes.items() if not _holds(actual, path, digest)}
    clients = client_reports(console)
    errors = sum(client.errors for client in clients.values())
    errors += sum(clients.get(name) != reference for name, reference in golden.observation.clients.items())
    times = summary(report.latencies())
    return Outcome(len(report.crashes), report.recovered(), errors,
                   sum(client.operations for client in clients.values()),
                   sum(stat.S_ISREG(entry.mode) for entry in expected.values()), len(wrong), e2fsck(disk)[0],
                   {key: times[key] for key in ("min", "p50", "p99", "max")}, sorted(wrong))


def _holds(tree: dict[str, Entry], path: str, digest: str) -> bool:
    return path in tree and tree[path].content == digest


def run(crashes: int, seed: int, directory: Path, console: Console) -> int:
    """Runs the demo, prints and writes what came of it; 0 when all that was promised holds."""
    directory.mkdir(parents=True, exist_ok=True)
    program = BUILD / "programs" / "workload"
    if not program.exists():
        raise SetupError(f"{program} is missing", "build it: make")
    with tempfile.TemporaryDirectory(prefix="perdure-demo-") as name:
        work = Path(name)
        tree, disk, payload = work / "tree", work / "disk.img", work / "payload"
        hashes = make_tree(tree)
        make_ext2(disk, DISK_MIB, tree)
        workload = Workload("demo", session(crashes), {"workload": program}, disk)
        workload.write_payload(payload)
        workbench = Workbench(System.perdure(), Qemu.find(), workload, payload, work, MEMORY_MIB)
        console.print(f"{len(hashes)} files of this host on an ext2 disk; {len(CLIENTS)} programs read, write, rename "
                      f"and delete. First without crashes …", highlight=False)
        golden = run_golden(workbench, SERVICE)
        executed = Execution(golden.timeline, workbench.system.service_index(SERVICE)).instructions
        every = max(executed * 10 // (crashes * 12), EVERY_LEAST)
        console.print(f"… and now {SERVICE} is killed every {every:,} instructions on average.", highlight=False)
        report, text, image = crash_run(workbench, every, seed)
        outcome = compare(report, text, image, golden, hashes)
        story = timeline.Story(
            f"The file system died {outcome.crashes} times; no program noticed" if outcome.good else
            f"The file system died {outcome.crashes} times",
            f"{outcome.operations:,} operations, {outcome.client_errors} errors; {outcome.files_checked} files checked, "
            f"{outcome.files_wrong} wrong; e2fsck exit {outcome.e2fsck_exit}",
            SERVICE, report.verdict[2] if report.verdict else 0, report.crashes, report.recoveries, golden.clients)
        (directory / "demo.svg").write_text(timeline.draw(story))
        shutil.copyfile(image, directory / "demo.img")
    (directory / "demo.json").write_text(json.dumps(outcome.as_json(), indent=2) + "\n")
    _print(console, outcome, crashes, directory)
    return 0 if outcome.good and outcome.crashes >= crashes else 1


def _print(console: Console, outcome: Outcome, wanted: int, directory: Path) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right", style="bold")
    table.add_column()

    def row(value: object, words: str, good: bool = True) -> None:
        table.add_row(f"[{'green' if good else 'red'}]{value:,}[/]", words)

    row(outcome.crashes, f"crashes of {SERVICE} (at least {wanted} wanted)", outcome.crashes >= wanted)
    row(outcome.recoveries, "recoveries", outcome.recoveries == outcome.crashes)
    row(outcome.operations, "operations of the programs")
    row(outcome.client_errors, "errors or wrong replies", outcome.client_errors == 0)
    row(outcome.files_checked, "files checked")
    row(outcome.files_wrong, "of them wrong", outcome.files_wrong == 0)
    row(outcome.e2fsck_exit, "exit status of e2fsck -fn", outcome.e2fsck_exit == 0)
    console.print(table)
    times = outcome.recovery_ns
    console.print(f"Recovery, fault to reply of the call run again, in µs at 1 instruction/ns: min "
                  f"{times['min'] / 1000:.1f}, median {times['p50'] / 1000:.1f}, 99 % {times['p99'] / 1000:.1f}, max "
                  f"{times['max'] / 1000:.1f}", highlight=False)
    for path in outcome.wrong[:10]:
        console.print(f"[red]wrong[/red] {path}", highlight=False)
    console.print(f"{directory}/demo.json, demo.svg (the picture), demo.img (the disk)", highlight=False)
