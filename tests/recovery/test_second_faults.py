# SPDX-License-Identifier: MIT
"""Second faults after the campaign: under the debugger, and told."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from faultinject import campaign, debug, replay, standard
from faultinject.machine import Qemu
from faultinject.models import parse_models
from faultinject.records import Stage
from faultinject.story import Who
from faultinject.system import System

#: A stop of the debugger moves the clock: faultinject/plugin/debug.c.
STOP_SLACK_NS = 110


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign in rng."""
    directory = tmp_path_factory.mktemp("second")
    standard.make_disk(directory / "disk.img")
    workload = standard.workload(directory / "disk.img", ("rng",))
    bench = campaign.prepare(System.perdure(), Qemu.find(), workload, directory, 64)
    models = parse_models("recovering-kill,recovering-reg-bitflip,monitor-kill,monitor-hang")
    campaign.run(bench, campaign.Request(("rng",), models, 24, 6, 2), directory, lambda progress: None)
    return directory / campaign.DATABASE


def row(database: Path, model: str) -> sqlite3.Row:
    """An experiment in the midst of a call."""
    connection = sqlite3.connect(database)
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute("SELECT * FROM experiment WHERE model = ? AND served != '' AND stage = ? ORDER BY number",
                                  (model, Stage.RUNNING)).fetchone()
    finally:
        connection.close()


@pytest.mark.parametrize("model", ["recovering-reg-bitflip", "monitor-kill"])
def test_the_debugger_stops_where_the_second_fault_is_due(database: Path, model: str, monkeypatch: pytest.MonkeyPatch,
                                                          capfd: pytest.CaptureFixture[str]) -> None:
    found = row(database, model)
    words = " ".join(f'-ex "{command}"' for command in ("print/x $pc", "info symbol $pc", "stepi", "delete", "continue"))
    monkeypatch.setenv("PERDURE_GDB", f"gdb -batch {words}")
    debug.debug(database, str(found["number"]), Qemu.find())
    out = capfd.readouterr().out
    assert f"$1 = {found['second_rip']}" in out and re.search(r"^\w+.* in section", out, re.MULTILINE)
    assert f"The second fault is due, at {found['second_at_ns']:,} ns." in out
    ended_ns = int(re.search(r"verdict at ([\d,]+) ns", out)[1].replace(",", ""))  # type: ignore[index]
    assert abs(ended_ns - found["ended_at_ns"]) <= 3 * STOP_SLACK_NS


@pytest.mark.parametrize("model", ["recovering-kill", "monitor-kill"])
def test_a_second_fault_is_told_where_it_struck(database: Path, model: str) -> None:
    found = row(database, model)
    again = replay.replay(database, str(found["number"]), Qemu.find())
    assert not again.differing
    steps = again.story.steps
    timed = [step.time_ns for step in steps if step.time_ns is not None]
    assert timed == sorted(timed)
    first, second = (next(i for i, step in enumerate(steps) if step.title.startswith(word)) for word in ("FIRST", "SECOND"))
    struck = "monitor" if model.startswith("monitor") else "rng"
    assert (steps[first].time_ns, steps[second].time_ns) == (found["time_ns"], found["second_at_ns"])
    assert steps[second].who is (Who.MONITOR if struck == "monitor" else Who.SERVICE)
    assert steps[second].detail.startswith(f"in {struck}, at ")
    failures = [step.service for step in steps if step.stage == "detect"]
    assert failures == ["rng", struck] and first < second
    assert [step.incarnation for step in steps if step.stage == "start"] == ([2, 3] if struck == "rng" else [2, 2])
    last = next(i for i, step in enumerate(steps) if step.stage == "detect" and i > second)
    assert steps[last].service == struck and not any(step.stage == "detect" for step in steps[second + 1:last])
    assert any(step.title == f"{struck} is ready" for step in steps[last:])
