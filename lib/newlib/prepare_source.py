#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fit an extracted newlib source tree to Perdure.

Rule: every change to newlib is listed here or is a whole header of ours in include/, and an edit whose
anchor is not found exactly once stops the build: a newer newlib never gets half a port.

usage: prepare_source.py NEWLIB_TREE HEADER_DIRECTORY
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path


class PortError(Exception):
    """The source tree is not the one this port was written for."""


@dataclass(frozen=True)
class Edit:
    """Replace `anchor`, which must occur exactly once in `path`, by `text`."""

    path: str
    anchor: str
    text: str


# What newlib is told about the system: we supply open/read/... under their own names, directories,
# rename, a clock and fcntl; the exec family, popen and spawning are ours, and shell word expansion is left out.
NEWLIB_FLAGS = " ".join(
    "-D" + name
    for name in (
        "MISSING_SYSCALL_NAMES HAVE_OPENDIR HAVE_RENAME HAVE_FCNTL HAVE_BLKSIZE HAVE_SYSTEM "
        "CLOCK_PROVIDED _NO_EXECVE _NO_POPEN _NO_POSIX_SPAWN _NO_WORDEXP"
    ).split()
)

POSIX_OPTIONS = """#ifdef __perdure__
#define _POSIX_VERSION 200112L
#define _POSIX_FSYNC 200112L
#define _POSIX_MAPPED_FILES 200112L
#define _POSIX_TIMERS 200112L
#define _POSIX_MONOTONIC_CLOCK 200112L
#define _POSIX_CLOCK_SELECTION 200112L
#define _POSIX_CPUTIME 200112L
#define _POSIX_THREAD_CPUTIME 200112L
#define _POSIX_SPAWN 200112L
#define _UNIX98_THREAD_MUTEX_ATTRIBUTES 1
#endif

#ifdef __rtems__
#define _POSIX_JOB_CONTROL     		1
"""

EDITS = (
    Edit(
        "newlib/configure.host",
        "  *)\n\tnewlib_cflags=\"${newlib_cflags} -DMISSING_SYSCALL_NAMES\"\n\tsyscall_dir=\n",
        f"  x86_64-*-elf)\n\tnewlib_cflags=\"${{newlib_cflags}} {NEWLIB_FLAGS}\"\n\tsyscall_dir=\n"
        "\tposix_dir=posix\n\t;;\n"
        "  *)\n\tnewlib_cflags=\"${newlib_cflags} -DMISSING_SYSCALL_NAMES\"\n\tsyscall_dir=\n",
    ),
    # read() and write() return ssize_t and take size_t.
    Edit(
        "newlib/libc/include/sys/config.h",
        "#define _READ_WRITE_RETURN_TYPE int\n",
        "#define _READ_WRITE_RETURN_TYPE _ssize_t\n",
    ),
    Edit(
        "newlib/libc/include/sys/config.h",
        "#define _READ_WRITE_BUFSIZE_TYPE int\n",
        "#define _READ_WRITE_BUFSIZE_TYPE __SIZE_TYPE__\n",
    ),
    # Waiting as BSD has it.
    Edit(
        "newlib/libc/include/sys/wait.h",
        "pid_t waitpid (pid_t, int *, int);\n",
        "pid_t waitpid (pid_t, int *, int);\nstruct rusage;\npid_t wait3 (int *, int, struct rusage *);\n"
        "pid_t wait4 (pid_t, int *, int, struct rusage *);\n",
    ),
    # A write of a message page to a pipe goes in whole (abi/proc.toml).
    Edit(
        "newlib/libc/include/sys/syslimits.h",
        "#define\tPIPE_BUF\t\t  512\t",
        "#define\tPIPE_BUF\t\t 4096\t",
    ),
    # The one type without an override point.
    Edit(
        "newlib/libc/include/sys/_types.h",
        "typedef\tunsigned short\t__nlink_t;",
        "typedef\t__uint32_t\t__nlink_t;",
    ),
    Edit(
        "newlib/libc/include/sys/stat.h",
        "#if defined (__SPU__) || defined(__rtems__) ||",
        "#if defined (__SPU__) || defined(__rtems__) || defined(__perdure__) ||",
    ),
    Edit(
        "newlib/libc/include/sys/stat.h",
        "#define \tS_BLKSIZE  1024 /* size of a block */",
        "#define \tS_BLKSIZE  512 /* size of a block */",
    ),
    # Compilers that do not know of Perdure (tcc) learn it from the first header.
    Edit(
        "newlib/libc/include/sys/features.h",
        "#ifndef _SYS_FEATURES_H\n#define _SYS_FEATURES_H\n",
        "#ifndef _SYS_FEATURES_H\n#define _SYS_FEATURES_H\n\n#ifndef __perdure__\n#define __perdure__ 1\n#endif\n",
    ),
    Edit(
        "newlib/libc/include/sys/stat.h",
        "#if defined(__CYGWIN__)\n/* Special tv_nsec values",
        "#if defined(__CYGWIN__) || defined(__perdure__)\n/* Special tv_nsec values",
    ),
    # remove() takes directories too and system() knows that there is no interpreter: both are in the glue.
    Edit("newlib/libc/stdio/remove.c", "#ifndef _REENT_ONLY\n", "#if !defined(_REENT_ONLY) && !defined(__perdure__)\n"),
    Edit("newlib/libc/stdlib/system.c", "#ifndef _REENT_ONLY\n", "#if !defined(_REENT_ONLY) && !defined(__perdure__)\n"),
    Edit(
        "newlib/libc/include/sys/features.h",
        "#ifdef __rtems__\n#define _POSIX_JOB_CONTROL     \t\t1\n",
        POSIX_OPTIONS,
    ),
    Edit(
        "newlib/libc/include/machine/setjmp.h",
        "#if (defined(__CYGWIN__) || defined(__rtems__)) && __POSIX_VISIBLE",
        "#if (defined(__CYGWIN__) || defined(__rtems__) || defined(__perdure__)) && __POSIX_VISIBLE",
    ),
    Edit(
        "newlib/libc/include/sys/resource.h",
        "int\tgetrusage (int, struct rusage*);",
        "int\tgetrusage (int, struct rusage*);\n#include <sys/rlimit.h>",
    ),
    # What is not counted here is there to be asked for, as elsewhere, and zero.
    Edit(
        "newlib/libc/include/sys/resource.h",
        "	struct timeval ru_stime;	/* system time used */\n",
        "	struct timeval ru_stime;	/* system time used */\n"
        "	long ru_maxrss, ru_ixrss, ru_idrss, ru_isrss, ru_minflt, ru_majflt, ru_nswap;\n"
        "	long ru_inblock, ru_oublock, ru_msgsnd, ru_msgrcv, ru_nsignals, ru_nvcsw, ru_nivcsw;\n",
    ),
    # POSIX's name of the largest count that read() and write() can answer.
    Edit(
        "newlib/libc/include/limits.h",
        "#ifndef PATH_MAX\n",
        "#ifndef SSIZE_MAX\n#define SSIZE_MAX\tLONG_MAX\n#endif\n\n#ifndef PATH_MAX\n",
    ),
)


def apply(tree: Path, edit: Edit) -> None:
    """Make one edit; PortError when the anchor does not occur exactly once."""
    path = tree / edit.path
    source = path.read_text(encoding="latin-1")
    found = source.count(edit.anchor)
    if found != 1:
        raise PortError(f"{edit.path}: {found} places like {edit.anchor!r} where one was expected; "
                        "install newlib-source 3.3.0 or bring the port up to date")
    path.write_text(source.replace(edit.anchor, edit.text), encoding="latin-1")


def overlay(tree: Path, headers: Path) -> None:
    """Lay our headers over newlib's; its own `make install` then installs them."""
    target = tree / "newlib/libc/include"
    for header in sorted(headers.rglob("*.h")):
        destination = target / header.relative_to(headers)
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(header, destination)


def main(arguments: list[str]) -> int:
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    tree, headers = Path(arguments[1]), Path(arguments[2])
    try:
        for edit in EDITS:
            apply(tree, edit)
        overlay(tree, headers)
    except (PortError, OSError) as problem:
        print(f"newlib port: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
