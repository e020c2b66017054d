# SPDX-License-Identifier: MIT
"""Two checkouts at different paths give the same image, byte for byte, and the same campaign."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import overlay  # noqa: E402

BUILT = ("perdure.elf", "programs/workload")
#: More for `make soak`.
DRAWS = int(os.environ.get("PERDURE_REPRODUCIBLE_DRAWS", "12"))
DEADLINE_S = 900 + 2 * DRAWS


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another checkout, under a longer name; built from nothing but what was set up on this machine."""
    copy = tmp_path_factory.mktemp("reproducible") / "another-place-with-a-longer-name"
    overlay.copy_tree(copy)
    for path in (copy / "build").iterdir():
        if path.name not in ("setup.done", "report"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    targets = [f"build/{name}" for name in (*BUILT, "fi/plugin.so")]
    done = subprocess.run(["make", *targets], cwd=copy, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
                          env={**os.environ, "MAKEFLAGS": ""})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return copy


@pytest.mark.parametrize("name", BUILT)
def test_images_are_the_same(other: Path, name: str) -> None:
    assert (other / "build" / name).read_bytes() == (ROOT / "build" / name).read_bytes()


def campaign(tree: Path, directory: Path) -> dict[str, object]:
    done = subprocess.run(["./perdure", "campaign", "--service", "all", "--n", str(DRAWS), "--seed", "3", "--out", directory], cwd=tree,
                          capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    return json.loads((directory / "summary.json").read_text())


def test_campaigns_are_the_same(other: Path, tmp_path: Path) -> None:
    assert campaign(other, tmp_path / "a") == campaign(ROOT, tmp_path / "b")
