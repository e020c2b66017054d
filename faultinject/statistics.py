# SPDX-License-Identifier: MIT
"""Intervals and quantiles.

Wilson, E. B.: Probable inference, the law of succession, and statistical inference (1927). No interval by normal
approximation: it is wrong where it matters here, near 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

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
