"""Comparisons as CSV."""

from __future__ import annotations

import csv
import io

from slipstream.tasks.benchmarking.reports import csv as report
from slipstream.tasks.benchmarking.reports.view import Options
from tests import comparisons
from tests.comparisons import change


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_change_is_a_line_with_all_it_has() -> None:
    """Unrounded: what a spreadsheet computes with."""
    made = comparisons.full(cells=8)
    found = rows(report.render(made))
    assert len(found) == len(made.candidates[0].changes)
    first = next(row for row in found if row["outcome"] == "regression")
    of = next(
        c for c in made.candidates[0].changes
        if (c.benchmark, c.label, c.metric, c.statistic)
        == (first["benchmark"], first["label"], first["metric"], first["statistic"])
    )  # fmt: skip
    assert float(first["candidate"]) == of.candidate
    assert float(first["relative"]) == of.relative
    assert (first["side"], first["severity"]) == ("latest", "moderate")
    assert (first["base_size"], first["candidate_size"]) == ("5", "5")


def test_only_regressions_are_the_lines_that_are_asked_for() -> None:
    found = rows(report.render(comparisons.comparison(), Options(only="regressions")))
    assert [row["outcome"] for row in found] == ["regression"] * 2 + ["suspected regression"]


def test_a_name_is_not_taken_for_a_formula() -> None:
    (row,) = rows(report.render(comparisons.comparison(change("=cmd()", note='a "b", c\nd'))))
    assert row["metric"] == "'=cmd()"
    assert row["note"] == 'a "b", c\nd'


def test_the_runs_of_a_history_are_lines() -> None:
    found = rows(report.render_trend(comparisons.trend(6, 3)))
    assert [row["changed"] for row in found].index("True") == 3
    assert float(found[0]["value"]) > 0
