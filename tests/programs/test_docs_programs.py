# SPDX-License-Identifier: MIT
"""The page on writing a program works as it stands: its program is built by its commands, run, and run again while services are
killed."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

from conftest import DEADLINE_S, ROOT

PAGE = ROOT / "docs" / "write-a-program.md"


def test_the_pages_program_answers_the_same_while_services_die(tmp_path: Path) -> None:
    text = PAGE.read_text()
    (tmp_path / "dice.c").write_text(re.search(r"`dice.c`:\n\n```c\n(.*?)```", text, re.DOTALL)[1])
    outputs = []
    for command in re.findall(r"^    (\S.*)$", text.rpartition("```\n")[2], re.MULTILINE):
        words = [word.replace("./perdure", str(ROOT / "perdure")).replace("build/", f"{tmp_path}/") for word in shlex.split(command)]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        outputs.append(done.stdout)
    plain, crashed = outputs[-2:]
    assert len(outputs) == 4 and plain == crashed
    assert sum(int(line.split(": ")[1]) for line in plain.splitlines()) == 6000
    tally = subprocess.run(["/sbin/debugfs", "-R", "cat /tally", tmp_path / "dice.img"], capture_output=True, text=True, check=True).stdout
    assert tally.splitlines() == [str(60 * (1 + line)) for line in range(100)] * 2
