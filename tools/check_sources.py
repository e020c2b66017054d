#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks the habits of the house on the sources themselves.

Rule: each check prints `ok NAME` or `not ok NAME` and, below it, every place with the mend. Checks:
    includes   point one way, toward abi/
    licence    every source file says its licence in its first lines
    size       files under 500 lines (tests, which are lists of cases: 750), functions under 60
    words      no mark of unfinished work
    budget     kernel/ and ssr/ under 8,000 lines of code, kernel text under 86 KB
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ROOT / "build" / "include"

# What the files of a folder may include besides their own folder; a longer prefix wins.
MAY_INCLUDE: dict[str, tuple[str, ...]] = {
    "ssr": ("abi",),
    "kernel": ("ssr", "abi"),
    "boot": ("kernel", "ssr", "abi"),
    "servers/common": ("lib", "abi"),
    "servers": ("servers/common", "lib", "abi"),
    "recovery": ("servers/common", "lib", "abi"),
    "lib": ("abi",),
    "user": ("lib", "abi"),
    "user/init": ("servers/common", "lib", "abi"),
    "bench": ("lib", "abi"),
    "faultinject": ("abi",),
}
# Folders whose folders do not know each other: servers/fs may not include servers/blk.
SEPARATE = ("servers",)
FREESTANDING = ("ssr", "kernel", "boot", "servers", "recovery")
FREESTANDING_HEADERS = {"stdint.h", "stddef.h", "stdbool.h", "stdarg.h", "limits.h", "stdalign.h", "stdnoreturn.h",
                        "cpuid.h"}
FILE_LINES = 500
TEST_FILE_LINES = 750
FUNCTION_LINES = 60
CODE_LINES_BUDGET = 8000
KERNEL_TEXT_BUDGET_BYTES = 86 * 1024
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
SOURCE_SUFFIXES = {".c", ".h", ".S", ".py", ".ld", ".mk", ".toml", ".pml", ".sh"}


class Report:
    """Collects what is wrong and prints the result of each check."""

    def __init__(self) -> None:
        self.failed = False

    def result(self, name: str, problems: list[str]) -> None:
        print(("not ok " if problems else "ok ") + name)
        for problem in problems:
            print(f"    {problem}")
        self.failed |= bool(problems)


def sources() -> list[Path]:
    """All files under version control, and those that are new."""
    listing = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, text=True, check=True).stdout
    return [Path(line) for line in sorted(set(listing.splitlines())) if (ROOT / line).is_file()]


def _owner(path: Path) -> str:
    """The folder whose rule a file is under."""
    parts = path.parts
    if parts[0] in SEPARATE and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0]


def _rule(path: Path) -> tuple[str, ...] | None:
    """What a file may include: the rule of its nearest folder that has one."""
    folder = path.parent
    while folder != Path("."):
        if str(folder) in MAY_INCLUDE:
            return MAY_INCLUDE[str(folder)]
        folder = folder.parent
    return None


def _resolve(path: Path, name: str) -> str | None:
    """The folder that an include leads to; None if it is not ours."""
    local = (ROOT / path.parent / name).resolve()
    if local.is_file() and local.is_relative_to(ROOT):
        return _owner(local.relative_to(ROOT))
    for prefix in ("", "lib/"):
        if (ROOT / (prefix + name)).is_file():
            return _owner(Path(prefix + name))
    if name.startswith("abi/"):
        return "abi"
    return None


def check_includes(files: list[Path]) -> list[str]:
    problems = []
    for path in files:
        owner = _owner(path)
        rule = _rule(path)
        if path.suffix not in (".c", ".h", ".S") or rule is None:
            continue
        for number, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if match is None:
                continue
            target = _resolve(path, match.group(2))
            if target is None:
                if path.parts[0] in FREESTANDING and match.group(2) not in FREESTANDING_HEADERS:
                    problems.append(f"{path}:{number}: {owner} is freestanding and includes {match.group(2)}; "
                                    "mend: use only what the compiler brings along")
            elif target != owner and target not in rule:
                problems.append(f"{path}:{number}: {owner} may not include from {target}; mend: move what both need "
                                f"toward abi/ (allowed: {', '.join(rule)})")
    return problems


def check_licence(files: list[Path]) -> list[str]:
    problems = []
    for path in files:
        if path.suffix not in SOURCE_SUFFIXES - {".toml"} and path.name != "Makefile":
            continue
        head = (ROOT / path).read_text(errors="replace")[:400]
        if head.strip() and "SPDX-License-Identifier:" not in head:
            problems.append(f"{path}:1: says no licence; mend: open it with SPDX-License-Identifier: MIT")
    return problems


def _functions(text: str) -> Iterator[tuple[int, int]]:
    """First line and length of each function whose braces stand in the first column."""
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            yield start - 1, number - start - 1
            start = None


def check_size(files: list[Path]) -> list[str]:
    problems = []
    for path in files:
        if path.suffix not in (".c", ".h", ".S", ".py"):
            continue
        text = (ROOT / path).read_text(errors="replace")
        lines = text.count("\n")
        limit = TEST_FILE_LINES if path.parts[0] == "tests" else FILE_LINES
        if lines >= limit:
            problems.append(f"{path}: {lines} lines, {limit} are too many; mend: split it by what it does")
        if path.suffix == ".c":
            for first, length in _functions(text):
                if length >= FUNCTION_LINES:
                    problems.append(f"{path}:{first}: a function of {length} lines, {FUNCTION_LINES} are too many; "
                                    "mend: split it")
    return problems


def check_words(files: list[Path]) -> list[str]:
    problems = []
    for path in files:
        if path.suffix not in SOURCE_SUFFIXES | {".md"}:
            continue
        for number, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1):
            if UNFINISHED.search(line):
                problems.append(f"{path}:{number}: marks unfinished work; mend: do it, or describe the limit in docs/")
    return problems


def code_lines(path: Path) -> int:
    """Lines that hold more than comment and white space."""
    text = path.read_text(errors="replace")
    text = re.sub(r"/\*.*?\*/", lambda match: "\n" * match.group().count("\n"), text, flags=re.DOTALL)
    text = re.sub(r"//[^\n]*", "", text)
    return sum(1 for line in text.splitlines() if line.strip())


def check_budget(files: list[Path]) -> list[str]:
    problems = []
    kernel = [path for path in files if path.parts[0] in ("kernel", "ssr") and path.suffix in (".c", ".h", ".S")]
    total = sum(code_lines(ROOT / path) for path in kernel)
    print(f"# kernel/ and ssr/: {total} lines of code")
    if total >= CODE_LINES_BUDGET:
        problems.append(f"kernel/ and ssr/ have {total} lines of code; mend: move policy out of the kernel")
    image = ROOT / "build" / "perdure.elf"
    if image.is_file():
        listing = subprocess.run(["readelf", "-S", "-W", str(image)], capture_output=True, text=True, check=True).stdout
        match = re.search(r"\s\.text\s+\S+\s+\S+\s+\S+\s+([0-9a-f]+)", listing)
        text_bytes = int(match.group(1), 16) if match else 0
        print(f"# kernel text: {text_bytes} bytes")
        if not 0 < text_bytes < KERNEL_TEXT_BUDGET_BYTES:
            problems.append(f"kernel text has {text_bytes} bytes; mend: find what grew with `nm --size-sort`")
    return problems


def main() -> int:
    files = sources()
    report = Report()
    report.result("includes point toward abi/", check_includes(files))
    report.result("every source file says its licence", check_licence(files))
    report.result("files and functions are short", check_size(files))
    report.result("nothing is marked as unfinished", check_words(files))
    report.result("the kernel keeps its budget", check_budget(files))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
