# SPDX-License-Identifier: MIT
"""Faults are sampled from exactly the executed instructions, and are a function of the seed alone."""

from __future__ import annotations

import fi_guest  # noqa: F401
import pytest

from faultinject.draw import Draw
from faultinject.errors import MachineError, UsageError
from faultinject.models import FLAG_BITS, MODELS, RFLAGS, Change, parse_models
from faultinject.plan import Environment, Execution, sample
from faultinject.records import Stretch

TIMELINE = [Stretch(100, 110, 0, 2, 1, 1), Stretch(150, 155, 1, 2, 1, 1), Stretch(200, 230, 0, 2, 2, 1)]
HERE = Environment("system", "disk", "workload", "qemu")


def test_instructions_are_numbered_over_the_services_own_stretches() -> None:
    execution = Execution(TIMELINE, 0)
    assert execution.instructions == 40
    assert [execution.locate(n)[0] for n in (0, 9, 10, 39)] == [100, 109, 200, 229]
    assert execution.locate(10)[1].serving_binding == 2
    with pytest.raises(UsageError):
        execution.locate(40)


def test_every_executed_instruction_is_hit_and_nothing_else() -> None:
    faults = sample(Execution(TIMELINE, 0), "fs", parse_models("hang"), 2000, 1, HERE)
    times = {fault.time_ns for fault in faults}
    assert times == set(range(100, 110)) | set(range(200, 230))


def test_the_plan_is_a_function_of_the_seed() -> None:
    execution = Execution(TIMELINE, 0)
    models = parse_models("reg-bitflip,memory-abort,hang,kill")
    first = sample(execution, "fs", models, 40, 1, HERE)
    assert first == sample(execution, "fs", models, 40, 1, HERE)
    assert first != sample(execution, "fs", models, 40, 2, HERE)
    assert [fault.time_ns for fault in first] == sorted(fault.time_ns for fault in first)
    assert [fault.index for fault in first] == list(range(40))


def test_a_larger_campaign_holds_the_smaller_one() -> None:
    execution = Execution(TIMELINE, 0)
    models = parse_models("reg-bitflip,kill")

    def ids(count: int) -> list[str]:
        return sorted(fault.id for fault in sample(execution, "fs", models, count, 7, HERE))

    small, large = ids(10), ids(30)
    assert all(large.count(identity) >= small.count(identity) for identity in small)


def test_ids_name_the_environment() -> None:
    change = Change("register", 3, 4)
    identity = HERE.fault_id("reg-bitflip", "fs", 5, change)
    assert len(identity) == 16
    others = [Environment("other", "disk", "workload", "qemu"), Environment("system", "other", "workload", "qemu"),
              Environment("system", "disk", "other", "qemu"), Environment("system", "disk", "workload", "other")]
    assert identity not in {other.fault_id("reg-bitflip", "fs", 5, change) for other in others}
    assert identity != HERE.fault_id("reg-bitflip", "fs", 6, change)


def test_a_service_that_never_runs_is_refused() -> None:
    with pytest.raises(MachineError, match="executes nothing"):
        sample(Execution(TIMELINE, 5), "echo", parse_models("hang"), 1, 1, HERE)


@pytest.mark.parametrize("text", ["", "hang,hang", "nonsense"])
def test_lists_of_models_are_checked(text: str) -> None:
    with pytest.raises(UsageError):
        parse_models(text)


def test_register_flips_cover_every_register_and_only_real_flags() -> None:
    model = MODELS["reg-bitflip"]
    source = Draw("cover")
    drawn = {(change.a, change.b) for change in (model.draw(source) for _ in range(30000))}
    assert len(drawn) == model.choices() == 17 * 64 + len(FLAG_BITS)
    assert {bit for register, bit in drawn if register == RFLAGS} == set(FLAG_BITS)


def test_stray_jumps_land_where_nothing_is_mapped() -> None:
    source = Draw("stray")
    addresses = [MODELS["kill"].draw(source).a for _ in range(1000)]
    assert all(0x5000_0000_0000 <= address < 0x6000_0000_0000 for address in addresses)
    assert len(set(addresses)) > 990
