# SPDX-License-Identifier: MIT
"""What people do wrong, and what their machines lack: each has its reason and its mend; nothing is left behind.

Rule: every command gets a directory of its own for temporary files, which must be empty afterwards, and a word in its
environment by which any process that it left is found.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import time
import uuid
from pathlib import Path

import pytest
from conftest import BUILD, DEADLINE_S, ROOT, make_disk

PERDURE = str(ROOT / "perdure")
HELLO = str(BUILD / "programs" / "hello")
ENDLESS = str(BUILD / "programs" / "fuzz")
SETUP_FAILED = 125
INTERRUPTED = 130


class Place:
    """Where a command runs, and what it left."""

    def __init__(self, directory: Path) -> None:
        self.temporary = directory / "temporary"
        self.temporary.mkdir()
        self.mark = f"PERDURE_TEST_MARK={uuid.uuid4()}"

    def environment(self, **more: str) -> dict[str, str]:
        """Of the command."""
        name, _, value = self.mark.partition("=")
        return {**os.environ, "TMPDIR": str(self.temporary), name: value, **more}

    def run(self, *words: str | Path, **more: str) -> tuple[int, str]:
        """Exit status and what was said on stderr, after a check that it was no traceback."""
        done = subprocess.run([PERDURE, *map(str, words)], env=self.environment(**more), capture_output=True, text=True,
                              errors="replace", check=False, timeout=DEADLINE_S, stdin=subprocess.DEVNULL)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stderr

    def processes(self) -> list[str]:
        """Those that have the mark in their environment."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                    found.append(f"{process.name} {(process / 'cmdline').read_bytes().replace(bytes(1), b' ')[:200]!r}")
            except OSError:
                continue
        return found

    def check_clean(self) -> None:
        """No process, no file."""
        until = time.monotonic() + 20
        while self.processes() and time.monotonic() < until:
            time.sleep(0.1)
        assert self.processes() == []
        assert sorted(path.name for path in self.temporary.iterdir()) == []


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize(("words", "complaint"), [
    (("nonsense",), "No such command"),
    (("run",), "Missing argument"),
    (("run", "--nonsense", HELLO), "No such option"),
    (("run", "/nowhere/at/all"), "there is no program"),
    (("run", "/etc/passwd"), "no ELF file"),
    (("run", "/tmp"), "is a directory"),
    (("run", "--disk", "/nowhere.img", HELLO), "there is no disk image"),
    (("run", "--disk", "/tmp", HELLO), "is a directory"),
    (("run", "--mem", "x", HELLO), "not a valid integer"),
    (("run", "--mem", "33", HELLO), "MB of memory do not hold"),
    (("run", "--mem", "999999", HELLO), "the machine has at most"),
    (("run", "--crash", "nobody", HELLO), "there is no service nobody"),
    (("run", "--crash", "fs,nobody:5000", HELLO), "there is no service nobody"),
    (("run", "--crash", "fs:often", HELLO), "not a number of instructions"),
    (("run", "--timeout", "-1", HELLO), "not in the range"),
    (("run", "--env", "x", HELLO), "--env takes NAME=VALUE"),
    (("run", "--json", "/nowhere/at/all.json", HELLO), "No such file or directory"),
    (("console", "--disk", "/nowhere.img"), "there is no disk image"),
    (("campaign", "--service", "nobody"), "there is no service nobody"),
    (("campaign", "--model", "nothing"), "nothing"),
    (("campaign", "--n", "0"), "not in the range"),
    (("campaign", "--shard", "5/2"), "shard"),
    (("campaign", "--out", "/proc/nowhere"), "mend:"),
    (("replay", "/nowhere.sqlite", "1"), "mend:"),
    (("report", "/nowhere.sqlite"), "mend:"),
    (("merge", "/nowhere.sqlite", "--out", "/tmp/perdure-nowhere"), "mend:"),
    (("export", "/nowhere.sqlite", "--csv"), "mend:"),
    (("export", "/etc/passwd", "--csv"), "mend:"),
    (("demo", "--crashes", "0"), "not in the range"),
    (("demo", "--out", "/proc/nowhere"), "mend:"),
    (("worker", "nonsense://127.0.0.1:1"), "mend:"),
], ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "")
def test_a_mistake_has_its_reason(place: Place, words: tuple[str, ...], complaint: str) -> None:
    status, errors = place.run(*words)
    assert status not in (0, 1) and complaint in errors, (status, errors)
    place.check_clean()


def fake(directory: Path, text: str) -> str:
    """A QEMU that is none."""
    program = directory / "qemu"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


@pytest.mark.parametrize(("text", "complaint"), [
    ("echo QEMU emulator version 6.2.0", "6.2.0 is too old"),
    ("echo something else", "did not state its version"),
    ("exit 1", "did not state its version"),
    ('[ "$1" = --version ] && { echo QEMU emulator version 9.9.9; exit; }; echo broken >&2; exit 1', "broken"),
    ("kill -9 $$", "did not state its version"),
])
def test_another_qemu_is_explained(place: Place, tmp_path: Path, text: str, complaint: str) -> None:
    status, errors = place.run("run", HELLO, PERDURE_QEMU=fake(tmp_path, text))
    assert status == SETUP_FAILED and complaint in errors and "mend:" in errors, errors
    place.check_clean()


def test_no_qemu_is_explained(place: Place) -> None:
    for command in (("run", HELLO), ("demo",), ("bench",), ("campaign",), ("console",)):
        status, errors = place.run(*command, PERDURE_QEMU="/nowhere/qemu")
        assert status == SETUP_FAILED and "/nowhere/qemu is not an executable" in errors and "mend:" in errors, command
    place.check_clean()


def test_a_disk_that_is_no_ext2_is_told_by_the_system_and_kept(place: Place, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(b"this is no file system" * 50000)
    before = disk.read_bytes()
    status, _ = place.run("run", "--disk", disk, BUILD / "programs" / "sha256", "/")
    assert status != 0
    assert disk.read_bytes() == before
    place.check_clean()


@pytest.fixture(name="full")
def _full(tmp_path: Path) -> Path:
    """A small file system that is full; skipped where it cannot be mounted."""
    directory = tmp_path / "full"
    directory.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(directory)], capture_output=True,
                          check=False)
    if done.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        with (directory / "filler").open("wb", buffering=0) as filler:
            while filler.write(bytes(4096)) == 4096:
                pass
    except OSError:
        pass
    yield directory
    subprocess.run(["umount", str(directory)], check=True)


def test_a_full_disk_is_explained(place: Place, full: Path) -> None:
    """Where reports and results go. (Temporary files go elsewhere by themselves.)"""
    for words in (("run", "--json", full / "report.json", HELLO), ("campaign", "--n", "4", "--out", full / "campaign")):
        status, errors = place.run(*words)
        assert status == SETUP_FAILED and "No space left on device" in errors and "mend:" in errors, (words, errors)
        assert [path.name for path in full.iterdir() if path.name != "filler" and path.is_file()
                and path.stat().st_size] == []
        for path in full.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
    place.check_clean()


def test_a_reader_that_goes_ends_the_program(place: Place) -> None:
    process = subprocess.Popen([PERDURE, "run", ENDLESS, "-n", "100000000"], env=place.environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) != 0
    place.check_clean()


#: Commands that last, and what shows that they are in the midst of it.
LASTING = {
    "run": ("run", ENDLESS, "-n", "1000000000"),
    "run-crash": ("run", "--crash", "all", ENDLESS, "-n", "1000000000"),
    "console": ("console",),
    "demo": ("demo", "--crashes", "5000"),
    "campaign": ("campaign", "--n", "100000", "--out", "OUT"),
    "bench": ("bench",),
}


def has_machine(place: Place) -> bool:
    """A QEMU is at work."""
    return any("qemu" in process for process in place.processes())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "term"])
@pytest.mark.parametrize("name", LASTING)
def test_an_interrupted_command_leaves_nothing(place: Place, tmp_path: Path, name: str, number: signal.Signals) -> None:
    words = [str(tmp_path / "out") if word == "OUT" else word for word in LASTING[name]]
    process = subprocess.Popen([PERDURE, *words], env=place.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)
    until = time.monotonic() + 120
    while not has_machine(place) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)
    assert process.poll() is None, process.communicate()
    os.killpg(process.pid, number) # as a terminal does: to all of the group
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number, errors
    assert b"Traceback" not in errors, errors
    place.check_clean()


def test_a_killed_command_leaves_no_machine(place: Place) -> None:
    """Not even then; its temporary files it cannot take away, and `run` has none."""
    process = subprocess.Popen([PERDURE, "run", ENDLESS, "-n", "1000000000"], env=place.environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not has_machine(place) and time.monotonic() < until:
        time.sleep(0.05)
    process.kill()
    process.wait()
    place.check_clean()


def test_a_disk_is_whole_after_an_interruption(place: Place, tmp_path: Path) -> None:
    """What the machine's disk held is written back, also then."""
    disk = make_disk(tmp_path / "disk.img", 16)
    process = subprocess.Popen([PERDURE, "run", "--disk", disk, BUILD / "programs" / "fsx", "-q", "-n", "1000000"],
                               env=place.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not has_machine(place) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == INTERRUPTED
    done = subprocess.run(["e2fsck", "-fp", disk], capture_output=True, text=True, check=False, timeout=60,
                          env={**os.environ, "PATH": f"{os.environ['PATH']}:/sbin:/usr/sbin"})
    assert done.returncode in (0, 1), done.stdout
    place.check_clean()
