"""`slip bench run`: runs a suite, once or several times."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from slipstream.cli import bench_measure, bench_series, output
from slipstream.cli import bench_options as options
from slipstream.storage import paths
from slipstream.storage.errors import UsageError

if TYPE_CHECKING:
    from slipstream.storage.bench import RunRecord

MOST = 100  # repeats


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(run)


def run(
    suite: options.SuiteName = "",
    benchmark: options.Benchmarks = None,
    base_url: Annotated[
        str, typer.Option("--base-url", help="The server; without one the simulated one is run.")
    ] = "",
    model: options.Model = "",
    concurrency: options.Concurrency = "",
    rate: options.Rate = "",
    iterations: options.Iterations = None,
    warmup: options.Warmup = None,
    prompt_tokens: options.PromptTokens = "",
    output_tokens: options.OutputTokens = None,
    limit: options.Limit = None,
    seed: options.Seed = None,
    repeat: Annotated[
        int,
        typer.Option("--repeat", min=1, max=MOST, help="Runs, one after the other, as a series."),
    ] = 1,
    timeout: options.Timeout = 120.0,
    tokenizer: options.Tokenizer = "",
    processes: options.Processes = 0,
    server_pid: Annotated[
        int, typer.Option("--server-pid", min=0, metavar="PID", help="For the server's memory.")
    ] = 0,
    server_command: Annotated[
        str,
        typer.Option(
            "--server-command",
            metavar="COMMAND",
            help="Starts the server, without a shell, and ends it; for cold starts as well.",
        ),
    ] = "",
    allow_unlimited: Annotated[
        bool,
        typer.Option(
            "--allow-unlimited",
            help="Run code that the model wrote where this platform cannot limit it.",
        ),
    ] = False,
    resume: Annotated[
        str,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Go on with a run that was cut off; with --repeat with its series.",
        ),
    ] = "",
    calibrate: options.Calibrate = True,
    tag: Annotated[
        str, typer.Option("--tag", help="Name the run, or the series; its runs with -1, -2, ….")
    ] = "",
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Make it the baseline, once it is done.")
    ] = False,
    fail_on: options.FailOn = "",
    flow: Annotated[
        bool, typer.Option("--flow", help="Run it as a Prefect flow, which its UI then shows.")
    ] = False,
    reuse: Annotated[
        bool,
        typer.Option("--reuse", help="With --flow: show a stored run where nothing has changed."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> int:
    """Measure a model server; Ctrl-C ends it and keeps what was measured.

    \b
    slip bench run
    slip bench run --base-url http://127.0.0.1:8000/v1 --model M
    slip bench run -s throughput -c 1,8,32 -n 200
    slip bench run --repeat 5 --baseline
    slip bench run --resume latest
    """
    changed = options.changes(
        concurrency, rate, prompt_tokens,
        iterations=iterations, warmup=warmup, output_tokens=output_tokens, limit_s=limit, seed=seed,
    )  # fmt: skip
    if resume and (suite or benchmark or changed or base_url):
        raise UsageError("--resume goes on with the run as it was; give no other options with it.")
    if flow and (server_command or allow_unlimited):
        raise UsageError("--server-command and --allow-unlimited do not go with --flow.")
    if reuse and not flow:
        raise UsageError("--reuse goes with --flow.")
    from slipstream.storage.config.load import load
    from slipstream.tasks.benchmarking import against, prepare, series

    if tag:
        series.check_tag(tag, repeat)
    against.check_fail_on(fail_on)
    home, config = paths.home(), load().config
    with ExitStack() as stack:
        before = _resumed(resume, repeat) if resume else None
        if flow:
            from slipstream.cli import bench_flow

            asked = {"suite": suite, "benchmarks": benchmark or [], "base_url": base_url,
                     "model": model, "timeout": timeout, "tokenizer": tokenizer,
                     "processes": processes, "server_pid": server_pid, "calibrate": calibrate,
                     "repeats": repeat, "tag": tag, "reuse": reuse, **changed}  # fmt: skip
            done = bench_flow.measured(home, before, asked)
        else:
            if before:
                plan, first, model = series.suite_of(before), before.id, before.model
                url = prepare.address_of(before)
            else:
                plan = options.planned(suite, benchmark, changed)
                first = secrets.token_hex(series.ID // 2)
                url, model = base_url or config.bench.base_url, model or config.bench.model
            model = model if url else ""  # the simulated one has its own
            url, command = bench_measure.server_for(stack, plan, url, server_command)
            how = prepare.options_for(config, url, model, timeout, tokenizer)._replace(
                processes=processes,
                server_pid=server_pid,
                server_command=command,
                unlimited=allow_unlimited,
            )
            proof = prepare.limit_of(home, stack, output.note) if calibrate else None
            turns = series.turns(plan, how, first, repeat, tag)
            done = bench_measure.measured(home, turns, proof)
    return bench_series.finished(home, done, repeat, baseline=baseline, fail_on=fail_on, json=json)


def _resumed(name: str, of: int) -> RunRecord:
    """The first run of a series that was cut off, or the single run that was."""
    from slipstream.storage import bench_names, results
    from slipstream.tasks.benchmarking import series

    with results.opened(paths.home()) as connection:
        return series.cut_off(connection, bench_names.resolve(connection, name), of)
