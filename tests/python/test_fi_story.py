# SPDX-License-Identifier: MIT
"""The story of an experiment: what happened in which order and when, as text and as a picture."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import fi_synthetic
import pytest

from faultinject import sequence, story
from faultinject.classify import Judgement, Outcome
from faultinject.finding import Finding
from faultinject.models import Change
from faultinject.plan import Fault
from faultinject.records import TRACE_SUPERSEDED, Activation, Cause, Recovery
from faultinject.story import Who
from faultinject.symbols import Place, Symbolizer

FS = 4
OPEN = 1
RECOVERY = Recovery(FS, 2, Cause.EXCEPTION, 0, 0x5000010, 0xdead0, 1_300, 1_310, 1_330, 1_370, 1_400, 1_500, 1_600, 1_900, 2,
                    OPEN)
LOG = "perdure: init: binding 2 of fs is alpha\nperdure: init: binding 1 of rng is beta\n"


class Symbols(Symbolizer):
    """Every address is in one function, on the line that its last digits say."""

    def __init__(self) -> None:
        super().__init__([])

    def place(self, address: int) -> Place:
        return Place("flip", "servers/fs/x.c", address & 0xFF)


def finding(*recoveries: Recovery, served: tuple[str, ...] = ("alpha",)) -> Finding:
    fault = Fault(7, "0123456789abcdef", "reg-bitflip", "fs", 1234, 1_000, Change("register", 3, 5))
    made = fi_synthetic.finding(fault)
    experiment = replace(made.experiment, injected_at_ns=1_000, ended_at_ns=9_000, rip=0x5000001, before=1, after=33,
                         activation=Activation.USED, activation_rip=0x5000003, activated_at_ns=1_200,
                         watched_instructions=12, incarnation=1,
                         recoveries=recoveries, recovery_count=len(recoveries))
    return Finding(fault, experiment, Judgement(Outcome.RECOVERED, True, True, True, "1 recoveries"), served)


def told(*recoveries: Recovery, served: tuple[str, ...] = ("alpha",), operation: int | None = OPEN) -> story.Story:
    return story.tell(finding(*recoveries, served=served), operation, Symbols(), LOG, {2: "alpha"})


def test_a_recovered_fault_is_told_from_the_call_to_the_reply() -> None:
    steps = told(RECOVERY).steps
    name = story.Names.operation("fs", OPEN)
    assert [(step.who, step.to, step.stage) for step in steps] == [
        (Who.CLIENT, Who.SERVICE, ""), (Who.SERVICE, None, ""), (Who.SERVICE, None, ""),
        (Who.SERVICE, Who.KERNEL, "detect"), (Who.KERNEL, Who.MONITOR, "park, roll back"),
        (Who.MONITOR, Who.KERNEL, "monitor decides"), (Who.KERNEL, None, "restore image"),
        (Who.KERNEL, Who.SERVICE, "start"), (Who.SERVICE, Who.KERNEL, "rebuild state"),
        (Who.KERNEL, Who.SERVICE, "resume"), (Who.SERVICE, Who.CLIENT, "run call again"), (Who.KERNEL, None, "")]
    assert [step.time_ns for step in steps] == [None, 1_000, 1_200, 1_300, 1_310, 1_330, 1_370, 1_400, 1_500, 1_600, 1_900,
                                                9_000]
    assert steps[0].title == name and not name.startswith("operation")
    assert "rbx bit 5" in steps[1].title and "flip (servers/fs/x.c:1); 0x1 becomes 0x21" in steps[1].detail
    assert "flip (servers/fs/x.c:3), 12 instructions" in steps[2].detail
    assert "exception" in steps[3].title and "address 0xdead0" in steps[3].detail
    assert f"alpha's {name} is parked" in steps[4].detail
    assert steps[7].detail == "incarnation 2" and steps[7].incarnation == 2
    assert name in steps[9].title and "0.6 µs" in steps[10].detail


def test_a_stage_that_was_not_reached_is_not_told() -> None:
    overtaken = replace(RECOVERY, flags=TRACE_SUPERSEDED, t_ready=0, t_rerun=0, t_replied=0)
    later = {name: getattr(RECOVERY, name) + 700 for name in vars(RECOVERY) if name.startswith("t_")}
    titles = [step.title for step in told(overtaken, replace(RECOVERY, incarnation=3, **later)).steps]
    assert titles.count("start fs") == 2 and titles.count("fs is ready") == 1
    assert titles.index("this recovery is overtaken") == titles.index("start fs") + 1


def test_what_happens_meanwhile_is_told_meanwhile() -> None:
    """The monitor's own recovery, whose record comes first, in the midst of that of the service that it brings back."""
    moments = dict.fromkeys(("t_decided", "t_restored", "t_started", "t_ready"), 1_320)
    monitor = replace(RECOVERY, service=1, binding=0, t_fault=1_315, t_parked=1_316, t_rerun=0, t_replied=0, **moments)
    steps = told(monitor, RECOVERY).steps
    assert [step.time_ns for step in steps[1:]] == sorted(step.time_ns for step in steps[1:])
    failures = [(step.who, step.service) for step in steps if step.stage == "detect"]
    assert failures == [(Who.SERVICE, "fs"), (Who.MONITOR, "monitor")]
    assert [step.who for step in steps if step.stage == "monitor decides"] == [Who.KERNEL, Who.MONITOR]
    assert sequence.draw(told(monitor, RECOVERY)).count("stroke-dasharray") == 2


def test_an_activation_that_is_the_injection_is_not_told_twice() -> None:
    made = finding(RECOVERY)
    at_once = replace(made, experiment=replace(made.experiment, activated_at_ns=1_000))
    titles = [step.title for step in story.tell(at_once, OPEN, Symbols(), LOG, {2: "alpha"}).steps]
    assert not any("faulty value" in title for title in titles)


def test_clients_of_other_services_are_known_from_the_log() -> None:
    other = replace(RECOVERY, service=5, binding=1, operation=1)
    steps = told(other).steps
    assert steps[3].service == "rng" and "beta's" in steps[4].detail
    assert "binding 9's" in told(replace(RECOVERY, binding=9)).steps[4].detail


def test_nobody_served_is_no_call() -> None:
    steps = told(replace(RECOVERY, binding=0), served=()).steps
    assert steps[0].title.startswith("FAULT") and "no call was being served" in steps[3].detail


def test_the_text_has_times_since_the_fault_and_since_the_line_before() -> None:
    text = "\n".join(story.as_text(told(RECOVERY)))
    assert re.search(r"^ +0\.000 +\+0\.000  service +FAULT", text, re.MULTILINE)
    assert re.search(r"^ +0\.900 +\+0\.300  service -> client +reply", text, re.MULTILINE)
    assert text.endswith("recovered_transparently: 1 recoveries")


@pytest.mark.parametrize("count", [0, 1, 40])
def test_the_picture_is_well_formed_and_whole(count: int) -> None:
    tale = told(*[replace(RECOVERY, incarnation=i, t_fault=1_300 + i) for i in range(count)])
    root = ElementTree.fromstring(sequence.draw(tale))
    words = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    for element in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 <= float(element.get("x", "-1")) <= width and 0 < float(element.get("y", "-1")) <= height
    for step in sequence.shorten(tale.steps):
        assert step.title in words and (not step.detail or step.detail[:104] in words)
    assert len(sequence.shorten(tale.steps)) <= sequence.STEPS_MOST
    assert any("more steps" in word for word in words) == (count == 40)
    assert any("to scale" in word for word in words) == (count > 0)
