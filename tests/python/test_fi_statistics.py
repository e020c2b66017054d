# SPDX-License-Identifier: MIT
"""Intervals, quantiles and random draws."""

from __future__ import annotations

import fi_guest  # noqa: F401  (makes the packages importable)
import pytest

from faultinject.draw import Draw
from faultinject.statistics import (
    Sample, Weighted, half_width, quantile, sample_size, stratified, summary, trials_needed, wilson)


@pytest.mark.parametrize(("successes", "trials", "low", "high"), [
    (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (1, 100, 0.0018, 0.0545),
    (990, 1000, 0.98169, 0.99456), (0, 0, 0.0, 1.0)])
def test_wilson_gives_the_published_bounds(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=2e-4)


def test_wilson_refuses_more_successes_than_trials() -> None:
    with pytest.raises(ValueError):
        wilson(3, 2)


def test_a_sample_of_a_large_space_for_one_percent_is_the_known_size() -> None:
    assert sample_size(10**9, 0.01) == 9604
    assert sample_size(100, 0.01) == 99


def test_quantiles_are_values_that_occurred() -> None:
    assert quantile([1, 2, 3, 100], 0.5) == 2
    assert quantile([7], 0.99) == 7
    assert summary([5, 1, 3]) == {"count": 3, "min": 1, "p50": 3, "p99": 5, "max": 5}
    assert summary([]) == {"count": 0, "min": 0, "p50": 0, "p99": 0, "max": 0}


def test_draws_are_the_same_for_ever() -> None:
    source = Draw("fault", 1, "fs", "kill", 0)
    assert [source.bits64() for _ in range(3)] == [0x4998E9B3EAF92C04, 0x3EAC31AAD77AB795, 0x889575800CED5AB4]


def test_draws_below_a_bound_are_uniform() -> None:
    source = Draw("uniform")
    counts = [0] * 6
    for _ in range(60000):
        counts[source.below(6)] += 1
    assert all(9500 < count < 10500 for count in counts)


def test_weighted_values_count_as_often_as_they_weigh() -> None:
    pairs = [(3, 2), (5, 1), (9, 4), (10, 0), (11, 1)]
    assert Weighted(pairs).summary() == summary([value for value, weight in pairs for _ in range(weight)])
    assert Weighted().summary() == summary([])
    parts = [[(1, 1), (7, 3)], [(2, 5)], []]
    assert Weighted.merged(map(Weighted, parts)).summary() == summary([1, 7, 7, 7, 2, 2, 2, 2, 2])


@pytest.mark.parametrize("share", [0.0, 0.001, 0.05, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("margin", [0.002, 0.01, 0.1])
def test_the_trials_needed_are_the_least_that_suffice(share: float, margin: float) -> None:
    needed = trials_needed(share, margin)
    assert half_width_of(share, needed) <= margin * (1 + 1e-9)
    assert needed == 1 or half_width_of(share, needed - 1) > margin


def half_width_of(share: float, trials: int) -> float:
    """Wilson's half-width as a function of a share that need not be a count."""
    z2 = 1.959963984540054 ** 2
    return (z2 * share * (1 - share) / trials + z2 * z2 / (4 * trials * trials)) ** 0.5 / (1 + z2 / trials)


def test_half_widths_are_of_the_wilson_interval() -> None:
    assert half_width(5, 10) == pytest.approx((0.7634 - 0.2366) / 2, abs=1e-4)


def test_strata_count_by_their_size() -> None:
    assert stratified([Sample(10, 3, 7)]) == pytest.approx((3 / 7, *wilson(3, 7)))
    share, low, high = stratified([Sample(900, 0, 100), Sample(100, 50, 100)])
    assert share == pytest.approx(0.05)
    assert 0.03 < low < 0.05 < high < 0.1
    assert stratified([Sample(900, 0, 0), Sample(100, 50, 100)])[2] > 0.9
    assert stratified([]) == (0.0, 0.0, 1.0)
