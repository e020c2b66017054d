# SPDX-License-Identifier: MIT
"""SQLite, unchanged: the host's own SQLite says what is due, and judges the databases."""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import EVERY_SERVICE, check_disk, make_disk, read_from, run

either = pytest.mark.parametrize("crash", [None, EVERY_SERVICE], ids=["plain", "crashes"])
Foreign = Callable[[str], Path]

WORKLOAD = b"""
create table word(id integer primary key, text text, weight real);
create index by_text on word(text);
with recursive n(x) as (values(1) union all select x + 1 from n where x < 3000)
    insert into word select x, 'n' || (x * 7919 % 3001), x * 0.5 from n;
select count(*), sum(weight), min(text), max(text) from word;
begin; update word set weight = weight + 1 where id % 3 = 0; commit;
begin; delete from word where id % 2 = 0; rollback;
delete from word where id % 5 = 0;
create virtual table book using fts4(body);
insert into book select group_concat(text, ' ') from word group by id % 50;
select count(*) from book where body match 'n1234 or n77';
create virtual table place using rtree(id, x0, x1);
insert into place select id, weight, weight + 3 from word;
select count(*) from place where x0 < 500 and x1 > 300;
vacuum;
select strftime('%Y-%m-%d', 1e9, 'unixepoch'), printf('%.3f', sqrt(2)), hex(zeroblob(3));
pragma integrity_check;
select count(*), sum(weight), group_concat(distinct id % 7) from word;
"""

ROUNDS = 120
ROUND_ROWS = 8
CUTS = 3

#: Of `speedtest1 --verify` with the options of the test; the same program says so on the host.
SPEEDTEST_HASH = "111130 1e792c9db61996c477b8ab5ce2d690052e8dae74824a430a"


def host_sqlite(database: Path | str, statements: bytes) -> str:
    """What the host's SQLite answers."""
    return subprocess.run(["sqlite3", str(database)], input=statements, check=True, capture_output=True,
                          timeout=120).stdout.decode()


def fetch_database(disk: Path, name: str, directory: Path) -> Path:
    """A database of the image as a host's file, with its journal if there is one."""
    database = directory / name
    for suffix in ("", "-journal"):
        content = read_from(disk, f"/{name}{suffix}", directory)
        target = directory / (name + suffix)
        target.unlink(missing_ok=True)
        if content:
            target.write_bytes(content)
    return database


@either
def test_shell_answers_as_the_host_s_does(foreign: Foreign, tmp_path: Path, crash: str | None) -> None:
    disk = make_disk(tmp_path / "disk.img", 16)
    outcome = run(foreign("sqlite") / "sqlite3", "/words.db", disk=disk, crash=crash, stdin=WORKLOAD)
    assert outcome.status == 0, outcome
    assert outcome.output == host_sqlite(":memory:", WORKLOAD)
    check_disk(disk)
    database = fetch_database(disk, "words.db", tmp_path)
    assert host_sqlite(database, b"pragma integrity_check;") == "ok\n"


@either
def test_speedtest_ends_with_its_hash(foreign: Foreign, tmp_path: Path, crash: str | None) -> None:
    disk = make_disk(tmp_path / "disk.img", 16)
    outcome = run(foreign("sqlite") / "speedtest1", "--size", "1", "--verify", "/speed.db", disk=disk, crash=crash)
    assert outcome.status == 0, outcome
    assert re.findall(r"Verification Hash: (.*)", outcome.output) == [SPEEDTEST_HASH], outcome
    check_disk(disk)
    assert host_sqlite(fetch_database(disk, "speed.db", tmp_path), b"pragma integrity_check;") == "ok\n"


def transactions() -> bytes:
    """Transactions that each add rows and count them, and say so once they are committed. With `synchronous=extra` SQLite
    promises that such a transaction outlives a loss of power."""
    lines = ["pragma synchronous=extra; create table row(round integer, text text); "
             "create table total(round integer, rows integer); insert into total values(0, 0);"]
    for number in range(1, ROUNDS + 1):
        values = ", ".join(f"({number}, hex(randomblob({40 + 30 * place})))" for place in range(ROUND_ROWS))
        lines.append(f"begin; insert into row values {values}; update total set round = {number}, rows = rows + {ROUND_ROWS};"
                     f" commit; select 'committed', {number};")
    return "\n".join(lines).encode()


@pytest.fixture(name="last_ns", scope="module")
def _last_ns(foreign: Foreign, tmp_path_factory: pytest.TempPathFactory) -> int:
    """When the transactions end if nothing disturbs them."""
    directory = tmp_path_factory.mktemp("undisturbed")
    outcome = run(foreign("sqlite") / "sqlite3", "/rounds.db", disk=make_disk(directory / "disk.img", 16),
                  stdin=transactions(), report=directory / "report")
    assert outcome.output.splitlines()[-1] == f"committed|{ROUNDS}"
    return int(json.loads((directory / "report").read_text())["virtual_ns"])


@pytest.mark.parametrize("number", range(CUTS))
@either
def test_committed_transactions_outlive_a_power_cut(foreign: Foreign, tmp_path: Path, last_ns: int, crash: str | None,
                                                    number: int) -> None:
    """The power is cut at a random instruction; the next start of the machine mends the disk, the host's SQLite the database."""
    disk = make_disk(tmp_path / "disk.img", 16)
    at = random.Random(f"{number} {crash is None}").randrange(last_ns // 3, last_ns)
    cut = run(foreign("sqlite") / "sqlite3", "/rounds.db", disk=disk, crash=crash, stdin=transactions(), cut=at)
    assert cut.status == 122, cut
    committed = cut.output.count("\n")
    assert run("hello", disk=disk).status == 0
    check_disk(disk)
    database = fetch_database(disk, "rounds.db", tmp_path)
    checked, rounds, rows, found = host_sqlite(
        database, b"pragma integrity_check; select round, rows from total; select count(*) from row;"
    ).replace("|", "\n").split()
    assert checked == "ok"
    assert committed <= int(rounds) <= committed + 1, f"{committed} were acknowledged before instruction {at}"
    assert int(rows) == int(found) == int(rounds) * ROUND_ROWS
