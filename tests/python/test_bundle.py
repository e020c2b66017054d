# SPDX-License-Identifier: MIT
"""Bundles come back as they went in, and damaged ones are refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from bundle import BundleError, pack, unpack  # noqa: E402


def test_entries_come_back_in_order_on_pages_of_their_own() -> None:
    entries = [("session", b"shell\n"), ("empty", b""), ("disk", bytes(range(256)) * 40)]
    data = pack(entries)
    assert unpack(data) == entries
    assert len(data) % 4096 == 0
    assert data[4096:4102] == b"shell\n" and data[8192:8448] == bytes(range(256))


def test_the_magic_reads_as_text() -> None:
    assert pack([])[:8] == b"PDBUNDLE"


@pytest.mark.parametrize("entries", [[("", b"")], [("x" * 48, b"")], [("a", b""), ("a", b"")],
                                     [(str(number), b"") for number in range(64)]])
def test_impossible_entries_are_refused(entries: list[tuple[str, bytes]]) -> None:
    with pytest.raises(BundleError):
        pack(entries)


def test_a_cut_bundle_is_refused() -> None:
    data = pack([("a", b"x" * 5000)])
    with pytest.raises(BundleError):
        unpack(data[:8192])
    with pytest.raises(BundleError):
        unpack(data[:100])
