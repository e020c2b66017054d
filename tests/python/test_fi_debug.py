# SPDX-License-Identifier: MIT
"""`perdure replay --gdb`: the debugger finds the machine where the campaign put its fault, and the run goes on as recorded."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from pathlib import Path

import fi_guest
import pytest

from faultinject import campaign, debug, finding
from faultinject.errors import MachineError, SetupError
from faultinject.golden import Golden, ImageJudge, Workbench
from faultinject.machine import Qemu
from faultinject.models import REGISTERS, parse_models
from faultinject.symbols import Symbolizer

#: QEMU moves the clock a little at each stop, by GUARD_NS at most: faultinject/plugin/debug.c.
STOP_SLACK_NS = 110


def ended_ns(out: str) -> int:
    """When the machine gave its verdict."""
    return int(re.search(r"verdict at ([\d,]+) ns", out)[1].replace(",", ""))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign on the test guest."""
    directory = tmp_path_factory.mktemp("debug")
    bench = fi_guest.workbench(directory)
    patch = pytest.MonkeyPatch()
    patch.setattr(finding, "make_judge", lambda bench, golden, oracle: ImageJudge(bench.directory / "images",
                                                                                   fi_guest.oracle(golden)))
    try:
        campaign.run(bench, campaign.Request(("fs",), parse_models("reg-bitflip,kill,memory-abort"), 12, 4, 2, prune=False),
                     directory, lambda progress: None)
    finally:
        patch.undo()
    return directory / "campaign.sqlite"


def row(database: Path, condition: str) -> sqlite3.Row:
    connection = sqlite3.connect(database)
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute(f"SELECT * FROM experiment WHERE {condition} ORDER BY number LIMIT 1").fetchone()
    finally:
        connection.close()


def session(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], database: Path, number: int,
            *commands: str) -> str:
    """What a scripted gdb prints."""
    words = " ".join(f'-ex "{command}"' for command in commands)
    monkeypatch.setenv("PERDURE_GDB", f"gdb -batch {words}")
    debug.debug(database, str(number), Qemu.find(), fi_guest.build()[1])
    return capfd.readouterr().out


def test_it_stops_at_the_instruction_with_its_symbol(database: Path, monkeypatch: pytest.MonkeyPatch,
                                                     capfd: pytest.CaptureFixture[str]) -> None:
    for condition in ("model = 'kill'", "model = 'memory-abort'"):
        found = row(database, condition)
        out = session(monkeypatch, capfd, database, found["number"], "print/x $pc", "info symbol $pc", "continue")
        assert f"$1 = {found['rip']}" in out
        assert re.search(rf"^{found['function']}\b.* in section", out, re.MULTILINE)
        assert "tests/guest/" in out
        assert abs(ended_ns(out) - found["ended_at_ns"]) <= STOP_SLACK_NS


def test_the_next_step_puts_the_fault_in(database: Path, monkeypatch: pytest.MonkeyPatch,
                                         capfd: pytest.CaptureFixture[str]) -> None:
    """The watched register does not change between the stop and the instruction's use of it but for the fault."""
    found = row(database, "model = 'reg-bitflip' AND operand_a != '0x10' AND operand_a != '0x11' AND activation != 'replaced'"
                          " AND watched_instructions > 1")
    register = REGISTERS[int(found["operand_a"], 16)]
    out = session(monkeypatch, capfd, database, found["number"], f"print/x ${register}", "stepi", f"print/x ${register}",
                  "delete", "continue")
    values = dict(re.findall(r"^\$(\d) = (\S+)$", out, re.MULTILINE))
    assert int(values["1"], 16) == int(found["before_value"], 16)
    assert int(values["2"], 16) == int(found["after_value"], 16)
    assert abs(ended_ns(out) - found["ended_at_ns"]) <= 2 * STOP_SLACK_NS


def test_kernel_functions_are_known_too(database: Path, monkeypatch: pytest.MonkeyPatch,
                                        capfd: pytest.CaptureFixture[str]) -> None:
    found = row(database, "model = 'kill'")
    out = session(monkeypatch, capfd, database, found["number"], "break trace_recovery_complete", "continue",
                  "info symbol $pc")
    assert "Breakpoint 1, " in out and re.search(r"^trace_recovery_complete\b.* in section", out, re.MULTILINE)


def test_without_gdb_it_says_what_to_do(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_GDB", "/nonexistent/gdb")
    with pytest.raises(SetupError, match="mend: install it"):
        debug.debug(database, "0", Qemu.find())


def test_a_machine_that_dies_is_said(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debug.Fault, "line", lambda fault, index: "nonsense\n")
    with pytest.raises(MachineError, match="did not come to the fault\n(.|\n)*plan"):
        debug.debug(database, "0", Qemu.find(), fi_guest.build()[1])


def test_a_machine_that_stops_elsewhere_is_refused(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = debug.Fault.line
    monkeypatch.setattr(debug.Fault, "line", lambda fault, index: line(replace(fault, time_ns=fault.time_ns + 1), index))
    with pytest.raises(MachineError, match="the machine stopped at 0x.* where the campaign's was at 0x"):
        debug.debug(database, "0", Qemu.find(), fi_guest.build()[1])


def test_symbols_of_another_build_are_not_believed(tmp_path: Path) -> None:
    bench: Workbench = fi_guest.workbench(tmp_path)
    assert not list((bench.system.kernel.parent / "symbols").iterdir())
    place = Symbolizer.of(bench.system).place(bench.system.services[0].low)
    assert "tests/guest/" in place.file and place.line > 0 and place.function
