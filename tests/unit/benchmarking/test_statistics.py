"""Every figure is held against numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from slipstream.tasks.benchmarking import statistics
from slipstream.tasks.benchmarking.statistics import PERCENTILES, summarise

VALUES = np.random.default_rng(7).lognormal(3, 1, 57)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 30, 99, 200, 201, 1000, 100_000])
@pytest.mark.parametrize("share", [0.5, 0.75, 0.95, 0.975, 0.995])
def test_quantiles_of_t_are_those_of_scipy(freedom: int, share: float) -> None:
    expected = scipy.stats.t.ppf(share, freedom)
    assert statistics.t_quantile(share, freedom) == pytest.approx(expected, rel=1e-8, abs=1e-9)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50))
def test_a_summary_agrees_with_numpy_and_scipy(values: list[float]) -> None:
    found = summarise(values)
    scale = max(1.0, *(abs(v) for v in values)) * 1e-9
    assert found.size == len(values)
    assert found.mean.value == pytest.approx(np.mean(values), abs=scale)
    assert found.deviation == pytest.approx(np.std(values, ddof=1), abs=scale)
    assert (found.minimum, found.maximum) == (min(values), max(values))
    for q in PERCENTILES:
        assert found.percentiles[q].value == pytest.approx(np.percentile(values, q), abs=scale)
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    if error > scale:
        low, high = scipy.stats.t.interval(0.95, len(values) - 1, np.mean(values), error)
        assert found.mean.low == pytest.approx(low, rel=1e-6, abs=scale)
        assert found.mean.high == pytest.approx(high, rel=1e-6, abs=scale)


@pytest.mark.parametrize("q", PERCENTILES)
@pytest.mark.parametrize("size", [2, 10, 57])
def test_intervals_of_percentiles_are_those_of_a_plain_bootstrap(q: float, size: int) -> None:
    """Beta numbers instead of drawing again give the same distribution."""
    values = np.sort(VALUES[:size])
    ours = statistics.percentile(values, q, resamples=100_000)
    chance = np.random.default_rng(1)
    plain = np.percentile(values[chance.integers(0, size, (100_000, size))], q, axis=1)
    for share in (2.5, 97.5):
        end = ours.low if share < 50 else ours.high
        # as the plain one by its own chance: between its neighbouring percentiles
        low, high = np.percentile(plain, [share - 0.5, share + 0.5])
        assert end is not None
        assert low - 1e-9 <= end <= high + 1e-9


def test_scipys_bootstrap_agrees() -> None:
    found = summarise(VALUES).percentiles[50]
    theirs = scipy.stats.bootstrap(
        (VALUES,), np.median, method="percentile", n_resamples=5000, rng=3
    ).confidence_interval
    assert found.low == pytest.approx(theirs.low, rel=0.05)
    assert found.high == pytest.approx(theirs.high, rel=0.05)


def test_the_same_seed_gives_the_same_intervals() -> None:
    assert summarise(VALUES, seed=5) == summarise(VALUES, seed=5)
    assert summarise(VALUES, seed=5) != summarise(VALUES, seed=6)


def test_values_that_belong_together_widen_the_interval() -> None:
    """Gaps of one slow request are no evidence on other requests."""
    chance = np.random.default_rng(2)
    groups = np.repeat(np.arange(30), 40)
    values = np.repeat(chance.normal(10, 2, 30), 40) + chance.normal(0, 0.1, 1200)
    alone, together = summarise(values), summarise(values, groups)
    assert alone.mean.value == pytest.approx(together.mean.value)
    for a, b in [
        (alone.mean, together.mean),
        (alone.percentiles[50], together.percentiles[50]),
    ]:
        assert None not in (a.low, a.high, b.low, b.high)
        assert (b.high or 0) - (b.low or 0) > 2 * ((a.high or 0) - (a.low or 0))


def test_drawing_groups_agrees_with_drawing_them_one_by_one() -> None:
    chance = np.random.default_rng(4)
    groups = np.repeat(np.arange(12), 5)
    values = chance.normal(size=60)
    found = summarise(values, groups, seed=1)
    by_group = [values[groups == g] for g in range(12)]
    drawn = []
    for _ in range(4000):
        picked = np.concatenate([by_group[g] for g in chance.integers(0, 12, 12)])
        drawn.append((picked.mean(), *np.percentile(picked, PERCENTILES)))
    ends = np.percentile(drawn, [2.5, 97.5], axis=0)
    ours = [found.mean, *found.percentiles.values()]
    for place, interval in enumerate(ours):
        assert interval.low == pytest.approx(ends[0][place], abs=0.12)
        assert interval.high == pytest.approx(ends[1][place], abs=0.12)


def test_a_single_value_has_no_interval() -> None:
    found = summarise([4.0])
    assert found.mean == statistics.Interval(4.0)
    assert found.percentiles[99] == statistics.Interval(4.0)
    assert (found.deviation, found.variation) == (0.0, 0.0)
    assert summarise([4.0, 5.0], [0, 0]).mean.low is None


def test_there_is_no_summary_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        summarise([])
    with pytest.raises(ValueError, match="nothing"):
        statistics.wilson(0, 0)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_shares_have_the_interval_of_wilson(case: tuple[int, int]) -> None:
    hits, size = case
    found = statistics.wilson(hits, size)
    theirs = scipy.stats.binomtest(hits, size).proportion_ci(method="wilson")
    assert found.value == hits / size
    assert found.low == pytest.approx(theirs.low, abs=1e-12)
    assert found.high == pytest.approx(theirs.high, abs=1e-12)


def test_outliers_are_flagged_by_sigma_and_by_mad() -> None:
    values = [10.0, 10.1, 9.9, 10.05, 9.95, 10.02, 9.98, 10.0, 10.1, 9.9, 11.5, 10.0, 30.0]
    sigma, mad = statistics.outliers(values)
    assert sigma == [12]
    assert mad == [10, 12]


def test_outliers_among_equal_values_are_seen() -> None:
    assert statistics.outliers([5.0] * 20 + [6.0])[1] == [20]
    assert statistics.outliers([5.0] * 20) == ([], [])
    assert statistics.outliers([1.0, 9.0]) == ([], [])


def test_a_histogram_holds_every_value() -> None:
    counts, edges = statistics.histogram(VALUES, bins=8)
    assert sum(counts) == VALUES.size
    assert (len(counts), len(edges)) == (8, 9)
