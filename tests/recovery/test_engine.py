# SPDX-License-Identifier: MIT
"""The injector at work on Perdure itself: whatever makes it fast changes no result."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultinject import campaign, standard
from faultinject.golden import Workbench
from faultinject.machine import Qemu, run_to_end
from faultinject.records import Experiment, Feature, Results, Stretch, read_timeline
from faultinject.system import System


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    directory: Path = tmp_path_factory.mktemp("engine")
    standard.make_disk(directory / "disk.img")
    return campaign.prepare(System.perdure(), Qemu.find(), standard.workload(directory / "disk.img", ("fs",)),
                            directory, 64)


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
