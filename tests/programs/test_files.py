# SPDX-License-Identifier: MIT
"""Files: the host's are read as they are, the exerciser finds no difference, whatever dies meanwhile."""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from pathlib import Path

import pytest
from conftest import ROOT, Outcome, check_disk, make_disk, run

FSX_OPERATIONS = os.environ.get("PERDURE_FSX_OPERATIONS", "10000")


@pytest.fixture(name="tree", scope="module")
def _tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real files: this repository's, and some of odd sizes."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in ("kernel", "servers", "docs", "abi"):
        for source in sorted((ROOT / folder).rglob("*")):
            if source.is_file():
                target = tree / source.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
    (tree / "odd").mkdir()
    for size in (0, 1, 1023, 4096, 4097, 49152, 49153, 300001, 5000000):
        (tree / "odd" / f"size{size}").write_bytes(hashlib.shake_128(str(size).encode()).digest(size))
    (tree / "odd" / ("long" * 60)).write_text("a long name")
    with (tree / "odd" / "sparse").open("wb") as sparse:
        sparse.seek(9000000)
        sparse.write(b"end")
    return tree


@pytest.mark.parametrize("block_bytes", [1024, 2048, 4096])
def test_every_host_file_has_its_hash(tree: Path, tmp_path: Path, block_bytes: int) -> None:
    disk = make_disk(tmp_path / "disk.img", 40, tree, block_bytes)
    outcome = run("sha256", "/", disk=disk, crash="fs" if block_bytes == 4096 else None)
    assert outcome.status == 0, outcome
    found = {line[66:]: line[:64] for line in outcome.output.splitlines()}
    due = {"/" + str(path.relative_to(tree)): hashlib.sha256(path.read_bytes()).hexdigest()
           for path in tree.rglob("*") if path.is_file()}
    assert found == due
    check_disk(disk)


@pytest.mark.parametrize(("block_bytes", "crash"), [(4096, None), (1024, "fs"), (4096, "fs"), (4096, "blk:50000")])
def test_exerciser_finds_no_difference(tmp_path: Path, block_bytes: int, crash: str | None) -> None:
    disk = make_disk(tmp_path / "disk.img", 64, None, block_bytes)
    outcome = run("fsx", "-q", "-n", FSX_OPERATIONS, "-s", str(block_bytes), disk=disk, crash=crash)
    assert outcome.status == 0, outcome
    assert f"{FSX_OPERATIONS} operations, 0 differences" in outcome.output
    check_disk(disk)


CLIENTS = {"reader": "-n 400 -c /checksums", "writer": "-n 600", "renamer": "-n 800", "directories": "-n 800",
           "numbers": "-n 500"}


def client_line(outcome: Outcome) -> str:
    """What the client says at its end."""
    match = re.search(r"^client \S+ operations=\d+ errors=0 digest=[0-9a-f]+$", outcome.output, re.MULTILINE)
    assert match, outcome
    return match[0]


@pytest.mark.parametrize("variant", CLIENTS)
def test_clients_are_answered_the_same_with_and_without_crashes(tree: Path, tmp_path: Path, variant: str) -> None:
    lines = [f"{zlib.crc32(path.read_bytes()):08x} {path.stat().st_size} /{path.relative_to(tree)}\n"
             for path in sorted(tree.rglob("*")) if path.is_file() and path.stat().st_size < 400000]
    (tree / "checksums").write_text("".join(lines))
    arguments = [f"a-{variant}", variant, "-s", "9", *CLIENTS[variant].split()]
    answers = []
    for crash in (None, "rng:20000" if variant == "numbers" else "fs"):
        disk = make_disk(tmp_path / "disk.img", 40, tree)
        answers.append(client_line(run("workload", *arguments, disk=disk, crash=crash, seed=4)))
        check_disk(disk)
    (tree / "checksums").unlink()
    assert answers[0] == answers[1]


def test_random_system_calls_leave_everything_working() -> None:
    outcome = run("fuzz", "-n", os.environ.get("PERDURE_FUZZ_CALLS", "500000"), "-s", "3")
    assert outcome.status == 0, outcome
    assert "everything works" in outcome.output
