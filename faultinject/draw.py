# SPDX-License-Identifier: MIT
"""Random numbers that are the same on every machine and with every version of Python."""

from __future__ import annotations

import hashlib

_MASK = (1 << 64) - 1


class Draw:
    """splitmix64, started from the hash of some words: independent streams by name."""

    def __init__(self, *words: object) -> None:
        digest = hashlib.sha256("\0".join(str(word) for word in words).encode()).digest()
        self._state = int.from_bytes(digest[:8], "little")

    def bits64(self) -> int:
        """The next 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def below(self, bound: int) -> int:
        """Uniform over 0 .. bound - 1, without the bias of a remainder."""
        if bound < 1:
            raise ValueError("bound at least 1")
        limit = (1 << 64) - (1 << 64) % bound
        while (value := self.bits64()) >= limit:
            pass
        return value % bound
