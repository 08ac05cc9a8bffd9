"""`slip bench results|show|export|import|delete|tag`: what was measured before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipstream.cli import output
from slipstream.storage import paths
from slipstream.storage.errors import NotFoundError, SlipError, UsageError

if TYPE_CHECKING:
    from slipstream.storage.bench import RunRecord
    from slipstream.storage.results import Connection

Run = Annotated[
    str, typer.Argument(metavar="RUN", help="latest, latest~1, baseline, a tag, a date, an id.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FORMATS = ("json", "csv", "samples")


def register(group: typer.Typer) -> None:
    """Add the commands."""
    for name, function in (
        ("results", results),
        ("show", show),
        ("export", export),
        ("import", import_),
        ("delete", delete),
        ("tag", tag),
    ):
        group.command(name)(function)


def results(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Runs to show.")] = 20,
    suite: Annotated[str, typer.Option("--suite", "-s", help="Only of this suite.")] = "",
    model: Annotated[str, typer.Option("--model", "-m", help="Only of this model.")] = "",
    json: Json = False,
) -> int:
    """List the runs, newest first.

    \b
    slip bench results
    slip bench results --suite throughput --json
    """
    from slipstream.storage import bench, bench_baselines
    from slipstream.tasks.benchmarking.alone import under_way

    with _database() as connection:
        found = bench.runs(connection, limit, suite=suite, model=model)
        baselines = {run for found in bench_baselines.all_(connection) for run in found.runs}
        tags = {run.id: bench.tags(connection, run.id) for run in found}
    if any(run.state == bench.RUNNING for run in found) and not under_way():
        found = [
            run._replace(state="cut off") if run.state == bench.RUNNING else run for run in found
        ]
    if json:
        told = [
            _plain(run) | {"tags": tags[run.id], "baseline": run.id in baselines} for run in found
        ]
        output.print_json(told)
        return 0
    rows = [
        (run.id, output.time_text(run.started_ns), run.suite, run.model, run.base_url, run.state,
         run.series, " ".join([*(["baseline"] if run.id in baselines else []), *tags[run.id]]))
        for run in found
    ]  # fmt: skip
    headers = ("run", "when", "suite", "model", "server", "state", "series", "tags")
    output.print_table(headers, rows)
    return 0


def show(
    run: Run = "latest",
    without_outliers: Annotated[
        bool, typer.Option("--without-outliers", help="Leave outlying requests out.")
    ] = False,
    failures: Annotated[
        bool, typer.Option("--failures", help="Show wrong answers as well, where it has such.")
    ] = False,
    json: Json = False,
) -> int:
    """Show the figures of a run, what went wrong, and what to be careful about.

    \b
    slip bench show
    slip bench show baseline --json
    slip bench show latest --without-outliers
    slip bench show latest --failures
    """
    from slipstream.storage import bench_names

    with _database() as connection:
        found = bench_names.resolve(connection, run)
        if without_outliers:
            show_without_outliers(connection, found)
        else:
            show_run(connection, found, json=json, failures=failures)
    return 0


def export(
    run: Run = "latest",
    form: Annotated[
        str, typer.Option("--format", "-f", help="json (whole), csv (figures), samples (csv).")
    ] = "json",
    to: Annotated[str, typer.Option("--output", "-o", help="Write to a file instead.")] = "",
) -> int:
    """Export a run, every request included.

    \b
    slip bench export latest -o run.json
    slip bench export latest --format samples -o samples.csv
    """
    import json

    from slipstream.storage import bench_names
    from slipstream.tasks.benchmarking import export as exports

    if form not in FORMATS:
        raise UsageError(f"--format {form} is none of {', '.join(FORMATS)}.")
    with _database() as connection:
        found = bench_names.resolve(connection, run)
        if form == "json":
            _write([json.dumps(exports.to_json(connection, found), indent=1), "\n"], to)
        else:
            lines = exports.metrics_csv if form == "csv" else exports.samples_csv
            _write(lines(connection, found), to)
    return 0


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `export` wrote, as JSON.")],
) -> int:
    """Store a run that was exported, from another machine for one.

    \b
    slip bench import run.json
    """
    from slipstream.tasks.benchmarking import export as exports

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"{str(file)!r} cannot be read: {reason}.") from error
    with _database() as connection:
        found = exports.from_json(connection, text, str(file))
    print(found.id)
    return 0


def delete(
    run: Annotated[str, typer.Argument(metavar="RUN", help="As for `slip bench show`.")],
    force: Annotated[bool, typer.Option("--force", help="Do not ask.")] = False,
) -> int:
    """Remove a run with all its samples, after asking.

    \b
    slip bench delete 3f2a
    """
    from slipstream.storage import bench, bench_baselines, bench_names

    with _database() as connection:
        found = bench_names.resolve(connection, run)
        about = f"{found.suite}, {output.time_text(found.started_ns)}"
        if any(found.id in baseline.runs for baseline in bench_baselines.all_(connection)):
            about += ", of a baseline"
        if not output.confirm(f"Remove run {found.id} ({about})?", force=force):
            return 1
        bench.delete(connection, found.id)
    return 0


def tag(
    run: Annotated[str, typer.Argument(metavar="RUN", help="As for `slip bench show`.")],
    name: Annotated[
        str, typer.Argument(metavar="TAG", help="`baseline`: `slip bench baseline set`.")
    ],
    remove: Annotated[bool, typer.Option("--remove", help="Take it away.")] = False,
) -> int:
    """Give a run a name; a name belongs to one run at a time.

    \b
    slip bench tag 3f2a v1.2
    slip bench tag latest baseline
    """
    from slipstream.storage import bench, bench_baselines, bench_names
    from slipstream.tasks.benchmarking import baselines

    with _database() as connection:
        found = bench_names.resolve(connection, run)
        if name == bench_names.BASELINE and remove:
            if not bench_baselines.remove(connection, baselines.key_of(found)):
                raise NotFoundError(f"There is no baseline for run {found.id}.")
        elif name == bench_names.BASELINE:
            baselines.set_(connection, [found])
        elif not remove:
            bench_names.check_tag(name)
            bench.add_tag(connection, found.id, name)
        elif name not in bench.tags(connection, found.id):
            raise NotFoundError(f"Run {found.id} has no tag {name}.")
        else:
            bench.remove_tag(connection, name)
    return 0


def show_run(connection: Connection, run: RunRecord, *, json: bool, failures: bool = False) -> None:
    """Print a run."""
    from slipstream.cli import bench_tools_view, bench_view
    from slipstream.storage import bench
    from slipstream.tasks.benchmarking import export as exports

    if json:
        output.print_json(exports.to_json(connection, run, samples=False))
        return
    cells = bench.cells(connection, run.id)
    rows = [(cell, bench.metrics(connection, cell.id)) for cell in cells]
    state = run.state if not run.reason else f"{run.state}: {run.reason}"
    output.note(f"run {run.id}, {run.suite}, {run.model} on {run.base_url}, {state}")
    bench_view.table(rows)
    bench_view.families(rows)
    judged = bench_tools_view.scored(connection, run)
    bench_tools_view.show(judged, most=None if failures else 0)
    found: Counter[str] = Counter()
    for cell, metrics in rows:
        found.update(bench.tally(connection, cell.id, "fault"))
        sources = set(bench.tally(connection, cell.id, "source"))
        told = bench_view.Told(sources, *bench.disagreeing(connection, cell.id))
        for caution in bench_view.cautions(cell, metrics, told):
            output.warn(caution)
    for line in bench_view.faults(found):
        output.warn(line)


def show_without_outliers(connection: Connection, run: RunRecord) -> None:
    """Print what the figures of a run would be without outliers; what is stored stays."""
    from slipstream.cli import bench_view
    from slipstream.storage import bench
    from slipstream.tasks.benchmarking import keep, metrics

    rows = []
    for cell in bench.cells(connection, run.id):
        samples = [keep.to_sample(row) for row in bench.samples(connection, cell.id)]
        kept, left_out = metrics.without_outliers(samples)
        limits = {
            name.removesuffix("_ms"): limit
            for name, limit in cell.settings["objectives"].items()
            if limit is not None
        }
        found = [keep.metric_row(m) for m in metrics.compute(kept, limits, run.seed)]
        rows.append((cell, found))
        output.note(f"{cell.benchmark}, {cell.label}: {left_out} outliers left out")
    bench_view.table(rows)


def _database() -> AbstractContextManager[Connection]:
    from slipstream.storage import results

    return results.opened(paths.home())


def _plain(run: RunRecord) -> dict[str, Any]:
    told = run._asdict()
    del told["suite_json"]
    return told


def _write(parts: Iterable[str], to: str) -> None:
    if not to:
        for part in parts:
            print(part, end="")
        return
    try:
        with open(to, "w", encoding="utf-8", newline="") as file:
            file.writelines(parts)
    except OSError as error:
        raise SlipError(f"{to!r} cannot be written: {error.strerror or error}.") from error
