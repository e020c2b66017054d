# SPDX-License-Identifier: MIT
"""The charts as pictures for a paper: SVG on white, with a legend, and the numbers behind each as CSV."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from faultinject.errors import SetupError, UsageError
from faultinject.report import charts
from faultinject.report.build import LIBRARIES, libraries
from faultinject.report.content import Content

HERE = Path(__file__).parent
#: Of the whole, in pixels: as wide as a page of text.
WIDTH = 840
NODE_TIMEOUT_S = 300
FONT = "Helvetica, Arial, sans-serif"


def light_colours() -> dict[str, str]:
    """The page's names of colours, as they are in light."""
    found = re.search(r":root \{(.*?)\n\}", (HERE / "style.css").read_text(), re.DOTALL)
    assert found
    return dict(re.findall(r"(--[\w-]+): (#[0-9a-f]+);", found[1]))


def for_paper(spec: Any, colours: dict[str, str]) -> Any:
    """The specification with a width and colours of its own."""
    if isinstance(spec, str):
        return re.sub(r"var\((--[\w-]+)\)", lambda match: colours[match[1]], spec)
    if isinstance(spec, list):
        return [for_paper(one, colours) for one in spec]
    if isinstance(spec, dict):
        return {key: for_paper(one, colours) for key, one in spec.items()}
    return spec


def _node(specs: dict[str, Any]) -> dict[str, str]:
    libraries()
    program = shutil.which("node")
    if program is None:
        raise SetupError("node is missing, which draws figures", "install it: apt-get install nodejs")
    paths = [str(LIBRARIES / name) for name in ("vega.js", "vega-lite.js")]
    done = subprocess.run([program, str(HERE / "figures.mjs")], input=json.dumps({"libraries": paths, "charts": specs}),
                          capture_output=True, text=True, timeout=NODE_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise SetupError(f"node could not draw the figures\n{done.stderr.strip()[-1000:]}",
                         "see its message above; it needs node 18 or later")
    return json.loads(done.stdout)


def write_figures(content: Content, directory: Path) -> Iterator[Path]:
    """Writes NAME.svg and NAME.csv for each chart of the page; yields the pictures' paths."""
    return draw(charts.of_campaign(content, legend=True), directory)


def draw(drawn: Sequence[charts.Chart], directory: Path) -> Iterator[Path]:
    """Writes NAME.svg and NAME.csv for each of these charts; yields the pictures' paths."""
    colours = {**light_colours(), "--surface": "#ffffff"}
    base = {"width": WIDTH, "autosize": {"type": "fit-x", "contains": "padding"}, "background": "white", "config": {
        "font": FONT, "view": {"stroke": None}, "axis": {"labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal"}}}
    pictures = _node({one.name: for_paper({**one.spec, **base}, colours) for one in drawn})
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        for one in drawn:
            picture = directory / f"{one.name}.svg"
            picture.write_text(pictures[one.name])
            values = one.spec["data"]["values"]
            with picture.with_suffix(".csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, list(dict.fromkeys(key for value in values for key in value)), lineterminator="\n")
                writer.writeheader()
                writer.writerows(values)
            yield picture


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Says what is to be done when files cannot be written there."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{directory} cannot be written ({error.strerror})", "name another directory") from error
