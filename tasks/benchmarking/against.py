"""How runs stand to others: the comparison that follows a measurement, and whether it failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slipstream.storage import bench_baselines, bench_comparisons
from slipstream.storage.bench import RunRecord
from slipstream.storage.bench_comparisons import ComparisonRecord
from slipstream.storage.bench_names import BASELINE, SERIES
from slipstream.storage.errors import UsageError
from slipstream.storage.results import Connection
from slipstream.tasks.benchmarking import baselines
from slipstream.tasks.benchmarking.compare import compare
from slipstream.tasks.benchmarking.compare.model import (
    Change,
    Comparison,
    Outcome,
    Policy,
    Severity,
    Side,
    Trend,
)
from slipstream.tasks.benchmarking.compare.sides import side
from slipstream.tasks.benchmarking.reports import json as reports
from slipstream.tasks.benchmarking.reports import view

if TYPE_CHECKING:
    from slipstream.storage.config.settings import Bench

NEVER = "never"
FAIL_ON = (*(str(severity) for severity in Severity if severity), NEVER)
NAMED = 3  # changes in a sentence
HISTORIES = 6  # metrics whose history an HTML report draws
HISTORY_RUNS = 50


def check_fail_on(name: str) -> None:
    """See that a severity is one, or `never`, or empty for the configured one.

    Raises:
        UsageError: It is none.
    """
    if name and name not in FAIL_ON:
        raise UsageError(f"--fail-on {name} is none of {', '.join(FAIL_ON)}.")


def policy(config: Bench) -> Policy:
    """When a change is one, as it is configured."""
    return Policy(threshold=config.threshold_percent / 100)


def fails(comparison: Comparison, fail_on: str) -> bool:
    """Whether there is a proven regression of a severity, or of a worse one."""
    return fail_on != NEVER and comparison.worst.rank >= max(Severity(fail_on).rank, 1)


def candidate_of(connection: Connection, run: RunRecord) -> Side | None:
    """A run, or the whole series that it is of, as what is held against its baseline.

    Returns:
        None: There is no baseline of its suite, model and machine, or it is of the baseline.
    """
    found = bench_baselines.get(connection, baselines.key_of(run))
    if found is None:
        return None
    candidate = side(connection, f"{SERIES}{run.series}" if run.series else run.id)
    return None if set(candidate.runs) & set(found.runs) else candidate


def baseline(connection: Connection, run: RunRecord, how: Policy) -> Comparison | None:
    """Hold a run, or its series, against its baseline; None: see `candidate_of`."""
    candidate = candidate_of(connection, run)
    if candidate is None:
        return None
    return compare.compare(connection, side(connection, BASELINE, candidate), [candidate], how)


def compared(
    connection: Connection, base: Side, candidates: Sequence[Side], how: Policy
) -> Comparison:
    """Hold candidates against a base, and keep what came out."""
    made = compare.compare(connection, base, candidates, how)
    kept = ComparisonRecord(
        id=made.id,
        base=base.name,
        candidates=tuple(candidate.name for candidate in candidates),
        suite=base.suite,
        worst=str(made.worst),
        created_ns=made.created_ns,
        report=reports.render(made),
    )
    bench_comparisons.save(connection, kept)
    return made


def histories(connection: Connection, made: Comparison) -> list[Trend]:
    """The histories of what changed most, where there are runs enough."""
    from slipstream.tasks.benchmarking.compare import trend

    tested = [c for side in made.candidates for c in side.changes if c.primary]
    found = []
    for change in view.ordered(tested, "severity")[:HISTORIES]:
        history = trend.trend(
            connection,
            change.metric,
            statistic=change.statistic,
            suite=made.base.suite,
            model=made.base.model,
            benchmark=change.benchmark,
            label=change.label,
            limit=HISTORY_RUNS,
        )
        if _interleaved(history, made):
            break
        if len(history.points) >= trend.FEWEST:
            found.append(history)
    return found


def _interleaved(history: Trend, made: Comparison) -> bool:
    """Whether two servers were measured in turn: their runs are no history of either."""
    base = [i for i, point in enumerate(history.points) if point.run in made.base.runs]
    runs = {run for candidate in made.candidates for run in candidate.side.runs}
    other = [i for i, point in enumerate(history.points) if point.run in runs]
    return bool(base and other) and min(base) < max(other) and min(other) < max(base)


def sentence(comparison: Comparison) -> str:
    """What came out, with the largest changes."""
    changes = [change for candidate in comparison.candidates for change in candidate.changes]
    for outcome in (Outcome.REGRESSION, Outcome.SUSPECTED_REGRESSION, Outcome.IMPROVEMENT):
        if found := sorted((c for c in changes if c.outcome is outcome), key=_size, reverse=True):
            named = ", ".join(f"{c.name} {view.difference(c)}" for c in found[:NAMED])
            more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
            return f"{view.headline(comparison)} {outcome.capitalize()}: {named}{more}."
    return view.headline(comparison)


def _size(change: Change) -> float:
    return abs(change.relative or 0.0)
