#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Generates headers and the reference manual from abi/*.toml. Writes a file only if its text changes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import abi_emit_c
import abi_emit_manual
from abi_manifest import read_model
from abi_model import AbiError, Model
from abi_systems import check_servers


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _make_variables(model: Model) -> str:
    """What make must know: where each image is linked to, and which ones each system has."""
    lines = [f"SERVICE_BASE_{service.image} := {service.base:#x}" for service in model.manifest]
    images = {service.name: service.image for service in model.manifest}
    for system in model.systems:
        lines.append(f"SYSTEM_SERVICES_{system.name} := {' '.join(system.services)}")
        lines.append(f"SYSTEM_IMAGES_{system.name} := {' '.join(dict.fromkeys(images[name] for name in system.services))}")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Generate the ABI's headers and manual.")
    parser.add_argument("--source", type=Path, default=Path("abi"), help="directory of the .toml files")
    parser.add_argument("--include", type=Path, default=Path("build/include"), help="headers go to INCLUDE/abi/")
    parser.add_argument("--manual", type=Path, default=Path("build/docs/reference.md"), help="the reference manual")
    parser.add_argument("--make", type=Path, help="base addresses and systems, for make")
    parser.add_argument("--servers", type=Path, help="folder of the servers, whose use of portals and devices is checked")
    parser.add_argument("--check", action="store_true", help="only check the source")
    arguments = parser.parse_args()
    try:
        model = read_model(arguments.source)
        if arguments.servers:
            check_servers(arguments.source / "manifest.toml", model.manifest, arguments.servers)
    except AbiError as error:
        print(f"abigen: {error}", file=sys.stderr)
        return 1
    if arguments.check:
        return 0
    headers = arguments.include / "abi"
    _write(headers / "kernel.h", abi_emit_c.interface_header(model.kernel, True))
    for interface in list(model.services.values()) + model.others:
        _write(headers / f"{interface.header}.h", abi_emit_c.interface_header(interface, False))
    _write(headers / "operations.h", abi_emit_c.operations_header(model))
    _write(headers / "manifest.h", abi_emit_c.manifest_header(model))
    if arguments.make:
        _write(arguments.make, _make_variables(model))
    _write(arguments.manual, abi_emit_manual.manual(model))
    return 0


if __name__ == "__main__":
    sys.exit(main())
