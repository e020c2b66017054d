# SPDX-License-Identifier: MIT
"""The tutorial's commands work as they stand, one after the other, with fewer faults; and leave what the page says."""

from __future__ import annotations

import re
import shlex
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
PLACE = "build/tutorial"
#: What the page says, and what is done here in its stead.
SMALLER = {"--n 1000": "--n 16", "--n 1200": "--n 20", "--until-halfwidth 2%": "--until-halfwidth 20%",
           "campaign.sqlite 17": "campaign.sqlite 7"}
DEADLINE_S = 600


def commands() -> list[str]:
    found = re.findall(r"^    (\./perdure .*)$", PAGE.read_text(), re.MULTILINE)
    for large, small in SMALLER.items():
        assert any(large in command for command in found), large
        found = [command.replace(large, small) for command in found]
    return found


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Where everything went, and what each command said."""
    place = tmp_path_factory.mktemp("tutorial")
    said = {}
    for command in commands():
        words = [word.replace(PLACE, str(place)) for word in shlex.split(command)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
        said[command] = done.stdout
    return place, said


def test_a_fault_is_told_and_drawn_and_the_same_again(outputs: tuple[Path, dict[str, str]]) -> None:
    place, said = outputs
    replays = [text for command, text in said.items() if " replay " in command]
    assert len(replays) == 2 and all("identical" in text for text in replays)
    assert "FAULT" in replays[1]
    ElementTree.parse(place / "full" / "trace-7.svg")


def test_a_campaign_goes_on_and_another_stops_by_itself(outputs: tuple[Path, dict[str, str]]) -> None:
    _, said = outputs
    assert sum(bool(re.search(r"[1-9]\d* were done before", text)) for text in said.values()) == 1
    enough = next(text for command, text in said.items() if "--until-halfwidth" in command)
    assert 10 <= int(re.search(r"^(\d+) faults drawn", enough, re.MULTILINE)[1]) <= 200


def test_the_pages_files_are_there(outputs: tuple[Path, dict[str, str]]) -> None:
    place, _ = outputs
    named = re.findall(r"^\| `([\w-]+\.svg)`", PAGE.read_text(), re.MULTILINE)
    assert len(named) == 5
    for name in named:
        ElementTree.parse(place / "figures" / name)
        assert (place / "figures" / name).with_suffix(".csv").stat().st_size > 0
    for name in ("full/report.html", "compared.html", "recovery.csv", "published/README.md"):
        assert (place / name).stat().st_size > 0
    assert "comparison" in (place / "compared.html").read_text()
