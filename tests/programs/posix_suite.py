#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The POSIX conformance tests (Debian's posixtestsuite): run them on Perdure, keep the list of those that pass.

Rule: a test counts as passed only if it ended by itself with the suite's status for it. `absent` (see
user/foreign/posixtests.sh) says which tests need what is not here: they are not run.

usage: tests/programs/posix_suite.py [--write] [INTERFACE...]
    runs the tests of all interfaces, or of these, and prints what came of each that did not pass;
    --write puts the whole list into docs/posix.md and tests/programs/posix_passed.txt.
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from conftest import BUILD, ROOT, check_disk, compile_programs, foreign_problem, run_batch  # noqa: E402

HERE = Path(__file__).resolve().parent
RESULTS = BUILD / "foreign" / "posixtests"
PROGRAMS = BUILD / "programs" / "posix"
PASSED_LIST = HERE / "posix_passed.txt"
REASONS = HERE / "posix_reasons.toml"
PAGE = ROOT / "docs" / "posix.md"

#: What the suite's exit statuses mean (its include/posixtest.h).
VERDICTS = {0: "passed", 1: "failed", 2: "unresolved", 4: "unsupported", 5: "untested"}
COLUMNS = ["passed", "failed", "unresolved", "unsupported", "untested"]
#: Guest time for one test, as Debian runs the suite.
LIMIT_S = 240


def tests_of(interface: str) -> dict[str, list[str]]:
    """The tests of an interface that can be run, and the command line of each."""
    table = (RESULTS / "tables" / f"{interface}.c").read_text()
    names = [line.split('"')[1] for line in table.splitlines() if line.startswith('    {"')]
    folder = f"conformance/interfaces/{interface}"
    scripts = sorted((RESULTS / folder).glob("*.sh"))
    lines = {name: [f"/bin/{interface}", name] for name in names if "buildonly" not in name}
    return lines | {path.stem: ["/bin/sh", f"/{folder}/{path.name}"] for path in scripts if path.stem not in lines}


def interfaces() -> list[str]:
    """Those with a test that can be run."""
    return sorted(path.stem for path in (RESULTS / "tables").glob("*.c"))


def make_tree(tree: Path, chosen: list[str]) -> None:
    """What the tests find on the disk."""
    (tree / "tmp").mkdir(parents=True)
    for interface in chosen:
        folder = tree / "conformance" / "interfaces" / interface
        folder.mkdir(parents=True)
        for script in (RESULTS / "conformance" / "interfaces" / interface).glob("*.sh"):
            (folder / script.name).write_bytes(script.read_bytes())
        for source in (RESULTS / "objects" / interface).glob("*-buildonly.o"):
            (folder / f"{source.stem}.test").symlink_to(f"/bin/{interface}")


def verdict(status: int) -> str:
    """What an exit status means; a signal or a time-out is a failure."""
    return VERDICTS.get(status, "failed")


def run_suite(compiled: Path, scratch: Path, wanted: dict[str, list[str]],
              crash: str | None = None) -> dict[str, tuple[int, str]]:
    """Run these tests of each interface. Of each INTERFACE/TEST: its status (-1: late) and what it wrote."""
    tree = scratch / "tree"
    make_tree(tree, list(wanted))
    lines = {f"{interface}.{test}": tests_of(interface)[test] for interface, names in wanted.items() for test in names}
    programs = {interface: PROGRAMS / interface for interface in wanted} | {"sh": BUILD / "programs" / "dash"}
    disk, answers = run_batch(compiled, tree, programs, lines, scratch, limit_s=LIMIT_S, crash=crash, mebibytes=64)
    check_disk(disk)
    return {name.replace(".", "/", 1): (status, text.decode(errors="replace")) for name, (status, text) in answers.items()}


def read_passed() -> dict[str, list[str]]:
    """The list of tests that pass, by interface."""
    lines = PASSED_LIST.read_text().splitlines()
    return {words[0]: words[1:] for line in lines if (words := line.split()) and not line.startswith("#")}


def order(test: str) -> list[tuple[int, str]]:
    """1-2 before 1-10."""
    return [(int(part) if part.isdecimal() else 0, part) for part in test.split("-")]


def write_passed(results: dict[str, tuple[int, str]]) -> None:
    """Keep the list of those that passed."""
    passed: dict[str, list[str]] = {}
    for name in results:
        if results[name][0] == 0:
            interface, _, test = name.partition("/")
            passed.setdefault(interface, []).append(test)
    PASSED_LIST.write_text(
        "# POSIX conformance tests that pass: an interface and its tests. Made by tests/programs/posix_suite.py --write.\n"
        + "".join(" ".join([interface, *sorted(passed[interface], key=order)]) + "\n" for interface in sorted(passed)))


def reason_of(name: str, reasons: dict[str, str]) -> str:
    """Why a test does not pass: of the patterns INTERFACE/TEST, INTERFACE/N-* and INTERFACE, the longest that is there."""
    interface, _, test = name.partition("/")
    for pattern in (name, f"{interface}/{test.partition('-')[0]}-*", interface):
        if pattern in reasons:
            return reasons[pattern]
    return "not looked into yet"


def page_lines(results: dict[str, tuple[int, str]], absent: dict[str, str], reasons: dict[str, str]) -> list[str]:
    """The generated part of the page."""
    count: dict[str, Counter[str]] = {}
    for name, (status, _) in results.items():
        count.setdefault(name.partition("/")[0], Counter())[verdict(status)] += 1
    without: dict[str, list[str]] = {}
    for name in absent:
        without.setdefault(name.partition("/")[0], []).append(name)
    total = sum(count.values(), Counter())
    left_out = sum(len(without.get(interface, [])) for interface in count)
    lines = [f"| interface | {' | '.join(COLUMNS)} | not built |", "|---|" + "---:|" * (len(COLUMNS) + 1)]
    for interface in sorted(count):
        cells = [str(count[interface][column] or "") for column in COLUMNS]
        lines.append(f"| `{interface}` | {' | '.join(cells)} | {len(without.get(interface, [])) or ''} |")
    lines.append(f"| **all {len(count)}** | {' | '.join(str(total[column]) for column in COLUMNS)} | {left_out} |")
    lines += ["", "## What fails, and why", "", "| tests | why |", "|---|---|"]
    why: dict[str, list[str]] = {}
    for name in sorted(results, key=lambda name: (name.partition("/")[0], order(name.partition("/")[2]))):
        if verdict(results[name][0]) in ("failed", "unresolved"):
            why.setdefault(reason_of(name, reasons), []).append(name)
    lines += [f"| {', '.join(f'`{name}`' for name in names)} | {reason} |" for reason, names in why.items()]
    lines += ["", "## What is not offered", "",
              "Interfaces none of whose tests could be built: "
              + ", ".join(f"`{interface}`" for interface in sorted(without) if interface not in count) + ".", "",
              "Tests of the interfaces above that could not be built, by what they need:", "", "| needs | tests |", "|---|---:|"]
    needs = Counter(need_of(absent[name]) for names in (without.get(interface, []) for interface in count) for name in names)
    lines += [f"| {need} | {number} |" for need, number in sorted(needs.items(), key=lambda item: (-item[1], item[0]))]
    return lines


def need_of(complaint: str) -> str:
    """What the compiler's or the linker's complaint comes down to."""
    complaint = complaint.partition(";")[0]
    quoted = [part for part in complaint.replace("\u2018", "'").replace("\u2019", "'").split("'")[1::2]
              if not part.startswith("struct ")]
    words = quoted[-1:] or [complaint.split(":")[0]] if ":" in complaint or quoted else complaint.split()
    return ", ".join(f"`{word}`" for word in words)


def write_page(results: dict[str, tuple[int, str]]) -> None:
    """Put the list into docs/posix.md, below what people have written there."""
    mark = "<!-- made by tests/programs/posix_suite.py --write -->"
    head = PAGE.read_text().partition(mark)[0]
    pairs = (line.split("\t") for line in (RESULTS / "absent").read_text().splitlines())
    absent = {pair[0]: pair[1] for pair in pairs}
    lines = page_lines(results, absent, tomllib.loads(REASONS.read_text()))
    PAGE.write_text(head + mark + "\n\n" + "\n".join(lines) + "\n")


def main(arguments: list[str]) -> int:
    write = "--write" in arguments
    for recipe in ("posixtests", "dash"):
        problem = foreign_problem(recipe)
        if problem:
            print(problem, file=sys.stderr)
            return 1
    chosen = [word for word in arguments if not word.startswith("-")] or interfaces()
    with tempfile.TemporaryDirectory() as scratch:
        compiled = Path(scratch) / "compiled"
        compiled.mkdir()
        compile_programs(compiled, "batch")
        results = run_suite(compiled, Path(scratch), {interface: list(tests_of(interface)) for interface in chosen})
    for name, (status, text) in results.items():
        if status:
            print(f"{name}: {verdict(status)} ({status})\n    " + "\n    ".join(text.splitlines()[-3:]))
    print("posix:", ", ".join(f"{number} {word}" for word, number in
                              Counter(verdict(status) for status, _ in results.values()).most_common()))
    if write:
        write_passed(results)
        write_page(results)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
