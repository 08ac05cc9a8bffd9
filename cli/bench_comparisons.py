"""`slip bench comparisons`: comparisons as they were reported."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli import bench_options, output, report
from slipstream.cli.compare import Every, Format, Only, Output, Sort, options_of
from slipstream.storage import paths
from slipstream.storage.errors import NotFoundError

LATEST = "latest"


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("comparisons")(comparisons)


def comparisons(
    comparison: Annotated[
        str, typer.Argument(metavar="[ID]", help="Show this one, or the latest; default: list.")
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="Comparisons that are listed.")
    ] = 20,
    form: Format = "text",
    to: Output = "",
    sort: Sort = "severity",
    only: Only = "all",
    every: Every = False,
    json: bench_options.Json = False,
) -> int:
    """List the comparisons that were made, newest first, or show one again.

    \b
    slip bench comparisons
    slip bench comparisons latest --format html
    """
    chosen = report.form_of(form, json=json)
    options = options_of(sort, only, every)
    from slipstream.storage import bench_comparisons, results

    with results.opened(paths.home()) as connection:
        if not comparison:
            kept = bench_comparisons.newest(connection, limit)
        elif comparison == LATEST:
            kept = bench_comparisons.newest(connection, 1)
        else:
            kept = [found] if (found := bench_comparisons.get(connection, comparison)) else []
    if comparison:
        if not kept:
            raise NotFoundError(
                f"There is no comparison {comparison}; `slip bench comparisons` lists all."
            )
        from slipstream.tasks.benchmarking.reports.json import from_json

        report.comparison(from_json(kept[0].report), chosen, to, options)
        return 0
    if json:
        output.print_json([{k: v for k, v in one._asdict().items() if k != "report"}
                           for one in kept])  # fmt: skip
        return 0
    rows = [
        (one.id, output.time_text(one.created_ns), one.suite, one.base,
         " ".join(one.candidates), one.worst)
        for one in kept
    ]  # fmt: skip
    output.print_table(("comparison", "when", "suite", "base", "candidates", "worst"), rows)
    return 0
