"""Benchmarks with right and wrong answers: what is asked, and how answers are judged."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from slipstream.storage import bench_answers, results
from slipstream.storage.bench_answers import PENDING, AnswerRow
from slipstream.tasks.benchmarking.model import Metric
from slipstream.tasks.benchmarking.suite import Benchmark, Cell
from slipstream.tasks.benchmarking.tools import measure, scores

if TYPE_CHECKING:
    from slipstream.tasks.benchmarking.quality import measure as tasks

Asked: TypeAlias = "measure.Asked | tasks.Asked"
"""The cases of a benchmark: `digest`, `requests` and `judged` of each request."""


def asked(benchmark: Benchmark, *, unlimited: bool = False) -> Asked:
    """What a benchmark asks.

    Raises:
        UsageError: There are no such cases, or they are not valid.
    """
    if benchmark.family == "tools":
        return measure.asked(benchmark)
    # not imported where nothing of it is asked: every benchmark starts here
    from slipstream.tasks.benchmarking.quality import measure as tasks

    return tasks.asked(benchmark, unlimited=unlimited)


def planned(cell: Cell, cases: Asked) -> Cell:
    """A cell with as many requests as its cases make."""
    new = {"iterations": len(cases.cases) * cases.repeats}
    return cell._replace(benchmark=cell.benchmark.model_copy(update=new))


def requests_of(cell: Cell) -> int:
    """How many requests of a cell are measured, at the most.

    Raises:
        UsageError: Its cases are not valid.
    """
    benchmark = cell.benchmark
    if benchmark.cases:
        cell = planned(cell, asked(benchmark, unlimited=True))
    return cell.benchmark.iterations


def settle(home: Path, cell: int, cases: Asked, cancelled: Callable[[], bool]) -> None:
    """Judge what is pending, on all cores; each is kept at once. What is cancelled stays pending.

    Args:
        home: The data folder; a connection is opened for the thread that calls.
        cell: Whose answers.
        cases: What was asked.
        cancelled: Whether to end.

    Raises:
        StorageError: What was judged cannot be kept.
        UsageError: It cannot be judged here.
    """
    if isinstance(cases, measure.Asked):
        return  # those are judged as they come

    def work(row: AnswerRow) -> AnswerRow:
        return row if cancelled() else cases.settled(row)

    with results.opened(home) as connection, ThreadPoolExecutor(os.cpu_count()) as pool:
        pending = [row for row in bench_answers.answers(connection, cell) if row.layer == PENDING]
        for done in as_completed([pool.submit(work, row) for row in pending]):
            bench_answers.replace(connection, cell, done.result())


def metrics(rows: Sequence[AnswerRow], benchmark: Benchmark) -> list[Metric]:
    """What the answers of a benchmark amount to; see `tools.scores`."""
    if benchmark.family == "tools":
        return scores.metrics(rows, benchmark.repeats)
    from slipstream.tasks.benchmarking.quality.measure import LAYERS

    return scores.metrics(rows, benchmark.repeats, LAYERS[benchmark.family])
