# SPDX-License-Identifier: MIT
"""`perdure console`: the machine on this terminal."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from faultinject.errors import SetupError
from faultinject.machine import Machine, Qemu, die_with_parent
from faultinject.run import MemoryFile, choose_memory, write_back
from faultinject.system import BUILD, System
from faultinject.workload import make_ext2
from tools import bundle

DISK_MIB = 32


def copy_stripped(program: Path, target: Path) -> None:
    """A program without debugging information."""
    subprocess.run(["objcopy", "--strip-all", str(program), str(target)], check=True)
    target.chmod(0o755)


def shell_disk() -> bytes:
    """A disk with what there is to play with: the programs of this build, and BusyBox under all its names if it is one of them."""
    with tempfile.TemporaryDirectory(prefix="perdure-console-") as name:
        tree, image = Path(name) / "tree", Path(name) / "image"
        programs = tree / "bin"
        programs.mkdir(parents=True)
        built = sorted((BUILD / "programs").glob("*")) if (BUILD / "programs").is_dir() else []
        for program in built:
            if program.is_file() and program.suffix == "":
                copy_stripped(program, programs / program.name)
        if (programs / "busybox").is_file():
            for line in (BUILD / "foreign" / "busybox" / "links").read_text().split():
                if not (programs / Path(line).name).exists():  # a program of its own comes first
                    (programs / Path(line).name).symlink_to("busybox")
        (tree / "README").write_text("This disk is made anew at each `make run`. Your own: ./perdure console --disk IMG\n")
        make_ext2(image, DISK_MIB, tree)
        return image.read_bytes()


def interact(disk: Path | None, memory_mib: int | None, system: System | None = None, qemu: Qemu | None = None) -> int:
    """Runs the shell until it ends or Ctrl-A X; the disk image, if one is given, is written back. QEMU's status."""
    system = system or System.perdure()
    qemu = qemu or Qemu.find()
    if disk is not None and not disk.is_file():
        raise SetupError(f"there is no disk image {disk}", f"mke2fs -t ext2 {disk} 64M")
    payload = MemoryFile("payload", bundle.pack([("disk", disk.read_bytes() if disk else shell_disk())]))
    memory_mib = choose_memory(memory_mib, os.fstat(payload.descriptor).st_size)
    log, memory = MemoryFile("log"), MemoryFile("memory", size=memory_mib << 20)
    machine = Machine(system, qemu, memory_mib, payload.path, f"console=tty disk=ram epoch={int(time.time())}",
                      log.path, memory_file=memory.path)
    command = machine.command()
    command[command.index("-icount") + 1] = "shift=0,sleep=on"
    at = command.index("-monitor")
    command[at:at + 2] = ["-chardev", "stdio,id=terminal,mux=on,signal=off", "-mon",
                          "chardev=terminal,mode=readline", "-device",
                          "isa-serial,iobase=0x3f8,irq=4,chardev=terminal"]
    process = subprocess.Popen(command, preexec_fn=die_with_parent,
                               pass_fds=[file.descriptor for file in (payload, log, memory)])
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        stop_one(process)
        if disk:
            write_back(log.text(), memory, disk)


def stop_one(process: subprocess.Popen[bytes]) -> None:
    """QEMU shares our process group here, for the terminal's sake."""
    if process.poll() is None:
        process.kill()
    process.wait()
