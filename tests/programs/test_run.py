# SPDX-License-Identifier: MIT
"""Programs start, get what they were given, and end as they should."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import run


def test_arguments_arrive_as_they_were_given() -> None:
    words = ["plain", "two words", "", 'quo"te', "back\\slash", "tab\there", "new\nline", "\u00e4\u00f6"]
    outcome = run("hello", *words)
    assert outcome.status == 0, outcome
    assert outcome.output == "Hello from Perdure: hello " + " ".join(words) + "\n"


def test_environment_and_input_arrive(compiled: Path) -> None:
    outcome = run(compiled / "streams", "echo", stdin=b"one\ntwo\x10three\x00\xff", environment={"COLOUR": "blue sky"})
    assert outcome.status == 0, outcome
    assert outcome.errors.strip() == "COLOUR=blue sky"
    assert outcome.output.encode("utf-8", "replace").startswith(b"one\ntwo\x10three\x00")


def test_much_output_arrives_whole(compiled: Path) -> None:
    outcome = run(compiled / "streams", "count")
    assert outcome.status == 0, outcome
    assert outcome.output == "".join(f"{number}\n" for number in range(20000))


@pytest.mark.parametrize(("end", "status"), [("return", 3), ("exit", 42), ("abort", 134), ("fault", 139), ("divide", 136),
                                             ("undefined", 132), ("overflow", 139), ("raise", 143)])
def test_exit_status_tells_how_it_ended(compiled: Path, end: str, status: int) -> None:
    outcome = run(compiled / "streams", end)
    assert outcome.status == status, outcome


def test_file_that_is_no_program_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("#!/bin/sh\n")
    outcome = run(text)
    assert outcome.status in (125, 127), outcome
    assert outcome.errors
