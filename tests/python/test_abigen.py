# SPDX-License-Identifier: MIT
"""The ABI generator refuses what would break the boundary, and says where."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from abi_emit_c import interface_header, manifest_header  # noqa: E402
from abi_emit_manual import manual  # noqa: E402
from abi_manifest import read_model  # noqa: E402
from abi_model import AbiError  # noqa: E402
from abi_systems import check_servers  # noqa: E402


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the real source, to be damaged."""
    return Path(shutil.copytree(ROOT / "abi", tmp_path / "abi"))


def replace(path: Path, old: str, new: str, after: str = "") -> int:
    """Replaces the first `old` behind `after`; returns the line it is in."""
    text = path.read_text()
    position = text.index(old, text.index(after))
    path.write_text(text[:position] + new + text[position + len(old):])
    return text.count("\n", 0, position) + 1


def refusal(source: Path) -> str:
    with pytest.raises(AbiError) as caught:
        read_model(source)
    assert "mend: " in str(caught.value)
    return str(caught.value)


def test_the_real_source_is_accepted_and_names_every_operation_in_the_manual(source: Path) -> None:
    model = read_model(source)
    text = manual(model)
    for interface in [model.kernel, *model.services.values()]:
        for operation in interface.operations:
            assert f"`{operation.symbol}`" in text


def test_a_cycle_of_calls_is_refused_with_its_path(source: Path) -> None:
    replace(source / "manifest.toml", "calls = []", 'calls = ["fs"]', after="[service.blk]")
    assert "fs -> blk -> fs" in refusal(source)


def test_a_service_that_calls_itself_is_refused(source: Path) -> None:
    replace(source / "manifest.toml", "calls = []", 'calls = ["rng"]', after="[service.rng]")
    assert "rng -> rng" in refusal(source)


def test_a_call_of_what_is_no_service_is_refused_at_its_line(source: Path) -> None:
    line = replace(source / "manifest.toml", 'calls = ["blk"]', 'calls = ["block"]', after="[service.fs]")
    message = refusal(source)
    assert f"manifest.toml:{line}" in message and "fs calls block, which is no service" in message


@pytest.mark.parametrize("base", ["0x0", "0x70000000", "0x6f800000"])
def test_a_base_where_something_else_is_mapped_is_refused(base: str, source: Path) -> None:
    line = replace(source / "manifest.toml", "base = 0x06000000", f"base = {base}", after="[service.rng]")
    message = refusal(source)
    assert f"manifest.toml:{line}" in message and ("overlap" in message or "multiple of 16 MiB" in message)


def test_a_quota_below_what_the_service_takes_at_once_is_refused(source: Path) -> None:
    line = replace(source / "manifest.toml", "quota_pages = 8192", "quota_pages = 513", after="[service.fs]")
    message = refusal(source)
    assert f"manifest.toml:{line}" in message and "outbox and service region alone take 514" in message


def test_a_service_as_high_as_the_monitor_is_refused(source: Path) -> None:
    line = replace(source / "manifest.toml", "priority = 18", "priority = 30", after="[service.rng]")
    assert f"manifest.toml:{line}" in refusal(source)


def test_a_scheduler_that_could_put_others_above_itself_is_refused(source: Path) -> None:
    line = replace(source / "manifest.toml", "priority_limit = 13", "priority_limit = 19", after="[service.sched]")
    assert f"manifest.toml:{line}" in refusal(source)


def test_a_heartbeat_within_the_hang_limit_is_refused(source: Path) -> None:
    line = replace(source / "manifest.toml", "heartbeat_us = 50000", "heartbeat_us = 20000", after="[service.timer]")
    assert f"manifest.toml:{line}" in refusal(source)


def test_a_device_of_two_services_is_refused_at_the_second(source: Path) -> None:
    line = replace(source / "manifest.toml", "first = 0xcf8", "first = 0x3ff", after="[service.blk]")
    message = refusal(source)
    assert f"manifest.toml:{line}" in message and "is console's already" in message


@pytest.mark.parametrize(("old", "new", "reason"), [
    ("slot = 17", "slot = 16", "has one already"), ("slot = 20", "slot = 17", "not for a device of kind irq"),
    ("first = 4", "first = 24", "do not exist"), ('kind = "irq"', 'kind = "line"', "device kind 'line' is unknown")])
def test_a_device_that_no_driver_could_use_is_refused(old: str, new: str, reason: str, source: Path) -> None:
    line = replace(source / "manifest.toml", old, new, after="[service.console]")
    message = refusal(source)
    assert f"manifest.toml:{line}" in message and reason in message


@pytest.mark.parametrize(("old", "new", "reason"), [
    ('"rng"]', '"random"]', "lists random, which is no service"), ('"rng"]', '"rng", "rng"]', "lists rng twice"),
    ('"monitor", ', "", 'has 0 domains of kind "monitor"'), ('"rng"]', '"fs"]', "fs calls blk, which the system minimal leaves"),
    ("memory_mib = 20", "memory_mib = 18", "add up to 640 pages; 18 MiB less 16")])
def test_a_system_that_cannot_run_is_refused(old: str, new: str, reason: str, source: Path) -> None:
    line = replace(source / "manifest.toml", old, new, after="[system.minimal]")
    message = refusal(source)
    assert f"manifest.toml:{line}" in message and reason in message


def test_a_manifest_without_the_full_system_is_refused(source: Path) -> None:
    replace(source / "manifest.toml", "[system.full]", "[system.whole]")
    assert "there is no [system.full]" in refusal(source)


@pytest.mark.parametrize(("server", "old", "new", "reason"), [
    ("fs", 'calls = ["blk"]', "calls = []", "fs uses the portal of blk"),
    ("console", '    { kind = "irq", first = 4, count = 1, slot = 20 },\n', "", "console uses SLOT_IRQ"),
    ("blk", '    { kind = "disk", first = 0, count = 1, slot = 24 },\n', "", "blk uses SLOT_DEVICE_MEMORY"),
])
def test_a_server_that_uses_what_it_is_not_given_is_refused(server: str, old: str, new: str, reason: str,
                                                            source: Path) -> None:
    check_servers(source / "manifest.toml", read_model(source).manifest, ROOT / "servers")
    replace(source / "manifest.toml", old, new, after=f"[service.{server}]")
    with pytest.raises(AbiError, match=reason) as caught:
        check_servers(source / "manifest.toml", read_model(source).manifest, ROOT / "servers")
    assert f"servers/{server}/" in str(caught.value) and "manifest.toml:" in str(caught.value)


def test_two_services_with_one_number_are_refused_at_the_second(source: Path) -> None:
    line = replace(source / "manifest.toml", "number = 5", "number = 4", after="[service.rng]")
    assert f"manifest.toml:{line}" in refusal(source)


@pytest.mark.parametrize(("service", "other", "base"), [("rng", "fs", "0x05000000"), ("echo0", "echo", "0x07000000")])
def test_two_services_at_one_base_are_refused(service: str, other: str, base: str, source: Path) -> None:
    own = {"rng": "0x06000000", "echo0": "0x0b000000"}[service]
    line = replace(source / "manifest.toml", f"base = {own}", f"base = {base}", after=f"[service.{service}]")
    message = refusal(source)
    assert f"manifest.toml:{line}" in message and f"{service} has the base" in message and f"and so has {other}" in message


def test_a_size_that_is_not_the_layouts_is_refused(source: Path) -> None:
    replace(source / "manifest.toml", "ssr_bytes = 256", "ssr_bytes = 264", after="[service.rng]")
    assert "struct rng_ssr has 256 bytes" in refusal(source)


def test_a_missing_field_of_a_service_is_refused(source: Path) -> None:
    replace(source / "manifest.toml", "priority = 18\n", "", after="[service.rng]")
    assert "`priority` is missing" in refusal(source)


def test_two_operations_with_one_number_are_refused(source: Path) -> None:
    replace(source / "rng.toml", "number = 2", "number = 1", after="[operation.NEXT]")
    assert "NEXT has number 1, and so has SEED" in refusal(source)


def test_an_operation_without_replay_class_is_refused(source: Path) -> None:
    replace(source / "rng.toml", 'replay = "transactional"\n', "")
    assert "no replay class" in refusal(source)


def test_an_unknown_error_is_refused(source: Path) -> None:
    replace(source / "rng.toml", '"INVAL"', '"INVALID"')
    assert "PE_INVALID is no error number" in refusal(source)


def test_a_hole_in_a_layout_is_refused_at_its_field(source: Path) -> None:
    line = replace(source / "rng.toml", '{ type = "u32", name = "reserved", doc = "zero", minimum = 0, maximum = 0 },',
                   "")
    message = refusal(source)
    assert "there is a hole" in message and f"rng.toml:{line + 1}" in message


def test_a_wrong_size_of_a_layout_is_refused(source: Path) -> None:
    replace(source / "rng.toml", "u64[24]", "u64[23]")
    assert "its fields take 248 bytes, `bytes` says 256" in refusal(source)


def give_range(source: Path, field: str) -> None:
    """A valid range for a field of struct fs_handle, of which there are 76."""
    replace(source / "fs.toml", f'name = "{field}", ', f'name = "{field}", minimum = 0, maximum = 9, ',
            after='name = "fs_handle"')


def test_more_ranges_than_a_commit_may_check_are_refused(source: Path) -> None:
    for field in ("inode", "state", "flags"):
        give_range(source, field)
    assert "keep a commit bounded" in refusal(source)


def test_syntax_errors_name_the_file(source: Path) -> None:
    (source / "blk.toml").write_text("[operation.READ\n")
    assert "blk.toml" in refusal(source)


def test_ranges_of_an_array_are_one_entry_with_its_stride(source: Path) -> None:
    give_range(source, "state")
    model = read_model(source)
    ranges = {entry.name: entry for entry in model.services["fs"].ranges["ssr"]}
    assert (ranges["handles.state"].count, ranges["handles.state"].stride) == (76, 32)


def test_generated_headers_agree_with_the_compilers_idea_of_the_layout(source: Path, tmp_path: Path) -> None:
    model = read_model(source)
    (tmp_path / "include" / "abi").mkdir(parents=True)
    for name, text in [("kernel", interface_header(model.kernel, True)), ("manifest", manifest_header(model)),
                       *[(entry.header, interface_header(entry, False)) for entry in model.services.values()]]:
        (tmp_path / "include" / "abi" / f"{name}.h").write_text(text)
    program = tmp_path / "program.c"
    program.write_text("#include <abi/manifest.h>\n"
                       "int main(void) { return manifest_services[SERVICE_NUMBER_FS].ssr_bytes != "
                       "sizeof(struct fs_ssr) || manifest_services[SERVICE_NUMBER_FS].calls != "
                       "1u << SERVICE_NUMBER_BLK; }\n")
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-I", tmp_path / "include", program, "-o",
                    tmp_path / "program"], check=True)
    subprocess.run([tmp_path / "program"], check=True)


def test_services_start_after_what_they_call(source: Path) -> None:
    text = manifest_header(read_model(source))
    order = text[text.index("manifest_start_order["):]
    assert order.index("SERVICE_NUMBER_BLK") < order.index("SERVICE_NUMBER_FS")


def test_a_called_service_without_a_slot_for_its_portal_is_refused(source: Path) -> None:
    replace(source / "manifest.toml", "portal_slot = 7\n", "", after="[service.blk]")
    assert "blk is called, but has no portal_slot" in refusal(source)


def test_two_portals_in_one_slot_are_refused(source: Path) -> None:
    line = replace(source / "manifest.toml", "portal_slot = 6", "portal_slot = 5", after="[service.rng]")
    message = refusal(source)
    assert f"manifest.toml:{line}" in message and "same portal_slot" in message
