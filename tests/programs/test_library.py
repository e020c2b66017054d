# SPDX-License-Identifier: MIT
"""The C library: what programs may expect, also while a service dies under them."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import EVERY_SERVICE, check_disk, make_disk, perdure, run, run_without_failures


@pytest.mark.parametrize("crash", [None, "fs:200000", "blk:100000", "rng:5000", "console:20000"])
def test_posix_calls_work(compiled: Path, tmp_path: Path, crash: str | None) -> None:
    disk = make_disk(tmp_path / "disk.img", 16)
    outcome = run(compiled / "posix", disk=disk, crash=crash)
    assert outcome.status == 0, outcome
    assert "posix: 0 failures" in outcome.output
    check_disk(disk)


@pytest.mark.parametrize(("crash", "least"), [(None, 0), ("fs:50000", 100), ("blk:20000", 5), (EVERY_SERVICE, 5)])
def test_mappings_work(compiled: Path, tmp_path: Path, crash: str | None, least: int) -> None:
    run_without_failures("mappings", compiled, tmp_path, crash, least)


@pytest.mark.parametrize(("arguments", "reason"), [
    (["-shared", "x.c"], "statically"),
    (["-pthread", "x.c"], "threads"),
    (["x.cpp"], "C++"),
    (["x.c", "-lnothing"], "no libnothing.a"),
    (["x.c", "-o"], "value is missing"),
])
def test_compiler_refuses_with_a_reason(tmp_path: Path, arguments: list[str], reason: str) -> None:
    outcome = perdure("cc", *arguments)
    assert outcome.status != 0
    assert reason in outcome.errors


def test_compiler_knows_gccs_usual_arguments(tmp_path: Path) -> None:
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "answer.h").write_text("int answer(void);\n")
    (tmp_path / "answer.c").write_text('#include "answer.h"\nint answer(void) { return VALUE; }\n')
    (tmp_path / "main.c").write_text('#include <math.h>\n#include "answer.h"\n'
                                     "int main(int n, char **v) { (void)v; return answer() + (int)sqrt(n - 1.0); }\n")
    include = f"-I{tmp_path / 'include'}"
    for command in (["-c", "-g", "-std=c99", "-DVALUE=6", include, "-o", tmp_path / "answer.o", tmp_path / "answer.c"],
                    ["-S", include, "-o", tmp_path / "main.s", tmp_path / "main.c"],
                    ["-static", "-o", tmp_path / "program", include, tmp_path / "main.c", tmp_path / "answer.o", "-lm"]):
        outcome = perdure("cc", *command)
        assert outcome.status == 0, outcome
    assert (tmp_path / "main.s").read_text().count("main:") == 1
    assert "__perdure__ 1" in perdure("cc", "-E", "-dM", "-x", "c", "-").output
    assert run(tmp_path / "program").status == 6
