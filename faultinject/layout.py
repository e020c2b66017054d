# SPDX-License-Identifier: MIT
"""Where the kernel keeps what some faults are put into: offsets of its structures, from its own debug information.

Rule: nothing about the kernel's layout is written down here but names; an image without them is refused, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from faultinject.errors import SetupError

#: The file that has the table of services, and knows all the structures.
UNIT = "kernel/failure.c"
TABLE = "services"

#: In the order in which the plugin reads them (faultinject/plugin/kernel.c).
MEMBERS = (("service", "domain"), ("service", "portals"), ("service", "portal"), ("service", "region"),
           ("service", "opened"), ("service", "opened_count"), ("service", "pending_events"), ("portal", "service_next"), ("portal", "ssr"), ("ssr", "memory"),
           ("ssr_memory", "pages"), ("ssr_memory", "committed"), ("ssr_memory", "page_bytes"), ("ssr_memory", "page"),
           ("domain", "quota_bytes"), ("domain", "used_bytes"))

#: Kinds of faults (faultinject/plugin/plan.h) for which the plugin must know it.
KINDS = frozenset({"region", "event-again", "quota"})

_DW_OP_ADDR = 0x03


def _unit(path: Path) -> CompileUnit | None:
    with path.open("rb") as file:
        elf = ELFFile(file)
        if not elf.has_dwarf_info():
            return None
        for unit in elf.get_dwarf_info().iter_CUs():
            name = unit.get_top_DIE().attributes.get("DW_AT_name")
            if name and name.value.decode().endswith(UNIT):
                list(unit.iter_DIEs())
                return unit
    return None


def _name(die: DIE) -> str:
    attribute = die.attributes.get("DW_AT_name")
    return attribute.value.decode() if attribute else ""


def _table_address(unit: CompileUnit) -> int:
    for die in unit.get_top_DIE().iter_children():
        if die.tag == "DW_TAG_variable" and _name(die) == TABLE and "DW_AT_location" in die.attributes:
            location = bytes(die.attributes["DW_AT_location"].value)
            if location[0] == _DW_OP_ADDR:
                return int.from_bytes(location[1:9], "little")
    return 0


def _offsets(unit: CompileUnit) -> dict[tuple[str, str], int]:
    wanted = {structure for structure, _ in MEMBERS}
    found = {}
    for die in unit.get_top_DIE().iter_children():
        if die.tag == "DW_TAG_structure_type" and _name(die) in wanted:
            for member in die.iter_children():
                if member.tag == "DW_TAG_member" and "DW_AT_data_member_location" in member.attributes:
                    found[_name(die), _name(member)] = member.attributes["DW_AT_data_member_location"].value
    return found


@lru_cache
def kernel_layout(kernel: Path) -> tuple[int, ...]:
    """The address of the table of services, and the offset of each of MEMBERS."""
    unit = _unit(kernel)
    offsets = _offsets(unit) if unit else {}
    address = _table_address(unit) if unit else 0
    missing = [f"{structure}.{member}" for structure, member in MEMBERS if (structure, member) not in offsets]
    if missing or not address:
        raise SetupError(f"{kernel} has no debug information of {', '.join(missing[:3]) or TABLE}",
                         "build it again, with -g: make")
    return (address, *(offsets[member] for member in MEMBERS))


def layout_options(kernel: Path, kinds: Iterable[str]) -> list[str]:
    """What the plugin must be told for faults of these kinds."""
    if KINDS.isdisjoint(kinds):
        return []
    return ["layout=" + "+".join(map(hex, kernel_layout(kernel)))]
