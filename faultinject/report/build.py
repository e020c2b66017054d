# SPDX-License-Identifier: MIT
"""Making a report: from one or two databases to a file."""

from __future__ import annotations

from pathlib import Path

from faultinject.errors import SetupError, UsageError
from faultinject.report import compare
from faultinject.report.content import Content, read, read_run
from faultinject.report.page import Page
from faultinject.store import Store
from faultinject.system import BUILD

#: Fetched and checked at set-up: mk/report.mk.
LIBRARIES = BUILD / "report"
NAMES = ("vega.js", "vega-lite.js", "vega-embed.js")
REPORT = "report.html"


def libraries(directory: Path = LIBRARIES) -> list[str]:
    """The texts of the charts' libraries."""
    missing = [name for name in NAMES if not (directory / name).is_file()]
    if missing:
        raise SetupError(f"{directory} does not hold {', '.join(missing)}, which draw a report's charts",
                         "fetch them (needs npm and the network): make report")
    return [(directory / name).read_text() for name in NAMES]


def available(directory: Path = LIBRARIES) -> bool:
    """Whether a report can be made here."""
    return all((directory / name).is_file() for name in NAMES)


def write(database: Path, other: Path | None, out: Path) -> Content:
    """Writes the report of a campaign, and of its comparison with another, to `out`."""
    scripts = libraries()
    with Store.open(database) as store:
        content = read(store, database)
        if not content.summary["injected"]:
            raise UsageError(f"{database} holds no results yet", "let the campaign run, then ask again")
        compared, lines = None, []
        if other is not None:
            with Store.open(other) as second:
                compared, lines = read_run(second, other), compare.compare(store, second)
    page = Page(content, compared, lines).html(scripts)
    try:
        unfinished = out.with_name(out.name + ".new")
        unfinished.write_text(page)
        unfinished.replace(out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror})", "name another file: -o FILE") from error
    return content
