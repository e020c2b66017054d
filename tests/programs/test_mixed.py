# SPDX-License-Identifier: MIT
"""Everything at once while every service is killed: tools/soak_mixed.py for a moment, and that it tells what is wrong."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import DEADLINE_S, ROOT

sys.path.insert(0, str(ROOT / "tools"))

import soak_mixed  # noqa: E402


def test_nothing_is_lost_while_every_service_is_killed_again_and_again() -> None:
    done = subprocess.run([ROOT / "tools" / "soak_mixed.py", "--minutes", "0.05", "--crash", "all:50000"],
                          capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "measured:" in done.stdout and "fs" in done.stdout


def said(*rounds: tuple[str, int, int]) -> soak_mixed.Rounds:
    """What a machine says of rounds: digest, free pages, chunks."""
    taken = soak_mixed.Rounds()
    for number, (digest, pages, chunks) in enumerate(rounds, 1):
        taken.take(f"client w operations=10 errors=0 digest={digest}")
        taken.take(f"mixed: round {number} failed=0 free_pages={pages} chunks={chunks}")
    return taken


def test_another_answer_and_anything_unexpected_is_wrong() -> None:
    with pytest.raises(soak_mixed.Wrong, match="round 2"):
        said(("aa", 9, 5), ("ab", 9, 5))
    with pytest.raises(soak_mixed.Wrong, match="read: I/O error"):
        said(("aa", 9, 5)).take("w: operation 3, read: I/O error")
    with pytest.raises(soak_mixed.Wrong, match="1 clients failed"):
        said().take("mixed: round 1 failed=1 free_pages=9 chunks=5")


def test_memory_that_trickles_away_is_wrong() -> None:
    said(*[("aa", 900, 5)] * 30).check_memory()
    said(*[("aa", 900 - 3 * (number > 8), 5) for number in range(30)]).check_memory()
    with pytest.raises(soak_mixed.Wrong, match="pages free"):
        said(*[("aa", 900 - number // 10, 5) for number in range(30)]).check_memory()
    with pytest.raises(soak_mixed.Wrong, match="6 pieces"):
        said(("aa", 900, 5), ("aa", 900, 6)).check_memory()
