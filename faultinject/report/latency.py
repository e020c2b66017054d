# SPDX-License-Identifier: MIT
"""How long detection and recovery took: distributions, quantiles, and the stages of single recoveries.

Rule: quantiles are of draws, by nearest rank, so each is a recovery that happened; its stages are that recovery's own and
add up to its latency, which medians of stages would not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from faultinject.records import Cause
from faultinject.statistics import Weighted
from faultinject.store import Store
from faultinject.timeline import STEP_FIELDS

#: Bins of equal width on a logarithmic scale: as narrow as gives at most BINS_MOST of them.
BINS_PER_DECADE, BINS_MOST = 120, 36
SHARES = ((0.1, "10 %"), (0.5, "median"), (0.9, "90 %"), (0.99, "99 %"), (1.0, "max"))


@dataclass(frozen=True)
class Bin:
    """Draws with a latency of low <= ns < high, by what distinguishes them."""

    low_ns: float
    high_ns: float
    group: str
    draws: int


@dataclass(frozen=True)
class Exemplar:
    """The recovery at a quantile: its experiment, and its stages in order."""

    label: str
    experiment: int
    latency_ns: int
    stages: list[tuple[str, int]]


@dataclass(frozen=True)
class Distribution:
    """Of one service."""

    count: int
    quantiles_ns: dict[str, int]
    bins: list[Bin]


def distribution(values: Iterable[tuple[int, int, str]]) -> Distribution:
    """Of (ns, draws, group) in ascending order of ns."""
    narrow: Counter[tuple[int, str]] = Counter()
    kept: list[tuple[int, int]] = []
    for ns, draws, group in values:
        narrow[math.floor(math.log10(max(ns, 1)) * BINS_PER_DECADE), group] += draws
        kept.append((ns, draws))
    found = Weighted(kept).quantiles([share for share, _ in SHARES])
    quantiles = dict(zip((label for _, label in SHARES), found, strict=False))
    numbers = [number for number, _ in narrow]
    width = -(-(max(numbers) - min(numbers) + 1) // BINS_MOST) if numbers else 1
    bins: Counter[tuple[int, str]] = Counter()
    for (number, group), draws in narrow.items():
        bins[number // width, group] += draws
    return Distribution(sum(draws for _, draws in kept), quantiles, [
        Bin(10 ** (number * width / BINS_PER_DECADE), 10 ** ((number + 1) * width / BINS_PER_DECADE), group, draws)
        for (number, group), draws in sorted(bins.items())])


def cause_name(cause: int) -> str:
    """For people."""
    try:
        return Cause(cause).name.lower()
    except ValueError:
        return f"cause {cause}"


def recoveries(store: Store, service: str) -> Distribution:
    """From the failure to the reply of the call that was run again, by cause."""
    return distribution((row["latency_ns"], row["draws"], cause_name(row["cause"])) for row in store.each(
        "SELECT latency_ns, cause, sum(weight) AS draws FROM recovery JOIN fault ON fault.number = recovery.experiment "
        "WHERE latency_ns IS NOT NULL AND fault.service = ? GROUP BY latency_ns, cause ORDER BY latency_ns, cause",
        (service,)))


def detections(store: Store, service: str) -> Distribution:
    """From the activation of the fault to the first failure that the kernel noted, by cause."""
    return distribution((row["ns"], row["draws"], cause_name(row["cause"])) for row in store.each(
        "SELECT detection_latency_ns AS ns, cause, sum(weight) AS draws FROM experiment JOIN recovery "
        "ON experiment.number = recovery.experiment AND position = 0 WHERE detection_latency_ns IS NOT NULL "
        "AND experiment.service = ? GROUP BY ns, cause ORDER BY ns, cause", (service,)))


def exemplars(store: Store, service: str, found: Distribution) -> Iterator[Exemplar]:
    """The recoveries at the quantiles."""
    for label, latency in found.quantiles_ns.items():
        rows = store.rows("SELECT recovery.* FROM recovery JOIN fault ON fault.number = recovery.experiment "
                          "WHERE latency_ns = ? AND fault.service = ? ORDER BY experiment, position LIMIT 1",
                          (latency, service))
        stages, previous = [], rows[0]["t_fault"]
        for column, name, _ in STEP_FIELDS:
            if rows[0][column]:
                stages.append((name, rows[0][column] - previous))
                previous = rows[0][column]
        yield Exemplar(label, rows[0]["experiment"], latency, stages)
