"""`slip bench tools`: how often a model calls the right tool with the right arguments."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipstream.cli import bench_measure, bench_tools_view, bench_view, output
from slipstream.cli import bench_options as options
from slipstream.storage import paths
from slipstream.storage.errors import SlipError, UsageError

if TYPE_CHECKING:
    from slipstream.storage.bench import RunRecord

CASES = "coding"
SLOTS = 4  # requests at a time
INTERRUPTED = 130
WORDS = 16  # tokens of an answer of the simulated server that calls no tool


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(tools)


def tools(
    suite: Annotated[
        str,
        typer.Option(
            "--suite",
            "-s",
            help="Cases: coding, bfcl:simple_python (of an installed bfcl-eval), or a file.",
        ),
    ] = "",
    repeats: Annotated[
        int | None, typer.Option("--repeats", min=1, max=1000, help="How often each case is asked.")
    ] = None,
    parallel: Annotated[
        int | None,
        typer.Option("--parallel", "-c", min=1, max=100_000, help=f"Requests at a time; {SLOTS}."),
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option("--category", help="Only of this one; may be repeated.")
    ] = None,
    case: Annotated[
        list[str] | None, typer.Option("--case", help="Only this one; may be repeated.")
    ] = None,
    base_url: Annotated[
        str, typer.Option("--base-url", help="The server; without one the simulated one is run.")
    ] = "",
    model: options.Model = "",
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="Most tokens of an answer.")
    ] = None,
    limit: options.Limit = None,
    timeout: options.Timeout = 120.0,
    tag: Annotated[str, typer.Option("--tag", help="Give the run a name.")] = "",
    resume: Annotated[
        str, typer.Option("--resume", metavar="RUN", help="Go on with a run that was cut off.")
    ] = "",
    failures: Annotated[
        bool, typer.Option("--failures", help="Show all wrong answers, and as they were written.")
    ] = False,
    fail_under: Annotated[
        float | None,
        typer.Option(
            "--fail-under", min=0, max=1, metavar="SHARE", help="Exit with 1 below this accuracy."
        ),
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="List the files of cases, or with -s the cases of one.")
    ] = False,
    check: Annotated[
        str, typer.Option("--check", metavar="FILE", help="See whether a file of cases is valid.")
    ] = "",
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of files of cases.")
    ] = False,
    json: options.Json = False,
) -> int:
    """Measure how often a model calls the right tool with the right arguments.

    \b
    slip bench tools
    slip bench tools --base-url http://127.0.0.1:8000/v1 --repeats 5 --fail-under 0.8
    slip bench tools -s mine.json --category parallel --failures
    slip bench tools --check mine.json
    """
    if check or listed or schema:
        return _about(suite, check, schema=schema, json=json)
    single = {"repeats": repeats, "concurrency": parallel and [parallel], "categories": category,
              "ids": case, "output_tokens": max_tokens, "limit_s": limit}  # fmt: skip
    changes = {name: value for name, value in single.items() if value}
    if resume and (suite or changes or base_url or model):
        raise UsageError("--resume goes on with the run as it was; give no other options with it.")
    done = _measured(suite or CASES, changes, base_url, model, timeout, tag, resume)
    from slipstream.storage import results

    with results.opened(paths.home()) as connection:
        found = bench_tools_view.scored(connection, done)
        if json:
            output.print_json(bench_tools_view.as_json(done, found))
        else:
            output.note(f"run {done.id}, {done.model} on {done.base_url}, {done.state}")
            bench_tools_view.show(found, most=None if failures else bench_tools_view.SHOWN)
            for one in found:
                for line in bench_view.faults(one.faults):
                    output.warn(line)
    if done.state == "cancelled":
        output.note(f"`slip bench tools --resume {done.id}` goes on where it was cut off")
        return INTERRUPTED
    return _status(done, found, fail_under)


def _measured(
    suite: str,
    changes: dict[str, Any],
    base_url: str,
    model: str,
    timeout: float,
    tag: str,
    resume: str,
) -> RunRecord:
    """Ask all cases; a run that was cut off goes on."""
    from slipstream.storage import bench_names, results
    from slipstream.storage.config.load import load
    from slipstream.tasks.benchmarking import prepare, series
    from slipstream.tasks.benchmarking.tools import measure

    if tag:
        bench_names.check_tag(tag)
    config = load().config
    with ExitStack() as stack:
        if resume:
            with results.opened(paths.home()) as connection:
                before = series.cut_off(connection, bench_names.resolve(connection, resume), 1)
            plan, first, model = series.suite_of(before), before.id, before.model
            url = prepare.address_of(before)
        else:
            plan = measure.suite_of(suite, {"concurrency": [SLOTS]} | changes)
            first = secrets.token_hex(series.ID // 2)
            url, model = base_url or config.bench.base_url, model or config.bench.model
        if any(benchmark.family != "tools" for benchmark in plan.benchmarks):
            raise UsageError(f"Run {first} has other benchmarks; use `slip bench run --resume`.")
        for benchmark in plan.benchmarks:
            asked = measure.asked(benchmark)
            often = f", {asked.repeats} times each" if asked.repeats > 1 else ""
            output.note(f"{len(asked.cases)} cases of {benchmark.cases}{often}")
        model = model if url else ""  # the simulated one has its own
        url = url or _simulated(stack)
        how = prepare.options_for(config, url, model, timeout, "")
        [done] = bench_measure.measured(paths.home(), series.turns(plan, how, first, 1, tag), None)
    return done


def _simulated(stack: ExitStack) -> str:
    """Where a simulated server answers; in few words, where it calls nothing."""
    from slipstream.tasks.benchmarking.simulate import process
    from slipstream.tasks.benchmarking.simulate.settings import Settings

    output.note("no server is named: measuring the simulated one")
    return stack.enter_context(process.start(Settings(output_tokens=WORDS))).base_url


def _status(run: RunRecord, found: list[bench_tools_view.Scored], fail_under: float | None) -> int:
    """The exit status.

    Raises:
        SlipError: The run was stopped, or nothing was answered.
    """
    if run.state == "stopped":
        raise SlipError(f"The run was stopped: {run.reason}")
    for one in found:
        if one.accuracy is None:
            why = one.cell.reason or "what went wrong stands above."
            raise SlipError(f"No request of {one.cell.benchmark} was answered: {why}")
        if fail_under is not None and one.accuracy.value < fail_under:
            raise SlipError(
                f"The accuracy of {one.cell.benchmark} is {one.accuracy.value:.1%}, below "
                f"{fail_under:.1%}."
            )
    return 0


def _about(suite: str, check: str, *, schema: bool, json: bool) -> int:
    """Say what files of cases there are, what is in one, or whether one is valid."""
    from slipstream.tasks.benchmarking.tools import bfcl
    from slipstream.tasks.benchmarking.tools import case as files

    if schema:
        output.print_json(files.schema())
    elif check:
        print(f"{check} is valid: {len(files.load(check).cases)} cases.")
    elif suite:
        bench_tools_view.cases(files.load(suite), json=json)
    else:
        names = files.shipped()
        names += [f"{files.BFCL}{name}" for name in bfcl.categories() if bfcl.installed()]
        bench_tools_view.files([(name, files.load(name)) for name in names], json=json)
        if not bfcl.installed():
            output.note(
                f"`{bfcl.INSTALL}` adds the cases of the Berkeley Function-Calling Leaderboard"
            )
    return 0
