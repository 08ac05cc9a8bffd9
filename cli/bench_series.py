"""What is shown when runs have ended: their figures, and how they stand to the baseline."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slipstream.cli import bench_results, output
from slipstream.storage.errors import SlipError

if TYPE_CHECKING:
    from slipstream.storage.bench import MetricRow, RunRecord
    from slipstream.storage.results import Connection

INTERRUPTED, REGRESSION = 130, 3
FIGURES = (
    ("accuracy", "value"), ("ttft", "p50"), ("itl", "p50"), ("e2e", "p50"), ("ready", "p50"),
    ("requests", "value"), ("output_tokens", "value"), ("goodput", "value"),
    ("error_rate", "value"),
)  # fmt: skip
HEADERS = ("benchmark", "load", "figure", "unit", "runs", "median", "lowest", "highest", "spread")


def finished(
    home: Path,
    runs: Sequence[RunRecord],
    of: int,
    *,
    baseline: bool = False,
    fail_on: str = "",
    json: bool = False,
) -> int:
    """Show runs that have just ended; they become the baseline, or are held against it.

    Args:
        home: The data folder.
        runs: In their order; the last one may have been cut off, and others be missing.
        of: How many there were to be; 1: a single run.
        baseline: They are to become the baseline, if all were run to their end.
        fail_on: See `--fail-on`; empty: a regression is told, and no failure.
        json: Print JSON.

    Returns:
        The exit status.

    Raises:
        SlipError: The last one was stopped.
    """
    from slipstream.storage import results
    from slipstream.tasks.benchmarking import baselines

    if not runs:
        output.note("nothing was measured")
        return INTERRUPTED
    last = runs[-1]
    with results.opened(home) as connection:
        _show(connection, runs, of, json=json)
        if last.state == "stopped":
            raise SlipError(f"The run was stopped: {last.reason}")
        if last.state == "cancelled" or len(runs) < of:
            more = f" --repeat {of}" if of > 1 else ""
            output.note(f"`slip bench run --resume {last.id}{more}` goes on where it was cut off")
            return INTERRUPTED
        if baseline:
            baselines.set_(connection, runs)
            output.note(f"this is the baseline of {last.suite}, {last.model}, on this machine")
            return 0
        return _held(connection, last, fail_on)


def _held(connection: Connection, run: RunRecord, fail_on: str) -> int:
    """Say how a run stands to its baseline, where it has one; whether that is a failure."""
    from slipstream.storage import bench_baselines
    from slipstream.tasks.benchmarking import baselines

    if bench_baselines.get(connection, baselines.key_of(run)) is None:
        return 0  # known without what takes a second to import
    from slipstream.storage.config.load import load
    from slipstream.tasks.benchmarking import against

    try:
        found = against.baseline(connection, run, against.policy(load().config.bench))
    except SlipError as error:
        if fail_on:
            raise
        output.warn(f"it was not compared with its baseline: {error}")
        return 0
    if found is None:
        return 0
    names = f"{found.base.name} {found.candidates[0].side.name}"
    output.note(
        f"against the baseline: {against.sentence(found)} `slip compare {names}` shows all of it"
    )
    return REGRESSION if fail_on and against.fails(found, fail_on) else 0


def _show(connection: Connection, runs: Sequence[RunRecord], of: int, *, json: bool) -> None:
    from slipstream.tasks.benchmarking import export

    if of == 1:
        bench_results.show_run(connection, runs[-1], json=json)
    elif json:
        output.print_json([export.to_json(connection, run, samples=False) for run in runs])
    else:
        table(connection, runs)


def table(connection: Connection, runs: Sequence[RunRecord]) -> None:
    """Print of each figure the median of the runs, and how far they are apart."""
    from slipstream.storage import bench

    found: dict[tuple[str, str], dict[tuple[str, str], list[MetricRow]]] = {}
    for run in runs:
        for cell in bench.cells(connection, run.id):
            of_cell = found.setdefault((cell.benchmark, cell.label), {})
            for metric in bench.metrics(connection, cell.id):
                of_cell.setdefault((metric.name, metric.statistic), []).append(metric)
    rows = [
        (*cell, *_row(figure, metrics[figure]))
        for cell, metrics in found.items()
        for figure in FIGURES
        if figure in metrics
    ]
    output.print_table(HEADERS, rows, " ".join(HEADERS[4:]))


def _row(figure: tuple[str, str], metrics: Sequence[MetricRow]) -> tuple[str | int | None, ...]:
    from slipstream.cli.bench_view import number

    first = metrics[0]
    values = [metric.value for metric in metrics]
    middle, low, high = statistics.median(values), min(values), max(values)
    name = " ".join(part for part in figure if part != "value")
    spread = f"{(high - low) / middle:.1%}" if middle else None
    shown = [number(first._replace(value=value)) for value in (middle, low, high)]
    return (name, first.unit, len(values), *shown, spread)
