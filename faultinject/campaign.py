# SPDX-License-Identifier: MIT
"""A campaign: golden run, plan, experiments, verdicts, database and summary.

Rule: `campaign.sqlite` (its rows) and `summary.json` (its bytes) are functions of the system, the workload, the disk,
QEMU's version, the models, the number of faults and the seed. What depends on the host (times, rates) is shown and
never stored there.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faultinject import engine
from faultinject.classify import Judgement, Outcome, classify, ended_by_session
from faultinject.golden import Golden, ImageJudge, Workbench, observe, run_golden
from faultinject.machine import Qemu
from faultinject.models import MODELS, Model
from faultinject.oracle import DiskOracle, Ext2Oracle
from faultinject.plan import Environment, Execution, Fault, sample
from faultinject.records import Experiment
from faultinject.statistics import summary as quantiles
from faultinject.statistics import wilson
from faultinject.store import Store
from faultinject.symbols import Symbolizer, keep
from faultinject.system import System, file_sha256
from faultinject.workload import Workload


@dataclass(frozen=True)
class Request:
    """What is asked for."""

    service: str
    models: tuple[Model, ...]
    count: int
    seed: int
    jobs: int


@dataclass
class Finding:
    """One experiment with its judgement."""

    fault: Fault
    experiment: Experiment
    judgement: Judgement
    served: str
    #: In which the fault struck.
    function: str = ""


@dataclass
class Progress:
    """What a display is told."""

    total: int
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Experiments a second."""
        elapsed = time.monotonic() - self.started
        return self.done / elapsed if elapsed > 0 else 0.0


@dataclass
class Report:
    """A finished campaign."""

    findings: list[Finding]
    summary: dict[str, object]
    directory: Path
    seconds: float


def prepare(system: System, qemu: Qemu, workload: Workload, directory: Path, memory_mib: int) -> Workbench:
    """Copies what a replay will need into DIRECTORY/system, so that it works after the tree has changed."""
    kept = directory / "system"
    work = directory / "work"
    for path in (kept, work):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    kernel = kept / "kernel.elf"
    shutil.copyfile(system.kernel, kernel)
    keep(system, kept)
    workload.write_payload(kept / "payload")
    return Workbench(System(kernel, system.services, system.symbols), qemu, workload, kept / "payload", work, memory_mib)


def environment_of(workbench: Workbench) -> Environment:
    """The hashes that ids include."""
    disk = file_sha256(workbench.workload.disk) if workbench.workload.disk else ""
    workload = f"{workbench.workload.sha256()} {workbench.memory_mib} {workbench.append}"
    return Environment(workbench.system.sha256(), disk, workload, workbench.qemu.version)


def make_judge(workbench: Workbench, golden: Golden, oracle: DiskOracle | None) -> ImageJudge:
    """The judge of disks: ext2 unless another oracle is given."""
    if oracle is None:
        if golden.image is None:
            raise ValueError("the golden run has no disk")
        oracle = Ext2Oracle(golden.image)
    return ImageJudge(workbench.directory / "images", oracle)


def judge_experiment(fault: Fault, experiment: Experiment, golden: Golden, judge: ImageJudge) -> Finding:
    """An experiment's class, by the replies and the disk."""
    seen = observe(experiment, golden, judge) if ended_by_session(experiment) else None
    served = golden.clients.get(experiment.serving_binding, "")
    return Finding(fault, experiment, classify(experiment, seen, golden.observation), served)


def run(workbench: Workbench, request: Request, directory: Path, show: Callable[[Progress], None],
        oracle: DiskOracle | None = None) -> Report:
    """Runs a campaign and writes its files to `directory`."""
    started = time.monotonic()
    golden = run_golden(workbench, request.service)
    judge = make_judge(workbench, golden, oracle)
    execution = Execution(golden.timeline, workbench.system.service_index(request.service))
    environment = environment_of(workbench)
    faults = sample(execution, request.service, request.models, request.count, request.seed, environment)
    findings: dict[int, Finding] = {}
    progress = Progress(len(faults))
    show(progress)

    def done(fault: Fault, experiment: Experiment) -> None:
        finding = judge_experiment(fault, experiment, golden, judge)
        _check_control(finding, golden)
        findings[fault.index] = finding
        progress.done += 1
        progress.outcomes[finding.judgement.outcome] += 1
        show(progress)

    engine.run_plan(workbench, golden, faults, request.jobs, done)
    ordered = [findings[fault.index] for fault in faults]
    symbolizer = Symbolizer.of(workbench.system)
    for finding in ordered:
        finding.function = symbolizer.function(finding.experiment.rip)
    facts = _facts(workbench, request, golden, execution, environment)
    report = Report(ordered, summarise(ordered, facts), directory, 0.0)
    _write(report, facts, workbench, judge)
    shutil.rmtree(workbench.directory, ignore_errors=True)
    report.seconds = time.monotonic() - started
    return report


def _check_control(finding: Finding, golden: Golden) -> None:
    """A run without a fault that is not the golden run means that the tool is wrong."""
    if finding.fault.model != "control":
        return
    if (finding.judgement.outcome is not Outcome.NOT_ACTIVATED
            or finding.experiment.ended_at_ns != golden.experiment.ended_at_ns):
        raise engine.EngineError(f"the control experiment at {finding.fault.time_ns} ns differs from the golden run",
                                 "runs are not repeatable with this QEMU: use another build, and say which one failed")


def _facts(workbench: Workbench, request: Request, golden: Golden, execution: Execution,
           environment: Environment) -> dict[str, object]:
    return {"service": request.service, "models": [model.name for model in request.models], "n": request.count,
            "seed": request.seed, "workload": workbench.workload.name, "memory_mib": workbench.memory_mib,
            "append": workbench.append, "system_sha256": environment.system, "disk_sha256": environment.disk,
            "workload_sha256": workbench.workload.sha256(), "qemu": environment.qemu, "engine": "fork server",
            "services": [[service.name, service.low, service.high] for service in workbench.system.services],
            "clients": {str(number): name for number, name in sorted(golden.clients.items())},
            "golden": {"ended_at_ns": golden.experiment.ended_at_ns, "limit_ns": golden.limit_ns,
                       "service_instructions": execution.instructions,
                       "disk_hash": golden.experiment.disk_hash}}


def _share(count: int, total: int) -> dict[str, object]:
    low, high = wilson(count, total)
    return {"count": count, "of": total, "share": round(count / total, 6) if total else 0.0,
            "wilson_95": [round(low, 6), round(high, 6)]}


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    counter = Counter(finding.judgement.outcome for finding in findings)
    return {outcome.value: counter[outcome] for outcome in Outcome}


def recovery_latencies(findings: Sequence[Finding]) -> list[int]:
    """Of every recovery whose parked call was answered."""
    return [recovery.latency_ns for finding in findings for recovery in finding.experiment.recoveries
            if recovery.latency_ns is not None]


def _section(findings: Sequence[Finding]) -> dict[str, object]:
    """The figures of a set of experiments."""
    injected = len(findings)
    caught = [finding for finding in findings if finding.judgement.caught]
    recovered = [finding for finding in caught if finding.judgement.outcome is Outcome.RECOVERED]
    outcomes = _counts(findings)
    unread = sum(finding.judgement.outcome is Outcome.OVERWRITTEN and not finding.judgement.activated
                 for finding in findings)
    return {"injected": injected,
            "activated": sum(finding.judgement.activated for finding in findings),
            "manifested": sum(finding.judgement.manifested for finding in findings),
            "caught": len(caught),
            "caught_recovered": _share(len(recovered), len(caught)),
            "recovery_ns": quantiles(recovery_latencies(findings)),
            "outcomes": outcomes,
            "overwritten_before_use": unread,
            "overwritten_after_use": outcomes[Outcome.OVERWRITTEN] - unread,
            "intervals": {name: _share(count, injected) for name, count in outcomes.items()}}


def summarise(findings: Sequence[Finding], facts: dict[str, object]) -> dict[str, object]:
    """What summary.json holds."""
    models = list(dict.fromkeys(finding.fault.model for finding in findings))
    models.sort(key=lambda name: list(MODELS).index(name))
    silent = Counter(finding.function or "?" for finding in findings
                     if finding.judgement.outcome is Outcome.SILENT)
    return {"format": 1, **_section(findings), "silent_by_function": dict(sorted(silent.items())),
            "by_model": {name: _section([f for f in findings if f.fault.model == name]) for name in models},
            "campaign": facts}


def _write(report: Report, facts: dict[str, object], workbench: Workbench, judge: ImageJudge) -> None:
    store = Store.create(report.directory / "campaign.sqlite", facts)
    try:
        for finding in report.findings:
            store.add(finding.fault, MODELS[finding.fault.model].describe(finding.fault.change), finding.experiment,
                      finding.judgement, finding.function, finding.served)
        store.add_images(judge.verdicts)
    finally:
        store.close()
    text = json.dumps(report.summary, indent=2, sort_keys=False) + "\n"
    (report.directory / "summary.json").write_text(text)
