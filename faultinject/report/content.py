# SPDX-License-Identifier: MIT
"""All that a report shows of one campaign, read from its database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Row
from typing import Any

from faultinject import summary
from faultinject.classify import Outcome
from faultinject.every import exhaustive_flags
from faultinject.models import GROUPS
from faultinject.report import codemap, latency
from faultinject.store import Part, Store
from faultinject.symbols import Symbolizer

#: Which experiments are listed one by one.
LISTED = (*codemap.FAILURES, Outcome.LATENT)
#: Of logs, so many characters are embedded in all, and so many of each; the rest is had by replaying.
LOGS_MOST, LOG_MOST = 3_000_000, 1_500


@dataclass(frozen=True)
class Failure:
    """An experiment that is listed."""

    row: Row
    place: str
    log: str


@dataclass
class Run:
    """What was run, and its figures."""

    database: Path
    summary: dict[str, Any]
    facts: dict[str, Any]
    parts: list[Part]


@dataclass
class Content(Run):
    """What is shown."""

    services: list[str]
    models: list[str]
    recoveries: dict[str, latency.Distribution]
    detections: dict[str, latency.Distribution]
    exemplars: dict[str, list[latency.Exemplar]]
    functions: list[codemap.Struck]
    failures: list[Failure]

    @property
    def failed(self) -> int:
        """Draws in which a user could see something."""
        return codemap.failures(self.summary["outcomes"])


def read_run(store: Store, database: Path) -> Run:
    """The figures alone."""
    return Run(database, summary.summarise(store), store.facts(), store.parts())


def read(store: Store, database: Path) -> Content:
    """Aggregates a database; its directory holds the system that was run."""
    run = read_run(store, database)
    services, models = list(run.summary["by_service"]), list(run.summary["by_model"])
    recoveries = {service: latency.recoveries(store, service) for service in services}
    symbols = codemap.symbols(database.parent / "system")
    return Content(run.database, run.summary, run.facts, run.parts, services, models, recoveries,
                   {service: latency.detections(store, service) for service in services},
                   {service: list(latency.exemplars(store, service, recoveries[service])) for service in services},
                   codemap.of_store(store, symbols, database.parent / "system"), list(_failures(store, symbols)))


def _failures(store: Store, symbols: Symbolizer | None) -> Iterator[Failure]:
    left = LOGS_MOST
    for row in store.experiments([outcome.value for outcome in LISTED]):
        log = _log(row)
        log = log if len(log) <= left else ""
        left -= len(log)
        rip = int(row["rip"], 16)
        place = symbols.place(rip) if symbols else None
        yield Failure(row, f"{place.file}:{place.line}" if place and place.line else "", log)


def _log(row: Row) -> str:
    """The end of what the machine and its programs wrote."""
    parts = [f"{name}:\n{text.strip()}" for name, text in (("log", row["log_tail"]), ("stdout", row["console_tail"]),
                                                         ("stderr", row["error_tail"])) if text.strip()]
    text = "\n".join(part[:40] + "…" + part[-LOG_MOST // 2:] if len(part) > LOG_MOST // 2 else part for part in parts)
    return text[-LOG_MOST:]


def _model_words(names: Sequence[str]) -> str:
    """As they are asked for: a group's name where they are all of it."""
    return next((group for group, members in GROUPS.items() if list(members) == list(names)), ",".join(names))


def command(part: Part, facts: dict[str, Any]) -> str:
    """The command that draws a part again."""
    words = ["./perdure campaign", "--service", ",".join(part.services), "--model", _model_words(part.models)]
    words += exhaustive_flags(part.pruning) or ["--n", str(part.draws)]
    words += ["--seed", str(part.seed)]
    append = str(facts.get("append", ""))
    if append.startswith("recovery="):
        words += ["--recovery", append.partition("=")[2]]
    if facts.get("memory_mib") != 64:
        words += ["--mem", str(facts.get("memory_mib"))]
    if part.pruning == "none":
        words.append("--no-prune")
    words += [f"--shard {shard.index}/{shard.of}" for shard in part.shards]
    return " ".join(words)
