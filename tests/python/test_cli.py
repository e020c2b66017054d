# SPDX-License-Identifier: MIT
"""The command line: what it does with what is given to it by mistake, and when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATUS_SETUP = 125


def perdure(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "perdure", *arguments], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("command", [("report", "{}"), ("replay", "{}", "1"), ("merge", "{}", "{}", "--out", "{}/merged"),
                                     ("export", "{}", "--csv")])
def test_a_directory_stands_for_the_campaign_in_it(command: tuple[str, ...], tmp_path: Path) -> None:
    words = [word.format(tmp_path) for word in command]
    done = perdure(*words)
    assert done.returncode == STATUS_SETUP
    assert f"there is no campaign database {tmp_path}/campaign.sqlite" in done.stderr and "mend: " in done.stderr
    (tmp_path / "campaign.sqlite").write_text("no database\n" * 200)
    done = perdure(*words)
    assert f"the database {tmp_path}/campaign.sqlite: file is not a database" in done.stderr
    assert done.returncode == STATUS_SETUP and "mend: give a campaign.sqlite" in done.stderr


def test_an_interrupt_while_the_command_is_being_loaded_ends_it_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import sys, time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    process = subprocess.Popen([ROOT / "perdure", "models"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert process.stdout is not None and process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == ("", "") and process.returncode == -signal.SIGINT


def test_an_interrupted_campaign_says_how_it_goes_on(tmp_path: Path) -> None:
    command = [ROOT / "perdure", "campaign", "--service", "rng", "--model", "kill", "--n", "100000", "--jobs", "1", "--out",
               tmp_path / "c"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None and "experiments" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out = " ".join(process.communicate(timeout=60)[0].split())  # lines are broken where they are long
    assert process.returncode == 130, out
    assert "the same command goes on from there" in out and "Traceback" not in out
    assert (tmp_path / "c" / "campaign.sqlite").is_file() and not (tmp_path / "c" / "work").exists()
