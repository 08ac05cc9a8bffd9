"""`slip bench baseline`: the runs that others are compared with, by suite, model and machine."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from slipstream.cli import bench_measure, bench_options, output
from slipstream.storage import paths
from slipstream.storage.errors import NotFoundError

if TYPE_CHECKING:
    from slipstream.storage.bench import RunRecord
    from slipstream.storage.bench_baselines import Baseline
    from slipstream.storage.results import Connection

HEADERS = ("suite", "model", "machine", "set", "runs")
app = typer.Typer(no_args_is_help=True, help="The runs that others are compared with.")
Of = Annotated[
    str,
    typer.Argument(
        metavar="[RUN]",
        help="That of a run's suite, model and machine; default: the one that was set last.",
    ),
]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.add_typer(app, name="baseline")


@app.command("set")
def set_(
    run: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="As for `slip compare`; default: latest."),
    ] = None,
    json: bench_options.Json = False,
) -> int:
    """Make runs, or a series of them, the baseline of their suite, model and machine.

    \b
    slip bench baseline set
    slip bench baseline set nightly
    slip bench baseline set 3f2a 41bc 77d0
    """
    from slipstream.storage import bench_names, results
    from slipstream.tasks.benchmarking import baselines

    with results.opened(paths.home()) as connection:
        named = [bench_names.together(connection, name) for name in run or [bench_names.LATEST]]
        chosen = {found.id: found for runs in named for found in runs}
        made = baselines.set_(connection, list(chosen.values()))
    if json:
        output.print_json(made._asdict())
    else:
        _print([made])
    return 0


@app.command("list")
def listed(json: bench_options.Json = False) -> int:
    """List the baselines, the one that was set last first.

    \b
    slip bench baseline list
    """
    from slipstream.storage import bench_baselines, results

    with results.opened(paths.home()) as connection:
        found = bench_baselines.all_(connection)
    if json:
        output.print_json([baseline._asdict() for baseline in found])
    else:
        _print(found)
    return 0


@app.command()
def show(run: Of = "", json: bench_options.Json = False) -> int:
    """Show a baseline's figures, and how much they vary from run to run: the noise floor.

    \b
    slip bench baseline show
    slip bench baseline show latest --json
    """
    from slipstream.storage import results
    from slipstream.tasks.benchmarking import baselines

    with results.opened(paths.home()) as connection:
        baseline = _of(connection, run)
        figures = baselines.steadiness(connection, baseline, output.warn)
    if json:
        output.print_json(baseline._asdict() | {"figures": [row._asdict() for row in figures]})
        return 0
    _print([baseline])
    shown = [
        (*row[:5], f"{row.median:.4g}", None if row.noise is None else f"{row.noise:.1%}")
        for row in figures
    ]
    output.print_table(baselines.Steadiness._fields, shown, "runs median noise")
    if len(baseline.runs) == 1:
        output.note(
            "one run does not tell how much runs vary: `slip bench baseline calibrate` repeats it"
        )
    return 0


@app.command()
def rm(
    run: Of = "",
    force: Annotated[bool, typer.Option("--force", help="Do not ask.")] = False,
) -> int:
    """Take a baseline away, after asking; its runs stay as long as others do.

    \b
    slip bench baseline rm latest
    """
    from slipstream.storage import bench_baselines, results

    with results.opened(paths.home()) as connection:
        found = _of(connection, run)
        what = f"{found.suite}, {found.model}, machine {found.machine}"
        if not output.confirm(f"Take the baseline of {what} away?", force=force):
            return 1
        bench_baselines.remove(connection, found.key)
    return 0


@app.command()
def calibrate(
    run: Of = "",
    runs: Annotated[
        int, typer.Option("--runs", min=2, max=100, help="That it is to have in the end.")
    ] = 5,
    base_url: Annotated[str, typer.Option("--base-url", help="The server, if it has moved.")] = "",
    timeout: bench_options.Timeout = 120.0,
    tokenizer: bench_options.Tokenizer = "",
    processes: bench_options.Processes = 0,
    calibrate: bench_options.Calibrate = True,
) -> int:
    """Repeat a baseline's runs on its server, so that it is known how much they vary.

    \b
    slip bench baseline calibrate --runs 5
    """
    from slipstream.cli import bench_series
    from slipstream.storage import bench, results
    from slipstream.storage.config.load import load
    from slipstream.tasks.benchmarking import baselines, prepare, series

    home = paths.home()
    with results.opened(home) as connection:
        baseline = _of(connection, run)
        if len(baseline.runs) >= runs:
            raise NotFoundError(
                f"The baseline has {len(baseline.runs)} runs already; ask for more with --runs."
            )
        before = [_stored(connection, identity) for identity in baseline.runs]
        repeated = bench.series(connection, before[-1].series) or before[-1:]
        missing = runs - len({run.id for run in before + repeated})
        first, of = repeated[0], len(repeated) + max(missing, 0)
    with ExitStack() as stack:
        suite, url = series.suite_of(first), base_url or prepare.address_of(before[-1])
        url, _ = bench_measure.server_for(stack, suite, url, "")
        how = prepare.options_for(load().config, url, first.model, timeout, tokenizer)
        proof = prepare.limit_of(home, stack, output.note) if calibrate else None
        turns = series.turns(suite, how._replace(processes=processes), first.id, of)
        done = bench_measure.measured(home, turns, proof)
    status = bench_series.finished(home, done, of)
    if status == 0:
        with results.opened(home) as connection:
            baselines.set_(connection, list({run.id: run for run in before + done}.values()))
    return status


def _of(connection: Connection, name: str) -> Baseline:
    """The baseline that is meant.

    Raises:
        NotFoundError: There is none.
    """
    from slipstream.storage import bench_baselines, bench_names
    from slipstream.tasks.benchmarking import baselines

    if not name:
        return bench_names.baseline(connection)
    run = bench_names.resolve(connection, name)
    if found := bench_baselines.get(connection, baselines.key_of(run)):
        return found
    raise NotFoundError(
        f"There is no baseline of {run.suite}, {run.model} on the machine of run {run.id}; "
        "`slip bench baseline set` makes one."
    )


def _stored(connection: Connection, identity: str) -> RunRecord:
    from slipstream.storage import bench

    found = bench.run(connection, identity)
    assert found is not None  # a baseline's runs go with it alone
    return found


def _print(found: list[Baseline]) -> None:
    rows = [
        (b.suite, b.model, b.machine, output.time_text(b.set_ns), " ".join(b.runs)) for b in found
    ]
    output.print_table(HEADERS, rows)
