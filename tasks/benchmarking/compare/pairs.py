"""Which figure is held against which: the same benchmark, load, metric and statistic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from slipstream.tasks.benchmarking.compare.read import Cell, Run
from slipstream.tasks.benchmarking.model import Direction, Metric

TESTED: dict[str, tuple[str, ...]] = {
    "ttft": ("p50", "p95"),
    "tpot": ("p50", "p95"),
    "output_tokens": ("value",),
    "error_rate": ("value",),
    "accuracy": ("value",),
    "ready": ("p50",),
    "first_token": ("p50",),
    "encoding": ("p50",),
    "batch": ("p50",),
    "server_memory": ("max",),
}
"""What is tested, by metric: one figure of each independent kind, and the tails of requests.
Others follow from them (`e2e` is `ttft` and as often `tpot` as there are tokens), and each further
test makes all of them weaker. A metric that is neither here nor in `SHOWN` is a user's own, and
tested as well."""
SHOWN = frozenset(
    "ttft_reasoning ttft_content ttft_tool_call itl e2e ttft_scheduled e2e_scheduled dispatch_lag"
    " loop_lag requests total_tokens goodput goodput_share client_memory prompt_tokens"
    " cached_tokens completion_tokens reasoning_tokens score".split()
)
"""What is only shown."""
OF_ANSWERS = frozenset({"accuracy", "error_rate"})
"""What is tested of a cell whose answers are judged. A wrong answer has another length than the
right one, so that its speed says little, and a benchmark of speed beside it says more."""
FOLLOWING = ("output_tokens", "p95")
LESS = 0.25
"""The weight in Holm's correction of what mostly follows from other tested metrics, by metric or
statistic: throughput and the tails. Medians and errors keep more of the power so."""
TAILS = {"p95": 40}
"""How many values a percentile must rest on to be tested: two lie beyond it."""


class Figure(NamedTuple):
    """A figure of a run."""

    at_ns: int
    metric: Metric


class Pair(NamedTuple):
    """A metric of a cell on both sides.

    Attributes:
        benchmark: The benchmark's name.
        label: The cell's load.
        metric: Its name, unit and direction; of the side that has it.
        base: One figure for each run that has it, oldest first.
        candidate: The same.
        base_cells: Of the base's runs.
        candidate_cells: The same of the candidate's.
        withheld: Why a side has none; empty: it has, or there is no reason.
        note: What has to be said of its figures.
        weight: In the correction of all tests; 0: it is not tested.
    """

    benchmark: str
    label: str
    metric: Metric
    base: tuple[Figure, ...]
    candidate: tuple[Figure, ...]
    base_cells: tuple[Cell, ...]
    candidate_cells: tuple[Cell, ...]
    withheld: str
    note: str
    weight: float

    @property
    def tested(self) -> bool:
        """Whether it is; see `TESTED`."""
        return self.weight > 0


def pair(base: Sequence[Run], candidate: Sequence[Run]) -> Iterator[Pair]:
    """All metrics of either side, in the order in which they were measured."""
    sides = (base, candidate)
    cells = dict.fromkeys(key for runs in sides for run in runs for key in run.cells)
    for key in cells:
        of = [[(run, run.cells[key]) for run in runs if key in run.cells] for runs in sides]
        own = [tuple(cell for _, cell in found) for found in of]
        withheld = [next((c.withheld for _, c in found if c.withheld), "") for found in of]
        metrics = dict.fromkeys(m for found in of for _, cell in found for m in cell.metrics)
        judged = ("accuracy", "value") in metrics
        for metric in metrics:
            found = [
                [
                    Figure(run.record.started_ns, cell.metrics[metric])
                    for run, cell in f
                    if metric in cell.metrics
                ]
                for f in of
            ]
            sound = [tuple(f for f in figures if _finite(f.metric.value)) for figures in found]
            lost = sum(map(len, found)) - sum(map(len, sound))
            first = next(f.metric for figures in found for f in figures)
            yield Pair(
                *key, first, sound[0], sound[1], own[0], own[1],
                next((why for why, f in zip(withheld, sound, strict=True) if why and not f), ""),
                f"{lost} of its figures are not finite and were left out." if lost else "",
                _weight(metric, first, sound, judged),
            )  # fmt: skip


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _weight(
    key: tuple[str, str], metric: Metric, sides: Sequence[Sequence[Figure]], judged: bool
) -> float:
    name, statistic = key
    if metric.direction == "none" or not all(sides):
        return 0.0
    if judged and name in TESTED and name not in OF_ANSWERS:
        return 0.0
    if name not in TESTED:  # a user's own: its middle, or its only figure
        return float(name not in SHOWN and statistic in ("p50", "value"))
    enough = all(median(f.metric.size for f in s) >= TAILS.get(statistic, 0) for s in sides)
    if statistic not in TESTED[name] or not enough:
        return 0.0
    return LESS if name in FOLLOWING or statistic in FOLLOWING else 1.0


def middle(figures: Sequence[Figure]) -> float | None:
    """The median of a side's figures; None: it has none."""
    return median(f.metric.value for f in figures) if figures else None


def worse(direction: Direction, difference: float) -> bool:
    """Whether a difference is for the worse."""
    return difference > 0 if direction == "lower" else difference < 0
