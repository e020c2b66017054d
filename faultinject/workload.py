# SPDX-License-Identifier: MIT
"""What runs on the machine: programs, the session that starts them, the disk; and the payload made of it."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from faultinject.errors import SetupError, UsageError
from tools import bundle

#: The wall clock of deterministic runs, and the time that mke2fs writes: 2025-01-01.
EPOCH_S = 1735689600
VOLUME_UUID = "70657264-7572-6500-0000-000000000001"
HASH_SEED = "70657264-7572-6500-0000-000000000002"


def quote(word: str) -> str:
    """A word of a session line: what separates words, and the backslash, get a backslash."""
    if "\0" in word:
        raise UsageError("a program's argument holds a NUL byte")
    special = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    quoted = "".join(special.get(c, "\\" + c if c in " \\\"'" else c) for c in word)
    return quoted or '""'


def session_line(program: str, arguments: list[str]) -> str:
    """Starts `program` with these arguments; argument 0 is its name."""
    return " ".join(quote(word) for word in [program, program, *arguments]) + "\n"


@dataclass
class Workload:
    """A session and all it needs."""

    name: str
    session: str
    programs: dict[str, Path] = field(default_factory=dict)
    disk: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)
    #: Binding number of the target service -> client name; empty when it is learned from the kernel's log.
    clients: dict[int, str] = field(default_factory=dict)

    def entries(self) -> list[tuple[str, bytes]]:
        """The payload's entries without the disk."""
        entries = [("session", self.session.encode())]
        for name, path in sorted(self.programs.items()):
            try:
                entries.append((name, path.read_bytes()))
            except OSError as error:
                raise SetupError(f"the program {path} cannot be read ({error.strerror})",
                                 "build it: make, or ./perdure cc") from error
        if self.environment:
            lines = "".join(f"{key}={value}\n" for key, value in self.environment.items())
            entries.append(("environment", lines.encode()))
        return entries

    def write_payload(self, path: Path) -> None:
        """Packs everything into the bundle that the boot loader passes on."""
        entries = self.entries()
        if self.disk:
            entries.append(("disk", self.disk.read_bytes()))
        path.write_bytes(bundle.pack(entries))

    def sha256(self) -> str:
        """Of everything but the disk."""
        digest = hashlib.sha256()
        for name, data in self.entries():
            digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
        return digest.hexdigest()


def make_ext2(image: Path, mebibytes: int, source: Path | None = None, options: tuple[str, ...] = ()) -> None:
    """An ext2 image, the same each time for the same source: fixed identity and times."""
    image.unlink(missing_ok=True)
    command = ["mke2fs", "-q", "-F", "-t", "ext2", "-U", VOLUME_UUID, "-E", f"hash_seed={HASH_SEED},root_owner=0:0",
               *options, *(["-d", str(source)] if source else []), str(image), f"{mebibytes}M"]
    done = _e2fs(command)
    if done.returncode != 0:
        raise SetupError(f"mke2fs ended with status {done.returncode}: {done.stderr.strip()}",
                         "a larger disk, or fewer files")


def add_files(image: Path, files: list[tuple[str, bytes]]) -> None:
    """Writes files into an image in the order given, each path's directory before it; owner root, times fixed. Unlike
    `mke2fs -d`, nothing of the host's own files (order of names, times of change) gets into the image."""
    with tempfile.TemporaryDirectory(prefix="perdure-files-") as name:
        commands = []
        directories: set[PurePosixPath] = {PurePosixPath("/")}
        for number, (path, data) in enumerate(files):
            place = PurePosixPath(path)
            for parent in reversed(place.parents):
                if parent not in directories:
                    directories.add(parent)
                    commands.append(f"mkdir {parent}")
            source = Path(name) / str(number)
            source.write_bytes(data)
            source.chmod(0o644)
            commands.append(f"write {source} {place}")
        script = Path(name) / "script"
        script.write_text("\n".join(commands) + "\n")
        done = _e2fs(["debugfs", "-w", "-f", str(script), str(image)])
    if done.returncode != 0 or re.search(r"^(?!debugfs|Allocated inode)\S.*: ", done.stderr, re.MULTILINE):
        raise SetupError(f"debugfs could not write the files: {done.stderr.strip()}", "a larger disk, or fewer files")


def _e2fs(command: list[str]) -> subprocess.CompletedProcess[str]:
    """A tool of e2fsprogs, with fixed time."""
    environment = {**os.environ, "LC_ALL": "C", "E2FSPROGS_FAKE_TIME": str(EPOCH_S),
                   "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    try:
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False,
                              stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise SetupError(f"{command[0]} is not installed", "apt-get install e2fsprogs") from error
