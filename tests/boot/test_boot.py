# SPDX-License-Identifier: MIT
"""The machine comes up in each way it can be booted, says so, and ends by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from machine import EXACT, Outcome, boot, emulator_name, emulators, payload  # noqa: E402

WAYS = ["pvh-microvm", "pvh-pc", "pvh-q35", "grub-pc"]
FINISHED = "perdure: verdict finished code=0 detail=0"
STATUS_FINISHED = 1 # isa-debug-exit: 2 * 0 + 1

emulator_cases = pytest.mark.parametrize("emulator", emulators(), ids=emulator_name)


def expect_hello(outcome: Outcome, words: str) -> None:
    assert f"Hello from Perdure: {words}" in outcome.output, outcome.tail()
    assert FINISHED in outcome.log, outcome.tail()
    assert outcome.status == STATUS_FINISHED, outcome.tail()


@emulator_cases
@pytest.mark.parametrize("way", WAYS)
def test_boots_and_runs_a_program_of_the_payload(emulator: str, way: str, tmp_path: Path) -> None:
    expect_hello(boot(tmp_path, emulator, way, payload("hello hello one two\n")), "hello one two")


@emulator_cases
@pytest.mark.parametrize("memory_mib", [64, 1024, 3072])
def test_boots_with_little_and_with_much_memory(emulator: str, memory_mib: int, tmp_path: Path) -> None:
    outcome = boot(tmp_path, emulator, "pvh-pc", payload("hello hello\n"), memory_mib=memory_mib)
    expect_hello(outcome, "hello")


@emulator_cases
def test_boots_with_memory_above_4_gib(emulator: str, tmp_path: Path) -> None:
    expect_hello(boot(tmp_path, emulator, "pvh-pc", payload("hello hello\n"), memory_mib=5120), "hello")


@emulator_cases
def test_two_runs_by_instruction_count_are_the_same(emulator: str, tmp_path: Path) -> None:
    outcomes = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        outcomes.append(boot(tmp_path / run, emulator, "pvh-microvm", payload("hello hello\n"), extra=EXACT))
    expect_hello(outcomes[0], "hello")
    assert outcomes[0] == outcomes[1]


def test_programs_of_a_session_run_side_by_side(tmp_path: Path) -> None:
    outcome = boot(tmp_path, "qemu-system-x86_64", "pvh-microvm", payload("hello first\nhello second\n"))
    expect_hello(outcome, "first")
    expect_hello(outcome, "second")


def test_a_program_that_is_not_there_is_said_and_its_status_is_the_verdicts(tmp_path: Path) -> None:
    outcome = boot(tmp_path, "qemu-system-x86_64", "pvh-microvm", payload("absent absent\n"))
    assert "verdict finished code=0 detail=127" in outcome.log, outcome.tail()
    assert "absent" in outcome.log, outcome.tail()


@pytest.mark.parametrize("damage", [b"", b"x", b"PDBUNDLE" + bytes(56), b"PDBUNDLE" + b"\xff" * 4088, bytes(8192)],
                         ids=["empty", "one byte", "no entries", "wild entries", "zeros"])
def test_a_damaged_payload_does_not_stop_the_kernel(damage: bytes, tmp_path: Path) -> None:
    """It is refused or taken as empty; then the shell starts, finds the end of its input, and the machine ends."""
    outcome = boot(tmp_path, "qemu-system-x86_64", "pvh-microvm", damage, keys=b"\x10E")
    assert "kernel-failure" not in outcome.log, outcome.tail()
    assert "perdure: verdict" in outcome.log, outcome.tail()


@pytest.mark.parametrize("drive", ["ram", "virtio"])
def test_both_block_drivers_carry_the_root_file_system(drive: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext2", disk, "8M"], check=True, timeout=30)
    entries = {"disk": disk.read_bytes()} if drive == "ram" else {}
    extra = () if drive == "ram" else ("-drive", f"file={disk},if=none,id=disk,format=raw", "-device",
                                       "virtio-blk-pci,drive=disk,disable-legacy=on")
    outcome = boot(tmp_path, "qemu-system-x86_64", "pvh-pc", payload("hello hello\n", **entries),
                   options=f"epoch=1 disk={drive}", extra=extra)
    expect_hello(outcome, "hello")
    assert "cannot mount" not in outcome.log, outcome.tail()
    if drive == "virtio":
        subprocess.run(["/sbin/e2fsck", "-fn", disk], check=True, timeout=30, capture_output=True)
