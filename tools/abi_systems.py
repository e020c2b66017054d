# SPDX-License-Identifier: MIT
"""Systems: which of the manifest's domains a kernel image has. Each is closed under calls and fits into its memory."""

from __future__ import annotations

import re
from pathlib import Path

from abi_model import AbiError, Service, Source, System

PAGES_PER_MIB = 256
#: What quotas must leave for kernel, image, init and programs.
FREE_MIB = 16


def check_priorities(source: Source, services: list[Service]) -> None:
    """The monitor is above everything it supervises."""
    monitors = [service for service in services if service.kind == "monitor"]
    for service in services:
        for monitor in monitors:
            if service.kind == "service" and service.priority >= monitor.priority:
                raise AbiError(source.where(rf"^\[service\.{service.name}\]", r"^priority\s*="),
                               f"{service.name} has priority {service.priority}, the monitor {monitor.priority}",
                               "give it one below the monitor's, which could not bring it back otherwise")


def _check_closed(source: Source, system: System, services: dict[str, Service]) -> None:
    where = source.where(rf"^\[system\.{system.name}\]", r"^services\s*=")
    for kind in ("root", "monitor"):
        count = sum(services[name].kind == kind for name in system.services)
        if count != 1:
            raise AbiError(where, f"the system {system.name} has {count} domains of kind \"{kind}\"", "list exactly one")
    for name in system.services:
        missing = [callee for callee in services[name].calls if callee not in system.services]
        if missing and services[name].kind == "service":
            raise AbiError(where, f"{name} calls {missing[0]}, which the system {system.name} leaves out",
                           f"add {missing[0]}, or leave {name} out")


def _check_quotas(source: Source, system: System, services: dict[str, Service]) -> None:
    quota_pages = sum(services[name].quota_pages for name in system.services)
    have_pages = (system.memory_mib - FREE_MIB) * PAGES_PER_MIB
    if quota_pages > have_pages:
        largest = max((services[name] for name in system.services), key=lambda entry: entry.quota_pages)
        raise AbiError(source.where(rf"^\[system\.{system.name}\]", r"^memory_mib\s*="),
                       f"the quotas of the system {system.name} add up to {quota_pages} pages; {system.memory_mib} MiB less "
                       f"{FREE_MIB} for the rest are {have_pages}",
                       f"raise memory_mib, or lower a quota (that of {largest.name} is {largest.quota_pages})")


def read_systems(source: Source, entries: list[Service]) -> list[System]:
    """Every [system.NAME] of the manifest."""
    services = {entry.name: entry for entry in entries}
    systems = []
    for name, table in source.data.get("system", {}).items():
        header = rf"^\[system\.{name}\]"
        where = source.where(header)
        chosen = table.get("services")
        if chosen == "all":
            chosen = list(services)
        if not isinstance(chosen, list):
            raise AbiError(where, "`services` is missing or no list", 'write services = [...] or services = "all"')
        for position, entry in enumerate(chosen):
            line = source.where(header, r"^services\s*=")
            if entry not in services:
                raise AbiError(line, f"the system {name} lists {entry}, which is no service", "correct the name or add it")
            if entry in chosen[:position]:
                raise AbiError(line, f"the system {name} lists {entry} twice", "remove one")
        system = System(name, chosen, source.require(table, "memory_mib", int, where),
                        source.require(table, "doc", str, where))
        _check_closed(source, system, services)
        _check_quotas(source, system, services)
        systems.append(system)
    if "full" not in {system.name for system in systems}:
        raise AbiError(str(source.path), "there is no [system.full]", "add it: it is what is built by default")
    return systems


def check_servers(manifest: Path, entries: list[Service], folder: Path) -> None:
    """No server's source uses a portal or a device that the manifest does not give it."""
    source = Source(manifest)
    portals = {f"SLOT_{entry.name.upper()}": entry.name for entry in entries}
    kinds = {"SLOT_IOPORT": "ioport", "SLOT_IRQ": "irq", "SLOT_DEVICE_MEMORY": "disk"}
    for image in sorted({entry.image for entry in entries if entry.kind == "service"}):
        of_image = [entry for entry in entries if entry.image == image]
        given = {callee for entry in of_image for callee in entry.calls}
        devices = {device.kind for entry in of_image for device in entry.devices}
        header = source.where(rf"^\[service\.{of_image[0].name}\]")
        for path in sorted((folder / image).glob("*.[chS]")):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                for symbol in re.findall(r"\bSLOT_[A-Z0-9_]+\b", line):
                    if symbol in portals and portals[symbol] not in given:
                        raise AbiError(f"{path}:{number}", f"{image} uses the portal of {portals[symbol]}, which the "
                                       f"manifest does not give it", f"add it to `calls` at {header}")
                    if symbol in kinds and kinds[symbol] not in devices:
                        raise AbiError(f"{path}:{number}", f"{image} uses {symbol}, but has no device of kind "
                                       f"\"{kinds[symbol]}\"", f"add one to `devices` at {header}")
