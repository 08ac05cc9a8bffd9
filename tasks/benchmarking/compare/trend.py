"""The history of a metric: where it changed, and whether it drifts.

Change points by PELT (Killick, Fearnhead and Eckley, JASA 107, 2012) over the logarithms of the
figures, with a cost of the median, so that a single bad run is none; each is kept only if the
figures on both sides of it differ by a rank test, all of a history corrected together, and by more
than what matters. A steady drift by Theil and Sen's slope, where Mann and Kendall's test sees one
and no step explains it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from slipstream.storage.connection import Connection
from slipstream.storage.errors import NotFoundError
from slipstream.tasks.benchmarking import environment
from slipstream.tasks.benchmarking.compare.model import ChangePoint, Point, Trend
from slipstream.tasks.benchmarking.compare.significance import holm
from slipstream.tasks.benchmarking.model import Direction

FEWEST = 10  # points of a history that can be judged: a rank test of 5 and 5 reaches 0.8 %
SEGMENT = 4  # points between two changes at least
ALPHA, ALPHA_DRIFT = 0.05, 0.01  # errors per history; of steps none was seen in simulations
MATTERS = 0.02  # as a share: a smaller step, or a drift over the whole history, is not shown
FINE = 200  # points of which each may be a change; of more every second, every third …
PENALTY = 3.0  # in logarithms of the number of points, per change
DRIFT_OVER = 10  # runs, over which a drift is told


class _Row(NamedTuple):
    benchmark: str
    label: str
    unit: str
    direction: Direction
    point: Point


def trend(
    connection: Connection,
    metric: str,
    *,
    statistic: str = "",
    suite: str = "",
    model: str = "",
    benchmark: str = "",
    label: str = "",
    limit: int = 200,
) -> Trend:
    """The history of a metric over the runs of a suite and a model that were done.

    Args:
        connection: To the results.
        metric: Such as `ttft`.
        statistic: Such as `p95`; empty: `p50`, or the only one that there is.
        suite: Its name; empty: that of the newest run which has the metric.
        model: Its name; empty: that of the newest run of the suite which has it.
        benchmark: Its name; empty: the first that has the metric.
        label: The cell's load; empty: the first of the benchmark.
        limit: The newest so many runs.

    Raises:
        NotFoundError: No run has it.
        results.Error: The results cannot be read.
    """
    found = connection.execute(
        "SELECT r.suite, r.model, c.benchmark, c.label, m.statistic FROM bench_metrics m"
        " JOIN bench_cells c ON c.id = m.cell_id JOIN bench_runs r ON r.seq = c.run_seq"
        " WHERE m.name = ? AND r.state = 'done' AND ? IN ('', m.statistic) AND ? IN ('', r.suite)"
        " AND ? IN ('', r.model) AND ? IN ('', c.benchmark) AND ? IN ('', c.label)"
        " ORDER BY r.seq DESC, c.position, CASE m.statistic WHEN 'p50' THEN 0 ELSE 1 END, m.id"
        " LIMIT 1",
        (metric, statistic, suite, model, benchmark, label),
    ).fetchone()
    if found is None:
        asked = " ".join(filter(None, (benchmark, label, metric, statistic)))
        raise NotFoundError(
            f"No run has the metric {asked}; `slip bench show --json` names those of a run."
        )
    rows = connection.execute(
        "SELECT r.id, r.started_ns, m.value, m.low, m.high, r.environment, m.unit, m.direction"
        " FROM bench_metrics m JOIN bench_cells c ON c.id = m.cell_id"
        " JOIN bench_runs r ON r.seq = c.run_seq WHERE r.state = 'done' AND r.suite = ?"
        " AND r.model = ? AND c.benchmark = ? AND c.label = ? AND m.statistic = ? AND m.name = ?"
        " ORDER BY r.started_ns DESC, r.seq DESC LIMIT ?",
        (*found, metric, min(limit, 1 << 31)),
    ).fetchall()
    suite, model, benchmark, label, statistic = found
    points, lost = [], 0
    for run, at_ns, value, low, high, about, *_ in reversed(rows):
        try:
            if value is None or not math.isfinite(value):
                raise ValueError
            points.append(_point(run, at_ns, value, low, high, json.loads(about)))
        except (ValueError, TypeError, AttributeError):
            lost += 1
    unit, direction = rows[0][-2:]
    values = [point.value for point in points]
    changes = change_points(values) if len(values) >= FEWEST else ()
    slope = None if changes or len(values) < FEWEST else drift(values)
    notes = []
    if len(values) < FEWEST:
        notes.append(
            f"{FEWEST} runs are needed to tell a change from noise; there are {len(values)}."
        )
    if lost:
        notes.append(f"{lost} runs are damaged or have no finite figure and were left out.")
    if len({point.environment for point in points}) > 1:
        notes.append("The runs were made on different machines or servers, which the points show.")
    return Trend(
        benchmark, label, metric, statistic, unit, direction, suite, model, tuple(points),
        tuple(changes), slope, " ".join(notes),
    )  # fmt: skip


def _point(
    run: str,
    at_ns: int,
    value: float,
    low: float | None,
    high: float | None,
    about: dict[str, object],
) -> Point:
    server = about.get("server")
    told = server.get("version") if isinstance(server, dict) else ""
    machine = environment.fingerprint(about)
    where = f"{machine} {told}" if told else machine
    return Point(run, at_ns, value, low, high, str(about.get("commit") or ""), where)


def change_points(values: Sequence[float]) -> list[ChangePoint]:
    """Where values changed for good.

    Args:
        values: Finite ones, oldest first, FEWEST at least.
    """
    import numpy as np
    from ruptures import Pelt
    from scipy.stats import mannwhitneyu

    series = np.log(values) if min(values) > 0 else np.array(values, float)
    steps = np.abs(np.diff(series))
    noise = float(np.median(steps)) / 0.954  # the median of |N(0, 2)|: makes it a deviation
    if not noise:
        noise = float(steps.mean()) or 1.0
    jump = math.ceil(series.size / FINE)
    search = Pelt(model="l1", min_size=SEGMENT, jump=jump).fit(series / noise)
    places = search.predict(pen=PENALTY * math.log(series.size))[:-1]
    found, chances = [], []
    for place, (start, end) in zip(places, _around(places, series.size), strict=True):
        before, after = values[start:place], values[place:end]
        chances.append(float(mannwhitneyu(before, after).pvalue))
        old, new = median(before), median(after)
        share = (new - old) / (abs(old) or abs(new) or 1.0)  # from zero it is the whole
        found.append(ChangePoint(place, old, new, share, 1.0))
    corrected = holm(chances, [1.0] * len(chances))
    made = (change._replace(p=p) for change, p in zip(found, corrected, strict=True))
    return [change for change in made if change.p <= ALPHA and abs(change.relative) >= MATTERS]


def _around(places: Sequence[int], size: int) -> list[tuple[int, int]]:
    """For each place the one before and the one after."""
    bounds = [0, *places, size]
    return [(bounds[rank], bounds[rank + 2]) for rank in range(len(places))]


def drift(values: Sequence[float]) -> float | None:
    """The relative change over ten runs of a steady drift; None: there is none to be seen.

    Args:
        values: Finite ones, oldest first.
    """
    from scipy.stats import kendalltau, theilslopes

    middle = abs(median(values))
    if not middle or kendalltau(range(len(values)), values).pvalue > ALPHA_DRIFT:
        return None
    slope = float(theilslopes(values)[0]) / middle
    return slope * DRIFT_OVER if abs(slope) * len(values) >= MATTERS else None
