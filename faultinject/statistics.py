# SPDX-License-Identifier: MIT
"""Intervals and quantiles.

Wilson, E. B.: Probable inference, the law of succession, and statistical inference (1927). No interval by normal
approximation: it is wrong where it matters here, near 0 and 1. docs/methodology.md has the other sources.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: Quantile of the normal distribution for a two-sided 95 % interval.
Z_95 = 1.959963984540054


def wilson(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Bounds of a proportion, both within 0..1; (0, 1) when there was no trial."""
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials}")
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    z2 = z * z
    centre = share + z2 / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    low = (centre - spread) / (1 + z2 / trials)
    high = (centre + spread) / (1 + z2 / trials)
    return (0.0 if successes == 0 else max(0.0, low)), (1.0 if successes == trials else min(1.0, high))


def sample_size(population: int, margin: float, share: float = 0.5, z: float = Z_95) -> int:
    """Faults to sample from a space of `population` for that margin of error (Leveugle et al., DATE 2009)."""
    if population < 1 or not 0 < margin < 1:
        raise ValueError("population at least 1, margin between 0 and 1")
    return math.ceil(population / (1 + margin * margin * (population - 1) / (z * z * share * (1 - share))))


def half_width(successes: int, trials: int, z: float = Z_95) -> float:
    """Half of the width of a proportion's Wilson interval."""
    low, high = wilson(successes, trials, z)
    return (high - low) / 2


def trials_needed(share: float, margin: float, z: float = Z_95) -> int:
    """The least number of trials at which a proportion of `share` has a Wilson interval of half-width `margin`."""
    if not 0 <= share <= 1 or not 0 < margin < 0.5:
        raise ValueError("share between 0 and 1, margin between 0 and 0.5")
    # margin = z sqrt(v / n + z2 / (4 n n)) / (1 + z2 / n), v = share (1 - share), solved for n.
    z2, m2 = z * z, margin * margin
    half = share * (1 - share) - 2 * m2
    return max(math.ceil(z2 * (half + math.sqrt(half * half + m2 * (1 - 4 * m2))) / (2 * m2)), 1)


@dataclass(frozen=True)
class Sample:
    """What was seen in one stratum: successes among trials drawn uniformly from a space of so many faults."""

    space: int
    successes: int
    trials: int


def stratified(samples: Sequence[Sample], z: float = Z_95) -> tuple[float, float, float]:
    """Share and its bounds over a population of strata, each weighted by its size (Zou and Donner: the distances of
    each stratum's Wilson bounds from its share are added as variances are). A stratum without trials may have any share.
    """
    total = sum(sample.space for sample in samples)
    if total == 0:
        return 0.0, 0.0, 1.0
    share = below = above = 0.0
    for sample in samples:
        weight = sample.space / total
        own = sample.successes / sample.trials if sample.trials else 0.0
        low, high = wilson(sample.successes, sample.trials, z)
        share += weight * own
        below += (weight * (own - low)) ** 2
        above += (weight * (high - own)) ** 2
    return share, max(share - math.sqrt(below), 0.0), min(share + math.sqrt(above), 1.0)


def quantile(ordered: Sequence[int], share: float) -> int:
    """The nearest-rank quantile of values in ascending order: one of them, never an interpolation."""
    if not ordered:
        raise ValueError("no values")
    rank = math.ceil(share * len(ordered))
    return ordered[max(rank, 1) - 1]


def summary(values: Sequence[int]) -> dict[str, int]:
    """Least, median, 99th percentile, greatest, and how many; zeros when there are none."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0, "min": 0, "p50": 0, "p99": 0, "max": 0}
    return {"count": len(ordered), "min": ordered[0], "p50": quantile(ordered, 0.5),
            "p99": quantile(ordered, 0.99), "max": ordered[-1]}


class Weighted:
    """Values in ascending order with a weight each, kept compactly: 16 bytes a value."""

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self._values, self._weights = array("q"), array("q")
        for value, weight in pairs:
            self._values.append(value)
            self._weights.append(weight)

    @classmethod
    def merged(cls, several: Iterable[Weighted]) -> Weighted:
        """All of them in one order."""
        return cls(heapq.merge(*(zip(one._values, one._weights, strict=True) for one in several)))

    def quantiles(self, shares: Sequence[float]) -> list[int]:
        """As quantile() of each value repeated as often as its weight says; none when there are no values."""
        ranks = array("q", itertools.accumulate(self._weights))
        if not ranks:
            return []
        return [self._values[bisect.bisect_left(ranks, max(math.ceil(share * ranks[-1]), 1))] for share in shares]

    def summary(self) -> dict[str, int]:
        """As summary() of each value repeated as often as its weight says."""
        count = sum(self._weights)
        if not count:
            return summary([])
        p50, p99 = self.quantiles([0.5, 0.99])
        return {"count": count, "min": self._values[0], "p50": p50, "p99": p99, "max": self._values[-1]}
