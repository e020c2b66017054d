# SPDX-License-Identifier: MIT
"""The console killed at every kind of instruction it executes while a program copies its input to its output.

Kills by a clock rarely strike the few instructions that matter (between a byte's leaving the line and the note of it);
thousands of kills drawn over the instructions of the console do.
"""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BYTES = 16384
EVERY_INSTRUCTIONS = 2000
CRASHES_LEAST = 500


@pytest.mark.parametrize("seed", [1, 2])
def test_every_byte_goes_through_once(seed: int, tmp_path: Path) -> None:
    program = tmp_path / "copy"
    subprocess.run([ROOT / "perdure", "cc", "-O2", "-o", program, ROOT / "tests" / "recovery" / "copy.c"], check=True,
                   timeout=120)
    data = random.Random(seed).randbytes(BYTES)
    done = subprocess.run([ROOT / "perdure", "run", "--crash", f"console:{EVERY_INSTRUCTIONS}", "--seed", str(seed),
                           "--timeout", "200", "--json", tmp_path / "json", program],
                          input=data, capture_output=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    wrong = next((place for place, (sent, got) in enumerate(zip(data, done.stdout)) if sent != got), None)
    assert (len(done.stdout), wrong) == (len(data), None)
    report = json.loads((tmp_path / "json").read_text())
    assert report["recoveries"] == report["crashes"] >= CRASHES_LEAST
