# SPDX-License-Identifier: MIT
"""The fragile server of the exercise (docs/teaching.md) fails in campaigns as the page says, each part of the solution mends
what it is for, and the mended server fails no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import overlay  # noqa: E402

EXAMPLE = ROOT / "examples" / "tickets"
PATCHES = sorted((EXAMPLE / "solution").glob("*.patch"))
BUILD_DEADLINE_S, RUN_DEADLINE_S = 600, 600
#: Enough that a class which makes up a tenth (a third, with kills) of the outcomes is missed once in thousands of images.
KILLS, FLIPS = 30, 80


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with the fragile server, built."""
    copy = tmp_path_factory.mktemp("exercise") / "perdure"
    command = [sys.executable, ROOT / "tools" / "overlay.py", EXAMPLE / "overlay", copy]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    build(copy)
    return copy


def build(copy: Path) -> None:
    done = subprocess.run(["make", "build/perdure.elf", "build/programs/tickets", "build/programs/workload", "build/fi/plugin.so"],
                          cwd=copy, capture_output=True, text=True, timeout=BUILD_DEADLINE_S, check=False,
                          env={**os.environ, "MAKEFLAGS": ""})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def apply(copy: Path, patch: Path) -> None:
    done = subprocess.run(["git", "apply", patch], cwd=copy, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def outcomes(copy: Path, model: str, count: int) -> Counter[str]:
    done = subprocess.run(["./perdure", "campaign", "--service", "tickets", "--model", model, "--n", str(count), "--replace",
                           "--out", f"build/{model}"], cwd=copy, capture_output=True, text=True, timeout=RUN_DEADLINE_S,
                          check=False)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
    return Counter({name: seen for name, seen in json.loads((copy / "build" / model / "summary.json").read_text())["outcomes"].items()
                    if seen})


def test_campaigns_show_each_weakness_and_its_mend(tree: Path) -> None:
    """One test: each step begins with the tree that the last one left."""
    state_outside, call_repeated, no_checks = PATCHES
    assert outcomes(tree, "kill", KILLS)["other_client_affected"] > KILLS / 2
    assert outcomes(tree, "ssr-in-use", FLIPS)["service_lost"] > 0

    apply(tree, state_outside)
    build(tree)
    found = outcomes(tree, "kill", KILLS)
    assert found["silent_data_corruption"] > 0 and set(found) <= {"silent_data_corruption", "recovered_transparently"}

    apply(tree, call_repeated)
    apply(tree, no_checks)
    build(tree)
    assert outcomes(tree, "kill", KILLS) == {"recovered_transparently": KILLS}
    found = outcomes(tree, "ssr-in-use", FLIPS)
    assert not found["service_lost"] and not found["other_client_affected"]


def write(directory: Path, name: str) -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("text\n")
    return directory


def test_an_overlay_that_cannot_be_is_refused_with_the_mend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "there").mkdir()
    sound = write(tmp_path / "sound", "servers/mine/main.c")
    for arguments, complaint in (
            ((tmp_path / "empty", tmp_path / "copy"), "holds no files"),
            ((write(tmp_path / "a", "README.md"), tmp_path / "copy"), "README.md is in the tree already"),
            ((write(tmp_path / "b", "abi/none.toml.append"), tmp_path / "copy"), "none.toml, which is not there"),
            ((sound, tmp_path / "there"), "there already"), ((sound, ROOT / "build" / "copy"), "inside of the tree")):
        assert overlay.main([str(argument) for argument in arguments]) == 1
        error = capsys.readouterr().err
        assert complaint in error and "mend: " in error
        assert not (tmp_path / "copy").exists()
    assert overlay.main(["--help"]) == 2 and "OVERLAY" in capsys.readouterr().err


def test_an_overlay_appends_and_adds(tmp_path: Path) -> None:
    directory = write(write(tmp_path / "sound", "servers/mine/main.c"), "abi/manifest.toml.append")
    manifest = (ROOT / "abi" / "manifest.toml").read_text()
    assert list(overlay.overlay_files(directory)) == [(Path("abi/manifest.toml"), manifest + "text\n"),
                                                      (Path("servers/mine/main.c"), "text\n")]
