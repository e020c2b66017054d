# SPDX-License-Identifier: MIT
"""Carrying bytes to a machine: nothing before it listens, then every byte, escaped, and the end of the file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from faultinject.hostlink import DLE, END_OF_FILE, LISTENING, Link, Streams

#: Stands for QEMU: complains of bytes that come early, says that it listens, gives back what it gets.
MACHINE = """
import select, socket, sys
line = socket.socket(fileno=int(sys.argv[1]))
early = bool(select.select([line], [], [], 0.3)[0])
open(sys.argv[2], "ab").write(b"console: ready\\n")
got = b""
while not got.endswith(b"\\x10E"):
    got += line.recv(4096)
line.sendall(b"early " if early else b"")
line.sendall(got)
"""


def test_nothing_is_sent_before_the_machine_listens(tmp_path: Path) -> None:
    assert LISTENING in MACHINE.encode()
    log = tmp_path / "log"
    log.touch()
    near_input, far_input = os.pipe()
    far_output, near_output = os.pipe()
    data = b"begin" + DLE + b"E" + bytes(range(256))
    os.write(far_input, data)
    os.close(far_input)
    link = Link(Streams(near_input, near_output, near_output), log)
    console, _ = link.guest_descriptors
    with subprocess.Popen([sys.executable, "-c", MACHINE, str(console), str(log)], pass_fds=(console,)) as machine:
        link.started()
        assert link.carry(machine, None)
    link.close()
    os.close(near_output)
    with open(far_output, "rb") as output:
        assert output.read() == data.replace(DLE, DLE + DLE) + END_OF_FILE
    os.close(near_input)
