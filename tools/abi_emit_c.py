# SPDX-License-Identifier: MIT
"""Writes build/include/abi/*.h from the checked model. Constants are plain #defines, so assembler can use them."""

from __future__ import annotations

from abi_model import DEVICE_KINDS, Interface, Model, Operation, Structure

C_TYPES = {"u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t",
           "i8": "int8_t", "i16": "int16_t", "i32": "int32_t", "i64": "int64_t", "char": "char"}
REPLAY_SYMBOLS = {"transactional": "REPLAY_TRANSACTIONAL", "idempotent": "REPLAY_IDEMPOTENT",
                  "read-only": "REPLAY_READ_ONLY"}


def _number(value: int, is_address: bool) -> str:
    if value < 0:
        return f"({value})"
    text = f"{value:#x}" if is_address or value > 4096 else str(value)
    if is_address or value > 0x7fffffff:
        return f"ABI_UL({text})"
    return text


def _comment(text: str) -> str:
    lines = text.strip().splitlines()
    if len(lines) == 1:
        return f"/* {lines[0]} */"
    return "/* " + "\n * ".join(lines) + "\n */"


def _prologue(interface_header: str, doc: str, source: str, includes: list[str]) -> list[str]:
    guard = f"ABI_{interface_header.upper()}_H"
    lines = [f"/* SPDX-License-Identifier: MIT */\n/* Generated from abi/{source}; edit that. */", _comment(doc),
             f"#ifndef {guard}", f"#define {guard}", ""]
    lines += ["#ifndef ABI_UL", "#ifdef __ASSEMBLER__", "#define ABI_UL(value) value", "#else",
              "#define ABI_UL(value) value##UL", "#endif", "#endif", ""]
    if includes:
        lines += [f"#include <abi/{name}.h>" for name in includes] + [""]
    return lines


def _constants(interface: Interface) -> list[str]:
    lines = []
    for group in interface.groups:
        lines.append(_comment(group.doc))
        for constant in group.constants:
            lines.append(f"#define {constant.name} {_number(constant.value, group.is_address)} "
                         f"/* {constant.doc} */")
        lines.append("")
    return lines


def _operation_comment(operation: Operation) -> str:
    parts = [operation.doc.strip()]
    for index, word in enumerate(operation.words):
        parts.append(f"  word {index}: {word}")
    if operation.message:
        parts.append(f"  message: {operation.message}")
    if operation.lend != "none":
        parts.append(f"  lends pages: {operation.lend}")
    for index, result in enumerate(operation.results):
        parts.append(f"  -> {index}: {result}")
    if operation.reply_message:
        parts.append(f"  -> message: {operation.reply_message}")
    if operation.errors:
        parts.append("  errors: " + " ".join(operation.errors))
    if operation.replay:
        parts.append(f"  replay: {operation.replay}")
    return _comment("\n".join(parts))


def _operations(interface: Interface) -> list[str]:
    lines = []
    owner = None
    for operation in interface.operations:
        if operation.owner != owner:
            owner = operation.owner
            lines.append(f"/* Operations of {owner.lower().replace('_', ' ')}. */")
        lines.append(_operation_comment(operation))
        lines.append(f"#define {operation.symbol} {operation.number}")
    if lines:
        lines.append("")
    return lines


def _operation_tables(interface: Interface) -> list[str]:
    lines = []
    owners: dict[str, list[Operation]] = {}
    for operation in interface.operations:
        owners.setdefault(operation.owner, []).append(operation)
    for owner, operations in owners.items():
        symbol = owner.upper()
        count = max(operation.number for operation in operations) + 1
        lines += [f"#define {symbol}_OPERATIONS {count}",
                  f"static const char *const {owner.lower()}_operation_names[{symbol}_OPERATIONS]"
                  " __attribute__((unused)) = {"]
        lines += [f'    [{operation.symbol}] = "{operation.name.lower()}",' for operation in operations]
        lines.append("};")
        if interface.is_service:
            lines += [f"static const uint8_t {owner.lower()}_operation_replay[{symbol}_OPERATIONS]"
                      " __attribute__((unused)) = {"]
            lines += [f"    [{operation.symbol}] = {REPLAY_SYMBOLS[operation.replay]}," for operation in operations]
            lines.append("};")
        lines.append("")
    return lines


def _structure(structure: Structure) -> list[str]:
    lines = [_comment(structure.doc), f"struct {structure.name} {{"]
    for item in structure.fields:
        c_type = C_TYPES.get(item.type_name, f"struct {item.type_name}")
        suffix = f"[{item.count}]" if item.is_array else ""
        lines.append(f"    {c_type} {item.name}{suffix}; /* {item.doc} */")
    lines.append("};")
    lines.append(f"_Static_assert(sizeof(struct {structure.name}) == {structure.size_bytes}, "
                 f"\"struct {structure.name} has a fixed size\");")
    for item in structure.fields:
        lines.append(f"_Static_assert(offsetof(struct {structure.name}, {item.name}) == {item.offset}, "
                     f"\"{structure.name}.{item.name} has a fixed place\");")
    lines.append("")
    return lines


def _range_tables(interface: Interface) -> list[str]:
    lines = []
    for role, ranges in interface.ranges.items():
        name = f"{interface.header}_{role}"
        lines.append(f"/* Valid ranges of struct {getattr(interface, role)}, checked at every commit. */")
        lines.append(f"#define {name.upper()}_RANGES {len(ranges)}")
        lines.append(f"static const struct ssr_range {name}_ranges[{max(len(ranges), 1)}] __attribute__((unused)) = {{")
        for entry in ranges:
            lines.append(f"    {{.offset = {entry.offset}, .width_bytes = {entry.width_bytes}, .count = {entry.count}, "
                         f".stride = {entry.stride}, .minimum = {_number(entry.minimum, False)}, "
                         f".maximum = {_number(entry.maximum, False)}}}, /* {entry.name} */")
        if not ranges:
            lines.append("    {0},")
        lines.append("};")
        lines.append("")
    return lines


def interface_header(interface: Interface, is_kernel: bool) -> str:
    """The whole text of one header."""
    lines = _prologue(interface.header, interface.doc, interface.path.name, [] if is_kernel else ["kernel"])
    lines += _constants(interface)
    if is_kernel:
        lines += ["/* How an operation of a service may be repeated. */",
                  "#define REPLAY_TRANSACTIONAL 0 /* only because a crash rolls it back */",
                  "#define REPLAY_IDEMPOTENT 1 /* its effect is the same once or many times */",
                  "#define REPLAY_READ_ONLY 2 /* it has no effect */", ""]
    lines += _operations(interface)
    lines += ["#ifndef __ASSEMBLER__", "#include <stddef.h>", "#include <stdint.h>", ""]
    for structure in interface.structures:
        lines += _structure(structure)
    lines += _operation_tables(interface)
    lines += _range_tables(interface)
    lines += ["#endif /* __ASSEMBLER__ */", "#endif", ""]
    return "\n".join(lines)


OPERATION_STRUCTURE = """\
/* One operation of a kernel object, as data: for who tries them all. */
struct kernel_operation {
    const char *name;
    uint8_t object; /* OBJECT_*; OBJECT_NONE: any */
    uint8_t number;
    uint8_t words;
    uint8_t rights;  /* RIGHT_* mask that it needs */
    uint32_t errors; /* bit n: it may answer -n, besides what its rights and a dead object lead to */
};
"""


def operations_header(model: Model) -> str:
    """The whole text of operations.h."""
    statuses = {constant.name.removeprefix("PD_"): constant.value for group in model.kernel.groups
                for constant in group.constants if constant.name.startswith("PD_")}
    operations = model.kernel.operations
    lines = _prologue("operations", "The operations of all kernel objects.", "kernel.toml", ["kernel"])
    lines += ["#ifndef __ASSEMBLER__", "#include <stdint.h>", "", OPERATION_STRUCTURE, f"#define KERNEL_OPERATIONS {len(operations)}",
              "static const struct kernel_operation kernel_operations[KERNEL_OPERATIONS] __attribute__((unused)) = {"]
    for operation in operations:
        kind = "OBJECT_NONE" if operation.owner == "OBJECT" else f"OBJECT_{operation.owner}"
        rights = " | ".join(f"RIGHT_{right}" for right in operation.rights) or "0"
        errors = sum(1 << -statuses[error] for error in operation.errors)
        lines.append(f'    {{"{operation.symbol}", {kind}, {operation.symbol}, {len(operation.words)}, {rights}, {errors:#x}}},')
    lines += ["};", "#endif /* __ASSEMBLER__ */", "#endif", ""]
    return "\n".join(lines)


MANIFEST_STRUCTURES = """\
/* One device of a service. */
struct manifest_device {
    uint32_t kind;  /* DEVICE_* */
    uint32_t first; /* port or line number */
    uint32_t count; /* ports or lines */
    uint32_t slot;  /* where its capability goes */
};

/* One domain of the system, indexed by its number. */
struct manifest_service {
    const char *name;
    const char *image;     /* of the ELF file in the system bundle */
    uint32_t kind;         /* MANIFEST_* */
    uint32_t number;
    uint64_t base;         /* its code is in the 16 MiB from here */
    uint32_t ssr_bytes;
    uint32_t region_bytes;
    uint32_t outbox_pages;
    uint32_t hang_limit_us;
    uint32_t heartbeat_us; /* between two checks that the monitor asks for, 0: it asks for none */
    uint32_t priority;
    uint32_t priority_limit; /* that it may give to what it schedules, 0: it schedules nothing */
    uint32_t quota_pages;
    uint32_t calls;       /* bit n: it may call the service with number n */
    uint32_t portal_slot; /* where who calls it finds its portal, 0: nobody does by a fixed slot */
    uint32_t for_programs; /* 1: every program is bound to it */
    uint32_t device_count;
    uint32_t ssr_range_count;
    uint32_t region_range_count;
    const struct manifest_device *devices;
    const struct ssr_range *ssr_ranges;
    const struct ssr_range *region_ranges;
    const char *const *operation_names;
    uint32_t operations; /* entries of operation_names, which may be null */
};
"""


def _call_order(model: Model) -> list[str]:
    """Names of the services, each after all that it calls: the order to start them in."""
    calls = {service.name: service.calls for service in model.manifest}
    order: list[str] = []

    def visit(name: str) -> None:
        if name in order:
            return
        for callee in sorted(calls[name]):
            visit(callee)
        order.append(name)

    for service in sorted(model.manifest, key=lambda entry: entry.number):
        visit(service.name)
    kinds = {service.name: service.kind for service in model.manifest}
    return [name for name in order if kinds[name] == "service"]


def manifest_header(model: Model) -> str:
    """The whole text of manifest.h."""
    used = sorted({service.interface for service in model.manifest if service.interface in model.services})
    lines = _prologue("manifest", "The system's domains and services.", "manifest.toml", ["kernel"] + used)
    for symbol, value in (("MANIFEST_ROOT", 0), ("MANIFEST_MONITOR", 1), ("MANIFEST_SERVICE", 2)):
        lines.append(f"#define {symbol} {value}")
    for index, kind in enumerate(DEVICE_KINDS):
        lines.append(f"#define DEVICE_{kind.upper()} {index + 1}")
    numbers = {service.name: service.number for service in model.manifest}
    for service in model.manifest:
        lines.append(f"#define SERVICE_NUMBER_{service.name.upper()} {service.number} /* {service.doc} */")
        lines.append(f"#define SERVICE_BASE_{service.name.upper()} {_number(service.base, True)}")
    lines.append(f"#define MANIFEST_SERVICES {max(numbers.values()) + 1}")
    count = sum(service.for_programs for service in model.manifest)
    lines.append(f"#define MANIFEST_PROGRAM_SERVICES {count} /* services that every program is bound to */")
    lines += ["", "#ifndef __ASSEMBLER__", MANIFEST_STRUCTURES]
    for service in model.manifest:
        if service.devices:
            lines.append(f"static const struct manifest_device manifest_devices_{service.name}"
                         f"[{len(service.devices)}] __attribute__((unused)) = {{")
            lines += [f"    {{DEVICE_{device.kind.upper()}, {device.first:#x}, {device.count:#x}, {device.slot}}},"
                      for device in service.devices]
            lines.append("};")
    lines.append("static const struct manifest_service manifest_services[MANIFEST_SERVICES]"
                 " __attribute__((unused)) = {")
    for service in model.manifest:
        mask = sum(1 << numbers[callee] for callee in service.calls)
        interface = model.services.get(service.interface)
        lines.append(f"    [SERVICE_NUMBER_{service.name.upper()}] = {{")
        entries = [f'.name = "{service.name}"', f'.image = "{service.image}"',
                   f".kind = MANIFEST_{service.kind.upper()}", f".number = {service.number}",
                   f".base = SERVICE_BASE_{service.name.upper()}", f".ssr_bytes = {service.ssr_bytes}",
                   f".region_bytes = {service.region_bytes}", f".outbox_pages = {service.outbox_pages}",
                   f".hang_limit_us = {service.hang_limit_us}", f".heartbeat_us = {service.heartbeat_us}",
                   f".priority = {service.priority}",
                   f".priority_limit = {service.priority_limit}",
                   f".quota_pages = {service.quota_pages}", f".calls = {mask:#x}",
                   f".portal_slot = {service.portal_slot}", f".for_programs = {int(service.for_programs)}"]
        if service.devices:
            entries += [f".device_count = {len(service.devices)}", f".devices = manifest_devices_{service.name}"]
        for role, size in (("ssr", service.ssr_bytes), ("region", service.region_bytes)):
            if interface and size and interface.ranges.get(role):
                entries += [f".{role}_range_count = {interface.header.upper()}_{role.upper()}_RANGES",
                            f".{role}_ranges = {interface.header}_{role}_ranges"]
        if interface:
            entries += [f".operation_names = {interface.header}_operation_names",
                        f".operations = {interface.header.upper()}_OPERATIONS"]
        lines += [f"        {entry}," for entry in entries]
        lines.append("    },")
    lines += ["};", "", "/* Services in an order in which each comes after all that it calls. */"]
    order = _call_order(model)
    lines.append(f"#define MANIFEST_START_ORDER {len(order)}")
    lines.append("static const uint8_t manifest_start_order[MANIFEST_START_ORDER] __attribute__((unused)) = {")
    lines += [f"    SERVICE_NUMBER_{name.upper()}," for name in order]
    lines += ["};", "#endif /* __ASSEMBLER__ */", "#endif", ""]
    return "\n".join(lines)
