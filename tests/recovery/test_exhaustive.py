# SPDX-License-Identifier: MIT
"""Exhaustive campaigns, at a stride that is quick: whichever instruction of an operation, of its commit or of a recovery a
service dies at, nobody notices. `make soak` strikes all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from faultinject import campaign, engine, every, standard
from faultinject.classify import Outcome
from faultinject.cli import cli
from faultinject.errors import InjectorError, MachineError, UsageError
from faultinject.every import Every
from faultinject.finding import Finding, Judges
from faultinject.golden import run_golden
from faultinject.machine import Qemu
from faultinject.models import MODELS
from faultinject.plan import Environment
from faultinject.system import System

HERE = Environment("", "", "", "")
SAMPLE = 12


class Steps:
    """The golden run of the client that goes step by step."""

    def __init__(self, directory: Path) -> None:
        standard.make_disk(directory / "disk.img")
        self.system = System.perdure()
        self.bench = campaign.prepare(self.system, Qemu.find(), every.workload(directory / "disk.img"), directory, 64)
        self.golden = run_golden(self.bench, "")

    def space(self, operation: str, service: str, model: str, stride: int = 1) -> every.EveryPoint:
        """All faults of an operation."""
        executions = campaign.targets(self.system, self.golden, [service])
        return Every(operation, stride).space(self.bench, self.golden, executions, MODELS[model], 1, HERE)

    def findings(self, operation: str, service: str, model: str) -> list[Finding]:
        """Of a sample that begins with the first and ends near the last."""
        space = self.space(operation, service, model)
        numbers = sorted({number * (len(space) - 1) // (SAMPLE - 1) for number in range(SAMPLE)})
        faults = [space.draw(number).fault for number in numbers]
        judges = Judges(self.bench, self.golden, [service])
        found: list[Finding] = []
        engine.run_plan(self.bench, self.golden, sorted(faults, key=lambda fault: fault.time_ns), 2,
                        lambda fault, experiment: found.append(judges(fault, experiment)))
        assert len(found) == len(faults)
        return found


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Steps:
    return Steps(tmp_path_factory.mktemp("steps"))


@pytest.mark.parametrize("service", ["fs", "blk"])
@pytest.mark.parametrize("operation", sorted(every.OPERATIONS))
def test_a_service_may_die_at_any_instruction_of_an_operation(steps: Steps, operation: str, service: str) -> None:
    for finding in steps.findings(operation, service, "kill"):
        assert finding.judgement.outcome is Outcome.RECOVERED, (finding.fault, finding.judgement.reason)
        assert service == "blk" or finding.served == (every.CLIENT,)


@pytest.mark.parametrize(("service", "model"), [("fs", "recovering-kill"), ("fs", "monitor-kill"), ("blk", "recovering-kill")])
def test_a_recovery_may_be_struck_at_any_instruction(steps: Steps, service: str, model: str) -> None:
    findings = steps.findings("recovery", service, model)
    assert len({finding.experiment.second_at_ns for finding in findings}) == SAMPLE
    for finding in findings:
        assert finding.judgement.outcome is Outcome.RECOVERED, (finding.fault, finding.judgement.reason)


def test_the_instructions_are_those_of_the_request(steps: Steps) -> None:
    space = steps.space("write", "fs", "kill")
    times = [space.draw(number).fault.time_ns for number in range(len(space))]
    assert times == sorted(set(times)) and len(times) > 5000
    # Every one of them is there: the service was interrupted by nothing but its own calls.
    own = steps.golden.timeline[0:0]
    for stretch in steps.golden.timeline:
        if times[0] <= stretch.start_ns <= times[-1] and stretch.service == steps.system.service_index("fs"):
            own.append(stretch)
    assert sum(stretch.end_ns - stretch.start_ns for stretch in own) == len(times)
    sample = steps.space("write", "fs", "kill", stride=100)
    assert len(sample) == -(-len(space) // 100)
    assert [sample.draw(n).fault.time_ns for n in range(3)] == times[0:300:100]


def test_each_step_of_a_recovery_is_struck_once(steps: Steps) -> None:
    space = steps.space("recovery", "blk", "recovering-kill")
    places = [space.draw(number).fault.change.b >> 32 for number in range(len(space))]
    assert [place * len(space) >> 31 for place in places] == list(range(len(space)))


@pytest.mark.parametrize(("operation", "services", "model", "mend"), [
    ("write", ("fs", "blk"), "kill", "one service"), ("write", ("all",), "kill", "one service"),
    ("write", ("fs",), "kill,hang", "one service and one fault model"), ("write", ("fs",), "recovering-kill", "no fault of write"),
    ("recovery", ("fs",), "kill", "no fault of recovery")])
def test_what_has_no_sense_is_refused(operation: str, services: tuple[str, ...], model: str, mend: str) -> None:
    with pytest.raises(UsageError, match=mend):
        Every.parse(operation, 1, services, tuple(MODELS[name] for name in model.split(",")))


def test_the_flags_are_those_that_were_given() -> None:
    assert every.exhaustive_flags(str(Every("write"))) == ["--exhaustive", "write"]
    assert every.exhaustive_flags(str(Every("sync", 7))) == ["--exhaustive", "sync", "--stride", "7"]
    assert not every.exhaustive_flags("def/use")


def test_a_service_that_has_no_part_in_it_is_said(steps: Steps) -> None:
    with pytest.raises(MachineError, match="timer executes nothing for this write"):
        steps.space("write", "timer", "kill")


def test_the_command_says_what_it_struck(tmp_path: Path) -> None:
    arguments = ["campaign", "--exhaustive", "write", "--service", "blk", "--stride", "2000", "--out", str(tmp_path)]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "every instruction of write, stride 2000" in done.output
    assert "recovered transparently" in done.output
    again = CliRunner().invoke(cli, [*arguments[:6], "1000", *arguments[7:]])
    assert isinstance(again.exception, InjectorError) and "another campaign" in str(again.exception)
