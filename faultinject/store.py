# SPDX-License-Identifier: MIT
"""The database of a campaign: every experiment, every recovery, every disk image that was judged.

Rows hold nothing that depends on the host's time or load: the same campaign gives the same rows.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from faultinject.classify import Judgement
from faultinject.errors import SetupError, UsageError
from faultinject.oracle import DiskVerdict
from faultinject.plan import Fault
from faultinject.records import Experiment

FORMAT = 1
_SCHEMA = """
CREATE TABLE campaign (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE experiment (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, model TEXT NOT NULL, service TEXT NOT NULL,
    instruction INTEGER NOT NULL, time_ns INTEGER NOT NULL, change TEXT NOT NULL, operand_a TEXT NOT NULL,
    operand_b INTEGER NOT NULL, description TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
    activated INTEGER NOT NULL, manifested INTEGER NOT NULL, caught INTEGER NOT NULL, activation TEXT NOT NULL,
    activation_rip TEXT NOT NULL, watched_instructions INTEGER NOT NULL, rip TEXT NOT NULL, function TEXT NOT NULL,
    stage INTEGER NOT NULL, served TEXT NOT NULL, serving_binding INTEGER NOT NULL, address TEXT NOT NULL,
    before_value TEXT NOT NULL, after_value TEXT NOT NULL, end TEXT NOT NULL, code INTEGER NOT NULL,
    detail TEXT NOT NULL, ended_at_ns INTEGER NOT NULL, recoveries INTEGER NOT NULL, disk_hash TEXT NOT NULL,
    log_tail TEXT NOT NULL, console_tail TEXT NOT NULL, error_tail TEXT NOT NULL);
CREATE INDEX experiment_by_id ON experiment (id);
CREATE INDEX experiment_by_outcome ON experiment (outcome);
CREATE TABLE recovery (
    experiment INTEGER NOT NULL REFERENCES experiment (number), position INTEGER NOT NULL, service INTEGER NOT NULL,
    incarnation INTEGER NOT NULL, cause INTEGER NOT NULL, flags INTEGER NOT NULL, fault_rip TEXT NOT NULL,
    fault_address TEXT NOT NULL, t_fault INTEGER NOT NULL, t_parked INTEGER NOT NULL, t_decided INTEGER NOT NULL,
    t_restored INTEGER NOT NULL, t_started INTEGER NOT NULL, t_ready INTEGER NOT NULL, t_rerun INTEGER NOT NULL,
    t_replied INTEGER NOT NULL, binding INTEGER NOT NULL, operation INTEGER NOT NULL, latency_ns INTEGER,
    PRIMARY KEY (experiment, position));
CREATE TABLE image (disk_hash TEXT PRIMARY KEY, differing TEXT NOT NULL, checker_exit INTEGER NOT NULL,
    note TEXT NOT NULL);
"""

#: What is kept of a log; the rest is had by replaying.
TAIL_BYTES = 4096


def _text(data: bytes) -> str:
    return data[-TAIL_BYTES:].decode(errors="replace")


class Store:
    """An open database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._connection.row_factory = sqlite3.Row

    @classmethod
    def create(cls, path: Path, facts: dict[str, object]) -> Store:
        """A new one in place of whatever was there."""
        path.unlink(missing_ok=True)
        connection = sqlite3.connect(path)
        connection.executescript(_SCHEMA)
        facts = {"format": FORMAT, **facts}
        connection.executemany("INSERT INTO campaign VALUES (?, ?)",
                               [(key, json.dumps(value, sort_keys=True)) for key, value in facts.items()])
        connection.commit()
        return cls(connection)

    @classmethod
    def create_in_memory(cls) -> Store:
        """A new one that leaves no file."""
        connection = sqlite3.connect(":memory:")
        connection.executescript(_SCHEMA)
        return cls(connection)

    @classmethod
    def open(cls, path: Path) -> Store:
        """An existing one, for reading."""
        if not path.is_file():
            raise UsageError(f"there is no campaign database {path}", "give the path of a campaign.sqlite")
        store = cls(sqlite3.connect(f"file:{path}?mode=ro", uri=True))
        try:
            version = store.facts().get("format")
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{path} is no campaign database ({error})", "give a campaign.sqlite") from error
        if version != FORMAT:
            raise SetupError(f"{path} is of format {version}", "run the campaign again")
        return store

    def close(self) -> None:
        """Writes all out."""
        self._connection.commit()
        self._connection.close()

    def facts(self) -> dict[str, object]:
        """What the campaign was."""
        return {row["key"]: json.loads(row["value"]) for row in
                self._connection.execute("SELECT key, value FROM campaign ORDER BY key")}

    def add(self, fault: Fault, description: str, experiment: Experiment, judgement: Judgement, function: str,
            served: str) -> None:
        """One experiment with its recoveries."""
        row = (fault.index, fault.id, fault.model, fault.service, fault.instruction, fault.time_ns,
               fault.change.kind, hex(fault.change.a), fault.change.b, description, judgement.outcome.value,
               judgement.reason, int(judgement.activated), int(judgement.manifested), int(judgement.caught),
               experiment.activation.name.lower(), hex(experiment.activation_rip), experiment.watched_instructions,
               hex(experiment.rip), function, experiment.stage, served, experiment.serving_binding,
               hex(experiment.address), hex(experiment.before), hex(experiment.after), experiment.end.name.lower(),
               experiment.code, hex(experiment.detail), experiment.ended_at_ns, experiment.recovery_count,
               experiment.disk_hash, *(_text(tail) for tail in experiment.output_tails))
        self._connection.execute(f"INSERT INTO experiment VALUES ({', '.join('?' * len(row))})", row)
        for position, recovery in enumerate(experiment.recoveries):
            fields = asdict(recovery)
            fields["fault_rip"], fields["fault_address"] = hex(recovery.fault_rip), hex(recovery.fault_address)
            values = (fault.index, position, *fields.values(), recovery.latency_ns)
            self._connection.execute(f"INSERT INTO recovery VALUES ({', '.join('?' * len(values))})", values)

    def add_images(self, verdicts: dict[str, DiskVerdict]) -> None:
        """What the disks were like."""
        self._connection.executemany(
            "INSERT INTO image VALUES (?, ?, ?, ?)",
            [(name, json.dumps(list(verdict.differing[:100])), verdict.checker_exit, verdict.note)
             for name, verdict in sorted(verdicts.items())])

    def rows(self, query: str, arguments: Iterable[object] = ()) -> list[sqlite3.Row]:
        """Any query."""
        return self._connection.execute(query, tuple(arguments)).fetchall()

    def find(self, which: str) -> sqlite3.Row:
        """An experiment by its id, by the first digits of one, or by its number."""
        found = self.rows("SELECT * FROM experiment WHERE id = ? ORDER BY number LIMIT 1", (which,))
        if not found and which.isdecimal() and len(which) < 10:
            found = self.rows("SELECT * FROM experiment WHERE number = ?", (int(which),))
        if not found and len(which) >= 4:
            found = self.rows("SELECT * FROM experiment WHERE substr(id, 1, ?) = ? ORDER BY number",
                              (len(which), which))
            if len({row["id"] for row in found}) > 1:
                raise UsageError(f"several experiments have ids that begin with {which}", "give more digits")
        if not found:
            raise UsageError(f"there is no experiment {which} in this database",
                             "an id or a number of the table `experiment`")
        return found[0]
