# SPDX-License-Identifier: MIT
"""Processes: fork, exec, wait, pipes and signals, also while the process service dies under them."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import EVERY_SERVICE, make_disk, run, run_without_failures


@pytest.mark.parametrize(("crash", "least"), [(None, 0), ("proc:20000", 20), ("proc:5000", 80), ("fs:100000", 2),
                                              (EVERY_SERVICE, 5)])
def test_processes_work(compiled: Path, tmp_path: Path, crash: str | None, least: int) -> None:
    run_without_failures("processes", compiled, tmp_path, crash, least)


@pytest.mark.parametrize("crash", [None, "proc:5000"])
def test_the_process_service_refuses_what_it_must(compiled: Path, crash: str | None) -> None:
    outcome = run(compiled / "misuse", crash=crash)
    assert (outcome.status, outcome.output) == (0, "misuse: 0 failures\n"), outcome


@pytest.mark.parametrize("crash", [None, "proc:20000", EVERY_SERVICE])
def test_signals_come_at_their_time(compiled: Path, tmp_path: Path, crash: str | None) -> None:
    outcome = run(compiled / "timers", disk=make_disk(tmp_path / "disk.img", 16), crash=crash)
    assert (outcome.status, outcome.output) == (0, "timers: 0 failures\n"), outcome
