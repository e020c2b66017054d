# SPDX-License-Identifier: MIT
"""Carrying bytes between the host's standard streams and the machine's two serial lines.

Input is escaped so that an end of file can be told from data: DLE 'E' is the end, DLE DLE a literal DLE. Output is
raw. The machine paces its input: nothing is read from stdin before the last piece was taken, and nothing is sent before
the kernel's log says that the console listens (a byte could be lost while it sets up its line).
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

DLE = b"\x10"
END_OF_FILE = DLE + b"E"
PIECE_BYTES = 65536
LISTENING = b"console: ready"


def escape(data: bytes) -> bytes:
    """Input as the framed console takes it."""
    return data.replace(DLE, DLE + DLE)


@dataclass
class Streams:
    """Descriptors of the host's side; `stdin` None: the program sees an end of file at once."""

    stdin: int | None = 0
    stdout: int = 1
    stderr: int = 2


@dataclass
class Link:
    """The host's ends of the two lines; `guest_descriptors` are for QEMU."""

    streams: Streams
    #: The kernel's log.
    log: Path
    _listening: bool = False
    _console: socket.socket = field(init=False)
    _error: socket.socket = field(init=False)
    _guest: list[socket.socket] = field(init=False)
    _pending: bytes = b""

    def __post_init__(self) -> None:
        self._console, console_guest = socket.socketpair()
        self._error, error_guest = socket.socketpair()
        self._guest = [console_guest, error_guest]
        for end in (self._console, self._error):
            end.setblocking(False)

    @property
    def guest_descriptors(self) -> tuple[int, int]:
        """To be inherited by QEMU."""
        return self._guest[0].fileno(), self._guest[1].fileno()

    def close(self) -> None:
        """Both ends."""
        for end in (self._console, self._error, *self._guest):
            end.close()

    def started(self) -> None:
        """QEMU has its ends: ours of them are closed, so that its exit is seen as an end of file."""
        for end in self._guest:
            end.close()

    def carry(self, process: subprocess.Popen[bytes], deadline: float | None) -> bool:
        """Until QEMU has ended and all it wrote was carried; False when the deadline came first."""
        selector = selectors.PollSelector()
        outputs = {self._console: self.streams.stdout, self._error: self.streams.stderr}
        for end in outputs:
            selector.register(end, selectors.EVENT_READ)
        stdin = self.streams.stdin
        if stdin is None:
            self._pending = END_OF_FILE
        elif not self._watch(selector, stdin):
            stdin = None
        while outputs:
            if deadline is not None and time.monotonic() > deadline:
                return False
            self._expect_writable(selector, outputs)
            for key, events in selector.select(0.2 if self._listening else 0.01):
                if key.fileobj == stdin:
                    stdin = self._take_input(selector, stdin)
                elif events & selectors.EVENT_WRITE:
                    stdin = self._give_input(selector, outputs, stdin)
                if key.fileobj in outputs and events & selectors.EVENT_READ:
                    self._take_output(selector, key.fileobj, outputs)  # type: ignore[arg-type]
        selector.close()
        return self._ended(process, deadline)

    @staticmethod
    def _ended(process: subprocess.Popen[bytes], deadline: float | None) -> bool:
        try:
            process.wait(None if deadline is None else max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            return False
        return True

    def _watch(self, selector: selectors.BaseSelector, descriptor: int) -> bool:
        try:
            selector.register(descriptor, selectors.EVENT_READ)
        except (OSError, ValueError):
            self._pending = END_OF_FILE  # stdin is closed
            return False
        return True

    def _expect_writable(self, selector: selectors.BaseSelector, outputs: dict[socket.socket, int]) -> None:
        if self._console in outputs:
            may_send = self._pending and self._is_listening()
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if may_send else 0)
            selector.modify(self._console, events)

    def _is_listening(self) -> bool:
        if not self._listening:
            self._listening = self.log.exists() and LISTENING in self.log.read_bytes()
        return self._listening

    def _take_input(self, selector: selectors.BaseSelector, stdin: int) -> int | None:
        try:
            data = os.read(stdin, PIECE_BYTES)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EINTR):
                return stdin
            data = b""
        self._pending = escape(data) if data else END_OF_FILE
        selector.unregister(stdin)
        return stdin if data else None

    def _give_input(self, selector: selectors.BaseSelector, outputs: dict[socket.socket, int],
                    stdin: int | None) -> int | None:
        try:
            sent = self._console.send(self._pending)
        except BlockingIOError:
            return stdin
        except OSError:
            self._pending = b""
            return None
        self._pending = self._pending[sent:]
        if not self._pending and stdin is not None:
            self._watch(selector, stdin)
        return stdin

    @staticmethod
    def _take_output(selector: selectors.BaseSelector, end: socket.socket, outputs: dict[socket.socket, int]) -> None:
        try:
            data = end.recv(PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            selector.unregister(end)
            del outputs[end]
            return
        write_all(outputs[end], data)


def write_all(descriptor: int, data: bytes) -> None:
    """Every byte, also to a pipe whose reader is slow."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view):]
        except BlockingIOError:
            time.sleep(0.01)
