# SPDX-License-Identifier: MIT
"""The package's one family of exceptions. Every message says what is wrong and how to mend it."""

from __future__ import annotations


class InjectorError(Exception):
    """Something that the user can mend; shown without a traceback."""

    def __init__(self, reason: str, mend: str = "") -> None:
        super().__init__(f"{reason}\n  mend: {mend}" if mend else reason)
        self.reason = reason
        self.mend = mend


class SetupError(InjectorError):
    """A tool, file or build product is missing or of the wrong version."""


class UsageError(InjectorError):
    """An argument makes no sense."""


class MachineError(InjectorError):
    """The machine under test did not do what this step needs."""


class EngineError(InjectorError):
    """The injector itself failed: its results must not be used."""
