# SPDX-License-Identifier: MIT
"""A person at the console: types keys, and reads what is shown."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

DEADLINE_S = 60
ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Terminal:
    """A terminal with the machine at its other end."""

    def __init__(self, disk: Path | None = None) -> None:
        self._far, near = pty.openpty()
        command = [str(ROOT / "perdure"), "console", *(["--disk", str(disk)] if disk else [])]
        self._process = subprocess.Popen(command, stdin=near, stdout=near, stderr=near, start_new_session=True)
        os.close(near)
        self._received = ""

    def wait_for(self, text: str) -> str:
        """Everything up to and with `text`, without the terminal's control sequences."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            clean = ESCAPE.sub("", self._received).replace("\r", "")
            at = clean.find(text)
            if at >= 0:
                self._received = clean[at + len(text):]
                return clean[:at + len(text)]
            left = deadline - time.monotonic()
            assert left > 0, f"no {text!r} within {DEADLINE_S} s after\n{clean[-2000:]}"
            if select.select([self._far], [], [], min(left, 1))[0]:
                try:
                    self._received += os.read(self._far, 65536).decode(errors="replace")
                except OSError as problem:
                    raise AssertionError(f"the machine ended before {text!r}\n{clean[-2000:]}") from problem

    def type(self, keys: str) -> None:
        """Keys, as a person presses them."""
        for key in keys:
            os.write(self._far, key.encode())

    def command(self, line: str) -> str:
        """Type a line; what the shell shows up to its next prompt."""
        self.type(line + "\r")
        self.wait_for("\n")
        shown = self.wait_for("/> ")[:-3]
        while shown and not shown.endswith("\n"):
            shown += "/> " + self.wait_for("/> ")[:-3]
        return shown

    def end(self) -> int:
        """Wait for the machine's end; its exit status."""
        return self._process.wait(DEADLINE_S)

    def close(self) -> None:
        """End what still runs."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, 9)
            self._process.wait()
        os.close(self._far)
