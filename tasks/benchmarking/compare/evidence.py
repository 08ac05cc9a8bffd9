"""Which test is made of which metric, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from slipstream.storage.connection import Connection
from slipstream.tasks.benchmarking.compare import noise, pairs, read, significance
from slipstream.tasks.benchmarking.compare.noise import NO_PRIOR, Prior, Spread
from slipstream.tasks.benchmarking.compare.pairs import Figure, Pair
from slipstream.tasks.benchmarking.compare.read import Run
from slipstream.tasks.benchmarking.compare.significance import Contrast, Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

NOTHING = Spread()
CLUSTERED = 3.0
"""Design effect of right answers from which on it is runs that differ, not cases: a server that
broke in one run is no worse model. Eight degrees of freedom go beyond it in 2 of 1,000."""


class Held(NamedTuple):
    """A metric with what its test says.

    Attributes:
        pair: The metric.
        result: None: there is nothing to be tested; the note says why.
        note: One sentence where something has to be said.
        sizes: How many values each side's figure rests on: of runs, or of samples in one run.
    """

    pair: Pair
    result: Result | None
    note: str
    sizes: tuple[int, int]


def hold(
    connection: Connection, base: Sequence[Run], candidate: Sequence[Run], known: Sequence[Run]
) -> list[Held]:
    """Hold all metrics of a candidate against the base.

    Args:
        connection: To the results, for answers.
        base: Its runs, with their requests.
        candidate: The same.
        known: Other runs of the base's baseline, which tell its noise.
    """
    found = list(pairs.pair(base, candidate))
    before = _known(known)
    contrasts = {place: c for place, p in enumerate(found) if (c := _contrast(p, before))}
    priors = _priors(found, contrasts, before)
    single = len(base) == len(candidate) == 1
    same = single and bool(base[0].record.digest)
    paired = same and base[0].record.digest == candidate[0].record.digest
    held = []
    for place, pair in enumerate(found):
        sizes = len(pair.base), len(pair.candidate)
        if sizes == (1, 1):
            sizes = pair.base[0].metric.size, pair.candidate[0].metric.size
        result, note = None, ""
        if pair.base and pair.candidate and pair.metric.direction != "none":
            result, note = _result(connection, pair, contrasts.get(place), before, priors, paired)
        held.append(Held(pair, result, note, sizes))
    return held


def _key(pair: Pair) -> tuple[str, ...]:
    return pair.benchmark, pair.label, pair.metric.name, pair.metric.statistic


def _known(runs: Sequence[Run]) -> dict[tuple[str, ...], Spread]:
    """The noise of each metric over runs that are on neither side."""
    return {
        _key(pair): noise.spread(pair.base)
        for pair in pairs.pair(runs, ())
        if _positive(pair.base) and pair.metric.unit != "share"
    }


def _positive(figures: Sequence[Figure]) -> bool:
    return all(figure.metric.value > 0 for figure in figures)


def _contrast(pair: Pair, known: dict[tuple[str, ...], Spread]) -> Contrast | None:
    """What the runs of both sides say; None: they say nothing of the noise between runs."""
    if not pair.base or not pair.candidate or pair.metric.unit == "share":
        return None
    if pair.metric.direction == "none" or not _positive((*pair.base, *pair.candidate)):
        return None
    if len(pair.base) == len(pair.candidate) == 1 and not known.get(_key(pair), NOTHING).freedom:
        return None
    return significance.contrast(pair.base, pair.candidate, noise.spread(pair.base))


def _priors(
    found: Sequence[Pair], contrasts: dict[int, Contrast], known: dict[tuple[str, ...], Spread]
) -> dict[str, Prior]:
    """What tested metrics say of the noise together: middles and rates, tails, and sizes apart."""
    spreads: dict[str, list[tuple[Spread, float]]] = {}
    for place, contrast in contrasts.items():
        pair = found[place]
        if pair.tested:
            spread = contrast.spread.plus(known.get(_key(pair), NOTHING))
            spreads.setdefault(_kind(pair), []).append((spread, _added(pair)))
    return {kind: noise.prior(of) for kind, of in spreads.items()}


def _kind(pair: Pair) -> str:
    return {"p50": "middle", "value": "middle"}.get(pair.metric.statistic, pair.metric.statistic)


def _added(pair: Pair) -> float:
    return noise.samples((*pair.base, *pair.candidate))


def _result(
    connection: Connection,
    pair: Pair,
    contrast: Contrast | None,
    known: dict[tuple[str, ...], Spread],
    priors: dict[str, Prior],
    paired: bool,
) -> tuple[Result | None, str]:
    """The test of a metric that both sides have."""
    if pair.metric.unit == "share":
        return _share(connection, pair)
    if not _positive((*pair.base, *pair.candidate)):
        return None, "A figure is zero or below, so that nothing is a share of it."
    if contrast is not None:
        prior = priors.get(_kind(pair), NO_PRIOR) if pair.tested else NO_PRIOR
        spread = known.get(_key(pair), NOTHING)
        return significance.of_runs(contrast, _added(pair), spread, prior), ""
    figures = pair.base[0], pair.candidate[0]
    if pair.tested and pair.metric.name in read.TIMES and pair.metric.statistic == "p50":
        base, candidate = _times(pair, paired)
        found = significance.of_samples(base, candidate, figures, paired)
    else:
        found = significance.of_intervals(*figures)
    return found, "" if found or not pair.tested else "Too few values for a test."


def _times(pair: Pair, paired: bool) -> tuple[Floats, Floats]:
    """The values of a metric of single runs; paired ones in the same order."""
    import numpy as np

    sides = []
    for cell in (pair.base_cells[0], pair.candidate_cells[0]):
        assert cell.times is not None
        values: Floats = getattr(cell.times, pair.metric.name)
        sound = np.isfinite(values) & (values > 0)
        sides.append((cell.times.number[sound], values[sound]))
    (numbers, base), (numbers_then, candidate) = sides
    if paired:
        _, at, at_then = np.intersect1d(numbers, numbers_then, return_indices=True)
        return base[at], candidate[at_then]
    return base, candidate


def _share(connection: Connection, pair: Pair) -> tuple[Result | None, str]:
    """The test of a share: case by case where answers were judged, else of what was counted."""
    before, after = (
        [(figure.metric.value, figure.metric.size) for figure in side]
        for side in (pair.base, pair.candidate)
    )
    if any(size < 1 for side in (before, after) for _, size in side):
        return None, "It is a share of nothing."
    if pair.tested and pair.metric.name == "accuracy":
        base = read.answers(connection, [cell.id for cell in pair.base_cells])
        candidate = read.answers(connection, [cell.id for cell in pair.candidate_cells])
        repeated = min(len(pair.base), len(pair.candidate)) > 1
        apart = significance.design_effect([before, after])
        if apart > CLUSTERED:
            return significance.of_counts(before, after), "Runs of a side differ much."
        if found := significance.of_cases(base, candidate, repeated):
            common = len(base.keys() & candidate.keys())
            alone = len(base) + len(candidate) - 2 * common
            return found, f"{alone} cases were answered on one side alone." if alone else ""
    found = significance.of_counts(before, after, pair.tested)
    return found, "" if found.p is not None or not pair.tested else "Both sides have the same."
