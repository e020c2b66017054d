# SPDX-License-Identifier: MIT
"""A campaign file: what the flags of `perdure campaign` say, as TOML. Keys are the flags' names without the dashes; lists
may be written as lists. A flag that is given as well wins.

    service = ["fs", "blk"]
    model = ["reg-bitflip", "kill"]
    n = 5000
    seed = 7
    out = "results/first"
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path

from faultinject.errors import UsageError


def load(path: Path, flags: Collection[str]) -> dict[str, object]:
    """The file's values by flag, lists joined by commas as on the command line. `flags`: those there are."""
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"the campaign file {path} cannot be read ({error.strerror})", "give the path of a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the campaign file {path} is not TOML: {error}",
                         "one KEY = VALUE a line, texts in quotes; docs/campaigns.md has an example") from error
    unknown = sorted(set(values) - set(flags))
    if unknown:
        raise UsageError(f"the campaign file {path} has unknown keys: {', '.join(unknown)}",
                         "the names of flags: " + ", ".join(sorted(flags)))
    return {key: _plain(path, key, value) for key, value in values.items()}


def _plain(path: Path, key: str, value: object) -> object:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if not isinstance(value, str | int | float | bool):
        raise UsageError(f"the campaign file {path}: {key} is neither a text, a number, true or false, nor a list of texts",
                         f'as in {key} = "..."')
    return value
