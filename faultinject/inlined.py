# SPDX-License-Identifier: MIT
"""Which functions an address lies in, those that were inlined there among them, from a file's debug information."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.dwarf.ranges import BaseAddressEntry
from elftools.elf.elffile import ELFFile

_FUNCTIONS = ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine")


class Inlined:
    """Of one ELF file."""

    def __init__(self, path: Path) -> None:
        #: (low, high, name), a function before what is inlined into it.
        self._spans: list[tuple[int, int, str]] = []
        with path.open("rb") as file:
            elf = ELFFile(file)
            if elf.has_dwarf_info():
                dwarf = elf.get_dwarf_info()
                for unit in dwarf.iter_CUs():
                    for die in unit.iter_DIEs():
                        if die.tag in _FUNCTIONS:
                            self._spans += [(low, high, _name(die)) for low, high in _ranges(die, dwarf)]

    def chain(self, address: int) -> tuple[str, ...]:
        """The functions, from the outermost to the innermost."""
        return tuple(name for low, high, name in self._spans if low <= address < high)


def _name(die: DIE) -> str:
    while "DW_AT_name" not in die.attributes:
        known = next((key for key in ("DW_AT_abstract_origin", "DW_AT_specification") if key in die.attributes), None)
        if known is None:
            return ""
        die = die.get_DIE_from_attribute(known)
    return die.attributes["DW_AT_name"].value.decode()


def _ranges(die: DIE, dwarf: DWARFInfo) -> Iterator[tuple[int, int]]:
    if "DW_AT_low_pc" in die.attributes and "DW_AT_high_pc" in die.attributes:
        low, high = die.attributes["DW_AT_low_pc"].value, die.attributes["DW_AT_high_pc"]
        yield low, high.value if high.form == "DW_FORM_addr" else low + high.value
    elif "DW_AT_ranges" in die.attributes:
        top = die.cu.get_top_DIE().attributes
        base = top["DW_AT_low_pc"].value if "DW_AT_low_pc" in top else 0
        for entry in dwarf.range_lists().get_range_list_at_offset(die.attributes["DW_AT_ranges"].value, cu=die.cu):
            if isinstance(entry, BaseAddressEntry):
                base = entry.base_address
            else:
                offset = 0 if entry.is_absolute else base
                yield offset + entry.begin_offset, offset + entry.end_offset
