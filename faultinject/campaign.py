# SPDX-License-Identifier: MIT
"""A campaign: golden run, plan, experiments, verdicts, database and summary.

Rule: `campaign.sqlite` (its rows) and `summary.json` (its bytes) are functions of the system, the workload, the disk,
QEMU's version, the services, the models, the number of draws and the seed. What depends on the host (times, rates,
interruptions) is shown and never stored there. No finding is kept in memory: the database is the campaign's state.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from faultinject import cluster, engine, schema, summary
from faultinject.classify import Outcome
from faultinject.errors import InjectorError, UsageError
from faultinject.every import Every
from faultinject.finding import Finding, Judges
from faultinject.golden import Golden, Workbench, run_golden
from faultinject.machine import Qemu
from faultinject.models import Model
from faultinject.oracle import DiskOracle, DiskVerdict
from faultinject.plan import Environment, Execution, Fault, Planned, Shard, Space, make_space
from faultinject.records import Experiment, Stretch
from faultinject.remote import Parcel
from faultinject.stopping import Until
from faultinject.store import Part, Store
from faultinject.symbols import keep
from faultinject.system import System, file_sha256
from faultinject.target import target_of
from faultinject.times import Account
from faultinject.trace import Tracer
from faultinject.workload import Workload

#: Stands for every service that the workload uses.
ALL = "all"
DATABASE, SUMMARY = "campaign.sqlite", "summary.json"
#: Draws that are planned at a time: what a campaign holds in memory does not grow beyond such a batch.
BATCH_DRAWS = 20_000
#: Results are written when so many have come, or when the first of them is so old.
WRITE_RECORDS, WRITE_AFTER_S = 256, 2.0


@dataclass(frozen=True)
class Request:
    """What is asked for."""

    services: tuple[str, ...]
    models: tuple[Model, ...]
    count: int
    seed: int
    jobs: int
    shard: Shard = Shard()
    #: Faults that are known to be equal are run once, and those that are known to have no effect not at all.
    prune: bool = True
    #: Stop earlier than after `count` draws, when that is enough.
    until: Until | None = None
    #: Every instruction of an operation instead of a sample.
    every: Every | None = None
    #: Address of a Dask scheduler whose workers run the experiments; empty: this machine does.
    dask: str = ""
    #: On this machine.
    conduct: engine.Conduct = engine.Conduct()

    @property
    def part(self) -> Part:
        """What is drawn, before anything was."""
        return Part(self.seed, self.services, tuple(model.name for model in self.models),
                    str(self.every) if self.every else "def/use" if self.prune else "none", shards=() if self.shard.of == 1 else (self.shard,))


@dataclass
class Progress:
    """What a display is told. `done` and `outcomes` count draws, of this and of earlier runs of the campaign."""

    total: int
    done: int = 0
    #: Experiments and draws of this run alone.
    run: int = 0
    drawn: int = 0
    started: float = field(default_factory=time.monotonic)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    #: Elsewhere; None when this machine runs the experiments.
    workers: int | None = None

    @property
    def rate(self) -> float:
        """Experiments a second."""
        elapsed = time.monotonic() - self.started
        return self.run / elapsed if elapsed > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Until the end, in seconds; None while nothing is known."""
        elapsed = time.monotonic() - self.started
        return (self.total - self.done) * elapsed / self.drawn if self.drawn else None


Show = Callable[[Progress], None]


@dataclass
class Report:
    """A finished campaign."""

    summary: dict[str, object]
    directory: Path
    #: Experiments that this run made, and how long it took.
    run: int
    seconds: float
    account: Account

    @property
    def database(self) -> Path:
        """Where the experiments are."""
        return self.directory / DATABASE


class Runner(Protocol):
    """Whoever runs experiments: this machine, or others."""

    @property
    def workers(self) -> int | None:
        """How many there are now, elsewhere; None: this machine."""

    def run(self, faults: Sequence[Fault], deliver: Callable[[schema.Record], None], idle: Callable[[], None]) -> None:
        """Runs each fault once and delivers its rows, in any order; calls `idle` now and then where it has to wait long."""

    def verdicts(self) -> dict[str, DiskVerdict]:
        """What the disks were like that were judged since this was last asked."""


class LocalRunner:
    """This machine."""

    workers = None

    def __init__(self, workbench: Workbench, golden: Golden, judges: Judges, jobs: int, conduct: engine.Conduct) -> None:
        self._workbench, self._golden, self._judges = workbench, golden, judges
        self._jobs, self._conduct = jobs, conduct

    def run(self, faults: Sequence[Fault], deliver: Callable[[schema.Record], None], idle: Callable[[], None]) -> None:
        def done(fault: Fault, experiment: Experiment) -> None:
            with self._workbench.account.on("judging"):
                record = schema.record(self._judges(fault, experiment))
            deliver(record)

        engine.run_plan(self._workbench, self._golden, faults, self._jobs, done, self._conduct)

    def verdicts(self) -> dict[str, DiskVerdict]:
        return self._judges.new_verdicts()


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


def targets(system: System, golden: Golden, services: Sequence[str]) -> dict[str, Execution]:
    """The executions of the services that are named; ALL stands for every one that executes anything."""
    names = [service.name for service in system.services] if list(services) == [ALL] else services
    found = {name: Execution(golden.timeline, system.service_index(name), target_of(system, name)) for name in names}
    return {name: execution for name, execution in found.items() if execution.instructions or ALL not in services}


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """One campaign at a time works in a directory."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"another campaign is running in {directory}",
                             "wait until it has ended, or give another --out") from error
        yield
    finally:
        os.close(handle)


def run(workbench: Workbench, request: Request, directory: Path, show: Show,
        oracle: DiskOracle | None = None) -> Report:
    """Runs a campaign, or what is left of it, and writes its files to `directory`."""
    started = time.monotonic()
    engine.choose(workbench, request.conduct, request.models)
    golden = run_golden(workbench, "")
    executions = targets(workbench.system, golden, request.services)
    judges = Judges(workbench, golden, executions, oracle)
    facts = _facts(workbench, golden, executions, judges)
    space: Space
    if request.every:
        all_of_them = request.every.space(workbench, golden, executions, request.models[0], request.seed, environment_of(facts))
        space, request = all_of_them, replace(request, count=min(request.count, len(all_of_them)))
    else:
        space = make_space(executions, request.models, request.seed, environment_of(facts),
                           Tracer(workbench, golden, executions) if request.prune else None)
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(open_store(directory / DATABASE, facts, request, space))
        runner: Runner = LocalRunner(workbench, golden, judges, request.jobs, request.conduct)
        if request.dask:
            parcel = Parcel.pack(workbench, golden, facts, tuple(executions), oracle)
            runner = stack.enter_context(cluster.connect(request.dask, parcel))
        worker = Campaign(store, space, request, runner, judges.overwritten, show, workbench.account)
        worker.run()
        found = summary.write(store, directory / SUMMARY)
    shutil.rmtree(workbench.directory, ignore_errors=True)
    return Report(found, directory, worker.progress.run, time.monotonic() - started, workbench.account)


#: Facts in which campaigns may not differ when one goes on or when they are merged, and what they are called.
IDENTITY = {"system_sha256": "kernel image", "disk_sha256": "disk", "workload_sha256": "workload",
            "qemu": "version of QEMU", "memory_mib": "size of memory", "append": "kernel's command line"}


def identity(system: System, qemu: Qemu, workload: Workload, memory_mib: int, append: str = "") -> dict[str, object]:
    """What of a campaign's facts is known before anything is run."""
    return {"system_sha256": system.sha256(), "disk_sha256": file_sha256(workload.disk) if workload.disk else "",
            "workload_sha256": workload.sha256(), "qemu": qemu.version, "memory_mib": memory_mib, "append": append}


def environment_of(facts: Mapping[str, object]) -> Environment:
    """The hashes that ids include."""
    return Environment(str(facts["system_sha256"]), str(facts["disk_sha256"]),
                       f"{facts['workload_sha256']} {facts['memory_mib']} {facts['append']}", str(facts["qemu"]))


def _facts(workbench: Workbench, golden: Golden, executions: dict[str, Execution],
           judges: Judges) -> dict[str, object]:
    return {**identity(workbench.system, workbench.qemu, workbench.workload, workbench.memory_mib, workbench.append),
            "workload": workbench.workload.name, "engine": "QEMU gdb stub" if workbench.stub else "QEMU plugin",
            "services": [[service.name, service.low, service.high, service.reply, service.slot, list(service.calls)]
                         for service in workbench.system.services],
            "clients": {service: {str(number): name for number, name in sorted(judges.clients(service).items())}
                        for service in executions},
            "golden": {"ended_at_ns": golden.experiment.ended_at_ns, "limit_ns": golden.limit_ns,
                       "service_instructions": {service: execution.instructions
                                                for service, execution in executions.items()},
                       "disk_hash": golden.experiment.disk_hash}}


def differences(these: Mapping[str, object], those: Mapping[str, object]) -> list[str]:
    """In what two campaigns' systems under test differ, for people."""
    return [f"another {name} ({those.get(key)} there, {these.get(key)} here)" for key, name in IDENTITY.items()
            if these.get(key) != those.get(key)]


def _others(store: Store, facts: Mapping[str, object], wanted: Part) -> list[str]:
    """Why a database is not of the campaign that is asked for; empty when it is."""
    found = differences(facts, store.facts())
    parts = store.parts()
    if len(parts) != 1:
        return [*found, "it was merged of several"]
    names = ("seed", "services", "models", "pruning")
    found += [f"other {name} ({old} there, {new} here)"
              for name, old, new in zip(names, parts[0].identity, wanted.identity, strict=True) if old != new]
    if not found and parts[0].shards != wanted.shards:
        found.append("another shard")
    return found


def make_way(directory: Path, facts: Mapping[str, object], request: Request, replace: bool, resume: bool) -> None:
    """Decides what is to become of a database in `directory`, before anything there is touched: one of the same
    campaign goes on; another is refused, or deleted if it may be replaced."""
    path = directory / DATABASE
    if not path.exists():
        if resume:
            raise UsageError(f"there is no campaign in {directory} that could go on", "leave out --resume to begin one")
        return
    try:
        with Store.open(path) as store:
            others, draws = _others(store, facts, request.part), store.parts()[0].draws
    except InjectorError as error:
        if not replace:
            raise
        others, draws = [error.reason], 0
    if others and not replace:
        raise UsageError(f"{path} is of another campaign: {'; '.join(others)}",
                         "give another --out, or --replace to begin anew there")
    if not others and draws > request.count:
        raise UsageError(f"{path} holds {draws} draws already", f"--n {draws} or more, or another --out")
    if others:
        for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal", SUMMARY):
            (directory / name).unlink(missing_ok=True)


def open_store(path: Path, facts: dict[str, object], request: Request, space: Space) -> Store:
    """The campaign's database: a new one, or the one that is there, which make_way() has found to be the same."""
    if not path.exists():
        return Store.create(path, facts, [request.part], space.strata)
    store = Store.open(path, write=True)
    if store.facts() != facts:
        store.close()
        raise engine.EngineError(f"the golden run is not the one of {path}",
                                 "runs are not repeatable with this QEMU: use another build, and say which one failed")
    return store


class Campaign:
    """Plans batch after batch, has the experiments run, and writes what comes."""

    def __init__(self, store: Store, space: Space, request: Request, runner: Runner,
                 overwritten: Callable[[Planned, Stretch], Finding], show: Show,
                 account: Account | None = None) -> None:
        self._account = account or Account()
        self._store, self._space, self._request, self._runner, self._show = store, space, request, runner, show
        self._overwritten = overwritten
        self._waiting: list[schema.Record] = []
        self._waiting_since = 0.0
        self._strata = len(space.strata)
        self.progress = Progress(self._mine(request.count))

    def _mine(self, draws: int) -> int:
        """How many of the first draws belong to this shard."""
        strata, shard = self._strata, self._request.shard
        deals, rest = divmod(draws, strata)
        own = len(range(shard.index, deals, shard.of)) * strata
        return own + (rest if deals % shard.of == shard.index else 0)

    def run(self) -> None:
        """Until all is done. Whatever ends it earlier, what has been delivered is in the database."""
        self._count()
        self._work_off()
        while goal := self._goal():
            planned = self._store.parts()[0].draws
            while planned < goal:
                first, planned = planned, min(planned + BATCH_DRAWS * self._request.shard.of, goal)
                self._plan(first, planned)
                self._count()
                self._work_off()
        self._store.finish()

    def _goal(self) -> int | None:
        """Up to which draw it goes on from here; None when these are enough. It is kept in the database, so that an
        interruption on the way there does not change where the next one is."""
        part, request = self._store.parts()[0], self._request
        goal: int | None = min(part.goal, request.count)
        if part.draws >= goal:
            goal = request.count
            if request.until:
                goal = request.until.next_look(self.progress.outcomes[request.until.outcome], part.draws)
                if goal is not None:
                    goal = min(-(-goal // self._strata) * self._strata, request.count)
            if goal is None or goal <= part.draws:
                return None
        if goal != part.goal:
            self._store.set_goal(goal)
        self.progress.total = self._mine(goal)
        return goal

    def _count(self) -> None:
        """What is done, by the database: an experiment that was run already may have gained weight."""
        self.progress.outcomes.clear()
        for row in self._store.tally():
            self.progress.outcomes[Outcome(row["outcome"])] += row["draws"]
        self.progress.done = sum(self.progress.outcomes.values())
        self._show(self.progress)

    def _plan(self, first: int, end: int) -> None:
        with self._account.on("planning"):
            planned = self._space.draws(first, end, self._request.shard)
            known = [schema.record(self._overwritten(one, self._space.stretch(one.fault))) for one in planned if one.dead]
        with self._account.on("database"):
            self._store.plan(planned, end, known)

    def _work_off(self) -> None:
        """Runs all that is planned and has no result."""
        while faults := self._store.pending(BATCH_DRAWS):
            try:
                self._runner.run(faults, self._deliver, self._idle)
            finally:
                self._write()

    def _deliver(self, one: schema.Record) -> None:
        now = time.monotonic()
        if not self._waiting:
            self._waiting_since = now
        self._waiting.append(one)
        weight = self._store.weight_of(one.number)
        self.progress.run += 1
        self.progress.drawn += weight
        self.progress.done += weight
        self.progress.outcomes[Outcome(one.outcome)] += weight
        if len(self._waiting) >= WRITE_RECORDS or now - self._waiting_since > WRITE_AFTER_S:
            self._write()
        self._show(self.progress)

    def _idle(self) -> None:
        self._write()
        self.progress.workers = self._runner.workers
        self._show(self.progress)

    def _write(self) -> None:
        if self._waiting:
            with self._account.on("database"):
                self._store.add_images(self._runner.verdicts())
                self._store.add(self._waiting)
            self._waiting = []
