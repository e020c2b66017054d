# SPDX-License-Identifier: MIT
"""Joining databases: the shards of a campaign, or campaigns of other seeds, services or models on the same system.

Rule: what is merged is what one campaign with all those draws would have been. Shards of one campaign give its rows and
its summary byte for byte; a fault that several drew is one experiment with the sum of the weights, and its results must
be equal, for the same fault gives the same run.
"""

from __future__ import annotations

import contextlib
import heapq
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from sqlite3 import Row
from typing import Any

from faultinject import summary
from faultinject.campaign import DATABASE, SUMMARY, differences
from faultinject.errors import EngineError, UsageError
from faultinject.store import Part, Store

#: Facts that have an entry for each service that was sampled.
_BY_SERVICE = ("clients",)


@dataclass
class Source:
    """A database that is merged."""

    path: Path
    store: Store
    facts: dict[str, Any]
    parts: list[Part]


def _numbered(parts: Sequence[Part]) -> dict[tuple, int]:
    """Where the numbers of each part begin."""
    bases, total = {}, 0
    for part in parts:
        bases[part.identity] = total
        total += part.draws
    return bases


def _check(sources: Sequence[Source]) -> None:
    """Refuses what does not belong together."""
    first = sources[0]
    for source in sources:
        if not all(part.finished for part in source.parts):
            raise UsageError(f"{source.path} is not complete", "give its command again: it goes on where it was")
        found = differences(first.facts, source.facts)
        found += [f"another {name}" for name in ("services", "engine") if source.facts[name] != first.facts[name]]
        if not found and _common_golden(source.facts) != _common_golden(first.facts):
            found.append("another golden run")
        if found:
            raise UsageError(f"{source.path} and {first.path} cannot be merged: {'; '.join(found)}",
                             "merge campaigns of one build, disk, workload and QEMU; compare the others by their figures")


def _common_golden(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts["golden"].items() if key != "service_instructions"}


def _merged_parts(sources: Sequence[Source]) -> list[Part]:
    """The parts of all, shards of one joined."""
    groups: dict[tuple, list[tuple[Source, Part]]] = {}
    for source in sources:
        for part in source.parts:
            groups.setdefault(part.identity, []).append((source, part))
    return [_join(groups[identity]) for identity in sorted(groups)]


def _join(group: Sequence[tuple[Source, Part]]) -> Part:
    """The shards of one sequence of draws."""
    (first, part), *others = group
    shards = list(part.shards)
    for source, other in others:
        if other.draws != part.draws:
            raise UsageError(f"{first.path} is of {part.draws} draws, {source.path} of {other.draws}",
                             "give the smaller one's command again with the larger --n")
        counts = {shard.of for shard in (*shards, *other.shards)}
        if not shards or not other.shards or len(counts) > 1 or set(shards) & set(other.shards):
            raise UsageError(f"{first.path} and {source.path} hold the same draws",
                             "merge each shard once, all of the same --shard I/N; other draws need another --seed")
        shards += other.shards
    complete = bool(shards) and len(shards) == shards[0].of
    return replace(part, shards=() if complete else tuple(sorted(shards, key=lambda shard: shard.index)))


def _merged_facts(sources: Sequence[Source]) -> dict[str, Any]:
    facts = dict(sources[0].facts)
    facts["golden"] = dict(facts["golden"])
    for key in _BY_SERVICE:
        facts[key] = {service: entry for source in sources for service, entry in source.facts[key].items()}
    facts["golden"]["service_instructions"] = {service: count for source in sources for service, count
                                               in source.facts["golden"]["service_instructions"].items()}
    return facts


def _renumbered(source: Source, bases: dict[tuple, int]) -> Iterator[tuple[int, Source, Row]]:
    """(number in the merged database, source, row of `fault`), ascending within each part."""
    own = _numbered(source.parts)
    for part in sorted(source.parts, key=lambda part: bases[part.identity]):
        first = own[part.identity]
        for row in source.store.each("SELECT * FROM fault WHERE number >= ? AND number < ? ORDER BY number",
                                     (first, first + part.draws)):
            yield row["number"] - first + bases[part.identity], source, row


class _Merging:
    """Rows on their way into the merged database, lowest number first."""

    def __init__(self, target: Store) -> None:
        self._target = target

    def take(self, number: int, source: Source, fault: Row) -> None:
        """One experiment."""
        result = source.store.rows("SELECT * FROM result WHERE number = ?", (fault["number"],))[0]
        recoveries = source.store.recoveries(fault["number"])
        known = self._target.rows("SELECT number FROM fault WHERE id = ?", (fault["id"],))
        if known:
            self._check_equal(known[0]["number"], source, result, recoveries)
            self._target.add_weight(known[0]["number"], fault["weight"])
        else:
            self._target.insert("fault", (number, *tuple(fault)[1:]))
            self._target.insert("result", (number, *tuple(result)[1:]))
            for row in recoveries:
                self._target.insert("recovery", (number, *tuple(row)[1:]))

    def _check_equal(self, known: int, source: Source, result: Row, recoveries: Sequence[Row]) -> None:
        before = self._target.rows("SELECT * FROM result WHERE number = ?", (known,))[0]
        if tuple(before)[1:] != tuple(result)[1:] or \
                [tuple(row)[1:] for row in self._target.recoveries(known)] != [tuple(row)[1:] for row in recoveries]:
            raise EngineError(f"experiment {result['number']} of {source.path} has another result than the same fault "
                              f"in another of the databases",
                              "runs are not repeatable there: replay it in both, and say which QEMU was used")


def merge(paths: Sequence[Path], directory: Path) -> dict[str, object]:
    """Writes `directory`/campaign.sqlite and summary.json of all databases; returns the summary."""
    if len(paths) < 2:
        raise UsageError("there is nothing to merge", "give two databases or more")
    database = directory / DATABASE
    if database.exists():
        raise UsageError(f"{database} is there already", "give another --out")
    with contextlib.ExitStack() as stack:
        sources = []
        for path in paths:
            store = stack.enter_context(Store.open(path))
            sources.append(Source(path, store, store.facts(), store.parts()))
        _check(sources)
        parts = _merged_parts(sources)
        directory.mkdir(parents=True, exist_ok=True)
        unfinished = directory / f"{DATABASE}.new"
        unfinished.unlink(missing_ok=True)
        try:
            with Store.create(unfinished, _merged_facts(sources), parts) as target:
                _fill(target, sources, _numbered(parts))
            unfinished.replace(database)
        finally:
            unfinished.unlink(missing_ok=True)
    kept = paths[0].parent / "system"
    if kept.is_dir() and not (directory / "system").exists():
        shutil.copytree(kept, directory / "system")
    with Store.open(database) as merged:
        return summary.write(merged, directory / SUMMARY)


def _fill(target: Store, sources: Sequence[Source], bases: dict[tuple, int]) -> None:
    merging = _Merging(target)
    with target.transaction():
        for table in ("stratum", "image"):
            for source in sources:
                for row in source.store.canonical_rows(table):
                    target.insert(table, row, known_is_fine=True)
        for number, source, fault in heapq.merge(*(_renumbered(source, bases) for source in sources),
                                                 key=lambda item: item[0]):
            merging.take(number, source, fault)
