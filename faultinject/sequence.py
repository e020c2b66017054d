# SPDX-License-Identifier: MIT
"""The picture of one experiment's story: lanes for client, service, kernel and monitor, time going down, one row a step,
and below it the recovery to scale.

Rule: rows are as far apart as their words need, not as time says; the times stand beside them.
"""

from __future__ import annotations

from collections.abc import Sequence

from faultinject.story import Step, Story, Who
from faultinject.svg import Drawing
from faultinject.timeline import CRASH, FAINT, INK, STEP_FIELDS

WIDTH, ROW, TOP, TIME_RIGHT, BAR = 1120, 42, 122, 104, 114
LANES = {who: 176 + 92 * number for number, who in enumerate(Who)}
WORDS = LANES[Who.MONITOR] + 62
SOFT, WAITING, ALIVE = "#666666", "#f3ead3", "#d7e6f4"
GOOD = "#2a9d5c"
STAGE_COLOURS = {"detect": "#7b241c", **{name: colour for _, name, colour in STEP_FIELDS}}
LANE_COLOURS = {Who.CLIENT.value: "#d98416", Who.KERNEL.value: "#1f77b4", Who.SERVICE.value: "#2a9d5c"}
#: Steps that are drawn; of more, those in the middle are left out and counted.
STEPS_MOST, STEPS_LAST = 34, 8


def shorten(steps: Sequence[Step]) -> list[Step]:
    """At most STEPS_MOST: the beginning, a step that says how many are not shown, the end."""
    if len(steps) <= STEPS_MOST:
        return list(steps)
    left_out = len(steps) - STEPS_MOST + 1
    note = Step(None, Who.KERNEL, f"… {left_out} more steps of the same kind …", "`perdure replay --trace` writes them all")
    return [*steps[:STEPS_MOST - STEPS_LAST - 1], note, *steps[-STEPS_LAST:]]


def span(ns: float) -> str:
    """A duration for people."""
    if ns < 1_000:
        return f"{ns:.0f} ns"
    return f"{ns / 1_000:,.1f} µs" if ns < 10_000_000 else f"{ns / 1_000_000:,.1f} ms"


class Picture:
    """Draws one story."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._steps = shorten(story.steps)
        self._bottom = TOP + ROW * len(self._steps) + 14
        self._previous_ns: int | None = None
        self._drawing = Drawing(WIDTH, self._bottom + (110 if story.stages else 44))

    def draw(self) -> str:
        """The whole picture as SVG."""
        self._drawing.text(24, 34, self._story.title, 19, weight="bold")
        self._drawing.text(24, 55, self._story.subtitle, 12.5, SOFT)
        self._lanes()
        for number, step in enumerate(self._steps):
            self._row(step, TOP + ROW * number + ROW / 2)
        good = self._story.outcome == "recovered_transparently"
        words = f"{self._story.outcome.replace('_', ' ')}: {self._story.reason}"
        self._drawing.text(24, self._bottom + 22, words, 14, GOOD if good else INK, weight="bold")
        self._to_scale()
        return str(self._drawing)

    def _lanes(self) -> None:
        present = {who for step in self._steps for who in (step.who, step.to)} | {Who.CLIENT, Who.SERVICE, Who.KERNEL}
        names = {Who.CLIENT: self._story.client or "no client", Who.SERVICE: self._story.service, Who.KERNEL: "kernel",
                 Who.MONITOR: "monitor"}
        for who, x in LANES.items():
            if who not in present:
                continue
            self._drawing.rectangle(x - 40, TOP - 44, 80, 24, "#eeeeee")
            self._drawing.text(x, TOP - 28, names[who][:12], 12.5, INK, "middle", "bold")
            self._drawing.line(x, TOP - 20, x, self._bottom, FAINT, 1.2)
        if self._story.client:
            replied = [number for number, step in enumerate(self._steps) if step.to is Who.CLIENT]
            end = replied[-1] if replied else len(self._steps) - 1
            top = TOP + ROW / 2
            self._drawing.rectangle(LANES[Who.CLIENT] - 5, top, 10, ROW * end, WAITING)
        self._life(Who.SERVICE, self._story.service)
        if any(step.who is Who.MONITOR and step.incarnation == 0 for step in self._steps):
            self._life(Who.MONITOR, "monitor")

    def _life(self, lane: Who, service: str) -> None:
        """Of a service: a bar while an incarnation lives, dashes while none does."""
        x, begun, living = LANES[lane], TOP - 20.0, True
        for number, step in enumerate(self._steps):
            if step.service not in ("", service) or step.incarnation is None:
                continue
            y = TOP + ROW * number + ROW / 2
            if living and step.incarnation == 0:
                self._drawing.rectangle(x - 5, begun, 10, y - begun, ALIVE)
                begun, living = y, False
            elif not living and step.incarnation:
                self._drawing.line(x, begun, x, y, CRASH, 1.4, "2 4")
                begun, living = y, True
        if living:
            self._drawing.rectangle(x - 5, begun, 10, self._bottom - begun, ALIVE)
        else:
            self._drawing.line(x, begun, x, self._bottom, CRASH, 1.4, "2 4")

    def _row(self, step: Step, y: float) -> None:
        colour = CRASH if step.bad else INK
        if step.time_ns is not None:
            since = step.time_ns - self._story.start_ns
            words = f"{since:,}" if not self._story.timed else "+" + span(since) if since else "0"
            self._drawing.text(TIME_RIGHT, y - 1, words, 11.5, INK, "end")
            if self._previous_ns is not None and self._story.timed:
                self._drawing.text(TIME_RIGHT, y + 14, "after " + span(step.time_ns - self._previous_ns), 10.5, SOFT, "end")
            self._previous_ns = step.time_ns
        if step.stage:
            self._drawing.rectangle(BAR, y - ROW + 3, 8, ROW - 6, STAGE_COLOURS[step.stage])
        x = LANES[step.who]
        if step.to:
            self._drawing.arrow(x, LANES[step.to], y, colour)
        else:
            self._drawing.dot(x, y, 4.5, colour)
        if step.incarnation == 0:
            self._drawing.cross(x, y, 7, CRASH)
        if step.incarnation and step.to:
            self._drawing.text(LANES[step.to] - 9, y + 15, f"no. {step.incarnation}", 10.5, SOFT, "end")
        self._drawing.text(WORDS, y - 1, step.title, 12.5, colour, weight="bold")
        self._drawing.text(WORDS, y + 14, step.detail[:104], 11, SOFT)

    def _to_scale(self) -> None:
        total = sum(length for _, length in self._story.stages)
        if not total:
            return
        top, left, width = self._bottom + 48, 24.0, WIDTH - 48
        length_of = span if self._story.timed else "{:,}".format
        self._drawing.text(24, top - 8, f"{self._story.scale}: {length_of(total)}", 12.5, INK, weight="bold")
        self._drawing.scale(left, top, width, [(f"{name} {length_of(length)}", STAGE_COLOURS.get(name) or LANE_COLOURS[name], length)
                                               for name, length in self._story.stages])


def draw(story: Story) -> str:
    """The picture as SVG."""
    return Picture(story).draw()
