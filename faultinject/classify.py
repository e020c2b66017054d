# SPDX-License-Identifier: MIT
"""The outcome classes, and the one function that decides among them.

Precise definitions; the first that applies, from the top:

kernel_failure          the kernel panicked, the processor was reset by a triple fault, or the machine was switched off
                        without a verdict
service_lost            the machine gave up a service, or ended with that verdict
system_hang             no verdict within the limit of instructions, and a client other than those that were being served did not
                        come to its end, nor did any other after the fault
silent_data_corruption  a client that did not fail was answered something else than in the golden run, or the disk differs
                        where no client that failed explains it, or e2fsck rejects the disk
other_client_affected   a client that was not being served when the fault struck failed, or a program that is no client
                        ended with another exit status than in the golden run
own_client_error        a client that was being served failed, and no other
latent                  all replies and the disk are right, but a service's audit finds its state inconsistent
recovered_transparently all is right, and at least one incarnation was replaced
overwritten             all is right, nothing failed; the faulty value was replaced before its first use, or it was used
                        and its effect vanished
not_activated           all is right; the faulty value or place was not used while it was watched

A client failed when it reported more errors than in the golden run, did not report, or ended with another exit status. Whom a
service was serving when the fault struck, and that it may be several or nobody: faultinject/served.py.

A fault is activated when it was used, or when it had any consequence. It is manifested when it had a consequence that
is not confined to the service: every class but not_activated, overwritten and latent. A fault was caught when an
incarnation was ended because of it (exception, hang, failed check, kill).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from faultinject.oracle import Observation, client_reports, path_owner
from faultinject.records import ENGINE_FAILURES, Activation, End, Experiment


class Outcome(StrEnum):
    """In the order in which tables show them."""

    NOT_ACTIVATED = "not_activated"
    OVERWRITTEN = "overwritten"
    LATENT = "latent"
    RECOVERED = "recovered_transparently"
    OWN_CLIENT = "own_client_error"
    OTHER_CLIENT = "other_client_affected"
    SILENT = "silent_data_corruption"
    SERVICE_LOST = "service_lost"
    SYSTEM_HANG = "system_hang"
    KERNEL_FAILURE = "kernel_failure"


MANIFESTED = frozenset(Outcome) - {Outcome.NOT_ACTIVATED, Outcome.OVERWRITTEN, Outcome.LATENT}

#: Of the outputs that are kept.
CONSOLE = 1

VERDICT_FINISHED, VERDICT_KERNEL_FAILURE, VERDICT_SERVICE_LOST = 0, 1, 2


@dataclass(frozen=True)
class Judgement:
    """An experiment's class and why."""

    outcome: Outcome
    activated: bool
    manifested: bool
    caught: bool
    reason: str


def classify(experiment: Experiment, seen: Observation | None, golden: Observation) -> Judgement:
    """Decides. `seen` may be None when the machine did not end with the verdict that the session is over."""
    outcome, reason = _outcome(experiment, seen, golden)
    caught = experiment.recovery_count > 0 or outcome is Outcome.SERVICE_LOST
    consequence = caught or outcome in MANIFESTED or outcome is Outcome.LATENT
    activated = consequence or experiment.activation is Activation.USED
    return Judgement(outcome, activated, outcome in MANIFESTED, caught, reason)


def ended_by_session(experiment: Experiment) -> bool:
    """The machine said that the session is over: only then is there something to compare."""
    return experiment.end is End.VERDICT and experiment.code == VERDICT_FINISHED


def affected_others(seen: Observation, golden: Observation) -> tuple[str, ...]:
    """The blast radius: clients other than those that were being served which saw anything at all, an error, a wrong
    reply, or another end."""
    return tuple(sorted(name for name, report in golden.clients.items() if name not in seen.served
                        and (seen.clients.get(name) != report or seen.ends.get(name) != golden.ends.get(name))))


def _outcome(experiment: Experiment, seen: Observation | None, golden: Observation) -> tuple[Outcome, str]:
    if experiment.end in ENGINE_FAILURES:
        raise ValueError(f"an experiment that ended by {experiment.end.name} has no outcome")
    if experiment.end in (End.RESET, End.SHUTDOWN):
        return Outcome.KERNEL_FAILURE, "triple fault" if experiment.end is End.RESET else "switched off, no verdict"
    if experiment.end is End.VERDICT and experiment.code == VERDICT_SERVICE_LOST:
        return Outcome.SERVICE_LOST, f"the machine gave up service {experiment.detail}"
    if experiment.end is End.VERDICT and experiment.code != VERDICT_FINISHED:
        return Outcome.KERNEL_FAILURE, f"verdict {experiment.code}, detail {experiment.detail:#x}"
    if experiment.given_up:
        return Outcome.SERVICE_LOST, "a service was marked down"
    if experiment.end is End.LIMIT:
        return _endless(experiment, seen, golden)
    if seen is None:
        raise ValueError("a run that ended by itself needs an observation")
    return _visible(seen, golden) or _invisible(experiment, seen, golden)


def _endless(experiment: Experiment, seen: Observation | None, golden: Observation) -> tuple[Outcome, str]:
    """A run that did not end: does anybody get on?"""
    unfinished = [name for name in golden.clients if seen is None or name not in seen.clients]
    ended_since = client_reports(experiment.output_tails[CONSOLE].decode(errors="replace"))
    reason = f"never ended: {_list(unfinished)}, at {experiment.end_rip:#x}"
    if seen is not None and unfinished and set(unfinished) <= set(seen.served):
        return Outcome.OWN_CLIENT, reason
    if unfinished and ended_since:
        return Outcome.OTHER_CLIENT, reason
    return Outcome.SYSTEM_HANG, f"no verdict, at {experiment.end_rip:#x}"


def _failed(seen: Observation, golden: Observation) -> list[str]:
    """Clients that reported errors or nothing, or whose exit status is wrong."""
    return [name for name in golden.clients
            if name not in seen.clients or seen.clients[name].errors > golden.clients[name].errors
            or seen.ends.get(name) != golden.ends.get(name)]


def _list(names: Iterable[str]) -> str:
    shown = sorted(name or "/" for name in names)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def _how(failed: list[str], seen: Observation) -> str:
    """What was wrong with these clients."""
    ended = [name for name in failed if seen.ends.get(name)]
    statuses = f"; wrong exit status: {', '.join(f'{name} {seen.ends[name]}' for name in ended)}" if ended else ""
    return f"error or no report: {_list(failed)}{statuses}"


def _visible(seen: Observation, golden: Observation) -> tuple[Outcome, str] | None:
    failed = _failed(seen, golden)
    wrong = [name for name, report in seen.clients.items()
             if name not in failed and report != golden.clients.get(name)]
    if wrong:
        return Outcome.SILENT, f"wrong replies, no error: {_list(wrong)}"
    if seen.disk.checker_exit != 0:
        return Outcome.SILENT, f"e2fsck -fn: exit {seen.disk.checker_exit}"
    unexplained = [path for path in seen.disk.differing if path_owner(path) not in failed]
    if unexplained:
        return Outcome.SILENT, f"disk differs: {_list(unexplained)}"
    others = [name for name in failed if name not in seen.served]
    if others:
        return Outcome.OTHER_CLIENT, f"{_how(others, seen)} (served: {', '.join(seen.served) or 'nobody'})"
    if failed:
        return Outcome.OWN_CLIENT, _how(failed, seen)
    if seen.exit_status != golden.exit_status:
        return Outcome.OTHER_CLIENT, f"exit status {seen.exit_status}, though every client's is right"
    return None


def _invisible(experiment: Experiment, seen: Observation, golden: Observation) -> tuple[Outcome, str]:
    if seen.audit > golden.audit:
        return Outcome.LATENT, f"audit finds {seen.audit} differences"
    if experiment.recovery_count > 0:
        return Outcome.RECOVERED, f"{experiment.recovery_count} recoveries"
    if experiment.activation is Activation.REPLACED:
        return Outcome.OVERWRITTEN, "replaced before its first use"
    if experiment.activation is Activation.USED:
        return Outcome.OVERWRITTEN, "used, without lasting effect"
    if experiment.activation is Activation.IMPOSSIBLE:
        return Outcome.NOT_ACTIVATED, "there was nothing to change"
    if experiment.watched_instructions == 0:
        return Outcome.NOT_ACTIVATED, "nothing was changed"
    return Outcome.NOT_ACTIVATED, f"not used within {experiment.watched_instructions} watched instructions"
