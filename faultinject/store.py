# SPDX-License-Identifier: MIT
"""The database of a campaign: the plan, every experiment's result, every recovery, every disk image that was judged.

Rule: the database alone says how far a campaign is. A batch of draws is planned in one transaction, results are added
in transactions of their own, and what is planned and has no result is what is left to do; so a campaign may be ended at
any time, by any means, and goes on from there. Reading functions are for whoever shows results; they hold no more than
one row at a time unless they say so. The schema is in schema.py and docs/database.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faultinject import schema
from faultinject.errors import InjectorError, SetupError, UsageError
from faultinject.models import Change
from faultinject.oracle import DiskVerdict
from faultinject.plan import Fault, Planned, Shard, Stratum

#: Of an image's differing paths, so many are kept.
PATHS_KEPT = 100


class StoreError(InjectorError):
    """The database cannot be written or read."""


@dataclass(frozen=True)
class Part:
    """One sequence of draws. A campaign has one; campaigns that were merged have several."""

    seed: int
    services: tuple[str, ...]
    models: tuple[str, ...]
    pruning: str
    #: Draws that are planned: numbers 0 to draws - 1, those of the shards that are here.
    draws: int = 0
    #: Up to which draw the campaign goes on before it decides anew.
    goal: int = 0
    #: Empty: all of them.
    shards: tuple[Shard, ...] = ()
    finished: bool = False

    @property
    def identity(self) -> tuple:
        """Parts with the same identity draw the same faults."""
        return self.seed, self.services, self.models, self.pruning

    def row(self, number: int) -> tuple:
        """As it is stored."""
        return (number, self.seed, json.dumps(self.services), json.dumps(self.models), self.pruning, self.draws,
                self.goal, json.dumps([[shard.index, shard.of] for shard in self.shards]), int(self.finished))

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Part:
        """From `part`."""
        return cls(row["seed"], tuple(json.loads(row["services"])), tuple(json.loads(row["models"])), row["pruning"],
                   row["draws"], row["goal"], tuple(Shard(*pair) for pair in json.loads(row["shards"])), bool(row["finished"]))


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    """SQLite's complaints with their mend."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        mend = "make room there; then the same command goes on" if "full" in text else \
            "another process has it open: wait until that has ended" if "locked" in text else \
            "see to it that the file and its directory can be written" if "readonly" in text or "open" in text else \
            "see whether the disk is full or failing; then the same command goes on"
        raise StoreError(f"the database {path}: {text}", mend) from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"the database {path}: {error}", "give a campaign.sqlite, whole and unchanged") from error


class Store:
    """An open database. Not for several threads at once."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._connection.row_factory = sqlite3.Row
        self._connection.isolation_level = None
        self._path = path

    # Opening

    @classmethod
    def create(cls, path: Path, facts: dict[str, Any], parts: Sequence[Part], strata: Iterable[Stratum] = ()) -> Store:
        """A new one; there must be nothing at `path`, nor is there before it is whole."""
        unfinished = path.with_name(f"{path.name}.new")
        unfinished.unlink(missing_ok=True)
        with _explained(str(path)):
            store = cls(sqlite3.connect(unfinished), str(path))
            store._connection.executescript(schema.creation())
            with store.transaction():
                store._write_facts(facts)
                store._many("part", [part.row(number) for number, part in enumerate(parts)])
                store._many("stratum", [(stratum.service, stratum.model.name, len(stratum.points), stratum.choices)
                                        for stratum in strata])
            store.close()
            os.replace(unfinished, path)
        return cls.open(path, write=True)

    @classmethod
    def open(cls, path: Path, write: bool = False) -> Store:
        """An existing one, for reading unless `write`. Refuses what is no campaign database of this version."""
        if not path.is_file():
            raise UsageError(f"there is no campaign database {path}", "give the path of a campaign.sqlite")
        mode = "rw" if write else "ro"
        with _explained(str(path)):
            store = cls(sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True), str(path))
            marked = store._connection.execute("PRAGMA application_id").fetchone()[0]
            version = store._connection.execute("PRAGMA user_version").fetchone()[0]
            tables = {row["name"] for row in store._connection.execute("SELECT name FROM sqlite_master")}
            if marked != schema.APPLICATION_ID and "experiment" not in tables:
                raise UsageError(f"{path} is an SQLite database, but not of a campaign", "give a campaign.sqlite")
            if version != schema.FORMAT:
                raise SetupError(f"{path} is of format {version or 1}, this tool reads format {schema.FORMAT}",
                                 "use the version of Perdure that wrote it, or run the campaign again")
            if write:
                store._connection.execute("PRAGMA journal_mode = WAL")
                store._connection.execute("PRAGMA synchronous = NORMAL")
        return store

    def close(self) -> None:
        """Leaves one plain file, unless a reader keeps it from that."""
        with contextlib.suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    # Writing

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within is there afterwards, or nothing of it."""
        with _explained(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _many(self, table: str, rows: Sequence[tuple]) -> None:
        if rows:
            self._connection.executemany(schema.insertion(table, len(rows[0])), rows)

    def _write_facts(self, facts: dict[str, object]) -> None:
        self._many("campaign", [(key, json.dumps(value, sort_keys=True)) for key, value in facts.items()])

    def plan(self, planned: Iterable[Planned], draws: int, known: Iterable[schema.Record] = ()) -> None:
        """Adds planned experiments, among them some whose result is `known` without a run, and says how many draws of
        the (only) part are planned now. A fault that is there already gains weight."""
        columns = len(schema.FAULT)
        with self.transaction():
            self._connection.executemany(
                schema.insertion("fault", columns) + " ON CONFLICT (id) DO UPDATE SET weight = weight + excluded.weight",
                (schema.fault_row(one) for one in planned))
            self._many("result", [one.result for one in known if self._is_planned(one.number)])
            self._connection.execute("UPDATE part SET draws = ?, finished = 0", (draws,))

    def _is_planned(self, number: int) -> bool:
        """Not so when the fault was there already, under an earlier number."""
        return bool(self.rows("SELECT 1 FROM fault WHERE number = ?", (number,)))

    def add(self, records: Sequence[schema.Record]) -> None:
        """Results, in one transaction."""
        with self.transaction():
            self._many("result", [one.result for one in records])
            self._many("recovery", [row for one in records for row in one.recoveries])

    def add_images(self, verdicts: dict[str, DiskVerdict]) -> None:
        """What disks were like; those that are known already are passed over."""
        with self.transaction():
            self._connection.executemany(
                "INSERT OR IGNORE INTO image VALUES (?, ?, ?, ?)",
                [(name, json.dumps(list(verdict.differing[:PATHS_KEPT])), verdict.checker_exit, verdict.note)
                 for name, verdict in verdicts.items()])

    def insert(self, table: str, row: tuple, known_is_fine: bool = False) -> None:
        """One row, within a transaction(); one whose key is there already is passed over if that is fine."""
        insertion = schema.insertion(table, len(row))
        if known_is_fine:
            insertion = insertion.replace("INSERT", "INSERT OR IGNORE", 1)
        self._connection.execute(insertion, row)

    def add_weight(self, number: int, weight: int) -> None:
        """An experiment stands for so many draws more; within a transaction()."""
        self._connection.execute("UPDATE fault SET weight = weight + ? WHERE number = ?", (weight, number))

    def set_goal(self, goal: int) -> None:
        """The campaign goes on up to draw `goal`."""
        with self.transaction():
            self._connection.execute("UPDATE part SET goal = ?, finished = 0", (goal,))

    def finish(self) -> None:
        """Everything that was asked for is there."""
        with self.transaction():
            self._connection.execute("UPDATE part SET finished = 1")

    # Reading: the campaign

    def rows(self, query: str, arguments: Iterable[object] = ()) -> list[sqlite3.Row]:
        """Any query, all rows at once: for small results."""
        return list(self.each(query, arguments))

    def each(self, query: str, arguments: Iterable[object] = ()) -> Iterator[sqlite3.Row]:
        """Any query, row by row."""
        with _explained(self._path):
            yield from self._connection.execute(query, tuple(arguments))

    def facts(self) -> dict[str, Any]:
        """What system, disk, workload and emulator the campaign was run with; keys in docs/database.md."""
        return {row["key"]: json.loads(row["value"]) for row in
                self.each("SELECT key, value FROM campaign ORDER BY key")}

    def parts(self) -> list[Part]:
        """What was drawn."""
        return [Part.from_row(row) for row in self.each("SELECT * FROM part ORDER BY part")]

    def strata(self) -> list[sqlite3.Row]:
        """service, model, instructions, choices: the spaces that were drawn from; their product is the space's size."""
        return self.rows("SELECT * FROM stratum ORDER BY service, model")

    def pending(self, limit: int) -> list[Fault]:
        """At most `limit` experiments that are planned and have no result, in order of time among the oldest."""
        found = self.rows(
            "SELECT * FROM fault WHERE NOT EXISTS (SELECT 1 FROM result WHERE result.number = fault.number) "
            "ORDER BY number LIMIT ?", (limit,))
        return sorted(map(fault_of, found), key=lambda fault: (fault.time_ns, fault.index))

    def weight_of(self, number: int) -> int:
        """How many draws an experiment stands for."""
        return self.rows("SELECT weight FROM fault WHERE number = ?", (number,))[0]["weight"]

    # Reading: results

    def tally(self) -> list[sqlite3.Row]:
        """service, model, outcome, experiments, run, draws, activated, manifested, caught: one row for each combination that
        occurs. `run` are the experiments that needed a run; the others but `experiments` count
        draws, and so are what estimates are made from."""
        return self.rows("SELECT service, model, outcome, count(*) AS experiments, sum(run) AS run, "
                         "sum(weight) AS draws, "
                         "sum(weight * activated) AS activated, sum(weight * manifested) AS manifested, "
                         "sum(weight * caught) AS caught FROM experiment "
                         "GROUP BY service, model, outcome ORDER BY service, model, outcome")

    def experiments(self, outcomes: Iterable[str] = (), service: str = "", model: str = "",
                    limit: int = -1) -> Iterator[sqlite3.Row]:
        """Rows of the view `experiment` by number, of some outcomes, a service, a model; of all where none is named."""
        wanted = list(outcomes)
        conditions, arguments = [], []
        if wanted:
            conditions.append(f"outcome IN ({', '.join('?' * len(wanted))})")
            arguments += wanted
        for column, value in (("service", service), ("model", model)):
            if value:
                conditions.append(f"{column} = ?")
                arguments.append(value)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return self.each(f"SELECT * FROM experiment{where} ORDER BY number LIMIT ?", [*arguments, limit])

    def recoveries(self, number: int) -> list[sqlite3.Row]:
        """An experiment's recoveries in order."""
        return self.rows("SELECT * FROM recovery WHERE experiment = ? ORDER BY position", (number,))

    def latencies(self, service: str = "", model: str = "") -> Iterator[tuple[int, int]]:
        """(latency in ns, draws) in ascending order: of every recovery whose parked call was answered."""
        conditions = "".join(f" AND fault.{column} = ?" for column, value in (("service", service), ("model", model))
                             if value)
        for row in self.each("SELECT latency_ns, sum(weight) AS draws FROM recovery JOIN fault "
                             f"ON fault.number = recovery.experiment WHERE latency_ns IS NOT NULL{conditions} "
                             "GROUP BY latency_ns ORDER BY latency_ns", [v for v in (service, model) if v]):
            yield row["latency_ns"], row["draws"]

    def distribution(self, column: str, service: str, model: str) -> Iterator[tuple[int, int]]:
        """(value, draws) in ascending order: of a column of `result`, over the faults of a stratum that were caught."""
        for row in self.each(f"SELECT {column} AS value, sum(weight) AS draws FROM experiment WHERE caught "
                             f"AND {column} IS NOT NULL AND service = ? AND model = ? GROUP BY value ORDER BY value",
                             (service, model)):
            yield row["value"], row["draws"]

    def image(self, disk_hash: str) -> DiskVerdict | None:
        """What a disk was like; None for the golden run's."""
        for row in self.each("SELECT * FROM image WHERE disk_hash = ?", (disk_hash,)):
            return DiskVerdict(tuple(json.loads(row["differing"])), row["checker_exit"], row["note"])
        return None

    def find(self, which: str) -> sqlite3.Row:
        """An experiment by its id, by the first digits of one, or by its number."""
        found = self.rows("SELECT * FROM experiment WHERE id = ?", (which,))
        if not found and which.isdecimal() and len(which) < 10:
            found = self.rows("SELECT * FROM experiment WHERE number = ?", (int(which),))
        if not found and len(which) >= 4:
            found = self.rows("SELECT * FROM experiment WHERE id >= ? AND id < ? ORDER BY id LIMIT 2",
                              (which, which + "g"))
            if len(found) > 1:
                raise UsageError(f"several experiments have ids that begin with {which}", "give more digits")
        if not found:
            raise UsageError(f"there is no experiment {which} in this database",
                             "an id or a number of the table `experiment`; equal draws have the first one's number")
        return found[0]

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns."""
        return [row["name"] for row in self.rows("SELECT name FROM pragma_table_info(?)", (table,))]

    def canonical_rows(self, table: str) -> Iterator[tuple]:
        """A table's rows in the order that does not depend on how they came to be."""
        for row in self.each(f"SELECT * FROM {table} ORDER BY {schema.CANONICAL[table]}"):
            yield tuple(row)

    def digest(self) -> str:
        """SHA-256 of all rows of all tables: equal digests are equal results."""
        digest = hashlib.sha256()
        for table in schema.TABLES:
            for row in self.canonical_rows(table):
                digest.update(json.dumps([table, *row]).encode() + b"\n")
        return digest.hexdigest()


def fault_of(row: sqlite3.Row) -> Fault:
    """The fault of a row of `fault` or of the view `experiment`."""
    return Fault(row["number"], row["id"], row["model"], row["service"], row["instruction"], row["time_ns"],
                 Change(row["change"], int(row["operand_a"], 16), row["operand_b"]))
