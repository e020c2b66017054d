# SPDX-License-Identifier: MIT
"""Faults are sampled from exactly the executed instructions, and are a function of the seed alone."""

from __future__ import annotations

import fi_guest  # noqa: F401
import pytest

from faultinject.draw import Draw
from faultinject.errors import MachineError, UsageError
from faultinject.models import FLAG_BITS, MODELS, RFLAGS, Change, parse_models
from faultinject.plan import Environment, Execution, Fault, Shard, Space, make_space
from faultinject.records import Stretch

TIMELINE = [Stretch(100, 110, 0, 2, 1, 1), Stretch(150, 155, 1, 2, 1, 1), Stretch(200, 230, 0, 2, 2, 1)]
HERE = Environment("system", "disk", "workload", "qemu")


def space(models: str, seed: int = 1, **services: int) -> Space:
    """Services by name, each with its number in the timeline; fs alone if none is named."""
    executions = {name: Execution(TIMELINE, index) for name, index in (services or {"fs": 0}).items()}
    return make_space(executions, parse_models(models), seed, HERE)


def faults(drawn_from: Space, count: int) -> list[Fault]:
    return [drawn_from.draw(number).fault for number in range(count)]


def test_instructions_are_numbered_over_the_services_own_stretches() -> None:
    execution = Execution(TIMELINE, 0)
    assert execution.instructions == 40
    assert [execution.locate(n)[0] for n in (0, 9, 10, 39)] == [100, 109, 200, 229]
    assert execution.locate(10)[1].serving_binding == 2
    with pytest.raises(UsageError):
        execution.locate(40)


def test_every_executed_instruction_is_hit_and_nothing_else() -> None:
    times = {fault.time_ns for fault in faults(space("hang"), 2000)}
    assert times == set(range(100, 110)) | set(range(200, 230))


def test_the_plan_is_a_function_of_the_seed() -> None:
    models = "reg-bitflip,memory-abort,hang,kill"
    first = faults(space(models), 40)
    assert first == faults(space(models), 40)
    assert first != faults(space(models, seed=2), 40)
    assert [fault.index for fault in first] == list(range(40))


def test_draws_are_dealt_out_to_services_and_models_in_turn() -> None:
    both = space("hang,kill", fs=0, rng=1)
    drawn = faults(both, 8)
    assert [(fault.service, fault.model) for fault in drawn] == 2 * [("fs", "hang"), ("fs", "kill"), ("rng", "hang"),
                                                                    ("rng", "kill")]
    assert [stratum.raw_faults for stratum in both.strata] == [40, 40, 5, 5]
    assert {fault.time_ns for fault in faults(both, 400) if fault.service == "rng"} == set(range(150, 155))


def test_what_is_drawn_from_one_service_does_not_depend_on_the_others() -> None:
    together = [fault.id for fault in faults(space("hang,kill", fs=0, rng=1), 40) if fault.service == "fs"]
    assert together == [fault.id for fault in faults(space("hang,kill"), 20)]


def test_equal_draws_are_one_experiment_with_their_weight() -> None:
    planned = space("hang").draws(0, 400)
    assert len(planned) == 40 and sum(one.weight for one in planned) == 400
    assert [one.fault.index for one in planned] == sorted(one.fault.index for one in planned)
    assert all(space("hang").draw(one.fault.index).fault == one.fault for one in planned)


def test_shards_hold_every_draw_once_and_whole_deals() -> None:
    both = space("kill,hang", fs=0, rng=1)
    shards = [both.draws(0, 41, Shard(index, 3)) for index in range(3)]
    numbers = [number for shard in shards for one in shard for number in [one.fault.index] * one.weight]
    assert len(numbers) == 41
    assert {one.fault.index for one in shards[1]} <= {n for n in range(41) if n // 4 % 3 == 1}


@pytest.mark.parametrize("text", ["", "1", "2/2", "-1/2", "a/b", "0/0"])
def test_shards_are_checked(text: str) -> None:
    with pytest.raises(UsageError):
        Shard.parse(text)


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
        space("hang", echo=5)


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
