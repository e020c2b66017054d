# SPDX-License-Identifier: MIT
"""What models know of the services of a system: from their images and the manifest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.segments import Segment as ElfSegment

from faultinject.models import Segment, Target
from faultinject.symbols import service_files
from faultinject.system import System, read_manifest

#: Program header flags; the last is the bit by which mk/server.ld tells what is not restored.
EXECUTABLE, WRITABLE, SCRATCH = 1, 2, 0x100000
#: The stack comes first in scratch (servers/common/entry.S).
STACK_TOP = "server_stack_top"


def target_of(system: System, service: str) -> Target:
    """Of a service; one whose image is not that of the system has neither segments nor regions that are known."""
    images = {path.stem: path for path in service_files(system)}
    manifest = read_manifest()
    if service not in manifest or manifest[service]["image"] not in images:
        return Target(service)
    entry = manifest[service]
    stack, segments = _read(images[entry["image"]])
    return Target(service, entry["number"], segments, stack, entry.get("ssr_bytes", 0), entry.get("region_bytes", 0),
                  any(device["kind"] == "disk" for device in entry.get("devices", ())))


def _read(image: Path) -> tuple[int, tuple[Segment, ...]]:
    """Where the stack begins, and the segments without it."""
    with image.open("rb") as file:
        elf = ELFFile(file)
        found = elf.get_section_by_name(".symtab").get_symbol_by_name(STACK_TOP)
        stack = found[0]["st_value"] if found else 0
        segments = [piece for segment in elf.iter_segments("PT_LOAD") for piece in _pieces(segment, stack)]
    return stack, tuple(segments)


def _pieces(segment: ElfSegment, stack: int) -> Iterator[Segment]:
    flags, low = segment["p_flags"], segment["p_vaddr"]
    high = low + segment["p_memsz"]
    if flags & SCRATCH and low < stack <= high:
        low = stack
    kind = "scratch" if flags & SCRATCH else "code" if flags & EXECUTABLE else "data" if flags & WRITABLE else "constants"
    if high > low:
        yield Segment(kind, low, high - low)
