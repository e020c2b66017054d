# SPDX-License-Identifier: MIT
"""What every fault model promises."""

from __future__ import annotations

from pathlib import Path

import fi_guest  # noqa: F401
import pytest

from faultinject.draw import Draw
from faultinject.errors import MachineError, UsageError
from faultinject.models import GROUPS, MODELS, Change, Segment, Target, parse_models
from faultinject.models.base import LASTING, TRANSIENT, UNTIL_RESTORED, Model
from faultinject.plan import Environment, Execution, Spans, make_space
from faultinject.records import Begin, Finish, Stage, Stretch

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "fault-models.md"
TARGET = Target("fs", 4, (Segment("code", 0x5000000, 64), Segment("data", 0x5001000, 32), Segment("scratch", 0x5002000, 16)),
                0x5004000, 2496, 256, True)
WAIT = 10 | 2 << 16
TIMELINE = [Stretch(0, 10, 0, Stage.FRESH_START, 0, 1, Begin.START, Finish.REPLY),
            Stretch(100, 120, 0, Stage.RUNNING, 1, 1, Begin.CALL, Finish.INVOKE, 3, 0x20007),
            Stretch(130, 150, 0, Stage.RUNNING, 1, 1, Begin.RESULT, Finish.REPLY, 3),
            Stretch(200, 215, 0, Stage.RUNNING, 0, 1, Begin.EVENT, Finish.INVOKE, selector=WAIT),
            Stretch(220, 225, 0, Stage.RUNNING, 0, 1, Begin.RESULT, Finish.REPLY)]
EXECUTION = Execution(TIMELINE, 0, TARGET)
HERE = Environment("system", "disk", "workload", "qemu")
ALL = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@ALL
def test_a_model_is_documented(model: Model) -> None:
    assert model.__doc__ and model.explanation and model.name == model.name.lower()
    assert f"`{model.name}`" in DOCUMENT.read_text()


@ALL
def test_draws_follow_from_the_source_and_are_told_apart(model: Model) -> None:
    drawn = [model.draw(Draw("models", number), TARGET) for number in range(400)]
    assert drawn == [model.draw(Draw("models", number), TARGET) for number in range(400)]
    assert all(0 <= change.a < 1 << 64 and 0 <= change.b < 1 << 63 for change in drawn)
    assert all(model.describe(change) for change in drawn)
    if 1 < model.choices(TARGET) <= 64:
        assert len(set(drawn)) == model.choices(TARGET)


@ALL
def test_points_are_instructions_of_the_execution(model: Model) -> None:
    points = list(model.points(EXECUTION))
    assert points == sorted(set(points)) and points
    assert all(0 <= point < EXECUTION.instructions for point in points)


def test_points_of_the_boundary() -> None:
    def times(name: str) -> list[int]:
        return [EXECUTION.locate(point)[0] for point in MODELS[name].points(EXECUTION)]

    assert times("request-corrupt") == [100]
    assert times("reply-corrupt") == [149]
    assert times("capability-corrupt") == [119, 214]
    assert times("notification-lost") == [200, 220]
    assert times("notification-again") == [200]
    assert times("ssr-in-use") == [*range(100, 120), *range(130, 150), *range(200, 215), *range(220, 225)]


def test_a_model_that_does_not_apply_is_left_out() -> None:
    blind = Execution(TIMELINE, 0, Target("fs"))
    models = parse_models("ssr-working,data-bitflip,device-error,kill")
    assert [stratum.model.name for stratum in make_space({"fs": blind}, models, 1, HERE).strata] == ["kill"]
    with pytest.raises(MachineError, match="ssr-working, device-error has no point"):
        make_space({"fs": blind}, parse_models("ssr-working,device-error"), 1, HERE)


def test_the_size_of_a_space_counts_points_and_choices() -> None:
    stratum, = make_space({"fs": EXECUTION}, parse_models("capability-corrupt"), 1, HERE).strata
    assert stratum.raw_faults == 2 * 16


def test_spans_are_a_sequence() -> None:
    spans = Spans([(3, 2), (9, 0), (20, 3)])
    assert list(spans) == [3, 4, 20, 21, 22] and len(spans) == 5
    with pytest.raises(IndexError):
        spans[5]
    assert not Spans([])


def test_groups_stand_for_their_models() -> None:
    assert parse_models("device") == (MODELS["device-error"], MODELS["device-delay"])
    assert {model.name for model in parse_models("all")} == set(MODELS) - {"control", "sse-bitflip"}
    assert parse_models("program") == (MODELS["sse-bitflip"],)
    assert {model.name for model in parse_models("second")} == {
        f"{where}-{second}" for where in ("recovering", "monitor")
        for second in ("reg-bitflip", "memory-abort", "hang", "kill", "code-bitflip")}
    assert all(name in MODELS for names in GROUPS.values() for name in names)
    with pytest.raises(UsageError, match="names one twice"):
        parse_models("device,device-error")


def test_a_second_fault_is_that_of_its_model_and_a_place() -> None:
    model = MODELS["monitor-reg-bitflip"]
    drawn = [model.draw(Draw("second", number), TARGET) for number in range(200)]
    assert {change.kind for change in drawn} == {"monitor+register"}
    assert len({change.b >> 32 for change in drawn}) == 200 and all(change.b >> 32 < 1 << 31 for change in drawn)
    change = drawn[0]
    first = MODELS["reg-bitflip"].describe(Change("register", change.a, change.b & 0xFFFFFFFF))
    assert model.describe(change).endswith(first) and "monitor" in model.describe(change)


def test_models_say_how_long_their_faults_last() -> None:
    lasting = {name for name, model in MODELS.items() if model.permanence == LASTING}
    assert lasting == {"reg-stuck-at", "data-stuck-at", "ssr-stuck-at", "out-of-memory"}
    restored = {name for name, model in MODELS.items() if model.permanence == UNTIL_RESTORED}
    assert restored == {name for name in MODELS if name.startswith("sw-") or "code-bitflip" in name} | {"text-bitflip"}
    assert {MODELS[name].permanence for name in set(MODELS) - lasting - restored} == {TRANSIENT}
