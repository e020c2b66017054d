# SPDX-License-Identifier: MIT
"""The shell, as a person at a terminal uses it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, check_disk, make_disk

DEADLINE_S = 60
ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Terminal:
    """A terminal with the machine at its other end."""

    def __init__(self, disk: Path) -> None:
        self._far, near = pty.openpty()
        self._process = subprocess.Popen([str(ROOT / "perdure"), "console", "--disk", str(disk)], stdin=near, stdout=near,
                                         stderr=near, start_new_session=True)
        os.close(near)
        self._received = ""

    def wait_for(self, text: str) -> str:
        """Everything up to and with `text`, without the terminal's control sequences."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            clean = ESCAPE.sub("", self._received).replace("\r", "")
            at = clean.find(text)
            if at >= 0:
                self._received = clean[at + len(text):]
                return clean[:at + len(text)]
            left = deadline - time.monotonic()
            assert left > 0, f"no {text!r} within {DEADLINE_S} s after\n{clean[-2000:]}"
            if select.select([self._far], [], [], min(left, 1))[0]:
                try:
                    self._received += os.read(self._far, 65536).decode(errors="replace")
                except OSError as problem:
                    raise AssertionError(f"the machine ended before {text!r}\n{clean[-2000:]}") from problem

    def type(self, keys: str) -> None:
        """Keys, as a person presses them."""
        for key in keys:
            os.write(self._far, key.encode())

    def command(self, line: str) -> str:
        """Type a line; what the shell shows up to its next prompt."""
        self.type(line + "\r")
        self.wait_for("\n")
        shown = self.wait_for("/> ")[:-3]
        while shown and not shown.endswith("\n"):
            shown += "/> " + self.wait_for("/> ")[:-3]
        return shown

    def end(self) -> int:
        """Wait for the machine's end; its exit status."""
        return self._process.wait(DEADLINE_S)

    def close(self) -> None:
        """End what still runs."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, 9)
            self._process.wait()
        os.close(self._far)


@pytest.fixture(name="disk")
def _disk(tmp_path: Path, compiled: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "folder").mkdir(parents=True)
    (tree / "folder" / "text").write_text("one\ntwo\n")
    (tree / "hello").write_bytes((ROOT / "build/programs/hello").read_bytes())
    (tree / "hello").chmod(0o755)
    (tree / "fsx").write_bytes((ROOT / "build/programs/fsx").read_bytes())
    (tree / "fsx").chmod(0o755)
    (tree / "streams").write_bytes((compiled / "streams").read_bytes())
    return make_disk(tmp_path / "disk.img", 16, tree)


@pytest.fixture(name="terminal")
def _terminal(disk: Path) -> Iterator[Terminal]:
    terminal = Terminal(disk)
    try:
        terminal.wait_for("/> ")
        yield terminal
    finally:
        terminal.close()


def test_commands_about_files(terminal: Terminal, disk: Path) -> None:
    assert "text" in terminal.command("ls folder")
    assert terminal.command("cat folder/text").startswith("one\ntwo\n")
    terminal.command("mkdir new")
    terminal.command("cp folder/text new/copy")
    terminal.command("mv new/copy new/moved")
    terminal.command("ln -s moved new/link")
    terminal.command("echo three >> new/moved")
    assert terminal.command("cat new/link").startswith("one\ntwo\nthree\n")
    assert "-> moved" in terminal.command("ls -l new")
    assert "14 bytes" in terminal.command("stat new/moved")
    assert "No such file or directory" in terminal.command("cat nothing")
    assert terminal.command("echo $?").startswith("1\n")
    assert "Directory not empty" in terminal.command("rmdir new")
    terminal.command("rm -r new")
    assert "new" not in terminal.command("ls /")
    terminal.type("exit\r")
    assert terminal.end() == 1  # what isa-debug-exit makes of a machine that finished
    check_disk(disk)


def test_control_c_ends_what_runs(terminal: Terminal) -> None:
    """A program that calls nothing, and one that reads; the shell and its line stay."""
    for command, sign in (("/streams spin", "spinning"), ("/streams echo", "\n")):
        terminal.type(command + "\r")
        terminal.wait_for(sign)
        time.sleep(0.5)
        terminal.type("\x03")
        assert "[status 130]" in terminal.wait_for("/> ")
    assert terminal.command("echo $?").startswith("130\n")


def test_line_is_edited(terminal: Terminal) -> None:
    """Home and not Ctrl-A, which `perdure console` takes for itself."""
    assert terminal.command("echo bc\x1b[D\x1b[Da").startswith("abc\n")
    assert terminal.command("wrong words\x15echo right").startswith("right\n")
    assert terminal.command("echo one two\x17three").startswith("one three\n")
    assert terminal.command("cho last\x1b[He").startswith("last\n")
    assert terminal.command("echo abcd\x1b[H\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x0bx").startswith("x\n")
    assert terminal.command("\x1b[A\x1b[A").startswith("last\n")
    assert terminal.command("cat fol\tte\t").startswith("one\ntwo\n")


def test_services_die_and_come_back(terminal: Terminal) -> None:
    for service in ("fs", "blk", "rng", "console", "monitor", "fs"):
        trace = terminal.command(f"crash {service}")
        assert "killed from outside" in trace and "its state is rebuilt" in trace, trace
    assert terminal.command("cat folder/text").startswith("one\ntwo\n")
    services = terminal.command("services")
    assert re.search(r"^fs +running +3 +2 ", services, re.MULTILINE), services
    assert re.search(r"^monitor +running +2 +1 ", services, re.MULTILINE), services


def test_what_services_use_is_seen_live(terminal: Terminal) -> None:
    terminal.command("crash rng")
    line = re.search(r"^rng +running +2 +1 +(\d+) +(\d+\.\d+) +(\d+) +(\d+) +(\d+)  killed from outside at 0x",
                     terminal.command("services"), re.MULTILINE)
    assert line and float(line[2]) > 0 and int(line[4]) > 0 and int(line[5]) == 256 * int(line[1]), line
    terminal.type("top\r")
    for _ in range(2):  # it goes on by itself
        assert re.search(r"^ +\d+ % rng +running", terminal.wait_for("killed from outside"), re.MULTILINE)
    terminal.type("q")
    terminal.wait_for("/> ")
    assert "usage: top [SECONDS], 1 to 3600" in terminal.command("top 0")
    assert "usage: top [SECONDS], 1 to 3600" in terminal.command("top x")


def test_what_programs_use_is_shown(terminal: Terminal) -> None:
    terminal.command("mkdir empty")
    number = re.search(r"^\[(\d+)\] /fsx", terminal.command("/fsx -d /empty -q -n 100000000 &"), re.MULTILINE)
    assert number
    shown = terminal.command("ps")
    assert re.search(r"^ +\d+ +\d+\.\d{3} +[1-9]\d*  shell$", shown, re.MULTILINE), shown
    assert re.search(rf"^ +{number[1]} +\d+\.\d{{3}} +[1-9]\d*  /?fsx$", shown, re.MULTILINE), shown
    terminal.command(f"kill {number[1]}")


def test_policies_are_chosen_at_run_time(terminal: Terminal) -> None:
    assert re.search(r"^shared +share +0 attached", terminal.command("policy"), re.MULTILINE)
    assert terminal.command("policy shared deadline") == ""
    terminal.command("crash sched")
    assert re.search(r"^shared +deadline +0 attached", terminal.command("policy"), re.MULTILINE)
    assert "usage: policy" in terminal.command("policy shared lottery")


def test_programs_run(terminal: Terminal) -> None:
    assert terminal.command("/hello a 'b c'").startswith("Hello from Perdure: /hello a b c\n")
    terminal.command("/hello > out")
    assert terminal.command("cat out").startswith("Hello from Perdure: /hello\n")
    assert "sha256: nothing: No such file or directory" in terminal.command("sha256 nothing")
    assert "no such command or program" in terminal.command("nothing")
    assert terminal.command("echo $?").startswith("127\n")
