# SPDX-License-Identifier: MIT
"""Fault models on the system itself: each strikes where it says, is observed, and does what the system's design says of it.

Rule: nothing here depends on which faults a seed happens to draw, but on what must hold of all of them.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from faultinject import campaign, engine, standard
from faultinject.classify import Outcome
from faultinject.draw import Draw
from faultinject.errors import MachineError
from faultinject.finding import Finding, Judges
from faultinject.golden import Golden, Workbench, run_golden
from faultinject.machine import Qemu
from faultinject.models import MODELS, Change, parse_models
from faultinject.plan import Environment, Execution, Fault, make_space
from faultinject.records import Activation, Begin, Experiment, Finish, Stage
from faultinject.served import ANSWER_SELECTOR
from faultinject.system import System
from faultinject.target import target_of

ROOT = Path(__file__).resolve().parents[2]
KERNEL_HALF = 1 << 63
#: SERVICE_OPEN_SSR on a service's own object.
OPEN_SELECTOR = ANSWER_SELECTOR & 0xFFFF | 8 << 16
HERE = Environment("", "", "", "")


class World:
    """The golden run of the standard campaign against some services, and faults on it."""

    def __init__(self, directory: Path, *services: str) -> None:
        standard.make_disk(directory / "disk.img")
        self.system = System.perdure()
        workload = standard.workload(directory / "disk.img", services)
        self.bench: Workbench = campaign.prepare(self.system, Qemu.find(), workload, directory, 64)
        self.golden: Golden = run_golden(self.bench, "")
        self.executions = campaign.targets(self.system, self.golden, services)
        self.judges = Judges(self.bench, self.golden, self.executions)

    def findings(self, service: str, model: str, count: int = 12) -> list[Finding]:
        """Of so many faults."""
        space = make_space({service: self.executions[service]}, [MODELS[model]], 1, HERE)
        return self.run([one.fault for one in space.draws(0, count)])

    def run(self, faults: list[Fault]) -> list[Finding]:
        """In order of time."""
        faults = sorted(faults, key=lambda fault: fault.time_ns)
        found: list[Finding] = []
        engine.run_plan(self.bench, self.golden, faults, 2,
                        lambda fault, experiment: found.append(self.judges(fault, experiment)))
        assert len(found) == len(faults)
        return sorted(found, key=lambda finding: finding.fault.time_ns)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"), campaign.ALL)


def activations(findings: list[Finding]) -> Counter[Activation]:
    return Counter(finding.experiment.activation for finding in findings)


def outcomes(findings: list[Finding]) -> Counter[Outcome]:
    return Counter(finding.judgement.outcome for finding in findings)


def test_a_flipped_bit_of_a_region_at_rest_is_found_by_the_kernel_and_repaired(world: World) -> None:
    for model in ("ssr-working", "ssr-multibit"):
        findings = world.findings("fs", model)
        used = [f for f in findings if f.experiment.activation is Activation.USED]
        assert len(used) > len(findings) / 2
        assert all(f.experiment.activation_rip >= KERNEL_HALF for f in used)
        assert set(outcomes(findings)) <= {Outcome.OVERWRITTEN, Outcome.NOT_ACTIVATED}


def test_a_flipped_bit_of_a_committed_copy_hurts_nobody(world: World) -> None:
    findings = world.findings("fs", "ssr-committed")
    assert activations(findings)[Activation.REPLACED] > 0
    assert set(outcomes(findings)) <= {Outcome.OVERWRITTEN, Outcome.NOT_ACTIVATED}


def test_regions_are_flipped_while_a_call_works_on_them(world: World) -> None:
    for finding in world.findings("rng", "ssr-in-use"):
        experiment = finding.experiment
        assert experiment.stage == Stage.RUNNING
        if experiment.serving_binding:
            assert (experiment.before ^ experiment.after).bit_count() == 1 and experiment.address >= KERNEL_HALF
        else:
            assert experiment.activation is Activation.IMPOSSIBLE


def test_regions_that_an_event_opens_are_in_use_and_not_at_rest(world: World) -> None:
    execution, target = world.executions["timer"], world.executions["timer"].target
    assert target.ssr_bytes and not target.region_bytes
    opening = next(i for i, stretch in enumerate(execution.stretches)
                   if stretch.end == Finish.INVOKE and stretch.selector == OPEN_SELECTOR and not stretch.serving_binding
                   and stretch.stage == Stage.RUNNING)
    before, after = execution.stretches[opening], execution.stretches[opening + 1]

    def struck(time_ns: int, model: str) -> list[Experiment]:
        draws = [MODELS[model].draw(Draw("place", number), target) for number in range(8)]
        return [found.experiment for found in world.run([Fault(number, "", model, "timer", 0, time_ns, change)
                                                         for number, change in enumerate(draws)])]

    assert {e.activation for e in struck(before.start_ns, "ssr-in-use")} == {Activation.IMPOSSIBLE}
    pages = {e.address & -4096 for e in struck(after.start_ns, "ssr-in-use") if e.activation is not Activation.IMPOSSIBLE}
    assert len(pages) == 1 and min(pages) >= KERNEL_HALF
    assert pages.isdisjoint(e.address & -4096 for e in struck(after.start_ns, "ssr-working"))


def test_memory_of_the_image_lies_in_its_segments(world: World) -> None:
    target = world.executions["fs"].target
    for model, kinds in (("data-bitflip", ("data",)), ("heap-bitflip", ("scratch",)), ("text-bitflip", ("code", "constants"))):
        space = make_space({"fs": world.executions["fs"]}, [MODELS[model]], 1, HERE)
        assert space.strata[0].choices == 8 * target.bytes_of(*kinds) > 0
        for planned in space.draws(0, 50):
            address = planned.fault.change.a
            assert any(s.address <= address < s.address + s.bytes for s in target.segments if s.kind in kinds)
    found = activations(world.findings("fs", "text-bitflip"))
    assert found[Activation.USED] and found[Activation.NOT_SEEN]


def test_the_stack_that_is_in_use_is_hit(world: World) -> None:
    top = world.executions["fs"].target.stack
    findings = world.findings("fs", "stack-bitflip")
    hit = [f.experiment for f in findings if f.experiment.activation is not Activation.IMPOSSIBLE]
    assert len(hit) > len(findings) / 2
    assert all(top - 4096 < experiment.address < top for experiment in hit)
    assert any(experiment.activation is Activation.USED for experiment in hit)


def test_notifications_are_lost_and_doubled_at_deliveries(world: World) -> None:
    execution = world.executions["timer"]
    for model in ("notification-lost", "notification-again"):
        points = MODELS[model].points(execution)
        assert points and all(execution.locate(points[i])[1].begin == Begin.EVENT for i in range(len(points)))
        findings = world.findings("timer", model, 6)
        assert activations(findings) == {Activation.USED: len(findings)} and len(findings) > 2
        # The timer looks at the clock at each event, so that neither harms anybody.
        assert set(outcomes(findings)) == {Outcome.OVERWRITTEN}
    lost, again = (world.findings("timer", model, 1)[0] for model in ("notification-lost", "notification-again"))
    assert lost.experiment.before != 0 == lost.experiment.after
    without, = world.run([replace(again.fault, model="control", change=Change("none", 0, 0))])
    assert again.experiment.calls_at_detection == without.experiment.calls_at_detection + 1


def test_a_device_fails_and_is_slow(tmp_path: Path) -> None:
    world = World(tmp_path, "fs", "blk")
    with pytest.raises(MachineError, match="has no point"):
        world.findings("fs", "device-error")
    errors = world.findings("blk", "device-error", 8)
    assert activations(errors) == {Activation.USED: 8}
    for finding in world.findings("blk", "device-delay", 12):
        experiment, delay_ns = finding.experiment, finding.fault.change.a
        assert experiment.activation is Activation.USED
        assert experiment.recovery_count == (1 if delay_ns > 20_000_000 else 0)
        assert finding.judgement.outcome in (Outcome.OVERWRITTEN, Outcome.RECOVERED)
        if not experiment.recovery_count:
            assert experiment.ended_at_ns >= world.golden.experiment.ended_at_ns + delay_ns * 0.9


def test_memory_runs_out_when_it_is_asked_for(world: World) -> None:
    """What a service needs it has from its start on: then nothing is asked for, and without any it goes on."""
    for service in ("fs", "rng", "console"):
        findings = world.findings(service, "out-of-memory", 6)
        assert all(finding.experiment.before > finding.experiment.after for finding in findings)
        assert set(outcomes(findings)) <= {Outcome.NOT_ACTIVATED, Outcome.OVERWRITTEN, Outcome.RECOVERED}
    execution, model = world.executions["monitor"], MODELS["out-of-memory"]
    first = Fault(0, "", model.name, "monitor", 0, execution.locate(0)[0], model.draw(Draw("first"), execution.target))
    experiment = world.run([first])[0].experiment
    assert experiment.activation is Activation.USED and experiment.activation_rip >= KERNEL_HALF


def test_a_capability_index_is_corrupted_as_it_is_invoked(world: World) -> None:
    for finding in world.findings("fs", "capability-corrupt"):
        experiment = finding.experiment
        assert (experiment.before ^ experiment.after) in {1 << bit for bit in range(16)}
        assert experiment.activation is Activation.USED and experiment.activated_at_ns == experiment.injected_at_ns


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "build" / "servers").glob("*.elf")) or ["none"])
def test_servers_have_no_sse_instructions(name: str) -> None:
    """Therefore a fault in an SSE register is a program's."""
    done = subprocess.run(["objdump", "-d", "--no-show-raw-insn", ROOT / "build" / "servers" / f"{name}.elf"],
                          capture_output=True, text=True, check=True, timeout=60)
    assert "syscall" in done.stdout
    assert "%xmm" not in done.stdout and "%mm" not in done.stdout


@pytest.mark.parametrize("model", ["recovering-kill", "recovering-reg-bitflip", "monitor-kill", "monitor-hang"])
def test_a_second_fault_strikes_the_recovery_from_the_first(world: World, model: str) -> None:
    struck = world.system.service("monitor" if model.startswith("monitor") else "fs")
    findings = world.findings("fs", model, 6)
    for finding in findings:
        experiment = finding.experiment
        assert struck.low <= experiment.second_rip < struck.high
        assert experiment.second_points > 100
        assert experiment.injected_at_ns < experiment.second_at_ns < experiment.ended_at_ns
        assert finding.judgement.outcome is Outcome.RECOVERED
        if not model.endswith("bitflip"):
            assert experiment.activation is Activation.USED and experiment.detected_at_ns >= experiment.second_at_ns
            assert experiment.recovery_count > 1 or any(r.t_ready for r in experiment.recoveries)
    assert len({finding.experiment.second_rip for finding in findings}) > 3
    again = engine.run_alone(world.bench, world.golden, findings[0].fault)
    assert again == findings[0].experiment


def test_every_second_fault_is_put_in_whichever_service_is_killed(world: World) -> None:
    """Among them two services that are made of the same objects: an address says which."""
    assert {"echo", "echo0"} <= set(world.executions)
    faults = [fault for service in world.executions for model in parse_models("second")
              for fault in (one.fault for one in make_space({service: world.executions[service]}, [model], 2, HERE).draws(0, 1))]
    for finding in world.run([replace(fault, index=number) for number, fault in enumerate(faults)]):
        experiment, killed = finding.experiment, world.system.service(finding.fault.service)
        struck = world.system.service("monitor") if finding.fault.model.startswith("monitor") else killed
        assert killed.low <= experiment.rip < killed.high
        assert experiment.second_points > 0 and struck.low <= experiment.second_rip < struck.high, finding.fault
        assert System.numbers()[finding.fault.service] in {r.service for r in experiment.recoveries}, finding.fault


def test_a_place_in_the_recovery_is_counted_in_instructions(world: World) -> None:
    """The last of the monitor's, the first, and two that follow each other."""
    fault = world.findings("rng", "monitor-reg-bitflip", 1)[0].fault
    points = world.run([fault])[0].experiment.second_points

    def at(number: int) -> Fault:
        place = -(-number * (1 << 31) // points)
        return replace(fault, change=Change("monitor+register", 11, place << 32 | 63))  # which SYSCALL replaces

    first, second, third, last = (world.run([at(number)])[0].experiment for number in (0, 1, 2, points - 1))
    assert first.second_at_ns < second.second_at_ns < third.second_at_ns < last.second_at_ns
    assert all(world.system.service("monitor").low <= e.second_rip for e in (first, second, third, last))
    assert third.second_at_ns - second.second_at_ns == 1 or third.second_rip != second.second_rip


def test_a_flipped_bit_of_an_sse_register_is_a_programs(world: World) -> None:
    findings = world.findings("rng", "sse-bitflip", 24)
    assert all((f.experiment.before ^ f.experiment.after).bit_count() == 1 for f in findings)
    known = activations(findings)
    assert known[Activation.REPLACED] + known[Activation.USED] > 0
    low = min(service.low for service in world.system.services)
    high = max(service.high for service in world.system.services)
    for finding in findings:
        if finding.experiment.activation is not Activation.NOT_SEEN:
            assert not low <= finding.experiment.activation_rip < high and finding.experiment.activation_rip < KERNEL_HALF
        assert finding.judgement.outcome not in (Outcome.SERVICE_LOST, Outcome.KERNEL_FAILURE)


def test_a_target_of_another_system_is_not_known() -> None:
    assert target_of(System.perdure(), "fs").stack
    assert not target_of(System.perdure(), "nobody").segments
    assert not MODELS["stack-bitflip"].points(Execution([], 0))


def test_the_client_that_is_served_is_known_through_a_service(world: World) -> None:
    """The block service is called by the file system alone; whoever that works for at the time is being served."""
    findings = world.findings("blk", "kill", 24)
    called = [finding for finding in findings if finding.experiment.serving_binding]
    assert {name for finding in called for name in finding.served} & {"alpha", "beta", "gamma", "delta"}
    assert all(finding.judgement.outcome is Outcome.RECOVERED for finding in findings)
