"""`slip bench`: its commands; the suites that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from slipstream.cli import (
    bench_ab,
    bench_baseline,
    bench_calibrate,
    bench_comparisons,
    bench_results,
    bench_run,
    bench_serve_local,
    bench_simulate,
    bench_tools,
    bench_trend,
    output,
)

if TYPE_CHECKING:
    from slipstream.tasks.benchmarking.suite import Suite

app = typer.Typer(no_args_is_help=True, help="Measure model servers, so that it can be believed.")


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="bench")


@app.command("list")
def listed(
    suite: Annotated[str, typer.Argument(help="A suite: show its benchmarks.")] = "",
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of suite files.")
    ] = False,
    families: Annotated[
        bool, typer.Option("--families", help="List what kinds of benchmarks there are.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """List the suites, or the benchmarks of one.

    \b
    slip bench list
    slip bench list throughput
    """
    from slipstream.tasks.benchmarking import suite as suites

    if schema:
        output.print_json(suites.schema())
        return 0
    if families:
        _print_families(json=json)
        return 0
    if suite:
        from slipstream.tasks.benchmarking import judging

        found = suites.load(suite)
        if json:
            output.print_json(found.model_dump(mode="json"))
            return 0
        rows = [
            (c.benchmark.name, c.benchmark.family, c.label, judging.requests_of(c))
            for c in suites.cells(found)
        ]
        output.print_table(("benchmark", "family", "load", "requests"), rows, "requests")
        return 0
    every = [suites.load(name) for name in suites.shipped()]
    if json:
        output.print_json([found.model_dump(mode="json") for found in every])
        return 0
    output.print_table(
        ("suite", "cells", "families", "what"),
        [(s.name, len(suites.cells(s)), _families(s), s.description) for s in every],
        "cells",
    )
    return 0


def _print_families(*, json: bool) -> None:
    """Print all families, and which suites have benchmarks of them."""
    from slipstream.tasks.benchmarking import suite as suites

    every = [suites.load(name) for name in suites.shipped()]
    rows = [
        (name, what, ", ".join(s.name for s in every if name in {b.family for b in s.benchmarks}))
        for name, what in suites.FAMILIES.items()
    ]
    if json:
        output.print_json([{"family": f, "what": what, "suites": of} for f, what, of in rows])
        return
    output.print_table(("family", "what", "suites"), rows)


def _families(suite: Suite) -> str:
    return ", ".join(dict.fromkeys(benchmark.family for benchmark in suite.benchmarks))


bench_run.register(app)
bench_ab.register(app)
bench_baseline.register(app)
bench_calibrate.register(app)
bench_results.register(app)
bench_comparisons.register(app)
bench_trend.register(app)
bench_simulate.register(app)
bench_tools.register(app)
bench_serve_local.register(app)
