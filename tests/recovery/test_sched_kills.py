# SPDX-License-Identifier: MIT
"""What sched schedules gets its time while sched is killed at every kind of instruction that it executes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
#: So often that a second has more than a hundred crashes; a program measures three seconds of shares.
EVERY_INSTRUCTIONS = {"tickets": 3000, "deadlines": 1500}
CRASHES_LEAST = {"tickets": 330, "deadlines": 100}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("shares") / "shares"
    subprocess.run([ROOT / "perdure", "cc", "-O2", "-o", built, ROOT / "tests" / "recovery" / "shares.c"], check=True,
                   timeout=120)
    return built


def run(program: Path, scenario: str, *options: str) -> None:
    done = subprocess.run([ROOT / "perdure", "run", "--timeout", "200", *options, program, scenario], capture_output=True,
                          text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout) == (0, f"{scenario} right\n"), done.stderr[-2000:]


@pytest.mark.parametrize("scenario", ["tickets", "deadlines"])
def test_policies_keep_what_they_promise(scenario: str, program: Path) -> None:
    run(program, scenario)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("scenario", ["tickets", "deadlines"])
def test_they_keep_it_when_sched_dies(scenario: str, seed: int, program: Path, tmp_path: Path) -> None:
    run(program, scenario, "--crash", f"sched:{EVERY_INSTRUCTIONS[scenario]}", "--seed", str(seed), "--json",
        str(tmp_path / "json"))
    report = json.loads((tmp_path / "json").read_text())
    assert report["recoveries"] == report["crashes"] >= CRASHES_LEAST[scenario]


@pytest.mark.parametrize("scenario", ["tickets", "deadlines"])
def test_they_keep_it_when_the_monitor_dies_too(scenario: str, program: Path) -> None:
    run(program, scenario, "--crash", f"sched,monitor:{EVERY_INSTRUCTIONS[scenario]}")
