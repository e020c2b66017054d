# SPDX-License-Identifier: MIT
"""Reads and checks abi/*.toml.

Rule: whatever the generators write is computed here and has passed every check; a mistake in the source is reported
with its file, line and mend, and nothing is written.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCALAR_BYTES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "char": 1}
REPLAY_CLASSES = ("transactional", "idempotent", "read-only")
LEND_KINDS = ("none", "in", "out", "either")
SERVICE_KINDS = ("root", "monitor", "service")
DEVICE_KINDS = ("ioport", "irq", "disk", "notification")
SERVICE_SPAN_BYTES = 0x1000000
NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$")


class AbiError(Exception):
    """A mistake in the ABI source: says where it is, what is wrong and how to mend it."""

    def __init__(self, where: str, problem: str, mend: str) -> None:
        super().__init__(f"{where}: {problem}\n    mend: {mend}")


@dataclass
class Constant:
    name: str
    value: int
    doc: str


@dataclass
class ConstantGroup:
    name: str
    doc: str
    is_address: bool
    constants: list[Constant]


@dataclass
class Operation:
    owner: str
    name: str
    number: int
    doc: str
    words: list[str]
    results: list[str]
    errors: list[str]
    rights: list[str]
    message: str
    reply_message: str
    lend: str
    replay: str

    @property
    def symbol(self) -> str:
        return f"{self.owner.upper()}_{self.name}"


@dataclass
class Field:
    type_name: str
    name: str
    doc: str
    count: int
    is_array: bool
    offset: int
    element_bytes: int
    minimum: int | None
    maximum: int | None


@dataclass
class Structure:
    name: str
    size_bytes: int
    doc: str
    alignment: int
    fields: list[Field]


@dataclass
class Range:
    name: str
    offset: int
    width_bytes: int
    count: int
    stride: int
    minimum: int
    maximum: int


@dataclass
class Interface:
    """One file of abi/: the kernel's or one service's."""

    path: Path
    header: str
    doc: str
    is_service: bool
    groups: list[ConstantGroup] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    structures: list[Structure] = field(default_factory=list)
    ssr: str | None = None
    region: str | None = None
    ranges: dict[str, list[Range]] = field(default_factory=dict)

    def structure(self, name: str) -> Structure | None:
        return next((entry for entry in self.structures if entry.name == name), None)


@dataclass
class Device:
    kind: str
    first: int
    count: int
    slot: int


@dataclass
class Service:
    name: str
    kind: str
    number: int
    image: str
    interface: str
    base: int
    ssr_bytes: int
    region_bytes: int
    outbox_pages: int
    hang_limit_us: int
    heartbeat_us: int
    priority: int
    priority_limit: int
    quota_pages: int
    calls: list[str]
    devices: list[Device]
    portal_slot: int
    for_programs: bool
    doc: str


@dataclass
class System:
    """One choice of the manifest's domains, to be built into a kernel image."""

    name: str
    services: list[str]
    memory_mib: int
    doc: str


@dataclass
class Model:
    kernel: Interface
    services: dict[str, Interface]
    others: list[Interface]
    manifest: list[Service]
    systems: list[System]


class Source:
    """A TOML file that can tell the line of a header or key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        try:
            self.data: dict[str, Any] = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise AbiError(str(path), f"not TOML: {error}", "correct the syntax at that line") from error

    def where(self, *patterns: str) -> str:
        """FILE:LINE of the last pattern, each searched from the place of the one before."""
        position = 0
        for pattern in patterns:
            match = re.compile(pattern, re.MULTILINE).search(self.text, position)
            if match is None:
                break
            position = match.start()
        return self.line_of(position)

    def line_of(self, position: int) -> str:
        """FILE:LINE of a place in the text."""
        return f"{self.path}:{self.text.count(chr(10), 0, position) + 1}"

    def require(self, table: dict[str, Any], key: str, kind: type, where: str) -> Any:
        value = table.get(key)
        if not isinstance(value, kind):
            raise AbiError(where, f"`{key}` is missing or not a {kind.__name__}", f"add `{key} = ...` there")
        return value


def _table_pattern(*parts: str) -> str:
    return r"^\[+" + r"\.".join(re.escape(part) for part in parts) + r"\]+"


def _read_groups(source: Source) -> list[ConstantGroup]:
    groups = []
    for name, table in source.data.get("constants", {}).items():
        header = _table_pattern("constants", name)
        prefix = table.get("prefix", "")
        constants = []
        for key, value in table.items():
            if key in ("prefix", "doc", "kind"):
                continue
            where = source.where(header, rf"^{re.escape(key)}\s*=")
            if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], int)
                    and isinstance(value[1], str)):
                raise AbiError(where, f"constant {key} is not [value, \"meaning\"]", "write it as [1, \"what it is\"]")
            if not NAME_PATTERN.match(prefix + key):
                raise AbiError(where, f"{prefix + key} is no C name", "use letters, digits and underscores")
            constants.append(Constant(prefix + key, value[0], value[1]))
        doc = source.require(table, "doc", str, source.where(header))
        groups.append(ConstantGroup(name, doc, table.get("kind") == "address", constants))
    return groups


def _read_operation(source: Source, owner: str, name: str, table: dict[str, Any], where: str,
                    is_service: bool) -> Operation:
    known = {"number", "words", "results", "errors", "rights", "message", "reply_message", "lend", "replay", "doc"}
    for key in table:
        if key not in known:
            raise AbiError(where, f"operation {name} has an unknown field `{key}`",
                           f"use only {', '.join(sorted(known))}")
    number = source.require(table, "number", int, where)
    doc = source.require(table, "doc", str, where)
    replay = table.get("replay", "")
    if is_service and replay not in REPLAY_CLASSES:
        raise AbiError(where, f"operation {name} has no replay class", f"add replay = one of {REPLAY_CLASSES}")
    lend = table.get("lend", "none")
    if lend not in LEND_KINDS:
        raise AbiError(where, f"lend = {lend!r} is unknown", f"use one of {LEND_KINDS}")
    for key, most in (("words", 6), ("results", 4)):
        entries = table.get(key, [])
        if len(entries) > most:
            raise AbiError(where, f"operation {name} has {len(entries)} {key}, at most {most} fit",
                           "send more through the message page")
        if any(": " not in entry for entry in entries):
            raise AbiError(where, f"operation {name}: an entry of {key} says no meaning", "write \"name: meaning\"")
    return Operation(owner, name, number, doc, table.get("words", []), table.get("results", []),
                     table.get("errors", []), table.get("rights", []), table.get("message", ""),
                     table.get("reply_message", ""), lend, replay)


def _read_operations(source: Source, owner: str | None) -> list[Operation]:
    """Operations of one service (owner given) or of all kernel objects (one table level more)."""
    operations = []
    table = source.data.get("operation", {})
    owners = {owner: table} if owner else table
    for this_owner, entries in owners.items():
        numbers: dict[int, str] = {}
        for name, fields in entries.items():
            parts = ("operation", name) if owner else ("operation", this_owner, name)
            where = source.where(_table_pattern(*parts))
            operation = _read_operation(source, this_owner, name, fields, where, owner is not None)
            if operation.number in numbers:
                raise AbiError(where, f"{name} has number {operation.number}, and so has {numbers[operation.number]}",
                               "give it a number of its own")
            numbers[operation.number] = name
            operations.append(operation)
    return operations


def _read_field(source: Source, entry: dict[str, Any], known: dict[str, Structure], offset: int,
                where: str) -> Field:
    type_name = source.require(entry, "type", str, where)
    name = source.require(entry, "name", str, where)
    doc = source.require(entry, "doc", str, where)
    match = re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]*)(?:\[(\d+)\])?", type_name)
    if match is None:
        raise AbiError(where, f"field {name} has type {type_name!r}", "write u32 or u32[8] or structure[8]")
    base, count = match.group(1), int(match.group(2) or 1)
    if base in SCALAR_BYTES:
        element_bytes = alignment = SCALAR_BYTES[base]
    elif base in known:
        element_bytes, alignment = known[base].size_bytes, known[base].alignment
    else:
        raise AbiError(where, f"field {name} has unknown type {base}", "define that structure above this one")
    if offset % alignment:
        raise AbiError(where, f"field {name} at offset {offset} is not aligned to {alignment}: there is a hole",
                       "move it or put a reserved field before it")
    minimum, maximum = entry.get("minimum"), entry.get("maximum")
    if (minimum is None) != (maximum is None):
        raise AbiError(where, f"field {name} has only one end of its range", "give minimum and maximum")
    if minimum is not None and (base not in SCALAR_BYTES or base == "char" or not 0 <= minimum <= maximum):
        raise AbiError(where, f"field {name} has an impossible range", "use 0 <= minimum <= maximum on an integer")
    return Field(base, name, doc, count, match.group(2) is not None, offset, element_bytes, minimum, maximum)


def _read_structures(source: Source, known: dict[str, Structure]) -> list[Structure]:
    structures = []
    known = dict(known)
    for table in source.data.get("struct", []):
        name = source.require(table, "name", str, source.where(r"^\[\[struct\]\]"))
        header = rf"^name = \"{re.escape(name)}\"$"
        where = source.where(header)
        size = source.require(table, "bytes", int, where)
        doc = source.require(table, "doc", str, where)
        offset, alignment, fields = 0, 1, []
        for entry in source.require(table, "fields", list, where):
            line = source.where(header, rf"name = \"{re.escape(str(entry.get('name')))}\",")
            item = _read_field(source, entry, known, offset, line)
            fields.append(item)
            offset += item.element_bytes * item.count
            own = SCALAR_BYTES.get(item.type_name) or known[item.type_name].alignment
            alignment = max(alignment, own)
        if offset != size:
            raise AbiError(where, f"struct {name}: its fields take {offset} bytes, `bytes` says {size}",
                           f"correct `bytes`, or change the reserved field by {size - offset} bytes")
        if size % alignment:
            raise AbiError(where, f"struct {name}: {size} is no multiple of its alignment {alignment}",
                           "pad it with a reserved field")
        structure = Structure(name, size, doc, alignment, fields)
        if name in known:
            raise AbiError(where, f"struct {name} is defined twice", "rename one of them")
        known[name] = structure
        structures.append(structure)
    return structures


def _ranges_of(structure: Structure, known: dict[str, Structure], prefix: str = "", base: int = 0) -> list[Range]:
    ranges = []
    for item in structure.fields:
        name = prefix + item.name
        if item.minimum is not None and item.maximum is not None:
            ranges.append(Range(name, base + item.offset, item.element_bytes, item.count, item.element_bytes,
                                item.minimum, item.maximum))
        elif item.type_name in known:
            inner = known[item.type_name]
            for entry in _ranges_of(inner, known, f"{name}.", base + item.offset):
                if item.count > 1:
                    if entry.count > 1:
                        raise AbiError(f"struct {structure.name}", f"field {entry.name} is an array in an array",
                                       "give only scalars of an array's elements a range")
                    entry.count, entry.stride = item.count, item.element_bytes
                ranges.append(entry)
    return ranges


def _limit(kernel: Interface, name: str) -> int:
    for group in kernel.groups:
        for constant in group.constants:
            if constant.name == name:
                return constant.value
    raise AbiError(str(kernel.path), f"constant {name} is missing", "define it in [constants.limit]")


def read_interface(path: Path, kernel: Interface | None) -> Interface:
    """Reads one file; kernel is the kernel's interface, whose limits the layouts must keep, or None for itself."""
    source = Source(path)
    service = source.data.get("service")
    doc = source.require(source.data, "doc", str, f"{path}:1")
    header = service or source.require(source.data, "header", str, f"{path}:1")
    interface = Interface(path, header, doc, service is not None)
    interface.groups = _read_groups(source)
    interface.operations = _read_operations(source, service)
    inherited = {entry.name: entry for entry in kernel.structures} if kernel else {}
    interface.structures = _read_structures(source, inherited)
    layout = source.data.get("layout", {})
    for role in ("ssr", "region"):
        name = layout.get(role)
        if name is None:
            continue
        where = source.where(r"^\[layout\]", rf"^{role}\s*=")
        structure = interface.structure(name)
        if structure is None:
            raise AbiError(where, f"layout {role} names struct {name}, which is not there", "define it in this file")
        assert kernel is not None
        known = {entry.name: entry for entry in interface.structures}
        ranges = _ranges_of(structure, known)
        most = _limit(kernel, "SSR_RANGES_MAXIMUM")
        checked = _limit(kernel, "SSR_RANGE_COUNT_MAXIMUM")
        total = sum(entry.count for entry in ranges)
        if len(ranges) > most or total > checked:
            raise AbiError(where, f"struct {name} has {len(ranges)} ranges over {total} fields",
                           f"at most {most} ranges over {checked} fields keep a commit bounded: drop some")
        setattr(interface, role, name)
        interface.ranges[role] = ranges
    _check_errors(interface, kernel, source)
    _check_constants(interface, source)
    return interface


def _check_errors(interface: Interface, kernel: Interface | None, source: Source) -> None:
    if kernel is not None:
        return
    names = {constant.name for group in interface.groups for constant in group.constants}
    for operation in interface.operations:
        where = source.where(_table_pattern("operation", operation.owner, operation.name))
        for error in operation.errors:
            if f"PD_{error}" not in names:
                raise AbiError(where, f"{operation.symbol}: PD_{error} is no status", "use a name of constants.status")
        for right in operation.rights:
            if f"RIGHT_{right}" not in names:
                raise AbiError(where, f"{operation.symbol}: RIGHT_{right} is no right", "use a name of constants.right")


def _check_constants(interface: Interface, source: Source) -> None:
    seen: dict[str, str] = {}
    symbols = [(constant.name, group.name) for group in interface.groups for constant in group.constants]
    symbols += [(operation.symbol, "operation") for operation in interface.operations]
    for name, group in symbols:
        if name in seen:
            raise AbiError(source.where(_table_pattern("constants", group)),
                           f"{name} is defined in {seen[name]} and in {group}", "rename one of them")
        seen[name] = group


def check_service_errors(interface: Interface, errno: Interface) -> None:
    """Every error a service's operation names must be one of PE_*."""
    names = {constant.name for group in errno.groups for constant in group.constants}
    source = Source(interface.path)
    for operation in interface.operations:
        for error in operation.errors:
            if f"PE_{error}" not in names:
                raise AbiError(source.where(_table_pattern("operation", operation.name)),
                               f"{operation.symbol}: PE_{error} is no error number",
                               "use a name of abi/posix_errno.toml, or add it there")
