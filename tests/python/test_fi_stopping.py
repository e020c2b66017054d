# SPDX-License-Identifier: MIT
"""Stopping by the width of an interval: never too early, soon after, and the same however the campaign is run."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import fi_synthetic as synthetic
import pytest

from faultinject import campaign
from faultinject.classify import Outcome
from faultinject.errors import UsageError
from faultinject.statistics import half_width, trials_needed, wilson
from faultinject.stopping import Until
from faultinject.store import Store


def draw_until(until: Until, share: float, source: random.Random) -> tuple[int, int, int]:
    """(seen, draws, looks) of a campaign whose outcome has this share."""
    seen = draws = looks = 0
    while (look := until.next_look(seen, draws)) is not None:
        assert look > draws
        seen += sum(source.random() < share for _ in range(look - draws))
        draws, looks = look, looks + 1
    return seen, draws, looks


@pytest.mark.parametrize(("share", "width"), [(0.0, 0.005), (0.005, 0.005), (0.05, 0.02), (0.5, 0.05), (1.0, 0.01)])
def test_it_stops_when_the_interval_is_narrow_enough_and_not_much_later(share: float, width: float) -> None:
    until = Until(Outcome.SILENT, width)
    covered = 0
    for seed in range(200):
        seen, draws, looks = draw_until(until, share, random.Random(seed))
        assert half_width(seen, draws) <= width < half_width(0, trials_needed(0.0, width) - 1)
        assert draws <= until.most * 17 // 16 + 1 and looks <= 16
        assert draws <= max(trials_needed(seen / draws, width) * 3 // 2, trials_needed(0.0, width)) + 1
        low, high = wilson(seen, draws)
        covered += low <= share <= high
    assert covered >= 0.92 * 200


@pytest.mark.parametrize(("outcome", "width"), [("latent", "0"), ("latent", "60%"), ("latent", "x"), ("nothing", "1%")])
def test_what_makes_no_sense_is_refused(outcome: str, width: str) -> None:
    with pytest.raises(UsageError):
        Until.parse(outcome, width)


def test_widths_are_shares_or_percent() -> None:
    assert Until.parse("latent", "0.5%") == Until.parse("latent", "0.005") == Until(Outcome.LATENT, 0.005)


def interrupt() -> None:
    raise KeyboardInterrupt


def test_an_interruption_does_not_change_where_a_campaign_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    until = Until(Outcome.OWN_CLIENT, 0.004)
    request = replace(synthetic.request(until.most), until=until)
    whole = synthetic.run(tmp_path / "whole", request, synthetic.Engine())
    with Store.open(tmp_path / "whole" / campaign.DATABASE) as store:
        tally, part = store.tally(), store.parts()[0]
        draws = sum(row["draws"] for row in tally)
        seen = sum(row["draws"] for row in tally if row["outcome"] == Outcome.OWN_CLIENT)
    assert draws == part.draws < until.most and half_width(seen, draws) <= 0.004
    monkeypatch.setattr(campaign, "BATCH_DRAWS", 70)
    for stop in (3, 30, 80, 150):
        with pytest.raises(KeyboardInterrupt):
            synthetic.run(tmp_path / "broken", request, synthetic.Engine(stop, {stop: interrupt}))
    assert synthetic.run(tmp_path / "broken", request, synthetic.Engine()) == whole
    again = synthetic.Engine()
    assert synthetic.run(tmp_path / "broken", request, again) == whole and again.ran == []


def test_a_campaign_does_not_draw_more_than_it_may(tmp_path: Path) -> None:
    request = replace(synthetic.request(100), until=Until(Outcome.RECOVERED, 0.01))
    synthetic.run(tmp_path / "c", request, synthetic.Engine())
    with Store.open(tmp_path / "c" / campaign.DATABASE) as store:
        assert store.parts()[0].draws == 100
