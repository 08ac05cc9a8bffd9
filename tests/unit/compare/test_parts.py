"""Reading, distributions, severities, histories, and comparisons that are kept."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slipstream.storage import bench, bench_comparisons
from slipstream.storage.bench_comparisons import ComparisonRecord
from slipstream.storage.connection import Connection
from slipstream.storage.errors import NotFoundError
from slipstream.tasks.benchmarking import metrics
from slipstream.tasks.benchmarking.compare import read, trend, verdict
from slipstream.tasks.benchmarking.compare.distribution import BINS, distributions
from slipstream.tasks.benchmarking.compare.model import Severity
from tests.unit.compare import made

RUN = "a" * 12
CELL = "concurrency=1"


def test_times_read_at_once_are_those_of_the_samples(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In several pieces, with requests that failed, without chunks, and with told tokens."""
    monkeypatch.setattr(read, "PIECE", 7)
    found = made.samples(3, count=20, failed=2)
    told = found[5].chunk_tokens
    told.extend([2, *[1] * 7])
    found[5] = found[5]._replace(output_tokens=9)
    found[6] = found[6]._replace(output_tokens=None)
    del found[7].chunk_ns[:]
    made.run(connection, RUN, {CELL: found})
    times = read.run(connection, RUN, requests=True).cells["chat", CELL].times
    assert times is not None
    assert times.number.tolist() == list(range(2, 20))
    for name in read.TIMES:
        values = metrics.values(found, name)
        got = getattr(times, name)
        place = [number in set(values.owner.tolist()) for number in times.number]
        assert got[place] == pytest.approx(values.values)
        assert np.isnan(got[~np.array(place)]).all()


def test_a_cell_without_requests_has_no_times(connection: Connection) -> None:
    made.run(connection, RUN, {CELL: []})
    (cell,) = bench.cells(connection, RUN)
    assert [column.size for column in read.times(connection, cell.id)] == [0] * 4
    with pytest.raises(read.Damaged, match="no longer there"):
        read.run(connection, "b" * 12)


def test_answers_are_counted_by_case_and_failed_requests_are_none(connection: Connection) -> None:
    made.judged(connection, RUN, [True, False, True, True])
    (cell,) = bench.cells(connection, RUN)
    connection.execute("UPDATE bench_answers SET layer = 'failed' WHERE number = 2")
    connection.execute("UPDATE bench_answers SET layer = 'pending' WHERE number = 3")
    assert read.answers(connection, [cell.id]) == {
        "case-0": read.Answers(1, 1),
        "case-1": read.Answers(0, 1),
    }
    assert read.answers(connection, []) == {}


def test_all_sides_have_the_same_bins_and_no_value_is_lost() -> None:
    chance = np.random.default_rng(1)
    key = ("chat", CELL, "ttft")
    sides = [{key: np.append(chance.normal(50, 5, 300), [np.nan, 500.0])}, {key: np.full(9, 60.0)}]
    (first,), (second,), nothing = distributions([*sides, {key: np.array([np.nan])}])
    assert first.edges == second.edges
    assert len(first.edges) == BINS + 1
    assert (sum(first.counts), sum(second.counts)) == (301, 9)
    assert (first.quantiles[0], first.quantiles[100]) == (np.nanmin(sides[0][key]), 500.0)
    assert nothing == ()
    ((alone,),) = distributions([{key: np.zeros(3)}])
    assert sum(alone.counts) == 3
    assert alone.edges[0] < alone.edges[-1]


@pytest.mark.parametrize(
    ("change", "severity"),
    [(0.06, "minor"), (-0.1, "moderate"), (0.2, "moderate"), (0.25, "major"), (-0.5, "major"),
     (0.51, "critical"), (3.0, "critical")],
)  # fmt: skip
def test_severity_goes_by_the_size_of_a_change(change: float, severity: str) -> None:
    assert verdict.severity(change) is Severity(severity)


def noisy(count: int, seed: int = 1) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    chance = np.random.default_rng(seed)
    values = 50 * np.exp(chance.normal(0, 0.02, count))
    values[chance.random(count) < 0.05] *= 1.3
    return values


def test_a_step_is_found_where_it_is_and_a_single_bad_run_is_none() -> None:
    values = noisy(40)
    assert trend.change_points(values.tolist()) == []
    values[22:] *= 1.12
    (found,) = trend.change_points(values.tolist())
    assert abs(found.place - 22) <= 2
    assert found.relative == pytest.approx(0.12, abs=0.03)
    assert found.p < 0.001


def test_values_that_are_all_the_same_do_not_change() -> None:
    assert trend.change_points([5.0] * 12) == []
    assert trend.drift([5.0] * 12) is None
    assert trend.drift([0.0] * 12) is None
    (step,) = trend.change_points([0.0] * 8 + [5.0] * 8)
    assert step.place == 8


def test_a_steady_drift_has_a_slope() -> None:
    values = noisy(30) * np.linspace(1, 1.08, 30)
    assert trend.drift(values.tolist()) == pytest.approx(0.08 / 3, abs=0.015)
    assert trend.drift(noisy(30).tolist()) is None


def history(connection: Connection, count: int, **more: object) -> None:
    for place, value in enumerate(noisy(count)):
        at = place + 1000 * len(bench.runs(connection))
        one = [made.sample(number, float(value) + number / 10, 5) for number in range(3)]
        run = f"{at:012x}"
        made.run(connection, run, {CELL: one, "concurrency=8": one}, at=at, **more)  # type: ignore[arg-type]


def test_the_history_of_a_metric_is_that_of_one_suite_and_model(connection: Connection) -> None:
    history(connection, 3, suite="other")
    history(connection, 12, environment={"commit": "abc", "server": {"version": "1"}})
    found = trend.trend(connection, "ttft")
    assert (found.suite, found.model, found.benchmark, found.label) == ("smoke", "m", "chat", CELL)
    assert (found.statistic, found.unit, found.direction) == ("p50", "ms", "lower")
    assert len(found.points) == 12
    assert [p.at_ns for p in found.points] == sorted(p.at_ns for p in found.points)
    assert found.points[0].commit == "abc"
    assert found.points[0].environment.endswith(" 1")
    assert (found.changes, found.drift, found.note) == ((), None, "")
    few = trend.trend(connection, "ttft", suite="other", statistic="p95", label="concurrency=8")
    assert few.label == "concurrency=8"
    assert "10 runs are needed" in few.note
    assert len(trend.trend(connection, "error_rate", limit=5).points) == 5
    with pytest.raises(NotFoundError, match="metric nothing"):
        trend.trend(connection, "nothing")


def test_a_step_in_a_history_is_told_and_broken_runs_are_not_in_it(connection: Connection) -> None:
    history(connection, 16)
    slower = "(SELECT max(seq) - 8 FROM bench_runs)"
    connection.execute(
        "UPDATE bench_metrics SET value = value * 1.2 WHERE cell_id IN"
        f" (SELECT id FROM bench_cells WHERE run_seq > {slower})"
    )
    connection.execute("UPDATE bench_runs SET environment = '[' WHERE seq = 1")
    connection.execute('UPDATE bench_runs SET environment = \'{"cpu": "new"}\' WHERE seq > 8')
    found = trend.trend(connection, "ttft")
    (step,) = found.changes
    assert step.relative == pytest.approx(0.2, abs=0.06)
    assert found.drift is None
    assert "1 runs are damaged" in found.note
    assert "different machines" in found.note


def test_a_comparison_is_kept_and_found_again(connection: Connection) -> None:
    first = ComparisonRecord("c" * 12, "baseline", ("latest", "\ud800"), "smoke", "major", 5, "{}")
    second = first._replace(id="d" * 12, suite="other", created_ns=9, worst="")
    for made_ in (first, second, second):
        bench_comparisons.save(connection, made_)
    kept = first._replace(candidates=("latest", "?"))
    got = bench_comparisons.get(connection, "c" * 12)
    assert got is not None
    assert got._replace(candidates=kept.candidates) == kept
    assert len(got.candidates) == 2
    assert [c.id for c in bench_comparisons.newest(connection)] == ["d" * 12, "c" * 12]
    assert [c.id for c in bench_comparisons.newest(connection, suite="other")] == ["d" * 12]
    assert bench_comparisons.get(connection, "e" * 12) is None
    assert bench_comparisons.prune(connection, 6) == 1
    assert math.isclose(len(bench_comparisons.newest(connection)), 1)
