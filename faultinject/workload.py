# SPDX-License-Identifier: MIT
"""What runs on the machine: programs, the session that starts them, the disk; and the payload made of it."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

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
    environment = {**os.environ, "LC_ALL": "C", "E2FSPROGS_FAKE_TIME": str(EPOCH_S),
                   "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    except FileNotFoundError as error:
        raise SetupError("mke2fs is not installed", "apt-get install e2fsprogs") from error
    if done.returncode != 0:
        raise SetupError(f"mke2fs ended with status {done.returncode}: {done.stderr.strip()}",
                         "a larger disk, or fewer files")
