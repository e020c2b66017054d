# SPDX-License-Identifier: MIT
"""Writes the reference manual (build/docs/reference.md) from the same model as the headers."""

from __future__ import annotations

from abi_model import Interface, Model, Operation, Structure


def _constants(interface: Interface) -> list[str]:
    lines = []
    for group in interface.groups:
        lines += [f"### Constants: {group.name.replace('_', ' ')}", "", group.doc, "", "| name | value | meaning |",
                  "|---|---|---|"]
        for constant in group.constants:
            value = f"{constant.value:#x}" if constant.value > 4096 else str(constant.value)
            lines.append(f"| `{constant.name}` | {value} | {constant.doc} |")
        lines.append("")
    return lines


def _operation(operation: Operation, error_prefix: str) -> list[str]:
    lines = [f"### `{operation.symbol}` ({operation.number})", "", operation.doc.strip(), ""]
    for index, word in enumerate(operation.words):
        name, meaning = word.split(": ", 1)
        lines.append(f"- word {index}, *{name}*: {meaning}")
    if operation.message:
        lines.append(f"- message: {operation.message}")
    if operation.lend != "none":
        direction = {"in": "the service reads them", "out": "the service fills them",
                     "either": "the service reads or fills them"}[operation.lend]
        lines.append(f"- lent pages: {direction}")
    for index, result in enumerate(operation.results):
        name, meaning = result.split(": ", 1)
        lines.append(f"- result {index}, *{name}*: {meaning}")
    if operation.reply_message:
        lines.append(f"- reply message: {operation.reply_message}")
    if operation.rights:
        lines.append("- needs: " + ", ".join(f"`RIGHT_{right}`" for right in operation.rights))
    if operation.errors:
        lines.append("- errors: " + ", ".join(f"`{error_prefix}{error}`" for error in operation.errors))
    if operation.replay:
        lines.append(f"- replay class: {operation.replay}")
    return lines + [""]


def _structure(structure: Structure) -> list[str]:
    lines = [f"### `struct {structure.name}` ({structure.size_bytes} bytes)", "", structure.doc, "",
             "| offset | type | name | meaning |", "|---|---|---|---|"]
    for item in structure.fields:
        suffix = f"[{item.count}]" if item.is_array else ""
        valid = f" (valid: {item.minimum}..{item.maximum:#x})" if item.minimum is not None else ""
        lines.append(f"| {item.offset} | {item.type_name}{suffix} | `{item.name}` | {item.doc}{valid} |")
    return lines + [""]


def _interface(title: str, interface: Interface, error_prefix: str) -> list[str]:
    lines = [f"## {title}", "", interface.doc.strip(), ""]
    for operation in interface.operations:
        lines += _operation(operation, error_prefix)
    lines += _constants(interface)
    for structure in interface.structures:
        lines += _structure(structure)
    return lines


def manual(model: Model) -> str:
    """The whole text of the manual."""
    lines = ["# Perdure reference", "",
             "Generated from `abi/`. Numbers here are those of the build they were generated with; programs use the"
             " names.", "", "## The system", "",
             "| number | name | base | client state | service region | outbox pages | calls | what it does |",
             "|---|---|---|---|---|---|---|---|"]
    for service in model.manifest:
        lines.append(f"| {service.number} | {service.name} | {service.base:#x} | {service.ssr_bytes} "
                     f"| {service.region_bytes} | {service.outbox_pages} | {', '.join(service.calls) or 'nothing'} "
                     f"| {service.doc} |")
    lines.append("")
    lines += _interface("The kernel", model.kernel, "PD_")
    for name, interface in model.services.items():
        lines += _interface(f"Service `{name}`", interface, "PE_")
    for interface in model.others:
        lines += _interface("Error numbers of services", interface, "PE_")
    return "\n".join(lines)
