# SPDX-License-Identifier: MIT
"""What a campaign's database holds: tables, columns, and how a finding becomes rows.

Rule: a row holds nothing that depends on the host's time, load or paths, and every table has a key by which its rows
are ordered: two runs of a campaign give the same rows in the same order. The meaning of each column is here and in
docs/database.md; a test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from faultinject.finding import Finding
from faultinject.plan import Planned
from faultinject.records import Recovery

FORMAT = 3
#: SQLite's application_id of a campaign database ("PERD").
APPLICATION_ID = 0x50455244

#: What is kept of each output; the rest is had by replaying.
TAIL_BYTES = 4096


@dataclass(frozen=True)
class Column:
    """A column; `value` makes it of the row's object."""

    name: str
    type: str
    value: Callable


def _text(data: bytes) -> str:
    return data[-TAIL_BYTES:].decode(errors="replace")


def _tail(index: int) -> Callable[[Finding], str]:
    return lambda finding: _text(finding.experiment.output_tails[index])


#: What is planned: one row for each experiment, numbered by the first draw that led to it.
FAULT: tuple[Column, ...] = (
    Column("number", "INTEGER PRIMARY KEY", lambda p: p.fault.index),
    Column("id", "TEXT NOT NULL UNIQUE", lambda p: p.fault.id),
    Column("weight", "INTEGER NOT NULL", lambda p: p.weight),
    Column("class_size", "INTEGER NOT NULL", lambda p: p.class_size),
    Column("model", "TEXT NOT NULL", lambda p: p.fault.model),
    Column("service", "TEXT NOT NULL", lambda p: p.fault.service),
    Column("instruction", "INTEGER NOT NULL", lambda p: p.fault.instruction),
    Column("time_ns", "INTEGER NOT NULL", lambda p: p.fault.time_ns),
    Column("change", "TEXT NOT NULL", lambda p: p.fault.change.kind),
    Column("operand_a", "TEXT NOT NULL", lambda p: hex(p.fault.change.a)),
    Column("operand_b", "INTEGER NOT NULL", lambda p: p.fault.change.b),
    Column("description", "TEXT NOT NULL", lambda p: p.description),
)

#: What came of it. 64-bit values are texts: SQLite's integers are signed.
RESULT: tuple[Column, ...] = (
    Column("number", "INTEGER PRIMARY KEY REFERENCES fault (number)", lambda f: f.fault.index),
    Column("run", "INTEGER NOT NULL", lambda f: int(f.run)),
    Column("outcome", "TEXT NOT NULL", lambda f: f.judgement.outcome.value),
    Column("reason", "TEXT NOT NULL", lambda f: f.judgement.reason),
    Column("activated", "INTEGER NOT NULL", lambda f: int(f.judgement.activated)),
    Column("manifested", "INTEGER NOT NULL", lambda f: int(f.judgement.manifested)),
    Column("caught", "INTEGER NOT NULL", lambda f: int(f.judgement.caught)),
    Column("activation", "TEXT NOT NULL", lambda f: f.experiment.activation.name.lower()),
    Column("activation_rip", "TEXT NOT NULL", lambda f: hex(f.experiment.activation_rip)),
    Column("watched_instructions", "INTEGER NOT NULL", lambda f: f.experiment.watched_instructions),
    Column("rip", "TEXT NOT NULL", lambda f: hex(f.experiment.rip)),
    Column("function", "TEXT NOT NULL", lambda f: f.function),
    Column("stage", "INTEGER NOT NULL", lambda f: f.experiment.stage),
    Column("served", "TEXT NOT NULL", lambda f: ", ".join(f.served)),
    Column("serving_binding", "INTEGER NOT NULL", lambda f: f.experiment.serving_binding),
    Column("address", "TEXT NOT NULL", lambda f: hex(f.experiment.address)),
    Column("before_value", "TEXT NOT NULL", lambda f: hex(f.experiment.before) if f.run else ""),
    Column("after_value", "TEXT NOT NULL", lambda f: hex(f.experiment.after) if f.run else ""),
    Column("end", "TEXT NOT NULL", lambda f: f.experiment.end.name.lower()),
    Column("code", "INTEGER NOT NULL", lambda f: f.experiment.code),
    Column("detail", "TEXT NOT NULL", lambda f: hex(f.experiment.detail)),
    Column("ended_at_ns", "INTEGER NOT NULL", lambda f: f.experiment.ended_at_ns),
    Column("recoveries", "INTEGER NOT NULL", lambda f: f.experiment.recovery_count),
    Column("disk_hash", "TEXT NOT NULL", lambda f: f.experiment.disk_hash),
    Column("log_tail", "TEXT NOT NULL", _tail(0)),
    Column("console_tail", "TEXT NOT NULL", _tail(1)),
    Column("error_tail", "TEXT NOT NULL", _tail(2)),
    Column("activated_at_ns", "INTEGER NOT NULL", lambda f: f.experiment.activated_at_ns),
    Column("detected_at_ns", "INTEGER NOT NULL", lambda f: f.experiment.detected_at_ns),
    Column("detection_latency_ns", "INTEGER", lambda f: f.experiment.detection_latency_ns),
    Column("calls_undetected", "INTEGER NOT NULL", lambda f: f.experiment.calls_undetected),
    Column("affected_others", "INTEGER NOT NULL", lambda f: len(f.affected)),
    Column("affected", "TEXT NOT NULL", lambda f: json.dumps(f.affected)),
    Column("second_at_ns", "INTEGER NOT NULL", lambda f: f.experiment.second_at_ns),
    Column("second_rip", "TEXT NOT NULL", lambda f: hex(f.experiment.second_rip)),
    Column("second_points", "INTEGER NOT NULL", lambda f: f.experiment.second_points),
)

_OTHERS = """
CREATE TABLE campaign (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE part (
    part INTEGER PRIMARY KEY, seed INTEGER NOT NULL, services TEXT NOT NULL, models TEXT NOT NULL,
    pruning TEXT NOT NULL, draws INTEGER NOT NULL, goal INTEGER NOT NULL, shards TEXT NOT NULL, finished INTEGER NOT NULL);
CREATE TABLE stratum (
    service TEXT NOT NULL, model TEXT NOT NULL, instructions INTEGER NOT NULL, choices INTEGER NOT NULL,
    PRIMARY KEY (service, model)) WITHOUT ROWID;
CREATE TABLE recovery (
    experiment INTEGER NOT NULL REFERENCES fault (number), position INTEGER NOT NULL, service INTEGER NOT NULL,
    incarnation INTEGER NOT NULL, cause INTEGER NOT NULL, flags INTEGER NOT NULL, fault_rip TEXT NOT NULL,
    fault_address TEXT NOT NULL, t_fault INTEGER NOT NULL, t_parked INTEGER NOT NULL, t_decided INTEGER NOT NULL,
    t_restored INTEGER NOT NULL, t_started INTEGER NOT NULL, t_ready INTEGER NOT NULL, t_rerun INTEGER NOT NULL,
    t_replied INTEGER NOT NULL, binding INTEGER NOT NULL, operation INTEGER NOT NULL, latency_ns INTEGER,
    PRIMARY KEY (experiment, position)) WITHOUT ROWID;
CREATE TABLE image (
    disk_hash TEXT PRIMARY KEY, differing TEXT NOT NULL, checker_exit INTEGER NOT NULL, note TEXT NOT NULL) WITHOUT ROWID;
"""


def _columns(columns: tuple[Column, ...]) -> str:
    return ", ".join(f"{column.name} {column.type}" for column in columns)


def creation() -> str:
    """The SQL that makes an empty database."""
    shown = ", ".join([*(f"fault.{column.name}" for column in FAULT),
                       *(f"result.{column.name}" for column in RESULT if column.name != "number")])
    return f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
CREATE TABLE fault ({_columns(FAULT)});
CREATE TABLE result ({_columns(RESULT)});
{_OTHERS}
CREATE INDEX result_by_outcome ON result (outcome);
CREATE VIEW experiment AS SELECT {shown} FROM fault JOIN result USING (number);
"""


#: Tables whose rows make up a campaign's result.
TABLES = ("campaign", "part", "stratum", "fault", "result", "recovery", "image")
#: The order in which the rows of each are compared and written out.
CANONICAL = {"campaign": "key", "part": "part", "stratum": "service, model", "fault": "number", "result": "number",
             "recovery": "experiment, position", "image": "disk_hash", "experiment": "number"}


def insertion(table: str, columns: int) -> str:
    """An INSERT of whole rows."""
    return f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"


@dataclass(frozen=True)
class Record:
    """A finding as rows: plain values, which travel between processes."""

    number: int
    outcome: str
    result: tuple
    recoveries: tuple[tuple, ...]


def fault_row(planned: Planned) -> tuple:
    """The row of `fault`."""
    return tuple(column.value(planned) for column in FAULT)


def record(finding: Finding) -> Record:
    """The rows of `result` and `recovery`."""
    return Record(finding.fault.index, finding.judgement.outcome.value,
                  tuple(column.value(finding) for column in RESULT),
                  tuple(_recovery_row(finding.fault.index, position, recovery)
                        for position, recovery in enumerate(finding.experiment.recoveries)))


def _recovery_row(number: int, position: int, recovery: Recovery) -> tuple:
    fields = asdict(recovery)
    fields["fault_rip"], fields["fault_address"] = hex(recovery.fault_rip), hex(recovery.fault_address)
    return (number, position, *fields.values(), recovery.latency_ns)
