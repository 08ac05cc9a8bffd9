"""Comparisons as Markdown."""

from __future__ import annotations

from slipstream.tasks.benchmarking.compare.model import Outcome, Severity
from slipstream.tasks.benchmarking.reports import markdown
from slipstream.tasks.benchmarking.reports.view import Options
from tests import comparisons
from tests.comparisons import change


def test_a_comment_begins_with_the_verdict_and_ends_with_the_recommendation() -> None:
    said = markdown.render(comparisons.comparison(differences=("Another CPU.",)))
    lines = said.splitlines()
    assert lines[0] == "## 2 regressions; the worst of them is major."
    assert lines[-1] == "**Do not release: ttft got worse.**"
    assert said.index("Another CPU.") < said.index("| metric |")
    assert (
        "| `chat concurrency=8 ttft p50` | 50.0 ms | 57.5 ms | +15.0% | +12.9% to +17.1% "
        "| &lt;0.001 | moderate |" in lines
    )


def test_every_row_of_a_table_has_as_many_cells_as_its_header() -> None:
    """Whatever the names are."""
    odd = change("a|b`c\n|d", note="a|b")
    said = markdown.render(comparisons.comparison(odd, change("p", outcome=Outcome.NEW)))
    rows = [line for line in said.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {8}
    assert "`chat concurrency=8 a\\|b'c \\|d p50`" in said


def test_data_is_not_markup_and_calls_nobody() -> None:
    said = markdown.render(
        comparisons.comparison(change(), differences=("@someone <img src=x> [a](b) *c*",))
    )
    assert "@someone" not in said
    assert "<img" not in said
    assert "[a](b)" not in said


def test_a_whole_suite_fits_into_a_comment() -> None:
    """GitHub takes 65,536 characters; what is left out is said."""
    many = [
        change("m" * 60, f"p{n}", severity=Severity.MINOR, note=f"Note {n}.") for n in range(3000)
    ]
    said = markdown.render(comparisons.comparison(*many), Options(every=True))
    assert len(said) <= 65_536
    assert "more are left out here" in said
    assert said.rstrip().endswith("**Do not release: ttft got worse.**")


def test_the_history_is_a_table_with_its_changes() -> None:
    said = markdown.render_trend(comparisons.trend(20, 12))
    assert said.startswith("## History of `chat concurrency=8 ttft p50`")
    rows = [line for line in said.splitlines() if line.startswith("| `0")]
    assert len(rows) == 20
    assert [line.endswith("| changed |") for line in rows].index(True) == 12
