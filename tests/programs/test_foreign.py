# SPDX-License-Identifier: MIT
"""Programs that nobody here wrote, unchanged, on a plain run and while every service dies under them."""

from __future__ import annotations

import collections
import gzip
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BUILD, EVERY_SERVICE, ROOT, check_disk, make_disk, read_from, run

#: The same is due from a plain run and from one with crashes.
either = pytest.mark.parametrize("crash", [None, EVERY_SERVICE], ids=["plain", "crashes"])
Foreign = Callable[[str], Path]

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


@either
def test_lua_runs_a_script_from_the_disk(foreign: Foreign, disk: Path, tmp_path: Path, crash: str | None) -> None:
    text = (tmp_path / "tree" / "text.txt").read_text()
    counts = collections.Counter(re.findall("[A-Za-z]+", text))
    word, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    outcome = run(foreign("lua") / "lua", "/script.lua", "argument", disk=disk, crash=crash,
                  environment={"GREETING": "hello"})
    assert outcome.status == len(counts) % 100, outcome
    lines = text.splitlines()
    assert outcome.output.split("\t") == [str(len(lines)), str(sum(map(len, lines))), word, str(count), "hello",
                                          "argument\n"]
    check_disk(disk)


@either
def test_minigzip_packs_and_unpacks(foreign: Foreign, disk: Path, tmp_path: Path, crash: str | None) -> None:
    minigzip = foreign("zlib") / "minigzip"
    text = (tmp_path / "tree" / "text.txt").read_bytes()
    assert run(minigzip, "/text.txt", disk=disk, crash=crash).status == 0
    packed = read_from(disk, "/text.txt.gz", tmp_path)
    assert gzip.decompress(packed) == text
    assert run(minigzip, "-d", "/text.txt.gz", disk=disk, crash=crash, seed=2).status == 0
    assert read_from(disk, "/text.txt", tmp_path) == text
    check_disk(disk)


ZLIB_EXAMPLE = """zlib version 1.2.13 = 0x12d0, compile flags = 0xa9
uncompress(): hello, hello!
gzread(): hello, hello!
gzgets() after gzseek:  hello!
inflate(): hello, hello!
large_inflate(): OK
after inflateSync(): hello, hello!
inflate with dictionary: hello, hello!
"""


@either
def test_zlib_passes_its_own_test(foreign: Foreign, disk: Path, crash: str | None) -> None:
    outcome = run(foreign("zlib") / "zlib-example", "/example.gz", disk=disk, crash=crash)
    assert outcome.status == 0, outcome
    assert outcome.output == ZLIB_EXAMPLE
    check_disk(disk)


@either
def test_bzip2_passes_its_own_tests(foreign: Foreign, tmp_path: Path, crash: str | None) -> None:
    """The six comparisons of its Makefile: three samples packed at three levels, and unpacked again."""
    bzip2 = foreign("bzip2") / "bzip2"
    samples = BUILD / "foreign" / "bzip2"
    tree = tmp_path / "samples"
    tree.mkdir()
    for number in "123":
        shutil.copy(samples / f"sample{number}.ref", tree / f"made{number}")
        shutil.copy(samples / f"sample{number}.bz2", tree)
    disk = make_disk(tmp_path / "samples.img", 8, tree)
    for number in "123":
        assert run(bzip2, f"-{number}", f"/made{number}", disk=disk, crash=crash).status == 0
        assert read_from(disk, f"/made{number}.bz2", tmp_path) == (samples / f"sample{number}.bz2").read_bytes()
    assert run(bzip2, "-d", *(f"/sample{number}.bz2" for number in "12"), disk=disk, crash=crash, seed=2).status == 0
    assert run(bzip2, "-ds", "/sample3.bz2", disk=disk, crash=crash, seed=3).status == 0
    for number in "123":
        assert read_from(disk, f"/sample{number}", tmp_path) == (samples / f"sample{number}.ref").read_bytes()
    check_disk(disk)
