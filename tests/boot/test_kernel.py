# SPDX-License-Identifier: MIT
"""What the kernel promises to programs, tried by a program: user/kerneltest.

Rule: the machine runs by instruction count, so a test that passes once passes always; every test of the program must have
said `ok`, and the machine must have ended by itself.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from machine import EXACT, PROGRAMS, boot, emulator_name, emulators, payload  # noqa: E402

DEADLINE_S = 600 # a hundred tests, many of which wait; half a minute where nothing else runs
SOURCES = Path(__file__).resolve().parents[2] / "user" / "kerneltest"


def declared_tests() -> set[str]:
    """Names in the tables of the program's sources."""
    names: set[str] = set()
    for source in SOURCES.glob("*.c"):
        for table in re.findall(r"const struct test \w+\[\] = \{(.*?)\n\};", source.read_text(), re.S):
            names |= set(re.findall(r'\{"(\w+)"', table))
    return names


@pytest.mark.parametrize("emulator", emulators(), ids=emulator_name)
def test_the_kernel_keeps_its_promises_to_programs(emulator: str, tmp_path: Path) -> None:
    program = (PROGRAMS / "kerneltest").read_bytes()
    outcome = boot(tmp_path, emulator, "pvh-microvm", payload("kerneltest kerneltest\n", kerneltest=program),
                   extra=EXACT, deadline_s=DEADLINE_S)
    passed = set(re.findall(r"^ok (\w+)\r?$", outcome.output, re.M))
    failed = re.findall(r"^FAIL .*", outcome.output, re.M)
    assert not failed, "\n".join(failed)
    assert passed == declared_tests(), outcome.tail()
    assert "perdure: verdict finished code=0 detail=0" in outcome.log, outcome.tail()
