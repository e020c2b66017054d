# SPDX-License-Identifier: MIT
"""proc killed again and again while a megabyte goes through a pipeline of processes: no byte and no status is lost."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SEEDS = int(os.environ.get("PERDURE_PIPELINE_SEEDS", "1"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("pipeline") / "pipeline"
    subprocess.run([ROOT / "perdure", "cc", "-O2", "-o", built, ROOT / "tests" / "recovery" / "pipeline.c"], check=True,
                   timeout=120)
    return built


def run(program: Path, *options: str | Path) -> None:
    done = subprocess.run([ROOT / "perdure", "run", "--timeout", "280", *options, program], capture_output=True,
                          text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "pipeline right\n"), done.stderr[-2000:]


def test_a_pipeline_moves_every_byte(program: Path) -> None:
    run(program)


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
@pytest.mark.parametrize(("every", "least"), [(20000, 100), (3000, 1000)])
def test_no_byte_is_lost_or_doubled_when_proc_dies(seed: int, every: int, least: int, program: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    run(program, "--crash", f"proc:{every}", "--seed", str(seed), "--json", report)
    crashed = json.loads(report.read_text())
    assert crashed["recoveries"] == crashed["crashes"] >= least
