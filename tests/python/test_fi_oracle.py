# SPDX-License-Identifier: MIT
"""Judging a disk: what is said of it depends on its bytes alone."""

from __future__ import annotations

from pathlib import Path

import fi_guest  # noqa: F401

from faultinject.oracle import e2fsck
from faultinject.workload import make_ext2

#: Group descriptors begin in the block after the superblock's; the low half of the count of free blocks is 12 bytes in.
FREE_BLOCKS_PLACE = 2 * 1024 + 12


def test_what_is_said_of_a_damaged_disk_does_not_depend_on_where_it_is(tmp_path: Path) -> None:
    said = []
    for directory in (tmp_path / "one", tmp_path / "another"):
        directory.mkdir()
        image = directory / "image"
        make_ext2(image, 2, None, ("-b", "1024"))
        assert e2fsck(image) == (0, "")
        data = bytearray(image.read_bytes())
        data[FREE_BLOCKS_PLACE] ^= 1
        image.write_bytes(data)
        said.append(e2fsck(image))
    assert said[0][0] == 4 and "Free blocks count wrong" in said[0][1]
    assert said[0] == said[1]
