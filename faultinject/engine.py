# SPDX-License-Identifier: MIT
"""Running a plan. Three engines do: the fork server, one QEMU whose children are the experiments; slower, a fresh QEMU for each
experiment, which needs nothing of the host but to start it; and, slower again, a fresh QEMU of which nothing is used but what
every build offers to anyone (faultinject/plugin/stub.h).

Rule: what is returned depends on the plan alone. Engine, jobs, load and the order in which experiments end have no part in
it; a run of the injector that fails (a dead emulator, a wall-clock limit) is repeated, and never becomes a result.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path

from faultinject.errors import EngineError
from faultinject.golden import Golden, Workbench
from faultinject.layout import layout_options
from faultinject.machine import PLUGIN, missing_symbols, stop
from faultinject.models import Model
from faultinject.plan import Fault
from faultinject.records import ENGINE_FAILURES, End, Experiment, Feature, Results
from faultinject.times import ENGINE_REST, Account

POLL_S = 0.1
WALL_LIMIT_MS = 120_000
ATTEMPTS = 3
ROOM_LEAST_BYTES = 1 << 20
#: How much longer an experiment by the stub may take.
STUB_PATIENCE = 10
#: Groups of models that it has no way to: they need a second machine to rehearse in.
NOT_BY_STUB = frozenset({"second"})
#: What the stub costs, against the fork server (docs/campaigns.md).
STUB_SLOWER = 35
#: Warming up costs two golden runs more.
WARM_FROM_EXPERIMENTS = 8


class Engine(StrEnum):
    """Who runs experiments. AUTO: the fork server; fresh processes where its children do not live, the stub where QEMU has no
    symbols."""

    AUTO = "auto"
    FORK = "fork"
    FRESH = "fresh"
    STUB = "stub"


def _say(line: str) -> None:
    print(line, file=sys.stderr)


@dataclass(frozen=True)
class Conduct:
    """How experiments are run. No result depends on it."""

    engine: Engine = Engine.AUTO
    #: How long the host may take for one.
    wall_ms: int = WALL_LIMIT_MS
    #: The fork server warms up before its first fork.
    warm: bool = True
    #: An experiment ends when its state is the golden run's; only after warming up.
    early_end: bool = True
    say: Callable[[str], None] = field(default=_say, compare=False)


def choose(workbench: Workbench, conduct: Conduct, models: Sequence[Model]) -> None:
    """Decides, before the golden run, whether QEMU's own functions are used; says why if not, and refuses models that need
    them."""
    if conduct.engine in (Engine.FORK, Engine.FRESH):
        workbench.stub = False
        return
    missing = missing_symbols(workbench.qemu, workbench.plugin or PLUGIN)
    impossible = [model.name for model in models if NOT_BY_STUB.intersection(model.groups)]
    if impossible and (missing or conduct.engine is Engine.STUB):
        raise EngineError(f"{', '.join(impossible)} cannot be done through QEMU's gdb stub",
                          "use a QEMU that has its symbols" if missing else "leave out --engine stub")
    workbench.stub = conduct.engine is Engine.STUB or bool(missing)
    if missing:
        first, *others = missing.split(", ")
        conduct.say(f"This QEMU was stripped of its symbols ({first} and {len(others)} more): its gdb stub takes the place of the "
                    f"fork server, with a fresh QEMU for each experiment. The results are the same, some {STUB_SLOWER} times slower.")


def _options(mode: str, workbench: Workbench, golden: Golden, faults: Sequence[Fault], plan: Path, results: Path,
             jobs: int, conduct: Conduct) -> list[str]:
    return [f"mode={mode}", f"plan={plan}", f"results={results}", f"jobs={jobs}", f"limit_ns={golden.limit_ns}",
            *layout_options(workbench.system.kernel, {fault.change.kind for fault in faults}),
            f"wall_ms={conduct.wall_ms}", f"images={workbench.directory / 'images'}",
            f"known_disk={golden.experiment.disk_hash}"]


def _write_plan(path: Path, faults: Sequence[Fault]) -> None:
    path.write_text("".join(fault.line(position) for position, fault in enumerate(faults)))


def run_alone(workbench: Workbench, golden: Golden, fault: Fault, conduct: Conduct | None = None) -> Experiment:
    """One experiment in a fresh QEMU, without forking."""
    for _ in range(ATTEMPTS - 1 if workbench.stub else 0):
        with contextlib.suppress(EngineError):
            return _run_alone(workbench, golden, fault, conduct or Conduct())
    return _run_alone(workbench, golden, fault, conduct or Conduct())


def _run_alone(workbench: Workbench, golden: Golden, fault: Fault, conduct: Conduct) -> Experiment:
    with tempfile.TemporaryDirectory(prefix="perdure-single-", dir=workbench.directory) as name:
        directory = Path(name)
        plan, results_path = directory / "plan", directory / "results"
        _write_plan(plan, [fault])
        machine = workbench.machine(f"{directory.name}/single", _options("single", workbench, golden, [fault], plan,
                                                                         results_path, 1, conduct))
        wall_ms = conduct.wall_ms * (STUB_PATIENCE if workbench.stub else 1)
        complaint = _run(machine.start(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE), wall_ms / 1000)
        try:
            return _read_one(results_path, complaint)
        except EngineError:
            require_room(directory)
            raise


def _run(process: subprocess.Popen[bytes], timeout_s: float) -> str:
    try:
        _, complaint = process.communicate(timeout=timeout_s)
        return complaint.decode(errors="replace").strip()
    except subprocess.TimeoutExpired:
        return f"it took longer than {timeout_s:.0f} s"
    finally:
        stop(process)


def require_room(directory: Path) -> None:
    """Experiments that ended without a result on a disk that is full ended because of that: a page of the results that has no
    room on the disk kills the process that writes it."""
    disk = os.statvfs(directory)
    if disk.f_bavail * disk.f_frsize < ROOM_LEAST_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory.parent))


def _read_one(path: Path, complaint: str) -> Experiment:
    if not path.exists():
        raise EngineError(f"the experiment did not start\n{complaint}", "see QEMU's message above")
    results = Results(path)
    try:
        if not results.done(0):
            raise EngineError(f"the experiment ended without a result\n{complaint}", "see QEMU's message above")
        experiment = results.experiment(0)
    finally:
        results.close()
    if experiment.end in ENGINE_FAILURES:
        raise EngineError(f"the experiment ended by {experiment.end.name.lower()}\n{complaint}",
                          "run it on a machine with less load")
    return experiment


def run_plan(workbench: Workbench, golden: Golden, faults: Sequence[Fault], jobs: int,
             done: Callable[[Fault, Experiment], None], conduct: Conduct | None = None) -> Feature:
    """Runs every fault once, `jobs` at a time, and calls `done` for each as it ends, in no particular order. Returns what
    was done to be fast."""
    conduct = conduct or Conduct()
    remaining, complaint, features = list(faults), "", Feature(0)
    if conduct.engine is not Engine.FRESH and not workbench.stub:
        for attempt in range(ATTEMPTS):
            asked, warm = len(remaining), conduct.warm and attempt == 0 and len(remaining) >= WARM_FROM_EXPERIMENTS
            remaining, complaint, used = _run_batch(workbench, golden, remaining, jobs if attempt == 0 else 1, warm, done,
                                                    conduct)
            features |= used
            if not remaining:
                return features
            if len(remaining) == asked and conduct.engine is Engine.AUTO:
                break  # not one of them lived
    if conduct.engine is Engine.FORK and not workbench.stub:
        raise EngineError(f"{len(remaining)} experiments could not be run, the first at {remaining[0].time_ns} ns "
                          f"({remaining[0].model})\n{complaint}",
                          "see QEMU's message above; --engine fresh does without forking; `perdure doctor` may help")
    if conduct.engine is Engine.AUTO and not workbench.stub:
        reason = complaint.splitlines()[-1] if complaint else "its children do not live"
        conduct.say(f"The fork server does not work here ({reason}): the {len(remaining)} experiments that are left run in a "
                    "fresh QEMU each, which is slower and gives the same results.")
    _run_fresh(workbench, golden, remaining, jobs, done, conduct)
    return features


def _run_fresh(workbench: Workbench, golden: Golden, faults: Sequence[Fault], jobs: int,
               done: Callable[[Fault, Experiment], None], conduct: Conduct) -> None:
    """Each fault in a QEMU of its own."""
    with ThreadPoolExecutor(jobs) as pool:
        waiting = iter(faults)
        running = {pool.submit(run_alone, workbench, golden, fault, conduct): fault for fault in islice(waiting, 2 * jobs)}
        try:
            while running:
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    done(running.pop(future), future.result())
                    running.update({pool.submit(run_alone, workbench, golden, fault, conduct): fault
                                    for fault in islice(waiting, 1)})
        finally:
            pool.shutdown(cancel_futures=True)


def _run_batch(workbench: Workbench, golden: Golden, faults: list[Fault], jobs: int, warm: bool,
               done: Callable[[Fault, Experiment], None], conduct: Conduct) -> tuple[list[Fault], str, Feature]:
    """One fork server over these faults; returns those without a result, what QEMU said, and what was done to be fast."""
    with tempfile.TemporaryDirectory(prefix="perdure-fork-", dir=workbench.directory) as name:
        directory = Path(name)
        plan, results_path, complaint_path = directory / "plan", directory / "results", directory / "stderr"
        _write_plan(plan, faults)
        machine = workbench.machine("fork", _options("fork", workbench, golden, faults, plan, results_path, jobs, conduct))
        if warm:
            # At the end, for they name services that options before them made known.
            targets = sorted({fault.service for fault in faults}.intersection(workbench.system.names))
            machine.plugin_options += ["warm=1", f"early_end={int(conduct.early_end)}",
                                       *(f"rehearse={name}" for name in targets)]
        with workbench.account.on(ENGINE_REST), complaint_path.open("wb") as complaint:
            process = machine.start(stdout=subprocess.DEVNULL, stderr=complaint)
            try:
                left = _collect(process, results_path, faults, done, workbench.account)
            finally:
                stop(process)
        if left:
            require_room(directory)
        features = Feature(0)
        if results_path.exists():
            with contextlib.closing(Results(results_path)) as results:
                workbench.account.move(ENGINE_REST, results.phases_ns)
                features = results.features
        return left, complaint_path.read_text(errors="replace").strip(), features


def _collect(process: subprocess.Popen[bytes], path: Path, faults: list[Fault],
             done: Callable[[Fault, Experiment], None], account: Account) -> list[Fault]:
    results: Results | None = None
    waiting = dict(enumerate(faults))
    failed: list[Fault] = []
    try:
        while waiting:
            ended = process.poll() is not None
            if results is None and path.exists() and path.stat().st_size > 0:
                results = Results(path)
            for position in results.take_ended() if results is not None else ():
                fault = waiting.pop(position)
                with account.on("reading results"):
                    experiment = results.experiment(position)
                if experiment.end is End.MISSED:
                    raise EngineError(f"the point at {fault.time_ns} ns was missed: runs are not repeatable here",
                                      "use another build of QEMU, and say which one failed")
                if experiment.end in ENGINE_FAILURES:
                    failed.append(fault)
                else:
                    done(fault, experiment)
            if ended:
                break
            time.sleep(POLL_S)
    finally:
        if results is not None:
            results.close()
    return sorted([*failed, *waiting.values()], key=lambda fault: (fault.time_ns, fault.index))
