# SPDX-License-Identifier: MIT
"""timer killed at every kind of instruction that it executes while a program has hundreds of alarms."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EVERY_INSTRUCTIONS = 1500
CRASHES_LEAST = 200


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("alarms") / "alarms"
    subprocess.run([ROOT / "perdure", "cc", "-O2", "-o", built, ROOT / "tests" / "recovery" / "alarms.c"], check=True,
                   timeout=120)
    return built


def run(program: Path, *options: str) -> None:
    done = subprocess.run([ROOT / "perdure", "run", "--timeout", "200", *options, program], capture_output=True,
                          text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout) == (0, "alarms 480 ticks right\n"), done.stderr[-2000:]


def test_alarms_expire_once_and_in_order(program: Path) -> None:
    run(program)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_alarm_is_lost_early_or_twice_when_timer_dies(seed: int, program: Path, tmp_path: Path) -> None:
    run(program, "--crash", f"timer:{EVERY_INSTRUCTIONS}", "--seed", str(seed), "--json", str(tmp_path / "json"))
    report = json.loads((tmp_path / "json").read_text())
    assert report["recoveries"] == report["crashes"] >= CRASHES_LEAST
