# SPDX-License-Identifier: MIT
"""Devices of the manifest: each belongs to one service and has a slot in which its driver looks for it."""

from __future__ import annotations

import re
from typing import Any

from abi_model import DEVICE_KINDS, AbiError, Device, Service, Source

#: Kind: the constants of the first slot for it and of the first one that is for something else.
DEVICE_SLOTS = {"ioport": ("SLOT_IOPORT", "SLOT_IRQ"), "irq": ("SLOT_IRQ", "SLOT_DEVICE_MEMORY"),
                "disk": ("SLOT_DEVICE_MEMORY", "SLOT_SERVICES"), "notification": ("SLOT_NOTIFICATION", "SLOT_PROC")}
DEVICE_LIMITS = {"ioport": 0x10000, "irq": 24, "disk": 1, "notification": 16}
#: Several services may have the same one.
SHARED_KINDS = ("notification",)


def _line(source: Source, service: str, index: int) -> str:
    """FILE:LINE of the service's device number `index`."""
    start = source.text.index(f"[service.{service}]")
    places = [match.start() for match in re.compile(r"\{\s*kind\s*=").finditer(source.text, start)]
    return source.line_of(places[index] if index < len(places) else start)


def read_devices(source: Source, name: str, entries: list[dict[str, Any]]) -> list[Device]:
    """The devices of the service `name`."""
    devices = []
    for index, entry in enumerate(entries):
        where = _line(source, name, index)
        kind = source.require(entry, "kind", str, where)
        if kind not in DEVICE_KINDS:
            raise AbiError(where, f"device kind {kind!r} is unknown", f"use one of {DEVICE_KINDS}")
        numbers = [source.require(entry, key, int, where) for key in ("first", "count", "slot")]
        devices.append(Device(kind, *numbers))
    return devices


def check_devices(source: Source, services: list[Service], limits: dict[str, int]) -> None:
    """No device is in two places, and each is where its driver looks for it."""
    owners: list[tuple[Service, Device]] = []
    for service in services:
        slots: set[int] = set()
        for index, device in enumerate(service.devices):
            where = _line(source, service.name, index)
            first, end = (limits[name] for name in DEVICE_SLOTS[device.kind])
            if not first <= device.slot < end or device.slot in slots:
                raise AbiError(where, f"slot {device.slot} of {service.name} is not for a device of kind {device.kind}, "
                               "or has one already", f"use a free one of {first}..{end - 1}")
            slots.add(device.slot)
            if not (0 <= device.first and 0 < device.count and device.first + device.count <= DEVICE_LIMITS[device.kind]):
                raise AbiError(where, f"{device.kind} {device.first:#x}, {device.count} of them, do not exist",
                               f"first + count is at most {DEVICE_LIMITS[device.kind]:#x}, count at least 1")
            for owner, other in owners:
                if (other.kind == device.kind and device.kind not in SHARED_KINDS and other.first < device.first + device.count
                        and device.first < other.first + other.count):
                    raise AbiError(where, f"{device.kind} {device.first:#x} of {service.name} is {owner.name}'s already",
                                   "give a device to one service only")
            owners.append((service, device))
