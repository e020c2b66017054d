# SPDX-License-Identifier: MIT
"""Programs that nobody here wrote, unchanged, while the file system dies under them."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest
from conftest import ROOT, check_disk, make_disk, run

SCRIPT = """
local lines, total = 0, 0
local out = assert(io.open("/copy.txt", "w"))
for line in io.lines("/text.txt") do
    lines = lines + 1
    total = total + #line
    out:write(string.format("%05d %s\\n", lines, line:upper()))
end
out:close()
assert(os.rename("/copy.txt", "/upper.txt"))
local words = {}
for word in io.open("/text.txt"):read("a"):gmatch("%a+") do words[word] = (words[word] or 0) + 1 end
local names = {}
for word in pairs(words) do names[#names + 1] = word end
table.sort(names, function(a, b) return words[a] > words[b] or words[a] == words[b] and a < b end)
print(lines, total, names[1], words[names[1]], os.getenv("GREETING"), arg[1])
os.exit(#names % 100)
"""


@pytest.fixture(name="disk")
def _disk(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "text.txt").write_bytes((ROOT / "Makefile").read_bytes() * 8)
    (tree / "script.lua").write_text(SCRIPT)
    return make_disk(tmp_path / "disk.img", 16, tree)


@pytest.mark.parametrize("crash", [None, "fs"])
def test_lua_runs_a_script_from_the_disk(foreign: Path, disk: Path, tmp_path: Path, crash: str | None) -> None:
    import collections
    import re
    text = (tmp_path / "tree" / "text.txt").read_text()
    counts = collections.Counter(re.findall("[A-Za-z]+", text))
    word, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    outcome = run(foreign / "lua", "/script.lua", "argument", disk=disk, crash=crash, environment={"GREETING": "hello"})
    assert outcome.status == len(counts) % 100, outcome
    lines = text.splitlines()
    assert outcome.output.split("\t") == [str(len(lines)), str(sum(map(len, lines))), word, str(count), "hello",
                                          "argument\n"]
    check_disk(disk)


@pytest.mark.parametrize("crash", [None, "fs"])
def test_minigzip_packs_and_unpacks(foreign: Path, disk: Path, tmp_path: Path, crash: str | None) -> None:
    text = (tmp_path / "tree" / "text.txt").read_bytes()
    assert run(foreign / "minigzip", "/text.txt", disk=disk, crash=crash).status == 0
    packed = read_from(disk, "/text.txt.gz", tmp_path)
    assert gzip.decompress(packed) == text
    assert run(foreign / "minigzip", "-d", "/text.txt.gz", disk=disk, crash=crash, seed=2).status == 0
    assert read_from(disk, "/text.txt", tmp_path) == text
    check_disk(disk)


def test_bzip2_packs(foreign: Path, disk: Path, tmp_path: Path) -> None:
    outcome = run(foreign / "bzip2", "-k", "/text.txt", disk=disk, crash="fs")
    assert outcome.status == 0, outcome
    assert bz2.decompress(read_from(disk, "/text.txt.bz2", tmp_path)) == (tmp_path / "tree" / "text.txt").read_bytes()


def read_from(disk: Path, path: str, scratch: Path) -> bytes:
    """A file of an ext2 image."""
    import subprocess

    from conftest import host_environment
    target = scratch / "read"
    target.unlink(missing_ok=True)
    subprocess.run(["debugfs", "-R", f"dump {path} {target}", str(disk)], check=True, capture_output=True, timeout=60,
                   env=host_environment())
    return target.read_bytes()
