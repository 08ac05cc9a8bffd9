"""Series of runs, their order with two servers, and what a comparison comes to."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipstream.storage.config.settings import DEFAULTS
from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking import ab, against, prepare, series
from slipstream.tasks.benchmarking.compare.model import Outcome, Severity
from slipstream.tasks.benchmarking.reports import files
from slipstream.tasks.benchmarking.reports.forms import Form
from slipstream.tasks.benchmarking.suite import load
from tests import comparisons


@given(st.integers(1, 100))
def test_two_sides_are_measured_in_turn_so_that_a_steady_drift_weighs_on_both_alike(
    pairs: int,
) -> None:
    """Up to half a step: the mean places of both differ by no more than the odd pair."""
    options = prepare.options_for(DEFAULTS, "http://127.0.0.1:1/v1", "m", 1.0, "")
    base, candidate = (series.turns(load("smoke"), options, first, pairs) for first in "ab")
    order = ab.interleaved(base, candidate)
    places = {first: [n for n, turn in enumerate(order) if turn.first == first] for first in "ab"}
    assert len(places["a"]) == len(places["b"]) == pairs
    assert sum(places["b"]) - sum(places["a"]) == pairs % 2
    for first in "ab":
        assert [turn.number for turn in order if turn.first == first] == list(range(pairs))


def test_the_ids_of_a_series_follow_from_the_first() -> None:
    ids = [series.identity("0123456789ab", number) for number in range(5)]
    assert ids[0] == "0123456789ab"
    assert len(set(ids)) == 5
    assert {len(identity) for identity in ids} == {12}


def test_the_tags_of_all_runs_of_a_series_must_be_tags() -> None:
    series.check_tag("x" * 64, 1)
    series.check_tag("x" * 61, 10)
    for name, of in (("x" * 62, 10), ("latest", 1), ("2026-01", 15)):
        with pytest.raises(UsageError):
            series.check_tag(name, of)


@pytest.mark.parametrize(
    ("fail_on", "failing"),
    [("minor", ["minor", "moderate", "critical"]), ("moderate", ["moderate", "critical"]),
     ("critical", ["critical"]), ("never", [])],
)  # fmt: skip
def test_a_regression_fails_from_a_severity_on(fail_on: str, failing: list[str]) -> None:
    found = [
        severity
        for severity in ("", "minor", "moderate", "critical")
        if against.fails(
            comparisons.comparison(comparisons.change(severity=Severity(severity))), fail_on
        )
    ]
    assert found == failing


def test_a_sentence_names_the_largest_changes_of_the_worst_kind() -> None:
    worse = [comparisons.change(candidate=50.0 + more) for more in (5, 20, 10, 15)]
    said = against.sentence(comparisons.comparison(*worse))
    assert "Regression: chat concurrency=8 ttft p50 +40.0%, " in said
    assert said.endswith(" and 1 more.")
    better = comparisons.change(candidate=40.0, outcome=Outcome.IMPROVEMENT)
    assert "Improvement: chat concurrency=8 ttft p50 -20.0%." in against.sentence(
        comparisons.comparison(better)
    )
    same = comparisons.change(candidate=50.0, outcome=Outcome.UNCHANGED, severity=Severity.NONE)
    assert against.sentence(comparisons.comparison(same)) == "No regression."


@pytest.mark.parametrize("form", files.SUFFIXES)
def test_a_report_is_a_file_that_only_its_owner_can_read(form: Form, tmp_path: Path) -> None:
    """One of the same name is replaced, and nothing else is left there."""
    made = comparisons.comparison()
    file = files.write(tmp_path, form, made)
    assert files.write(tmp_path, form, made) == file
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "ttft" in file.read_text()


def test_a_report_that_cannot_be_written_leaves_nothing_half(tmp_path: Path) -> None:
    made = comparisons.comparison()
    (tmp_path / files.FOLDER / f"{made.id}.txt").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        files.write(tmp_path, "text", made)
    assert len(list((tmp_path / files.FOLDER).iterdir())) == 1


def test_reports_go_when_they_are_old(tmp_path: Path) -> None:
    folder = tmp_path / files.FOLDER
    folder.mkdir(parents=True)
    for name, days in (("old.html", 91), ("new.html", 89)):
        (folder / name).touch()
        moment = time.time() - days * files.DAY
        os.utime(folder / name, (moment, moment))
    files.prune(tmp_path, 90)
    assert [path.name for path in folder.iterdir()] == ["new.html"]
