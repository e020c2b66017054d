#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fault campaigns at full size, and whether what they find may be so.

Rule: a kill is never noticed by anybody, whichever instruction it strikes. Of a sample over all services and models no fault may
break the kernel, and no transient one may cost a service or hang the system; at least 99.8 % of the transient ones that are caught
are recovered transparently.

usage: tools/soak_faults.py exhaustive | sample [--n FAULTS]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "soak-faults"
OPERATIONS = ("create", "write", "rename", "unlink", "sync")
#: Operation, service, model.
EXHAUSTIVE = [(operation, service, "kill") for operation in OPERATIONS for service in ("fs", "blk")] + [
    ("recovery", service, model) for service in ("fs", "blk") for model in ("recovering-kill", "monitor-kill")]
LEAST_RECOVERED = 0.998


def campaign(name: str, *flags: str) -> dict[str, Any]:
    """Runs one, or what is left of it; its summary."""
    directory = OUT / name
    directory.mkdir(parents=True, exist_ok=True)
    subprocess.run([ROOT / "perdure", "campaign", *flags, "--out", directory], check=True, stdout=subprocess.DEVNULL)
    return json.loads((directory / "summary.json").read_text())


def exhaustive() -> bool:
    """Every instruction of every operation."""
    good = True
    for operation, service, model in EXHAUSTIVE:
        found = campaign(f"{operation}-{service}-{model}", "--exhaustive", operation, "--service", service, "--model", model)
        recovered = found["outcomes"]["recovered_transparently"]
        print(f"exhaustive: {operation} in {service}, {model}: {recovered:,} of {found['injected']:,} recovered transparently",
              flush=True)
        good = good and recovered == found["injected"]
    return good


def sample(count: int) -> bool:
    """All services and all models."""
    found = campaign("sample", "--service", "all", "--model", "all", "--n", str(count), "--seed", "1")
    for permanence, figures in found["by_permanence"].items():
        bad = ", ".join(f"{name} {number}" for name, number in figures["outcomes"].items() if number)
        caught = figures["caught_recovered"]
        print(f"faults, {permanence}: {figures['injected']:,} injected, {caught['count']:,} of {caught['of']:,} caught recovered "
              f"transparently; {bad}", flush=True)
    transient = found["by_permanence"]["transient"]
    return (found["outcomes"]["kernel_failure"] == 0 and transient["outcomes"]["service_lost"] == 0 and
            transient["outcomes"]["system_hang"] == 0 and transient["caught_recovered"]["share"] >= LEAST_RECOVERED)


def main() -> int:
    """0: it holds."""
    parser = argparse.ArgumentParser(description="Fault campaigns at full size.")
    parser.add_argument("what", choices=["exhaustive", "sample"])
    parser.add_argument("--n", type=int, default=20_000)
    arguments = parser.parse_args()
    return 0 if (exhaustive() if arguments.what == "exhaustive" else sample(arguments.n)) else 1


if __name__ == "__main__":
    sys.exit(main())
