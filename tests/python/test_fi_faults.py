# SPDX-License-Identifier: MIT
"""Each kind of fault on the small guest, whose code and memory are known: put in where it should be, observed when it is
used, and of the effect that it must have."""

from __future__ import annotations

import fi_guest
import pytest

from faultinject import engine
from faultinject.classify import Outcome
from faultinject.finding import judge_experiment
from faultinject.golden import Golden, ImageJudge, Workbench
from faultinject.models import Change, code
from faultinject.models.base import CLEAR, INVERT, SET, damage
from faultinject.models.boundary import ERROR_IO
from faultinject.plan import Fault
from faultinject.records import Activation, Begin, Cause, End, Experiment, Finish, Stretch

FS, PAGE, KERNEL = 0x5000000, 4096, 0x100000
STATE_PAGE, DISK_PAGE, STACK_TOP = 12, 64, FS + 11 * PAGE
RAX, RDI, RSI, R9 = 0, 7, 6, 9
ALPHA, BETA = 0, 1


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return fi_guest.workbench(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def golden(bench: Workbench) -> Golden:
    return fi_guest.golden(bench)


def calls_of(golden: Golden, client: int, operation: int = 1) -> list[Stretch]:
    """Whole calls of fs."""
    return [s for s in golden.timeline if s.service == 0 and (s.begin, s.end) == (Begin.CALL, Finish.REPLY)
            and s.serving_binding == client + 1 and s.operation == operation]


def run(bench: Workbench, golden: Golden, *lines: tuple[int, str, int, int]) -> list[Experiment]:
    return fi_guest.run_faults(bench, golden, list(lines), jobs=2)


def outcome(bench: Workbench, golden: Golden, experiment: Experiment) -> Outcome:
    fault = Fault(0, "", "", "fs", 0, experiment.injected_at_ns, Change("", 0, 0))
    judge = ImageJudge(bench.directory / "images", fi_guest.oracle(golden))
    return judge_experiment(fault, experiment, golden, judge).judgement.outcome


def state(client: int, offset: int) -> int:
    """Address of a client's state: magic at 0, sum at 8, calls at 16."""
    return FS + (STATE_PAGE + client) * PAGE + offset


# Memory


def test_a_load_of_a_faulty_byte_is_its_activation(bench: Workbench, golden: Golden) -> None:
    call = calls_of(golden, ALPHA)[10]
    own, other = run(bench, golden, (call.start_ns, "memory", state(ALPHA, 8), 3),
                     (call.start_ns, "memory", state(BETA, 8), 3))
    assert own.before ^ own.after == 8
    assert own.activation is Activation.USED and FS <= own.activation_rip < FS + PAGE
    assert call.start_ns < own.activated_at_ns <= call.end_ns
    assert outcome(bench, golden, own) is Outcome.SILENT
    # The other client's state is first read by the kernel, which copies it when that client calls next.
    assert other.activation is Activation.USED and KERNEL <= other.activation_rip < FS
    following = min(s.start_ns for s in calls_of(golden, BETA) + calls_of(golden, BETA, 2) if s.start_ns > call.start_ns)
    assert call.end_ns < other.activated_at_ns < following


def test_a_store_to_all_faulty_bytes_replaces_them(bench: Workbench, golden: Golden) -> None:
    """The call with argument n stores to alpha's n-th place on the disk, which nobody reads."""
    earlier, later = calls_of(golden, ALPHA)[10:12]
    place = FS + DISK_PAGE * PAGE + 12 * 64
    stored, never, half = run(bench, golden, (earlier.start_ns, "memory", place, 0),
                              (later.end_ns, "memory", place, 0), (later.end_ns + 1, "memory", place - 1, damage(6, 4)))
    assert stored.activation is Activation.REPLACED and later.start_ns < stored.activated_at_ns <= later.end_ns
    assert stored.disk_hash == golden.experiment.disk_hash
    assert never.activation is Activation.NOT_SEEN and never.disk_hash != golden.experiment.disk_hash
    assert half.before ^ half.after == 0b1111 << 6


def test_what_is_not_mapped_cannot_be_changed(bench: Workbench, golden: Golden) -> None:
    call = calls_of(golden, ALPHA)[10]
    nowhere, = run(bench, golden, (call.start_ns, "memory", FS + 0x1ff000, 0))
    assert nowhere.activation is Activation.IMPOSSIBLE
    assert outcome(bench, golden, nowhere) is Outcome.NOT_ACTIVATED


def test_a_stuck_bit_outlasts_what_is_stored(bench: Workbench, golden: Golden) -> None:
    earlier = calls_of(golden, ALPHA)[10]
    byte, bit = 11 * 64, 0
    right = bool(golden.image.read_bytes()[byte] >> bit & 1)  # type: ignore[union-attr]
    lines = [(earlier.start_ns, "memory", FS + DISK_PAGE * PAGE + byte, damage(bit, effect=effect, held=True))
             for effect in (CLEAR, SET)]
    same, other = run(bench, golden, *lines)[::1 if not right else -1]
    assert same.disk_hash == golden.experiment.disk_hash != other.disk_hash
    wrong = (bench.directory / "images" / f"{other.disk_hash}.img").read_bytes()
    assert wrong[byte] == golden.image.read_bytes()[byte] ^ 1 << bit  # type: ignore[union-attr]


def test_the_stack_in_use_lies_between_its_begin_and_rsp(bench: Workbench, golden: Golden) -> None:
    call = calls_of(golden, ALPHA)[10]
    time = call.start_ns + 40
    lines = [(time, "stack", STACK_TOP - 8, damage(0, place=place)) for place in (0, 2**30, 2**31 - 1)]
    lines.append((time, "stack", FS, damage(0)))
    first, middle, last, empty = run(bench, golden, *lines)
    assert first.address <= middle.address <= last.address < STACK_TOP - 8
    assert empty.activation is Activation.IMPOSSIBLE


def test_code_is_activated_when_it_is_executed(bench: Workbench, golden: Golden) -> None:
    call = calls_of(golden, ALPHA)[10]
    probe, = run(bench, golden, (call.start_ns + 30, "none", 0, 0))
    executed, constant = run(bench, golden, (call.start_ns, "memory", probe.rip, 0),
                             (call.start_ns, "memory", FS + 4 * PAGE - 1, 0))
    assert executed.activation is Activation.USED
    assert executed.activation_rip <= probe.rip < executed.activation_rip + 15
    assert executed.activated_at_ns >= call.start_ns + 30
    assert constant.activation is Activation.NOT_SEEN


# Registers


def test_bits_are_held_for_a_while(bench: Workbench, golden: Golden) -> None:
    """RAX gets a new value all the time; its lowest bit is held."""
    call = calls_of(golden, ALPHA)[10]
    held, = run(bench, golden, (call.start_ns, "register", RAX, damage(0, effect=SET, held=True)))
    assert held.activation is Activation.USED and held.watched_instructions > 50
    assert held.after & 1
    several, = run(bench, golden, (call.start_ns, "register", RSI, damage(20, 3)))
    assert several.before ^ several.after == 0b111 << 20


# Code


@pytest.mark.parametrize(("mutation", "check"), [
    (code.SKIP, lambda old, new: set(new) == {0x90}),
    (code.BRANCH_INVERT, lambda old, new: sum(a != b for a, b in zip(old, new, strict=True)) == 1),
    (code.BRANCH_NEVER, lambda old, new: set(new) == {0x90} and (old[0] & 0xF0 == 0x70 or old[:1] == b"\x0f")),
    (code.OFF_BY_ONE, lambda old, new: sum(a != b for a, b in zip(old, new, strict=True)) == 1),
    (code.STUCK_LOOP, lambda old, new: new[0] == 0xEB or new[:2] == b"\x90\xe9"),
    (code.SOURCE, lambda old, new: sum(a != b for a, b in zip(old, new, strict=True)) == 1),
    (code.DESTINATION, lambda old, new: sum(a != b for a, b in zip(old, new, strict=True)) == 1),
    (code.MISSING_STORE, lambda old, new: set(new) == {0x90}),
    (code.MISSING_START, lambda old, new: set(new) == {0x90}),
    (code.MISSING_ARGUMENT, lambda old, new: set(new) == {0x90}),
])
def test_instructions_are_mutated(bench: Workbench, golden: Golden, mutation: int, check: object) -> None:
    call = calls_of(golden, BETA)[10]
    experiment, = run(bench, golden, (call.start_ns, "mutate", mutation, 1))
    assert experiment.activation is Activation.USED, "no such instruction in this call"
    assert FS <= experiment.address == experiment.activation_rip < FS + PAGE
    assert experiment.activated_at_ns >= call.start_ns
    pair = tuple(value.to_bytes(8, "little") for value in (experiment.before, experiment.after))
    length = max(i for i in range(8) if pair[0][i] or pair[1][i]) + 1
    old, new = (value[:length] for value in pair)
    assert old == fi_guest.code_at(bench, experiment.address, length)
    assert check(old, new), (old.hex(), new.hex())  # type: ignore[operator]


def test_pointers_go_astray(bench: Workbench, golden: Golden) -> None:
    call = calls_of(golden, ALPHA)[10]
    stores = run(bench, golden, *((call.end_ns - back, "mutate", code.MISSING_STORE, 0) for back in range(12, 1, -1)))
    last = max(store.activated_at_ns for store in stores if store.activated_at_ns < call.end_ns)  # to the state's calls
    null, wild = run(bench, golden, (last, "mutate", code.POINTER, 0), (last, "mutate", code.POINTER, 0x7123_4567_8000))
    for experiment, value in ((null, 0), (wild, 0x7123_4567_8000)):
        assert experiment.after == value and experiment.before >= FS
        assert experiment.recoveries[0].cause == Cause.EXCEPTION
        assert abs(experiment.recoveries[0].fault_address - value) < PAGE
        assert outcome(bench, golden, experiment) is Outcome.RECOVERED


def test_what_does_not_occur_is_not_activated(bench: Workbench, golden: Golden) -> None:
    """The guest's services have no string instruction."""
    last = calls_of(golden, ALPHA)[-1]
    none, = run(bench, golden, (last.start_ns, "mutate", code.OVERRUN, 5))
    assert none.activation is Activation.NOT_SEEN
    assert outcome(bench, golden, none) is Outcome.NOT_ACTIVATED


def test_a_delay_ends_and_the_service_goes_on(bench: Workbench, golden: Golden) -> None:
    """The guest's limit for hangs is some 6 ms."""
    call = calls_of(golden, ALPHA)[10]
    short, long = run(bench, golden, (call.end_ns - 1, "delay", 1_500_000, 0), (call.end_ns - 1, "delay", 20_000_000, 0))
    assert short.recovery_count == 0 and outcome(bench, golden, short) is Outcome.OVERWRITTEN
    assert abs(short.ended_at_ns - golden.experiment.ended_at_ns - 1_500_000) < 20_000
    assert long.recoveries[0].cause == Cause.HANG and outcome(bench, golden, long) is Outcome.RECOVERED


# Boundary


def test_requests_and_replies_are_changed_where_they_are_made(bench: Workbench, golden: Golden) -> None:
    call = calls_of(golden, ALPHA)[10]
    request, reply, error = run(bench, golden, (call.start_ns, "register", RSI, 0), (call.end_ns - 1, "register", RDI, 40),
                                (call.end_ns - 1, "assign", ERROR_IO, RDI))
    assert request.before == 11 and request.after == 10 and request.activation is Activation.USED
    assert outcome(bench, golden, request) is Outcome.SILENT
    assert reply.activation is Activation.USED and reply.activated_at_ns == call.end_ns - 1
    assert outcome(bench, golden, reply) is Outcome.SILENT
    assert error.after == ERROR_IO and outcome(bench, golden, error) is Outcome.OWN_CLIENT
    same, = run(bench, golden, (call.start_ns, "assign", 11, RSI))
    assert same.activation is Activation.IMPOSSIBLE


def test_every_kind_ends_alone_as_it_does_forked(bench: Workbench, golden: Golden) -> None:
    call = calls_of(golden, ALPHA)[10]
    lines = [(call.start_ns, "memory", state(BETA, 8), 3), (call.start_ns, "mutate", code.SKIP, 0),
             (call.start_ns, "memory", state(BETA, 16), damage(0, effect=SET, held=True)),
             (call.start_ns, "register", RAX, damage(0, effect=SET, held=True)), (call.end_ns - 1, "delay", 700_000, 0)]
    for line, forked in zip(lines, run(bench, golden, *lines), strict=True):
        time, kind, a, b = line
        assert engine.run_alone(bench, golden, Fault(0, "", "", "fs", 0, time, Change(kind, a, b))) == forked
        assert forked.end is End.VERDICT


def test_damage_is_one_operand() -> None:
    assert damage(7) == 7
    assert damage(7, 2, INVERT) == 7 | 1 << 8
    assert damage(0, effect=SET, held=True, place=5) == 2 << 16 | 1 << 20 | 5 << 32
