# SPDX-License-Identifier: MIT
"""`make soak`: its table names what exists, and no way to fail passes for success."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import soak  # noqa: E402

SERVICES = set(tomllib.loads((ROOT / "abi" / "manifest.toml").read_text())["service"])


def table(**entries: object) -> soak.Line:
    """A line with what is given."""
    return soak.Line.read("line", {"shows": "a thing", "limit_minutes": 1, "run": ["true"], "measure": "^found .*$"}
                          | entries)


@pytest.fixture(autouse=True)
def _output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "ROOT", tmp_path)
    monkeypatch.setattr(soak, "OUTPUT", tmp_path / "soak")


@pytest.mark.parametrize("line", soak.read_table().values(), ids=lambda line: line.name)
def test_every_step_names_what_exists(line: soak.Line) -> None:
    for step in line.run:
        words, _ = soak.words_of(step)
        assert words[0].startswith("/") or (ROOT / words[0]).is_file(), step
        for option, value in zip(words, words[1:], strict=False):
            if option == "--crash":
                assert set(value.partition(":")[0].split(",")) <= SERVICES | {"all"}, step
        for word in words[1:]:
            if word.startswith("build/programs/"):
                assert (ROOT / "user" / Path(word).name).is_dir(), step
            elif word.startswith(("tests/", "tools/", "model/")):
                assert (ROOT / word.partition("::")[0]).exists(), step


def test_a_step_that_does_what_it_should_holds() -> None:
    assert soak.soak([table(run=["echo found 7"], limit_minutes=1)]) == 0
    assert json.loads((soak.OUTPUT / "summary.json").read_text())[0]["measured"] == ["found 7"]


@pytest.mark.parametrize(("step", "reason"), [("sh -c 'echo found 7; exit 3'", "status 3"),
                                              ("echo nothing", "did not say"),
                                              ("sh -c 'echo found 7; kill -9 $$'", "status -9")])
def test_a_step_that_does_not_is_a_failure_and_the_others_run(step: str, reason: str) -> None:
    assert soak.soak([table(run=[step, "echo found 8"])]) == 1
    verdict = json.loads((soak.OUTPUT / "summary.json").read_text())[0]
    assert reason in verdict["failures"][0] and "found 8" in verdict["measured"]


def test_a_step_past_its_limit_is_ended_with_its_children() -> None:
    script = "sh -c 'sleep 77777 & echo $!; echo found 7; wait'"
    assert soak.soak([table(run=[script], limit_minutes=0.15)]) == 1
    assert soak.ENDED_LATE in json.loads((soak.OUTPUT / "summary.json").read_text())[0]["failures"][0]
    child = int((soak.OUTPUT / "line-1.log").read_text().split()[0])
    assert not running(child)


def running(process: int) -> bool:
    """And no zombie."""
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_step_takes_its_environment_as_in_a_shell() -> None:
    assert soak.words_of("A_B=1 C='2 3' program --x=4 'a b'") == (["program", "--x=4", "a b"], {"A_B": "1", "C": "2 3"})


@pytest.mark.parametrize("entry", [{"run": []}, {"limit_minutes": "1"}, {"more": 1}, {"run": "true"}])
def test_a_malformed_line_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(soak.SoakError):
        table(**entry)


def test_an_unknown_line_is_refused_with_what_there_is() -> None:
    done = subprocess.run([ROOT / "tools" / "soak.py", "nonsense"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2 and "there is no line nonsense" in done.stderr and "fuzz" in done.stderr


def test_an_interrupted_soak_says_what_it_knows_and_leaves_nothing(tmp_path: Path) -> None:
    program = ("import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import soak, signal\n"
               "soak.ROOT = Path(sys.argv[2]); soak.OUTPUT = soak.ROOT / 'soak'; signal.signal(15, soak.interrupt)\n"
               "line = {'shows': 's', 'limit_minutes': 1, 'measure': 'found', 'run': [\"sh -c 'echo found $$; sleep 66666'\"]}\n"
               "sys.exit(soak.soak([soak.Line.read('line', line)]))")
    process = subprocess.Popen([sys.executable, "-c", program, str(ROOT / "tools"), str(tmp_path)],
                               stdout=subprocess.PIPE, text=True)
    log = tmp_path / "soak" / "line-1.log"
    until = time.monotonic() + 60
    while not (log.exists() and log.read_text().endswith("\n")) and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "1 not run" in output
    assert not running(int(log.read_text().split()[1]))
