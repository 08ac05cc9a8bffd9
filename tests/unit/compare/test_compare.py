"""Comparisons of whole runs in a database."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slipstream.storage import bench, bench_baselines
from slipstream.storage.bench_baselines import Key
from slipstream.storage.connection import Connection
from slipstream.storage.errors import NotFoundError, SlipError
from slipstream.tasks.benchmarking import environment
from slipstream.tasks.benchmarking.compare import pairs
from slipstream.tasks.benchmarking.compare.compare import NO_FAILURE, compare
from slipstream.tasks.benchmarking.compare.model import (
    Change,
    Comparison,
    Outcome,
    Policy,
    Severity,
)
from slipstream.tasks.benchmarking.compare.sides import side
from slipstream.tasks.benchmarking.reports import view
from tests.unit.compare import made

A, B = "a" * 12, "b" * 12
CELL = "concurrency=1"


def series(connection: Connection, letter: str, count: int = 5, **more: Any) -> None:
    """Repeated runs of two cells, the other side's between them."""
    for place in range(count):
        seed = 1000 * ord(letter) + place
        cells = {
            CELL: made.samples(seed, run=0.01, **more),
            "concurrency=8": made.samples(seed + 500, run=0.01),
        }
        at = 4 * place + 2 * (letter != "a")
        made.run(connection, letter * 11 + f"{place:x}", cells, at=at, series=letter * 12)


def between(connection: Connection, *names: str, policy: Policy = Policy()) -> Comparison:  # noqa: B008
    base = side(connection, names[0])
    return compare(connection, base, [side(connection, name, base) for name in names[1:]], policy)


def said(comparison: Comparison, *outcomes: Outcome) -> dict[str, Change]:
    """The changes of the first candidate with an outcome, by their names."""
    found = comparison.candidates[0].changes
    return {change.name: change for change in found if change.outcome in outcomes}


WORSE = (Outcome.REGRESSION, Outcome.SUSPECTED_REGRESSION)


def test_a_slower_first_token_is_named_and_nothing_else(connection: Connection) -> None:
    series(connection, "a")
    series(connection, "b", ttft=57.5)
    comparison = between(connection, f"series:{A}", f"series:{B}")
    worse = said(comparison, Outcome.REGRESSION)
    assert f"chat {CELL} ttft p50" in worse
    assert {(c.label, c.metric) for c in worse.values()} == {(CELL, "ttft")}
    found = worse[f"chat {CELL} ttft p50"]
    assert found.severity is Severity.MODERATE
    assert found.relative == pytest.approx(0.15, abs=0.03)
    assert found.sizes == (5, 5)
    assert found.low is not None
    assert found.low < 0.15 < (found.high or 0)
    assert (found.p or 1) < (found.p_corrected or 0) <= 0.01
    assert found.noise is not None
    assert found.detectable is not None
    assert not said(comparison, Outcome.IMPROVEMENT, Outcome.SUSPECTED_REGRESSION)
    assert comparison.worst is Severity.MODERATE
    assert "ttft" in comparison.recommendation
    unchanged = said(comparison, Outcome.UNCHANGED)
    assert "chat concurrency=8 output_tokens" in unchanged
    assert comparison.candidates[0].differences == ()
    assert comparison.warnings == ()


def test_the_other_way_round_it_is_an_improvement(connection: Connection) -> None:
    series(connection, "a")
    series(connection, "b", ttft=57.5)
    comparison = between(connection, f"series:{B}", f"series:{A}")
    assert f"chat {CELL} ttft p50" in said(comparison, Outcome.IMPROVEMENT)
    assert not said(comparison, *WORSE)
    assert comparison.worst is Severity.NONE


def test_single_runs_are_suspected_at_most(connection: Connection) -> None:
    series(connection, "a", 2)
    series(connection, "b", 1, ttft=90.0)
    comparison = between(connection, "aaaaaaaaaaa0", "bbbbbbbbbbb0", "aaaaaaaaaaa1")
    found = said(comparison, *WORSE)[f"chat {CELL} ttft p50"]
    assert found.outcome is Outcome.SUSPECTED_REGRESSION
    assert found.severity is Severity.CRITICAL
    assert "prompts" in found.method
    assert found.sizes == (40, 40)
    assert not said(comparison, Outcome.REGRESSION, Outcome.UNCHANGED)
    assert comparison.worst is Severity.NONE
    assert "One run cannot prove" in comparison.warnings[0]
    assert "measure again" in comparison.recommendation
    assert [c.side.name for c in comparison.candidates] == ["bbbbbbbbbbb0", "aaaaaaaaaaa1"]
    assert len(comparison.candidates[1].distributions) == 6


def test_runs_of_other_prompts_are_not_paired(connection: Connection) -> None:
    for letter, digest in (("a", "one"), ("b", "two")):
        made.run(connection, letter * 12, {CELL: made.samples(ord(letter))}, digest=digest)
    comparison = between(connection, A, B)
    (found,) = [c for c in comparison.candidates[0].changes if c.name.endswith("ttft p50")]
    assert "Mann-Whitney" in found.method
    assert comparison.candidates[0].differences == (
        "The prompts differ, though suite and seed are the same.",
    )


def test_two_runs_a_side_prove_nothing(connection: Connection) -> None:
    series(connection, "a", 2)
    series(connection, "b", 2, ttft=90.0)
    comparison = between(connection, f"series:{A}", f"series:{B}")
    assert said(comparison, Outcome.SUSPECTED_REGRESSION)
    assert not said(comparison, Outcome.REGRESSION)
    assert "2 runs cannot prove" in comparison.warnings[0]


def test_the_noise_of_a_baseline_is_known_to_single_runs(connection: Connection) -> None:
    """Of the same suite, model and machine; what is within it is not suspected."""
    for place in range(5):
        noisy = made.samples(place, run=0.3, spread=0.01)
        made.run(connection, f"{place:012x}", {CELL: noisy})
    made.run(connection, A, {CELL: made.samples(10, spread=0.01)})
    made.run(connection, B, {CELL: made.samples(11, spread=0.01, ttft=60)})
    name = f"chat {CELL} ttft p50"
    assert name in said(between(connection, A, B), Outcome.SUSPECTED_REGRESSION)
    key = Key("smoke", "m", environment.fingerprint(made.MACHINE))
    bench_baselines.set_(connection, key, [f"{place:012x}" for place in range(5)])
    calm = said(between(connection, A, B), Outcome.CANNOT_TELL)[name]
    assert (calm.noise or 0) > 0.2
    # and not when one of its runs is being compared
    assert name in said(between(connection, A, B, "000000000001"), Outcome.SUSPECTED_REGRESSION)


def test_the_baseline_is_a_side(connection: Connection) -> None:
    series(connection, "a")
    series(connection, "b")
    key = Key("smoke", "m", environment.fingerprint(made.MACHINE))
    bench_baselines.set_(connection, key, [f"aaaaaaaaaaa{place}" for place in range(5)])
    candidate = side(connection, "latest")
    assert len(candidate.runs) == 5
    base = side(connection, "baseline", candidate)
    assert (base.name, len(base.runs), base.machine) == ("baseline", 5, key.machine)
    comparison = compare(connection, base, [candidate])
    assert comparison.worst is Severity.NONE
    assert "Nothing" in comparison.recommendation
    with pytest.raises(NotFoundError):
        side(connection, "nobody")


def test_fewer_right_tool_calls_are_a_regression_in_points(connection: Connection) -> None:
    for place in range(5):
        right = [number % 10 < 9 for number in range(100)]
        wrong = [number % 10 < 7 for number in range(100)]
        made.judged(connection, f"aaaaaaaaaaa{place}", right, series=A)
        made.judged(connection, f"bbbbbbbbbbb{place}", wrong, series=B)
    comparison = between(connection, f"series:{A}", f"series:{B}")
    (found,) = said(comparison, Outcome.REGRESSION).values()
    assert (found.metric, found.severity) == ("accuracy", Severity.MODERATE)
    assert found.relative == found.difference == pytest.approx(-0.2)
    assert found.method == "exact sign-flip test of 100 cases"
    single = between(connection, "aaaaaaaaaaa0", "bbbbbbbbbbb0")
    (found,) = said(single, Outcome.SUSPECTED_REGRESSION).values()
    assert found.method == "McNemar's exact test of 100 cases"


def test_one_run_in_which_nothing_was_right_is_no_worse_model(connection: Connection) -> None:
    right = [number % 10 < 9 for number in range(100)]
    for place in range(5):
        made.judged(connection, f"aaaaaaaaaaa{place}", right, series=A)
        broken = right if place else [False] * 100
        made.judged(connection, f"bbbbbbbbbbb{place}", broken, series=B)
    comparison = between(connection, f"series:{A}", f"series:{B}")
    assert not said(comparison, *WORSE)
    (found,) = said(comparison, Outcome.CANNOT_TELL).values()
    assert found.note == "Runs of a side differ much."


def test_a_run_on_both_sides_is_said(connection: Connection) -> None:
    series(connection, "a", 3)
    comparison = between(connection, f"series:{A}", "aaaaaaaaaaa1")
    assert "aaaaaaaaaaa1 stands on both sides." in comparison.warnings


def test_errors_are_a_regression_when_they_are_spread_over_runs(connection: Connection) -> None:
    series(connection, "a")
    series(connection, "b", failed=8)
    comparison = between(connection, f"series:{A}", f"series:{B}")
    found = said(comparison, Outcome.REGRESSION)[f"chat {CELL} error_rate"]
    assert found.relative == pytest.approx(0.2)
    assert "Fisher" in found.method


def test_no_failure_in_few_requests_is_noted_and_no_finding(connection: Connection) -> None:
    """Neither side had one, which 15 requests prove nothing by."""
    for place in range(3):
        for letter in "ab":
            cells = {CELL: made.samples(place, 5)}
            made.run(connection, letter * 11 + f"{place}", cells, at=place, series=letter * 12)
    comparison = between(connection, f"series:{A}", f"series:{B}")
    assert f"chat {CELL} error_rate" not in said(comparison, Outcome.CANNOT_TELL)
    found = said(comparison, Outcome.SHOWN)[f"chat {CELL} error_rate"]
    assert (found.primary, found.note) == (False, NO_FAILURE)
    assert view.methods(comparison.candidates[0])[0] == f"{found.name}: {NO_FAILURE}"


def test_no_failure_in_many_requests_is_unchanged(connection: Connection) -> None:
    for place in range(5):
        for letter in "ab":
            cells = {CELL: made.samples(place, 100)}
            made.run(connection, letter * 11 + f"{place}", cells, at=place, series=letter * 12)
    comparison = between(connection, f"series:{A}", f"series:{B}")
    assert f"chat {CELL} error_rate" in said(comparison, Outcome.UNCHANGED)


@pytest.mark.parametrize(
    ("cases", "outcome"), [(100, Outcome.UNCHANGED), (10, Outcome.CANNOT_TELL)]
)
def test_cases_that_both_sides_answer_alike_are_unchanged_if_there_are_many(
    connection: Connection, cases: int, outcome: Outcome
) -> None:
    """Few cases may hide a change of others; their interval says so."""
    for place in range(3):
        for letter in "ab":
            run = letter * 11 + f"{place}"
            made.judged(connection, run, [True] * cases, series=letter * 12)
    found = said(between(connection, f"series:{A}", f"series:{B}"), outcome)
    assert set(found) == {"chat concurrency=4 accuracy"}


def test_what_one_side_lacks_is_new_or_gone(connection: Connection) -> None:
    made.run(connection, A, {CELL: made.samples(1)})
    made.run(connection, B, {"concurrency=8": made.samples(2)})
    comparison = between(connection, A, B)
    assert {c.label for c in said(comparison, Outcome.NEW).values()} == {"concurrency=8"}
    assert {c.label for c in said(comparison, Outcome.GONE).values()} == {CELL}
    assert any("no metric in common" in warning for warning in comparison.warnings)


def test_withheld_figures_are_not_compared(connection: Connection) -> None:
    for run in (A, B):
        made.run(connection, run, {CELL: made.samples(1)})
    (cell,) = bench.cells(connection, B)
    bench.save_cell(connection, B, cell._replace(withheld="the client is too slow"))
    kept = [m for m in bench.metrics(connection, cell.id) if m.name == "error_rate"]
    bench.save_metrics(connection, cell.id, kept)
    comparison = between(connection, A, B)
    found = said(comparison, Outcome.NOT_COMPARED)[f"chat {CELL} ttft p50"]
    assert found.note == "Withheld on one side: the client is too slow"
    assert any("withheld" in said for said in comparison.candidates[0].differences)
    assert comparison.candidates[0].distributions == ()


@pytest.mark.parametrize(
    "broken",
    [
        "UPDATE bench_runs SET environment = '[' WHERE id = ?",
        "UPDATE bench_runs SET environment = '[]' WHERE id = ?",
        "UPDATE bench_samples SET chunk_ns = x'010203' WHERE cell_id IN (SELECT c.id FROM"
        " bench_cells c JOIN bench_runs r ON r.seq = c.run_seq WHERE r.id = ?)",
        "UPDATE bench_samples SET output_tokens = 'many' WHERE cell_id IN (SELECT c.id FROM"
        " bench_cells c JOIN bench_runs r ON r.seq = c.run_seq WHERE r.id = ?)",
        "UPDATE bench_metrics SET value = 'fast' WHERE cell_id IN (SELECT c.id FROM"
        " bench_cells c JOIN bench_runs r ON r.seq = c.run_seq WHERE r.id = ?)",
    ],
    ids=["environment", "not-an-object", "chunks", "tokens", "figure"],
)
def test_a_damaged_run_is_named_and_left_out(connection: Connection, broken: str) -> None:
    series(connection, "a", 4)
    series(connection, "b", 4)
    connection.execute(broken, ("bbbbbbbbbbb1",))
    comparison = between(connection, f"series:{A}", f"series:{B}")
    assert "bbbbbbbbbbb1" in comparison.warnings[0]
    assert "damaged" in comparison.warnings[0]
    assert len(comparison.candidates[0].side.runs) == 3
    connection.execute(broken, ("aaaaaaaaaaa0",))
    with pytest.raises(SlipError, match="aaaaaaaaaaa0 is damaged"):
        between(connection, "aaaaaaaaaaa0", f"series:{B}")


def test_a_run_that_did_not_end_is_said(connection: Connection) -> None:
    for run in (A, B):
        made.run(connection, run, {CELL: made.samples(1)})
    record = bench.run(connection, B)
    assert record is not None
    bench.save_run(connection, record._replace(state="cancelled", reason="It was cancelled."))
    assert f"Run {B} is cancelled: It was cancelled." in between(connection, A, B).warnings


def test_figures_that_are_no_numbers_are_not_compared(connection: Connection) -> None:
    """Infinite ones, zeros, one value alone, and values that are all the same."""
    for run in (A, B):
        made.run(connection, run, {CELL: made.samples(1)})
    make_infinite = (
        "UPDATE bench_metrics SET value = 9e999 WHERE name = 'tpot' AND statistic = 'p50'"
    )
    connection.execute(make_infinite)
    connection.execute("UPDATE bench_metrics SET value = 0 WHERE name = 'output_tokens'")
    comparison = between(connection, A, B)
    found = {change.name: change for change in comparison.candidates[0].changes}
    infinite = found[f"chat {CELL} tpot p50"]
    assert infinite.outcome is Outcome.NOT_COMPARED
    assert "not finite" in infinite.note
    zero = found[f"chat {CELL} output_tokens"]
    assert (zero.outcome, zero.relative) == (Outcome.CANNOT_TELL, None)
    assert "zero" in zero.note
    same = found[f"chat {CELL} ttft p50"]
    assert (same.outcome, same.relative) == (Outcome.CANNOT_TELL, 0)


def test_one_request_a_run_tells_nothing(connection: Connection) -> None:
    for run in (A, B):
        made.run(connection, run, {CELL: [made.sample(0, 50, 5)]})
    comparison = between(connection, A, B)
    tested = [change for change in comparison.candidates[0].changes if change.primary]
    assert {change.outcome for change in tested} == {Outcome.CANNOT_TELL}
    assert all(change.p is None or change.p > 0.1 for change in tested)


def test_thresholds_can_be_named(connection: Connection) -> None:
    series(connection, "a")
    series(connection, "b", ttft=57.5)
    lenient = Policy(thresholds=(("ttft", 0.3), ("ttft p95", 0.01)))
    comparison = between(connection, f"series:{A}", f"series:{B}", policy=lenient)
    assert list(said(comparison, Outcome.REGRESSION)) == [f"chat {CELL} ttft p95"]


def test_no_request_needs_to_be_kept_for_repeated_runs(connection: Connection) -> None:
    """Their figures are enough: an old run's requests may be gone."""
    series(connection, "a")
    series(connection, "b", ttft=57.5)
    connection.execute("DELETE FROM bench_samples")
    comparison = between(connection, f"series:{A}", f"series:{B}")
    assert said(comparison, Outcome.REGRESSION)
    assert comparison.base_distributions == ()


def test_what_else_differs_is_said(connection: Connection) -> None:
    told = {"server": {"name": "vllm", "version": "1", "model": {"file": "q4", "created": 1}}}
    suite = json.dumps({"benchmarks": [{"name": "chat", "iterations": 40}]})
    made.run(
        connection, A, {CELL: made.samples(1)}, environment=told | {"load_before": [0.1, 0, 0]},
        suite_json=suite,
    )  # fmt: skip
    other = {"server": {"name": "vllm", "version": "2", "model": {"file": "q8", "created": 2}}}
    longer = [made.sample(number, 50, 5, tokens=12) for number in range(40)]
    made.run(
        connection, B, {CELL: longer}, model="n", at=60 * 24 * 3,
        environment=other | {"cpu": "Other", "load_before": [9.5, 0, 0], "clients": {"openai": "3"},
                             "memory_bytes": 32 << 30, "gpu": ["G1", "G2"]},
        suite_json=suite.replace("40", "50"),
    )  # fmt: skip
    found = " ".join(between(connection, A, B).candidates[0].differences)
    for part in (
        "Another model: base m, candidate n.",
        "Another CPU: base Example 1, candidate Other.",
        "Another memory: base 16 GiB, candidate 32 GiB.",
        "Another GPU: base unknown, candidate G1, G2.",
        "Another server's version: base 1, candidate 2.",
        "Another version of openai: base unknown, candidate 3.",
        "Another file of the model: base q4, candidate q8.",
        "another text (chat)",
        "8 tokens, candidate 12",
        "9.5 on 8 cores",
        "3 days apart",
    ):
        assert part in found
    assert "created" not in found


def test_what_does_not_follow_is_tested_and_what_follows_is_shown(connection: Connection) -> None:
    series(connection, "a", 3)
    series(connection, "b", 3, failed=1)
    comparison = between(connection, f"series:{A}", f"series:{B}")
    changes = comparison.candidates[0].changes
    tested = {(c.metric, c.statistic) for c in changes if c.primary}
    assert tested == {
        ("ttft", "p50"), ("ttft", "p95"), ("tpot", "p50"), ("tpot", "p95"),
        ("output_tokens", "value"), ("error_rate", "value"),
    }  # fmt: skip
    shown = {(c.metric, c.statistic) for c in changes if c.outcome is Outcome.SHOWN}
    assert ("e2e", "p50") in shown
    assert all(change.primary for change in changes[: len(tested)])
    (e2e,) = [c for c in changes if c.name == f"chat {CELL} e2e p50"]
    assert e2e.p is None
    assert e2e.low is not None
    assert set(pairs.TESTED).isdisjoint(pairs.SHOWN)
