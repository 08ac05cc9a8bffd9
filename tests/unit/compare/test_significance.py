"""Tests, intervals and corrections, held against scipy and against what is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from slipstream.tasks.benchmarking.compare import significance
from slipstream.tasks.benchmarking.compare.noise import NO_PRIOR, Spread, prior, samples, spread
from slipstream.tasks.benchmarking.compare.pairs import Figure
from slipstream.tasks.benchmarking.compare.read import Answers
from slipstream.tasks.benchmarking.model import Metric

BASE = (50.0, 51.0, 49.5, 50.2, 50.9)
SLOWER = (55.0, 56.2, 54.1, 55.8, 57.0)


def figures(values: Sequence[float], first: int = 0, step: int = 1) -> list[Figure]:
    made = [Metric("ttft", "p50", "ms", "lower", v, v * 0.98, v * 1.02, 100) for v in values]
    return [Figure(first + step * place, metric) for place, metric in enumerate(made)]


def moderated(base: list[Figure], candidate: list[Figure]) -> significance.Result:
    found = significance.contrast(base, candidate, spread(base))
    result = significance.of_runs(found, 0.0, Spread(), NO_PRIOR)
    assert result is not None
    return result


def test_without_what_others_say_it_is_students_t_of_the_logarithms() -> None:
    result = moderated(figures(BASE), figures(SLOWER, 10))
    other = stats.ttest_ind(np.log(SLOWER), np.log(BASE))
    interval = other.confidence_interval()
    assert result.p == pytest.approx(other.pvalue / 2)
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high))
    assert result.estimate == pytest.approx(np.log(SLOWER).mean() - np.log(BASE).mean())
    assert result.repeated


def test_a_drift_over_runs_that_take_turns_is_no_change() -> None:
    """It is in the change of runs that come one side after the other, and in their noise."""
    drifting = [50 * math.exp(0.02 * place) for place in range(10)]
    turns = moderated(figures(drifting[::2], 0, 2), figures(drifting[1::2], 1, 2))
    assert turns.estimate == pytest.approx(0, abs=1e-9)
    assert "drift" in turns.method
    blocks = moderated(figures(drifting[:5]), figures(drifting[5:], 5))
    assert blocks.estimate == pytest.approx(0.1)


def test_noise_is_shrunk_towards_what_metrics_share() -> None:
    """As much as they agree; and what they say of it is told from what their samples add."""
    chance = np.random.default_rng(3)
    alike = [(Spread(float(chance.chisquare(8)) * 9e-4, 8), 0.0) for _ in range(30)]
    shared = prior(alike)
    assert shared.run * shared.ratio == pytest.approx(9e-4, rel=0.3)
    assert shared.freedom > 30
    quiet, freedom = shared.variance(Spread(8 * 1e-5, 8), 0.0)
    assert 5e-4 < quiet < 9e-4
    assert freedom == 8 + shared.freedom
    apart = prior([(Spread(8 * 10.0**-power, 8), 0.0) for power in range(2, 7) for _ in range(6)])
    assert apart.freedom < 2
    assert prior(alike[:1]) == NO_PRIOR
    noisy = [(Spread(s.squares + 8 * 4e-4, 8), 4e-4) for s, _ in alike]
    assert prior(noisy).run == pytest.approx(shared.run, rel=0.01)


def test_no_metric_is_taken_to_be_quieter_than_clocks_are() -> None:
    result = moderated(figures([50.0] * 5), figures([50.001] * 5, 10))
    assert result.p is not None
    assert result.p > 0.1


def test_one_run_is_held_against_the_noise_of_several() -> None:
    result = moderated(figures(BASE), figures([60.0], 10))
    assert result.freedom == 4
    assert result.p is not None
    assert result.p < 0.001
    single = significance.contrast(figures([50.0]), figures([60.0], 1), Spread())
    assert significance.of_runs(single, 0.0, Spread(), NO_PRIOR) is None
    known = significance.of_runs(single, 0.0, spread(figures(BASE)), NO_PRIOR)
    assert known is not None
    assert known.floor == pytest.approx(2.776 * np.log(BASE).std(ddof=1) * math.sqrt(2), rel=0.01)


def test_samples_of_single_runs_are_ranked() -> None:
    chance = np.random.default_rng(1)
    base = np.exp(chance.normal(4, 0.1, 80))
    candidate = base * np.exp(chance.normal(0.05, 0.02, 80))
    one = figures([float(np.median(base))])[0], figures([float(np.median(candidate))])[0]
    apart = significance.of_samples(base, candidate, one, paired=False)
    paired = significance.of_samples(base, candidate, one, paired=True)
    assert apart is not None
    assert paired is not None
    assert apart.p == pytest.approx(stats.mannwhitneyu(base, candidate).pvalue / 2)
    assert paired.p is not None
    assert paired.p < 1e-12 < (apart.p or 0)
    assert not apart.repeated
    assert significance.of_samples(base[:1], candidate, one, paired=False) is None
    same = significance.of_samples(base, base, one, paired=True)
    assert same is not None
    assert same.p == 0.5


def test_figures_with_intervals_alone_are_compared_by_them() -> None:
    result = significance.of_intervals(*figures([50.0]), *figures([60.0]))
    assert result is not None
    assert result.estimate == pytest.approx(math.log(1.2))
    assert result.error == pytest.approx(math.hypot(0.02, 0.02) / 1.96, rel=0.01)
    bare = figures([50.0])[0]
    assert (
        significance.of_intervals(bare, bare._replace(metric=bare.metric._replace(low=None)))
        is None
    )


def test_what_samples_add_is_read_from_intervals() -> None:
    assert samples(figures([50.0, 60.0])) == pytest.approx((0.02 / 1.96) ** 2, rel=0.01)
    rate = figures([50.0])[0].metric._replace(statistic="value")
    assert samples([Figure(0, rate)]) == 0


def test_counts_are_compared_exactly_and_less_where_errors_come_together() -> None:
    spread_out = [(0.02, 100)] * 5, [(0.10, 100)] * 5
    result = significance.of_counts(*spread_out)
    assert result.p == pytest.approx(
        stats.fisher_exact([[10, 490], [50, 450]], alternative="less").pvalue
    )
    together = significance.of_counts(
        [(0.0, 100)] * 4 + [(0.1, 100)], [(0.0, 100)] * 4 + [(0.5, 100)]
    )
    assert together.p is not None
    assert together.p > 0.05
    assert "divided" in together.method
    none = significance.of_counts([(0.0, 50)], [(0.0, 50)])
    assert none.p is None
    assert none.low is not None
    assert none.low < 0 < (none.high or 0)


def answered(right: Sequence[int], of: int = 1) -> dict[str, Answers]:
    return {f"case-{place}": Answers(count, of) for place, count in enumerate(right)}


@pytest.mark.parametrize("worse", [3, 10, 40])
def test_one_answer_a_case_is_mcnemars_exact_test(worse: int) -> None:
    base, candidate = [1] * 100, [0] * worse + [1] * (100 - worse)
    base[-4:], candidate[-4:] = [0] * 4, [1] * 4  # as many are better
    result = significance.of_cases(answered(base), answered(candidate), repeated=False)
    assert result is not None
    assert "McNemar" in result.method
    # worse == 3: the sum is on the other side
    tail = stats.binom.sf(max(worse, 4) - 1, worse + 4, 0.5)
    assert result.p == pytest.approx(tail)
    assert result.estimate == pytest.approx((4 - worse) / 100)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8))
def test_signs_are_thrown_in_every_way(counts: list[tuple[int, int]]) -> None:
    base = answered([before for before, _ in counts], 3)
    candidate = answered([after for _, after in counts], 3)
    result = significance.of_cases(base, candidate, repeated=True)
    assert result is not None
    changes = np.array([after - before for before, after in counts])
    signs = np.array(np.meshgrid(*[[-1, 1]] * len(changes))).reshape(len(changes), -1)
    reached = np.abs(changes) @ signs >= abs(changes.sum())
    assert (result.p is None) == (not changes.any())
    if result.p is not None:
        assert result.p == pytest.approx(reached.mean())


def test_very_many_cases_are_compared_by_the_normal_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base, candidate = answered([1] * 300), answered([0] * 40 + [1] * 260)
    base["case-299"] = Answers(0, 1)
    exact = significance.of_cases(base, candidate, repeated=False)
    monkeypatch.setattr(significance, "LARGEST_WALK", 1)
    limit = significance.of_cases(base, candidate, repeated=False)
    assert exact is not None
    assert limit is not None
    assert math.log(limit.p or 1) == pytest.approx(math.log(exact.p or 1), rel=0.2)


def test_other_cases_cannot_be_compared() -> None:
    assert significance.of_cases(answered([1]), {"other": Answers(1, 1)}, repeated=False) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holms_correction_never_makes_a_chance_smaller_nor_changes_their_order(
    chances: list[float],
) -> None:
    corrected = significance.holm(chances, [1.0] * len(chances))
    assert all(after >= before for before, after in zip(chances, corrected, strict=True))
    assert min(corrected) == pytest.approx(min(1.0, min(chances) * len(chances)))
    order = sorted(range(len(chances)), key=chances.__getitem__)
    assert [corrected[place] for place in order] == sorted(corrected)


def test_a_test_with_a_small_weight_leaves_the_others_more() -> None:
    assert significance.holm([0.01, 0.02, 0.04], [1, 1, 1]) == pytest.approx([0.03, 0.04, 0.04])
    assert significance.holm([0.01, 0.01], [1, 0.25]) == pytest.approx([0.0125, 0.0125])
    assert significance.holm([0.01, 0.01], [1, 0.5]) == pytest.approx([0.015, 0.015])


def test_what_could_have_been_found_is_found_in_four_of_five() -> None:
    chance = np.random.default_rng(2)
    least = significance.detectable(0.02, math.inf, 0.001, 0.05)
    seen = chance.normal(least, 0.02, 4000)
    found = (stats.norm.sf(seen / 0.02) < 0.001) & (seen > 0.05)
    assert found.mean() == pytest.approx(0.8, abs=0.03)
