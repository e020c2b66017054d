# SPDX-License-Identifier: MIT
"""Which function and which line of source an address lies in.

Rule: a service's symbols are believed only if its code is, byte for byte, in the kernel image that was run. A campaign
keeps them, and the sources, beside its database, so that its addresses can be read after the tree has changed.
"""

from __future__ import annotations

import bisect
import posixpath
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from faultinject.system import BUILD, ROOT, System

#: Beside a campaign's kernel.
KEPT_SYMBOLS, KEPT_SOURCE = "symbols", "source"
SOURCE_FOLDERS = ("boot", "kernel", "ssr", "servers", "recovery", "lib")
SOURCE_SUFFIXES = (".c", ".h", ".S")
_EXECUTABLE = 1


@dataclass(frozen=True)
class Function:
    """Addresses low <= a < high."""

    name: str
    low: int
    high: int


@dataclass(frozen=True)
class Place:
    """Of an address; file is relative to the sources' root, line 0 where none is known."""

    function: str
    file: str
    line: int

    def __str__(self) -> str:
        words = self.function or "?"
        return f"{words} ({self.file}:{self.line})" if self.line else words


@dataclass(frozen=True)
class Lines:
    """Of a file. By address, the last place named for it; and the first: a function's own line comes before what is
    inlined."""

    rows: list[tuple[int, str, int]]
    entries: dict[int, tuple[str, int]]


class Symbolizer:
    """Functions and lines of some ELF files."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.files = [path for path in files if path.exists()]
        functions: dict[int, Function] = {}
        #: The addresses from a file's first function to its last, by which it is found whose lines are asked for.
        self._spans: dict[Path, range] = {}
        for path in self.files:
            own = dict(_functions(path))
            functions.update(own)
            self._spans[path] = range(min(own, default=0), max((function.high for function in own.values()), default=0))
        self._starts = sorted(functions)
        self._functions = [functions[start] for start in self._starts]
        self._lines: dict[Path, Lines] = {}

    @classmethod
    def of(cls, system: System) -> Symbolizer:
        """The kernel's and all services' that are in it."""
        return cls([system.kernel, *service_files(system)])

    def at(self, address: int) -> Function | None:
        """The function that the address is in."""
        position = bisect.bisect_right(self._starts, address) - 1
        if position < 0 or address >= self._functions[position].high:
            return None
        return self._functions[position]

    def function(self, address: int) -> str:
        """Its name, or an empty text."""
        found = self.at(address)
        return found.name if found else ""

    def place(self, address: int) -> Place:
        """Function, file and line. Code that was inlined has the line it was written on."""
        function = self.function(address)
        for lines in self._lines_about(address) if function else ():
            position = bisect.bisect_right(lines.rows, (address, "\uffff", 0)) - 1
            if position >= 0 and lines.rows[position][2]:
                _, file, line = lines.rows[position]
                return Place(function, file, line)
        return Place(function, "", 0)

    def entry(self, function: Function) -> tuple[str, int]:
        """The file and line at which the function begins; ("", 0) if not known."""
        found = (lines.entries[function.low] for lines in self._lines_about(function.low) if function.low in lines.entries)
        return next(found, ("", 0))

    def _lines_about(self, address: int) -> Iterator[Lines]:
        """Reading them takes long, so only those of files that may know the address."""
        for path, span in self._spans.items():
            if address in span:
                if path not in self._lines:
                    self._lines[path] = _lines(path)
                yield self._lines[path]


def _functions(path: Path) -> Iterator[tuple[int, Function]]:
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        for symbol in table.iter_symbols() if table else ():
            if symbol["st_info"]["type"] == "STT_FUNC":
                low = symbol["st_value"]
                yield low, Function(symbol.name, low, low + max(symbol["st_size"], 1))


def _lines(path: Path) -> Lines:
    rows: dict[int, tuple[str, int]] = {}
    entries: dict[int, tuple[str, int]] = {}
    for address, file, line in _line_rows(path):
        if line:
            entries.setdefault(address, (file, line))
            rows[address] = (file, line)
        else:
            rows.setdefault(address, (file, line))
    return Lines(sorted((address, file, line) for address, (file, line) in rows.items()), entries)


def _line_rows(path: Path) -> Iterator[tuple[int, str, int]]:
    """(address, file, line): valid from the address to the next row's; a line of 0 ends a sequence."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        if not elf.has_dwarf_info():
            return
        dwarf = elf.get_dwarf_info()
        for unit in dwarf.iter_CUs():
            program = dwarf.line_program_for_CU(unit)
            if program is None:
                continue
            names = _file_names(program)
            for entry in program.get_entries():
                state = entry.state
                if state is not None and state.end_sequence:
                    yield state.address, "", 0
                elif state is not None and state.line:
                    yield state.address, names[state.file] if state.file < len(names) else "", state.line


def _file_names(program: object) -> list[str]:
    """Of DWARF 5, whose numbers count from 0."""
    header = program.header  # type: ignore[attr-defined]
    directories = [name.decode() for name in header["include_directory"]]
    names = []
    for entry in header["file_entry"]:
        directory = directories[entry.dir_index] if entry.dir_index < len(directories) else ""
        names.append(posixpath.normpath(posixpath.join(directory, entry.name.decode())))
    return names if header["version"] >= 5 else ["", *names]


def service_files(system: System) -> list[Path]:
    """The ELF files of the system's services: those kept with it, else those last built, as far as they fit."""
    kept = system.kernel.parent / KEPT_SYMBOLS
    directory = kept if kept.is_dir() else BUILD / "servers"
    image = system.kernel.read_bytes()
    return [path for path in sorted(directory.glob("*.elf")) if _code(path) in image]


def _code(path: Path) -> bytes:
    with path.open("rb") as file:
        segments = ELFFile(file).iter_segments()
        return b"".join(segment.data() for segment in segments
                        if segment["p_type"] == "PT_LOAD" and segment["p_flags"] & _EXECUTABLE)


def keep(system: System, directory: Path) -> None:
    """Copies symbols and sources of a system to `directory`, where a campaign keeps the kernel that it runs."""
    symbols = directory / KEPT_SYMBOLS
    symbols.mkdir()
    files = service_files(system)
    for path in files:
        shutil.copyfile(path, symbols / path.name)
    for folder in SOURCE_FOLDERS if files else ():
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SOURCE_SUFFIXES and path.is_file():
                place = directory / KEPT_SOURCE / path.relative_to(ROOT)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
