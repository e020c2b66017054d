# SPDX-License-Identifier: MIT
"""Whom a service is serving at a time: the caller, through services that call services, and those whom it answers."""

from __future__ import annotations

import tomllib
from pathlib import Path

from faultinject.models.boundary import WAIT_SELECTOR
from faultinject.records import Begin, Finish, Stage, Stretch
from faultinject.served import ANSWER_SELECTOR, Serving

ABI = Path(__file__).resolve().parents[2] / "abi" / "kernel.toml"
DISK, FILES, TIMER = 0, 1, 2
DISK_SLOT = 4
#: Bindings 1 of files and timer are init's; files has binding 1 of disk, init binding 2.
CLIENTS = ({}, {2: "alpha", 3: "beta"}, {2: "alpha", 3: "beta", 4: "gamma"})
CALLERS = {DISK: [(FILES, DISK_SLOT)]}


def stretch(start: int, service: int, binding: int, begin: Begin, end: Finish, selector: int = 0, argument: int = 0) -> Stretch:
    return Stretch(start, start + 10, service, Stage.RUNNING, binding, 1, begin, end, 0, selector, argument)


def serving(*timeline: Stretch) -> Serving:
    return Serving(timeline, CLIENTS, CALLERS)


def test_a_call_serves_its_client() -> None:
    run = serving(stretch(100, FILES, 2, Begin.CALL, Finish.REPLY))
    assert run.at(FILES, 2, 105) == ("alpha",)
    assert run.at(FILES, 1, 105) == (), "init's audit"
    assert run.at(FILES, 0, 105) == (), "an event that answers nobody"


def test_a_service_that_calls_passes_on_for_whom_it_works() -> None:
    run = serving(stretch(100, FILES, 3, Begin.CALL, Finish.INVOKE, DISK_SLOT | 3 << 16),
                  stretch(120, DISK, 1, Begin.CALL, Finish.REPLY),
                  stretch(140, FILES, 3, Begin.RESULT, Finish.REPLY),
                  stretch(160, FILES, 0, Begin.EVENT, Finish.INVOKE, DISK_SLOT | 3 << 16),
                  stretch(180, DISK, 1, Begin.CALL, Finish.REPLY),
                  stretch(200, FILES, 0, Begin.RESULT, Finish.REPLY),
                  stretch(220, DISK, 2, Begin.CALL, Finish.REPLY))
    assert run.at(DISK, 1, 125) == ("beta",)
    assert run.at(DISK, 1, 185) == (), "of its own accord"
    assert run.at(DISK, 2, 225) == (), "nobody waits for the disk: it is init's call"


def test_an_invocation_of_something_else_is_no_call_of_the_service() -> None:
    run = serving(stretch(100, FILES, 3, Begin.CALL, Finish.INVOKE, 9 | 3 << 16), stretch(120, DISK, 2, Begin.CALL, Finish.REPLY))
    assert run.at(DISK, 2, 125) == ()


def test_whom_a_transaction_answers_it_serves_from_its_first_instruction_to_its_last() -> None:
    run = serving(stretch(60, TIMER, 4, Begin.CALL, Finish.INVOKE, ANSWER_SELECTOR, 4),
                  stretch(80, TIMER, 4, Begin.RESULT, Finish.REPLY),
                  stretch(100, TIMER, 0, Begin.EVENT, Finish.INVOKE, ANSWER_SELECTOR, 2),
                  stretch(120, TIMER, 0, Begin.RESULT, Finish.INVOKE, ANSWER_SELECTOR, 3),
                  stretch(140, TIMER, 0, Begin.RESULT, Finish.INTERRUPTED),
                  stretch(160, TIMER, 0, Begin.CONTINUED, Finish.REPLY),
                  stretch(180, TIMER, 4, Begin.CALL, Finish.INVOKE, ANSWER_SELECTOR, 2),
                  stretch(200, TIMER, 4, Begin.RESULT, Finish.REPLY))
    assert [run.at(TIMER, 0, time) for time in (100, 125, 145, 165)] == [("alpha", "beta")] * 4
    assert run.at(TIMER, 4, 205) == ("gamma", "alpha"), "the caller first"
    assert run.at(TIMER, 4, 85) == ("gamma",), "each once"


def test_the_numbers_are_those_of_the_boundary() -> None:
    with ABI.open("rb") as file:
        abi = tomllib.load(file)
    slots, operations = abi["constants"]["slot"], abi["operation"]
    assert slots["SERVICE"][0] | operations["SERVICE"]["ANSWER"]["number"] << 16 == ANSWER_SELECTOR
    assert slots["NOTIFICATION"][0] | operations["NOTIFICATION"]["WAIT"]["number"] << 16 == WAIT_SELECTOR
