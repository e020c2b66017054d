# SPDX-License-Identifier: MIT
"""What each part of recovery buys: the same kills of fs with all of it, without running the call again, without state,
and without any."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from faultinject import campaign, standard
from faultinject.classify import Outcome
from faultinject.machine import Qemu
from faultinject.models import parse_models
from faultinject.system import System

KILLS = 10


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[Outcome]]:
    found = {}
    for mode in ("none", "restart", "ssr", "full"):
        directory: Path = tmp_path_factory.mktemp(mode)
        standard.make_disk(directory / "disk.img")
        load = standard.workload(directory / "disk.img", ("fs",))
        bench = campaign.prepare(System.perdure(), Qemu.find(), load, directory, 64)
        bench.append = standard.boot_option(mode)
        request = campaign.Request(("fs",), parse_models("kill"), KILLS, 3, 2)
        report = campaign.run(bench, request, directory, lambda progress: None)
        found[mode] = Counter({Outcome(name): count for name, count in report.summary["outcomes"].items() if count})
    return found


def test_without_recovery_the_first_crash_ends_the_service(outcomes: dict[str, Counter[Outcome]]) -> None:
    assert outcomes["none"] == {Outcome.SERVICE_LOST: KILLS}


def test_a_restart_keeps_the_service_and_loses_what_clients_were_promised(
        outcomes: dict[str, Counter[Outcome]]) -> None:
    assert outcomes["restart"][Outcome.SERVICE_LOST] == 0
    assert outcomes["restart"][Outcome.OTHER_CLIENT] + outcomes["restart"][Outcome.SILENT] > KILLS / 2


def test_state_regions_alone_leave_the_call_in_flight_to_its_client(outcomes: dict[str, Counter[Outcome]]) -> None:
    assert outcomes["ssr"][Outcome.OWN_CLIENT] > KILLS / 2
    assert set(outcomes["ssr"]) <= {Outcome.OWN_CLIENT, Outcome.RECOVERED}


def test_all_of_recovery_is_not_seen_by_anybody(outcomes: dict[str, Counter[Outcome]]) -> None:
    assert outcomes["full"] == {Outcome.RECOVERED: KILLS}
