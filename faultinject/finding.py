# SPDX-License-Identifier: MIT
"""One experiment with its judgement, and the judge that makes it.

Rule: a finding is a function of the fault and the golden run alone. Who ran the experiment, where, and in which order
has no part in it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from faultinject.classify import Judgement, Outcome, affected_others, classify, ended_by_session
from faultinject.errors import EngineError
from faultinject.golden import Golden, ImageJudge, Workbench, learn_clients, observe
from faultinject.oracle import DiskOracle, DiskVerdict, Ext2Oracle, Observation, client_reports, failed_programs
from faultinject.plan import Fault, Planned
from faultinject.records import Activation, End, Experiment, Stretch
from faultinject.symbols import Symbolizer


@dataclass
class Finding:
    """One experiment with its judgement."""

    fault: Fault
    experiment: Experiment
    judgement: Judgement
    #: The clients that were being served (faultinject/served.py).
    served: tuple[str, ...]
    #: In which the fault struck.
    function: str = ""
    #: Other clients that saw anything of it.
    affected: tuple[str, ...] = ()
    #: False: the result is known from the golden run.
    run: bool = True


def make_judge(workbench: Workbench, golden: Golden, oracle: DiskOracle | None) -> ImageJudge:
    """The judge of disks: ext2 unless another oracle is given."""
    if oracle is None:
        if golden.image is None:
            raise ValueError("the golden run has no disk")
        oracle = Ext2Oracle(golden.image)
    return ImageJudge(workbench.directory / "images", oracle)


def judge_experiment(fault: Fault, experiment: Experiment, golden: Golden, judge: ImageJudge) -> Finding:
    """An experiment's class, by the replies and the disk."""
    served = golden.served(fault.service, experiment.serving_binding, experiment.injected_at_ns)
    ends = failed_programs(golden.whole_output(0, experiment))
    shown = Observation(client_reports(golden.whole_output(1, experiment)), 0, 0, DiskVerdict(), served, ends)
    seen = None
    if ended_by_session(experiment):
        seen = observe(experiment, golden, judge, served)
    elif experiment.end is End.LIMIT:
        seen = shown
    return Finding(fault, experiment, classify(experiment, seen, golden.observation), served,
                   affected=affected_others(shown, golden.observation))


class Judges:
    """Judges the experiments of several services by one golden run: each service has its own bindings."""

    def __init__(self, workbench: Workbench, golden: Golden, services: Iterable[str],
                 oracle: DiskOracle | None = None) -> None:
        log = golden.outputs[0].decode(errors="replace")
        self._golden = {service: replace(golden, clients=workbench.workload.clients or learn_clients(log, service))
                        for service in services}
        self._services = {service.name: service for service in workbench.system.services}
        self._symbolizer = Symbolizer.of(workbench.system)
        self._judge = make_judge(workbench, golden, oracle)
        self._kept = golden.image
        self._images = workbench.directory / "images"
        self._told = 0

    def new_verdicts(self) -> dict[str, DiskVerdict]:
        """Of the disks that were judged since this was last asked."""
        first, self._told = self._told, len(self._judge.verdicts)
        return dict(itertools.islice(self._judge.verdicts.items(), first, None))

    def clients(self, service: str) -> dict[int, str]:
        """Binding number -> client of that service."""
        return self._golden[service].clients

    def __call__(self, fault: Fault, experiment: Experiment) -> Finding:
        """Judges one experiment; refuses one that is not what was planned: a control run that is not the golden run, a
        fault that found somebody else running, a second fault that had a place and was not put in. Its disk is not needed any more."""
        golden = self._golden[fault.service]
        finding = judge_experiment(fault, experiment, golden, self._judge)
        image = self._images / f"{experiment.disk_hash}.img"
        if experiment.disk_hash and image != self._kept and image.exists():
            os.truncate(image, 0)  # the name stays: the plugin then knows that this disk needs no other copy
        finding.function = self._symbolizer.function(experiment.rip)
        if fault.model == "control" and (finding.judgement.outcome is not Outcome.NOT_ACTIVATED
                                         or experiment.ended_at_ns != golden.experiment.ended_at_ns):
            raise EngineError(f"the control experiment at {fault.time_ns} ns differs from the golden run",
                              "runs are not repeatable with this QEMU: use another build, and say which one failed")
        service = self._services.get(fault.service)
        if experiment.rip and service and not service.low <= experiment.rip < service.high:
            raise EngineError(f"{fault.model} in {fault.service}, at {fault.time_ns} ns, would have struck at "
                              f"{experiment.rip:#x}, which is not {fault.service}'s",
                              "the run has strayed from the golden run: try --engine fresh, and say which QEMU this is")
        if experiment.second_points and not experiment.second_at_ns:
            raise EngineError(f"the second fault of {fault.model} in {fault.service}, at {fault.time_ns} ns, had "
                              f"{experiment.second_points} places and was not put in",
                              "runs are not repeatable with this QEMU: use another build, and say which one failed")
        return finding

    def overwritten(self, planned: Planned, stretch: Stretch) -> Finding:
        """What a run would come to in which the faulty value is replaced before anything has read it: the golden run.
        What only a run could say (the value, what was written after the fault) is left empty."""
        fault, place = planned.fault, planned.dead
        if place is None:
            raise ValueError(f"experiment {fault.index} must be run")
        golden = self._golden[fault.service]
        experiment = replace(
            golden.experiment, injected_at_ns=fault.time_ns, rip=place.address, privilege=3, stage=stretch.stage,
            serving_binding=stretch.serving_binding, incarnation=stretch.incarnation, address=fault.change.a,
            activation=Activation.REPLACED, watched_instructions=1, activation_rip=place.address,
            activated_at_ns=fault.time_ns,
            output_tails=(b"", b"", b""))
        served = golden.served(fault.service, stretch.serving_binding, fault.time_ns)
        judgement = classify(experiment, replace(golden.observation, served=served), golden.observation)
        return Finding(fault, experiment, judgement, served, self._symbolizer.function(place.address), run=False)
