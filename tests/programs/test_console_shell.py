# SPDX-License-Identifier: MIT
"""BusyBox's shell as the console's: what a person does at a terminal, also while services are crashed."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BUILD, ROOT, check_disk, make_disk
from terminal import Terminal

SCRIPT = """\
tr A-Z a-z < text | tr -cs a-z '\\n' | sort | uniq -c | awk '$1 > 9' > frequent
wc -l < frequent
for name in one two three; do echo "$name" > "made.$name"; done
cat made.* >> all; cat < all | cat | cat | cat | cat | cat | cat | cat | cat | rev
nothing-of-this-name 2> errors || echo "status $?"
cat errors
(sleep 1; echo late) > late & echo early; wait; cat late
seq 1 300 | while read -r line; do echo "$line"; done | awk '{ s += $1 } END { print s }'
md5sum text frequent
"""
CRASHES = "for round in $(seq 12); do for one in fs proc console timer sched blk rng; do crash $one; done; done > crashes 2>&1 &"


@pytest.fixture(name="disk")
def _disk(tmp_path: Path, foreign: Callable[[str], Path]) -> Path:
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    subprocess.run(["strip", "-o", str(tree / "bin" / "busybox"), str(foreign("busybox") / "busybox")], check=True, timeout=60)
    for name in (BUILD / "foreign" / "busybox" / "links").read_text().split():
        (tree / "bin" / Path(name).name).symlink_to("busybox")
    (tree / "text").write_bytes((ROOT / "README.md").read_bytes())
    (tree / "script").write_text(SCRIPT)
    (tree / "own-crash").write_bytes((BUILD / "programs" / "shell").read_bytes())
    return make_disk(tmp_path / "disk.img", 16, tree)


def test_pipes_and_redirection(terminal: Terminal, disk: Path) -> None:
    assert terminal.command("echo hello | tr a-z A-Z | rev") == "OLLEH\n"
    assert terminal.command("echo one > f; echo two >> f; sort -r < f; cat g 2> e; wc -l < e") == "two\none\n1\n"
    assert terminal.command("false || echo or; true && echo and; echo $?") == "or\nand\n0\n"
    assert terminal.command("seq 9 | " + "cat | " * 8 + "tail -n 1") == "9\n"
    assert terminal.command("sh script | head -n 1") == terminal.command("wc -l < frequent")
    terminal.type("exit 3\r")
    terminal.end()
    check_disk(disk)


def test_control_c_ends_the_foreground_alone(terminal: Terminal) -> None:
    """Neither the shell nor what runs in the background."""
    terminal.command("(sleep 4; echo survived > mark) &")
    terminal.type("sleep 100 | cat\r")
    terminal.wait_for("\n")
    time.sleep(1)
    terminal.type("\x03")
    terminal.wait_for("/> ")
    assert terminal.command("echo $?") == "130\n"
    terminal.command("wait")
    assert terminal.command("cat mark") == "survived\n"


def test_jobs(terminal: Terminal) -> None:
    terminal.command("sleep 100 &")
    terminal.command("sleep 200 &")
    assert re.search(r"^\[1\].*Running +sleep 100$", terminal.command("jobs"), re.MULTILINE)
    terminal.command("kill %1; sleep 1")
    assert "Terminated" in terminal.command("wait %1; echo $?") or terminal.command("jobs").count("Running") == 1
    terminal.command("kill %2; wait")
    assert terminal.command("(exit 7) & wait $!; echo $?").startswith("7\n")
    terminal.type("fg\r")
    assert "fg: " in terminal.wait_for("/> ")


def test_line_is_edited_and_remembered(terminal: Terminal) -> None:
    assert terminal.command("echo bc\x1b[D\x1b[Da").endswith("abc\n")
    assert terminal.command("wrong words\x15echo right").endswith("right\n")
    assert terminal.command("\x1b[A\x1b[A").endswith("abc\n")
    assert terminal.command("cat scr\t | head -n 1").endswith(SCRIPT.splitlines()[0] + "\n")


def test_the_system_is_seen_and_crashed_by_its_own_programs_alone(terminal: Terminal) -> None:
    assert "its state is rebuilt" in terminal.command("crash fs")
    assert re.search(r"^fs +running +2 +1 ", terminal.command("services | grep running"), re.MULTILINE)
    assert re.search(r"^shared +share +0 attached", terminal.command("policy"), re.MULTILINE)
    terminal.command("chmod 755 own-crash; ln -s own-crash crash")
    assert terminal.command("./crash fs; echo $?") == "crash: usage: crash SERVICE, one of:\n2\n"
    assert re.search(r"^fs +running +2 +1 ", terminal.command("services | grep running"), re.MULTILINE)
    terminal.type("top\r")
    terminal.wait_for("killed from outside")
    terminal.type("q")
    terminal.wait_for("/> ")


def test_a_script_gives_the_same_bytes_while_services_are_crashed(terminal: Terminal, disk: Path) -> None:
    due = terminal.command("sh script")
    assert due.count("\n") > 10 and "status 127" in due
    terminal.command("rm all")
    terminal.command(CRASHES)
    assert re.sub(r"^\[1\].*\n", "", terminal.command("sh script"), flags=re.MULTILINE) == due
    terminal.command("wait")
    for service, count in re.findall(r"^(fs|proc|console|timer|sched|blk|rng) +running +\d+ +(\d+) ", terminal.command("services"),
                                     re.MULTILINE):
        assert int(count) >= 12, service
    terminal.type("exit\r")
    terminal.end()
    check_disk(disk)
