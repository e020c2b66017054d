# SPDX-License-Identifier: MIT
"""Judging a run against the golden one by what a user could see: replies and the disk's logical tree.

Clients state at their end what they were answered: `client NAME operations=N errors=N digest=HEX`, where the digest
covers every reply in order. Disk images are judged once each: their verdicts are kept by the image's hash.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from faultinject.errors import MachineError, SetupError
from faultinject.ext2 import Ext2Error, Image, differences

_CLIENT = re.compile(r"client (\S+) operations=(\d+) errors=(\d+) digest=([0-9a-fA-Fx]+)\s*$", re.MULTILINE)
_END = re.compile(r"\binit: (\S+) ended with status (\d+)")
_AUDIT = re.compile(r"\baudit\b.*\bdifferences=(\d+)")
E2FSCK_TIMEOUT_S = 120


@dataclass(frozen=True)
class ClientReport:
    """What one client said at its end."""

    operations: int
    errors: int
    digest: str


def client_reports(console: str) -> dict[str, ClientReport]:
    """By name; a name that occurs twice keeps its last report. A report may follow upon what another client has left of a
    line: clients share the console, and one that was answered wrongly may write anything there."""
    return {match[1]: ClientReport(int(match[2]), int(match[3]), match[4].lower())
            for match in _CLIENT.finditer(console)}


def failed_programs(log: str) -> dict[str, int]:
    """Programs that ended with a status other than 0, by their clients' names."""
    return {match[1]: int(match[2]) for match in _END.finditer(log)}


def audit_differences(log: str) -> int:
    """The sum of what the services' audits found."""
    return sum(int(count) for count in _AUDIT.findall(log))


@dataclass(frozen=True)
class DiskVerdict:
    """How an image compares with the golden one: differing paths, and whether the checker of its format accepts it."""

    differing: tuple[str, ...] = ()
    checker_exit: int = 0
    note: str = ""


class DiskOracle(Protocol):
    """Judges images of one format against a golden image."""

    def judge(self, image: Path) -> DiskVerdict:
        """Compares an image with the golden one."""


class Ext2Oracle:
    """Compares trees, and has e2fsck look at the image without changing it."""

    def __init__(self, golden: Path) -> None:
        try:
            self._tree = Image(golden.read_bytes()).tree()
        except Ext2Error as error:
            raise MachineError(f"the golden run's disk cannot be read: {error.reason}",
                               "the file system under test is broken without any fault: run its tests") from error
        verdict = self.judge(golden)
        if verdict.checker_exit != 0:
            raise MachineError(f"e2fsck -fn finds the golden run's disk damaged (exit {verdict.checker_exit})\n"
                               f"{verdict.note}",
                               "the file system under test is broken without any fault: run its tests")

    def judge(self, image: Path) -> DiskVerdict:
        exit_status, complaint = e2fsck(image)
        try:
            differing = tuple(differences(self._tree, Image(image.read_bytes()).tree()))
        except Ext2Error as error:
            return DiskVerdict(("/",), exit_status, error.reason)
        return DiskVerdict(differing, exit_status, complaint)


class RawOracle:
    """For disks that hold no file system: blocks are compared. The path of a block is the name of its owner's area and
    its number; areas are given as (name, first block)."""

    BLOCK_BYTES = 4096

    def __init__(self, golden: Path, areas: tuple[tuple[str, int], ...] = ()) -> None:
        self._golden = golden.read_bytes()
        self._areas = areas

    def _path(self, block: int) -> str:
        owners = [name for name, first in self._areas if first <= block]
        return f"/{owners[-1]}/{block}" if owners else f"/{block}"

    def judge(self, image: Path) -> DiskVerdict:
        data = image.read_bytes()
        size = self.BLOCK_BYTES
        return DiskVerdict(tuple(self._path(offset // size) for offset in range(0, len(data), size)
                                 if data[offset:offset + size] != self._golden[offset:offset + size]))


def e2fsck(image: Path) -> tuple[int, str]:
    """Exit status of e2fsck -fn, and what it complained of; the image goes by its name, for the text is a result."""
    environment = {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    try:
        done = subprocess.run(["e2fsck", "-fn", image.name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=environment, cwd=image.parent, timeout=E2FSCK_TIMEOUT_S,
                              check=False)
    except FileNotFoundError as error:
        raise SetupError("e2fsck is not installed", "apt-get install e2fsprogs") from error
    return done.returncode, "" if done.returncode == 0 else done.stdout.decode(errors="replace")[:2000]


@dataclass(frozen=True)
class Observation:
    """What is judged of a run. `served` are the clients for whom the service worked when it was hit (faultinject/served.py);
    `ends` says who ended with another status than 0."""

    clients: dict[str, ClientReport]
    exit_status: int
    audit: int
    disk: DiskVerdict
    served: tuple[str, ...] = ()
    ends: Mapping[str, int] = field(default_factory=dict)


def path_owner(path: str) -> str:
    """Clients work in directories named after them: the owner of /NAME/... is NAME."""
    return path.split("/")[1] if path.count("/") else ""
