# SPDX-License-Identifier: MIT
"""A campaign's side of Dask distributed: deals out chunks of faults to the workers of a scheduler, takes what comes."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import re
import socket
import subprocess
import sys
import tempfile
import urllib.parse
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from faultinject import schema
from faultinject.errors import EngineError, SetupError
from faultinject.machine import die_with_parent
from faultinject.oracle import DiskVerdict
from faultinject.plan import Fault
from faultinject.remote import Chunk, Parcel, run_chunk
from faultinject.system import ROOT

#: Faults a task: few enough that a worker's death costs little, enough that its start does not count.
CHUNK_FAULTS = 200
#: How often a chunk is dealt out anew after the scheduler has given up on it, because worker after worker died of it.
ATTEMPTS = 3
CONNECT_S, FIRST_WORKER_S, POLL_S = 20, 60, 1.0


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise SetupError("Dask distributed is not installed", "apt-get install python3-distributed") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    return distributed


def _same(parcel: Parcel) -> Parcel:
    """A task of its own, so that the parcel is made again when the workers that hold it have died."""
    return parcel


def _check_reachable(address: str) -> None:
    """Before Dask tries, which it does long and loudly."""
    parts = urllib.parse.urlsplit(address)
    try:
        if parts.scheme not in ("tcp", "tls") or not parts.hostname or not parts.port:
            raise ValueError("it is not of that form")
        socket.create_connection((parts.hostname, parts.port), CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise SetupError(f"no Dask scheduler answers at {address} ({error})",
                         "start it (dask-scheduler) and give the address that it prints: tcp://HOST:8786") from error


@contextlib.contextmanager
def connect(address: str, parcel: Parcel) -> Iterator[Cluster]:
    """The cluster whose scheduler is at `address`; refuses one that does not answer or has no workers."""
    _check_reachable(address)
    distributed = _distributed()
    warnings.filterwarnings("ignore", message="Large object|Sending large graph", module="distributed")
    try:
        client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SetupError(f"no Dask scheduler answers at {address} ({error})",
                         "start it (dask-scheduler) and give the address that it prints: tcp://HOST:8786") from error
    try:
        try:
            client.wait_for_workers(1, timeout=FIRST_WORKER_S)
        except (OSError, TimeoutError) as error:
            raise SetupError(f"no worker has joined {address} within {FIRST_WORKER_S} s",
                             f"on each machine: ./perdure worker {address}") from error
        yield Cluster(client, address, parcel)
    finally:
        client.close()


class Cluster:
    """Runs experiments on the workers of a Dask scheduler; a Runner (campaign.py)."""

    def __init__(self, client: Any, address: str, parcel: Parcel) -> None:
        self._client, self._address = client, address
        self._parcel = client.submit(_same, parcel, key=f"perdure-{parcel.key}")
        self._verdicts: dict[str, DiskVerdict] = {}
        #: No task of another campaign, or of this one before it was interrupted, may be taken for one of these.
        self._name = f"perdure-{parcel.key}-{uuid.uuid4().hex[:12]}"
        self._tasks = 0

    @property
    def workers(self) -> int:
        """How many there are now."""
        return len(self._client.scheduler_info()["workers"])

    def run(self, faults: Sequence[Fault], deliver: Callable[[schema.Record], None], idle: Callable[[], None]) -> None:
        """Runs each fault once and delivers its rows; `idle` is called while there is nothing to deliver."""
        running: dict[Any, tuple[list[Fault], int]] = {}
        ended: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def submit(chunk: list[Fault], attempt: int) -> None:
            self._tasks += 1
            future = self._client.submit(run_chunk, self._parcel, chunk, key=f"{self._name}-{self._tasks}")
            running[future] = chunk, attempt
            future.add_done_callback(ended.put)

        for first in range(0, len(faults), CHUNK_FAULTS):
            submit(list(faults[first:first + CHUNK_FAULTS]), 1)
        try:
            while running:
                try:
                    future = ended.get(timeout=POLL_S)
                except queue.Empty:
                    self._check_alive()
                    idle()
                    continue
                chunk, attempt = running.pop(future)
                result = self._result(future, attempt)
                if result is None:
                    submit(chunk, attempt + 1)
                    continue
                self._verdicts |= result.verdicts
                for one in result.records:
                    deliver(one)
        finally:
            with contextlib.suppress(Exception):
                self._client.cancel(list(running))

    def _check_alive(self) -> None:
        if self._client.status != "running":
            raise EngineError(f"the Dask scheduler at {self._address} has gone away",
                              "start it and its workers again; the campaign then goes on with the same command")

    def _result(self, future: Any, attempt: int) -> Chunk | None:
        """A chunk's results; None when it must be dealt out again."""
        distributed = _distributed()
        try:
            return future.result(timeout=CONNECT_S)
        except distributed.scheduler.KilledWorker as error:
            if attempt < ATTEMPTS:
                return None
            raise EngineError("worker after worker died of the same experiments",
                              "look at what the last worker printed; is its memory enough?") from error
        except (distributed.CancelledError, OSError, TimeoutError) as error:
            self._check_alive()
            if attempt < ATTEMPTS:
                return None
            raise EngineError(f"results cannot be had from {self._address} ({error})",
                              "look at the scheduler; the campaign then goes on with the same command") from error

    def verdicts(self) -> dict[str, DiskVerdict]:
        """What the disks were like that were judged since this was last asked."""
        found, self._verdicts = self._verdicts, {}
        return found


def serve(address: str, jobs: int) -> int:
    """`perdure worker`: a Dask worker that knows this tool, until the scheduler ends or we are ended. It may be started
    before its scheduler, which it then waits for."""
    _distributed()
    if not re.fullmatch(r"(tcp|tls)://[^/]+:\d+", address):
        raise SetupError(f"{address} is no address of a Dask scheduler", "tcp://HOST:8786")
    with tempfile.TemporaryDirectory(prefix="perdure-worker-") as directory:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": directory, "PYTHONDONTWRITEBYTECODE": "1"}
        words = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", str(jobs), "--no-nanny",
                 "--no-dashboard", "--memory-limit", "0", "--death-timeout", str(FIRST_WORKER_S), "--local-directory", directory]
        status = subprocess.run(words, env=environment, preexec_fn=die_with_parent, check=False).returncode
    if status != 0:
        raise SetupError(f"the worker ended with status {status}; is a scheduler at {address}?",
                         "start it (dask-scheduler), or see whether the address is right: tcp://HOST:8786")
    return status
