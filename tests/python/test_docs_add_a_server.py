# SPDX-License-Identifier: MIT
"""The page on adding a server works as it stands: its files are put into a copy of the tree, built, run and killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "add-a-server.md"
BUILD_DEADLINE_S, RUN_DEADLINE_S = 600, 120
SUM = "200010000"


def blocks() -> dict[str, str]:
    """The page's files: each is announced by its name in the text before it."""
    found: dict[str, str] = {}
    text = PAGE.read_text()
    for match in re.finditer(r"```(?:toml|c)\n(.*?)```", text, re.DOTALL):
        names = re.findall(r"`([\w/.]+\.(?:toml|c|h))`", text[:match.start()])
        name = names[-1]
        found[name if "/" in name else f"servers/counter/{name}"] = match.group(1)
    return found


def ignore(directory: str, names: list[str]) -> set[str]:
    """What the copy does without: history, tests, and what other tests may be writing in build/."""
    if Path(directory) == ROOT:
        return {".git", "tests"}
    if Path(directory) == ROOT / "build":
        return set(names) - {"fi", "include", "manifest.mk", "newlib", "obj", "programs", "servers", "setup.done",
                             "servers.checked", "sysroot", "system.bundle", "system.list", "perdure.elf"}
    return set()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree and of what is built, with the page's server in it."""
    copy = tmp_path_factory.mktemp("tree") / "perdure"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=ignore)
    (copy / "tests").mkdir()
    for name, text in blocks().items():
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == "abi/manifest.toml":
            text = path.read_text() + "\n" + text
        path.write_text(text)
    done = subprocess.run(["make", "build/perdure.elf", "build/programs/count", "build/fi/plugin.so"], cwd=copy,
                          capture_output=True, text=True, timeout=BUILD_DEADLINE_S, check=False,
                          env={**os.environ, "MAKEFLAGS": ""})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return copy


def run(tree: Path, *options: str) -> str:
    done = subprocess.run(["./perdure", "run", *options, "build/programs/count"], cwd=tree, capture_output=True,
                          text=True, timeout=RUN_DEADLINE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_the_pages_files_are_found() -> None:
    server = {f"servers/counter/{name}" for name in ("main.c", "ops.c", "state.h", "state.c", "recover.c")}
    assert set(blocks()) == server | {"abi/counter.toml", "abi/manifest.toml", "user/count/main.c"}


def test_the_new_server_counts(tree: Path) -> None:
    assert run(tree) == SUM


def test_the_new_server_counts_while_it_is_killed(tree: Path) -> None:
    assert run(tree, "--crash", "counter:5000", "--json", "crashes.json") == SUM
    result = json.loads((tree / "crashes.json").read_text())
    assert result["crashes"] >= 100 and result["recoveries"] == result["crashes"]
