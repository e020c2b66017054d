# SPDX-License-Identifier: MIT
"""Symbols that QEMU does not export are found where its build left them, and nowhere else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import fi_guest
import fi_qemu
import pytest
from elftools.elf.elffile import ELFFile

from faultinject.golden import Golden, Workbench

PLUGIN = fi_guest.ROOT / "faultinject" / "plugin"
PROBE = r"""
#include "symbols.h"
#include <stdio.h>
#include <stdlib.h>

__attribute__((used, visibility("hidden"))) int not_exported(void) { return 7; }
__attribute__((used)) static int known_here(void) { return 1; }
__attribute__((used)) static int ambiguous(void) { return 1; }

/* FILE IDENTIFIER NAME, or none: its own. */
int main(int count, char **arguments)
{
    struct symbol_table table;
    uint8_t identifier[64];
    size_t bytes = 0;

    if (count == 1) {
        int (*function)(void) = (int (*)(void))symbol_find("not_exported");

        return function == not_exported && function() == 7 && !symbol_find("nowhere") ? 0 : 1;
    }
    for (const char *digit = arguments[2]; digit[0] && digit[1]; digit += 2, bytes++) {
        identifier[bytes] = (uint8_t)strtoul((char[]){digit[0], digit[1], 0}, NULL, 16);
    }
    if (!symbol_table_open(&table, arguments[1], bytes ? identifier : NULL, bytes)) {
        puts("none");
        return 0;
    }
    printf("%#lx\n", symbol_table_value(&table, arguments[3]));
    return 0;
}
"""


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("symbols")
    (directory / "probe.c").write_text(PROBE)
    (directory / "other.c").write_text("__attribute__((used)) static int ambiguous(void) { return 2; }\n")
    subprocess.run(["gcc", "-std=gnu17", "-Wl,--build-id=sha1", f"-I{PLUGIN}", "-o", directory / "probe",
                    directory / "probe.c", directory / "other.c", PLUGIN / "symbols.c"], check=True)
    subprocess.run(["objcopy", "--only-keep-debug", directory / "probe", directory / "probe.debug"], check=True)
    subprocess.run(["strip", "-o", directory / "stripped", directory / "probe"], check=True)
    return directory / "probe"


def build_identifier(path: Path) -> str:
    with path.open("rb") as file:
        return str(next(ELFFile(file).get_section_by_name(".note.gnu.build-id").iter_notes())["n_desc"])


def ask(probe: Path, file: Path, identifier: str, name: str) -> str:
    return subprocess.run([probe, file, identifier, name], capture_output=True, text=True, check=True,
                          timeout=20).stdout.strip()


def test_a_program_finds_its_own_and_not_once_it_was_stripped(probe: Path) -> None:
    assert subprocess.run([probe], check=False, timeout=20).returncode == 0
    assert subprocess.run([probe.with_name("stripped")], check=False, timeout=20).returncode == 1


def test_a_file_of_debugging_information_must_be_of_the_same_build(probe: Path) -> None:
    identifier = build_identifier(probe)
    debug = probe.with_name("probe.debug")
    value = ask(probe, probe, "", "not_exported")
    assert int(value, 0) > 0
    assert ask(probe, debug, identifier, "not_exported") == value
    other = ("0" if identifier[0] != "0" else "1") + identifier[1:]
    assert ask(probe, debug, other, "not_exported") == "none"
    assert ask(probe, probe.with_name("stripped"), "", "not_exported") == "none"


def test_a_local_function_is_found_only_if_its_name_says_which(probe: Path) -> None:
    assert int(ask(probe, probe, "", "known_here"), 0) > 0
    assert int(ask(probe, probe, "", "ambiguous"), 0) == 0


def test_a_file_that_is_cut_off_is_refused(probe: Path) -> None:
    content = probe.read_bytes()
    cut = probe.with_name("cut")
    for length in (0, 5, 63, 64, 100, len(content) // 2, len(content) - 1):
        cut.write_bytes(content[:length])
        assert ask(probe, cut, "", "not_exported") == "none"


def test_a_qemu_with_symbols_that_exports_nothing_gives_the_same_results(tmp_path: Path) -> None:
    """Golden run, fork server and skipped loops."""
    bench = fi_guest.workbench(tmp_path)
    golden = fi_guest.golden(bench)
    other = fi_guest.workbench(tmp_path)
    other.qemu = fi_qemu.without_exports(bench.qemu, tmp_path, table=True)
    again = fi_guest.golden(other)
    assert (again.experiment, again.timeline) == (golden.experiment, golden.timeline)

    def outcomes(workbench: Workbench, reference: Golden) -> list:
        times = [stretch.start_ns for stretch in golden.timeline[5::len(golden.timeline) // 6]]
        kinds = [("kill", 0x5123_0000_0000, 0), ("hang", 0, 0), ("register", 4, 40), ("abort", 0, 0)]
        return fi_guest.run_faults(workbench, reference, [(time, *kinds[i % 4]) for i, time in enumerate(times)])

    assert outcomes(other, again) == outcomes(bench, golden)
