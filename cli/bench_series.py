"""What is shown when runs have ended: their figures, and how they stand to the baseline."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from slipstream.cli import bench_results, output
from slipstream.storage.errors import SlipError, UsageError

if TYPE_CHECKING:
    from slipstream.storage.bench import MetricRow, RunRecord
    from slipstream.storage.results import Connection

INTERRUPTED = 130
FIGURES = (
    ("accuracy", "value"), ("ttft", "p50"), ("itl", "p50"), ("e2e", "p50"), ("ready", "p50"),
    ("requests", "value"), ("output_tokens", "value"), ("goodput", "value"),
    ("error_rate", "value"),
)  # fmt: skip
HEADERS = ("benchmark", "load", "figure", "unit", "runs", "median", "lowest", "highest", "spread")


def check_severity(fail_on: str) -> None:
    """See that `--fail-on` names a severity.

    Raises:
        UsageError: It does not.
    """
    from slipstream.storage.config.settings import FailOn

    if fail_on and fail_on not in get_args(FailOn):
        raise UsageError(f"--fail-on {fail_on} is none of {', '.join(get_args(FailOn))}.")


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
        runs: In their order; the last one may have been cut off.
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

    last = runs[-1]
    with results.opened(home) as connection:
        _show(connection, runs, of, json=json)
        if last.state == "cancelled":
            more = f" --repeat {of}" if of > 1 else ""
            output.note(f"`slip bench run --resume {last.id}{more}` goes on where it was cut off")
            return INTERRUPTED
        if last.state == "stopped":
            raise SlipError(f"The run was stopped: {last.reason}")
        if baseline:
            baselines.set_(connection, runs)
            output.note(f"they are the baseline of {last.suite}, {last.model}, on this machine")
            return 0
    return 0


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
