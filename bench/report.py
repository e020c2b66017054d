# SPDX-License-Identifier: MIT
"""The table of the bench, beside the figures of peers.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

PEERS = Path(__file__).with_name("peers.toml")

LABELS = {
    "null_invoke": "null system call",
    "call_0w": "call + reply, 0 words",
    "call_4w": "call + reply, 4 words",
    "call_ssr_256": "… with an SSR of 256 bytes",
    "sched_switch": "to a thread and back by sched",
    "signal_wait": "notification: signal + wait",
    "post_take": "semaphore: add + take",
    "revoke_64": "revoke 64 copies, one step",
    "fault_kernel": "page fault, zeroed in the kernel",
    "fault_pager": "page fault, by a pager elsewhere",
    "fault_file": "page fault, of a file by fs",
    "map_4k": "map 4 KiB",
    "unmap_4k": "unmap 4 KiB",
    "recovery_rng": "recovery of rng",
    "recovery_fs": "recovery of fs, 64 open files",
    "fs_read_4k": "read 4 KiB",
    "fs_write_4k": "write 4 KiB",
    "fs_open_close": "open + close",
    "fs_stat": "stat",
    "fs_create_unlink": "create + close + unlink",
    "pipe_round_trip": "a byte to a process and back",
    "spawn_wait": "spawn + wait",
    "fork_wait": "fork + wait",
}


def load_peers() -> tuple[list[dict[str, object]], dict[str, int]]:
    """Peers in order, and the targets."""
    with PEERS.open("rb") as file:
        data = tomllib.load(file)
    return data["peer"], data["target"]


def _figure(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else ""


def print_table(console: Console, found: Mapping[str, Mapping[str, int | float]]) -> None:
    """One row a measurement; red where a target is missed."""
    peers, targets = load_peers()
    table = Table(box=None, header_style="bold", pad_edge=False, title="Instructions, medians", title_justify="left")
    table.add_column("", no_wrap=True)
    table.add_column("Perdure", justify="right", style="bold")
    table.add_column("target", justify="right", style="dim")
    for name in ("CR3", "TLB", "entries"):
        table.add_column(name, justify="right", style="dim")
    for peer in peers:
        table.add_column(str(peer["name"]), justify="right")
    for name, entry in found.items():
        target = targets.get(name)
        missed = target is not None and entry["instructions"] > target
        table.add_row(LABELS.get(name, name), Text(_figure(entry["instructions"]), style="red" if missed else ""),
                      f"≤ {target:,}" if target else "", _figure(entry["cr3_writes"]),
                      _figure(entry["tlb_invalidations"]), _figure(entry["kernel_entries"]),
                      *(_figure(peer.get(name)) for peer in peers))
    console.print(table)
    for peer in peers:
        console.print(f"[dim]{peer['name']}: {peer['about']}[/dim]", highlight=False)
