"""Benchmarks with right and wrong answers: what is asked, and how answers are judged."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeAlias

from slipstream.storage import bench_answers, results
from slipstream.storage.bench_answers import PENDING, AnswerRow
from slipstream.tasks.benchmarking.model import Metric
from slipstream.tasks.benchmarking.quality import measure as tasks
from slipstream.tasks.benchmarking.suite import Benchmark, Cell
from slipstream.tasks.benchmarking.tools import measure, scores

Asked: TypeAlias = "measure.Asked | tasks.Asked"
"""The cases of a benchmark: `digest`, `planned`, `requests` and `judged` of each request."""


def asked(benchmark: Benchmark, *, unlimited: bool = False) -> Asked:
    """What a benchmark asks.

    Raises:
        UsageError: There are no such cases, or they are not valid.
    """
    if benchmark.family == "tools":
        return measure.asked(benchmark)
    return tasks.asked(benchmark, unlimited=unlimited)


def requests_of(cell: Cell) -> int:
    """How many requests of a cell are measured, at the most.

    Raises:
        UsageError: Its cases are not valid.
    """
    benchmark = cell.benchmark
    planned = asked(benchmark, unlimited=True).planned(cell) if benchmark.cases else cell
    return planned.benchmark.iterations


def settle(
    connection: results.Connection, cell: int, cases: Asked, cancelled: Callable[[], bool]
) -> None:
    """Judge what is pending, on all cores; each is kept at once. What is cancelled stays pending.

    Args:
        connection: Of the thread that calls.
        cell: Whose answers.
        cases: What was asked.
        cancelled: Whether to end.

    Raises:
        UsageError: It cannot be judged here.
    """
    if isinstance(cases, measure.Asked):
        return  # those are judged as they come
    pending = [row for row in bench_answers.answers(connection, cell) if row.layer == PENDING]
    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def work(row: AnswerRow) -> AnswerRow:
            return row if cancelled() else cases.settled(row)

        for done in as_completed([pool.submit(work, row) for row in pending]):
            bench_answers.replace(connection, cell, done.result())


def metrics(rows: Sequence[AnswerRow], benchmark: Benchmark) -> list[Metric]:
    """What the answers of a benchmark amount to; see `tools.scores`."""
    if benchmark.family == "tools":
        return scores.metrics(rows, benchmark.repeats)
    return scores.metrics(rows, benchmark.repeats, tasks.LAYERS[benchmark.family])
