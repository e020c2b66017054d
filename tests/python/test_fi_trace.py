# SPDX-License-Identifier: MIT
"""Def/use pruning: what is called equal is equal, and what is called dead has no effect."""

from __future__ import annotations

from pathlib import Path

import fi_guest
import numpy
import pytest

from faultinject import campaign, finding, replay, trace
from faultinject.classify import Outcome
from faultinject.errors import EngineError
from faultinject.golden import Golden, ImageJudge, Workbench
from faultinject.machine import Qemu
from faultinject.models import RFLAGS, RIP, Change, parse_models
from faultinject.plan import Environment, Execution, Space, make_space
from faultinject.records import Stretch
from faultinject.store import Store
from faultinject.trace import Classes, run_trace

RAX, RCX, RBX = 0, 1, 3
HERE = Environment("", "", "", "")
CF = 0


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return fi_guest.workbench(tmp_path_factory.mktemp("trace"))


@pytest.fixture(scope="module")
def golden(bench: Workbench) -> Golden:
    return fi_guest.golden(bench)


@pytest.fixture(scope="module")
def executions(golden: Golden) -> dict[str, Execution]:
    return {"fs": Execution(golden.timeline, 0), "rng": Execution(golden.timeline, 1)}


@pytest.fixture(scope="module")
def classes(bench: Workbench, golden: Golden, executions: dict[str, Execution]) -> Classes:
    return Classes(run_trace(bench, golden), golden, executions)


def hand_made(directory: Path, codes: list[dict[str, object]], lengths: list[int]) -> Classes:
    """A trace in which instruction i is codes[i], in stretches of these lengths."""
    table = numpy.zeros(len(codes), trace._CODE)
    for number, code in enumerate(codes):
        table[number]["address"], table[number]["kind"] = 0x1000 + number, code.get("kind", trace.KNOWN)
        for field in ("read", "written"):
            for register, mask in dict(code.get(field, {})).items():
                table[number][field][register] = mask
            table[number][f"flags_{field}"] = code.get(f"flags_{field}", 0)
    header = numpy.array([(trace.MAGIC, trace._HEADER.itemsize, trace._CODE.itemsize, len(codes), len(codes), 0)],
                         trace._HEADER)
    path = directory / "trace"
    path.write_bytes(header.tobytes() + numpy.arange(len(codes), dtype="<u4").tobytes() + table.tobytes())
    start, timeline = 1000, []
    for length in lengths:
        timeline.append(Stretch(start, start + length, 0, 2, 1, 1))
        start += length + 50
    run = Golden(None, timeline, (b"", b"", b""), None, None, {})  # type: ignore[arg-type]
    return Classes(path, run, {"fs": Execution(timeline, 0)})


ALL = 2**64 - 1
#: mov 1, rax / nop / add al, bl / nop / mov 2, rax | nop / what nobody knows / nop
CODES: list[dict[str, object]] = [{"written": {RAX: ALL}}, {}, {"read": {RAX: 0xFF, RBX: 0xFF}, "written": {RBX: 0xFF},
                                  "flags_written": 1}, {}, {"written": {RAX: ALL}}, {}, {"kind": 0}, {}]


@pytest.mark.parametrize(("instruction", "change", "expected"), [
    (0, ("register", RAX, 0), (0, 1, True)),    # replaced at once
    (1, ("register", RAX, 0), (2, 2, False)),   # read by the addition
    (2, ("register", RAX, 0), (2, 2, False)),
    (1, ("register", RAX, 8), (4, 4, True)),    # the addition reads the low byte only
    (3, ("register", RAX, 0), (4, 2, True)),
    (3, ("register", RBX, 0), (4, 2, False)),   # not touched again: the stretch's end reads it
    (2, ("register", RBX, 8), (4, 5, False)),
    (5, ("register", RAX, 0), (6, 2, False)),   # an instruction that is not known reads everything
    (7, ("register", RAX, 0), (7, 1, False)),
    (1, ("register", RFLAGS, CF), (2, 3, True)),
    (3, ("register", RFLAGS, CF), (4, 2, False))])
def test_a_class_reaches_from_touch_to_touch_within_a_stretch(tmp_path: Path, instruction: int,
                                                             change: tuple[str, int, int],
                                                             expected: tuple[int, int, bool]) -> None:
    found = hand_made(tmp_path, CODES, [5, 3])("fs", instruction, Change(*change))
    assert found is not None
    assert (found.instruction, found.size, found.dead) == expected
    assert found.address == 0x1000 + found.instruction


@pytest.mark.parametrize("change", [("register", RIP, 3), ("register", RFLAGS, 9), ("hang", 0, 0), ("memory", 0, 0)])
def test_what_acts_at_once_or_is_no_register_is_by_itself(tmp_path: Path, change: tuple[str, int, int]) -> None:
    assert hand_made(tmp_path, CODES, [5, 3])("fs", 1, Change(*change)) is None


def test_long_searches_find_the_same(tmp_path: Path) -> None:
    """Beyond one step of the search, in both directions."""
    length = 5 * trace._STEP
    codes = [{"written": {RAX: ALL}}, *({} for _ in range(length)), {"read": {RAX: 1}}]
    classes = hand_made(tmp_path, codes, [len(codes)])
    for instruction in (1, 2, trace._STEP, length, length + 1):
        found = classes("fs", instruction, Change("register", RAX, 0))
        assert found is not None and (found.instruction, found.size, found.dead) == (length + 1, length + 1, False)


def test_a_class_has_one_representative_and_as_many_members_as_it_says(classes: Classes,
                                                                      executions: dict[str, Execution]) -> None:
    sizes: dict[int, int] = {}
    for instruction in range(2000):
        place = classes("fs", instruction, Change("register", RBX, 5))
        assert place is not None and place.instruction >= instruction
        again = classes("fs", place.instruction, Change("register", RBX, 5))
        assert again == place
        sizes[place.instruction] = sizes.get(place.instruction, 0) + 1
    for instruction in list(sizes)[:-1]:
        place = classes("fs", instruction, Change("register", RBX, 5))
        assert place is not None and place.size == sizes[instruction]


def spaces(executions: dict[str, Execution], classes: Classes) -> tuple[Space, Space]:
    models = parse_models("reg-bitflip")
    return make_space(executions, models, 5, HERE), make_space(executions, models, 5, HERE, classes)


def test_faults_of_a_class_are_equal_and_dead_ones_have_no_effect(bench: Workbench, golden: Golden, classes: Classes,
                                                                executions: dict[str, Execution]) -> None:
    """Every draw is run where it was drawn, and where its class is represented."""
    raw, pruned = spaces(executions, classes)
    pairs = [(raw.draw(number), pruned.draw(number)) for number in range(240)]
    assert sum(one.dead is not None for _, one in pairs) > 10
    assert sum(one.fault.instruction != drawn.fault.instruction for drawn, one in pairs) > 60
    lines = [(fault.time_ns, fault.change.kind, fault.change.a, fault.change.b)
             for pair in pairs for fault in (pair[0].fault, pair[1].fault)]
    order = sorted(range(len(lines)), key=lambda i: lines[i][0])
    results = dict(zip(order, fi_guest.run_faults(bench, golden, [lines[i] for i in order], 2), strict=True))
    for number, (_, planned) in enumerate(pairs):
        drawn, stands = results[2 * number], results[2 * number + 1]
        assert stands.rip == classes.address(planned.fault.service, planned.fault.instruction)
        for field in ("end", "code", "detail", "ended_at_ns", "disk_hash", "recoveries", "end_stage", "given_up"):
            assert getattr(drawn, field) == getattr(stands, field), (number, field)
        assert [golden.whole_output(i, drawn) for i in range(3)] == [golden.whole_output(i, stands) for i in range(3)]
        if planned.dead:
            assert stands.activation.name == "REPLACED" and stands.ended_at_ns == golden.experiment.ended_at_ns
            assert stands.disk_hash == golden.experiment.disk_hash and stands.recovery_count == 0


def test_a_pruned_campaign_has_the_figures_of_the_whole_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for faults that were not followed to their end, which the trace knows more of."""
    def make(bench: Workbench, golden: Golden, _: object) -> ImageJudge:
        return ImageJudge(bench.directory / "images", fi_guest.oracle(golden))
    monkeypatch.setattr(finding, "make_judge", make)
    monkeypatch.setattr(replay, "make_judge", make)
    found = []
    for prune in (True, False):
        directory = tmp_path / str(prune)
        directory.mkdir()
        request = campaign.Request(("fs", "rng"), parse_models("reg-bitflip,kill"), 120, 3, 2, prune=prune)
        found.append(campaign.run(fi_guest.workbench(directory), request, directory, lambda progress: None).summary)
    pruned, whole = found
    unseen = {Outcome.NOT_ACTIVATED.value, Outcome.OVERWRITTEN.value}
    for key in ("injected", "manifested", "caught", "recovery_ns"):
        assert pruned[key] == whole[key]
    for outcome in set(pruned["outcomes"]) - unseen:
        assert pruned["outcomes"][outcome] == whole["outcomes"][outcome]
    assert sum(pruned["outcomes"][name] for name in unseen) == sum(whole["outcomes"][name] for name in unseen)
    assert pruned["experiments"] + pruned["known_without_run"] <= whole["experiments"]
    assert pruned["known_without_run"] > 2 and whole["known_without_run"] == 0
    database = tmp_path / "True" / campaign.DATABASE
    with Store.open(database) as store:
        known = [row["id"] for row in store.experiments() if not row["run"]]
    for identity in known[:4]:
        again = replay.replay(database, identity, Qemu.find(), None, fi_guest.build()[1])
        assert again.differing == {}, again.differing


def test_a_trace_of_another_run_is_refused(bench: Workbench, golden: Golden) -> None:
    other = Golden(golden.experiment, golden.timeline[:-1], golden.outputs, golden.observation, golden.image,
                   golden.clients)
    with pytest.raises(EngineError, match="differs from the golden run"):
        run_trace(bench, other)
