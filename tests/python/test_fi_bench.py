# SPDX-License-Identifier: MIT
"""The bench's figures are those of the program's lines and of the counts between its marks."""

from __future__ import annotations

from dataclasses import replace

import fi_guest  # noqa: F401
import pytest

from bench.measure import COUNTS, ROWS, parse, rows
from bench.report import LABELS, load_peers
from faultinject.errors import MachineError
from faultinject.events import Events, Mark, RecoveryCounts
from faultinject.records import Recovery

RECOVERY = Recovery(4, 2, 1, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 900, 1, 1)


def console() -> str:
    text = "noise\n"
    mark = 1
    for name in ("empty", *ROWS):
        text += f"bench {name} instructions=300 minimum=290 maximum=400 iterations=1000"
        if not name.startswith("recovery"):
            text += f" counted=100 marks={mark},{mark + 1}"
            mark += 2
        text += "\n"
    return text + "bench finished failures=0\n"


def events() -> Events:
    marks = [Mark(number, number * 1000, 5 + (205 if number % 2 == 0 else 0), 0, 7 + (203 if number % 2 == 0 else 0))
             for number in range(1, 2 * len(ROWS) - 1)]
    marks[1] = Mark(2, 2000, 10, 0, 10)  # the empty row's end: 5 and 3 are the marks' own
    recoveries = [RECOVERY, replace(RECOVERY, service=5), replace(RECOVERY, flags=1, t_replied=0)]
    return Events([], recoveries, marks, [RecoveryCounts(10, 1, 40), RecoveryCounts(4, 0, 20), RecoveryCounts(99, 9, 9)])


def test_rows_have_the_counts_of_one_operation() -> None:
    found = rows(console(), events(), {"fs": 4, "rng": 5})
    assert list(found) == list(ROWS)
    for name, entry in found.items():
        assert entry["instructions"] == 300 and set(COUNTS) <= entry.keys()
    assert found["call_4w"]["cr3_writes"] == 2 and found["call_4w"]["kernel_entries"] == 2
    assert found["recovery_fs"]["cr3_writes"] == 10 and found["recovery_rng"]["kernel_entries"] == 20


def test_a_failed_row_is_an_error() -> None:
    with pytest.raises(MachineError, match="recovery_fs: too few"):
        parse("bench recovery_fs failed: too few kills fell into a call: x\n")
    with pytest.raises(MachineError, match="no row"):
        rows(console().replace("bench fs_stat ", "bench other "), events(), {"fs": 4, "rng": 5})


def test_peers_are_beside_rows_that_exist() -> None:
    peers, targets = load_peers()
    assert {"NOVA", "seL4", "Fiasco", "xv6", "Linux", "FUSE"} == {peer["name"] for peer in peers}
    assert set(targets) <= set(ROWS) and set(LABELS) == set(ROWS)
    assert all(key in (*ROWS, "name", "about") for peer in peers for key in peer)
