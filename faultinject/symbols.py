# SPDX-License-Identifier: MIT
"""Which function an address lies in."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from pathlib import Path

from elftools.elf.elffile import ELFFile

from faultinject.system import BUILD, System


class Symbolizer:
    """Functions of some ELF files."""

    def __init__(self, files: Iterable[Path]) -> None:
        functions: dict[int, tuple[int, str]] = {}
        for path in files:
            if path.exists():
                with path.open("rb") as file:
                    table = ELFFile(file).get_section_by_name(".symtab")
                    for symbol in table.iter_symbols() if table else ():
                        if symbol["st_info"]["type"] == "STT_FUNC":
                            functions[symbol["st_value"]] = (symbol["st_size"], symbol.name)
        self._starts = sorted(functions)
        self._functions = [functions[start] for start in self._starts]

    @classmethod
    def of(cls, system: System) -> Symbolizer:
        """The kernel's and all services' functions."""
        return cls([system.kernel, *(BUILD / "servers" / f"{service.name}.elf" for service in system.services)])

    def function(self, address: int) -> str:
        """Its name, or an empty text."""
        position = bisect.bisect_right(self._starts, address) - 1
        if position < 0:
            return ""
        size, name = self._functions[position]
        return name if address < self._starts[position] + max(size, 1) else ""
