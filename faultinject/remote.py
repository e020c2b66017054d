# SPDX-License-Identifier: MIT
"""Experiments on other machines, by Dask distributed.

What there is to know of a campaign travels as one parcel: the kernel, the payload, the symbols, the plugin. A worker
unpacks it once, makes the golden run by itself, and refuses if that is not the one of whoever asked; then every chunk of
faults gives there what it would have given here. The scheduler gives a chunk whose worker died to another one; its results
come once, when it is complete, so nothing is lost and nothing counts twice.

Rule: what a worker sends back are rows, which depend on the fault alone (finding.py, schema.py).
"""

from __future__ import annotations

import hashlib
import io
import pickle
import shutil
import socket
import tarfile
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from faultinject import engine, schema
from faultinject.errors import EngineError, SetupError
from faultinject.finding import Judges
from faultinject.golden import Golden, Workbench, run_golden
from faultinject.kept import KERNEL, PAYLOAD, open_kept
from faultinject.machine import Qemu
from faultinject.oracle import DiskOracle, DiskVerdict
from faultinject.plan import Fault
from faultinject.records import Experiment
from faultinject.symbols import KEPT_SYMBOLS

_PLUGIN = "plugin.so"


@lru_cache
def tool_sha256(tool: Path = Path(__file__).parent) -> str:
    """Of this tool's own code, all of its packages: who runs experiments and who asks for them must be the same."""
    digest = hashlib.sha256()
    for path in sorted(tool.rglob("*.py")):
        digest.update(path.relative_to(tool).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def golden_sha256(golden: Golden) -> str:
    """Of all that a golden run yields."""
    return hashlib.sha256(repr((golden.experiment, golden.timeline, golden.outputs)).encode()).hexdigest()


@dataclass(frozen=True)
class Parcel:
    """All that a worker must have to run a campaign's experiments."""

    key: str
    tool: str
    golden: str
    facts: dict[str, Any] = field(repr=False)
    clients: dict[int, str] = field(repr=False)
    targets: tuple[str, ...]
    oracle: DiskOracle | None = field(repr=False)
    archive: bytes = field(repr=False)

    @classmethod
    def pack(cls, workbench: Workbench, golden: Golden, facts: dict[str, Any], targets: Sequence[str],
             oracle: DiskOracle | None) -> Parcel:
        """Of a campaign that is prepared here."""
        kept = workbench.payload.parent
        plugin = workbench.machine("parcel", []).plugin
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=6) as archive:
            for path, name in ((kept / KERNEL, KERNEL), (kept / PAYLOAD, PAYLOAD), (plugin, _PLUGIN)):
                archive.add(path, name)
            if (kept / KEPT_SYMBOLS).is_dir():
                archive.add(kept / KEPT_SYMBOLS, KEPT_SYMBOLS)
        clients = workbench.workload.clients
        content = (tool_sha256(), golden_sha256(golden), facts, clients, tuple(targets), oracle, packed.getvalue())
        return cls(hashlib.sha256(pickle.dumps(content)).hexdigest()[:16], *content)


@dataclass(frozen=True)
class Chunk:
    """What came of some faults."""

    records: list[schema.Record]
    verdicts: dict[str, DiskVerdict]


class Bench:
    """A parcel unpacked: where a worker's thread runs experiments."""

    def __init__(self, parcel: Parcel) -> None:
        self.key = parcel.key
        self._directory = Path(tempfile.mkdtemp(prefix="perdure-bench-"))
        try:
            self._open(parcel)
        except BaseException:
            self.close()
            raise

    def _open(self, parcel: Parcel) -> None:
        if parcel.tool != tool_sha256():
            raise SetupError(f"{socket.gethostname()} has another version of this tool than who runs the campaign",
                             "give every worker the same checkout, and start it again")
        work = self._directory / "work"
        work.mkdir()
        with tarfile.open(fileobj=io.BytesIO(parcel.archive), mode="r:gz") as archive:
            archive.extractall(self._directory)
        self._workbench = open_kept(self._directory, parcel.facts, parcel.clients, Qemu.find(), work,
                                    self._directory / _PLUGIN)
        self._golden = run_golden(self._workbench, "")
        if golden_sha256(self._golden) != parcel.golden:
            raise EngineError(f"the golden run on {socket.gethostname()} is not the campaign's",
                              "take that worker away: its QEMU does not repeat runs; say which build it is")
        self._judges = Judges(self._workbench, self._golden, parcel.targets, parcel.oracle)

    def run(self, faults: Sequence[Fault]) -> Chunk:
        """Runs and judges them."""
        records: list[schema.Record] = []

        def done(fault: Fault, experiment: Experiment) -> None:
            records.append(schema.record(self._judges(fault, experiment)))

        engine.run_plan(self._workbench, self._golden, faults, 1, done)
        return Chunk(records, self._judges.new_verdicts())

    def close(self) -> None:
        """Leaves nothing behind."""
        shutil.rmtree(self._directory, ignore_errors=True)


#: A thread runs one chunk at a time; each has a bench of its own, and keeps it from one chunk to the next.
_own = threading.local()


def run_chunk(parcel: Parcel, faults: Sequence[Fault]) -> Chunk:
    """On a worker: runs some faults of the campaign in the parcel."""
    bench: Bench | None = getattr(_own, "bench", None)
    if bench is None or bench.key != parcel.key:
        if bench:
            bench.close()
        _own.bench = None
        _own.bench = bench = Bench(parcel)
    return bench.run(faults)
