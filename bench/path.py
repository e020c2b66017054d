# SPDX-License-Identifier: MIT
"""The picture of one call, instruction by instruction, as it went on a machine: `perdure bench --picture`.

The program `bench` makes the call again and again; all instructions between its marks are recorded (faultinject/plugin/path.c)
and cut at the client's first instruction of each. The call that is drawn is the first of those of the most frequent length:
none that an interrupt came into. Instructions are told apart by function, those that were inlined by the debug information.
"""

from __future__ import annotations

import struct
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from bench.measure import MEMORY_MIB, TIMEOUT_S
from faultinject.errors import MachineError
from faultinject.golden import Workbench
from faultinject.inlined import Inlined
from faultinject.machine import Qemu, run_to_end
from faultinject.sequence import draw
from faultinject.story import KERNEL_HALF, Step, Story, Who
from faultinject.symbols import Symbolizer, service_files
from faultinject.system import BUILD, System
from faultinject.workload import Workload

#: The row of the bench, which is also the client's function; and the service that it calls.
ROW, SERVICE = "call_ssr_256", "echo"
#: Inlined functions are told apart down to this depth; below, they belong to the one that they are in.
DEPTH = 4
PIECE_LEAST = 3
#: Where programs have the library's headers from.
INSTALLED = "build/sysroot/include/"
WRITE_CR3 = (bytes((0x0F, 0x22)), 0xD8)


@dataclass
class Piece:
    """What one function executes of a call, before the processor goes elsewhere."""

    who: Who
    name: str
    place: str
    start: int
    instructions: int = 0
    cr3_writes: int = 0


class Code:
    """What an address is: of which function, and whether it writes CR3."""

    def __init__(self, system: System, program: Path) -> None:
        files = [system.kernel, *service_files(system), program]
        self._symbols = Symbolizer(files)
        self._inlined = [Inlined(path) for path in files]
        service = system.service(SERVICE)
        self._service = range(service.low, service.high)
        with system.kernel.open("rb") as file:
            section = ELFFile(file).get_section_by_name(".text")
            self._base, self._text = section["sh_addr"], section.data()

    def who(self, address: int) -> Who:
        """Whose instruction it is."""
        return Who.KERNEL if address >= KERNEL_HALF else Who.SERVICE if address in self._service else Who.CLIENT

    def function(self, address: int) -> str:
        """Of the source, inlined or not."""
        for inlined in self._inlined:
            chain = inlined.chain(address)
            if chain:
                return chain[:DEPTH][-1]
        return self._symbols.function(address)

    def place(self, address: int) -> str:
        """File and line."""
        place = self._symbols.place(address)
        return f"{place.file.removeprefix(INSTALLED)}:{place.line}"

    def writes_cr3(self, address: int) -> bool:
        """The instruction there is a MOV to CR3."""
        code = self._text[max(address - self._base, 0):][:4] if address >= KERNEL_HALF else b""
        code = code[1:] if code[:1] and code[0] & 0xF0 == 0x40 else code
        return code[:2] == WRITE_CR3[0] and code[2] & 0xF8 == WRITE_CR3[1]


def record(system: System, qemu: Qemu) -> tuple[int, ...]:
    """The addresses of all that is executed between the marks."""
    with tempfile.TemporaryDirectory(prefix="perdure-path-") as name:
        directory = Path(name)
        payload, path = directory / "payload", directory / "path"
        workload = Workload("bench", f"bench bench {ROW}\n")
        workload.write_payload(payload)
        workbench = Workbench(system, qemu, workload, payload, directory, MEMORY_MIB)
        run_to_end(workbench.machine("bench", ["mode=path", f"events={path}"]), TIMEOUT_S, "the bench run")
        data = path.read_bytes() if path.exists() else b""
    return struct.unpack(f"<{len(data) // 8}Q", data)


def calls(path: Sequence[int], code: Code) -> Iterator[Sequence[int]]:
    """From the client's first instruction of a call to its last."""
    inside = [code.function(address) if code.who(address) is Who.CLIENT else None for address in path]
    begun: int | None = None
    for position, function in enumerate(inside):
        if function not in (None, ROW, "pd_invoke"):
            if begun is not None:
                yield path[begun:position]
            begun = None
        elif begun is None:
            begun = position


def typical(path: Sequence[int], code: Code) -> Sequence[int]:
    """The first call of the most frequent length."""
    found = [call for call in calls(path, code) if any(code.who(address) is Who.SERVICE for address in call)]
    if not found:
        raise MachineError(f"no call of {ROW} was recorded", "build all again: make")
    (length, _), = Counter(len(call) for call in found).most_common(1)
    return next(call for call in found if len(call) == length)


def pieces(call: Sequence[int], code: Code) -> list[Piece]:
    """In order. What a function executes before and after others that it calls is one piece, but for the way in and out. What
    is shorter than PIECE_LEAST belongs to the piece before."""
    visits: list[list[Piece]] = []
    for position, address in enumerate(call):
        who, name = code.who(address), code.function(address)
        if not visits or visits[-1][0].who is not who:
            visits.append([])
        visit = visits[-1]
        piece = next((known for known in visit if known.name == name), None)
        if piece is None or (piece is visit[0] and len(visit) > 1):
            piece = visit[-1] if visit and visit[-1].name == name else None
        if piece is None:
            piece = Piece(who, name, code.place(address), position)
            visit.append(piece)
        piece.instructions += 1
        piece.cr3_writes += code.writes_cr3(address)
    return [piece for visit in visits for piece in _folded(visit)]


def _folded(visit: Sequence[Piece]) -> list[Piece]:
    kept: list[Piece] = []
    for piece in visit:
        if kept and piece.instructions < PIECE_LEAST:
            kept[-1].instructions += piece.instructions
            kept[-1].cr3_writes += piece.cr3_writes
        else:
            kept.append(piece)
    return kept


def tell(found: Sequence[Piece]) -> Story:
    """As a story, whose times are instructions."""
    steps = []
    for number, piece in enumerate(found):
        following = found[number + 1].who if number + 1 < len(found) else piece.who
        words = f"{piece.instructions} instructions, {piece.place}" + ("; writes CR3" if piece.cr3_writes else "")
        steps.append(Step(piece.start, piece.who, piece.name, words, None if following is piece.who else following))
    total, cr3 = (sum(getattr(piece, name) for piece in found) for name in ("instructions", "cr3_writes"))
    stages: list[tuple[str, int]] = []
    previous: Who | None = None
    for piece in found:
        if piece.who is previous:
            stages[-1] = (stages[-1][0], stages[-1][1] + piece.instructions)
        else:
            stages.append((piece.who.value, piece.instructions))
        previous = piece.who
    return Story("One call: client, service, commit, reply", f"{ROW} of `perdure bench`: {SERVICE} writes into its client's "
                 "server state region. At the left the instructions so far.", SERVICE, "client", 0, steps,
                 f"{total} instructions", f"CR3 is written {cr3} times", stages, "The call to scale, in instructions", False)


def picture(path: Path) -> Story:
    """Records a call, and draws it to `path`."""
    system, program = System.perdure(), BUILD / "programs" / "bench"
    code = Code(system, program)
    story = tell(pieces(typical(record(system, Qemu.find()), code), code))
    path.write_text(draw(story))
    return story
