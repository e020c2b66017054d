# SPDX-License-Identifier: MIT
"""Two campaigns beside each other.

Rule: compared are absolute numbers of faults of the raw space, never shares: Schirmeier, Borchert and Spinczyk (DSN 2015)
show how a program that only runs longer looks better by its share of failures. The difference's interval is made of
the intervals of both counts (Zou and Donner 2008). Spaces of different models are not added.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from faultinject.campaign import IDENTITY
from faultinject.classify import Outcome
from faultinject.report.codemap import FAILURES
from faultinject.statistics import Sample, stratified
from faultinject.store import Store
from faultinject.summary import model_order

#: Every class in which a user could see something, as one.
ANY = "failure"


@dataclass(frozen=True)
class Count:
    """An extrapolated number of faults, of `space` in all."""

    faults: float
    low: float
    high: float
    seen: int
    draws: int
    space: int


@dataclass(frozen=True)
class Line:
    """One class under one model, in the services that both campaigns drew from; service is empty for all of them."""

    model: str
    service: str
    outcome: str
    first: Count
    second: Count

    @property
    def difference(self) -> tuple[float, float, float]:
        """Second minus first, and its bounds."""
        a, b = self.first, self.second
        value = b.faults - a.faults
        below = math.hypot(b.faults - b.low, a.high - a.faults)
        above = math.hypot(b.high - b.faults, a.faults - a.low)
        return value, value - below, value + above

    @property
    def verdict(self) -> str:
        """What the interval allows to say."""
        _, low, high = self.difference
        return "fewer" if high < 0 else "more" if low > 0 else "undecided"


def _count(samples: Sequence[Sample]) -> Count:
    space = sum(sample.space for sample in samples)
    share, low, high = stratified(samples)
    return Count(share * space, low * space, high * space, sum(sample.successes for sample in samples),
                 sum(sample.trials for sample in samples), space)


class Drawn:
    """What a campaign drew, by service and model."""

    def __init__(self, store: Store) -> None:
        self.spaces = {(row["service"], row["model"]): row["instructions"] * row["choices"] for row in store.strata()}
        self._draws: Counter[tuple[str, str]] = Counter()
        self._seen: Counter[tuple[str, str, str]] = Counter()
        for row in store.tally():
            key = row["service"], row["model"]
            self._draws[key] += row["draws"]
            self._seen[(*key, row["outcome"])] += row["draws"]
            if row["outcome"] in FAILURES:
                self._seen[(*key, ANY)] += row["draws"]

    def sample(self, service: str, model: str, outcome: str) -> Sample:
        """Of one stratum."""
        return Sample(self.spaces[service, model], self._seen[service, model, outcome], self._draws[service, model])


def compare(first: Store, second: Store) -> list[Line]:
    """Every class under every model that both drew, for each service and, where there are several, for all together."""
    one, other = Drawn(first), Drawn(second)
    common = [key for key in one.spaces if key in other.spaces]
    lines = []
    for model in model_order({model for _, model in common}):
        services = [service for service, of_model in common if of_model == model]
        groups: list[tuple[str, list[str]]] = [(service, [service]) for service in services]
        if len(services) > 1:
            groups.insert(0, ("", services))
        for name, members in groups:
            for outcome in (ANY, *(outcome.value for outcome in Outcome)):
                a = _count([one.sample(service, model, outcome) for service in members])
                b = _count([other.sample(service, model, outcome) for service in members])
                if outcome == ANY or a.seen or b.seen:
                    lines.append(Line(model, name, outcome, a, b))
    return lines


def cautions(first: Mapping[str, object], second: Mapping[str, object]) -> tuple[list[str], list[str]]:
    """(why the comparison means little, what else differs): counts are those of one run of one workload."""
    found = {key: f"{name}: {_short(first.get(key))} in the first, {_short(second.get(key))} in the second"
             for key, name in IDENTITY.items() if first.get(key) != second.get(key)}
    grave = [found.pop(key) for key in ("workload_sha256", "disk_sha256") if key in found]
    return grave, list(found.values())


def _short(value: object) -> str:
    """A fact for people: of a hash, the beginning."""
    text = str(value)
    return text[:12] + "…" if len(text) == 64 else text or "nothing added"
