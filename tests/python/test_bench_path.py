# SPDX-License-Identifier: MIT
"""The picture of one call: every instruction of it is in one piece, on its side of the boundary."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import fi_guest  # noqa: F401
import pytest

from bench import path
from bench.path import Code, Piece, calls, pieces, tell, typical
from faultinject.errors import MachineError
from faultinject.sequence import draw
from faultinject.story import Who

KERNEL, SERVICE, CLIENT = 1 << 63, 1 << 20, 1 << 10
#: By the last two digits of an address.
FUNCTIONS = {0: "enter", 1: "begin", 2: "switch", 3: "serve", 4: path.ROW, 5: "measure"}


class FakeCode(Code):
    """An address says whose it is and, in its last digit, of which function."""

    def __init__(self) -> None:
        self._service = range(SERVICE, 2 * SERVICE)

    def function(self, address: int) -> str:
        return FUNCTIONS[address & 0xF]

    def place(self, address: int) -> str:
        return f"file:{address & 0xF}"

    def writes_cr3(self, address: int) -> bool:
        return address == KERNEL + 2


CALL = [*[CLIENT + 4] * 5, *[KERNEL] * 4, *[KERNEL + 1] * 6, KERNEL + 2, *[KERNEL + 1] * 3, *[KERNEL] * 3, *[SERVICE + 3] * 7,
        *[KERNEL] * 4, KERNEL + 2, KERNEL + 2, *[KERNEL] * 3, *[CLIENT + 4] * 4]
BETWEEN = [CLIENT + 5] * 3


def test_calls_are_cut_where_the_program_does_something_else_and_the_usual_one_is_taken() -> None:
    longer = [*CALL[:6], *[KERNEL + 1] * 50, *CALL[6:]]
    run = [*CALL[20:], *BETWEEN, *longer, *BETWEEN, *CALL, *BETWEEN, *CALL, *BETWEEN, CLIENT + 4]
    assert [len(call) for call in calls(run, FakeCode())][1:] == [len(longer), len(CALL), len(CALL)]
    assert list(typical(run, FakeCode())) == CALL
    with pytest.raises(MachineError, match="no call of"):
        typical(BETWEEN, FakeCode())


def test_every_instruction_is_in_one_piece_and_short_ones_belong_to_the_one_before() -> None:
    found = pieces(CALL, FakeCode())
    assert [(piece.who, piece.name, piece.instructions, piece.cr3_writes) for piece in found] == [
        (Who.CLIENT, path.ROW, 5, 0), (Who.KERNEL, "enter", 4, 0), (Who.KERNEL, "begin", 10, 1), (Who.KERNEL, "enter", 3, 0),
        (Who.SERVICE, "serve", 7, 0), (Who.KERNEL, "enter", 6, 2), (Who.KERNEL, "enter", 3, 0), (Who.CLIENT, path.ROW, 4, 0)]
    assert sum(piece.instructions for piece in found) == len(CALL)
    assert [piece.start for piece in found] == [0, 5, 9, 19, 22, 29, 35, 38]


def test_the_story_has_its_totals_and_is_drawn_without_a_monitor() -> None:
    story = tell([Piece(Who.CLIENT, "invoke", "a:1", 0, 5), Piece(Who.KERNEL, "begin", "b:2", 5, 20, 1),
                  Piece(Who.SERVICE, "serve", "c:3", 25, 1000), Piece(Who.KERNEL, "end", "d:4", 1025, 30, 1),
                  Piece(Who.CLIENT, "use", "e:5", 1055, 2)])
    assert (story.outcome, story.reason) == ("1057 instructions", "CR3 is written 2 times")
    assert story.stages == [("client", 5), ("kernel", 20), ("service", 1000), ("kernel", 30), ("client", 2)]
    assert [step.to for step in story.steps] == [Who.KERNEL, Who.SERVICE, Who.KERNEL, Who.CLIENT, None]
    words = [element.text for element in ElementTree.fromstring(draw(story)).iter("{http://www.w3.org/2000/svg}text")]
    assert "monitor" not in words and "1,025" in words and "20 instructions, b:2; writes CR3" in words
    assert "The call to scale, in instructions: 1,057" in words and not any("µs" in (word or "") for word in words)


def test_a_real_call_is_begun_and_committed_by_the_fast_path(tmp_path: Path) -> None:
    story = path.picture(tmp_path / "call.svg")
    titles = [step.title for step in story.steps]
    assert titles.index("call_fast") < titles.index("service_call") < titles.index("reply_fast")
    assert titles.count("syscall_entry") == 4 and story.reason == "CR3 is written 2 times"
    assert 300 < sum(length for _, length in story.stages) < 500
