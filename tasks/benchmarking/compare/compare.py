"""Runs held against each other: all metrics of all candidates, corrected together."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from slipstream.storage import bench_baselines
from slipstream.storage.bench_baselines import Key
from slipstream.storage.connection import Connection
from slipstream.storage.errors import SlipError
from slipstream.tasks.benchmarking.compare import evidence, pairs, read, significance, verdict
from slipstream.tasks.benchmarking.compare.differences import differences
from slipstream.tasks.benchmarking.compare.distribution import distributions
from slipstream.tasks.benchmarking.compare.evidence import Held
from slipstream.tasks.benchmarking.compare.model import (
    Change,
    Compared,
    Comparison,
    Outcome,
    Policy,
    Severity,
    Side,
)
from slipstream.tasks.benchmarking.compare.pairs import Pair
from slipstream.tasks.benchmarking.compare.read import Damaged, Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Times: TypeAlias = dict[tuple[str, str, str], NDArray[np.float64]]

ID_BYTES = 6
NO_FAILURE = (
    "No request failed on either side; these are too few requests, or too few runs, to tell a "
    "change of the error rate."
)
"""Told once for all cells: no failure is no finding, and in few requests no proof either."""
DEFAULT = Policy()
MARGIN = 0.7
"""How much of the chance of a false alarm is used. Tests hold theirs where noise is normal and runs
are independent; outliers and what runs have in common take the rest (benchmarks/comparison.py)."""


class _Loaded(NamedTuple):
    """A side with what could be read of it."""

    side: Side
    runs: tuple[Run, ...]


def compare(
    connection: Connection, base: Side, candidates: Sequence[Side], policy: Policy = DEFAULT
) -> Comparison:
    """Hold candidates against a base.

    Args:
        connection: To the results.
        base: What they are compared with.
        candidates: One at least.
        policy: When a change is one.

    Raises:
        SlipError: Of the base, or of all candidates, no run can be read.
        results.Error: The results cannot be read.
    """
    warnings: list[str] = []
    before = _load(connection, base, warnings)
    loaded = [_load(connection, side, warnings) for side in candidates]
    after = [side for side in loaded if side.runs]
    if not before.runs or not after:
        raise SlipError(" ".join(warnings) or f"{base.name} has nothing to be compared with.")
    known = _baseline(connection, before, after)
    held = [evidence.hold(connection, before.runs, side.runs, known) for side in after]
    for side, of in zip(after, held, strict=True):
        if both := set(before.side.runs) & set(side.side.runs):
            warnings.append(f"{', '.join(sorted(both))} stands on both sides.")
        if not any(h.pair.base and h.pair.candidate for h in of):
            warnings.append(
                f"{base.name} and {side.side.name} have no metric in common: they ran other "
                "benchmarks, or other loads."
            )
    warnings += _few(before, after)
    changes = judge(held, policy)
    drawn = distributions([_times(side.runs) for side in (before, *after)])
    compared = tuple(
        Compared(side.side, tuple(differences(before.runs, side.runs)), of, plots)
        for side, of, plots in zip(after, changes, drawn[1:], strict=True)
    )
    return Comparison(
        id=secrets.token_hex(ID_BYTES),
        created_ns=time.time_ns(),
        base=before.side,
        base_distributions=drawn[0],
        candidates=compared,
        policy=policy,
        warnings=tuple(warnings),
        recommendation=_recommendation(compared),
    )


def _load(connection: Connection, side: Side, warnings: list[str]) -> _Loaded:
    """A side without the runs that are damaged."""
    found = []
    for identity in side.runs:
        try:
            run = read.run(connection, identity, requests=True)
        except Damaged as error:
            warnings.append(str(error))
            continue
        if run.record.state != "done":
            why = run.record.reason or "It did not come to its end."
            warnings.append(f"Run {identity} is {run.record.state}: {why}")
        found.append(run)
    return _Loaded(side._replace(runs=tuple(run.record.id for run in found)), tuple(found))


def _baseline(connection: Connection, base: _Loaded, after: Sequence[_Loaded]) -> list[Run]:
    """Runs of the base's own baseline, where they are on no side: they know the noise too."""
    found = bench_baselines.get(
        connection, Key(base.side.suite, base.side.model, base.side.machine)
    )
    used = {run.record.id for side in (base, *after) for run in side.runs}
    if found is None or used & set(found.runs):
        return []
    runs = []
    for identity in found.runs:
        try:
            runs.append(read.run(connection, identity))
        except Damaged:
            continue
    return runs if len(runs) >= verdict.ENOUGH else []


def _few(base: _Loaded, after: Sequence[_Loaded]) -> Iterator[str]:
    fewest = min(len(side.runs) for side in (base, *after))
    if fewest == 1:
        yield (
            "One run cannot prove a change, since runs of the same server differ too: what is "
            "found is suspected at most. Repeat with `slip bench run --repeat 5`, or with "
            "`slip bench ab` where both servers can be reached."
        )
    elif fewest < verdict.ENOUGH:
        yield f"{fewest} runs cannot prove a change; {verdict.ENOUGH} on each side can, 5 can well."


def judge(held: Sequence[Sequence[Held]], policy: Policy) -> list[tuple[Change, ...]]:
    """All verdicts; chances are corrected over all candidates together."""
    family = [(p, h.pair.weight) for of in held for h in of if (p := _chance(h)) is not None]
    weights = [weight for _, weight in family]
    chances = [min(1.0, p / MARGIN) for p, _ in family]
    corrected = iter(significance.holm(chances, weights))
    level = policy.alpha * MARGIN / max(pairs.LESS, sum(weights))
    found = []
    for of in held:
        changes = [
            _change(h, None if _chance(h) is None else next(corrected), level, policy) for h in of
        ]
        found.append(tuple(sorted(changes, key=lambda change: not change.primary)))
    return found


def _chance(held: Held) -> float | None:
    """That of the metric's test; None: none was made."""
    return held.result.p if held.result and held.pair.tested else None


def _change(held: Held, corrected: float | None, level: float, policy: Policy) -> Change:
    pair, result = held.pair, held.result
    before, after = pairs.middle(pair.base), pairs.middle(pair.candidate)
    difference = after - before if before is not None and after is not None else None
    relative = difference if pair.metric.unit == "share" else None
    if relative is None and difference is not None and before:
        relative = difference / abs(before)
    said, note = _outcome(held, relative, corrected, policy)
    least = None
    if pair.tested and result and result.error:
        limit = verdict.threshold(policy, pair.metric.name, pair.metric.statistic)
        share = level * pair.weight
        least = significance.detectable(result.error, result.freedom, share, limit)
    low, high = verdict.ends(pair, result) if result else (None, None)
    changed = said in CHANGED and relative is not None
    return Change(
        benchmark=pair.benchmark,
        label=pair.label,
        metric=pair.metric.name,
        statistic=pair.metric.statistic,
        unit=pair.metric.unit,
        direction=pair.metric.direction,
        base=before,
        candidate=after,
        difference=difference,
        relative=relative,
        low=low,
        high=high,
        p=result.p if result and pair.tested else None,
        p_corrected=corrected,
        method=result.method if result and pair.tested else "",
        detectable=verdict.shown(pair, least),
        noise=verdict.shown(pair, result.floor) if result else None,
        outcome=said,
        severity=verdict.severity(relative) if changed and relative is not None else Severity.NONE,
        note=note,
        sizes=held.sizes,
        primary=pair.tested and said is not Outcome.SHOWN,
    )


CHANGED = frozenset(
    {
        Outcome.REGRESSION,
        Outcome.IMPROVEMENT,
        Outcome.SUSPECTED_REGRESSION,
        Outcome.SUSPECTED_IMPROVEMENT,
    }
)


def _outcome(
    held: Held, relative: float | None, corrected: float | None, policy: Policy
) -> tuple[Outcome, str]:
    pair, result = held.pair, held.result
    note = " ".join(filter(None, (pair.note, held.note)))
    if not pair.base and not pair.candidate:
        return Outcome.NOT_COMPARED, note
    if not pair.base or not pair.candidate:
        if pair.withheld:
            return Outcome.NOT_COMPARED, f"Withheld on one side: {pair.withheld}"
        if pair.note:
            return Outcome.NOT_COMPARED, note
        return (Outcome.GONE if pair.base else Outcome.NEW), note
    if pair.metric.direction == "none":
        return Outcome.NOT_COMPARED, note
    if not pair.tested:
        return Outcome.SHOWN, note
    if result is None or relative is None:
        return Outcome.CANNOT_TELL, note
    said = verdict.outcome(pair, result, relative, corrected, policy)
    if said is Outcome.CANNOT_TELL and not _failed(pair):
        return Outcome.SHOWN, NO_FAILURE
    return said, note


def _failed(pair: Pair) -> bool:
    """Whether a request failed; of fewer than some hundred that did not, all say the same."""
    return pair.metric.name != "error_rate" or any(
        figure.metric.value for figure in (*pair.base, *pair.candidate)
    )


def _times(runs: Sequence[Run]) -> Times:
    """The times of all requests of a side, whose figures are not withheld."""
    import numpy as np

    found: dict[tuple[str, str, str], list[NDArray[np.float64]]] = {}
    for run in runs:
        for key, cell in run.cells.items():
            if cell.times and not cell.withheld:
                for name in read.TIMES:
                    found.setdefault((*key, name), []).append(getattr(cell.times, name))
    return {key: np.concatenate(values) for key, values in found.items()}


def _recommendation(compared: Sequence[Compared]) -> str:
    changes = [change for candidate in compared for change in candidate.changes]
    by = {o: [c for c in changes if c.outcome is o] for o in Outcome}
    if worse := by[Outcome.REGRESSION]:
        worst = max(worse, key=lambda change: abs(change.relative or 0))
        return (
            f"{len(worse)} of {_tested(changes)} tested metrics got worse, most of all "
            f"{worst.name}: find the cause before this takes the base's place."
        )
    if suspected := by[Outcome.SUSPECTED_REGRESSION]:
        return (
            f"{len(suspected)} of {_tested(changes)} tested metrics look worse, such as "
            f"{suspected[0].name}: measure again with `slip bench ab`, or five runs of each side."
        )
    if by[Outcome.CANNOT_TELL]:
        return (
            "Nothing is proven to be worse. For what cannot be told, measure more requests or "
            "more runs, or see what else the machine is doing."
        )
    return "Nothing got worse."


def _tested(changes: Sequence[Change]) -> int:
    return sum(change.primary for change in changes)
