# SPDX-License-Identifier: MIT
"""What processor time a campaign is spent on, by part: `perdure campaign --times`.

Rule: what is counted is time of processors (ours and that of processes that have ended), not of the clock, so that it
hardly depends on what else the machine does. No result depends on it.
"""

from __future__ import annotations

import contextlib
import resource
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Of the fork server and its children, in the order of the plugin's enum phase.
ENGINE_PHASES = ("golden path", "warming up", "forking", "child: start, injection", "child: guest", "child: result")
ENGINE_REST = "ends of children"

#: What each part is, in the order in which a table shows them.
PARTS = {
    "golden runs": "the golden run, and the traced one",
    "planning": "draws, and their classes by the trace",
    "golden path": "QEMU's start, and the fork server's way along the golden run",
    "warming up": "going there once before, and rehearsing recoveries",
    "forking": "fork() in the fork server",
    "child: start, injection": "outputs diverted, the fault put in",
    "child: guest": "the guest from the fault to its end",
    "child: result": "outputs and recoveries kept, the disk's digest and image",
    ENGINE_REST: "memory given back, and the fork server's waiting",
    "reading results": "from the plugin's file",
    "judging": "replies, the disk's tree, e2fsck, outcome classes",
    "database": "rows",
    "report page": "its figures, drawn once",
    "all else": "Python's start, display, summary",
}


def processor_ns() -> int:
    """Of this process and of its children that have ended and were waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(round((usage.ru_utime + usage.ru_stime) * 1e9) for usage in used)


@dataclass
class Account:
    """Time by part, in ns."""

    spent: Counter[str] = field(default_factory=Counter)
    _inner_ns: int = 0

    @contextlib.contextmanager
    def on(self, part: str) -> Iterator[None]:
        """What is done within is on this part, but for what is on another within it."""
        outer, self._inner_ns = self._inner_ns, 0
        started = processor_ns()
        try:
            yield
        finally:
            used = processor_ns() - started
            self.spent[part] += used - self._inner_ns
            self._inner_ns = outer + used

    def move(self, part: str, to: dict[str, int]) -> None:
        """Time that was counted on `part` was really on others."""
        for other, ns in to.items():
            self.spent[other] += ns
            self.spent[part] -= ns

    def table(self) -> list[tuple[str, int]]:
        """Each part with its time; what nothing was said of is at the end."""
        rest = processor_ns() - sum(self.spent.values())
        return [(part, self.spent[part]) for part in PARTS if part != "all else"] + [("all else", max(rest, 0))]
