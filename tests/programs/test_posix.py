# SPDX-License-Identifier: MIT
"""The POSIX conformance tests that pass go on passing, also while every service dies."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import EVERY_SERVICE
from posix_suite import read_passed, run_suite

#: With crashes, every so many of the tests is run; PERDURE_EVERY_TEST=1 runs all.
STEP = 1 if os.environ.get("PERDURE_EVERY_TEST") else 8


@pytest.mark.parametrize(("crash", "step"), [(None, 1), (EVERY_SERVICE, STEP)], ids=["plain", "crashes"])
def test_list_of_passed_tests_does_not_shrink(foreign: Callable[[str], Path], compiled: Path, tmp_path: Path,
                                              crash: str | None, step: int) -> None:
    foreign("posixtests")
    foreign("dash")
    passed = read_passed()
    assert sum(map(len, passed.values())) > 400
    wanted = {interface: chosen for interface, names in passed.items() if (chosen := names[::step])}
    results = run_suite(compiled, tmp_path, wanted, crash)
    assert len(results) == sum(map(len, wanted.values()))
    failed = [f"{name}: status {status}\n{text}" for name, (status, text) in results.items() if status != 0]
    assert not failed, "\n".join(failed)
