# SPDX-License-Identifier: MIT
"""The injector at work on Perdure itself: whatever makes it fast changes no result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from faultinject import campaign, engine, standard
from faultinject.golden import Golden, Workbench, run_golden
from faultinject.machine import Qemu, run_to_end
from faultinject.models import Change
from faultinject.models.memory import COMMITTED
from faultinject.plan import Fault
from faultinject.records import Experiment, Feature, Results, Stretch, read_timeline
from faultinject.system import System
from faultinject.target import target_of


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    directory: Path = tmp_path_factory.mktemp("engine")
    standard.make_disk(directory / "disk.img")
    return campaign.prepare(System.perdure(), Qemu.find(), standard.workload(directory / "disk.img", ("fs",)),
                            directory, 64)


@pytest.fixture(scope="module")
def golden(bench: Workbench) -> Golden:
    return run_golden(bench, "fs")


def moments(bench: Workbench, golden: Golden, count: int) -> list[int]:
    """Times at which fs executes, spread over its execution."""
    execution = campaign.targets(bench.system, golden, ["fs"])["fs"]
    return [execution.locate((2 * i + 1) * execution.instructions // (2 * count))[0] for i in range(count)]


def alone(bench: Workbench, golden: Golden, time_ns: int, change: Change, *options: str) -> Experiment:
    """One experiment in a fresh QEMU with these options of the plugin."""
    plan, results = bench.directory / "plan", bench.directory / "alone"
    fault = Fault(0, "", "", "fs", 0, time_ns, change)
    plan.write_text(fault.line())
    run_to_end(bench.machine("alone", ["mode=single", f"plan={plan}", f"results={results}",
                                       f"limit_ns={golden.limit_ns}", "wall_ms=300000", *options]), 600, "the experiment")
    opened = Results(results)
    try:
        return opened.experiment(0)
    finally:
        opened.close()


def golden_run(bench: Workbench, *options: str) -> tuple[Feature, Experiment, list[Stretch], tuple[bytes, ...]]:
    results, timeline = bench.directory / "results", bench.directory / "timeline"
    run_to_end(bench.machine("run", ["mode=golden", f"results={results}", f"timeline={timeline}", *options]), 600, "run")
    opened = Results(results)
    try:
        return opened.features, opened.experiment(0), read_timeline(timeline), bench.outputs("run")
    finally:
        opened.close()


def test_checksums_computed_by_the_host_are_those_of_the_emulator(bench: Workbench) -> None:
    slow, quick = golden_run(bench, "quick=0"), golden_run(bench)
    assert Feature.QUICK_CHECKSUMS not in slow[0]
    assert Feature.QUICK_CHECKSUMS in quick[0]
    assert slow[1:] == quick[1:]


def test_the_gdb_stub_gives_the_fork_servers_results(bench: Workbench, golden: Golden) -> None:
    """Of a system that sleeps now and then, so that idle time is skipped."""
    stub = replace(bench, stub=True)
    other = run_golden(stub, "fs")
    assert (other.experiment, other.timeline) == (golden.experiment, golden.timeline)
    of_fs = target_of(bench.system, "fs").number << 8
    changes = (Change("none", 0, 0), Change("kill", 0x5123_0000_0000, 0), Change("hang", 0, 0), Change("abort", 0, 0),
               Change("region", COMMITTED | of_fs, 1 << 61))
    faults = [Fault(index, "", "", "fs", 0, time_ns, change)
              for index, (time_ns, change) in enumerate(zip(moments(bench, golden, len(changes)), changes, strict=True))]
    found: list[dict[int, Experiment]] = [{}, {}]
    for results, where in zip(found, (bench, stub), strict=True):
        engine.run_plan(where, golden, faults, 2, lambda fault, experiment, results=results:
                        results.update({fault.index: replace(experiment, activated_at_ns=0)}))
    assert found[0] == found[1]
    assert found[0][4].address > 0


@pytest.mark.parametrize("change", [Change("hang", 0, 0), Change("delay", 7_000_000, 0)])
def test_an_empty_loop_that_is_skipped_ends_as_if_it_had_been_executed(bench: Workbench, golden: Golden,
                                                                       change: Change) -> None:
    for time_ns in moments(bench, golden, 2):
        executed = alone(bench, golden, time_ns, change, "quick=0")
        assert alone(bench, golden, time_ns, change) == executed
        assert executed.ended_at_ns >= golden.experiment.ended_at_ns + 7_000_000


def test_experiments_that_end_early_end_as_they_would_have(bench: Workbench, golden: Golden) -> None:
    """Register flips that come to nothing, and some faults that do not."""
    changes = [Change("register", number % 16, 7 * number % 64) for number in range(40)] + [Change("abort", 0, 0)] * 8
    faults = [Fault(number, "", "", "fs", 0, time_ns, change) for number, (time_ns, change)
              in enumerate(zip(moments(bench, golden, len(changes)), sorted(changes, key=str), strict=True))]
    found: list[dict[int, Experiment]] = []
    for early_end in (True, False):
        own: dict[int, Experiment] = {}
        features = engine.run_plan(bench, golden, faults, 2, lambda fault, experiment, own=own: own.update(
            {fault.index: experiment}), engine.Conduct(early_end=early_end))
        assert (Feature.EARLY_END in features) is early_end
        found.append(own)
    assert found[0] == found[1]
    early = [index for index, experiment in found[0].items() if experiment.recovery_count == 0]
    assert found[0][early[0]] == engine.run_alone(bench, golden, faults[early[0]])


def test_what_is_kept_across_switches_and_restorations_of_code_changes_no_result(bench: Workbench, golden: Golden) -> None:
    """A fresh process has none of it. Hangs and mutations have the kernel write pages of code again; hangs where the kernel
    enters the service are come to again."""
    fs = bench.system.service_index("fs")
    entered = [stretch.start_ns for stretch in golden.timeline if stretch.service == fs]
    places = [(entered[len(entered) * part // 4], Change("hang", 0, 0)) for part in (1, 2, 3)]
    changes = [Change("kill", 0x5123_0000_0000, 0), Change("code", 0, 0x101), Change("abort", 0, 0),
               Change("register", 4, 13), Change("mutate", 1, 0), Change("delay", 7_000_000, 0)]
    places += zip(moments(bench, golden, len(changes)), changes, strict=True)
    faults = [Fault(number, "", "", "fs", 0, *place)
              for number, place in enumerate(sorted(places, key=lambda place: place[0]))]
    found: dict[int, Experiment] = {}
    features = engine.run_plan(bench, golden, faults, 2, lambda fault, experiment: found.update({fault.index: experiment}),
                               engine.Conduct(early_end=False))
    assert Feature.SWITCHES | Feature.REWRITTEN in features
    assert sum(experiment.recovery_count > 0 for experiment in found.values()) >= 5
    assert found == {fault.index: engine.run_alone(bench, golden, fault) for fault in faults}
