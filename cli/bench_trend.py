"""`slip bench trend`: how a metric went from run to run, and where it changed."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli import bench_options, report
from slipstream.cli.compare import Format, Output
from slipstream.storage import paths


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("trend")(trend)


def trend(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="Such as ttft, output_tokens.")],
    statistic: Annotated[
        str, typer.Option("--statistic", help="Such as p50, p95, mean; default: p50, or value.")
    ] = "",
    suite: Annotated[
        str, typer.Option("--suite", "-s", help="Runs of this suite; default: the latest run's.")
    ] = "",
    model: Annotated[
        str, typer.Option("--model", "-m", help="Runs of this model; default: the latest run's.")
    ] = "",
    benchmark: Annotated[
        str, typer.Option("--benchmark", "-b", help="Default: the first that has the metric.")
    ] = "",
    label: Annotated[
        str, typer.Option("--label", "-l", help="Its load, such as concurrency=8; default: first.")
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=10_000, help="Runs, the newest ones.")
    ] = 50,
    form: Format = "text",
    to: Output = "",
    json: bench_options.Json = False,
) -> int:
    """Show the history of a metric, and the runs from which on it changed.

    \b
    slip bench trend ttft
    slip bench trend output_tokens --suite throughput --benchmark sweep
    slip bench trend accuracy --format html -o accuracy.html
    """
    chosen = report.form_of(form, json=json)
    from slipstream.storage import results
    from slipstream.tasks.benchmarking.compare import trend as trends

    with results.opened(paths.home()) as connection:
        found = trends.trend(
            connection,
            metric,
            statistic=statistic,
            suite=suite,
            model=model,
            benchmark=benchmark,
            label=label,
            limit=limit,
        )
    report.trend(found, chosen, to)
    return 0
