# SPDX-License-Identifier: MIT
"""Other builds of QEMU, made from the one at hand: one that does not export its functions, with a table of symbols and
without."""

from __future__ import annotations

import shutil
import struct
from dataclasses import dataclass, replace
from pathlib import Path

from elftools.elf.elffile import ELFFile

from faultinject.machine import Qemu

#: Name, what it is, section, value and size.
SYMBOL = struct.Struct("<IHH16x")
#: Place, symbol and kind, addend.
RELOCATION = struct.Struct("<QQq")
SECTION = struct.Struct("<IIQQQQIIQQ")
SHT_SYMTAB, SHT_STRTAB, SHN_UNDEF = 2, 3, 0
#: Where the headers of sections are said to be, and how many there are.
AT_SECTION_OFFSET, AT_SECTION_COUNT = 0x28, 0x3C


@dataclass
class Image:
    """An executable's bytes, and what it exports to others than itself: name -> (place of its entry in the table, the
    entry)."""

    content: bytearray
    exported: dict[str, tuple[int, bytes]]

    @classmethod
    def read(cls, path: Path) -> Image:
        content = bytearray(path.read_bytes())
        exported = {}
        with path.open("rb") as file:
            elf = ELFFile(file)
            table, strings = elf.get_section_by_name(".dynsym"), elf.get_section_by_name(".dynstr").data()
            relocated = {information >> 32 for section in elf.iter_sections("SHT_RELA")
                         for _, information, _ in RELOCATION.iter_unpack(section.data())}
            for number, (name, _, section) in enumerate(SYMBOL.iter_unpack(table.data())):
                if section != SHN_UNDEF and number not in relocated:
                    at = table["sh_offset"] + number * SYMBOL.size
                    exported[strings[name:strings.index(0, name)].decode()] = at, bytes(content[at:at + SYMBOL.size])
        return cls(content, exported)

    def hide(self, names: set[str]) -> None:
        """Their entries lose their names: the dynamic linker does not find them any more."""
        for name in names & self.exported.keys():
            struct.pack_into("<I", self.content, self.exported[name][0], 0)

    def add_table(self, names: set[str]) -> None:
        """A table of these symbols, as in a binary that was not stripped."""
        offset, = struct.unpack_from("<Q", self.content, AT_SECTION_OFFSET)
        count, = struct.unpack_from("<H", self.content, AT_SECTION_COUNT)
        headers = bytes(self.content[offset:offset + count * SECTION.size])
        strings, symbols = b"\0", bytes(SYMBOL.size)
        for name in sorted(names & self.exported.keys()):
            symbols += struct.pack("<I", len(strings)) + self.exported[name][1][4:]
            strings += name.encode() + b"\0"
        at = len(self.content)
        headers += SECTION.pack(0, SHT_SYMTAB, 0, 0, at, len(symbols), count + 1, 1, 8, SYMBOL.size)
        headers += SECTION.pack(0, SHT_STRTAB, 0, 0, at + len(symbols), len(strings), 0, 0, 1, 0)
        self.content += symbols + strings
        struct.pack_into("<Q", self.content, AT_SECTION_OFFSET, len(self.content))
        struct.pack_into("<H", self.content, AT_SECTION_COUNT, count + 2)
        self.content += headers


def _imports_of_modules(executable: Path) -> set[str]:
    """What QEMU's accelerator, a module where QEMU has modules, takes from the executable."""
    found: set[str] = set()
    for module in Path("/usr/lib/x86_64-linux-gnu/qemu").glob("accel-tcg-*.so"):
        with module.open("rb") as file:
            found |= {symbol.name for symbol in ELFFile(file).get_section_by_name(".dynsym").iter_symbols()
                      if symbol["st_shndx"] == "SHN_UNDEF"}
    return found


def without_exports(qemu: Qemu, directory: Path, table: bool) -> Qemu:
    """A copy that exports, besides the interface of plugins, only what its own modules need; with a table of the symbols that
    it hides, or without."""
    executable = Path(shutil.which(qemu.command[-1]) or qemu.command[-1]).resolve()
    image = Image.read(executable)
    hidden = {name for name in image.exported if not name.startswith("qemu_plugin_")} - _imports_of_modules(executable)
    image.hide(hidden)
    if table:
        image.add_table(hidden)
    copy = directory / ("with-symbols" if table else "without-symbols") / "bin" / executable.name
    copy.parent.mkdir(parents=True)
    for name in ("lib", "share"):  # QEMU looks for its modules and its firmware beside itself
        (copy.parents[1] / name).symlink_to(executable.parents[1] / name)
    copy.write_bytes(image.content)
    copy.chmod(0o755)
    return replace(qemu, command=(*qemu.command[:-1], str(copy)))
