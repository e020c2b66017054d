# SPDX-License-Identifier: MIT
"""What a report says: counts, quantiles, the map, the comparison, commands, figures; and that it is inert and small."""

from __future__ import annotations

import csv
import json
import math
import random
import re
import shlex
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import fi_guest
import fi_synthetic
import pytest

from faultinject import campaign, cli
from faultinject.classify import Outcome
from faultinject.errors import SetupError, UsageError
from faultinject.golden import ImageJudge
from faultinject.models import parse_models
from faultinject.report import build, charts, codemap, compare, content, figures, latency, page, published
from faultinject.statistics import quantile
from faultinject.store import Store
from faultinject.table import LABELS

DRAWS = 20_000
EMBEDDED_MOST = 6_000_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up campaign of 20,000 draws."""
    directory = tmp_path_factory.mktemp("large") / "campaign"
    patch = pytest.MonkeyPatch()
    patch.setitem(fi_synthetic.INSTRUCTIONS, "fs", 200_000)
    try:
        fi_synthetic.run(directory, fi_synthetic.request(DRAWS), fi_synthetic.Engine())
    finally:
        patch.undo()
    return directory / campaign.DATABASE


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign on the test guest, with its system beside it."""
    directory = tmp_path_factory.mktemp("real")
    patch = pytest.MonkeyPatch()
    patch.setattr("faultinject.finding.make_judge", lambda bench, golden, _: ImageJudge(bench.directory / "images",
                                                                                       fi_guest.oracle(golden)))
    try:
        campaign.run(fi_guest.workbench(directory),
                     campaign.Request(("fs",), parse_models("reg-bitflip,kill,hang"), 90, 2, 2), directory, lambda progress: None)
    finally:
        patch.undo()
    return directory / campaign.DATABASE


def read(database: Path) -> content.Content:
    with Store.open(database) as store:
        return content.read(store, database)


def embedded(html: str) -> dict[str, Any]:
    """What the page gives its scripts."""
    return json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', html, re.DOTALL)[1])


def test_every_draw_is_in_the_map_once_and_lines_are_where_they_belong(real: Path) -> None:
    found = read(real)
    assert sum(struck.draws for struck in found.functions) == found.summary["injected"] == 90
    for outcome, count in found.summary["outcomes"].items():
        assert sum(struck.counts[outcome] for struck in found.functions) == count
    named = [struck for struck in found.functions if struck.name != codemap.OUTSIDE]
    assert len(named) == 1 == len(found.functions) - 1  # the guest's service is one function and a line of assembler
    for struck in named:
        assert struck.file.endswith((".c", ".h", ".S")) and struck.first > 0
        assert sum(sum(counts.values()) for counts in struck.lines.values()) == struck.draws
        source = Path(struck.file).read_text().splitlines()
        assert struck.text == source[struck.first - 1:struck.first - 1 + len(struck.text)]
        assert struck.name.split(".")[0] in struck.text[0] + struck.text[1]
        assert all(file != struck.file or not struck.first <= line < struck.first + len(struck.text)
                   for file, line in struck.moved)
        assert all(text.strip() for text in struck.moved.values())
    failed = [codemap.failures(struck.counts) for struck in found.functions]
    assert failed == sorted(failed, reverse=True)


def test_every_failure_is_listed_with_its_command(large: Path) -> None:
    found = read(large)
    with Store.open(large) as store:
        wanted = [row["number"] for row in store.experiments() if row["outcome"] in content.LISTED]
    html = page.Page(found, None, []).html([])
    data = embedded(html)
    assert [one["number"] for one in data["failures"]] == wanted and len(wanted) > 100
    assert data["failures"][3]["replay"] == f"./perdure replay {large} {wanted[3]}"
    assert all(len(one["log"]) <= content.LOG_MOST for one in data["failures"])
    assert len(html) < EMBEDDED_MOST
    assert f"{found.failed:,}" in html and found.failed == sum(
        count for outcome, count in found.summary["outcomes"].items() if outcome in codemap.FAILURES)


def test_logs_that_are_too_many_are_left_to_the_replay(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "LOGS_MOST", 1_000)
    logs = [one.log for one in read(large).failures]
    assert 0 < sum(map(len, logs)) <= 1_000 and "" in logs


def test_texts_of_the_machine_cannot_become_markup(large: Path, tmp_path: Path) -> None:
    """A log may hold anything that a corrupted program writes."""
    evil = "</script><script>alert(1)</script><!-- ]]>"
    copy = tmp_path / "campaign.sqlite"
    shutil.copyfile(large, copy)
    with Store.open(copy, write=True) as store, store.transaction():
        store.rows("UPDATE result SET log_tail = ?, reason = ?, function = ?", (evil, evil, evil))
    html = page.Page(read(copy), None, []).html(["a('</script>')"])
    assert evil not in html and "alert(1)</script>" not in html
    assert html.count("</script>") == html.count("<script") == 3
    assert evil in embedded(html)["failures"][0]["log"]


def test_distributions_keep_every_draw_and_quantiles_are_values() -> None:
    numbers = random.Random(3)
    values = sorted((int(10 ** numbers.uniform(0, 8)), numbers.randrange(1, 4), numbers.choice("ab")) for _ in range(2_000))
    found = latency.distribution(values)
    expanded = [ns for ns, draws, _ in values for _ in range(draws)]
    assert found.count == len(expanded) == sum(one.draws for one in found.bins)
    assert found.quantiles_ns == {label: quantile(expanded, share) for share, label in latency.SHARES}
    assert len({one.low_ns for one in found.bins}) <= latency.BINS_MOST
    for one in found.bins:
        inside = sum(draws for ns, draws, group in values if one.low_ns * (1 - 1e-9) <= ns < one.high_ns * (1 - 1e-9)
                     and group == one.group)
        assert inside == one.draws
    assert latency.distribution([]).bins == []
    one, = latency.distribution([(0, 5, "a")]).bins
    assert one.draws == 5 and one.low_ns <= 1 < one.high_ns


def test_stages_add_up_to_the_latency(real: Path) -> None:
    found = read(real)
    assert found.exemplars["fs"]
    for one in found.exemplars["fs"]:
        assert sum(length for _, length in one.stages) == one.latency_ns
        with Store.open(real) as store:
            assert one.latency_ns in [row["latency_ns"] for row in store.recoveries(one.experiment)]


class Drawn:
    """As much of a store as a comparison reads."""

    def __init__(self, *strata: tuple[str, str, int, dict[str, int]]) -> None:
        self._strata = strata

    def strata(self) -> list[dict[str, Any]]:
        return [{"service": service, "model": model, "instructions": size, "choices": 1} for service, model, size, _ in
                self._strata]

    def tally(self) -> list[dict[str, Any]]:
        return [{"service": service, "model": model, "outcome": outcome, "draws": draws}
                for service, model, _, counts in self._strata for outcome, draws in counts.items()]


def lines(first: Drawn, second: Drawn) -> dict[tuple[str, str, str], compare.Line]:
    return {(line.model, line.service, line.outcome): line
            for line in compare.compare(first, second)}  # type: ignore[arg-type]


def test_a_program_that_only_runs_longer_is_not_better() -> None:
    """Fault dilution: twice as many instructions, half of them without effect, as many faults that fail."""
    short = Drawn(("fs", "kill", 10_000, {"silent_data_corruption": 400, "not_activated": 1_600}))
    longer = Drawn(("fs", "kill", 20_000, {"silent_data_corruption": 200, "not_activated": 1_800}))
    line = lines(short, longer)["kill", "fs", compare.ANY]
    assert line.first.faults == pytest.approx(2_000) and line.second.faults == pytest.approx(2_000)
    assert line.difference[0] == pytest.approx(0) and line.verdict == "undecided"


def test_a_difference_is_claimed_only_when_its_interval_shows_it() -> None:
    few = Drawn(("fs", "kill", 10_000, {"system_hang": 10, "overwritten": 990}))
    many = Drawn(("fs", "kill", 10_000, {"system_hang": 60, "overwritten": 940}))
    some = Drawn(("fs", "kill", 10_000, {"system_hang": 14, "overwritten": 986}))
    assert lines(many, few)["kill", "fs", "system_hang"].verdict == "fewer"
    assert lines(few, many)["kill", "fs", "system_hang"].verdict == "more"
    assert lines(few, some)["kill", "fs", "system_hang"].verdict == "undecided"
    value, low, high = lines(few, many)["kill", "fs", "system_hang"].difference
    # Newcombe's hybrid score interval for 60/1000 - 10/1000, times 10,000.
    assert (value, low, high) == pytest.approx((500, 345, 671), abs=1)
    assert lines(few, few)["kill", "fs", "overwritten"].difference[1] < 0


def test_services_are_added_by_the_size_of_their_spaces_and_models_never() -> None:
    first = Drawn(("fs", "kill", 90_000, {"system_hang": 10, "overwritten": 90}),
                  ("rng", "kill", 1_000, {"system_hang": 50, "overwritten": 50}),
                  ("rng", "hang", 1_000, {"overwritten": 100}))
    found = lines(first, first)
    assert found["kill", "", "system_hang"].first.faults == pytest.approx(9_500)
    assert {(model, service) for model, service, _ in found} == {("kill", ""), ("kill", "fs"), ("kill", "rng"), ("hang", "rng")}


def test_a_comparison_of_other_workloads_is_warned_of(large: Path, tmp_path: Path) -> None:
    directory = tmp_path / "other"
    fi_synthetic.run(directory, fi_synthetic.request(300, services=("rng",)), fi_synthetic.Engine(),
                     {"workload_sha256": "dd", "append": "recovery=ssr"})
    with Store.open(large) as first, Store.open(directory / campaign.DATABASE) as second:
        html = page.Page(content.read(first, large), content.read_run(second, directory), compare.compare(first, second)).html([])
    assert "no common" in html and "nothing added in the first, recovery=ssr in the second" in html
    charts_of = [name for name in embedded(html)["charts"] if name.startswith("comparison-")]
    assert sorted(charts_of) == ["comparison-hang", "comparison-reg-bitflip"]


def test_the_command_that_is_shown_is_one(large: Path) -> None:
    found = read(large)
    words = shlex.split(content.command(found.parts[0], {**found.facts, "append": "recovery=none"}))
    context = cli.cli.commands["campaign"].make_context("campaign", words[2:])
    assert words[:2] == ["./perdure", "campaign"]
    assert context.params["service"] == "fs,rng" and context.params["model"] == fi_synthetic.MODELS
    assert context.params["count"] == DRAWS and context.params["recovery"] == "none" and context.params["seed"] == 1
    every = replace(found.parts[0], models=tuple(model.name for model in parse_models("all")))
    assert "--model all " in content.command(every, found.facts)


def test_every_colour_that_charts_name_is_the_pages(large: Path, real: Path) -> None:
    style = (Path(page.__file__).parent / "style.css").read_text()
    light, dark = style.split("@media (prefers-color-scheme: dark)", 1)
    for found in (read(large), read(real)):
        drawn = charts.of_campaign(found)
        named = set(re.findall(r"var\((--[\w-]+)\)", json.dumps([one.spec for one in drawn])))
        assert len(drawn) >= 5 and len(named) > 10
        for name in named:
            assert f"{name}: #" in light and f"{name}: #" in dark.split("\n}", 1)[0], name


def test_a_logarithmic_axis_has_marks_at_ones_and_threes() -> None:
    assert charts.decades(18, 50_748) == [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000]
    assert charts.decades(0.5, 2) == pytest.approx([0.3, 1, 3]) and charts.decades(10, 10) == [10]


def test_figures_are_pictures_with_their_numbers(real: Path, tmp_path: Path) -> None:
    found = read(real)
    paths = list(figures.write_figures(found, tmp_path / "figures"))
    assert {path.stem for path in paths} == {"outcomes-fs", "intervals-fs", "recovery-fs", "stages-fs", "detection-fs"}
    for path in paths:
        text = path.read_text()
        ElementTree.fromstring(text)
        assert "var(" not in text and "NaN" not in text and "undefined" not in text
        with path.with_suffix(".csv").open() as file:
            rows = list(csv.DictReader(file))
        assert rows
    with (tmp_path / "figures" / "outcomes-fs.csv").open() as file:
        assert sum(int(row["draws"]) for row in csv.DictReader(file)) == 90
    picture = (tmp_path / "figures" / "outcomes-fs.svg").read_text()
    assert f'width="{figures.WIDTH}"' in picture
    bars, = re.findall(r'<path class="background" aria-hidden="true" d="M0,0h([\d.]+)v', picture)[:1]
    assert float(bars) > 0.7 * figures.WIDTH, "the plot fills the width, whatever its legend needs"
    assert "recovered transparently" in picture and "reg-bitflip" in picture


def test_a_published_summary_says_what_the_database_says(large: Path, tmp_path: Path) -> None:
    found = read(large)
    names = {path.name for path in published.write(found, tmp_path / "a")}
    page_text = (tmp_path / "a" / published.PAGE).read_text()
    linked = set(re.findall(r"\]\((.+?)\)", page_text))
    assert linked == {"by-service.svg", "by-model.svg", "recovery.svg", published.FAILURES_CSV} < names
    assert f"    {content.command(found.parts[0], found.facts)}\n" in page_text
    tables = page_text.partition("## What was not")[0].splitlines()
    cells = {line.split(" | ")[0][2:]: line.split(" | ")[1:] for line in tables if line.startswith("| ")}
    for outcome, count in found.summary["outcomes"].items():
        low, high = found.summary["intervals"][outcome]["wilson_95"]
        assert cells[LABELS[Outcome(outcome)]][0] == f"{count:,}" and cells[LABELS[Outcome(outcome)]][3].startswith(
            f"{100 * low:.2f}–{100 * high:.2f} %")
    for service, section in found.summary["by_service"].items():
        assert cells[service][0] == f"{section['recovery_ns']['count']:,}"  # the later of its two tables: recoveries
    with (tmp_path / "a" / published.FAILURES_CSV).open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["number"]) for row in rows] == [one.row["number"] for one in found.failures]
    assert sum(int(row["weight"]) for row in rows if row["outcome"] != Outcome.LATENT) == found.failed
    assert f"{found.failed:,} faults that a user could see" in page_text
    assert all(len(line) <= published.TEXT_WIDTH for line in page_text.splitlines() if not line.startswith(("|", "    ")))
    list(published.write(found, tmp_path / "b"))
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_a_summary_that_cannot_be_written_says_so(real: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written .*\n.*mend: name another directory"):
        list(published.write(read(real), tmp_path / "file" / "summary"))


def test_what_cannot_be_done_is_said_with_its_mend(large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="mend: name another file"):
        build.write(large, None, tmp_path / "no" / "such" / "report.html")
    with pytest.raises(UsageError, match="there is no campaign database"):
        build.write(tmp_path / "none.sqlite", None, tmp_path / "report.html")
    monkeypatch.setattr(build, "LIBRARIES", tmp_path)
    with pytest.raises(SetupError, match="mend: fetch them .*make report"):
        build.libraries(tmp_path)
    assert not build.available(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="mend: install it: apt-get install nodejs"):
        list(figures.write_figures(read(large), tmp_path))


def test_packages_are_pinned_and_checked(tmp_path: Path) -> None:
    setup = fi_guest.ROOT / "setup" / "npm"
    wanted = json.loads((setup / "package.json").read_text())["dependencies"]
    lock = json.loads((setup / "package-lock.json").read_text())["packages"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    for name, entry in lock.items():
        if name:
            assert entry["integrity"].startswith("sha512-") and "resolved" not in entry, name
    for name, version in wanted.items():
        assert lock[f"node_modules/{name}"]["version"] == version
        shipped = build.LIBRARIES / f"{name}.js"
        assert shipped.is_file(), "build/report is not there; mend: make report"


def test_a_package_with_another_hash_is_refused(tmp_path: Path) -> None:
    """In a copy of the set-up whose lock names a hash that no package has."""
    shutil.copytree(fi_guest.ROOT / "setup", tmp_path / "setup")
    lock = tmp_path / "setup" / "npm" / "package-lock.json"
    text = lock.read_text()
    entry = json.loads(text)["packages"]["node_modules/vega-embed"]["integrity"]
    lock.write_text(text.replace(entry, "sha512-" + "A" * 86 + "=="))
    def fetch(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([tmp_path / "setup" / "fetch-npm", *options, "out"], capture_output=True, text=True, check=False,
                              timeout=600)
    refused = fetch("--require")
    assert refused.returncode == 1 and "mend:" in refused.stderr
    assert not (tmp_path / "out" / "vega.js").exists()
    allowed = fetch()
    assert allowed.returncode == 0 and "mend:" in allowed.stderr and not (tmp_path / "out" / "vega.js").exists()


def test_wilson_widths_are_finite_in_charts(real: Path) -> None:
    for one in charts.of_campaign(read(real)):
        for value in one.spec["data"]["values"] if isinstance(one.spec["data"], dict) else []:
            assert all(math.isfinite(number) for number in value.values() if isinstance(number, float))
