# SPDX-License-Identifier: MIT
"""The page on adding a server works as it stands: its files are put into a copy of the tree, built, run and killed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import overlay  # noqa: E402

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


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree and of what is built, with the page's server in it."""
    copy = tmp_path_factory.mktemp("tree") / "perdure"
    overlay.copy_tree(copy)
    files = blocks()
    files["abi/manifest.toml"] = (ROOT / "abi" / "manifest.toml").read_text() + "\n" + files["abi/manifest.toml"]
    overlay.write_files(copy, ((Path(name), text) for name, text in files.items()))
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
