# SPDX-License-Identifier: MIT
"""Which clients a service is serving at a time of the golden run. Until the fault an experiment is the golden run, so this is
whom the faulty transaction is for.

Rule: a service serves those whose requests its transaction is there to answer:

- the client whose call it is, if there is one. Where the caller is a service, the clients whom that serves at that time:
  its own transaction waits in this call;
- the clients whose deferred requests the transaction answers, before or after that time: an event wakes who slept, a write
  to a pipe who read from it.

An event that answers nobody, a start and a recovery serve nobody, whoever's regions they open. init's calls (it starts the
services and has them audited) serve nobody, and a program that a client starts is nobody's client here: it reports nothing.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence

from faultinject.records import Begin, Finish, Stretch

#: SLOT_SERVICE and SERVICE_ANSWER of abi/kernel.toml, as a selector.
ANSWER_SELECTOR = 9 | 12 << 16
_DELIVERIES = frozenset({Begin.START, Begin.CALL, Begin.EVENT, Begin.UNBIND})
_SLOT_MASK = 0xFFFF


class Serving:
    """Answers for one golden run. `callers` says who may call a service: (number of the calling service, portal's slot);
    `clients` are each service's by binding. Services are numbered as in the timeline."""

    def __init__(self, timeline: Sequence[Stretch], clients: Sequence[Mapping[int, str]],
                 callers: Mapping[int, Sequence[tuple[int, int]]]) -> None:
        self._clients, self._callers = clients, callers
        self._stretches: list[list[Stretch]] = [[] for _ in clients]
        for stretch in timeline:
            self._stretches[stretch.service].append(stretch)

    def at(self, service: int, binding: int, time_ns: int) -> tuple[str, ...]:
        """Whom it serves at that time, with this binding's call under way (0: none), each once, the caller first."""
        clients = self._clients[service]
        found = list(self._caller(service, binding, time_ns))
        found += [clients[answered] for answered in self._answered(service, time_ns) if answered in clients]
        return tuple(dict.fromkeys(found))

    def _caller(self, service: int, binding: int, time_ns: int) -> tuple[str, ...]:
        if binding == 0 or binding in self._clients[service]:
            return (self._clients[service][binding],) if binding else ()
        waiting = []
        for caller, slot in self._callers.get(service, ()):
            last = self._before(caller, time_ns)
            if last is not None and last.end == Finish.INVOKE and last.selector & _SLOT_MASK == slot:
                waiting.append((caller, last))
        if len(waiting) != 1:
            return ()
        (caller, last), = waiting
        return self.at(caller, last.serving_binding, last.end_ns - 1)

    def _position(self, service: int, time_ns: int) -> int:
        """Of the last stretch that begins at that time or before; -1: none."""
        return bisect.bisect_right(self._stretches[service], time_ns, key=lambda stretch: stretch.start_ns) - 1

    def _before(self, service: int, time_ns: int) -> Stretch | None:
        position = self._position(service, time_ns)
        return self._stretches[service][position] if position >= 0 else None

    def _answered(self, service: int, time_ns: int) -> Iterator[int]:
        """The bindings whose deferred requests the transaction of that time answers."""
        stretches, first = self._stretches[service], self._position(service, time_ns)
        while first > 0 and stretches[first].begin not in _DELIVERIES and stretches[first - 1].end != Finish.REPLY:
            first -= 1
        for stretch in stretches[max(first, 0):]:
            if stretch.end == Finish.INVOKE and stretch.selector == ANSWER_SELECTOR:
                yield stretch.argument
            if stretch.end == Finish.REPLY:
                return
