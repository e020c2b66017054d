# SPDX-License-Identifier: MIT
"""What the tests of programs share: building a program, running one, making a disk.

Rule: programs are built as anyone builds them, with `./perdure cc`, and run with `./perdure run`; every run has a
deadline.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from terminal import Terminal

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
DEADLINE_S = int(os.environ.get("PERDURE_DEADLINE_S", "300"))


@dataclass(frozen=True)
class Outcome:
    """What a run left."""

    status: int
    output: str
    errors: str

    def __str__(self) -> str:
        return f"status {self.status}\n--- output\n{self.output[-3000:]}\n--- errors\n{self.errors[-3000:]}"


def perdure(*arguments: str | Path, stdin: bytes = b"") -> Outcome:
    """./perdure with these arguments."""
    done = subprocess.run([str(ROOT / "perdure"), *map(str, arguments)], input=stdin, capture_output=True, check=False,
                          timeout=DEADLINE_S)
    return Outcome(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


#: For `crash`: every service and the monitor, each on average every 100,000 of its own instructions.
EVERY_SERVICE = "all:100000"


def run(program: str | Path, *arguments: str, disk: Path | None = None, crash: str | None = None, seed: int = 1,
        stdin: bytes = b"", environment: dict[str, str] | None = None, cut: int | None = None,
        report: Path | None = None, memory_mib: int | None = None) -> Outcome:
    """`./perdure run` of a program: a path, or a name in build/programs."""
    options: list[str | Path] = ["--timeout", str(DEADLINE_S - 20), "--epoch", "1735689600", "--seed", str(seed)]
    if disk:
        options += ["--disk", disk]
    if crash:
        options += ["--crash", crash]
    if cut:
        options += ["--cut", str(cut)]
    if memory_mib:
        options += ["--mem", str(memory_mib)]
    if report:
        options += ["--json", report]
    for name, value in (environment or {}).items():
        options += ["--env", f"{name}={value}"]
    path = program if isinstance(program, Path) else BUILD / "programs" / program
    return perdure("run", *options, path, *arguments, stdin=stdin)


def run_without_failures(name: str, compiled: Path, scratch: Path, crash: str | None, least: int) -> None:
    """A program that prints `NAME: 0 failures`; at least so many crashes, each recovered from, and a clean disk."""
    disk = make_disk(scratch / "disk.img", 16)
    report = scratch / "report.json"
    outcome = run(compiled / name, disk=disk, crash=crash, report=report)
    assert (outcome.status, outcome.output) == (0, f"{name}: 0 failures\n"), outcome
    if crash:
        recovered = json.loads(report.read_text())
        assert recovered["recoveries"] == recovered["crashes"] >= least
    check_disk(disk)


def make_disk(image: Path, mebibytes: int, tree: Path | None = None, block_bytes: int = 4096) -> Path:
    """An ext2 image made by the host, with the files of `tree`."""
    command = ["mke2fs", "-q", "-F", "-t", "ext2", "-b", str(block_bytes)]
    if tree:
        command += ["-d", str(tree)]
    subprocess.run([*command, str(image), f"{mebibytes}M"], check=True, timeout=60, env=host_environment())
    return image


def check_disk(image: Path) -> None:
    """e2fsck accepts it."""
    done = subprocess.run(["e2fsck", "-fn", str(image)], capture_output=True, text=True, check=False, timeout=120,
                          env=host_environment())
    assert done.returncode == 0, done.stdout + done.stderr


def host_environment() -> dict[str, str]:
    """The tools of e2fsprogs are often where only root looks."""
    return {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin"}


def read_from(disk: Path, path: str, scratch: Path) -> bytes:
    """A file of an ext2 image; empty if it is not there."""
    target = scratch / "read"
    target.write_bytes(b"")
    subprocess.run(["debugfs", "-R", f"dump {path} {target}", str(disk)], check=True, capture_output=True, timeout=60,
                   env=host_environment())
    return target.read_bytes()


def dump_tree(disk: Path, directory: Path) -> Path:
    """All files of an ext2 image below a new directory."""
    directory.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump / {directory}", str(disk)], check=True, capture_output=True, timeout=120,
                   env=host_environment())
    return directory


def run_batch(compiled: Path, tree: Path, programs: dict[str, Path], lines: dict[str, list[str]], scratch: Path,
              limit_s: int = 60, crash: str | None = None, mebibytes: int = 32) -> tuple[Path, dict[str, tuple[int, bytes]]]:
    """Run many command lines on one machine whose disk is `tree` with `programs` (stripped) in /bin. The disk afterwards,
    and of each line its exit status (-1: it did not end in time or did not start) and what it wrote."""
    (tree / "bin").mkdir(exist_ok=True)
    (tree / "out").mkdir(exist_ok=True)
    for name, program in programs.items():
        subprocess.run(["strip", "-o", str(tree / "bin" / name), str(program)], check=True, timeout=60)
    (tree / "lines").write_text("".join("\t".join([name, str(limit_s), *words]) + "\n" for name, words in lines.items()))
    disk = make_disk(scratch / "batch.img", mebibytes, tree)
    outcome = run(compiled / "batch", "/lines", "/out", disk=disk, crash=crash)
    assert outcome.status == 0, outcome
    outputs = dump_tree(disk, scratch / "outputs")
    answers = {}
    for line in outcome.output.splitlines():
        name, _, status = line.partition(" ")
        path = outputs / "out" / name
        text = path.read_bytes() if path.exists() else b""
        answers[name] = (int(status), text) if status.isdecimal() else (-1, text + status.encode())
    assert set(answers) == set(lines), outcome
    return disk, answers


@cache
def foreign_problem(recipe: str) -> str:
    """Build the programs of user/foreign/RECIPE.sh; why their source cannot be had, or nothing."""
    with (BUILD / "foreign.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", f"foreign-{recipe}"], cwd=ROOT, capture_output=True, text=True, check=False,
                              timeout=900)
    if done.returncode != 0 and "cannot be fetched" in done.stderr:
        return done.stderr.strip().splitlines()[-1]
    assert done.returncode == 0, done.stdout + done.stderr
    return ""


@pytest.fixture(scope="session")
def foreign() -> Callable[[str], Path]:
    """Builds the programs of one recipe of user/foreign and gives build/programs, where they are; the test is skipped where
    their source cannot be fetched."""
    def build(recipe: str) -> Path:
        problem = foreign_problem(recipe)
        if problem:
            pytest.skip("the sources cannot be fetched: " + problem)
        return BUILD / "programs"
    return build


def compile_programs(directory: Path, pattern: str = "*") -> None:
    """Build the C programs of this folder."""
    for source in Path(__file__).resolve().parent.glob(f"{pattern}.c"):
        done = perdure("cc", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-o", directory / source.stem,
                       source, "-lm")
        assert done.status == 0, done


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the C programs of this folder, built."""
    directory = tmp_path_factory.mktemp("programs")
    compile_programs(directory)
    return directory


@pytest.fixture(name="terminal")
def _terminal(disk: Path) -> Iterator[Terminal]:
    """The console at its prompt, with the test's own disk."""
    terminal = Terminal(disk)
    try:
        terminal.wait_for("/> ")
        yield terminal
    finally:
        terminal.close()
