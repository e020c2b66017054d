# SPDX-License-Identifier: MIT
"""Reads and checks abi/manifest.toml: numbers, addresses, sizes, and that the graph of calls has no cycle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from abi_devices import check_devices, read_devices
from abi_model import (SERVICE_KINDS, SERVICE_SPAN_BYTES, AbiError, Interface, Model, Service, Source,
                       check_service_errors, read_interface)
from abi_systems import check_priorities, read_systems

INTEGER_FIELDS = ("number", "base", "priority", "quota_pages", "hang_limit_us")
SIZE_FIELDS = ("ssr_bytes", "region_bytes", "outbox_pages")


def _read_service(source: Source, name: str, table: dict[str, Any]) -> Service:
    where = source.where(rf"^\[service\.{name}\]")
    kind = source.require(table, "kind", str, where)
    if kind not in SERVICE_KINDS:
        raise AbiError(where, f"kind {kind!r} is unknown", f"use one of {SERVICE_KINDS}")
    for key in INTEGER_FIELDS + (SIZE_FIELDS if kind == "service" else ()):
        source.require(table, key, int, where)
    image = source.require(table, "image", str, where)
    return Service(name=name, kind=kind, number=table["number"], image=image,
                   interface=table.get("interface", name), base=table["base"],
                   ssr_bytes=table.get("ssr_bytes", 0), region_bytes=table.get("region_bytes", 0),
                   outbox_pages=table.get("outbox_pages", 0), hang_limit_us=table["hang_limit_us"],
                   heartbeat_us=table.get("heartbeat_us", 0),
                   priority=table["priority"], priority_limit=table.get("priority_limit", 0), quota_pages=table["quota_pages"],
                   calls=source.require(table, "calls", list, where),
                   devices=read_devices(source, name, table.get("devices", [])),
                   portal_slot=table.get("portal_slot", 0), for_programs=table.get("for_programs", False),
                   doc=source.require(table, "doc", str, where))


def _find_cycle(services: list[Service]) -> list[str] | None:
    calls = {service.name: service.calls for service in services}
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str] | None:
        if name in path:
            return path[path.index(name):] + [name]
        if name in done:
            return None
        for callee in calls[name]:
            cycle = visit(callee, path + [name])
            if cycle:
                return cycle
        done.add(name)
        return None

    for service in services:
        cycle = visit(service.name, [])
        if cycle:
            return cycle
    return None


def _check_numbers(source: Source, services: list[Service], limits: dict[str, int]) -> None:
    numbers: dict[int, str] = {}
    bases: dict[int, Service] = {}
    for service in services:
        header = rf"^\[service\.{service.name}\]"
        where = source.where(header, r"^number\s*=")
        if service.number in numbers:
            raise AbiError(where, f"{service.name} has number {service.number}, and so has {numbers[service.number]}",
                           "give it a number of its own")
        if not 0 <= service.number < limits["OBSERVED_SERVICES"]:
            raise AbiError(where, f"number {service.number} is out of range",
                           f"use 0..{limits['OBSERVED_SERVICES'] - 1}")
        numbers[service.number] = service.name
        where = source.where(header, r"^base\s*=")
        if service.base % SERVICE_SPAN_BYTES:
            raise AbiError(where, f"base {service.base:#x} is not a multiple of 16 MiB", "align it")
        if not 0 < service.base <= limits["WINDOW_SSR"] - SERVICE_SPAN_BYTES:
            raise AbiError(where, f"16 MiB from {service.base:#x} overlap the windows of every service, or page 0",
                           f"use a base in {SERVICE_SPAN_BYTES:#x}..{limits['WINDOW_SSR'] - SERVICE_SPAN_BYTES:#x}")
        other = bases.setdefault(service.base, service)
        if other is not service:
            raise AbiError(where, f"{service.name} has the base {service.base:#x}, and so has {other.name}",
                           "give each service 16 MiB of its own, so that a code address names it")
        if len(service.name) > 15:
            raise AbiError(where, f"the name {service.name} is too long", "use at most 15 characters")
        if not 0 <= service.priority <= limits["PRIORITY_MAXIMUM"]:
            raise AbiError(source.where(header, r"^priority\s*="), f"priority {service.priority} is out of range",
                           f"use 0..{limits['PRIORITY_MAXIMUM']}")
        if service.heartbeat_us and service.heartbeat_us <= service.hang_limit_us:
            raise AbiError(source.where(header, r"^heartbeat_us\s*="),
                           f"{service.name} is asked every {service.heartbeat_us} us and may take {service.hang_limit_us} us",
                           "a heartbeat must be longer than the hang limit")
        if not 0 <= service.priority_limit < max(service.priority, 1):
            raise AbiError(source.where(header, r"^priority_limit\s*="),
                           f"{service.name} may give the priority {service.priority_limit} to others and has {service.priority}",
                           "what it schedules must stay below it")


def _check_portals(source: Source, services: list[Service], limits: dict[str, int]) -> None:
    """Whoever is called has a slot for its portal; no two portals share one."""
    slots: dict[int, str] = {}
    called = {name for service in services if service.kind == "service" for name in service.calls}
    for service in services:
        header = rf"^\[service\.{service.name}\]"
        where = source.where(header, r"^portal_slot\s*=")
        if service.portal_slot == 0:
            if service.for_programs or service.name in called:
                raise AbiError(source.where(header), f"{service.name} is called, but has no portal_slot",
                               "add `portal_slot = ...`, a slot of [constants.slot] that is free in every domain")
            continue
        if not 0 < service.portal_slot < limits["SLOT_SERVICES"]:
            raise AbiError(where, f"portal_slot {service.portal_slot} is out of range",
                           f"use 1..{limits['SLOT_SERVICES'] - 1}")
        if service.portal_slot in slots:
            raise AbiError(where, f"{service.name} and {slots[service.portal_slot]} have the same portal_slot",
                           "give each one of its own")
        slots[service.portal_slot] = service.name


def _check_sizes(source: Source, services: list[Service], interfaces: dict[str, Interface],
                 limits: dict[str, int]) -> None:
    for service in services:
        header = rf"^\[service\.{service.name}\]"
        for key, maximum in (("ssr_bytes", limits["SSR_BYTES_MAXIMUM"]),
                             ("region_bytes", limits["REGION_BYTES_MAXIMUM"]),
                             ("outbox_pages", limits["OUTBOX_PAGES_MAXIMUM"])):
            value = getattr(service, key)
            if not 0 <= value <= maximum or value % 8 and key != "outbox_pages":
                raise AbiError(source.where(header, rf"^{key}\s*="), f"{key} = {value} is out of range",
                               f"use a multiple of 8 in 0..{maximum}")
        interface = interfaces.get(service.interface)
        if service.kind != "service":
            continue
        needed = service.outbox_pages + 2 * -(-service.region_bytes // limits["PAGE_BYTES"])
        if service.quota_pages < needed:
            raise AbiError(source.where(header, r"^quota_pages\s*="),
                           f"quota_pages = {service.quota_pages}, but outbox and service region alone take {needed}",
                           "raise it by what is missing, and by what image and stack take")
        if interface is None:
            raise AbiError(source.where(header), f"there is no abi/{service.interface}.toml",
                           "write the service's interface, or name another with `interface = ...`")
        for key, role in (("ssr_bytes", interface.ssr), ("region_bytes", interface.region)):
            value = getattr(service, key)
            where = source.where(header, rf"^{key}\s*=")
            if role is None and value:
                raise AbiError(where, f"{key} = {value}, but {interface.path.name} has no layout for it",
                               "add one under [layout], or set it to 0")
            structure = interface.structure(role) if role else None
            if structure and value not in (0, structure.size_bytes):
                raise AbiError(where, f"{key} = {value}, but struct {role} has {structure.size_bytes} bytes",
                               "make them equal")


def read_model(directory: Path) -> Model:
    """Reads all of abi/ and checks it as a whole."""
    kernel = read_interface(directory / "kernel.toml", None)
    errno = read_interface(directory / "posix_errno.toml", kernel)
    services: dict[str, Interface] = {}
    for path in sorted(directory.glob("*.toml")):
        if path.name in ("kernel.toml", "posix_errno.toml", "manifest.toml"):
            continue
        interface = read_interface(path, kernel)
        check_service_errors(interface, errno)
        services[interface.header] = interface
    source = Source(directory / "manifest.toml")
    entries = [_read_service(source, name, table) for name, table in source.data.get("service", {}).items()]
    names = {entry.name for entry in entries}
    for entry in entries:
        for callee in entry.calls:
            if callee not in names:
                raise AbiError(source.where(rf"^\[service\.{entry.name}\]", r"^calls\s*="),
                               f"{entry.name} calls {callee}, which is no service", "correct the name or add it")
    cycle = _find_cycle(entries)
    if cycle:
        raise AbiError(source.where(rf"^\[service\.{cycle[0]}\]", r"^calls\s*="),
                       f"services call each other in a cycle: {' -> '.join(cycle)}",
                       "remove one of these calls: a cycle can wait for itself")
    limits = {constant.name: constant.value for group in kernel.groups for constant in group.constants}
    _check_numbers(source, entries, limits)
    _check_portals(source, entries, limits)
    _check_sizes(source, entries, services, limits)
    check_devices(source, entries, limits)
    check_priorities(source, entries)
    return Model(kernel, services, [errno], entries, read_systems(source, entries))
