#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes and lists bundles: a header page of named entries, then each entry's bytes on pages of its own.

Rule: the same entries in the same order give the same bytes; what is the same under several names is there once. The format is that of struct bundle_header and struct
bundle_entry in abi/kernel.toml.
"""

from __future__ import annotations

import argparse
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

MAGIC = 0x454C444E55424450
VERSION = 1
PAGE_BYTES = 4096
NAME_BYTES = 48
ENTRY_BYTES = 64
ENTRIES_MAXIMUM = 63


class BundleError(Exception):
    """What is wrong with a bundle or its entries, and how to mend it."""


def pack(entries: list[tuple[str, bytes]]) -> bytes:
    """The bundle's bytes. Names are 1..47 bytes and unique; at most 63 entries."""
    if len(entries) > ENTRIES_MAXIMUM:
        raise BundleError(f"{len(entries)} entries do not fit, at most {ENTRIES_MAXIMUM}: put some on the disk")
    header = bytearray(PAGE_BYTES)
    struct.pack_into("<QII", header, 0, MAGIC, VERSION, len(entries))
    body = bytearray()
    seen: set[str] = set()
    places: dict[bytes, int] = {}
    for index, (name, data) in enumerate(entries):
        encoded = name.encode()
        if not 0 < len(encoded) < NAME_BYTES or name in seen:
            raise BundleError(f"the name {name!r} is empty, too long (47 bytes at most) or used twice: rename it")
        seen.add(name)
        place = places.setdefault(data, PAGE_BYTES + len(body))
        struct.pack_into(f"<{NAME_BYTES}sQQ", header, ENTRY_BYTES * (index + 1), encoded, place, len(data))
        if place == PAGE_BYTES + len(body):
            body += data
            body += bytes(-len(data) % PAGE_BYTES)
    return bytes(header + body)


def unpack(data: bytes) -> list[tuple[str, bytes]]:
    """The entries of a bundle."""
    if len(data) < PAGE_BYTES:
        raise BundleError("it is shorter than its header page: it was cut off, make it again")
    magic, version, count = struct.unpack_from("<QII", data, 0)
    if magic != MAGIC or version != VERSION or count > ENTRIES_MAXIMUM:
        raise BundleError("it is no bundle of this version: make it with tools/bundle.py create")
    entries = []
    for index in range(count):
        raw, offset, size = struct.unpack_from(f"<{NAME_BYTES}sQQ", data, ENTRY_BYTES * (index + 1))
        if offset % PAGE_BYTES or offset + size > len(data):
            raise BundleError(f"entry {index} lies outside of the bundle: it was cut off, make it again")
        entries.append((raw.rstrip(b"\0").decode(), data[offset:offset + size]))
    return entries


def _stripped(path: Path) -> bytes:
    """An ELF file without debugging information, which only the host needs; other files as they are."""
    data = path.read_bytes()
    if data[:4] != b"\x7fELF":
        return data
    with tempfile.NamedTemporaryFile() as output:
        subprocess.run(["objcopy", "--strip-debug", str(path), output.name], check=True)
        return Path(output.name).read_bytes()


def create(output: Path, items: list[str], strip: bool) -> None:
    """Writes a bundle from NAME=FILE items."""
    entries = []
    for item in items:
        name, separator, file = item.partition("=")
        if not separator:
            raise BundleError(f"{item!r} is no entry: write NAME=FILE")
        path = Path(file)
        entries.append((name, _stripped(path) if strip else path.read_bytes()))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(pack(entries))


def main() -> int:
    parser = argparse.ArgumentParser(description="Make and list bundles.")
    commands = parser.add_subparsers(dest="command", required=True)
    maker = commands.add_parser("create", help="make a bundle")
    maker.add_argument("output", type=Path)
    maker.add_argument("entries", nargs="*", metavar="NAME=FILE")
    maker.add_argument("--strip", action="store_true", help="leave debugging information of ELF files out")
    lister = commands.add_parser("list", help="list a bundle's entries")
    lister.add_argument("bundle", type=Path)
    arguments = parser.parse_args()
    try:
        if arguments.command == "create":
            create(arguments.output, arguments.entries, arguments.strip)
        else:
            for name, data in unpack(arguments.bundle.read_bytes()):
                print(f"{len(data):10d}  {name}")
    except (BundleError, OSError, subprocess.CalledProcessError) as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
