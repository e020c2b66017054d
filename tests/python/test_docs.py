# SPDX-License-Identifier: MIT
"""What the pages point at exists: files, make targets, commands of ./perdure, paths of the tree."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
TREE = ("abi", "bench", "boot", "docs", "examples", "faultinject", "kernel", "lib", "model", "recovery", "servers", "setup", "ssr",
        "tests", "tools", "user")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [target for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
               if not (page.parent / target).exists()]
    assert missing == []


def test_the_book_has_every_page() -> None:
    """docs/README.md is the table of contents."""
    contents = ROOT / "docs" / "README.md"
    listed = {(contents.parent / target).resolve() for target in re.findall(r"\]\(([^)#]+)\)", contents.read_text())}
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if page.resolve() not in listed and page != contents]
    assert missing == [], "mend: give it its place in docs/README.md"


@pytest.mark.parametrize("page", [page for page in PAGES if not page.name.startswith("add-a-")],
                         ids=lambda page: page.name)
def test_paths_of_the_tree_exist(page: Path) -> None:
    """In code spans. Pages that show how to add something name files that are not there yet; NAME stands for any."""
    missing = []
    for span in re.findall(r"`([^`\n]+)`", page.read_text()):
        path = span.rstrip("/")
        name = path.replace("NAME", "*")
        if path.split("/")[0] in TREE and re.fullmatch(r"[\w./-]+", path) and not any(
                (*ROOT.glob(name), *ROOT.glob(f"examples/*/overlay/{name}"))):
            missing.append(span)
    assert missing == []


def test_make_targets_that_pages_name_are_in_make_help() -> None:
    listing = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^  (\S+)", listing, re.MULTILINE))
    named = {target for page in PAGES for target in re.findall(r"(?:^    |`)make ([a-z]+(?:-[a-z]+)*)", page.read_text(),
                                                        re.MULTILINE)}
    recipes = {f"foreign-{path.stem}" for path in (ROOT / "user" / "foreign").glob("*.sh")}
    assert named and named <= known | recipes | {"unit-tests"}


def test_commands_and_options_that_pages_name_are_in_the_help() -> None:
    def help_of(*command: str) -> str:
        return subprocess.run([sys.executable, ROOT / "perdure", *command, "--help"], capture_output=True, text=True,
                              check=True).stdout

    commands = set(re.findall(r"^  ([a-z]+)  ", help_of(), re.MULTILINE))
    for page in PAGES:
        for line in re.findall(r"\./perdure ([a-z].*)", page.read_text()):
            words = line.split()
            assert words[0].strip("`") in commands, f"{page.name}: {line}"
            if words[0] == "campaign":
                options = set(re.findall(r"(--[a-z]+)", line.split("`")[0]))
                assert options <= set(re.findall(r"(--[a-z]+)", help_of("campaign"))), f"{page.name}: {line}"


def test_tests_that_the_page_of_threats_names_exist() -> None:
    """In the last column of its tables."""
    sources = "\n".join(path.read_text() for folder in ("tests", "user/kerneltest", "user/recovery")
                        for path in (ROOT / folder).rglob("*") if path.suffix in (".c", ".py"))
    known = set(re.findall(r'\{"([a-z_-]+)",', sources)) | set(re.findall(r"^def (test_\w+)", sources, re.MULTILINE))
    known |= set(re.findall(r"START_TEST\((\w+)\)", sources))
    known |= {path.stem.removeprefix("fuzz_") for path in (ROOT / "tests" / "fuzz").glob("fuzz_*.c")}
    known |= {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    rows = [line.split("|")[-2] for line in (ROOT / "docs" / "threats.md").read_text().splitlines()
            if line.startswith("|") and line.count("|") == 4]
    named = {name for row in rows for name in re.findall(r"`([a-z_-]+)`", row)}
    assert len(named) > 60 and named <= known, named - known
