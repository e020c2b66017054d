# SPDX-License-Identifier: MIT
"""`perdure console`: the machine on this terminal."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from faultinject.errors import SetupError
from faultinject.machine import Machine, Qemu
from faultinject.run import MEMORY_FREE_MIB, MEMORY_LEAST_MIB, scratch_directory, write_back
from faultinject.system import BUILD, System
from faultinject.workload import make_ext2
from tools import bundle

DISK_MIB = 32


def shell_disk(directory: Path) -> Path:
    """A disk with what there is to play with: the programs of this build."""
    tree = directory / "tree"
    programs = tree / "bin"
    programs.mkdir(parents=True)
    for program in sorted((BUILD / "programs").glob("*")) if (BUILD / "programs").is_dir() else ():
        if program.is_file() and program.suffix == "":
            shutil.copyfile(program, programs / program.name)
            (programs / program.name).chmod(0o755)
    (tree / "README").write_text("This disk is made anew at each `make run`. Your own: ./perdure console --disk IMAGE\n")
    image = directory / "disk.img"
    make_ext2(image, DISK_MIB, tree)
    return image


def interact(disk: Path | None, memory_mib: int | None, system: System | None = None, qemu: Qemu | None = None) -> int:
    """Runs the shell until it ends or Ctrl-A X; the disk image, if one is given, is written back. QEMU's status."""
    system = system or System.perdure()
    qemu = qemu or Qemu.find()
    if disk is not None and not disk.is_file():
        raise SetupError(f"there is no disk image {disk}", f"mke2fs -t ext2 {disk} 64M")
    size = disk.stat().st_size if disk else DISK_MIB << 20
    with scratch_directory(3 * size + (MEMORY_LEAST_MIB << 20)) as name, \
            tempfile.TemporaryDirectory(prefix="perdure-console-") as disk_directory:
        directory = Path(name)
        payload, memory, log = directory / "payload", directory / "memory", directory / "log"
        image = disk or shell_disk(Path(disk_directory))
        payload.write_bytes(bundle.pack([("disk", image.read_bytes())]))
        memory_mib = memory_mib or max(MEMORY_LEAST_MIB, (payload.stat().st_size >> 20) + MEMORY_FREE_MIB)
        machine = Machine(system, qemu, memory_mib, payload, f"console=tty disk=ram epoch={int(time.time())}", log,
                          memory_file=memory)
        command = machine.command()
        command[command.index("-icount") + 1] = "shift=0,sleep=on"
        command += ["-chardev", "stdio,id=terminal,mux=on,signal=off", "-mon", "chardev=terminal,mode=readline",
                    "-device", "isa-serial,iobase=0x3f8,irq=4,chardev=terminal"]
        at = command.index("-monitor")
        del command[at:at + 2]
        process = subprocess.Popen(command)
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 130
        finally:
            stop_one(process)
            if disk:
                write_back(log.read_text(errors="replace") if log.exists() else "", memory, disk)


def stop_one(process: subprocess.Popen[bytes]) -> None:
    """QEMU shares our process group here, for the terminal's sake."""
    if process.poll() is None:
        process.kill()
    process.wait()
