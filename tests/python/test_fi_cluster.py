# SPDX-License-Identifier: MIT
"""Campaigns on Dask workers, real ones on the loopback: the same results, whatever happens to the workers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import fi_guest
import pytest

from faultinject import campaign, cluster, remote
from faultinject.errors import EngineError, SetupError
from faultinject.golden import run_golden
from faultinject.models import parse_models
from faultinject.oracle import RawOracle
from faultinject.plan import Fault
from faultinject.store import Store

START_S = 120
DRAWS = 160


def started(words: list[object], log: Path) -> subprocess.Popen[bytes]:
    """In a process group of its own; it dies with the tests."""
    with log.open("wb") as output:
        return subprocess.Popen([str(word) for word in words], stdout=output, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=cluster.die_with_parent)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Without any chance to say good-bye."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Lab:
    """A scheduler and workers."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._workers: list[subprocess.Popen[bytes]] = []
        told = directory / "scheduler.json"
        self.scheduler = started([sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port",
                                  "0", "--no-dashboard", "--scheduler-file", told], directory / "scheduler.log")
        deadline = time.monotonic() + START_S
        while not told.exists() or not told.read_text():
            assert time.monotonic() < deadline and self.scheduler.poll() is None, "the scheduler does not start"
            time.sleep(0.1)
        self.address = json.loads(told.read_text())["address"]

    def join(self) -> None:
        """One worker more."""
        number = len(self._workers)
        self._workers.append(started([sys.executable, fi_guest.ROOT / "perdure", "worker", self.address, "--jobs", "1"],
                                     self._directory / f"worker{number}.log"))

    def lose(self) -> None:
        """The worker that has been there longest dies."""
        kill(next(worker for worker in self._workers if worker.poll() is None))

    def close(self) -> None:
        for process in [*self._workers, self.scheduler]:
            kill(process)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(cluster, "CHUNK_FAULTS", 12)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    lab = Lab(tmp_path)
    try:
        yield lab
    finally:
        lab.close()


REQUEST = campaign.Request(("fs", "rng"), parse_models("reg-bitflip,hang,kill,memory-abort"), DRAWS, 11, 2)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> RawOracle:
    return fi_guest.oracle(fi_guest.golden(fi_guest.workbench(tmp_path_factory.mktemp("oracle"))))


def run(directory: Path, request: campaign.Request, oracle: RawOracle,
        show: Callable[[campaign.Progress], None] = lambda progress: None) -> bytes:
    directory.mkdir(exist_ok=True)
    campaign.run(fi_guest.workbench(directory), request, directory, show, oracle)
    return (directory / campaign.SUMMARY).read_bytes()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, oracle: RawOracle) -> bytes:
    return run(tmp_path_factory.mktemp("local"), REQUEST, oracle)


def test_workers_die_and_join_and_the_result_is_the_local_one(lab: Lab, tmp_path: Path, local: bytes,
                                                            oracle: RawOracle) -> None:
    """One of two dies in the middle, then the other, so that there is none; and another joins."""
    lab.join()
    lab.join()
    events = [(20, lab.lose), (60, lab.lose), (60, lab.join)]
    runs: list[int] = []

    def show(progress: campaign.Progress) -> None:
        runs.append(progress.run)
        while events and progress.run >= events[0][0]:
            events.pop(0)[1]()

    assert run(tmp_path / "c", replace(REQUEST, dask=lab.address), oracle, show) == local
    assert events == []
    with Store.open(tmp_path / "c" / campaign.DATABASE) as store:
        assert runs[-1] == sum(row["run"] for row in store.tally())


def test_a_scheduler_that_dies_is_said_and_the_campaign_goes_on_elsewhere(lab: Lab, tmp_path: Path, local: bytes,
                                                                        oracle: RawOracle) -> None:
    lab.join()

    def show(progress: campaign.Progress) -> None:
        if progress.run == 30:
            kill(lab.scheduler)

    with pytest.raises(EngineError, match="goes on with the same command"):
        run(tmp_path / "c", replace(REQUEST, dask=lab.address), oracle, show)
    with Store.open(tmp_path / "c" / campaign.DATABASE) as store:
        assert sum(row["run"] for row in store.tally()) >= 30
    assert run(tmp_path / "c", REQUEST, oracle) == local


def test_a_scheduler_without_workers_is_said(lab: Lab, tmp_path: Path, oracle: RawOracle,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "FIRST_WORKER_S", 1)
    with pytest.raises(SetupError, match="no worker has joined .*\n  mend: on each machine: ./perdure worker tcp:"):
        run(tmp_path / "c", replace(REQUEST, dask=lab.address), oracle)


def test_an_address_where_nobody_is_is_said(tmp_path: Path, oracle: RawOracle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 2)
    for address in ("tcp://127.0.0.1:9", "nonsense://x", "tcp://127.0.0.1", "tcp://127.0.0.1:99999"):
        with pytest.raises(SetupError, match="no Dask scheduler answers"):
            run(tmp_path / "c", replace(REQUEST, dask=address), oracle)


@pytest.fixture(scope="module")
def parcel(tmp_path_factory: pytest.TempPathFactory, oracle: RawOracle) -> remote.Parcel:
    directory = tmp_path_factory.mktemp("parcel")
    bench = fi_guest.workbench(directory)
    golden = run_golden(bench, "")
    facts = {**campaign.identity(bench.system, bench.qemu, bench.workload, bench.memory_mib), "workload": "guest",
             "services": [[service.name, service.low, service.high, service.reply] for service in bench.system.services]}
    return remote.Parcel.pack(bench, golden, facts, ("fs",), oracle)


@pytest.mark.parametrize(("change", "complaint"), [
    ({"tool": "other"}, "another version of this tool"), ({"golden": "other"}, "is not the campaign's")])
def test_a_worker_that_is_not_alike_refuses(parcel: remote.Parcel, change: dict[str, str], complaint: str, tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote.tempfile, "tempdir", str(tmp_path))
    with pytest.raises((EngineError, SetupError), match=complaint):
        remote.Bench(replace(parcel, **change))
    assert list(tmp_path.iterdir()) == []


def test_the_hash_of_the_tool_covers_the_code_of_all_its_packages(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "code.py").write_text("A = 1\n")
    before = remote.tool_sha256(tmp_path)
    (tmp_path / "models" / "code.py").write_text("A = 2\n")
    remote.tool_sha256.cache_clear()
    assert remote.tool_sha256(tmp_path) != before
    (tmp_path / "models" / "code.py").rename(tmp_path / "models" / "other.py")
    remote.tool_sha256.cache_clear()
    assert remote.tool_sha256(tmp_path) != before


def test_a_worker_with_another_qemu_refuses(parcel: remote.Parcel) -> None:
    with pytest.raises(SetupError, match="was run by QEMU 1.2.3, this is"):
        remote.Bench(replace(parcel, facts={**parcel.facts, "qemu": "1.2.3"}))


class Future:
    """A chunk that ends at once, by an error or with results."""

    def __init__(self, outcome: object) -> None:
        self._outcome = outcome

    def add_done_callback(self, done: Callable[[object], None]) -> None:
        done(self)

    def result(self, timeout: float) -> object:
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome


class Client:
    """A scheduler that gives up on every chunk, so many times."""

    status = "running"

    def __init__(self, deaths: int) -> None:
        from distributed.scheduler import KilledWorker

        self._error = KilledWorker("task", "worker", 3)
        self._deaths = deaths
        self.submitted = 0

    def submit(self, function: Callable, *arguments: object, key: str) -> Future:
        if function is not remote.run_chunk:
            return Future(None)
        self.submitted += 1
        return Future(self._error if self.submitted <= self._deaths else remote.Chunk([], {}))

    def cancel(self, futures: list[Future]) -> None:
        pass


def test_a_chunk_on_which_the_scheduler_gave_up_is_dealt_out_again(parcel: remote.Parcel) -> None:
    faults: list[Fault] = [None]  # type: ignore[list-item]
    patient = Client(cluster.ATTEMPTS - 1)
    cluster.Cluster(patient, "x", parcel).run(faults, lambda record: None, lambda: None)
    assert patient.submitted == cluster.ATTEMPTS
    with pytest.raises(EngineError, match="worker after worker died"):
        cluster.Cluster(Client(cluster.ATTEMPTS), "x", parcel).run(faults, lambda record: None, lambda: None)
