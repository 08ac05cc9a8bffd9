"""Tests and intervals. Each gives a `Result`; p is one-sided in the direction that was seen.

Logarithms are compared, so that differences are relative: 10 % more is the same at 5 ms and at 5 s.
Shares (error rate, accuracy) are compared as they are, in points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from slipstream.tasks.benchmarking.compare.noise import LEAST, NORMAL_95, Prior, Spread
from slipstream.tasks.benchmarking.compare.pairs import Figure
from slipstream.tasks.benchmarking.compare.read import Answers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

POWER = 0.8
INTERLEAVED = 1.25
"""Variance inflation up to which a change and a drift over the order of runs are told apart."""
FEWEST_FOR_TREND = 8  # runs of both sides: a trend costs a degree of freedom
LARGEST_WALK = 50_000_000  # steps of the exact sign-flip test; beyond, its normal limit


class Result(NamedTuple):
    """What a test says.

    Attributes:
        estimate: Of the change: ln(candidate / base), or points of a share.
        error: Its standard error; 0: not known.
        freedom: Degrees of freedom of the error; infinity: the normal distribution's.
        p: One-sided; None: nothing was tested.
        low: Lower end of the 95 % interval of the estimate.
        high: Upper end.
        method: In words.
        floor: What noise alone does to the estimate in 95 of 100 comparisons; None: not known.
        repeated: It rests on the noise between runs, and so do interval and error.
    """

    estimate: float
    error: float
    freedom: float
    p: float | None
    low: float | None
    high: float | None
    method: str
    floor: float | None = None
    repeated: bool = False


class Contrast(NamedTuple):
    """What runs say of a metric, before its noise is held against that of others.

    Attributes:
        estimate: ln(candidate / base).
        factor: The estimate's variance as a multiple of a run's.
        spread: Of both sides' runs.
        base: Of the base's alone.
        sizes: Runs of each side.
        interleaved: A drift was taken out.
    """

    estimate: float
    factor: float
    spread: Spread
    base: Spread
    sizes: tuple[int, int]
    interleaved: bool


def contrast(base: Sequence[Figure], candidate: Sequence[Figure], base_spread: Spread) -> Contrast:
    """Hold the figures of runs against each other; all are above zero, and in order of time.

    Where the runs of both sides alternate, a straight drift over them is estimated with the
    change, so that it is in neither the change nor the noise.
    """
    import numpy as np

    order = sorted(
        [(figure.at_ns, 0.0, figure.metric.value) for figure in base]
        + [(figure.at_ns, 1.0, figure.metric.value) for figure in candidate]
    )
    solve, design, factor, interleaved = _design(tuple(side for _, side, _ in order))
    logs = np.log([value for _, _, value in order])
    fitted = solve @ logs
    left = logs - design @ fitted
    runs = Spread(float(left @ left), len(order) - design.shape[1])
    sizes = len(base), len(candidate)
    return Contrast(float(fitted[1]), factor, runs, base_spread, sizes, interleaved)


@lru_cache(64)
def _design(sides: tuple[float, ...]) -> tuple[Floats, Floats, float, bool]:
    """What estimates the change, its model, its variance factor, whether a drift is in it."""
    import numpy as np

    side = np.array(sides)
    order = np.arange(side.size) - (side.size - 1) / 2
    columns = [np.ones(side.size), side]
    inflation = 1 / max(1e-9, 1 - np.corrcoef(side, order)[0, 1] ** 2)
    interleaved = side.size >= FEWEST_FOR_TREND and bool(inflation <= INTERLEAVED)
    if interleaved:
        columns.append(order)
    design = np.column_stack(columns)
    inverse = np.linalg.inv(design.T @ design)
    return inverse @ design.T, design, float(inverse[1, 1]), interleaved


def of_runs(found: Contrast, added: float, known: Spread, prior: Prior) -> Result | None:
    """The moderated t test of figures of repeated runs.

    Args:
        found: What the runs say.
        added: What samples add to the variance of a run's figure.
        known: What other runs of the baseline say of the noise.
        prior: What all metrics of the comparison say of it.

    Returns:
        None: there is no degree of freedom.
    """
    both = found.spread.plus(known)
    if not both.freedom:
        return None
    variance, freedom = prior.variance(both, added)
    error = math.sqrt(variance * found.factor)
    floor = None
    if found.base.plus(known).freedom:
        own, own_freedom = prior.variance(found.base.plus(known), added)
        floor = t_quantile(0.975, own_freedom) * math.sqrt(own * found.factor)
    half = t_quantile(0.975, freedom) * error
    words = f"moderated t of {found.sizes[0]} and {found.sizes[1]} runs' figures"
    return Result(
        found.estimate, error, freedom, t_tail(found.estimate / error, freedom),
        found.estimate - half, found.estimate + half,
        words + ", drift taken out" * found.interleaved, floor, True,
    )  # fmt: skip


def of_samples(
    base: Floats, candidate: Floats, figures: tuple[Figure, Figure], paired: bool
) -> Result | None:
    """A rank test of the requests of single runs, and the interval of their medians.

    Args:
        base: Their values; of paired ones in the same order.
        candidate: The same.
        figures: The medians with their intervals.
        paired: Both had the same prompts: Wilcoxon's signed ranks of the logarithms, else Mann
            and Whitney's.

    Returns:
        None: there are too few.
    """
    import numpy as np
    from scipy import stats

    plain = of_intervals(*figures)
    if min(base.size, candidate.size) < 2 or plain is None:
        return None
    if paired:
        changes = np.log(candidate) - np.log(base)
        changes = changes[changes != 0]
        p = float(stats.wilcoxon(changes).pvalue) / 2 if changes.size else 0.5
        method = f"Wilcoxon's signed ranks of {base.size} prompts"
    else:
        p = float(stats.mannwhitneyu(base, candidate).pvalue) / 2
        method = f"Mann-Whitney of {base.size} and {candidate.size} requests"
    return plain._replace(p=p, method=method)


def of_intervals(base: Figure, candidate: Figure) -> Result | None:
    """The change of figures that have an interval each, as if that were a normal one's.

    Returns:
        None: one has none, or is not above zero.
    """
    errors = []
    for _, metric in (base, candidate):
        if metric.low is None or metric.high is None or metric.value <= 0:
            return None
        errors.append((metric.high - metric.low) / (2 * NORMAL_95 * metric.value))
    estimate = math.log(candidate.metric.value / base.metric.value)
    error = max(math.hypot(*errors), LEAST)
    half = NORMAL_95 * error
    return Result(
        estimate, error, math.inf, t_tail(estimate / error, math.inf),
        estimate - half, estimate + half, "intervals of two figures",
    )  # fmt: skip


def of_counts(
    base: Sequence[tuple[float, int]], candidate: Sequence[tuple[float, int]], test: bool = True
) -> Result:
    """Fisher's exact test of shares, of what runs counted.

    Where the runs of a side differ by more than chance (errors come together), counts are divided
    by how much more: Rao and Scott's design effect (Biometrics 48, 1992).

    Args:
        base: The share and what it is a share of, of each run; that is never zero.
        candidate: The same.
        test: Whether a chance is wanted.
    """
    from slipstream.tasks.benchmarking import statistics

    effect = max(1.0, design_effect([base, candidate]))
    before, after = _share(base), _share(candidate)
    of, of_then = (max(1, round(_count(side) / effect)) for side in (base, candidate))
    yes, yes_then = round(before * of), round(after * of_then)
    p = None
    if test and yes + yes_then not in (0, of + of_then):
        from scipy.stats import fisher_exact

        counts = [[yes, of - yes], [yes_then, of_then - yes_then]]
        way = "less" if after > before else "greater"
        p = float(fisher_exact(counts, alternative=way).pvalue)
    low, high = statistics.wilson(yes, of)[1:]
    low_then, high_then = statistics.wilson(yes_then, of_then)[1:]
    assert low is not None
    assert high is not None
    assert low_then is not None
    assert high_then is not None
    # the interval of a difference from those of both shares: Newcombe 1998, method 10
    least = after - before - math.hypot(yes_then / of_then - low_then, high - yes / of)
    most = after - before + math.hypot(high_then - yes_then / of_then, yes / of - low)
    words = "Fisher's exact test" + f", counts divided by {effect:.1f}" * (effect > 1)
    return Result(
        after - before, (most - least) / (2 * NORMAL_95), math.inf, p, least, most,
        words if p is not None else "", None, min(len(base), len(candidate)) > 1,
    )  # fmt: skip


def _count(side: Sequence[tuple[float, int]]) -> int:
    return sum(count for _, count in side)


def _share(side: Sequence[tuple[float, int]]) -> float:
    return math.fsum(share * count for share, count in side) / _count(side)


def design_effect(sides: Sequence[Sequence[tuple[float, int]]]) -> float:
    """How much more the shares of runs vary than chance has it."""
    squares, freedom = 0.0, 0
    for side in sides:
        share = _share(side)
        if 0 < share < 1 and len(side) > 1:
            chance = share * (1 - share)
            squares += math.fsum(count * (own - share) ** 2 / chance for own, count in side)
            freedom += len(side) - 1
    return squares / freedom if freedom else 1.0


def of_cases(
    base: dict[str, Answers], candidate: dict[str, Answers], repeated: bool
) -> Result | None:
    """The exact sign-flip test of cases that both sides answered.

    Under no change it is as likely that a case was answered better by one side as by the other.
    With one answer a side that is McNemar's exact test; with several, the shares that were right
    count.

    Args:
        base: How each case was answered.
        candidate: The same.
        repeated: Each side had several runs.

    Returns:
        None: there is no case in common.
    """
    import numpy as np

    cases = [case for case in base if case in candidate]
    if not cases:
        return None
    shares = np.array(
        [
            [base[case].right / base[case].of, candidate[case].right / candidate[case].of]
            for case in cases
        ]
    )
    changes = shares[:, 1] - shares[:, 0]
    estimate = float(changes.mean())
    error = float(changes.std(ddof=1)) / math.sqrt(len(cases)) if len(cases) > 1 else 0.0
    p = _sign_flips(changes) if changes.any() else None
    once = all(side[case].of == 1 for side in (base, candidate) for case in cases)
    name = "McNemar's exact test" if once else "exact sign-flip test"
    half = NORMAL_95 * error
    low, high = (estimate - half, estimate + half) if error else (None, None)
    if not changes.any():  # the deviation says nothing; what as many cases can hide does
        share = (float(shares[:, 0].mean()), len(cases))
        _, error, _, _, low, high, *_ = of_counts([share], [share], test=False)
    method = f"{name} of {len(cases)} cases"
    return Result(estimate, error, math.inf, p, low, high, method, None, repeated)


def _sign_flips(changes: Floats) -> float:
    """The chance that the sum is as far from zero, on its side, when each sign is thrown."""
    import numpy as np

    steps = np.rint(np.abs(changes) * 720).astype(int)  # a multiple of most numbers of repeats
    steps = steps[steps > 0]
    steps //= np.gcd.reduce(steps)
    reach = int(steps.sum())
    signs = np.sign(changes[changes != 0])
    seen = abs(int(signs @ steps))
    if reach * steps.size > LARGEST_WALK:
        return t_tail(seen / math.sqrt(float(steps @ steps)), math.inf)
    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1.0
    for step in steps:
        moved = np.zeros_like(chance)
        moved[step:] += chance[:-step] / 2
        moved[:-step] += chance[step:] / 2
        chance = moved
    return min(1.0, float(chance[reach + seen :].sum()))


def holm(chances: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Chances after Holm's correction (Scandinavian Journal of Statistics 6, 1979).

    Args:
        chances: Of each test.
        weights: How much of the whole chance of an error each may have, all above zero (section 4
            there); with equal ones it is his plain correction.
    """
    scaled = [chance / weight for chance, weight in zip(chances, weights, strict=True)]
    found = [0.0] * len(scaled)
    highest = 0.0
    order = sorted(range(len(scaled)), key=scaled.__getitem__)
    for rank, place in enumerate(order):
        left = math.fsum(weights[other] for other in order[rank:])
        highest = max(highest, min(1.0, scaled[place] * left))
        found[place] = highest
    return found


def detectable(error: float, freedom: float, level: float, threshold: float) -> float:
    """The smallest estimate that is found with 80 % power, in the estimate's unit.

    Args:
        error: Its standard error.
        freedom: Degrees of freedom of that.
        level: What p has to be below.
        threshold: What the estimate has to be beyond.
    """
    least = max(t_quantile(1 - level, freedom) * error, threshold)
    return least + t_quantile(POWER, freedom) * error


def t_quantile(share: float, freedom: float) -> float:
    """Of Student's t; of the normal distribution for infinitely many degrees of freedom."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(share) if math.isinf(freedom) else stdtrit(freedom, share))


def t_tail(t: float, freedom: float) -> float:
    """The chance of a t as far from zero as this one, on its side."""
    from scipy.special import ndtr, stdtr

    return float(ndtr(-abs(t)) if math.isinf(freedom) else stdtr(freedom, -abs(t)))
