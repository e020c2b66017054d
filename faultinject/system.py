# SPDX-License-Identifier: MIT
"""The system under test: its kernel image, the symbols that are hooked, and where each service's code lies."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from faultinject.errors import SetupError, UsageError

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
SERVICE_BYTES = 16 << 20

#: Kernel functions whose first instruction is a hook, and the table that the kernel shows to observers.
VERDICT, FAILURE, RECOVERY, MARK = "machine_exit", "trace_begin", "trace_recovery_complete", "bench_mark_hook"
OBSERVED = "observed_services"
REPLY = "server_loop"
SYSTEM_CALL = "syscall_entry"
ENTRIES = (SYSTEM_CALL, "trap_entry")


@dataclass(frozen=True)
class Service:
    """A service and the addresses of its image, high exclusive."""

    name: str
    low: int
    high: int
    #: Address of the instruction that ends its calls; 0: not known.
    reply: int = 0
    #: Where its callers have its portal, and which services it calls.
    slot: int = 0
    calls: Sequence[str] = ()


def file_sha256(path: Path) -> str:
    """Of a file's bytes, as hexadecimal text."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def read_manifest() -> dict[str, dict[str, Any]]:
    """The services of abi/manifest.toml."""
    with (ROOT / "abi" / "manifest.toml").open("rb") as file:
        return tomllib.load(file)["service"]


def read_symbols(kernel: Path) -> dict[str, int]:
    """The addresses of the hooked symbols."""
    wanted = {VERDICT, FAILURE, RECOVERY, MARK, OBSERVED, *ENTRIES}
    try:
        with kernel.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            found = {} if table is None else {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()
                                              if symbol.name in wanted}
    except ELFError as error:
        raise SetupError(f"{kernel} is not an ELF file ({error})", "build it again: make") from error
    except OSError as error:
        raise SetupError(f"the kernel image {kernel} cannot be read ({error.strerror})", "build it: make") from error
    for name in (VERDICT, RECOVERY, OBSERVED):
        if name not in found:
            raise SetupError(f"{kernel} has no symbol {name}", "build it again, not stripped: make")
    return found


def reply_address(image: Path) -> int:
    """Of a server's reply instruction (servers/common/entry.S)."""
    try:
        with image.open("rb") as file:
            found = ELFFile(file).get_section_by_name(".symtab").get_symbol_by_name(REPLY)
    except OSError as error:
        raise SetupError(f"the server {image} cannot be read ({error.strerror})", "build it: make") from error
    return found[0]["st_value"] if found else 0


@dataclass(frozen=True)
class System:
    """A kernel image and its services."""

    kernel: Path
    services: tuple[Service, ...]
    symbols: dict[str, int]

    @staticmethod
    def numbers() -> dict[str, int]:
        """Of this repository's services, by name: how recovery records name them."""
        return {name: entry["number"] for name, entry in read_manifest().items()}

    @classmethod
    def load(cls, kernel: Path, services: tuple[Service, ...]) -> System:
        """Reads the image's symbols."""
        return cls(kernel, services, read_symbols(kernel))

    @classmethod
    def perdure(cls, kernel: Path | None = None) -> System:
        """The system of this repository: services and their bases come from its manifest. The kernel image is
        build/perdure.elf, or the one that PERDURE_KERNEL names (of another [system] of the manifest)."""
        kernel = kernel or Path(os.environ.get("PERDURE_KERNEL", BUILD / "perdure.elf"))
        services = [Service(name, entry["base"], entry["base"] + SERVICE_BYTES,
                            reply_address(BUILD / "servers" / f"{entry['image']}.elf"), entry.get("portal_slot", 0),
                            entry["calls"])
                    for name, entry in sorted(read_manifest().items(), key=lambda item: item[1]["number"])
                    if entry["kind"] != "root"]
        return cls.load(kernel, tuple(services))

    @property
    def names(self) -> list[str]:
        """Of the services."""
        return [service.name for service in self.services]

    def service(self, name: str) -> Service:
        """By name."""
        for service in self.services:
            if service.name == name:
                return service
        raise UsageError(f"there is no service {name}",
                         "one of " + ", ".join(self.names))

    def service_index(self, name: str) -> int:
        """The number by which the plugin knows it."""
        return self.services.index(self.service(name))

    def plugin_options(self) -> list[str]:
        """What the plugin must know of the image."""
        options = [f"verdict={self.symbols[VERDICT]:#x}", f"recovery={self.symbols[RECOVERY]:#x}",
                   f"observed={self.symbols[OBSERVED]:#x}"]
        for option, name in (("mark", MARK), ("failure", FAILURE), ("system_call", SYSTEM_CALL)):
            if name in self.symbols:
                options.append(f"{option}={self.symbols[name]:#x}")
        options += [f"entry={self.symbols[name]:#x}" for name in ENTRIES if name in self.symbols]
        options += [f"service={service.name}:{service.low:#x}:{service.high:#x}:{service.reply:#x}"
                    for service in self.services]
        return options

    def sha256(self) -> str:
        """Of the kernel image, which holds the services too."""
        return file_sha256(self.kernel)
