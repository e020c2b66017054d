# SPDX-License-Identifier: MIT
"""The causal story of one experiment: the fault, its detection, each stage of recovery, the call that is run again.

Rule: a story says only what was recorded, in the order of time. A time that was not recorded is not made up: such a step
stands where its cause puts it, without a time.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from faultinject.finding import Finding
from faultinject.golden import learn_clients
from faultinject.models import MODELS
from faultinject.models.second import SecondFault, struck_service
from faultinject.records import OPERATION_NONE, Activation, Cause, End, Recovery
from faultinject.symbols import Symbolizer
from faultinject.system import ROOT, System
from faultinject.timeline import STEP_FIELDS


class Who(Enum):
    """Whose step it is: the lanes of the picture, in their order."""

    CLIENT = "client"
    SERVICE = "service"
    KERNEL = "kernel"
    MONITOR = "monitor"


@dataclass(frozen=True)
class Step:
    """Something that happened. `to` is whom it reached; `stage` names the stage of recovery that it ends."""

    time_ns: int | None
    who: Who
    title: str
    detail: str = ""
    to: Who | None = None
    stage: str = ""
    #: The service that takes part, and its incarnation from here on; 0 where none lives.
    service: str = ""
    incarnation: int | None = None
    bad: bool = False
    #: What a step without a time comes before or after: it stands there, behind what was told of that time already.
    beside_ns: int | None = None


@dataclass(frozen=True)
class Story:
    """All of it, in causal order. `stages` are names and lengths of the last recovery that answered its call."""

    title: str
    subtitle: str
    service: str
    client: str
    start_ns: int
    steps: list[Step]
    outcome: str
    reason: str
    stages: list[tuple[str, int]] = field(default_factory=list)
    scale: str = "The recovery to scale, from the failure to the reply"
    #: Its times are of a clock, else numbers of instructions.
    timed: bool = True


CAUSES = {Cause.EXCEPTION: "exception", Cause.HANG: "hang: more processor time than a transaction may take",
          Cause.PROTOCOL: "the protocol of calls was broken", Cause.CHECK: "a range or checksum was found wrong",
          Cause.PANIC: "the service gave up by itself", Cause.HEARTBEAT: "an event was not taken in time",
          Cause.KILL: "killed from outside"}

MONITOR = "monitor"
KERNEL_HALF = 1 << 63


def in_order(steps: Iterable[Step]) -> list[Step]:
    """By time. A step without one stays where it is told, or comes to what it says it is beside."""
    keyed, now = [], 0
    for step in steps:
        now = next((time for time in (step.time_ns, step.beside_ns) if time is not None), now)
        keyed.append((now, step))
    return [step for _, step in sorted(keyed, key=lambda pair: pair[0])]


def stages(recoveries: Iterable[Recovery]) -> list[tuple[str, int]]:
    """Names and lengths of the stages of the last one that answered its call."""
    answered = [recovery for recovery in recoveries if recovery.latency_ns is not None]
    found: list[tuple[str, int]] = []
    if answered:
        begun = answered[-1].t_fault
        for moment, name, _ in STEP_FIELDS:
            end = getattr(answered[-1], moment)
            if end:
                found.append((name, end - begun))
                begun = end
    return found


@lru_cache
def _interfaces() -> Mapping[str, dict[int, str]]:
    """Service -> number -> name of operation, from abi/."""
    found = {}
    for path in sorted((ROOT / "abi").glob("*.toml")):
        with path.open("rb") as file:
            content = tomllib.load(file)
        if isinstance(content.get("service"), str):
            found[content["service"]] = {entry["number"]: name.lower()
                                         for name, entry in content.get("operation", {}).items()}
    return found


def operation_numbers(service: str) -> dict[str, int]:
    """Name -> number of the operations of a service."""
    return {name: number for number, name in _interfaces()[service].items()}


class Names:
    """Names of services, operations and clients, as far as they are known."""

    def __init__(self, log: str, clients: Mapping[int, str], service: str) -> None:
        self._log = log
        self._clients = {service: dict(clients)}
        self._services = {number: name for name, number in System.numbers().items()}

    def service(self, number: int) -> str:
        """By the kernel's number."""
        return self._services.get(number, f"service {number}")

    @staticmethod
    def operation(service: str, number: int) -> str:
        """Of a service's interface."""
        return _interfaces().get(service, {}).get(number, f"operation {number}")

    def client(self, service: str, binding: int) -> str:
        """Behind a binding."""
        if service not in self._clients:
            self._clients[service] = learn_clients(self._log, service)
        return self._clients[service].get(binding, f"binding {binding}")


class Teller:
    """Tells one finding."""

    def __init__(self, finding: Finding, operation: int | None, symbols: Symbolizer, names: Names) -> None:
        self._finding, self._operation, self._symbols, self._names = finding, operation, symbols, names

    def tell(self) -> Story:
        """The story."""
        fault, experiment, judgement = self._finding.fault, self._finding.experiment, self._finding.judgement
        described = MODELS[fault.model].describe(fault.change)
        steps = [*self._before(), *self._faults(described), *self._activation()]
        for number, recovery in enumerate(experiment.recoveries):
            steps += self._recovery(recovery, experiment.recoveries[number + 1:])
        steps.append(self._end())
        return Story(f"{fault.model}: {described}", f"experiment {fault.index}, {fault.id}: instruction "
                     f"{fault.instruction:,} of {fault.service}, at {experiment.injected_at_ns:,} ns", fault.service,
                     ", ".join(self._finding.served), experiment.injected_at_ns, in_order(steps), judgement.outcome.value,
                     judgement.reason, stages(experiment.recoveries))

    def _lane(self, service: str) -> Who:
        """Of a service; the monitor has one of its own, unless it is the target itself."""
        return Who.MONITOR if service == MONITOR != self._finding.fault.service else Who.SERVICE

    def _place(self, address: int) -> str:
        place = self._symbols.place(address)
        return str(place) if place.function else f"{address:#x}"

    def _before(self) -> Iterator[Step]:
        if self._finding.served:
            service = self._finding.fault.service
            known = self._operation is not None and self._operation != OPERATION_NONE
            what = self._names.operation(service, self._operation or 0) if known else \
                "a call" if self._finding.experiment.serving_binding else "a deferred request"
            yield Step(None, Who.CLIENT, what, f"{service} is serving {', '.join(self._finding.served)}", Who.SERVICE,
                       service=service, incarnation=self._finding.experiment.incarnation)

    def _faults(self, described: str) -> Iterator[Step]:
        """The fault; of two, both, the second where it was put in."""
        experiment, service = self._finding.experiment, self._finding.fault.service
        model = MODELS[self._finding.fault.model]
        changed = f"; {experiment.before:#x} becomes {experiment.after:#x}" if experiment.before != experiment.after else ""
        if not isinstance(model, SecondFault):
            yield Step(experiment.injected_at_ns, Who.SERVICE, f"FAULT: {described}",
                       f"at {self._place(experiment.rip)}{changed}", service=service, incarnation=experiment.incarnation,
                       bad=True)
            return
        yield Step(experiment.injected_at_ns, Who.SERVICE, "FIRST FAULT: killed", f"at {self._place(experiment.rip)}",
                   service=service, incarnation=experiment.incarnation, bad=True)
        if experiment.second_at_ns:
            yield Step(experiment.second_at_ns, self._lane(self._struck),
                       f"SECOND FAULT: {model.describe_second(self._finding.fault.change)}",
                       f"in {self._struck}, at {self._place(experiment.second_rip)}{changed}", bad=True)

    @property
    def _struck(self) -> str:
        """The service that the fault struck; of two faults, the second."""
        fault = self._finding.fault
        return struck_service(fault.service, fault.change)

    def _activation(self) -> Iterator[Step]:
        """Where it is not that of the injection itself."""
        experiment = self._finding.experiment
        words = {Activation.USED: "used", Activation.REPLACED: "replaced before any use"}
        struck_ns = experiment.second_at_ns or experiment.injected_at_ns
        if experiment.activation in words and experiment.activated_at_ns > struck_ns:
            distance = experiment.watched_instructions
            who = Who.KERNEL if experiment.activation_rip >= KERNEL_HALF else self._lane(self._struck)
            yield Step(experiment.activated_at_ns, who, f"the faulty value is {words[experiment.activation]}",
                       f"at {self._place(experiment.activation_rip)}" +
                       (f", {distance} instructions of the service on" if distance > 1 else ""))

    def _recovery(self, recovery: Recovery, following: Sequence[Recovery]) -> Iterator[Step]:
        service = self._names.service(recovery.service)
        lane = self._lane(service)
        cause = Cause(recovery.cause)
        where = self._place(recovery.fault_rip)
        address = f", address {recovery.fault_address:#x}" if cause is Cause.EXCEPTION else ""
        yield Step(recovery.t_fault, lane, f"{service} fails: {CAUSES[cause]}", f"at {where}{address}", Who.KERNEL,
                   "detect", service, 0, True)
        operation = self._names.operation(service, recovery.operation)
        client = self._names.client(service, recovery.binding) if recovery.binding else ""
        parked = f"{client}'s {operation} is parked; its transaction is rolled back" if client else \
            "no call was being served; what was begun is rolled back"
        # The monitor has nobody above it: the kernel restarts it by a fixed rule.
        told, decider = (Who.MONITOR, Who.MONITOR) if service != MONITOR else (None, Who.KERNEL)
        reason = "from the fault records: restart it" if told else "by the kernel's fixed rule: restart the monitor"
        stages = [
            (recovery.t_parked, Step(recovery.t_parked, Who.KERNEL, "park and roll back", parked, told, "park, roll back")),
            (recovery.t_decided, Step(recovery.t_decided, decider, "decide", reason, Who.KERNEL if told else None,
                                      "monitor decides")),
            (recovery.t_restored, Step(recovery.t_restored, Who.KERNEL, f"restore {service}", "code checked against the "
                                       "pristine image, data as at the first start", stage="restore image")),
            (recovery.t_started, Step(recovery.t_started, Who.KERNEL, f"start {service}", f"incarnation {recovery.incarnation}",
                                      lane, "start", service, recovery.incarnation)),
            (recovery.t_ready, Step(recovery.t_ready, lane, f"{service} is ready", "state rebuilt from the "
                                    + ("kernel's records" if service == MONITOR else "clients' regions"),
                                    Who.KERNEL, "rebuild state")),
            (recovery.t_rerun, Step(recovery.t_rerun, Who.KERNEL, f"run again: {operation}", f"the parked call of {client}",
                                    lane, "resume")),
            (recovery.t_replied, Step(recovery.t_replied, lane, "reply", f"{client} goes on; "
                                      f"{(recovery.t_replied - recovery.t_fault) / 1000:,.1f} µs after the failure",
                                      Who.CLIENT, "run call again")),
        ]
        yield from (step for time, step in stages if time)
        later = next((other for other in following if other.service == recovery.service), None)
        if recovery.superseded and later is not None:
            yield Step(None, Who.KERNEL, "this recovery is overtaken", f"{service} fails again before the parked call was answered",
                       bad=True, beside_ns=later.t_fault)

    def _end(self) -> Step:
        experiment = self._finding.experiment
        ends = {End.VERDICT: "the machine gives its verdict", End.LIMIT: "the limit of instructions is reached",
                End.RESET: "triple fault", End.SHUTDOWN: "the machine is switched off"}
        return Step(experiment.ended_at_ns, Who.KERNEL, ends.get(experiment.end, experiment.end.name.lower()))


def tell(finding: Finding, operation: int | None, symbols: Symbolizer, log: str, clients: Mapping[int, str]) -> Story:
    """The story of a finding; `operation` is the one that was being served, if it is known."""
    return Teller(finding, operation, symbols, Names(log, clients, finding.fault.service)).tell()


def as_text(story: Story) -> list[str]:
    """Lines: microseconds since the fault, since the line before, who, what."""
    lines = [story.title, story.subtitle, "", "      µs after     since  who       what", "     the fault    before"]
    previous = story.start_ns
    for step in story.steps:
        times = " " * 25
        if step.time_ns is not None:
            times = f"{(step.time_ns - story.start_ns) / 1000:14,.3f} {(step.time_ns - previous) / 1000:+10,.3f}"
            previous = step.time_ns
        arrow = f" -> {step.to.value}" if step.to else ""
        lines.append(f"{times}  {step.who.value + arrow:<18}  {step.title}")
        if step.detail:
            lines.append(f"{'':45}  {step.detail}")
    return [*lines, "", f"{story.outcome}: {story.reason}"]
