# SPDX-License-Identifier: MIT
"""The test guest (tests/guest) as a system under test, and the plugin as this tree builds it; for the fi tests."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from faultinject import campaign, engine  # noqa: E402
from faultinject.golden import Golden, Workbench, run_golden  # noqa: E402
from faultinject.machine import Qemu  # noqa: E402
from faultinject.models import Change  # noqa: E402
from faultinject.oracle import RawOracle  # noqa: E402
from faultinject.plan import Fault  # noqa: E402
from faultinject.system import Service, System  # noqa: E402
from faultinject.workload import Workload  # noqa: E402

BUILD = ROOT / "build" / "tests" / "fi" / os.environ.get("PYTEST_XDIST_WORKER", "alone")
BASES = {"fs": 0x5000000, "rng": 0x6000000}
CLIENTS = {1: "alpha", 2: "beta"}
AREAS = (("alpha", 0), ("beta", 128))
DISK_BYTES = 1 << 20


@lru_cache
def patched(patch: str) -> Path:
    """Kernel of a guest with something wrong about it: a name of tests/guest/guest.h."""
    directory = BUILD / patch.lower()
    directory.mkdir(parents=True, exist_ok=True)
    subprocess.run([ROOT / "tests" / "guest" / "build.sh", directory, patch], check=True, timeout=120)
    return directory / "guest.elf"


@lru_cache
def build() -> tuple[Path, Path]:
    """Kernel of the guest and the plugin, freshly built."""
    BUILD.mkdir(parents=True, exist_ok=True)
    subprocess.run([ROOT / "tests" / "guest" / "build.sh", BUILD], check=True, timeout=120)
    plugin = BUILD / "plugin.so"
    sources = sorted((ROOT / "faultinject" / "plugin").glob("*.c"))
    subprocess.run(["gcc", "-std=gnu17", "-O2", "-g", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror",
                    "-shared", "-o", plugin, *sources, "-lm"], check=True, timeout=120)
    return BUILD / "guest.elf", plugin


def workbench(directory: Path, patch: str = "") -> Workbench:
    """Ready for golden runs and campaigns below `directory`."""
    kernel, plugin = build()
    if patch:
        kernel = patched(patch)
    disk = directory / "raw.img"
    disk.write_bytes(bytes(DISK_BYTES))
    workload = Workload("guest", "guest\n", {}, disk, clients=CLIENTS)
    with kernel.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab")
        services = tuple(Service(name, base, base + 0x1000000,
                                 symbols.get_symbol_by_name(f"{name}_reply")[0]["st_value"])
                         for name, base in BASES.items())
    made = campaign.prepare(System.load(kernel, services), Qemu.find(), workload, directory, 64)
    made.plugin = plugin
    return made


def oracle(golden: Golden) -> RawOracle:
    """Blocks of the disk, by owner."""
    assert golden.image is not None
    return RawOracle(golden.image, AREAS)


def golden(bench: Workbench) -> Golden:
    """The golden run."""
    return run_golden(bench, "fs")


def code_at(bench: Workbench, address: int, length: int) -> bytes:
    """Bytes of the guest's image at a virtual address."""
    with bench.system.kernel.open("rb") as file:
        for segment in ELFFile(file).iter_segments("PT_LOAD"):
            if segment["p_vaddr"] <= address < segment["p_vaddr"] + segment["p_filesz"]:
                start = address - segment["p_vaddr"]
                return segment.data()[start:start + length]
    raise AssertionError(f"nothing is at {address:#x}")


def run_faults(bench: Workbench, reference: Golden, lines: list[tuple[int, str, int, int]],
               jobs: int = 1) -> list:
    """Experiments given as (time, kind, a, b), in order of time."""
    faults = [Fault(i, "", "", "fs", 0, time_ns, Change(kind, a, b)) for i, (time_ns, kind, a, b) in enumerate(lines)]
    found: dict[int, object] = {}
    engine.run_plan(bench, reference, faults, jobs, lambda fault, experiment: found.update({fault.index: experiment}))
    return [found[i] for i in range(len(faults))]
