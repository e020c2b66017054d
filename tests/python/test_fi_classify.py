# SPDX-License-Identifier: MIT
"""Each outcome class, produced on purpose from records."""

from __future__ import annotations

from dataclasses import replace

import fi_guest  # noqa: F401
import pytest

from faultinject.classify import Outcome, affected_others, classify
from faultinject.oracle import ClientReport, DiskVerdict, Observation, audit_differences, client_reports, failed_programs
from faultinject.records import Activation, End, Experiment

GOLDEN = Observation({"alpha": ClientReport(10, 0, "aa"), "beta": ClientReport(20, 0, "bb")}, 0, 0, DiskVerdict())
SAME = replace(GOLDEN, served=("alpha",))
RUN = Experiment(End.VERDICT, 0, 0, 100, 200, 0x5000000, 0x1000, 3, 2, 1, 1, 0, 0, 1, Activation.USED, 3, 0x5000000, 0,
                 "aa", 0, (), (0, 0, 0), (b"", b"", b""), 2, 0, 0)
FAILED = ClientReport(10, 1, "cc")
ALPHA_ENDS = b"client alpha operations=10 errors=0 digest=aa\n"


def clients(**changed: ClientReport | None) -> Observation:
    reports = {name: report for name, report in {**GOLDEN.clients, **changed}.items() if report is not None}
    return replace(SAME, clients=reports)


def disk(*paths: str, checker_exit: int = 0) -> DiskVerdict:
    return DiskVerdict(paths, checker_exit)


@pytest.mark.parametrize(("experiment", "seen", "outcome"), [
    (replace(RUN, activation=Activation.NOT_SEEN), SAME, Outcome.NOT_ACTIVATED),
    (replace(RUN, activation=Activation.IMPOSSIBLE), SAME, Outcome.NOT_ACTIVATED),
    (replace(RUN, activation=Activation.REPLACED), SAME, Outcome.OVERWRITTEN),
    (RUN, SAME, Outcome.OVERWRITTEN),
    (RUN, replace(SAME, audit=1), Outcome.LATENT),
    (replace(RUN, recovery_count=1), replace(SAME, audit=1), Outcome.LATENT),
    (replace(RUN, recovery_count=1), SAME, Outcome.RECOVERED),
    (replace(RUN, recovery_count=1), clients(alpha=FAILED), Outcome.OWN_CLIENT),
    (replace(RUN, recovery_count=1), clients(alpha=None), Outcome.OWN_CLIENT),
    (RUN, replace(clients(alpha=FAILED), disk=disk("/alpha/file")), Outcome.OWN_CLIENT),
    (RUN, clients(beta=FAILED), Outcome.OTHER_CLIENT),
    (RUN, clients(beta=None), Outcome.OTHER_CLIENT),
    (RUN, clients(alpha=FAILED, beta=FAILED), Outcome.OTHER_CLIENT),
    (RUN, replace(clients(alpha=FAILED), served=()), Outcome.OTHER_CLIENT),
    (RUN, replace(clients(alpha=FAILED, beta=FAILED), served=("beta", "alpha")), Outcome.OWN_CLIENT),
    (RUN, replace(SAME, exit_status=1), Outcome.OTHER_CLIENT),
    (RUN, replace(SAME, exit_status=139, ends={"alpha": 139}), Outcome.OWN_CLIENT),
    (RUN, replace(SAME, exit_status=139, ends={"beta": 139}), Outcome.OTHER_CLIENT),
    (RUN, replace(SAME, exit_status=1, ends={"helper": 1}), Outcome.OTHER_CLIENT),
    (RUN, replace(SAME, exit_status=1, ends={"alpha": 1}, disk=disk("/alpha/file")), Outcome.OWN_CLIENT),
    (RUN, clients(alpha=ClientReport(10, 0, "cc")), Outcome.SILENT),
    (replace(RUN, recovery_count=1), clients(beta=ClientReport(20, 0, "cc")), Outcome.SILENT),
    (RUN, clients(beta=ClientReport(19, 0, "bb")), Outcome.SILENT),
    (RUN, replace(SAME, disk=disk("/alpha/file")), Outcome.SILENT),
    (RUN, replace(SAME, disk=disk("/shared")), Outcome.SILENT),
    (RUN, replace(clients(alpha=FAILED), disk=disk("/beta/file")), Outcome.SILENT),
    (RUN, replace(clients(alpha=FAILED), disk=disk(checker_exit=4)), Outcome.SILENT),
    (replace(RUN, code=2, detail=4), None, Outcome.SERVICE_LOST),
    (replace(RUN, given_up=1), SAME, Outcome.SERVICE_LOST),
    (replace(RUN, end=End.LIMIT), None, Outcome.SYSTEM_HANG),
    (replace(RUN, end=End.LIMIT), clients(alpha=None, beta=None), Outcome.SYSTEM_HANG),
    (replace(RUN, end=End.LIMIT), clients(beta=None), Outcome.SYSTEM_HANG),
    (replace(RUN, end=End.LIMIT), clients(alpha=None), Outcome.OWN_CLIENT),
    (replace(RUN, end=End.LIMIT), replace(clients(alpha=None, beta=None), served=("alpha", "beta")), Outcome.OWN_CLIENT),
    (replace(RUN, end=End.LIMIT), SAME, Outcome.SYSTEM_HANG),
    (replace(RUN, end=End.LIMIT, output_tails=(b"", ALPHA_ENDS, b"")), clients(beta=None), Outcome.OTHER_CLIENT),
    (replace(RUN, end=End.LIMIT, given_up=2), None, Outcome.SERVICE_LOST),
    (replace(RUN, code=1, detail=13), None, Outcome.KERNEL_FAILURE),
    (replace(RUN, code=9), None, Outcome.KERNEL_FAILURE),
    (replace(RUN, end=End.RESET), None, Outcome.KERNEL_FAILURE),
    (replace(RUN, end=End.SHUTDOWN), None, Outcome.KERNEL_FAILURE),
])
def test_each_class_is_told_apart(experiment: Experiment, seen: Observation | None, outcome: Outcome) -> None:
    assert classify(experiment, seen, GOLDEN).outcome is outcome


def test_every_class_has_a_case() -> None:
    cases = test_each_class_is_told_apart.pytestmark[0].args[1]
    assert {case[2] for case in cases} == set(Outcome)


def test_activated_contains_manifested() -> None:
    for experiment, seen, _ in test_each_class_is_told_apart.pytestmark[0].args[1]:
        judgement = classify(experiment, seen, GOLDEN)
        assert judgement.activated or not (judgement.manifested or judgement.caught)


def test_caught_means_that_an_incarnation_ended() -> None:
    assert classify(replace(RUN, recovery_count=2), SAME, GOLDEN).caught
    assert classify(replace(RUN, code=2), None, GOLDEN).caught
    assert not classify(RUN, clients(alpha=ClientReport(10, 0, "cc")), GOLDEN).caught


def test_the_blast_radius_counts_whoever_saw_anything_but_the_client_that_was_served() -> None:
    wrong = {"alpha": FAILED, "beta": ClientReport(20, 0, "cc")}
    seen = replace(SAME, clients=wrong)
    assert affected_others(SAME, GOLDEN) == ()
    assert affected_others(seen, GOLDEN) == ("beta",)
    assert affected_others(replace(seen, served=()), GOLDEN) == ("alpha", "beta")
    assert affected_others(replace(seen, served=("beta", "alpha")), GOLDEN) == ()
    assert affected_others(replace(SAME, clients={}, served=("beta",)), GOLDEN) == ("alpha",)
    assert affected_others(replace(SAME, ends={"alpha": 1, "beta": 1}), GOLDEN) == ("beta",)


def test_detection_is_counted_from_activation() -> None:
    run = replace(RUN, injected_at_ns=100, activated_at_ns=150, detected_at_ns=190, calls_at_activation=2,
                  calls_at_detection=5)
    assert (run.detection_latency_ns, run.calls_undetected) == (40, 3)
    assert replace(run, activated_at_ns=0).detection_latency_ns == 90
    assert replace(run, detected_at_ns=0).detection_latency_ns is None


@pytest.mark.parametrize("end", [End.NONE, End.WALL, End.CHILD_DIED, End.MISSED])
def test_failures_of_the_injector_are_never_results(end: End) -> None:
    with pytest.raises(ValueError, match="no outcome"):
        classify(replace(RUN, end=end), SAME, GOLDEN)


def test_reports_and_audits_are_read_from_what_the_machine_wrote() -> None:
    text = "noise\nclient alpha operations=3 errors=0 digest=00ff\nclient beta operations=1 errors=2 digest=0xAB\nx"
    assert client_reports(text) == {"alpha": ClientReport(3, 0, "00ff"), "beta": ClientReport(1, 2, "0xab")}
    garbage = "\0\0\xffclient alpha operations=3 errors=0 digest=00\n"
    assert client_reports(garbage) == {"alpha": ClientReport(3, 0, "00")}, "after what another client has left of a line"
    assert client_reports("client alpha operations=3 errors=0 digest=00 and more\n") == {}
    log = "perdure: init: alpha ended with status 139\nperdure: program workload: exception 14\n"
    assert failed_programs(log) == {"alpha": 139}
    assert audit_differences("perdure: init: audit of fs differences=3\nperdure: audit rng differences=0\n") == 3
