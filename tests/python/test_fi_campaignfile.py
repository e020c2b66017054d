# SPDX-License-Identifier: MIT
"""Campaign files, and what the command line says of what cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import fi_guest
import pytest

from faultinject import standard
from faultinject.cli import SECTIONS, cli
from faultinject.errors import SetupError, UsageError
from faultinject.system import read_symbols


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What a campaign would have been asked for."""
    found: dict[str, object] = {}

    def run(request: object, place: object, memory_mib: int, console: object, recovery: str) -> None:
        found.update(request=request, place=place, memory_mib=memory_mib, recovery=recovery)

    monkeypatch.setattr(standard, "run_campaign", run)
    return found


def call(*words: object) -> None:
    cli.main(["campaign", *map(str, words)], standalone_mode=False)


FILE = """
service = ["rng", "fs"]
model = "hang,kill"
n = 77
seed = 5
prune = false
mem = 96
recovery = "ssr"
out = "results"
"""


def test_a_file_says_what_flags_do(tmp_path: Path, asked: dict[str, object]) -> None:
    path = tmp_path / "c.toml"
    path.write_text(FILE)
    call(path)
    by_file = dict(asked)
    call("--service", "rng,fs", "--model", "hang,kill", "--n", 77, "--seed", 5, "--no-prune", "--mem", 96, "--recovery",
         "ssr", "--out", "results")
    assert by_file == asked


def test_a_flag_wins_over_the_file(tmp_path: Path, asked: dict[str, object]) -> None:
    path = tmp_path / "c.toml"
    path.write_text(FILE)
    call("--n", 3, path, "--prune")
    assert asked["request"].count == 3 and asked["request"].seed == 5 and asked["request"].prune


def perdure(*words: object, **environment: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, fi_guest.ROOT / "perdure", *map(str, words)], capture_output=True, text=True,
                          env={**os.environ, **environment}, timeout=120, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(("text", "complaint"), [
    ("n = ", "is not TOML"), ("nn = 3", "unknown keys: nn"), ("n = [1]", "neither a text"), ('n = "many"', "--n"),
    ('service = "nothing"', "there is no service nothing"), ('model = "nothing"', "there is no fault model nothing"),
    ("shard = \"3/2\"", "is no shard"), ("until-halfwidth = \"x\"", "is no half-width"), ("seed = 1979-05-27", "neither"),
    ("until-halfwidth = \"1%\"\nshard = \"0/2\"", "a shard cannot know")])
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text + f'\nout = "{tmp_path / "out"}"\n')
    status, errors = perdure("campaign", path)
    assert status != 0 and complaint in errors


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    status, errors = perdure("campaign", tmp_path / "none.toml")
    assert status != 0 and "cannot be read" in errors and "mend:" in errors


def test_an_old_qemu_is_explained(tmp_path: Path) -> None:
    program = tmp_path / "qemu"
    program.write_text("#!/bin/sh\necho QEMU emulator version 6.2.0\n")
    program.chmod(0o755)
    status, errors = perdure("campaign", "--out", tmp_path / "c", PERDURE_QEMU=str(program))
    assert status == 125 and "6.2.0 is too old" in errors and "mend: install QEMU 7.2" in errors


def test_an_image_without_symbols_or_of_another_kind_is_explained(tmp_path: Path) -> None:
    stripped = tmp_path / "stripped.elf"
    subprocess.run(["strip", "-o", stripped, fi_guest.build()[0]], check=True, timeout=60)
    with pytest.raises(SetupError, match="has no symbol .*\n  mend: build it again, not stripped"):
        read_symbols(stripped)
    text = tmp_path / "text.elf"
    text.write_text("hello")
    with pytest.raises(SetupError, match="is not an ELF file"):
        read_symbols(text)


def test_a_directory_that_cannot_be_written_is_explained() -> None:
    status, errors = perdure("campaign", "--n", "1", "--out", "/proc/nothing/here")
    assert status == 125 and "mend:" in errors


@pytest.mark.parametrize("words", [("merge", "a.sqlite", "--out", "x"), ("export", "a.sqlite", "--csv"),
                                   ("replay", "a.sqlite", "1")])
def test_a_database_that_is_not_there_is_explained(words: tuple[str, ...]) -> None:
    status, errors = perdure(*words)
    assert status == 125 and "there is no campaign database a.sqlite" in errors or "nothing to merge" in errors


def test_clients_take_part_where_their_service_is_struck() -> None:
    everybody = standard.clients()
    always = [client.name for client in everybody if not client.service]
    assert [client.name for client in everybody if client.takes_part(("fs",))] == always
    assert len([client for client in everybody if client.takes_part(("timer", "fs"))]) > len(always) >= 5
    assert all(client.takes_part(("all",)) for client in everybody)


@pytest.mark.parametrize(("text", "complaint"), [
    ("[a", "cannot be read"), ("a = 1", "a is not a table of texts"), ('[a]\narguments = ["-n", "5"]', "a is not a table of texts"),
    ('[a]\nprogram = "x"', r"\[a\] lacks arguments"), ('[a]\narguments = ""\nservices = "fs"', "a key that is unknown")])
def test_a_client_that_is_not_one_is_refused_with_the_mend(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "clients.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=f"clients.toml.*{complaint}(.|\n)*mend: .*add-a-workload"):
        standard.clients(path)


def test_the_help_lists_every_command_once_and_nothing_is_cut() -> None:
    listed = [name for commands in SECTIONS.values() for name in commands]
    assert sorted(listed) == sorted(cli.commands)
    done = subprocess.run([sys.executable, fi_guest.ROOT / "perdure", "--help"], capture_output=True, text=True, check=True,
                          env={**os.environ, "COLUMNS": "80"})
    for commands in SECTIONS.values():
        assert all(f"  {name} " in done.stdout and words in done.stdout for name, words in commands.items())
