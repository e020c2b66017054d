# SPDX-License-Identifier: MIT
"""The shell, as a person at a terminal uses it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from conftest import ROOT, check_disk, make_disk
from terminal import Terminal


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
