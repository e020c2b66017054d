#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A copy of this tree with something added: to try a server without touching the tree, and for exercises.

Rule: the copy holds what is built already, so that `make` in it builds what was added and no more; this tree is only read.

usage: tools/overlay.py OVERLAY DIRECTORY
    OVERLAY     a folder of files laid out as in the tree; NAME.append is appended to the file NAME
    DIRECTORY   for the copy; it must not be there yet
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Of build/: what later builds start from. Not results of campaigns and tests, which may be large and being written.
KEPT = {"fi", "foreign", "include", "manifest.mk", "newlib", "obj", "perdure.elf", "programs", "report", "servers",
        "servers.checked", "setup.done", "setup-test.done", "sysroot", "system.bundle", "system.list"}
APPENDED = ".append"


class OverlayError(Exception):
    """What cannot be done, and the mend."""


def copy_tree(directory: Path) -> None:
    """Copies this tree, without its history."""
    def ignore(of: str, names: list[str]) -> set[str]:
        if Path(of) == ROOT:
            return {".git"}
        return set(names) - KEPT if Path(of) == ROOT / "build" else {"__pycache__"}

    if directory.exists():
        raise OverlayError(f"{directory} is there already; mend: name another directory, or remove it")
    if directory.resolve().is_relative_to(ROOT):
        raise OverlayError(f"{directory} is inside of the tree that is copied; mend: name one outside, as ../mine")
    shutil.copytree(ROOT, directory, symlinks=True, ignore=ignore)


def overlay_files(overlay: Path) -> Iterator[tuple[Path, str]]:
    """(place in the tree, text; of a file that is appended to: the whole) of each of its files."""
    files = sorted(path for path in overlay.rglob("*") if path.is_file())
    if not files:
        raise OverlayError(f"{overlay} holds no files; mend: name the overlay of an example, as examples/tickets/overlay")
    for path in files:
        place = path.relative_to(overlay)
        if path.name.endswith(APPENDED):
            place = place.with_name(path.name.removesuffix(APPENDED))
            if not (ROOT / place).is_file():
                raise OverlayError(f"{path} would be appended to {place}, which is not there; mend: correct its name")
            yield place, (ROOT / place).read_text() + path.read_text()
        elif (ROOT / place).exists():
            raise OverlayError(f"{place} is in the tree already; mend: call it {path.name}{APPENDED} to append to it")
        else:
            yield place, path.read_text()


def write_files(directory: Path, files: Iterable[tuple[Path, str]]) -> None:
    """Puts them into the copy."""
    for place, text in files:
        target = directory / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def main(arguments: list[str]) -> int:
    """As the usage says."""
    if len(arguments) != 2 or arguments[0].startswith("-"):
        print(__doc__.partition("usage: ")[2].strip(), file=sys.stderr)
        return 2
    overlay, directory = map(Path, arguments)
    try:
        files = list(overlay_files(overlay))
        copy_tree(directory)
        write_files(directory, files)
    except (OverlayError, OSError) as error:
        print(f"overlay: {error}", file=sys.stderr)
        return 1
    print(f"{directory}: now `make` there")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
