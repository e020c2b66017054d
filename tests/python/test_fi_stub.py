# SPDX-License-Identifier: MIT
"""A QEMU that was stripped of its symbols: the slow engine takes over, says so, and gives the fork server's results."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import fi_guest
import fi_qemu
import pytest

from faultinject import campaign, engine, finding, golden as golden_module
from faultinject.engine import Conduct, Engine
from faultinject.errors import EngineError, MachineError
from faultinject.golden import Golden, ImageJudge, Workbench
from faultinject.machine import run_to_end
from faultinject.models import Change, parse_models
from faultinject.plan import Execution, Fault
from faultinject.records import End, Experiment

STATE = fi_guest.BASES["fs"] + 0xC000
DISK_PHYSICAL = 0x3EFF000
PLACE_SHIFT = 32
BITS_SHIFT = 8
HELD = 1 << 20


class Both(NamedTuple):
    """The guest under the QEMU at hand, its golden run, and the guest under a QEMU of which the plugin finds no function but
    those of its interface."""

    bench: Workbench
    golden: Golden
    stripped: Workbench


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    bench = fi_guest.workbench(tmp_path_factory.mktemp("stub"))
    stripped = replace(bench, qemu=fi_qemu.without_exports(bench.qemu, bench.directory, table=False))
    return Both(bench, fi_guest.golden(bench), stripped)


def changes(source: random.Random) -> list[Change]:
    """One of every kind that this engine has."""
    def place() -> int:
        return source.randrange(1 << 31) << PLACE_SHIFT

    bit = source.randrange
    return [Change("none", 0, 0), Change("kill", 0x5123_0000_0000, 0), *[Change("abort", 0, 0)] * 4,
            Change("hang", 0, 0),
            Change("register", bit(16), bit(64)), Change("register", bit(16), bit(64) | HELD),
            Change("register", 17, bit(12)), Change("register", 16, bit(48)), Change("assign", 0, bit(16)),
            Change("delay", 300_000, 0), Change("code", 0, bit(8)), Change("mutate", bit(12), 1),
            Change("stack", fi_guest.BASES["fs"] + 0xB000, bit(8) | place()), Change("memory", STATE + bit(512), bit(8)),
            Change("memory", fi_guest.BASES["fs"] + bit(0x400), bit(8)), Change("physical", DISK_PHYSICAL + bit(1 << 16), 3)]


def sample(both: Both, rounds: int) -> list[Fault]:
    source = random.Random(11)
    execution = Execution(both.golden.timeline, both.bench.system.service_index("fs"))
    faults = [Fault(0, "", "", "fs", 0, execution.locate(source.randrange(execution.instructions))[0], change)
              for _ in range(rounds) for change in changes(source)]
    return [replace(fault, index=index) for index, fault in enumerate(sorted(faults, key=lambda fault: fault.time_ns))]


def results(bench: Workbench, golden: Golden, faults: list[Fault]) -> list[Experiment]:
    found: dict[int, Experiment] = {}
    engine.run_plan(bench, golden, faults, 2, lambda fault, experiment: found.update({fault.index: experiment}))
    return [found[index] for index in range(len(faults))]


def comparable(fault: Fault, experiment: Experiment) -> Experiment:
    """The fork server knows when a byte in memory is used only to the end of the block of instructions."""
    return experiment if fault.change.kind not in ("stack", "memory", "physical") else replace(experiment, activated_at_ns=0)


def test_the_golden_run_is_the_same_instruction_by_instruction(both: Both) -> None:
    other = fi_guest.golden(both.stripped)
    assert both.stripped.stub
    assert other.experiment == both.golden.experiment
    assert other.timeline == both.golden.timeline


def test_every_kind_of_fault_has_the_same_result(both: Both) -> None:
    golden, faults = both.golden, sample(both, 2)
    forked, stubbed = results(both.bench, golden, faults), results(both.stripped, golden, faults)
    for fault, one, other in zip(faults, forked, stubbed, strict=True):
        assert comparable(fault, other) == comparable(fault, one), fault
        if fault.change.kind in ("stack", "memory", "physical"):
            assert 0 <= one.activated_at_ns - other.activated_at_ns < 512, fault
        if fault.change.kind == "none":
            assert other.ended_at_ns == golden.experiment.ended_at_ns
            assert other.disk_hash == golden.experiment.disk_hash
    assert len({experiment.activation for experiment in stubbed}) == 4


def test_runs_that_do_not_end_by_themselves_end_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                         both: Both) -> None:
    """By the limit: in a loop, and asleep for ever; and by a triple fault."""
    monkeypatch.setattr(golden_module, "SLACK_NS", 1_000_000)
    bench = fi_guest.workbench(tmp_path, "PATCH_NO_LIMIT")
    golden = fi_guest.golden(bench)
    time_ns = golden.timeline[9].start_ns
    entry = bench.system.symbols["trap_entry"]
    call = entry + fi_guest.code_at(bench, entry, 128).index(b"\xe8")
    halt = 2 | 2 << BITS_SHIFT  # inverts these bits: CALL becomes HLT, with interrupts off
    kinds = [("hang", 0, 0), ("physical", call, halt), ("register", 17, 17)]
    faults = [Fault(index, "", "", "fs", 0, time_ns, Change(*kind)) for index, kind in enumerate(kinds)]
    forked = results(bench, golden, faults)
    assert [experiment.end for experiment in forked] == [End.LIMIT, End.LIMIT, End.RESET]
    assert [experiment.ended_at_ns for experiment in forked[:2]] == [golden.limit_ns] * 2
    assert results(replace(bench, qemu=both.stripped.qemu, stub=None), golden, faults) == forked


def guest_judge(bench: Workbench, golden: Golden, _: object) -> ImageJudge:
    """Disks of the guest hold no file system."""
    return ImageJudge(bench.directory / "images", fi_guest.oracle(golden))


def test_a_campaign_has_the_same_rows_and_says_which_engine_made_them(tmp_path: Path, both: Both,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """With the trace by which equal faults are known."""
    monkeypatch.setattr(finding, "make_judge", guest_judge)
    rows, said = [], []
    for name, qemu in (("fork", None), ("stub", both.stripped.qemu)):
        directory = tmp_path / name
        directory.mkdir()
        own = fi_guest.workbench(directory)
        own.qemu = qemu or own.qemu
        request = campaign.Request(("fs", "rng"), parse_models("reg-bitflip,memory-abort,control"), 9, 5, 2, prune=True,
                                   conduct=Conduct(say=said.append))
        report = campaign.run(own, request, directory, lambda progress: None)
        with contextlib.closing(sqlite3.connect(report.database)) as connection:
            rows.append([line.replace("QEMU gdb stub", "QEMU plugin") for line in connection.iterdump()])
            assert connection.execute("SELECT value FROM campaign WHERE key = 'engine'").fetchone()[0] == \
                ('"QEMU plugin"' if name == "fork" else '"QEMU gdb stub"')
    assert rows[0] == rows[1]
    line, = said
    assert "stripped of its symbols (qemu_get_cpu and" in line and "gdb stub" in line and "times slower" in line


def test_it_can_be_asked_for_where_the_fork_server_would_do(both: Both) -> None:
    asked, said = replace(both.bench), []
    engine.choose(asked, Conduct(Engine.STUB, say=said.append), ())
    assert asked.stub and not said
    engine.choose(asked, Conduct(Engine.AUTO, say=said.append), ())
    assert not asked.stub and not said


@pytest.mark.parametrize("name", ["recovering-kill", "monitor-hang"])
def test_models_that_need_more_are_refused_before_anything_is_run(both: Both, name: str) -> None:
    with pytest.raises(EngineError, match=f"{name} cannot be done"):
        engine.choose(replace(both.stripped), Conduct(), parse_models(f"kill,{name}"))


def test_modes_that_need_more_are_refused(both: Both) -> None:
    machine = both.stripped.machine("events", ["mode=crash", f"events={both.stripped.directory / 'events'}"])
    with pytest.raises(MachineError, match="mode crash needs a QEMU that has its symbols"):
        run_to_end(machine, 30, "the run")
