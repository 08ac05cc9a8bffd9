"""Comparisons and histories for a terminal."""

from __future__ import annotations

import pytest

from slipstream.tasks.benchmarking.compare.model import Outcome, Severity
from slipstream.tasks.benchmarking.reports import chart, text
from slipstream.tasks.benchmarking.reports.view import Options
from tests import comparisons
from tests.comparisons import change


def style(words: str, code: str) -> str:
    return f"<{code}>{words}</>"


def test_the_parts_come_in_the_order_in_which_they_matter() -> None:
    """Environment first, then what is worse, better, unknown, counted; the recommendation last."""
    made = comparisons.comparison(differences=("Another CPU.",), warnings=("Single runs.",))
    lines = text.render(made).splitlines()
    wanted = (
        "2 regressions; the worst of them is major.", "warning: Single runs.",
        "differs: Another CPU.", "Regressions (2)", "Suspected regressions (1)",
        "Improvements (1)", "Suspected improvements (1)", "Cannot tell (1)", "New and gone (2)",
        "Not compared (1)", "Unchanged: 1 metric.", "Other figures: 1 metric.",
        "Welch's t of 5 and 5 medians (8 metrics).", "With 80% power", "A change counts from 5% on",
    )  # fmt: skip
    found = [next(i for i, line in enumerate(lines) if line.startswith(w)) for w in wanted]
    assert found == sorted(found)
    assert lines[-1] == "Do not release: ttft got worse."


def test_a_row_has_figures_interval_chance_and_severity() -> None:
    lines = text.render(comparisons.comparison()).splitlines()
    (row,) = [line.split() for line in lines if line.startswith("moderate  chat concurrency=8 tt")]
    assert (
        row
        == (
            "moderate chat concurrency=8 ttft p50 50.0 ms 57.5 ms +15.0% +12.9% to +17.1% <0.001"
        ).split()
    )
    (accuracy,) = [line for line in lines if " accuracy " in line]
    assert "-20.0 points" in accuracy
    assert "-30.0 to -14.0" in accuracy


def test_what_cannot_be_told_says_what_would_have_been_seen() -> None:
    lines = text.render(comparisons.comparison()).splitlines()
    row = next(line for line in lines if line.startswith("chat concurrency=8 ttft p99"))
    assert row.endswith("24.0%")
    assert "  chat concurrency=8 ttft p99: Too few values for this percentile." in lines


def test_what_would_have_been_seen_is_told_up_to_twice_as_much() -> None:
    unknown = change("a", "p50", outcome=Outcome.CANNOT_TELL)._replace(detectable=8.0)
    lines = text.render(comparisons.comparison(unknown)).splitlines()
    assert any(line.endswith("  over 100%") for line in lines)
    assert any("of over 100% in the noisiest." in line for line in lines)


def test_where_nothing_was_tested_nothing_is_said_to_be_corrected() -> None:
    only = change("a", "p50", outcome=Outcome.NEW)._replace(p=None, p_corrected=None)
    assert "5% on. Nothing was tested." in text.render(comparisons.comparison(only))


def test_a_note_of_many_metrics_is_said_once() -> None:
    many = [change("a", f"p{n}", outcome=Outcome.CANNOT_TELL, note="Few.") for n in range(9)]
    said = text.render(comparisons.comparison(*many))
    assert said.count("Few.") == 1
    assert "  9 metrics: Few." in said


@pytest.mark.parametrize(
    ("options", "there", "missing"),
    [
        (Options(only="regressions"), "Suspected regressions", "mprovement"),
        (Options(only="improvements"), "Suspected improvements", "egressions ("),
        (Options(every=True), "chat concurrency=8 itl mean", "Other figures: "),
    ],
    ids=["regressions", "improvements", "all"],
)
def test_options_choose_what_is_listed(options: Options, there: str, missing: str) -> None:
    said = text.render(comparisons.comparison(), options)
    assert there in said
    assert missing not in said


@pytest.mark.parametrize(("sort", "first"), [("severity", "c"), ("difference", "b"), ("name", "a")])
def test_changes_are_sorted_as_asked(sort: str, first: str) -> None:
    """Equal severities by size."""
    changes = [
        change("a", severity=Severity.MINOR, candidate=53),
        change("b", severity=Severity.MODERATE, candidate=30),
        change("c", severity=Severity.MAJOR, candidate=60),
    ]
    said = text.render(comparisons.comparison(*changes), Options(sort=sort))  # type: ignore[arg-type]
    rows = [line.split()[3] for line in said.splitlines() if "concurrency=8" in line]
    assert rows[0] == first


def test_colours_are_the_terminals_and_say_how_bad_it_is() -> None:
    said = text.render(comparisons.comparison(), style=style).splitlines()
    assert said[0] == "<1>2 regressions; the worst of them is major.</>"
    assert any(line.startswith("<31>major") for line in said)
    assert any(line.startswith("<33>moderate") for line in said)
    assert any(line.startswith("<32>moderate") for line in said)  # an improvement
    assert "<" not in text.render(comparisons.comparison()).replace("<0.001", "")


def test_data_cannot_write_to_the_terminal() -> None:
    made = comparisons.comparison(change("\x1b[2J"), differences=("a\x07b",))
    said = text.render(made)
    assert "\x1b" not in said
    assert "a?b" in said


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        ([change(severity=Severity.CRITICAL)], "1 regression; it is critical."),
        ([change(outcome=Outcome.SUSPECTED_REGRESSION)], "No proven regression, 1 suspected one."),
        ([change(outcome=Outcome.IMPROVEMENT)], "No regression, 1 improvement."),
        ([change(outcome=Outcome.CANNOT_TELL)], "but of 1 of 1 metric these runs cannot tell."),
        ([change(outcome=Outcome.UNCHANGED)], "No regression."),
        ([change(outcome=Outcome.SHOWN, primary=False)], "Nothing could be compared."),
    ],
    ids=["worse", "suspected", "better", "unknown", "same", "nothing"],
)
def test_the_first_line_never_calls_unknown_unchanged(changes: list[object], headline: str) -> None:
    said = text.render(comparisons.comparison(*changes))  # type: ignore[arg-type]
    assert said.splitlines()[0].endswith(headline)


def test_a_history_marks_its_change_and_says_it() -> None:
    lines = text.render_trend(comparisons.trend(30, 18), width=60).splitlines()
    axis = next(i for i, line in enumerate(lines) if "└" in line)
    assert lines[axis + 1].strip() == "▲"
    assert all(len(line) <= 60 for line in lines[1 : axis + 1])
    assert lines[-1] == (
        "From run 000000000012 (2027-02-02, commit 000000000000) on it is 57.5 ms instead of "
        "50.0 ms (+15.0%, worse; p <0.001); the machine or the server changed there as well."
    )


def test_a_history_in_ascii_is_ascii() -> None:
    said = text.render_trend(comparisons.trend(30, 18), ascii=True)
    assert said.isascii()
    assert "^" in said
    assert said.count("*") > 20


def test_a_history_without_a_change_says_so_and_a_drift_is_told() -> None:
    steady = comparisons.trend(9, None)
    assert "No change point was found." in text.render_trend(steady)
    drifting = text.render_trend(steady._replace(drift=-0.03, note="Few runs."))
    assert "It drifts by -3.0% in ten runs, better." in drifting
    assert drifting.endswith("Few runs.\n")


@pytest.mark.parametrize("count", [0, 1])
def test_a_history_of_nothing_or_one_run_is_drawn_as_far_as_it_goes(count: int) -> None:
    trend = comparisons.trend(count, None)
    assert f": {count} run" in text.render_trend(trend)


def test_a_chart_leaves_gaps_for_what_is_no_number() -> None:
    values = [1.0, float("nan"), 3.0]
    drawn = chart.lines(values, [], "{:.0f}".format, width=40, ascii=True)
    assert sum(line.count("*") for line in drawn) == 2
    assert drawn[0].startswith("3 |")
    assert chart.lines([float("inf")], [], str, width=40) == []
