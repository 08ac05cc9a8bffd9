"""Comparisons as a page: what it says, what it may do, how large it is, who can read it."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from slipstream.tasks.benchmarking.compare.model import Change, Outcome
from slipstream.tasks.benchmarking.reports import html, plots
from slipstream.tasks.benchmarking.reports.view import Options
from tests import comparisons
from tests.comparisons import change

VOID = {"meta", "link", "br", "img", "hr", "input"}
FOREIGN = re.compile(r'(?:src|href|action|data)="(?!#)|url\((?!#)|@import|<script')
CSS = Path(html.__file__).with_name("report.css").read_text()


class Page(HTMLParser):
    """A page, taken apart.

    Attributes:
        tags: Each with its attributes.
        words: All text, but for styles.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture(scope="module")
def full() -> str:
    """A whole suite with histories, drawn once."""
    return html.render(comparisons.full(), [comparisons.trend()])


def test_a_whole_suite_is_one_file_under_a_megabyte(full: str) -> None:
    """With plots of what changed most; that others are left out is said."""
    assert len(full.encode()) < 1_000_000
    page = Page(full)
    assert page.count("svg") > 30
    assert re.search(r"\d+ more metrics could be drawn and are not", page.words)
    assert "History of chat concurrency=8 ttft p50" in page.words
    assert "Throughput against ttft p95, benchmark-0" in page.words


def test_the_page_asks_nobody_for_anything(full: str) -> None:
    """No address, no script; its policy forbids both, and allows its own style sheet alone."""
    assert FOREIGN.findall(re.sub(r"<dd>.*?</dd>", "", full)) == []
    page = Page(full)
    (policy,) = [a["content"] for _, a in page.tags if a.get("http-equiv")]
    (style,) = re.findall(r"<style>(.*?)</style>", full, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert all("style" not in attributes for _, attributes in page.tags)
    assert not [name for _, attributes in page.tags for name in attributes if name[:2] == "on"]


def test_every_plot_has_a_name_a_description_and_a_table(full: str) -> None:
    page = Page(full)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    plots_ = [attributes for tag, attributes in page.tags if tag == "svg"]
    for attributes in plots_:
        assert attributes["role"] == "img"
        named = (attributes["aria-labelledby"] or "").split()
        assert len(named) == 2
        assert set(named) <= set(ids)
    assert page.count("figure") == page.count("figcaption") == len(plots_)
    assert page.words.count("Numbers") == len(plots_)
    links = {a["href"] for tag, a in page.tags if tag == "a"}
    assert links <= {f"#{identity}" for identity in ids}


def test_headings_go_down_one_level_at_a_time(full: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(full).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_same_comparison_gives_the_same_bytes() -> None:
    small = comparisons.full(cells=2)
    assert html.render(small) == html.render(small)


def test_what_comes_from_data_stays_text() -> None:
    """In names, notes, sentences and plots."""
    evil = '<script>alert(1)</script>"&\x00\ud800'
    made = comparisons.full(cells=2)
    (compared,) = made.candidates
    changes = tuple(c._replace(benchmark=evil, note=evil) for c in compared.changes)
    renamed = [d._replace(benchmark=evil, metric=evil) for d in compared.distributions]
    made = made._replace(
        base=made.base._replace(name=evil, model=evil),
        base_distributions=tuple(renamed),
        candidates=(
            compared._replace(
                side=compared.side._replace(name=evil),
                changes=changes,
                differences=(evil,),
                distributions=tuple(renamed),
            ),
        ),
        warnings=(evil,),
        recommendation=evil,
    )
    text = html.render(made, [comparisons.trend()._replace(benchmark=evil, note=evil)])
    page = Page(text)
    assert page.count("script") == 0
    assert '<script>alert(1)</script>"&??' in page.words
    assert page.count("svg") > 2


@pytest.mark.parametrize("name", ["模型 ünï", "$x_1$ \\frac", "a" * 500, ""])
def test_any_name_can_be_drawn(name: str, recwarn: pytest.WarningsRecorder) -> None:
    """In other scripts, with formulas, long: without a warning from the drawing."""
    made = comparisons.full(cells=1)
    (compared,) = made.candidates
    side = compared.side._replace(name=name)
    text = html.render(made._replace(candidates=(compared._replace(side=side),)))
    assert Page(text).count("svg") > 0
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize("count", [6000, 12_000])
def test_more_than_a_page_can_hold_is_left_out_with_a_sentence(count: int) -> None:
    """Untested figures first, then rows."""
    some = [
        change("m" * 40, f"p{n}", outcome=Outcome.CANNOT_TELL if n % 2 else Outcome.SHOWN,
               primary=bool(n % 2), note=f"Note {n}.")
        for n in range(count)
    ]  # fmt: skip
    text = html.render(comparisons.comparison(*some))
    assert len(text.encode()) < 1_000_000
    assert "left out to keep this file small" in Page(text).words


def test_all_sections_of_a_small_comparison_are_there() -> None:
    """Each outcome has its heading; what was not asked for is folded away, not missing."""
    made = comparisons.comparison(differences=("Another CPU.",), warnings=("Single runs.",))
    words = Page(html.render(made)).words
    for expected in ("Regressions", "Cannot tell", "seen from 24.0%", "Another CPU.", "Unchanged",
                     "Single runs.", "Recommendation: Do not release", "-20.0 points"):  # fmt: skip
        assert expected in " ".join(words.split()), expected
    assert words.index("Another CPU.") < words.index("57.5 ms")
    assert Page(html.render(made)).count("details") == 2
    assert Page(html.render(made, options=Options(every=True))).count("details") == 0


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ([change()], "bad"),
        ([change(outcome=Outcome.CANNOT_TELL)], "unsure"),
        ([change(outcome=Outcome.UNCHANGED)], "good"),
        ([change(outcome=Outcome.IMPROVEMENT)], "good"),
    ],
    ids=["bad", "unsure", "good", "better"],
)
def test_the_verdict_looks_as_it_is(changes: list[Change], state: str) -> None:
    assert f'class="verdict {state}"' in html.render(comparisons.comparison(*changes))


def test_several_candidates_are_drawn_together() -> None:
    """Each has its tables; the plots have as many lines as can be told apart."""
    made = comparisons.full(cells=2)
    (one,) = made.candidates
    five = tuple(one._replace(side=one.side._replace(name=f"n{n}")) for n in range(5))
    text = html.render(made._replace(candidates=five))
    assert "baseline against n4" in Page(text).words
    assert "var(--s3)" in text


def test_a_history_has_a_page_of_its_own() -> None:
    page = Page(html.render_trend(comparisons.trend()))
    assert page.count("svg") == 1
    assert "(+15.0%, worse; p <0.001)" in page.words
    assert Page(html.render_trend(comparisons.trend(1, None))).count("svg") == 0


def colours(scheme: str) -> dict[str, str]:
    """The variables of a colour scheme."""
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    return found | (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark)) if scheme else {})


def contrast(one: str, other: str) -> float:
    """By WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["", "dark"], ids=["light", "dark"])
def test_text_and_lines_of_plots_contrast_as_wcag_aa_asks(scheme: str) -> None:
    """4.5 to 1: names of lines in plots have the lines' colours."""
    of = colours(scheme)
    behind = ("page", "card")
    front = ("text", "faint", "link", *(f"s{n}" for n in range(len(plots.SERIES))), "mark")
    pairs = [(text, ground) for text in front for ground in behind]
    pairs += [(name, f"{name}-card") for name in ("bad", "unsure", "good")]
    low = {p: round(contrast(of[p[0]], of[p[1]]), 2) for p in pairs}
    assert {pair: value for pair, value in low.items() if value < 4.5} == {}
