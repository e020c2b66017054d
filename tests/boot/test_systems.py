# SPDX-License-Identifier: MIT
"""Systems of the manifest: the smallest is made from the same tree, runs programs and survives crashes; a program finds
the services that it was given, and no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from machine import EXACT, KERNEL, ROOT, boot, payload  # noqa: E402

FINISHED = "perdure: verdict finished code=0 detail=0"
MINIMAL_MIB = 20


@pytest.fixture(scope="module")
def minimal() -> Path:
    """The kernel with [system.minimal]: nothing is compiled for it, only linked."""
    done = subprocess.run(["make", "SYSTEM=minimal", "build/perdure-minimal.elf"], cwd=ROOT, capture_output=True, text=True,
                          timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "build" / "perdure-minimal.elf"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    program = tmp_path_factory.mktemp("names") / "names"
    subprocess.run([ROOT / "perdure", "cc", "-O2", "-o", program, ROOT / "tests" / "boot" / "names.c"], check=True, timeout=120)
    return program.read_bytes()


def run(directory: Path, kernel: Path, names: bytes) -> list[str]:
    outcome = boot(directory, "qemu-system-x86_64", "pvh-microvm", payload("names names\n", names=names), kernel=kernel,
                   memory_mib=MINIMAL_MIB if kernel != KERNEL else 64, extra=EXACT)
    assert FINISHED in outcome.log, outcome.tail()
    return outcome.output.splitlines()


def test_a_program_finds_what_it_was_given(names: bytes, tmp_path: Path) -> None:
    lines = run(tmp_path, KERNEL, names)
    found = next(line for line in lines if line.startswith("names:")).split()[1:]
    assert {"console", "fs", "rng", "timer"} <= set(found) and not {"blk", "echo", "monitor", "init"} & set(found)
    assert {"rng answers", "blk: No such device", "rngs: No such device"} <= set(lines)


def test_the_minimal_system_has_what_the_manifest_says(minimal: Path, names: bytes, tmp_path: Path) -> None:
    """In the memory that the manifest says."""
    lines = run(tmp_path, minimal, names)
    assert "names: console rng" in lines
    assert {"rng answers", "blk: No such device", "/file: No such device"} <= set(lines)


def test_the_minimal_system_survives_crashes(minimal: Path, tmp_path: Path) -> None:
    keys = b"crash rng\ncrash console\ncrash fs\nservices\n\x10E"
    outcome = boot(tmp_path, "qemu-system-x86_64", "pvh-microvm", None, kernel=minimal, memory_mib=MINIMAL_MIB, keys=keys)
    assert FINISHED in outcome.log, outcome.tail()
    for service in ("rng", "console"):
        assert f"{service}: killed from outside" in outcome.output, outcome.tail()
    assert "usage: crash SERVICE, one of: monitor console rng\n" in outcome.output.replace("\r", ""), outcome.tail()


def test_a_system_that_is_not_in_the_manifest_is_refused() -> None:
    done = subprocess.run(["make", "SYSTEM=huge"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0 and "abi/manifest.toml has no [system.huge]" in done.stderr
