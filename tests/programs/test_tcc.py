# SPDX-License-Identifier: MIT
"""tcc compiles and links C programs on Perdure, and these run there: tcc's own tests, each with its expected output.

Warnings are off (newlib's headers cause one), so tests of warnings are not among them. As in tcc's Makefile, the
amount of white space is not compared.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BUILD, EVERY_SERVICE, check_disk, run_batch

#: Every so many of the tests is run; PERDURE_EVERY_TEST=1 runs all.
STEP = 1 if os.environ.get("PERDURE_EVERY_TEST") else 8

#: Tests that are not for this machine (as tcc's own Makefile has it), or for what is not here.
LEFT_OUT = {
    "34_array_assignment": "not C", "73_arm64": "another processor", "98_al_ax_extend": "i386", "99_fastcall": "i386",
    "60_errors_and_warnings": "-dt, which executes fresh code", "96_nodata_wanted": "-dt, which executes fresh code",
    "106_pthread": "threads", "112_backtrace": "-b", "113_btdll": "shared libraries", "114_bound_signal": "-b",
    "115_bound_setjmp": "-b", "116_bound_setjmp2": "-b", "117_gcc_test": "-b",
}
FLAGS = {"76_dollars_in_identifiers": ["-fdollars-in-identifiers"]}
MORE_FILES = {"104_inline": ["/tests/104+_inline.c"]}
ARGUMENTS = {"31_args": ["arg1", "arg2", "arg3", "arg4", "arg5"],
             "46_grep": [r"[^* ]*[:a:d: ]+\:\*-/: $", "/tests/46_grep.c"]}


@pytest.mark.parametrize("crash", [None, EVERY_SERVICE], ids=["plain", "crashes"])
def test_own_tests_compile_and_run(foreign: Callable[[str], Path], compiled: Path, tmp_path: Path, crash: str | None) -> None:
    tcc = foreign("tcc") / "tcc"
    tree = tmp_path / "tree"
    shutil.copytree(BUILD / "foreign" / "tcc" / "tree", tree)
    shutil.copytree(BUILD / "foreign" / "tcc" / "tests", tree / "tests")
    names = sorted(path.stem for path in (tree / "tests").glob("*.expect") if path.stem not in LEFT_OUT)
    assert len(names) > 90
    names = [name for name in names if b": warning:" not in (tree / "tests" / f"{name}.expect").read_bytes()][::STEP]
    lines = {}
    for name in names:
        lines[f"{name}.compile"] = ["/bin/tcc", "-static", "-w", *FLAGS.get(name, []), "-o", f"/tests/{name}", f"/tests/{name}.c",
                                    *MORE_FILES.get(name, []), "-lm"]
        lines[f"{name}.run"] = [f"/tests/{name}", *ARGUMENTS.get(name, [])]
    disk, answers = run_batch(compiled, tree, {"tcc": tcc}, lines, tmp_path, crash=crash, mebibytes=64)
    differing = []
    for name in names:
        due = (tree / "tests" / f"{name}.expect").read_bytes()
        got = (answers[f"{name}.compile"][1] + answers[f"{name}.run"][1]).replace(b"/tests/", b"")
        if got.split() != due.split():
            differing.append(f"{name}\n--- due {due[-300:]!r}\n--- got {got[-300:]!r}")
    assert not differing, "\n".join(differing)
    check_disk(disk)
