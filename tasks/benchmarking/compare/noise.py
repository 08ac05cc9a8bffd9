"""The noise between runs: of each metric, and what all metrics of a comparison say of it.

Runs of an unchanged system differ by more than their own samples explain (the run effect: caches,
placement, temperature, neighbours). Five and five runs tell a single metric's noise badly: eight
degrees of freedom, which after Holm's correction leave little power. But a comparison has many
metrics that were measured in the same runs. Their variances are shrunk towards what is common to
them, as far as they agree (empirical Bayes: Smyth, Statistical Applications in Genetics and
Molecular Biology 3:1, 2004, sections 3 and 6). What is common is not one variance but a run effect,
plus what each metric's own samples add, which its interval tells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from slipstream.tasks.benchmarking.compare.pairs import Figure

LEAST = 0.001  # as a share: no metric is taken to be quieter; clocks and rounding are not
MOST_SHARED = 120.0
"""Degrees of freedom that the other metrics may lend at most. They share run effects, so that they
say less than as many independent ones would; benchmarks/comparison.py measures what that does."""
NORMAL_95 = 1.959963984540054


class Spread(NamedTuple):
    """What repeated runs say of a metric's noise, in logarithms.

    Attributes:
        squares: Sum of squared deviations from their mean.
        freedom: How many of them are free.
    """

    squares: float = 0.0
    freedom: int = 0

    def plus(self, other: Spread) -> Spread:
        """What both say."""
        return Spread(self.squares + other.squares, self.freedom + other.freedom)


class Prior(NamedTuple):
    """What the metrics of a comparison have in common.

    Attributes:
        run: Variance of the run effect, of logarithms.
        ratio: What variances are, as a multiple of what run effect and samples predict.
        freedom: How many degrees of freedom that is worth.
    """

    run: float
    ratio: float
    freedom: float

    def variance(self, spread: Spread, samples: float) -> tuple[float, float]:
        """A metric's variance and its degrees of freedom.

        Args:
            spread: What its own runs say.
            samples: What its samples add to the variance of a run's figure.
        """
        predicted = max(self.run + samples, LEAST**2)
        freedom = spread.freedom + self.freedom
        squares = max(spread.squares, spread.freedom * LEAST**2)
        return (squares + self.freedom * self.ratio * predicted) / freedom, freedom


NO_PRIOR = Prior(0.0, 1.0, 0.0)


def spread(figures: Sequence[Figure]) -> Spread:
    """The spread of a side's figures, which are all above zero."""
    logs = [math.log(figure.metric.value) for figure in figures]
    mean = math.fsum(logs) / len(logs)
    return Spread(math.fsum((log - mean) ** 2 for log in logs), len(logs) - 1)


def samples(figures: Sequence[Figure]) -> float:
    """What samples add to the variance of a run's figure, of logarithms, from its interval.

    Only of percentiles: the interval of a rate has the beginning and the end of its window in it.
    """
    found = []
    for _, metric in figures:
        if metric.statistic.startswith("p") and metric.low and metric.high and metric.low > 0:
            error = (math.log(metric.high) - math.log(metric.low)) / (2 * NORMAL_95)
            found.append(error**2)
    return math.fsum(found) / len(found) if found else 0.0


def prior(spreads: Sequence[tuple[Spread, float]]) -> Prior:
    """What variances have in common: Smyth's moments of the logarithms of their ratios.

    Args:
        spreads: Of each metric, with what its samples add.
    """
    import numpy as np
    from scipy.special import digamma, polygamma

    own = [(s, added) for s, added in spreads if s.freedom > 0]
    if len(own) < 2:
        return NO_PRIOR
    freedom = np.array([s.freedom for s, _ in own], float)
    added = np.array([added for _, added in own])
    variances = np.maximum([s.squares / s.freedom for s, _ in own], LEAST**2)
    run = max(float(np.average(variances - added, weights=freedom)), 0.0)
    ratios = variances / np.maximum(run + added, LEAST**2)
    logs = np.log(ratios) - digamma(freedom / 2) + np.log(freedom / 2)
    beyond = float(logs.var(ddof=1) - polygamma(1, freedom / 2).mean())
    # others lend no more than they have
    most = min(MOST_SHARED, float(freedom.sum() - freedom.max()))
    if beyond <= 0:  # they differ by no more than chance
        return Prior(run, float(np.average(ratios, weights=freedom)), most)
    shared = 2 * _inverse_trigamma(beyond)
    common = math.exp(logs.mean() + float(digamma(shared / 2)) - math.log(shared / 2))
    return Prior(run, common, min(shared, most))


def _inverse_trigamma(value: float) -> float:
    """Where the trigamma function has a value: Newton's method, which only rises to it."""
    from scipy.special import polygamma

    if value > 1e7:
        return 1 / math.sqrt(value)
    if value < 1e-6:
        return 1 / value
    found = 0.5 + 1 / value
    for _ in range(50):
        at = float(polygamma(1, found))
        step = at * (1 - at / value) / float(polygamma(2, found))
        found += step
        if abs(step) < 1e-8 * found:
            break
    return found
