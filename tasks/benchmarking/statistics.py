"""Statistics of a list of measurements, with their 95 % intervals.

Everything is computed from the raw values with numpy; a test holds each figure against numpy and
scipy. Percentiles interpolate linearly between order statistics (Hyndman and Fan 1996, type 7:
numpy's default).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 2000
PERCENTILES = (50.0, 90.0, 95.0, 99.0)
SIGMAS = 3.0
MAD_LIMIT = 3.5  # Iglewicz and Hoaglin 1993
MAD_SCALE = 0.6744897501960817  # makes the MAD of a normal distribution its standard deviation


class Interval(NamedTuple):
    """A figure with its 95 % interval; the ends are None where it has none."""

    value: float
    low: float | None = None
    high: float | None = None


class Summary(NamedTuple):
    """What a list of values is like.

    Attributes:
        size: How many there are.
        mean: With the interval of Student's t.
        deviation: Of the sample (n - 1); 0 for a single value.
        minimum: The smallest.
        maximum: The largest.
        percentiles: By their number, each with a bootstrap interval.
    """

    size: int
    mean: Interval
    deviation: float
    minimum: float
    maximum: float
    percentiles: dict[float, Interval]

    @property
    def variation(self) -> float:
        """Coefficient of variation: the deviation as a share of the mean."""
        return self.deviation / abs(self.mean.value) if self.mean.value else 0.0


def summarise(values: ArrayLike, groups: ArrayLike | None = None, seed: int = 0) -> Summary:
    """Summarise values; there must be one at least.

    Args:
        values: The measurements.
        groups: To which request each belongs, from 0, when several do: they are not independent,
            so that intervals are made by drawing whole requests.
        seed: Of the bootstrap: the same seed gives the same intervals.

    Raises:
        ValueError: There are no values.
    """
    found = np.asarray(values, dtype=np.float64)
    if not found.size:
        raise ValueError("no values to summarise")
    mean = float(found.mean())
    deviation = float(found.std(ddof=1)) if found.size > 1 else 0.0
    if groups is None:
        order = np.sort(found)
        percentiles = {q: percentile(order, q, seed) for q in PERCENTILES}
        interval = Interval(mean, *mean_interval(mean, deviation, found.size))
    else:
        interval, percentiles = _grouped(found, np.asarray(groups), seed)
    return Summary(
        size=int(found.size),
        mean=interval,
        deviation=deviation,
        minimum=float(found.min()),
        maximum=float(found.max()),
        percentiles=percentiles,
    )


def mean_interval(mean: float, deviation: float, count: int) -> tuple[float | None, float | None]:
    """The interval of a mean by Student's t; none from a single value."""
    if count < 2:
        return None, None
    half = t_quantile(0.5 + CONFIDENCE / 2, count - 1) * deviation / math.sqrt(count)
    return mean - half, mean + half


def percentile(order: Floats, q: float, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """A percentile of sorted values with its percentile-bootstrap interval.

    No value is drawn again: the k-th smallest of n draws from n values is the value at the place
    where the k-th smallest of n uniform numbers falls, and that is a Beta(k, n - k + 1) number
    (Efron 1979; David and Nagaraja, Order Statistics, 2.1). So each resample costs two random
    numbers, whatever n is, and the distribution is the bootstrap's own.
    """
    count = order.size
    value = float(np.percentile(order, q))
    if count < 2:
        return Interval(value)
    place = q / 100 * (count - 1)
    below = int(place)
    weight = place - below
    chance = np.random.default_rng(seed)
    first = chance.beta(below + 1, count - below, resamples)
    drawn = order[_places(first, count)]
    if weight:
        following = first + (1 - first) * chance.beta(1, count - below - 1, resamples)
        drawn = drawn + weight * (order[_places(following, count)] - drawn)
    return Interval(value, *_ends(drawn))


def _places(uniform: Floats, count: int) -> NDArray[np.intp]:
    return np.minimum((uniform * count).astype(np.intp), count - 1)


def _ends(drawn: Floats) -> tuple[float, float]:
    low, high = np.percentile(drawn, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return float(low), float(high)


def _grouped(
    values: Floats, groups: NDArray[np.int_], seed: int
) -> tuple[Interval, dict[float, Interval]]:
    """Mean and percentiles with intervals from drawing whole groups (cluster bootstrap)."""
    count = int(groups.max()) + 1
    mean = float(values.mean())
    if count < 2:
        return Interval(mean), {q: Interval(float(np.percentile(values, q))) for q in PERCENTILES}
    # fewer draws where there are many values: their intervals are narrow, and it would take long
    draws = max(200, min(RESAMPLES, 40_000_000 // values.size))
    chance = np.random.default_rng(seed)
    by_value = np.argsort(values, kind="stable")
    order, owner = values[by_value], groups[by_value]
    sums = np.bincount(groups, weights=values, minlength=count)
    sizes = np.bincount(groups, minlength=count)
    shares = np.array(PERCENTILES) / 100
    means = np.empty(draws)
    drawn = np.empty((draws, len(PERCENTILES)))
    for number in range(draws):
        times = np.bincount(chance.integers(0, count, count), minlength=count)
        total = int(times @ sizes)
        if not total:  # only groups without values were drawn
            means[number], drawn[number] = mean, np.percentile(order, PERCENTILES)
            continue
        means[number] = times @ sums / total
        ends = np.cumsum(times[owner])
        # the value at a place of the list in which each value stands as often as it was drawn
        places = shares * (total - 1)
        below = np.searchsorted(ends, np.floor(places), side="right")
        above = np.searchsorted(ends, np.ceil(places), side="right")
        drawn[number] = order[below] + (places % 1) * (order[above] - order[below])
    return Interval(mean, *_ends(means)), {
        q: Interval(float(np.percentile(order, q)), *_ends(drawn[:, place]))
        for place, q in enumerate(PERCENTILES)
    }


def t_quantile(share: float, freedom: int) -> float:
    """The quantile of Student's t for whole degrees of freedom and a share of 0.5 or more.

    The distribution is a finite sum (Abramowitz and Stegun 26.7.3 and 26.7.4), which is inverted
    by halving; beyond 200 degrees the expansion 26.7.5 is right to eight digits.
    """
    if freedom > 200:
        z = _normal_quantile(share)
        terms = (
            (z**3 + z) / 4,
            (5 * z**5 + 16 * z**3 + 3 * z) / 96,
            (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
            (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
        )
        return float(z + sum(term / freedom**power for power, term in enumerate(terms, 1)))
    low, high = 0.0, 1.0
    while 0.5 + _t_share(high, freedom) / 2 < share:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        if 0.5 + _t_share(middle, freedom) / 2 < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _t_share(t: float, freedom: int) -> float:
    """How much of Student's t lies between -t and t."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for number in range(freedom // 2):
        total += term
        step = 2 * number + 1 + odd
        term *= cosine * step / (step + 1)
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total


def _normal_quantile(share: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(share)


def wilson(successes: float, count: float) -> Interval:
    """A share with its interval (Wilson 1927), which holds for few and for extreme ones too.

    Args:
        successes: Of those counted.
        count: How many were; less where they are not independent, and no whole number then.

    Raises:
        ValueError: There is nothing to have a share of.
    """
    if not count:
        raise ValueError("a share of nothing")
    z = _normal_quantile(0.5 + CONFIDENCE / 2)
    share = successes / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count**2))
    half /= 1 + z * z / count
    low = 0.0 if not successes else max(0.0, centre - half)
    high = 1.0 if successes == count else min(1.0, centre + half)
    return Interval(share, low, high)


def outliers(values: ArrayLike) -> tuple[list[int], list[int]]:
    """Which values lie far out: beyond 3 standard deviations, and by the modified z-score.

    Returns:
        Places in `values`: by sigma, and by MAD (Iglewicz and Hoaglin 1993: 0.6745 times the
        distance from the median, in median absolute deviations, above 3.5). Where more than half
        of the values are equal, the mean absolute deviation takes the place of the MAD, as they
        say.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.size < 3:
        return [], []
    deviation = found.std(ddof=1)
    sigma = np.abs(found - found.mean()) > SIGMAS * deviation if deviation else found != found
    distance = np.abs(found - np.median(found))
    if mad := np.median(distance):
        far = MAD_SCALE * distance / mad > MAD_LIMIT
    elif around := distance.mean():
        far = distance / (1.253314 * around) > MAD_LIMIT
    else:
        far = found != found
    return np.flatnonzero(sigma).tolist(), np.flatnonzero(far).tolist()


def histogram(values: ArrayLike, bins: int = 20) -> tuple[Sequence[int], Sequence[float]]:
    """How many values fall between which edges (one more edge than counts)."""
    counts, edges = np.histogram(np.asarray(values, dtype=np.float64), bins=bins)
    return counts.tolist(), edges.tolist()
