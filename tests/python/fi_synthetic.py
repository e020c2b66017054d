# SPDX-License-Identifier: MIT
"""A campaign without a machine: findings are made up as a function of the fault's id alone, as a real engine's are; for
tests of all that stands behind the engine. As a program it runs such a campaign: see main()."""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import fi_guest  # noqa: F401  (makes the packages importable)

from faultinject import campaign, schema, summary
from faultinject.classify import MANIFESTED, Judgement, Outcome
from faultinject.finding import Finding
from faultinject.models import Change, parse_models
from faultinject.oracle import DiskVerdict
from faultinject.plan import Execution, Fault, Place, Planned, Shard, make_space
from faultinject.records import Activation, End, Experiment, Recovery, Stretch

IDENTITY = {"system_sha256": "aa", "disk_sha256": "bb", "workload_sha256": "cc", "qemu": "7.2.0", "memory_mib": 64,
            "append": ""}
INSTRUCTIONS = {"fs": 900, "rng": 60}
MODELS = "reg-bitflip,hang"


def outcome_of(fault: Fault) -> Outcome:
    """Mostly transparent, all classes present."""
    value = int(fault.id[:4], 16)
    return list(Outcome)[value // 50 % 10] if value % 50 == 0 else Outcome.RECOVERED if value % 3 else Outcome.OVERWRITTEN


def finding(fault: Fault) -> Finding:
    """What a run of that fault would have come to."""
    outcome = outcome_of(fault)
    seed = int(fault.id, 16)
    recoveries = tuple(Recovery(4, i + 1, 1, 0, seed, seed >> 1, 100, 110, 120, 130, 140, 150, 160,
                                200 + seed % 5000, 1, 2) for i in range(outcome is Outcome.RECOVERED))
    experiment = Experiment(
        End.VERDICT, 0, 0, fault.time_ns, fault.time_ns + seed % 1000, 0x5000000 + fault.instruction, 0x1000, 3, 2, 1, 1,
        fault.change.a, seed, seed ^ 1, Activation.USED, 3, 0x5000000, 0x5000004, f"{seed % 40:032x}", len(recoveries),
        recoveries, (0, 0, 0), (b"log\n" * 5, f"client alpha {fault.id}\n".encode(), b""), 2, 0, 0)
    return Finding(fault, experiment, Judgement(outcome, True, outcome in MANIFESTED, bool(recoveries), "made up"),
                   "alpha", f"function_{fault.instruction % 7}")


def classes(service: str, instruction: int, change: Change) -> Place | None:
    """Instructions are equal by fours to a register fault; one bit in four is dead."""
    if change.kind != "register":
        return None
    last = min(instruction | 3, INSTRUCTIONS[service] - 1)
    return Place(last, 4, change.b % 4 == 0, 0x5000000 + last)


def overwritten(planned: Planned, _: Stretch) -> Finding:
    """What needs no run."""
    experiment = replace(finding(planned.fault).experiment, recovery_count=0, recoveries=())
    judgement = Judgement(Outcome.OVERWRITTEN, False, False, False, "made up")
    return Finding(planned.fault, experiment, judgement, "alpha", "function", run=False)


class Engine:
    """Delivers in an order that `shuffle` decides, and does `at[k]` before the k-th delivery (from 0)."""

    def __init__(self, shuffle: int = 0, at: dict[int, Callable[[], None]] | None = None) -> None:
        self._random = random.Random(shuffle)
        self._at = at or {}
        self.ran: list[str] = []

    workers = None

    def run(self, faults: Sequence[Fault], deliver: Callable[[schema.Record], None], idle: Callable[[], None]) -> None:
        for fault in self._random.sample(faults, len(faults)):
            self._at.get(len(self.ran), lambda: None)()
            self.ran.append(fault.id)
            deliver(schema.record(finding(fault)))

    def verdicts(self) -> dict[str, DiskVerdict]:
        return {f"{number:032x}": DiskVerdict(("/alpha/x",), number, "") for number in range(40)}


def request(count: int, seed: int = 1, shard: Shard = Shard(), services: tuple[str, ...] = tuple(INSTRUCTIONS)
            ) -> campaign.Request:
    return campaign.Request(services, parse_models(MODELS), count, seed, 1, shard)


def run(directory: Path, wanted: campaign.Request, engine: Engine, identity: dict[str, object] | None = None) -> bytes:
    """A campaign, or what is left of it; returns the bytes of its summary."""
    directory.mkdir(exist_ok=True)
    facts = {**IDENTITY, **(identity or {})}
    campaign.make_way(directory, facts, wanted, replace=False, resume=False)
    executions = {name: Execution([Stretch(1000, 1000 + INSTRUCTIONS[name], 0, 2, 1, 1)], 0) for name in wanted.services}
    space = make_space(executions, wanted.models, wanted.seed, campaign.environment_of(facts),
                       classes)
    facts |= {"workload": "synthetic", "engine": "synthetic", "services": [["fs", 1, 2]],
              "clients": {name: {"1": "alpha"} for name in wanted.services},
              "golden": {"ended_at_ns": 5, "limit_ns": 9, "disk_hash": "", "service_instructions": {
                  name: INSTRUCTIONS[name] for name in wanted.services}}}
    with campaign.open_store(directory / campaign.DATABASE, facts, wanted, space) as store:
        campaign.Campaign(store, space, wanted, engine, overwritten, lambda progress: None).run()
        summary.write(store, directory / campaign.SUMMARY)
    return (directory / campaign.SUMMARY).read_bytes()


def main() -> None:
    """fi_synthetic.py DIRECTORY DRAWS [KILL]: runs a campaign, killed by SIGKILL before delivery KILL; prints the
    greatest memory of the process in KiB."""
    directory, draws = Path(sys.argv[1]), int(sys.argv[2])
    at = {int(sys.argv[3]): lambda: os.kill(os.getpid(), signal.SIGKILL)} if len(sys.argv) > 3 else {}
    INSTRUCTIONS["fs"] = 100_000_000
    run(directory, request(draws), Engine(at=at))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    main()
