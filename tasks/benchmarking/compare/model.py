"""The data of a comparison: what was compared, what was found, and how sure that is."""

from enum import StrEnum
from typing import NamedTuple

from slipstream.tasks.benchmarking.model import Direction


class Outcome(StrEnum):
    """What can be said of a metric."""

    REGRESSION = "regression"
    """Worse beyond the threshold, significantly, and beyond the noise floor."""
    IMPROVEMENT = "improvement"
    """The same, better."""
    SUSPECTED_REGRESSION = "suspected regression"
    """It looks so, and single runs cannot prove it."""
    SUSPECTED_IMPROVEMENT = "suspected improvement"
    UNCHANGED = "unchanged"
    """Any change is proven to be within the threshold."""
    CANNOT_TELL = "cannot tell"
    """Too few or too noisy values to say either."""
    NEW = "new"
    """Only the candidate has it."""
    GONE = "gone"
    """Only the base has it."""
    NOT_COMPARED = "not compared"
    """It has no direction, is not finite, or was withheld; the note says which."""
    SHOWN = "shown"
    """It follows from metrics that are tested, or no request failed, and is not tested itself."""


class Severity(StrEnum):
    """Of a change, by its size; `NONE` where there is none."""

    NONE = ""
    MINOR = "minor"  # under 10 %
    MODERATE = "moderate"  # 10 to 25 %
    MAJOR = "major"  # 25 to 50 %
    CRITICAL = "critical"  # over 50 %

    @property
    def rank(self) -> int:
        """From 0 to 4."""
        return list(Severity).index(self)


class Policy(NamedTuple):
    """When a change is one.

    Attributes:
        threshold: Smallest relative change that matters, as a share.
        thresholds: Others for single metrics, by their name (`ttft`) or name and statistic
            (`ttft p95`).
        alpha: Chance of a false alarm (a regression that is none) in a whole comparison of
            unchanged systems; the same again for improvements.
        seed: Of the bootstrap.
    """

    threshold: float = 0.05
    thresholds: tuple[tuple[str, float], ...] = ()
    alpha: float = 0.01
    seed: int = 0


class Side(NamedTuple):
    """One side of a comparison: a run, or several that were repeated.

    Attributes:
        name: As it was asked for, such as `baseline`.
        runs: Ids, oldest first.
        suite: Of all of them.
        model: Of all of them.
        server: Base URL of the first.
        machine: Digest of the hardware.
        started_ns: Of the first, UTC.
    """

    name: str
    runs: tuple[str, ...]
    suite: str
    model: str
    server: str
    machine: str
    started_ns: int


class Change(NamedTuple):
    """A metric of a cell, on both sides.

    Attributes:
        benchmark: The benchmark's name.
        label: The cell's load, such as `concurrency=8`.
        metric: Such as `ttft`.
        statistic: Such as `p50`; `value` where there is only one.
        unit: Of both figures.
        direction: Which way is better.
        base: The base's figure (of several runs: the median of theirs); None: it has none.
        candidate: The candidate's.
        difference: Candidate less base, in the unit; None: one side is missing.
        relative: The difference as a share of the base; None: that is not defined. Of a metric
            whose unit is `share`, such as accuracy, the difference itself, in points: 0.9 to 0.7
            is -0.2. Severity, interval, `detectable` and `noise` are of the same kind.
        low: Lower end of the 95 % interval of `relative`; None: there is none.
        high: Upper end.
        p: Of the test that was made, one-sided in the direction that was seen, before
            correction; None: none was.
        p_corrected: After Holm's correction over all tests of the comparison.
        method: The test in words, such as `Welch's t of 5 and 5 medians`; empty: none was made.
        detectable: Smallest relative change that would have been found with 80 % power, as a
            share; None: not known.
        noise: The noise floor used, as a share; None: there is none.
        outcome: What can be said.
        severity: Of a (suspected) regression or improvement.
        note: One sentence where something has to be said.
        sizes: How many values each side's figure rests on: of runs, or of samples in one run.
        primary: Whether it is tested; others are shown, since they follow from the tested ones.
    """

    benchmark: str
    label: str
    metric: str
    statistic: str
    unit: str
    direction: Direction
    base: float | None
    candidate: float | None
    difference: float | None
    relative: float | None
    low: float | None
    high: float | None
    p: float | None
    p_corrected: float | None
    method: str
    detectable: float | None
    noise: float | None
    outcome: Outcome
    severity: Severity
    note: str
    sizes: tuple[int, int]
    primary: bool

    @property
    def name(self) -> str:
        """Such as `chat concurrency=8 ttft p50`."""
        statistic = "" if self.statistic == "value" else self.statistic
        return " ".join(filter(None, (self.benchmark, self.label, self.metric, statistic)))


class Distribution(NamedTuple):
    """What a plot of a metric needs of one side: at most a few hundred numbers.

    Attributes:
        benchmark: See `Change`.
        label: See `Change`.
        metric: See `Change`.
        unit: Of the values.
        quantiles: The values at 0, 1, …, 100 %.
        edges: Of the histogram's bins; both sides have the same.
        counts: Of each bin.
    """

    benchmark: str
    label: str
    metric: str
    unit: str
    quantiles: tuple[float, ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]


class Compared(NamedTuple):
    """A candidate held against the base.

    Attributes:
        side: The candidate.
        differences: What else differs, in sentences: environment, model, suite, seeds; said
            before any figure.
        changes: All metrics, tested ones first.
        distributions: Of the candidate, of latencies.
    """

    side: Side
    differences: tuple[str, ...]
    changes: tuple[Change, ...]
    distributions: tuple[Distribution, ...]

    @property
    def worst(self) -> Severity:
        """Of its proven regressions."""
        found = [c.severity for c in self.changes if c.outcome is Outcome.REGRESSION]
        return max(found, key=lambda severity: severity.rank, default=Severity.NONE)


class Comparison(NamedTuple):
    """A base and all that was held against it.

    Attributes:
        id: 12 hex digits.
        created_ns: UTC, ns since 1970.
        base: The base.
        base_distributions: Of the base.
        candidates: In the order in which they were named.
        policy: When a change was one.
        warnings: What holds for all of it, in sentences: single runs, a damaged run left out, no
            metric in common.
        recommendation: One or two sentences: what to do.
    """

    id: str
    created_ns: int
    base: Side
    base_distributions: tuple[Distribution, ...]
    candidates: tuple[Compared, ...]
    policy: Policy
    warnings: tuple[str, ...]
    recommendation: str

    @property
    def worst(self) -> Severity:
        """Of all proven regressions."""
        found = [candidate.worst for candidate in self.candidates]
        return max(found, key=lambda severity: severity.rank, default=Severity.NONE)


class Point(NamedTuple):
    """A run in the history of a metric."""

    run: str
    at_ns: int
    value: float
    low: float | None
    high: float | None
    commit: str
    environment: str
    """A digest: a change of machine or server shows."""


class ChangePoint(NamedTuple):
    """Where a history changed.

    Attributes:
        place: Index of the first point after it.
        before: Median until then.
        after: Median from then on.
        relative: The change as a share.
        p: That it is chance.
    """

    place: int
    before: float
    after: float
    relative: float
    p: float


class Trend(NamedTuple):
    """The history of a metric.

    Attributes:
        benchmark: See `Change`.
        label: See `Change`.
        metric: See `Change`.
        statistic: See `Change`.
        unit: See `Change`.
        direction: See `Change`.
        suite: Of all points.
        model: Of all points.
        points: Oldest first.
        changes: Where it changed.
        drift: Relative change per 10 runs of a steady drift; None: there is none to be seen.
        note: One sentence where something has to be said.
    """

    benchmark: str
    label: str
    metric: str
    statistic: str
    unit: str
    direction: Direction
    suite: str
    model: str
    points: tuple[Point, ...]
    changes: tuple[ChangePoint, ...]
    drift: float | None
    note: str
