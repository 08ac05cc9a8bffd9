"""From what a test says to what can be said: outcome, severity, threshold."""

from __future__ import annotations

import math

from slipstream.tasks.benchmarking.compare.model import Outcome, Policy, Severity
from slipstream.tasks.benchmarking.compare.pairs import Pair, worse
from slipstream.tasks.benchmarking.compare.significance import Result

ENOUGH = 3  # runs of each side: fewer never prove a change
SUSPECT = 0.05  # a corrected chance from which on a change is suspected
THRESHOLDS = {"error_rate": 0.01}
"""Where the policy names none for the metric: one request in a hundred that fails is much."""


def threshold(policy: Policy, metric: str, statistic: str) -> float:
    """The smallest change that matters, as a share, or in points of one."""
    named = dict(policy.thresholds)
    for name in (f"{metric} {statistic}", metric):
        if name in named:
            return named[name]
    return THRESHOLDS.get(metric, policy.threshold)


def severity(change: float) -> Severity:
    """Of a change, as a share or in points of one."""
    size = abs(change)
    if size < 0.1:
        return Severity.MINOR
    if size < 0.25:
        return Severity.MODERATE
    return Severity.MAJOR if size <= 0.5 else Severity.CRITICAL


def outcome(
    pair: Pair, result: Result, change: float, corrected: float | None, policy: Policy
) -> Outcome:
    """What can be said of a metric that was tested.

    Args:
        pair: The metric.
        result: What its test says.
        change: What is shown: the relative change of the sides' figures, or the points.
        corrected: The test's chance after correction; None: nothing was tested.
        policy: When a change is one.
    """
    limit = threshold(policy, pair.metric.name, pair.metric.statistic)
    seen = abs(change) > limit and change * result.estimate > 0
    if result.floor is not None:  # between runs that did not change, as much is seen
        seen = seen and abs(result.estimate) > result.floor
    if seen and corrected is not None:
        bad = worse(pair.metric.direction, change)
        if corrected <= policy.alpha and min(len(pair.base), len(pair.candidate)) >= ENOUGH:
            return Outcome.REGRESSION if bad else Outcome.IMPROVEMENT
        if corrected <= SUSPECT:
            return Outcome.SUSPECTED_REGRESSION if bad else Outcome.SUSPECTED_IMPROVEMENT
    low, high = ends(pair, result)
    if result.repeated and low is not None and high is not None and -limit < low and high < limit:
        return Outcome.UNCHANGED
    return Outcome.CANNOT_TELL


def ends(pair: Pair, result: Result) -> tuple[float | None, float | None]:
    """The interval of the change, as a share, or in points of one."""
    return shown(pair, result.low), shown(pair, result.high)


def shown(pair: Pair, estimate: float | None) -> float | None:
    """An estimate as it is shown: of logarithms as a share, of shares as it is."""
    if estimate is None or pair.metric.unit == "share":
        return estimate
    return math.expm1(min(estimate, 700.0))
