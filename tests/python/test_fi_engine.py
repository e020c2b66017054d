# SPDX-License-Identifier: MIT
"""Both engines, and whatever is done to be fast: the same results."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import fi_guest
import pytest

from faultinject import campaign, engine, finding
from faultinject.engine import Conduct, Engine
from faultinject.errors import EngineError
from faultinject.golden import Golden, ImageJudge, Workbench
from faultinject.models import Change, parse_models
from faultinject.plan import Execution, Fault
from faultinject.records import Experiment
from faultinject.times import PARTS


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return fi_guest.workbench(tmp_path_factory.mktemp("engine"))


@pytest.fixture(scope="module")
def golden(bench: Workbench) -> Golden:
    return fi_guest.golden(bench)


def guest_judge(bench: Workbench, golden: Golden, _: object) -> ImageJudge:
    """Disks of the guest hold no file system."""
    return ImageJudge(bench.directory / "images", fi_guest.oracle(golden))


def sample(bench: Workbench, golden: Golden, count: int) -> list[Fault]:
    """Faults of several kinds all over the execution of fs."""
    source = random.Random(3)
    execution = Execution(golden.timeline, bench.system.service_index("fs"))
    kinds = (lambda: Change("kill", 0x5123_0000_0000, 0), lambda: Change("abort", 0, 0), lambda: Change("hang", 0, 0),
             lambda: Change("register", source.randrange(16), source.randrange(64)), lambda: Change("delay", 300_000, 0))
    faults = []
    for number in range(count):
        time_ns, _ = execution.locate(source.randrange(execution.instructions))
        faults.append(Fault(number, "", "", "fs", 0, time_ns, kinds[number % len(kinds)]()))
    return sorted(faults, key=lambda fault: (fault.time_ns, fault.index))


def results(bench: Workbench, golden: Golden, faults: Sequence[Fault], conduct: Conduct) -> dict[int, Experiment]:
    found: dict[int, Experiment] = {}
    engine.run_plan(bench, golden, faults, 2, lambda fault, experiment: found.update({fault.index: experiment}), conduct)
    return found


def test_a_fresh_process_for_each_gives_the_results_of_the_fork_server(bench: Workbench, golden: Golden) -> None:
    faults = sample(bench, golden, 20)
    forked = results(bench, golden, faults, Conduct(Engine.FORK))
    assert len(forked) == 20
    assert results(bench, golden, faults, Conduct(Engine.FRESH)) == forked


def test_warming_up_changes_no_result(bench: Workbench, golden: Golden) -> None:
    faults = sample(bench, golden, 60)
    assert results(bench, golden, faults, Conduct(warm=False)) == results(bench, golden, faults, Conduct())


def test_ending_early_changes_no_row_of_a_campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "make_judge", guest_judge)
    rows = []
    for early_end in (True, False):
        directory = tmp_path / str(early_end)
        directory.mkdir()
        models = parse_models("reg-bitflip,memory-abort,stack-bitflip,hang,control")
        request = campaign.Request(("fs", "rng"), models, 100, 5, 2, prune=False, conduct=Conduct(early_end=early_end))
        report = campaign.run(fi_guest.workbench(directory), request, directory, lambda progress: None)
        with contextlib.closing(sqlite3.connect(report.database)) as connection:
            rows.append(list(connection.iterdump()))
    assert rows[0] == rows[1]


@pytest.fixture
def childless(bench: Workbench, tmp_path: Path) -> Workbench:
    """QEMU on a host where nothing can be forked."""
    source, library = tmp_path / "childless.c", tmp_path / "childless.so"
    source.write_text("#include <errno.h>\nint fork(void) { errno = EPERM; return -1; }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    command = ("env", f"LD_PRELOAD={library}", *bench.qemu.command)
    return replace(bench, qemu=replace(bench.qemu, command=command))


def test_fresh_processes_take_over_where_forking_does_not_work_and_that_is_said(bench: Workbench, childless: Workbench,
                                                                                golden: Golden) -> None:
    faults = sample(bench, golden, 6)
    said: list[str] = []
    found = results(childless, golden, faults, Conduct(say=said.append))
    assert found == results(bench, golden, faults, Conduct(Engine.FORK))
    line, = said
    assert "fork server does not work here" in line and "Operation not permitted" in line and "same results" in line


def test_the_fork_server_alone_says_why_it_does_not_work(childless: Workbench, golden: Golden) -> None:
    with pytest.raises(EngineError, match="Operation not permitted.*(\n.*)*--engine fresh"):
        results(childless, golden, sample(childless, golden, 2), Conduct(Engine.FORK))


def test_processor_time_is_accounted_for_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = fi_guest.workbench(tmp_path)
    monkeypatch.setattr(finding, "make_judge", guest_judge)
    request = campaign.Request(("fs",), parse_models("kill"), 20, 1, 2)
    report = campaign.run(own, request, tmp_path, lambda progress: None)
    spent = dict(report.account.table())
    assert list(spent) == list(PARTS)
    assert all(ns >= 0 for ns in spent.values())
    assert spent["child: guest"] > 0 and spent["golden runs"] > 0 and spent["forking"] > 0
