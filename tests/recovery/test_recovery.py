# SPDX-License-Identifier: MIT
"""Services fail in every way and stage, and what their clients see is what they would have seen without.

The cases are those of user/recovery; each has a machine of its own, so that one that fails hides no other.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from guest import FINISHED, Outcome, boot, check_disk, make_disk

CASES = ["transient", "poison", "poison-at-changing-places", "poison-without-state", "fault-in-recovery", "bad-state",
         "unbind-of-the-dead", "give-up", "kill-idle", "kill-recovering", "kill-all-at-once", "kill-pairs-and-monitor",
         "kill-monitor", "storm", "storm-with-monitor", "crowd", "flood"]
LETTERS = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.,;\u00e4\u20ac"
LINE = "line {:06d} abcdefghijklmnopqrstuvwxyz 0123456789 end"


def expect_ok(outcome: Outcome, cases: list[str]) -> None:
    """Each case ran and is ok, and the machine ended by itself."""
    assert outcome.cases() == {case: "ok" for case in cases}, outcome.tail()
    assert FINISHED in outcome.log, outcome.tail()


@pytest.mark.parametrize("case", CASES)
def test_case(case: str, tmp_path: Path) -> None:
    expect_ok(boot(tmp_path, [case]), [case])


def test_all_in_one_machine(tmp_path: Path) -> None:
    """One after the other, on a disk, and the disk's file system is none the worse."""
    cases = [case for case in CASES if case != "give-up"]
    make_disk(tmp_path / "disk", 8)
    outcome = boot(tmp_path, ["all"], entries=[("disk", (tmp_path / "disk").read_bytes())])
    expect_ok(outcome, [*cases, "disk", "output"])
    assert "differences=0" in outcome.log, outcome.tail()


def test_output_leaves_once_and_in_order(tmp_path: Path) -> None:
    """100 kills of the console while it writes."""
    outcome = boot(tmp_path, ["output"])
    expect_ok(outcome, ["output"])
    lines = [line for line in outcome.output.splitlines() if line.startswith("line ") or line.endswith("end")]
    assert lines == [LINE.format(number) for number in range(len(lines))], outcome.tail()
    assert re.search(r"output: \d+ lines, 100 crashes", outcome.output), outcome.tail()


def test_input_arrives_once_and_in_order(tmp_path: Path) -> None:
    """Lines sent while console and monitor are killed all the time."""
    chance = random.Random(1)
    lines = [f"{number} {''.join(chance.choices(LETTERS, k=number * 7 % 150))}" for number in range(1500)]
    lines.append("end")
    outcome = boot(tmp_path, ["input"], send="".join(f"{line}\n" for line in lines).encode())
    expect_ok(outcome, ["input"])
    got = [line[len("got "):] for line in outcome.output.splitlines() if line.startswith("got ")]
    assert got == lines
    crashes = re.search(r"input: (\d+) crashes", outcome.output)
    assert crashes and int(crashes[1]) > 20, outcome.tail()


def test_virtio_disk(tmp_path: Path) -> None:
    """blk with its virtio driver, killed while it works, on a PC."""
    disk = tmp_path / "disk"
    make_disk(disk, 8)
    devices = ["-drive", f"if=none,id=disk,format=raw,file={disk}",
               "-device", "virtio-blk-pci,drive=disk,disable-legacy=on"]
    outcome = boot(tmp_path, ["disk"], machine="pc", options="disk=virtio", devices=devices, instruction_count=False)
    expect_ok(outcome, ["disk"])
    assert "blk: virtio disk of 16384 sectors" in outcome.log, outcome.tail()
    assert re.search(r"disk: \d+ crashes while", outcome.output), outcome.tail()
    status, report = check_disk(disk)
    assert status == 0, report


def test_slow_virtio_disk(tmp_path: Path) -> None:
    """A device that needs longer than one transaction may take."""
    disk = tmp_path / "disk"
    make_disk(disk, 8)
    devices = ["-drive", f"if=none,id=disk,format=raw,file={disk},throttling.iops-total=60",
               "-device", "virtio-blk-pci,drive=disk,disable-legacy=on"]
    outcome = boot(tmp_path, ["disk"], machine="pc", options="disk=virtio", devices=devices, instruction_count=False)
    expect_ok(outcome, ["disk"])
    status, report = check_disk(disk)
    assert status == 0, report


def test_virtio_disk_that_fails(tmp_path: Path) -> None:
    """A device that answers with errors gives errors, and nothing dies of them."""
    disk = tmp_path / "disk"
    make_disk(disk, 8)
    devices = ["-blockdev", "driver=raw,node-name=disk,file.driver=blkdebug,file.image.driver=file,"
               f"file.image.filename={disk},file.inject-error.0.event=none,file.inject-error.0.iotype=write,"
               "file.inject-error.0.errno=5",
               "-device", "virtio-blk-pci,drive=disk,disable-legacy=on,werror=report,rerror=report"]
    outcome = boot(tmp_path, ["disk-that-fails"], machine="pc", options="disk=virtio", devices=devices,
                   instruction_count=False)
    expect_ok(outcome, ["disk-that-fails"])
