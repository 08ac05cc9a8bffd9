"""What judged answers amount to."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipstream.storage.bench_answers import AnswerRow
from slipstream.tasks.benchmarking import statistics
from slipstream.tasks.benchmarking.model import Metric
from slipstream.tasks.benchmarking.tools import scores
from tests.unit.tools_run.made import repeated, row

Answers = st.lists(st.text("rwf", min_size=3, max_size=3), min_size=1, max_size=12)


def figures(rows: list[AnswerRow], repeats: int = 1) -> dict[str, Metric]:
    """By name and statistic; of `accuracy` the statistic alone."""
    return {
        m.statistic if m.name == "accuracy" else m.name: m for m in scores.metrics(rows, repeats)
    }


def test_accuracy_is_told_overall_and_of_each_group_with_wilsons_interval() -> None:
    rows = [
        row("a", 0),
        row("b", 1, "value", difficulty="hard"),
        row("c", 2, category="edge", tool="edit_file"),
        row("d", 3, "unwanted", category="irrelevant", tool=""),
    ]
    found = figures(rows)
    assert found["value"][4:7] == statistics.wilson(2, 4)
    assert found["value"].size == 4
    assert {name: (m.value, m.size) for name, m in found.items() if " " in name} == {
        "category simple": (0.5, 2), "category edge": (1, 1), "category irrelevant": (0, 1),
        "difficulty easy": (2 / 3, 3), "difficulty hard": (0, 1),
        "tool read_file": (0.5, 2), "tool edit_file": (1, 1),
        "layer extraction": (1, 3), "layer json": (1, 3), "layer tool": (1, 3),
        "layer schema": (1, 3), "layer missing": (1, 3), "layer extra": (1, 3),
        "layer value": (2 / 3, 3), "layer unwanted": (0, 1),
    }  # fmt: skip
    assert "pass@1" not in found, "nothing was repeated"


def test_a_layer_is_told_of_the_answers_that_came_as_far() -> None:
    """A parser that loses half of the calls does not make the layers behind it look worse."""
    layers = ["extraction"] * 5 + ["tool"] * 1 + ["right"] * 4
    found = figures([row(f"c{n}", n, layer) for n, layer in enumerate(layers)])
    shares = {name: (m.value, m.size) for name, m in found.items() if name.startswith("layer")}
    assert shares["layer extraction"] == (0.5, 10)
    assert shares["layer json"] == (1, 5)
    assert shares["layer tool"] == (0.8, 5)
    assert shares["layer value"] == (1, 4)


def test_requests_that_failed_are_in_no_share() -> None:
    found = figures(repeated("rf", "wf", "ff"), 2)
    assert (found["value"].value, found["value"].size) == (0.5, 2)
    assert "pass^2" not in found, "no case was answered twice"
    assert scores.metrics(repeated("ff"), 2) == []


def test_repeats_tell_how_reliable_the_model_is() -> None:
    found = figures(repeated("rrr", "rwr", "www", "rrf"), 3)
    assert found["pass@1"].value == pytest.approx((1 + 2 / 3 + 0 + 1) / 4)
    assert (found["pass^3"].value, found["pass^3"].size) == (1 / 3, 3), "one has two answers"
    assert (found["flaky"].value, found["flaky"].size) == (0.25, 4)
    assert found["flaky"].direction == "lower"


def test_half_points_enter_the_score() -> None:
    found = figures([row("a"), row("b", 1, "value", score=0.25)])["score"]
    assert found.value == 0.625
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= 0.625 <= found.high <= 1
    assert figures([row("a", score=0.5, layer="extra")])["score"][4:7] == (0.5, None, None)


@settings(deadline=None)
@given(st.integers(1, 7), st.data())
def test_pass_hat_is_the_share_of_draws_that_are_all_right(asked: int, data: st.DataObject) -> None:
    right, k = data.draw(st.integers(0, asked)), data.draw(st.integers(1, asked))
    answers = [True] * right + [False] * (asked - right)
    draws = list(combinations(answers, k))
    assert scores.pass_hat(right, asked, k) == pytest.approx(sum(map(all, draws)) / len(draws))


def test_pass_hat_wants_as_many_answers_as_are_drawn() -> None:
    with pytest.raises(ValueError, match="4 of 3"):
        scores.pass_hat(3, 3, 4)


@settings(deadline=None)
@given(Answers)
def test_shares_lie_in_their_intervals_and_all_are_shares(cases: list[str]) -> None:
    for metric in scores.metrics(repeated(*cases), 3):
        assert metric.low is None or 0 <= metric.low <= metric.value + 1e-9
        assert metric.high is None or metric.value - 1e-9 <= metric.high <= 1
        assert metric.unit == "share"


@settings(deadline=None)
@given(Answers)
def test_repeats_never_make_an_interval_narrower_than_as_many_cases_would(cases: list[str]) -> None:
    """Answers to one case are more alike than answers to several."""
    rows = [r for r in repeated(*cases) if r.layer != "failed"]
    if len({r.case_id for r in rows}) < 2:
        return
    found = scores.share(rows)
    plain = statistics.wilson(sum(r.layer == "right" for r in rows), len(rows))
    assert found.low is not None
    assert found.high is not None
    assert plain.low is not None
    assert plain.high is not None
    assert found.value == pytest.approx(plain.value)
    assert found.low <= plain.low + 1e-9
    assert found.high >= plain.high - 1e-9


def test_answers_that_are_always_the_same_count_as_one_for_each_case() -> None:
    """The design effect is the number of repeats then: 50 cases asked 4 times are 50 answers."""
    found = scores.share(repeated(*["rrrr"] * 30, *["wwww"] * 20))
    as_one = statistics.wilson(30, 50)
    assert found.low is not None
    assert as_one.low is not None
    assert math.isclose(found.low, as_one.low, abs_tol=0.003)
    assert scores.share(repeated(*["rrrr"] * 9)) == statistics.wilson(9, 9)
