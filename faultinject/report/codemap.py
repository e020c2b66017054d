# SPDX-License-Identifier: MIT
"""Where faults struck and what came of it: function by function, down to the lines of the source.

Rule: counts are draws. A fault belongs to the function whose code it struck, as the symbol table has it; a line that the
compiler moved into it from elsewhere is shown with that function, and says where it is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faultinject.classify import Outcome
from faultinject.store import Store
from faultinject.symbols import KEPT_SOURCE, Function, Symbolizer
from faultinject.system import ROOT, System

#: What a user could see: something went wrong for a client, a service or the machine.
FAILURES = (Outcome.OWN_CLIENT, Outcome.OTHER_CLIENT, Outcome.SILENT, Outcome.SERVICE_LOST, Outcome.SYSTEM_HANG,
            Outcome.KERNEL_FAILURE)
OUTSIDE = "(outside of any function)"
#: A function that is longer is shown by its lines that were struck, with so many around each.
LINES_MOST = 400


Counts = Counter[str]


def failures(counts: Mapping[str, int]) -> int:
    """Draws in which a user could see something."""
    return sum(counts.get(outcome.value, 0) for outcome in FAILURES)


@dataclass
class Struck:
    """A function of a service's code."""

    service: str
    name: str
    file: str = ""
    first: int = 0
    counts: Counts = field(default_factory=Counter)
    #: (file, line) -> counts.
    lines: dict[tuple[str, int], Counts] = field(default_factory=dict)
    #: The function's own text, from line `first` on; empty where the source is not to be had.
    text: list[str] = field(default_factory=list)
    #: The text of lines that are written elsewhere.
    moved: dict[tuple[str, int], str] = field(default_factory=dict)

    @property
    def draws(self) -> int:
        """Faults that struck it."""
        return sum(self.counts.values())


class Sources:
    """The sources as they were when the campaign ran; where it did not keep them, those of this tree."""

    def __init__(self, kept: Path) -> None:
        self._root = kept if kept.is_dir() else ROOT
        self._files: dict[str, list[str]] = {}

    def lines(self, file: str) -> list[str]:
        """A file's lines; none if it is not there."""
        if file not in self._files:
            path = self._root / file
            self._files[file] = path.read_text(errors="replace").splitlines() if file and path.is_file() else []
        return self._files[file]

    def line(self, file: str, number: int) -> str:
        """One of them, from 1."""
        lines = self.lines(file)
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""

    def function(self, file: str, entry: int, struck: Iterable[int]) -> tuple[int, list[str]]:
        """The first line and the text of a function whose code begins at line `entry`: from its name to its closing brace
        in the first column, or to the last line that was struck, whichever is later within reason."""
        lines = self.lines(file)
        if not lines or not entry:
            return entry, []
        first = entry
        while first > 1 and lines[first - 2].strip() and not lines[first - 2].rstrip().endswith(("*/", ";", "}")):
            first -= 1
        end = next((number for number in range(entry, len(lines) + 1) if lines[number - 1].startswith("}")), entry)
        last = max([end, *(line for line in struck if entry <= line < first + LINES_MOST)])
        return first, lines[first - 1:min(last, first + LINES_MOST)]


def of_store(store: Store, known: Symbolizer | None, directory: Path) -> list[Struck]:
    """The map of a campaign whose sources are kept in `directory`; most failures first."""
    sources = Sources(directory / KEPT_SOURCE)
    found: dict[tuple[str, str, int], Struck] = {}
    for row in store.each("SELECT service, rip, function, outcome, sum(weight) AS draws FROM experiment "
                          "GROUP BY service, rip, outcome ORDER BY service, rip, outcome"):
        rip = int(row["rip"], 16)
        function = known.at(rip) if known else None
        key = row["service"], function.name if function else row["function"] or OUTSIDE, function.low if function else 0
        struck = found.get(key)
        if struck is None:
            struck = found[key] = _struck(row["service"], key[1], known, function)
        struck.counts[row["outcome"]] += row["draws"]
        place = known.place(rip) if known and function else None
        if place and place.line:
            struck.lines.setdefault((place.file, place.line), Counter())[row["outcome"]] += row["draws"]
    for struck in found.values():
        own = [line for file, line in struck.lines if file == struck.file]
        struck.first, struck.text = sources.function(struck.file, struck.first, own)
        last = struck.first + len(struck.text)
        struck.moved = {(file, line): sources.line(file, line) for file, line in struck.lines
                        if file != struck.file or not struck.first <= line < last}
    return sorted(found.values(), key=lambda s: (-failures(s.counts), -s.draws, s.service, s.name))


def _struck(service: str, name: str, symbols: Symbolizer | None, function: Function | None) -> Struck:
    if symbols is None or function is None:
        return Struck(service, name)
    file, first = symbols.entry(function)
    return Struck(service, name, file, first)


def symbols(directory: Path) -> Symbolizer | None:
    """Those that a campaign keeps; None where its system is not there."""
    kernel = directory / "kernel.elf"
    return Symbolizer.of(System(kernel, (), {})) if kernel.is_file() else None
