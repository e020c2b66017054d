#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Link the compiled POSIX conformance tests: a program for each interface, of all its tests that have what they need.

Rule: a test is left out only if it did not compile, or if it names a function that no library of Perdure's has, or if its
interface is such a function; `absent` says which, one line a test: INTERFACE/TEST, tab, what it needs. Files without a
main() are checked by compiling them.

usage: link.py COMPILED RESULTS PROGRAMS
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SYSROOT = ROOT / "build" / "sysroot" / "lib"
#: What the linker itself makes.
LINKER_NAMES = {"_GLOBAL_OFFSET_TABLE_"}


def symbols(kind: str, files: list[Path]) -> dict[str, set[str]]:
    """Of each file (of an archive: of all its members) its defined or undefined names."""
    found: dict[str, set[str]] = {str(path): set() for path in files}
    for start in range(0, len(files), 200):
        batch = [str(path) for path in files[start:start + 200]]
        lines = subprocess.run(["nm", "-A", "-P", "-g", f"--{kind}", *batch], check=True, capture_output=True, text=True).stdout
        for line in lines.splitlines():
            place, _, rest = line.partition(": ")
            found[place.partition("[")[0]].add(rest.split()[0])
    return found


def library_names() -> set[str]:
    """Every name that a program can be linked with."""
    gcc = subprocess.run(["gcc", "-print-libgcc-file-name"], check=True, capture_output=True, text=True).stdout.strip()
    defined = symbols("defined-only", [*sorted(SYSROOT.glob("*.a")), Path(gcc)])
    return set().union(*defined.values()) | LINKER_NAMES


def entry(test: Path) -> str:
    """What the main() of a compiled test is called (see compile)."""
    return "test_" + "".join(letter if letter.isalnum() else "_" for letter in test.stem)


def link(interface: str, objects: list[Path], work: Path, programs: Path) -> None:
    """Make the program of one interface."""
    names = {path.stem: entry(path) for path in objects}
    table = work / f"{interface}.c"
    table.write_text('#include "dispatch.h"\n#include <stddef.h>\n'
                     + "".join(f"int {name}(int argument_count, char **arguments);\n" for name in names.values())
                     + "const struct test tests[] = {\n"
                     + "".join(f'    {{"{test}", {name}}},\n' for test, name in names.items())
                     + "    {NULL, NULL},\n};\n")
    output = programs / interface
    subprocess.run([os.environ["CC"], "-O2", "-s", f"-I{HERE}", "-Wl,--gc-sections", "-o", f"{output}.new", str(table),
                    str(HERE / "dispatch.c"), *map(str, objects), "-lm"], check=True)
    output.with_name(f"{interface}.new").replace(output)


def main(arguments: list[str]) -> int:
    compiled, results, programs = map(Path, arguments[1:])
    offered = library_names()
    absent = (compiled / "refused").read_text().splitlines()
    objects = sorted((compiled / "objects").rglob("*.o"))
    mains = symbols("defined-only", objects)
    objects = [path for path in objects if entry(path) in mains[str(path)]]
    needs = symbols("undefined-only", objects)
    ready: dict[str, list[Path]] = {}
    for path in objects:
        interface = path.parent.name
        missing = sorted((needs[str(path)] | {interface}) - offered)
        if missing:
            absent.append(f"{interface}/{path.stem}\t{' '.join(missing)}")
        else:
            ready.setdefault(interface, []).append(path)
    (results / "absent").write_text("".join(f"{line}\n" for line in sorted(absent)))
    work = results / "tables"
    work.mkdir(exist_ok=True)
    programs.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(link, interface, paths, work, programs) for interface, paths in ready.items()]:
            done.result()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
