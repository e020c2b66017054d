# SPDX-License-Identifier: MIT
"""What summary.json holds, computed from a campaign's database.

Rule: every figure counts draws from the raw fault space, an experiment as many times as it was drawn; shares come with
intervals, and spaces of different size are never pooled without their weights. docs/methodology.md says why.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from sqlite3 import Row

from faultinject.classify import Outcome
from faultinject.models import MODELS
from faultinject.models.base import PERMANENCES
from faultinject.statistics import Sample, Weighted, stratified, wilson
from faultinject.store import Store

FORMAT = 2


def _share(count: int, total: int) -> dict[str, object]:
    low, high = wilson(count, total)
    return {"count": count, "of": total, "share": round(count / total, 6) if total else 0.0,
            "wilson_95": [round(low, 6), round(high, 6)]}


#: What is measured of each fault that was caught, and the column it is in.
MEASURES = {"detection_ns": "detection_latency_ns", "calls_undetected": "calls_undetected",
            "others_affected": "affected_others"}
#: The distribution of each measure, recovery_ns too, by (service, model).
Distributions = dict[tuple[str, str], dict[str, Weighted]]


def _distributions(store: Store, service: str, model: str) -> dict[str, Weighted]:
    return {"recovery_ns": Weighted(store.latencies(service, model)),
            **{name: Weighted(store.distribution(column, service, model)) for name, column in MEASURES.items()}}


def _section(tally: Sequence[Row], measured: Distributions, service: str = "",
             models: Collection[str] | None = None) -> dict[str, object]:
    """The figures of a set of draws: of a service, of some models, of all."""
    wanted = [values for (of_service, of_model), values in measured.items()
              if service in ("", of_service) and (models is None or of_model in models)]
    measures = {name: Weighted.merged(values[name] for values in wanted).summary()
                for name in ("recovery_ns", *MEASURES)}
    rows = [row for row in tally if service in ("", row["service"]) and (models is None or row["model"] in models)]
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row["outcome"]] += row["draws"]
    outcomes = {outcome.value: counts[outcome.value] for outcome in Outcome}
    injected = sum(outcomes.values())
    caught = sum(row["caught"] for row in rows)
    recovered = sum(row["caught"] for row in rows if row["outcome"] == Outcome.RECOVERED)
    used = sum(row["activated"] for row in rows if row["outcome"] == Outcome.OVERWRITTEN)
    return {"injected": injected,
            "activated": sum(row["activated"] for row in rows),
            "manifested": sum(row["manifested"] for row in rows),
            "caught": caught,
            "caught_recovered": _share(recovered, caught),
            **measures,
            "outcomes": outcomes,
            "overwritten_before_use": outcomes[Outcome.OVERWRITTEN] - used,
            "overwritten_after_use": used,
            "intervals": {name: _share(count, injected) for name, count in outcomes.items()}}


def _estimate(parts: Sequence[Sample]) -> dict[str, object]:
    """The absolute number of faults of the raw space with this outcome."""
    space = sum(part.space for part in parts)
    share, low, high = stratified(parts)
    return {"faults": round(share * space), "interval_95": [round(low * space), round(high * space)]}


def model_order(names: set[str]) -> list[str]:
    """As models are always listed."""
    return sorted(names, key=lambda name: list(MODELS).index(name) if name in MODELS else len(MODELS))


def _estimates(store: Store, tally: Sequence[Row]) -> dict[str, object]:
    """By model: the size of the raw space over all services that were sampled, and extrapolated counts by outcome."""
    strata = store.strata()
    found: dict[str, object] = {}
    for model in model_order({row["model"] for row in strata}):
        sizes = {row["service"]: row["instructions"] * row["choices"] for row in strata if row["model"] == model}
        drawn = Counter({service: 0 for service in sizes})
        seen: Counter[tuple[str, str]] = Counter()
        for row in tally:
            if row["model"] == model:
                drawn[row["service"]] += row["draws"]
                seen[row["service"], row["outcome"]] += row["draws"]
        found[model] = {"raw_faults": sum(sizes.values()), "outcomes": {
            outcome.value: _estimate([Sample(size, seen[service, outcome.value], drawn[service])
                                      for service, size in sizes.items()]) for outcome in Outcome}}
    return found


def _by_permanence(tally: Sequence[Row], measured: Distributions, models: Sequence[str]) -> dict[str, object]:
    """By how long the faults last; models that this checkout does not know are counted nowhere here."""
    alike = {permanence: [model for model in models if model in MODELS and MODELS[model].permanence == permanence]
             for permanence in PERMANENCES}
    return {permanence: _section(tally, measured, models=names) for permanence, names in alike.items() if names}


def summarise(store: Store) -> dict[str, object]:
    """All of it."""
    tally = store.tally()
    services = list(dict.fromkeys(row["service"] for row in store.strata()))
    models = model_order({row["model"] for row in store.strata()})
    measured = {(row["service"], row["model"]): _distributions(store, row["service"], row["model"])
                for row in store.strata()}
    experiments, run = (sum(row[column] for row in tally) for column in ("experiments", "run"))
    silent: Counter[str] = Counter()
    for row in store.each("SELECT function, sum(weight) AS draws FROM experiment WHERE outcome = ? GROUP BY function",
                          (Outcome.SILENT.value,)):
        silent[row["function"] or "?"] += row["draws"]
    parts = [{"seed": part.seed, "services": part.services, "models": part.models, "n": part.draws,
              "shards": [f"{shard.index}/{shard.of}" for shard in part.shards], "pruning": part.pruning}
             for part in store.parts()]
    return {"format": FORMAT, **_section(tally, measured),
            "experiments": run,
            "known_without_run": experiments - run,
            "silent_by_function": dict(sorted(silent.items())),
            "by_service": {service: _section(tally, measured, service=service) for service in services},
            "by_model": {model: _section(tally, measured, models=(model,)) for model in models},
            "by_permanence": _by_permanence(tally, measured, models),
            "by_service_and_model": {service: {model: _section(tally, measured, service, (model,)) for model in models}
                                     for service in services},
            "estimates": _estimates(store, tally),
            "campaign": {**store.facts(), "parts": parts},
            "rows_sha256": store.digest()}


def write(store: Store, path: Path) -> dict[str, object]:
    """Computes and writes summary.json; whole or not at all."""
    found = summarise(store)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(found, indent=2, sort_keys=False) + "\n")
    unfinished.replace(path)
    return found
