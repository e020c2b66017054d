# SPDX-License-Identifier: MIT
"""The package's one family of exceptions. Every message says what is wrong and how to mend it."""

from __future__ import annotations

import errno


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


_MENDS = {errno.ENOSPC: "make room on that disk; a campaign then goes on with the same command",
          errno.EDQUOT: "make room within the quota; a campaign then goes on with the same command",
          errno.EACCES: "give yourself the right to it, or name another place",
          errno.EPERM: "give yourself the right to it, or name another place",
          errno.EROFS: "name a place that can be written",
          errno.ENOENT: "see whether the path is right",
          errno.ENOMEM: "end other programs, or use fewer --jobs",
          errno.EMFILE: "raise the limit of open files (ulimit -n), or use fewer --jobs"}


def explain_os_error(error: OSError) -> InjectorError:
    """What the operating system refused, with its mend."""
    where = f"{error.filename}: " if error.filename else ""
    return InjectorError(f"{where}{error.strerror or error}", _MENDS.get(error.errno or 0, "see the reason above"))
