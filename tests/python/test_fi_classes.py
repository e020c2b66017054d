# SPDX-License-Identifier: MIT
"""Every outcome class, produced by a machine that deserves it: the small guest with something wrong about it."""

from __future__ import annotations

from pathlib import Path

import fi_guest
import pytest

from faultinject.classify import Outcome
from faultinject.finding import Finding, judge_experiment
from faultinject.golden import Golden, ImageJudge, Workbench
from faultinject.models import Change
from faultinject.plan import Fault
from faultinject.records import Begin, Cause, Finish, Stretch

FS, STACK_PAGE, STATE_PAGE, PAGE = 0x5000000, 10, 12, 4096
RAX, RSI = 0, 6
STRAY = 0x5123_0000_0000
ALPHA, BETA = 0, 1


class Machine:
    """A patched guest and its golden run."""

    def __init__(self, directory: Path, patch: str = "") -> None:
        self.bench: Workbench = fi_guest.workbench(directory, patch)
        self.golden: Golden = fi_guest.golden(self.bench)
        self.judge = ImageJudge(self.bench.directory / "images", fi_guest.oracle(self.golden))

    def call(self, client: int = ALPHA, number: int = 10) -> Stretch:
        """A call of fs that writes."""
        return [s for s in self.golden.timeline if s.service == 0 and (s.begin, s.end) == (Begin.CALL, Finish.REPLY)
                and s.serving_binding == client + 1 and s.operation == 1][number]

    def fault(self, time_ns: int, kind: str, a: int, b: int = 0) -> Finding:
        """What comes of one."""
        experiment, = fi_guest.run_faults(self.bench, self.golden, [(time_ns, kind, a, b)])
        return judge_experiment(Fault(0, "", "", "fs", 0, time_ns, Change(kind, a, b)), experiment, self.golden, self.judge)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("sound"))


PATCHED = {
    "PATCH_LIE": Outcome.SILENT,
    "PATCH_DROP": Outcome.SILENT,
    "PATCH_REFUSE": Outcome.OWN_CLIENT,
    "PATCH_CORRUPT": Outcome.OTHER_CLIENT,
    "PATCH_MISCOUNT": Outcome.LATENT,
    "PATCH_HANG": Outcome.SERVICE_LOST,
    "PATCH_KERNEL": Outcome.KERNEL_FAILURE,
}


@pytest.mark.parametrize(("patch", "outcome"), PATCHED.items())
def test_a_patched_guest_is_found_out(tmp_path: Path, patch: str, outcome: Outcome) -> None:
    """fs is killed in a call of alpha's; what it does wrong after that is seen."""
    machine = Machine(tmp_path, patch)
    call = machine.call()
    found = machine.fault(call.start_ns + 30, "kill", STRAY)
    assert found.judgement.outcome is outcome, found.judgement.reason
    assert found.served == ("alpha",)
    assert found.experiment.activated_at_ns == call.start_ns + 30
    assert 0 < found.experiment.detection_latency_ns < 1000  # type: ignore[operator]
    assert found.experiment.calls_undetected == 0
    expected = {"PATCH_CORRUPT": ("beta",), "PATCH_HANG": ("beta",), "PATCH_KERNEL": ("beta",)}
    assert found.affected == expected.get(patch, ())
    reason = {"PATCH_LIE": "wrong replies, no error: alpha", "PATCH_DROP": "disk differs: /alpha/0",
              "PATCH_REFUSE": "error or no report: alpha", "PATCH_MISCOUNT": "audit finds 1 differences"}
    assert found.judgement.reason == reason.get(patch, found.judgement.reason)


def test_a_hang_that_nobody_ends_is_a_system_hang(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "PATCH_NO_LIMIT")
    found = machine.fault(machine.call().start_ns + 30, "hang", 0)
    assert found.judgement.outcome is Outcome.SYSTEM_HANG
    assert found.experiment.recovery_count == 0 and found.experiment.detection_latency_ns is None
    assert found.affected == ("beta",)


def test_a_sound_guest_recovers(sound: Machine) -> None:
    for kind, a, cause in (("kill", STRAY, Cause.EXCEPTION), ("hang", 0, Cause.HANG), ("abort", 0, Cause.EXCEPTION)):
        found = sound.fault(sound.call().start_ns + 30, kind, a)
        assert found.judgement.outcome is Outcome.RECOVERED and found.judgement.caught
        assert found.experiment.recoveries[0].cause == cause
        assert found.affected == ()


def test_a_value_that_is_replaced_first_is_overwritten(sound: Machine) -> None:
    found = sound.fault(sound.call().start_ns, "register", RAX, 0)
    assert found.judgement.outcome is Outcome.OVERWRITTEN and not found.judgement.activated


def test_what_nobody_looks_at_is_not_activated(sound: Machine) -> None:
    found = sound.fault(sound.call().start_ns, "memory", FS + STACK_PAGE * PAGE, 0)
    assert found.judgement.outcome is Outcome.NOT_ACTIVATED and not found.judgement.activated


def test_a_fault_that_lies_in_wait_is_found_late(sound: Machine) -> None:
    """The magic number of beta's state: fs looks at it when beta calls next; calls of alpha's go by meanwhile."""
    call = sound.call(ALPHA)
    found = sound.fault(call.start_ns, "memory", FS + (STATE_PAGE + BETA) * PAGE, 0)
    assert found.judgement.outcome is Outcome.OTHER_CLIENT and found.affected == ("beta",)
    assert found.experiment.activated_at_ns > call.end_ns


def test_calls_that_are_committed_meanwhile_are_counted(sound: Machine) -> None:
    """A wrong argument is found in the same call; a wrong sum never, by all the calls that follow."""
    call = sound.call()
    replies = [s for s in sound.golden.timeline if s.service == 0 and s.end == Finish.REPLY]
    loud = sound.fault(call.start_ns, "register", RSI, 40)
    assert loud.judgement.caught and loud.experiment.calls_undetected == 0
    quiet = sound.fault(call.start_ns, "memory", FS + STATE_PAGE * PAGE + 8, 0)
    assert quiet.judgement.outcome is Outcome.SILENT and quiet.experiment.detection_latency_ns is None
    assert quiet.experiment.calls_undetected == len([s for s in replies if s.end_ns > quiet.experiment.activated_at_ns])


def test_every_class_was_produced() -> None:
    here = {*PATCHED.values(), Outcome.SYSTEM_HANG, Outcome.RECOVERED, Outcome.OVERWRITTEN, Outcome.NOT_ACTIVATED}
    assert here == set(Outcome)
