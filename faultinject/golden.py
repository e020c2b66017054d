# SPDX-License-Identifier: MIT
"""The golden run: the workload without a fault, from which faults are planned and with which runs are compared."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from faultinject.classify import ended_by_session
from faultinject.errors import EngineError, MachineError
from faultinject.machine import PLUGIN, Machine, Qemu, missing_symbols, run_to_end, value
from faultinject.oracle import (DiskOracle, DiskVerdict, Observation, audit_differences, client_reports,
                                failed_programs)
from faultinject.records import End, Experiment, Results, Stretch, read_timeline
from faultinject.served import Serving
from faultinject.system import Service, System
from faultinject.times import Account
from faultinject.workload import EPOCH_S, Workload

#: A golden run is ended after so many instructions.
LIMIT_NS = 60_000_000_000
#: How much longer than the golden run a faulty one may take: hangs are found after 20 ms of processor time each.
SLACK_NS = 2_000_000_000

_BINDING = re.compile(r"\bbinding (\d+) of (\S+) is (\S+)")


def deterministic_append(extra: str = "") -> str:
    """The kernel's command line of runs that must repeat."""
    return f"console=framed epoch={EPOCH_S} disk=ram {extra}".strip()


@dataclass
class Golden:
    """A finished golden run."""

    experiment: Experiment
    timeline: list[Stretch]
    outputs: tuple[bytes, bytes, bytes]
    observation: Observation
    image: Path | None
    clients: dict[int, str]
    #: Of the system, in the order of the timeline's numbers.
    services: tuple[Service, ...] = ()

    @cached_property
    def _serving(self) -> Serving:
        log = self.outputs[0].decode(errors="replace")
        clients = [learn_clients(log, service.name) for service in self.services]
        callers = {number: [(other, service.slot) for other, caller in enumerate(self.services)
                            if service.name in caller.calls] for number, service in enumerate(self.services)}
        return Serving(self.timeline, clients if any(clients) else [self.clients] * len(clients), callers)

    def served(self, service: str, binding: int, time_ns: int) -> tuple[str, ...]:
        """The clients that the service serves at this time, `binding`'s call under way: faultinject/served.py."""
        number = next(i for i, known in enumerate(self.services) if known.name == service)
        return self._serving.at(number, binding, time_ns)

    @property
    def limit_ns(self) -> int:
        """When a run with a fault is ended."""
        return self.experiment.ended_at_ns + SLACK_NS

    def whole_output(self, index: int, experiment: Experiment) -> str:
        """What a faulty run wrote in all: it has written what the golden run had until the fault, then its own."""
        start = experiment.output_starts[index]
        return (self.outputs[index][:start] + experiment.output_tails[index]).decode(errors="replace")


@dataclass
class Workbench:
    """Where runs of one workload take place: a directory for the files that the machine and the plugin share."""

    system: System
    qemu: Qemu
    workload: Workload
    payload: Path
    directory: Path
    memory_mib: int = 64
    append: str = ""
    plugin: Path | None = None
    #: The plugin does with what every QEMU offers to anyone (faultinject/plugin/stub.h); None: if this one has no symbols.
    stub: bool | None = None
    account: Account = field(default_factory=Account)

    def __post_init__(self) -> None:
        # The plugin finds QEMU's output files by the names under which the host's kernel knows them.
        self.directory = self.directory.resolve()

    def machine(self, name: str, options: list[str]) -> Machine:
        """A machine whose outputs are files NAME.log, NAME.console and NAME.error."""
        log, console, error = (self.directory / f"{name}.{kind}" for kind in ("log", "console", "error"))
        if self.stub is None:
            self.stub = bool(missing_symbols(self.qemu, self.plugin or PLUGIN))
        machine = Machine(self.system, self.qemu, self.memory_mib, self.payload, deterministic_append(self.append),
                          log=log, console=f"file,path={value(console)}", error=f"file,path={value(error)}",
                          plugin_options=[*options, f"log={log}", f"console={console}", f"error={error}",
                                          *self.system.plugin_options()], stub=self.stub)
        if self.plugin:
            machine.plugin = self.plugin
        return machine

    def outputs(self, name: str) -> tuple[bytes, bytes, bytes]:
        """What a machine wrote."""
        log, console, error = ((self.directory / f"{name}.{kind}").read_bytes()
                               for kind in ("log", "console", "error"))
        return log, console, error


def run_golden(workbench: Workbench, service: str, timeout_s: float = 300) -> Golden:
    """Runs it; refuses a system that does not work without faults. Bindings are named for the target `service`."""
    results_path = workbench.directory / "golden.results"
    timeline_path = workbench.directory / "golden.timeline"
    images = workbench.directory / "images"
    images.mkdir(exist_ok=True)
    machine = workbench.machine("golden", ["mode=golden", f"results={results_path}", f"timeline={timeline_path}",
                                       f"images={images}", f"limit_ns={LIMIT_NS}"])
    with workbench.account.on("golden runs"):
        run_to_end(machine, timeout_s, "the golden run")
    results = Results(results_path)
    try:
        experiment = results.experiment(0) if results.done(0) else None
    finally:
        results.close()
    outputs = workbench.outputs("golden")
    if experiment is None or not ended_by_session(experiment):
        how = "did not end" if experiment is None else \
            "reached its limit of instructions" if experiment.end is End.LIMIT else \
            f"ended with verdict {experiment.code}, detail {experiment.detail}"
        log = outputs[0].decode(errors="replace").strip().splitlines()
        raise MachineError(f"the golden run {how}\n" + "\n".join(log[-8:]),
                           "run the same session by hand (./perdure run) and mend what it shows")
    console = outputs[1].decode(errors="replace")
    reports = client_reports(console)
    failing = [name for name, report in reports.items() if report.errors]
    if not reports or failing:
        raise MachineError("the golden run's clients " + (f"report errors: {', '.join(failing)}" if failing else
                           "report nothing (no line `client NAME operations=.. errors=.. digest=..`)"),
                           "run the same session by hand (./perdure run) and mend what it shows")
    log = outputs[0].decode(errors="replace")
    observation = Observation(reports, experiment.detail, audit_differences(log), DiskVerdict(), (), failed_programs(log))
    image = images / f"{experiment.disk_hash}.img" if experiment.disk_hash else None
    return Golden(experiment, read_timeline(timeline_path), outputs, observation, image,
                  workbench.workload.clients or learn_clients(log, service),
                  workbench.system.services)


def learn_clients(log: str, service: str) -> dict[int, str]:
    """Binding number -> client's name, from the log's lines "binding N of SERVICE is NAME"."""
    return {int(match[1]): match[3] for match in _BINDING.finditer(log) if match[2] == service}


def observe(experiment: Experiment, golden: Golden, judge: Callable[[str], DiskVerdict],
            served: tuple[str, ...] = ()) -> Observation:
    """What a user of the faulty run would have seen. `served`: whom the service worked for when it was hit."""
    if experiment.disk_hash == golden.experiment.disk_hash:
        disk = DiskVerdict()
    else:
        disk = judge(experiment.disk_hash)
    log = golden.whole_output(0, experiment)
    return Observation(client_reports(golden.whole_output(1, experiment)), experiment.detail, audit_differences(log), disk,
                       served, failed_programs(log))


class ImageJudge:
    """Verdicts of images, kept by hash: each image is checked once."""

    def __init__(self, directory: Path, oracle: DiskOracle) -> None:
        self._directory = directory
        self._oracle = oracle
        self.verdicts: dict[str, DiskVerdict] = {}

    def __call__(self, disk_hash: str) -> DiskVerdict:
        if disk_hash not in self.verdicts:
            image = self._directory / f"{disk_hash}.img"
            if disk_hash and not image.exists():
                raise EngineError(f"the disk image {image} is missing", "run the campaign again: it goes on from here")
            self.verdicts[disk_hash] = self._oracle.judge(image) if disk_hash else \
                DiskVerdict(("/",), 0, "the run left no disk image")
        return self.verdicts[disk_hash]
