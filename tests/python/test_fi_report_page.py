# SPDX-License-Identifier: MIT
"""The report's page in a browser: whole and readable in light and dark on a laptop and on a phone, without an error on the
console, without a fetch, usable by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fi_guest  # noqa: F401  (makes the packages importable)
import fi_synthetic
import pytest
from chromium import Chromium

from faultinject import campaign
from faultinject.report import build
from faultinject.system import BUILD

DRAWS = 20_000
SHOTS = BUILD / "tests" / "report"
LAPTOP, PHONE = (1280, 800), (390, 844)
LOOKS = [(*LAPTOP, False), (*LAPTOP, True), (*PHONE, False), (*PHONE, True)]

#: Scrolls through the page, so that everything that is drawn when it comes into sight is.
SCROLL = """(async () => {
    for (let y = 0; y < document.body.scrollHeight; y += 400) {
        scrollTo(0, y);
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    }
    scrollTo(0, 0);
})()"""

#: Texts whose contrast with what is behind them is below WCAG's 4.5 (3 for large ones).
FAINT = """(() => {
    const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
    const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const behind = (node) => {
        for (; node; node = node.parentElement) {
            const [r, g, b, a = 1] = parse(getComputedStyle(node).backgroundColor);
            if (a > 0.99) return [r, g, b];
        }
        return [255, 255, 255];
    };
    const found = [];
    for (const node of document.querySelectorAll("body *")) {
        const words = [...node.childNodes].filter((one) => one.nodeType === 3 && one.data.trim()).length;
        const style = getComputedStyle(node);
        if (!words || !node.getClientRects().length || style.visibility === "hidden" || node.closest("[data-chart='map']")) continue;
        const ink = parse(node.namespaceURI.endsWith("svg") ? style.fill : style.color);
        const [a, b] = [luminance(ink), luminance(behind(node))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && style.fontWeight >= 600);
        if (contrast < (large ? 3 : 4.5)) found.push(`${node.textContent.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
    }
    return [...new Set(found)].slice(0, 10);
})()"""

#: Elements that reach beyond the window, unless they are in a part that scrolls by itself.
WIDE = """[...document.querySelectorAll("body *")].filter((node) => node.getBoundingClientRect().right > innerWidth + 1
    && !node.closest(".scroll, .source, nav, .skip, #vg-tooltip-element") && node.getClientRects().length)
    .map((node) => node.outerHTML.slice(0, 80)).slice(0, 5)"""

CHARTS = """[...document.querySelectorAll("[data-chart]")].map((place) => [place.dataset.chart,
    place.querySelectorAll("svg path, svg rect").length, place.querySelector("svg")?.getBoundingClientRect().width || 0])"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a made-up campaign of 20,000 draws, compared with another."""
    directory = tmp_path_factory.mktemp("report")
    patch = pytest.MonkeyPatch()
    patch.setitem(fi_synthetic.INSTRUCTIONS, "fs", 200_000)
    try:
        fi_synthetic.run(directory / "a", fi_synthetic.request(DRAWS), fi_synthetic.Engine())
        fi_synthetic.run(directory / "b", fi_synthetic.request(2_000, seed=2), fi_synthetic.Engine(), {"append": "recovery=ssr"})
    finally:
        patch.undo()
    page = directory / build.REPORT
    build.write(directory / "a" / campaign.DATABASE, directory / "b" / campaign.DATABASE, page)
    return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as opened:
        yield opened


def show(browser: Chromium, report: Path, width: int, height: int, dark: bool) -> None:
    browser.errors.clear()
    browser.show(report, width, height, dark)
    browser.evaluate(SCROLL)
    browser.wait_for("[...document.querySelectorAll('[data-chart]')].every((place) => place.dataset.drawn)")


@pytest.mark.parametrize(("width", "height", "dark"), LOOKS)
def test_the_page_is_whole(browser: Chromium, report: Path, width: int, height: int, dark: bool) -> None:
    show(browser, report, width, height, dark)
    SHOTS.mkdir(parents=True, exist_ok=True)
    browser.screenshot(SHOTS / f"{width}-{'dark' if dark else 'light'}.png")
    assert browser.errors == []
    charts = browser.evaluate(CHARTS)
    names = {name for name, _, _ in charts}
    for service in ("fs", "rng"):
        assert {f"{kind}-{service}" for kind in ("outcomes", "intervals", "recovery", "stages")} <= names
    assert {"by-service", "by-model", "map", "comparison-hang", "comparison-reg-bitflip"} <= names
    for name, marks, wide in charts:
        assert marks >= 5 and 200 < wide <= width, name
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(WIDE) == []
    assert browser.evaluate(FAINT) == []
    assert (browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 21, 26)") is dark


def test_charts_follow_the_scheme_when_it_changes(browser: Chromium, report: Path) -> None:
    show(browser, report, *LAPTOP, False)
    label = "getComputedStyle(document.querySelector('[data-chart^=outcomes] svg text')).fill"
    before = browser.evaluate(label)
    browser.set_scheme(dark=True)
    browser.wait_for(f"{label} !== {before!r}")
    assert browser.errors == []


def test_a_class_can_be_chosen(browser: Chromium, report: Path) -> None:
    show(browser, report, *LAPTOP, False)
    shown = "document.querySelector('[data-chart=intervals-fs] svg').innerHTML"
    before = browser.evaluate(shown)
    browser.evaluate("""(() => { const select = document.getElementById("choose-class");
        select.value = "recovered_transparently"; select.dispatchEvent(new Event("change")); })()""")
    browser.wait_for(f"{shown} !== {before!r}")
    assert browser.errors == []


def test_functions_and_failures_open_by_keyboard(browser: Chromium, report: Path) -> None:
    show(browser, report, *LAPTOP, False)
    browser.evaluate("document.querySelector('#functions summary').focus()")
    browser.press("Enter", 13, "\r")
    browser.wait_for("document.querySelector('#functions details').open")
    browser.wait_for("document.querySelector('#functions .body').textContent.length > 20")
    browser.evaluate("document.querySelector('#failures-list summary').focus()")
    browser.press("Enter", 13, "\r")
    browser.wait_for("!!document.querySelector('#failures-list .command')")
    assert "./perdure replay" in browser.evaluate("document.querySelector('#failures-list .command code').textContent")
    # From the opened summary the next stop is the button that copies its command.
    browser.press("Tab", 9)
    assert browser.evaluate("document.activeElement.textContent") == "copy"
    assert browser.errors == []


def test_everything_that_acts_can_be_reached_and_has_a_name(browser: Chromium, report: Path) -> None:
    show(browser, report, *LAPTOP, False)
    assert browser.evaluate("""[...document.querySelectorAll("button, select, input, a[href], summary")].filter((node) =>
        node.tabIndex < 0 || !(node.textContent.trim() || node.getAttribute("aria-label") || node.title
        || document.querySelector(`label[for="${node.id}"]`))).map((node) => node.outerHTML.slice(0, 90))""") == []
    assert browser.evaluate("document.querySelectorAll('h1').length") == 1
    described = "[...document.querySelectorAll('[data-chart] svg')].map((one) => one.getAttribute('aria-label') || one.textContent)"
    assert all(browser.evaluate(described))


def test_lists_are_filtered_and_sorted(browser: Chromium, report: Path) -> None:
    show(browser, report, *LAPTOP, False)
    listed = "document.querySelectorAll('#failures-list > details').length"
    browser.evaluate("""(() => { const box = document.getElementById("failure-filter"); box.value = "rng hang";
        box.dispatchEvent(new Event("input")); })()""")
    few = browser.evaluate("document.getElementById('failure-state').textContent")
    browser.evaluate("""(() => { const box = document.getElementById("failure-filter"); box.value = "";
        box.dispatchEvent(new Event("input")); })()""")
    many = browser.evaluate("document.getElementById('failure-state').textContent")
    assert int(few.split(" of ")[1].split()[0].replace(",", "")) < int(many.split(" of ")[1].split()[0].replace(",", ""))
    first = browser.evaluate(listed)
    browser.evaluate("document.getElementById('failure-more').click()")
    assert browser.evaluate(listed) > first
    faults = "[...document.querySelectorAll('#functions > details .number:nth-child(2)')].map((n) => +n.textContent.replace(/,/g, ''))"
    browser.evaluate("document.querySelector('[data-sort=faults]').click()")
    numbers = browser.evaluate(faults)
    assert numbers == sorted(numbers, reverse=True) and len(numbers) > 3


def test_a_function_of_the_map_leads_to_its_lines(browser: Chromium, report: Path) -> None:
    show(browser, report, *LAPTOP, False)
    browser.evaluate("location.hash = '#function-1'")
    browser.wait_for("document.getElementById('function-1').open")
    assert browser.evaluate("document.activeElement === document.querySelector('#function-1 summary')")
