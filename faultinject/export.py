# SPDX-License-Identifier: MIT
"""A table of a campaign's database as comma-separated values, rows in canonical order."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TextIO

from faultinject.errors import UsageError
from faultinject.store import Store

TABLES = ("experiment", "recovery", "image", "stratum")


def write_csv(database: Path, table: str, output: TextIO) -> int:
    """Writes a heading and all rows (RFC 4180, but lines end by a newline alone); returns how many rows there were."""
    if table not in TABLES:
        raise UsageError(f"there is no table {table} to export", "one of " + ", ".join(TABLES))
    writer = csv.writer(output, lineterminator="\n")
    count = 0
    with Store.open(database) as store:
        writer.writerow(store.columns(table))
        for row in store.canonical_rows(table):
            writer.writerow(row)
            count += 1
    return count
