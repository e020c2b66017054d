# SPDX-License-Identifier: MIT
"""The ext2 reader sees what mke2fs was given, and refuses what is damaged."""

from __future__ import annotations

import hashlib
import os
import random
import stat
import struct
from pathlib import Path

import fi_guest  # noqa: F401
import pytest

from faultinject.ext2 import Ext2Error, Image, differences
from faultinject.workload import make_ext2


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of many kinds and sizes."""
    root = tmp_path_factory.mktemp("ext2") / "tree"
    (root / "directory" / "inner").mkdir(parents=True)
    generator = random.Random(5)
    for size in (0, 1, 1023, 1024, 12 * 1024, 12 * 1024 + 1, 300 * 1024, 3 << 20):
        (root / "directory" / f"file{size}").write_bytes(generator.randbytes(size))
    with (root / "sparse").open("wb") as file:
        file.seek(2 << 20)
        file.write(b"end")
    os.link(root / "directory" / "file1", root / "another name")
    os.symlink("directory/file1", root / "short link")
    os.symlink("x" * 200, root / "long link")
    (root / "directory" / "inner").chmod(0o700)
    return root


@pytest.fixture(scope="module", params=["1024", "2048", "4096"])
def image(request: pytest.FixtureRequest, tree: Path) -> bytes:
    path = tree.parent / f"image{request.param}"
    make_ext2(path, 16, tree, ("-b", request.param))
    return path.read_bytes()


def test_the_tree_is_what_was_put_in(image: bytes, tree: Path) -> None:
    entries = Image(image).tree()
    seen = {"", "/lost+found"}
    for path in tree.rglob("*"):
        name = "/" + str(path.relative_to(tree))
        seen.add(name)
        info = path.lstat()
        assert entries[name].mode == info.st_mode
        if stat.S_ISLNK(info.st_mode):
            assert entries[name].content == os.readlink(path)
        elif stat.S_ISREG(info.st_mode):
            assert entries[name].content == hashlib.sha256(path.read_bytes()).hexdigest()
            assert entries[name].size == info.st_size
    assert entries.keys() == seen
    first, second = sorted(["/another name", "/directory/file1"])
    assert entries[second].same_as == first and entries[first].links == 2


def test_images_are_reproducible(tree: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_ext2(tmp_path / name, 4)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_differences_name_the_paths() -> None:
    a = {"": 1, "/x": 2, "/y": 3}
    assert differences(a, {"": 1, "/x": 9, "/z": 3}) == ["/x", "/y", "/z"]  # type: ignore[dict-item]


def test_damage_is_refused_with_its_place(image: bytes) -> None:
    for offset, value in ((1024 + 56, b"\0\0"), (1024 + 96, struct.pack("<I", 0x40))):
        broken = bytearray(image)
        broken[offset:offset + len(value)] = value
        with pytest.raises(Ext2Error):
            Image(broken)
    with pytest.raises(Ext2Error):
        Image(b"")


def test_random_damage_never_breaks_the_reader(image: bytes) -> None:
    generator = random.Random(9)
    for _ in range(30):
        broken = bytearray(image)
        for _ in range(200):
            broken[generator.randrange(400 * 1024)] = generator.randrange(256)
        try:
            Image(broken).tree()
        except Ext2Error:
            pass
