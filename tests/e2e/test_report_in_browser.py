"""The HTML report in a real browser, on a desktop and on a phone, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slipstream.tasks.benchmarking.reports import html
from tests import comparisons
from tests.e2e.browser import PATIENCE, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDTHS = (1280, 375)
# What is wider than the window, and what of the texts in plots is beyond their plot.
BEYOND = """() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const out = [...document.querySelectorAll('svg text')].filter(text => {
    const inner = text.getBoundingClientRect();
    const outer = text.ownerSVGElement.getBoundingClientRect();
    return inner.left < outer.left - 1 || inner.right > outer.right + 1;
  }).map(text => text.textContent);
  return [wide, out];
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a whole suite."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    made = comparisons.full()
    (compared,) = made.candidates
    side = compared.side._replace(name="candidate-with-a-long-name")
    made = made._replace(candidates=(compared._replace(side=side),))
    file.write_text(html.render(made, [comparisons.trend()]), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with chromium() as started:
        yield started


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_report_opens_without_an_error_a_request_or_a_scroll_bar(
    width: int, scheme: str, report: Path, browser: Browser
) -> None:
    """At either width and in either scheme; it is under a megabyte."""
    assert report.stat().st_size < 1_000_000
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page.set_default_timeout(PATIENCE)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    assert page.evaluate(BEYOND) == [0, []]
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 27)")
    assert ("rgb(0, 103, 166)" if scheme == "light" else "rgb(92, 184, 240)") in page.evaluate(
        "[...document.querySelectorAll('svg path')].map(path => getComputedStyle(path).stroke)"
    )
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate(BEYOND) == [0, []]
    assert said == []
    assert asked == [report.as_uri()]
    page.close()


def test_a_report_is_read_to_who_does_not_see_it(report: Path, browser: Browser) -> None:
    """Headings, tables and plots have their roles and names."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(report.as_uri())
    heading = page.get_by_role("heading", level=1)
    assert heading.inner_text() == "12 regressions; the worst of them is moderate."
    plot = page.get_by_role("img", name="Percentiles of ttft, benchmark-0 concurrency=8 ttft")
    assert plot.count() == 1
    assert page.get_by_role("columnheader", name="Metric").count() >= 2
    page.close()
