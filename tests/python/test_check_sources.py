# SPDX-License-Identifier: MIT
"""The checks of the house's habits catch what they are for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import check_sources  # noqa: E402


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(check_sources, "ROOT", tmp_path)
    return tmp_path


def write(tree: Path, name: str, text: str) -> Path:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return Path(name)


def test_an_include_away_from_abi_is_found(tree: Path) -> None:
    write(tree, "kernel/object.h", "")
    bad = write(tree, "ssr/ssr.c", '#include <stdint.h>\n#include "kernel/object.h"\n')
    problems = check_sources.check_includes([bad])
    assert len(problems) == 1 and problems[0].startswith("ssr/ssr.c:2:")


def test_servers_do_not_know_each_other(tree: Path) -> None:
    write(tree, "servers/blk/state.h", "")
    bad = write(tree, "servers/fs/main.c", '#include "servers/blk/state.h"\n')
    assert check_sources.check_includes([bad])


def test_a_host_header_in_freestanding_code_is_found(tree: Path) -> None:
    bad = write(tree, "kernel/main.c", "#include <stdio.h>\n")
    assert check_sources.check_includes([bad])


def test_includes_toward_abi_pass(tree: Path) -> None:
    write(tree, "ssr/ssr.h", "")
    good = write(tree, "kernel/main.c", '#include "ssr/ssr.h"\n#include "abi/kernel.h"\n#include <stdint.h>\n')
    assert check_sources.check_includes([good]) == []


def test_a_long_function_is_found_at_its_first_line(tree: Path) -> None:
    bad = write(tree, "kernel/long.c", "\nvoid f(void)\n{\n" + "    g();\n" * 60 + "}\n")
    assert check_sources.check_size([bad])[0].startswith("kernel/long.c:2:")


def test_a_missing_licence_and_unfinished_work_are_found(tree: Path) -> None:
    bad = write(tree, "kernel/a.c", "/* TO" + "DO */\n")
    assert check_sources.check_licence([bad]) and check_sources.check_words([bad])


def test_comments_are_no_lines_of_code(tree: Path) -> None:
    path = write(tree, "kernel/a.c", "/* one\n * two */\n\nint a; // three\n")
    assert check_sources.code_lines(tree / path) == 1
