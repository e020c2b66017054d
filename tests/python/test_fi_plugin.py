# SPDX-License-Identifier: MIT
"""The plugin on a real machine: exact to the instruction, repeatable, and the same forked as alone."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path

import fi_guest
import pytest

from faultinject import campaign, engine, finding, replay
from faultinject.classify import Outcome
from faultinject.errors import EngineError, MachineError, explain_os_error
from faultinject.events import Events
from faultinject.golden import SLACK_NS, Golden, ImageJudge, Workbench
from faultinject.machine import Qemu, run_to_end
from faultinject.models import Change, parse_models
from faultinject.plan import Environment, Execution, Fault, make_space
from faultinject.records import Activation, Begin, Cause, End, Finish, Stretch
from faultinject.store import Store

SYSCALL = b"\x0f\x05"
RAX, RSP, RSI, RIP = 0, 4, 6, 16


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return fi_guest.workbench(tmp_path_factory.mktemp("fi"))


@pytest.fixture(scope="module")
def golden(bench: Workbench) -> Golden:
    return fi_guest.golden(bench)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disks of the guest hold no file system."""
    def make(bench: Workbench, golden: Golden, _: object) -> ImageJudge:
        return ImageJudge(bench.directory / "images", fi_guest.oracle(golden))
    monkeypatch.setattr(finding, "make_judge", make)
    monkeypatch.setattr(replay, "make_judge", make)


def stretch_of_fs(golden: Golden, number: int = 20) -> Stretch:
    """One of the calls that fs serves."""
    return [stretch for stretch in golden.timeline if stretch.service == 0][number]


def test_the_golden_run_is_the_same_every_time(bench: Workbench, golden: Golden) -> None:
    again = fi_guest.golden(bench)
    assert (again.experiment, again.timeline, again.outputs) == (golden.experiment, golden.timeline, golden.outputs)
    assert set(golden.observation.clients) == {"alpha", "beta"}


def test_the_timeline_is_exact_to_the_instruction(bench: Workbench, golden: Golden) -> None:
    """Put in at a stretch's first instruction the machine is at the service's entry; one earlier it is still in the
    kernel; one later it is one instruction further."""
    stretch = stretch_of_fs(golden)
    entry = stretch.start_ns
    before, first, second, after = fi_guest.run_faults(
        bench, golden, [(time, "none", 0, 0) for time in (entry - 1, entry, entry + 1, stretch.end_ns)])
    assert (before.privilege, after.privilege) == (0, 0)
    assert (first.privilege, first.rip) == (3, 0x5000000)
    assert second.privilege == 3 and 0x5000000 < second.rip <= 0x5000000 + 15
    assert first.serving_binding == stretch.serving_binding
    assert [e.injected_at_ns for e in (before, first, second, after)] == [entry - 1, entry, entry + 1, stretch.end_ns]


def test_the_timeline_tells_how_a_stretch_begins_and_ends(bench: Workbench, golden: Golden) -> None:
    """The guest's services make no calls: each stretch is a whole call, unless the timer cut it."""
    whole = [s for s in golden.timeline if (s.begin, s.end) == (Begin.CALL, Finish.REPLY)]
    cut = [s for s in golden.timeline if s not in whole and s.begin != Begin.START]
    assert len(whole) > 0.95 * len(golden.timeline)
    assert all(s.begin == Begin.CONTINUED or s.end == Finish.INTERRUPTED for s in cut)
    assert len([s for s in cut if s.end == Finish.INTERRUPTED]) == len([s for s in cut if s.begin == Begin.CONTINUED])
    assert {s.operation for s in whole if s.service == 0} == {1, 2}
    assert {s.operation for s in whole if s.service == 1} == {3}
    last, = fi_guest.run_faults(bench, golden, [(whole[5].end_ns - 1, "none", 0, 0)])
    assert last.privilege == 3 and fi_guest.code_at(bench, last.rip, 2) == SYSCALL


def test_nothing_changed_is_nothing_different(bench: Workbench, golden: Golden) -> None:
    times = [golden.timeline[i].start_ns + 3 for i in range(0, len(golden.timeline), 60)]
    for experiment in fi_guest.run_faults(bench, golden, [(time, "none", 0, 0) for time in times], jobs=2):
        assert experiment.end is End.VERDICT
        assert experiment.ended_at_ns == golden.experiment.ended_at_ns
        assert experiment.disk_hash == golden.experiment.disk_hash
        assert golden.whole_output(1, experiment) == golden.outputs[1].decode()


def test_results_do_not_depend_on_jobs_repetition_or_forking(bench: Workbench, golden: Golden) -> None:
    execution = Execution(golden.timeline, 0)
    space = make_space({"fs": execution}, parse_models("reg-bitflip,memory-abort,hang,kill,code-bitflip"), 3,
                       Environment("", "", "", ""))
    faults = sorted((one.fault for one in space.draws(0, 60)), key=lambda fault: fault.time_ns)
    runs = []
    for jobs in (1, 2, 5):
        found = {}
        engine.run_plan(bench, golden, faults, jobs, lambda f, e, found=found: found.update({f.index: e}))
        runs.append(found)
    assert runs[0] == runs[1] == runs[2]
    for fault in faults[::6]:
        assert engine.run_alone(bench, golden, fault) == runs[0][fault.index]


def test_experiments_see_no_output_of_others_in_a_directory_named_by_a_relative_path(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each experiment's output is its own, wherever the campaign's directory is and however it is named."""
    monkeypatch.chdir(tmp_path)
    bench = fi_guest.workbench(Path("."))
    reference = fi_guest.golden(bench)
    for experiment in fi_guest.run_faults(bench, reference, [(stretch_of_fs(reference).start_ns, "none", 0, 0)] * 3):
        assert reference.whole_output(1, experiment) == reference.outputs[1].decode()


def test_models_do_what_they_say(bench: Workbench, golden: Golden) -> None:
    time = stretch_of_fs(golden).start_ns + 30
    abort, hang, kill = fi_guest.run_faults(bench, golden, [(time, "abort", 0, 0), (time, "hang", 0, 0),
                                                            (time, "kill", 0x5123_0000_0000, 0)])
    for experiment, cause in ((abort, Cause.EXCEPTION), (hang, Cause.HANG), (kill, Cause.EXCEPTION)):
        assert experiment.activation is Activation.USED
        assert experiment.recovery_count == 1
        assert experiment.recoveries[0].cause == cause
        assert experiment.recoveries[0].latency_ns > 0
        assert experiment.end is End.VERDICT and experiment.code == 0
        assert stretch_of_fs(golden).start_ns < experiment.activated_at_ns < experiment.detected_at_ns
        assert 0 <= experiment.recoveries[0].t_fault - experiment.detected_at_ns < 100
        assert experiment.calls_undetected == 0
    assert kill.recoveries[0].fault_rip == 0x5123_0000_0000
    assert kill.detection_latency_ns < 100 < 1_000_000 < hang.detection_latency_ns
    assert abort.recoveries[0].fault_address == abort.address
    assert abort.recoveries[0].fault_rip == abort.activation_rip


def test_memory_and_registers_are_changed_by_one_bit(bench: Workbench, golden: Golden) -> None:
    time = stretch_of_fs(golden).start_ns + 30
    flip, memory, physical = fi_guest.run_faults(bench, golden, [
        (time, "register", RAX, 63), (time, "memory", 0x5000000, 7), (time, "physical", 0x100000, 0)])
    assert flip.before ^ flip.after == 1 << 63
    assert memory.before ^ memory.after == 1 << 7
    assert physical.before ^ physical.after == 1


def test_activation_is_what_the_code_does(bench: Workbench, golden: Golden) -> None:
    """fs begins by computing an address from its third argument, RDX, and replaces RAX before it reads it."""
    time = stretch_of_fs(golden).start_ns
    rip, used, replaced = fi_guest.run_faults(bench, golden, [
        (time, "register", RIP, 40), (time, "register", RSI, 0), (time, "register", RAX, 0)])
    assert rip.activation is Activation.USED and rip.recovery_count == 1
    assert used.activation is Activation.USED and 0x5000000 <= used.activation_rip < 0x5001000
    assert replaced.activation is Activation.REPLACED and replaced.recovery_count == 0
    assert replaced.ended_at_ns == golden.experiment.ended_at_ns


def test_a_run_that_ends_by_nothing_is_ended_by_the_limit(bench: Workbench, golden: Golden) -> None:
    time = stretch_of_fs(golden).start_ns + 5
    limited = replace(golden, experiment=replace(golden.experiment, ended_at_ns=time + 1000 - SLACK_NS))
    hang, = fi_guest.run_faults(bench, limited, [(time, "hang", 0, 0)])
    assert hang.end is End.LIMIT and hang.ended_at_ns == time + 1000


def test_a_triple_fault_is_a_reset_and_ends_alone_as_it_does_forked(bench: Workbench, golden: Golden) -> None:
    """The kernel's own stack pointer goes astray: its exception handler faults, and so does the double fault's."""
    time = stretch_of_fs(golden).start_ns - 1
    forked, = fi_guest.run_faults(bench, golden, [(time, "register", RSP, 46)])
    alone = engine.run_alone(bench, golden, Fault(0, "", "", "fs", 0, time, Change("register", RSP, 46)))
    assert forked.end is End.RESET
    assert forked == alone


def test_a_campaign_is_the_same_twice_and_with_more_jobs(bench: Workbench, tmp_path: Path, judged: None) -> None:
    summaries, rows = [], []
    for number, jobs in enumerate((1, 2)):
        directory = tmp_path / str(number)
        directory.mkdir()
        own = fi_guest.workbench(directory)
        request = campaign.Request(("fs",), parse_models("reg-bitflip,memory-abort,hang,kill,control"), 50, 1, jobs)
        report = campaign.run(own, request, directory, lambda progress: None)
        summaries.append((directory / "summary.json").read_bytes())
        connection = sqlite3.connect(directory / "campaign.sqlite")
        rows.append(list(connection.iterdump()))
        connection.close()
    assert summaries[0] == summaries[1]
    assert rows[0] == rows[1]
    summary = json.loads(summaries[0])
    assert sum(summary["outcomes"].values()) == summary["injected"] == 50
    assert set(summary["outcomes"]) == {outcome.value for outcome in Outcome}
    assert summary["injected"] >= summary["activated"] >= summary["manifested"]
    with Store.open(report.database) as store:
        identity = store.find("20")["id"]
    for which in ("0", "7", identity):
        again = replay.replay(tmp_path / "1" / "campaign.sqlite", which, Qemu.find(), None, own.plugin)
        assert again.differing == {}


def test_a_campaign_that_was_interrupted_goes_on_and_is_the_same(bench: Workbench, tmp_path: Path, judged: None) -> None:
    request = campaign.Request(("fs", "rng"), parse_models("reg-bitflip,hang,kill"), 60, 2, 2)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for directory in (whole, broken):
        directory.mkdir()
    campaign.run(fi_guest.workbench(whole), request, whole, lambda progress: None)

    def stop(progress: campaign.Progress) -> None:
        if progress.run == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        campaign.run(fi_guest.workbench(broken), request, broken, stop)
    with Store.open(broken / campaign.DATABASE) as store:
        kept = sum(row["run"] for row in store.tally())
    assert kept == 20
    report = campaign.run(fi_guest.workbench(broken), request, broken, lambda progress: None)
    assert report.run == report.summary["experiments"] - kept
    assert (whole / campaign.SUMMARY).read_bytes() == (broken / campaign.SUMMARY).read_bytes()


def test_wrong_replies_and_wrong_disks_are_seen(bench: Workbench, golden: Golden) -> None:
    """The upper half of a value that is both stored and answered is flipped just before the service replies."""
    oracle = fi_guest.oracle(golden)
    judge = ImageJudge(bench.directory / "images", oracle)
    outcomes = set()
    stretch = stretch_of_fs(golden)
    lines = [(stretch.end_ns - back, "register", register, 33) for back in range(60, 0, -4) for register in (0, 2, 7)]
    for experiment in fi_guest.run_faults(bench, golden, sorted(lines), jobs=2):
        fault = Fault(0, "", "reg-bitflip", "fs", 0, experiment.injected_at_ns, Change("register", 0, 33))
        judged = finding.judge_experiment(fault, experiment, golden, judge)
        outcomes.add(judged.judgement.outcome)
    assert Outcome.SILENT in outcomes


def test_crash_mode_kills_again_and_again_and_the_same_each_time(bench: Workbench) -> None:
    reports = []
    for number in range(2):
        events = bench.directory / f"events{number}"
        machine = bench.machine("crash", ["mode=crash", f"events={events}", "target=fs", "every=1000", "seed=5"])
        run_to_end(machine, 60, "the crash run")
        reports.append(Events.read(events))
    assert reports[0] == reports[1]
    report = reports[0]
    assert 60 <= len(report.crashes) <= 160
    assert len(report.recoveries) == len(report.crashes)
    assert sum(recovery.superseded for recovery in report.recoveries) < 20
    assert len(report.latencies()) == sum(not recovery.superseded for recovery in report.recoveries)
    assert report.verdict is not None and report.verdict[:2] == (0, 0)
    assert all(0x5000000 <= crash.rip < 0x6000000 for crash in report.crashes)
    distances = [b.executed - a.executed for a, b in zip(report.crashes, report.crashes[1:], strict=False)]
    assert 700 < sum(distances) / len(distances) < 1400


def test_counting_finds_every_write_of_cr3(bench: Workbench, golden: Golden) -> None:
    """Two a call: into the service and back; and two at the start."""
    events = bench.directory / "counts"
    symbols = bench.system.symbols
    machine = bench.machine("count", ["mode=count", f"events={events}"])
    # The guest sets no marks; hook a function that runs at its end, so that there is one.
    machine.plugin_options = [option for option in machine.plugin_options if not option.startswith("mark=")]
    machine.plugin_options.append(f"mark={symbols['machine_exit']:#x}")
    machine.plugin_options = [o for o in machine.plugin_options if not o.startswith("verdict=")]
    run_to_end(machine, 60, "the counting run")
    mark, = Events.read(events).marks
    calls = sum(report.operations for report in golden.observation.clients.values())
    assert mark.cr3_writes == 2 * calls + 2
    assert mark.tlb_invalidations == 0
    # Call and reply, prints (two reports and the dots), the exit, and some timer interrupts.
    others = 2 + golden.outputs[1].count(b".") + 1
    assert 2 * calls + others <= mark.kernel_entries <= 2 * calls + others + 10


@pytest.mark.parametrize("option", ["mode=nothing", "mode=golden,unknown=1", "mode=fork,plan=/nonexistent,results=/x",
                                    "mode=golden,results=/nonexistent/x,timeline=/nonexistent/y", "mode"])
def test_bad_options_refuse_the_run(bench: Workbench, option: str) -> None:
    machine = bench.machine("bad", [option])
    with pytest.raises(MachineError, match="fault injection:"):
        run_to_end(machine, 30, "the run")


def test_a_missing_function_of_qemu_is_named(bench: Workbench) -> None:
    """A program that exports none of them loads the plugin's objects and asks."""
    source = bench.directory / "probe.c"
    source.write_text('#include "qemu.h"\nint main(void) { return qemu_find_functions(false); }\n')
    plugin = fi_guest.ROOT / "faultinject" / "plugin"
    subprocess.run(["gcc", f"-I{plugin}", "-o", bench.directory / "probe", source, plugin / "qemu.c",
                    plugin / "symbols.c"], check=True)
    done = subprocess.run([bench.directory / "probe"], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0
    assert "has no symbol" in done.stderr and "timer_mod_ns" in done.stderr and "mend:" in done.stderr


def test_nothing_is_left_behind(bench: Workbench, golden: Golden) -> None:
    before = set(os.listdir(bench.directory))
    fi_guest.run_faults(bench, golden, [(golden.timeline[3].start_ns, "kill", 0x5123_0000_0000, 0)])
    left = set(os.listdir(bench.directory)) - before
    assert left <= {"fork.log", "fork.console", "fork.error"}
    running = subprocess.run(["pgrep", "-f", str(bench.directory)], capture_output=True, text=True, check=False)
    assert running.stdout == ""


def test_directories_may_have_commas_and_blanks_in_their_names(tmp_path: Path) -> None:
    directory = tmp_path / "a, b"
    directory.mkdir()
    bench = fi_guest.workbench(directory)
    golden = fi_guest.golden(bench)
    experiment, = fi_guest.run_faults(bench, golden, [(stretch_of_fs(golden).start_ns, "none", 0, 0)], jobs=1)
    assert (experiment.end, experiment.disk_hash) == (End.VERDICT, golden.experiment.disk_hash)


def test_an_experiment_whose_disk_cannot_be_kept_has_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full must not look like a machine that left none; its owner is told that it is full."""
    bench = fi_guest.workbench(tmp_path)
    golden = fi_guest.golden(bench)
    end_ns = stretch_of_fs(golden).end_ns
    (bench.directory / "images").rename(bench.directory / "elsewhere")
    faults = [Fault(number, "", "reg-bitflip", "fs", 0, end_ns - back, Change("register", register, 33))
              for number, (back, register) in enumerate((back, register) for back in range(60, 0, -12) for register in (0, 2, 7))]
    done: list[int] = []

    def run() -> None:
        engine.run_plan(bench, golden, faults, 2, lambda fault, experiment: done.append(fault.index),
                        engine.Conduct(engine.Engine.FORK))

    with pytest.raises(EngineError, match="experiments could not be run(.|\n)*cannot save a disk image"):
        run()
    assert len(done) < len(faults)
    full = os.statvfs_result((4096, 4096, 1000, 0, 0, 0, 0, 0, 0, 255))
    monkeypatch.setattr(engine.os, "statvfs", lambda directory: full)
    with pytest.raises(OSError, match="No space left") as caught:
        run()
    assert "the same command" in explain_os_error(caught.value).mend and caught.value.filename == str(bench.directory)
