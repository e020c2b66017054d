# SPDX-License-Identifier: MIT
"""When a campaign has drawn enough: after so many draws, or when an outcome's share is known well enough.

Rule: the decision is made at looks, and when the next look is depends on what was seen at the looks before, never on when
results came. So the number of draws is a function of the seed, like everything else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from faultinject.classify import Outcome
from faultinject.errors import UsageError
from faultinject.statistics import half_width, trials_needed

#: A further look comes after so much more of what there is, at least and at most: a guess of the share from few draws may
#: be far off, and one from many a little for long.
_STEP_LEAST, _STEP_MOST = 1 / 16, 1 / 2


@dataclass(frozen=True)
class Until:
    """Draw until the Wilson 95 % interval of an outcome's share has this half-width."""

    outcome: Outcome
    half_width: float

    @classmethod
    def parse(cls, outcome: str, width: str) -> Until:
        """From an outcome's name and "0.5%" or "0.005"."""
        try:
            share = float(width.rstrip("% ")) / (100 if width.rstrip().endswith("%") else 1)
        except ValueError:
            share = 0.0
        if not 0 < share < 0.5:
            raise UsageError(f"{width!r} is no half-width of a share", "over 0 and below 50%: --until-halfwidth 0.5%")
        if outcome not in list(Outcome):
            raise UsageError(f"there is no outcome {outcome}", "one of " + ", ".join(Outcome))
        return cls(Outcome(outcome), share)

    @property
    def most(self) -> int:
        """Draws that are enough whatever the share is."""
        return trials_needed(0.5, self.half_width)

    def next_look(self, seen: int, draws: int) -> int | None:
        """How many draws there shall be next, when `seen` of `draws` had the outcome; None: these are enough. The first
        look is when they could be enough at the earliest: when none has been seen."""
        if draws == 0:
            return trials_needed(0.0, self.half_width)
        if half_width(seen, draws) <= self.half_width:
            return None
        more = trials_needed(seen / draws, self.half_width) - draws
        return draws + min(max(more, math.ceil(draws * _STEP_LEAST)), math.ceil(draws * _STEP_MOST))
