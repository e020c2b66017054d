# SPDX-License-Identifier: MIT
"""The picture of a run with crashes: when the service died and for whom it was working, how long each client waited,
and what a recovery consists of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from faultinject.events import Crash
from faultinject.records import Recovery
from faultinject.statistics import summary
from faultinject.svg import Drawing

WIDTH, MARGIN_LEFT, MARGIN_RIGHT = 1100, 150, 40
LANE, LANES_TOP, SCATTER, STEPS = 26, 92, 170, 46
INK, FAINT, CRASH = "#222222", "#dddddd", "#c0392b"
PALETTE = ("#1f77b4", "#2a9d5c", "#8e5bb5", "#d98416", "#17808f", "#7f6a4f")

#: The steps of a recovery: field at its end, name, colour.
STEP_FIELDS = (("t_parked", "park, roll back", "#c0392b"), ("t_decided", "monitor decides", "#d98416"),
               ("t_restored", "restore image", "#c9b037"), ("t_started", "start", "#7f8c8d"),
               ("t_ready", "rebuild state", "#1f77b4"), ("t_rerun", "resume", "#17808f"),
               ("t_replied", "run call again", "#2a9d5c"))


@dataclass(frozen=True)
class Story:
    """What is drawn."""

    title: str
    subtitle: str
    service: str
    end_ns: int
    crashes: Sequence[Crash]
    recoveries: Sequence[Recovery]
    #: Binding number -> client, in the order of the lanes.
    clients: dict[int, str]


def step_medians(recoveries: Sequence[Recovery]) -> list[tuple[str, str, float]]:
    """Name, colour and median length of each step, over the recoveries that went through all of them."""
    whole = [r for r in recoveries if r.latency_ns is not None
             and all(getattr(r, field) for field, _, _ in STEP_FIELDS)]
    result = []
    previous = "t_fault"
    for field, name, colour in STEP_FIELDS if whole else ():
        result.append((name, colour, float(median(getattr(r, field) - getattr(r, previous) for r in whole))))
        previous = field
    return result


class Picture:
    """Draws one story."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.lanes = [*story.clients.items(), (0, "(no client)")]
        used = {crash.serving_binding for crash in story.crashes}
        self.lanes = [(binding, name) for binding, name in self.lanes if binding in used or binding]
        self.scatter_top = LANES_TOP + LANE * (len(self.lanes) + 1) + 40
        self.steps_top = self.scatter_top + SCATTER + 62
        self.drawing = Drawing(WIDTH, self.steps_top + STEPS + 60)

    def x(self, time_ns: float) -> float:
        """Of a time."""
        return MARGIN_LEFT + (WIDTH - MARGIN_LEFT - MARGIN_RIGHT) * time_ns / max(self.story.end_ns, 1)

    def draw(self) -> str:
        """The whole picture as SVG."""
        self.drawing.text(24, 36, self.story.title, 20, weight="bold")
        self.drawing.text(24, 58, self.story.subtitle, 13, "#555555")
        self._time_axis()
        self._lanes()
        self._latencies()
        self._steps()
        return str(self.drawing)

    def _time_axis(self) -> None:
        bottom = self.scatter_top + SCATTER
        step = 10 ** math.floor(math.log10(max(self.story.end_ns, 10)))
        while self.story.end_ns / step < 5:
            step /= 2
        tick = 0.0
        while tick <= self.story.end_ns:
            self.drawing.line(self.x(tick), LANES_TOP - 6, self.x(tick), bottom, "#eeeeee")
            self.drawing.text(self.x(tick), bottom + 18, f"{tick / 1e6:g}", 11, "#555555", "middle")
            tick += step
        self.drawing.text(WIDTH - MARGIN_RIGHT, bottom + 34, "ms of virtual time (1 instruction = 1 ns)", 11,
                          "#555555", "end")

    def _lanes(self) -> None:
        colours = {}
        for number, (binding, name) in enumerate(self.lanes):
            y = LANES_TOP + LANE * number
            colour = colours[binding] = PALETTE[number % len(PALETTE)] if binding else "#888888"
            hits = [crash for crash in self.story.crashes if crash.serving_binding == binding]
            self.drawing.text(MARGIN_LEFT - 12, y + 15, f"{name}", 12, colour, "end", "bold")
            self.drawing.line(self.x(0), y + 11, self.x(self.story.end_ns), y + 11, FAINT)
            for crash in hits:
                self.drawing.line(self.x(crash.time_ns), y + 3, self.x(crash.time_ns), y + 19, colour, 1.2)
            self.drawing.text(WIDTH - MARGIN_RIGHT + 4, y + 15, str(len(hits)), 11, colour)
        y = LANES_TOP + LANE * len(self.lanes)
        self.drawing.text(MARGIN_LEFT - 12, y + 16, f"{self.story.service} dies", 12, CRASH, "end", "bold")
        self.drawing.rectangle(self.x(0), y + 4, self.x(self.story.end_ns) - self.x(0), 16, "#f6e9e7")
        for crash in self.story.crashes:
            self.drawing.line(self.x(crash.time_ns), y + 4, self.x(crash.time_ns), y + 20, CRASH, 0.9)
        self.drawing.text(WIDTH - MARGIN_RIGHT + 4, y + 16, str(len(self.story.crashes)), 11, CRASH)

    def _latencies(self) -> None:
        points = [(r.t_fault, r.latency_ns, r.binding) for r in self.story.recoveries if r.latency_ns is not None]
        top, bottom = self.scatter_top, self.scatter_top + SCATTER
        self.drawing.text(24, top - 12, "Recovery: fault to reply of the call run again", 13, weight="bold")
        self.drawing.line(self.x(0), bottom, self.x(self.story.end_ns), bottom, INK)
        if not points:
            return
        numbers = summary([latency for _, latency, _ in points])
        low = math.floor(math.log10(max(numbers["min"], 1)) * 2) / 2
        high = math.ceil(math.log10(numbers["max"] + 1) * 2) / 2
        if high <= low:
            high = low + 0.5

        def y(latency: float) -> float:
            return bottom - SCATTER * (math.log10(max(latency, 1)) - low) / (high - low)

        for exponent in range(math.floor(low), math.ceil(high) + 1):
            for factor in (1, 2, 5):
                value = factor * 10.0 ** exponent
                if 10 ** low <= value <= 10 ** high:
                    self.drawing.line(self.x(0) - 4, y(value), self.x(self.story.end_ns), y(value), "#eeeeee")
                    self.drawing.text(MARGIN_LEFT - 12, y(value) + 4, f"{value / 1000:g} µs", 11, "#555555", "end")
        lanes = {binding: number for number, (binding, _) in enumerate(self.lanes)}
        for when, latency, binding in points:
            colour = PALETTE[lanes[binding] % len(PALETTE)] if binding in lanes and binding else "#888888"
            self.drawing.dot(self.x(when), y(latency), 2.6, colour, 0.8,
                             f"{when / 1e6:.2f} ms: {latency / 1000:.1f} µs")
        for key, name in (("p50", "median"), ("p99", "99 %")):
            self.drawing.line(self.x(0), y(numbers[key]), self.x(self.story.end_ns), y(numbers[key]), INK, 1, "5 4")
            self.drawing.text(self.x(self.story.end_ns) - 4, y(numbers[key]) - 5,
                              f"{name} {numbers[key] / 1000:.1f} µs", 11, INK, "end")

    def _steps(self) -> None:
        steps = step_medians(self.story.recoveries)
        total = sum(length for _, _, length in steps)
        top = self.steps_top + 16
        self.drawing.text(24, self.steps_top, "One recovery, step by step (medians)", 13, weight="bold")
        if total <= 0:
            return
        self.drawing.scale(MARGIN_LEFT, top, WIDTH - MARGIN_LEFT - MARGIN_RIGHT,
                           [(f"{name} {length / 1000:.1f} µs", colour, length) for name, colour, length in steps])
        self.drawing.text(MARGIN_LEFT - 12, top + 14, f"{total / 1000:.1f} µs", 12, INK, "end")


def draw(story: Story) -> str:
    """The picture as SVG."""
    return Picture(story).draw()
