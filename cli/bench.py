"""`slip bench`: its commands; running a suite."""

from __future__ import annotations

import asyncio
import shlex
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipstream.cli import (
    bench_calibrate,
    bench_results,
    bench_serve_local,
    bench_simulate,
    output,
)
from slipstream.storage import paths
from slipstream.storage.errors import NotFoundError, SlipError, UsageError

if TYPE_CHECKING:
    from slipstream.storage.bench import RunRecord
    from slipstream.tasks.benchmarking.run import Limit, Options
    from slipstream.tasks.benchmarking.suite import Suite

INTERRUPTED = 130
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
        found = suites.load(suite)
        if json:
            output.print_json(found.model_dump(mode="json"))
            return 0
        rows = [
            (c.benchmark.name, c.benchmark.family, c.label, c.benchmark.iterations)
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


@app.command()
def run(
    suite: Annotated[
        str, typer.Option("--suite", "-s", help="A suite by name, or a file of your own.")
    ] = "",
    benchmark: Annotated[
        list[str] | None,
        typer.Option("--benchmark", "-b", help="Only this one of the suite; may be repeated."),
    ] = None,
    base_url: Annotated[
        str, typer.Option("--base-url", help="The server; without one the simulated one is run.")
    ] = "",
    model: Annotated[str, typer.Option("--model", "-m", help="The model to measure.")] = "",
    concurrency: Annotated[
        str, typer.Option("--concurrency", "-c", help="Closed loop: such as 1,4,16.")
    ] = "",
    rate: Annotated[str, typer.Option("--rate", help="Open loop, requests/s: such as 1,2.")] = "",
    iterations: Annotated[
        int | None, typer.Option("--iterations", "-n", help="Requests of each cell.")
    ] = None,
    warmup: Annotated[
        int | None, typer.Option("--warmup", help="Requests before them, not counted.")
    ] = None,
    prompt_tokens: Annotated[
        str, typer.Option("--prompt-tokens", help="Lengths of prompts: such as 128,4096.")
    ] = "",
    output_tokens: Annotated[
        int | None, typer.Option("--output-tokens", help="Most tokens of an answer.")
    ] = None,
    limit: Annotated[
        float | None, typer.Option("--limit", metavar="SECONDS", help="Most time of each cell.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of prompts and arrivals.")] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="Between two bytes.")
    ] = 120.0,
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", metavar="FILE", help="A tokenizer.json that counts.")
    ] = "",
    processes: Annotated[
        int,
        typer.Option(
            "--processes", min=0, max=64, help="Client processes; 0: as many as it takes."
        ),
    ] = 0,
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
    resume: Annotated[
        str, typer.Option("--resume", metavar="RUN", help="Go on with a run that was cut off.")
    ] = "",
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate/--no-calibrate",
            help="Withhold figures that this machine's client is not proven to time.",
        ),
    ] = True,
    tag: Annotated[str, typer.Option("--tag", help="Give the run a name.")] = "",
    flow: Annotated[
        bool, typer.Option("--flow", help="Run it as a Prefect flow, which its UI then shows.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> int:
    """Measure a model server; Ctrl-C ends it and keeps what was measured.

    \b
    slip bench run
    slip bench run --base-url http://127.0.0.1:8000/v1 --model M
    slip bench run -s throughput -c 1,8,32 -n 200
    slip bench run --resume latest
    """
    from slipstream.storage.config.load import load

    config = load().config
    changes = _changes(
        {
            "concurrency": (concurrency, int),
            "rate": (rate, float),
            "prompt_tokens": (prompt_tokens, int),
        }
    )
    single = {"iterations": iterations, "warmup": warmup, "output_tokens": output_tokens,
              "limit_s": limit, "seed": seed}  # fmt: skip
    changes |= {name: value for name, value in single.items() if value is not None}
    if resume and (suite or benchmark or changes or base_url):
        raise UsageError("--resume goes on with the run as it was; give no other options with it.")
    if "concurrency" in changes and "rate" in changes:
        raise UsageError("Give either --concurrency or --rate.")
    if tag:
        from slipstream.storage.bench_names import check_tag

        check_tag(tag)
    from slipstream.tasks.benchmarking import prepare

    home = paths.home()
    with ExitStack() as stack:
        if resume:
            before = _found(home, resume)
            plan, url, model = None, prepare.address_of(before), before.model
        else:
            from slipstream.tasks.benchmarking import suite as suites

            before = None
            plan = suites.selected(suites.load(suite or config.bench.suite), benchmark or [])
            plan = suites.changed(plan, changes) if changes else plan
            url, model = base_url or config.bench.base_url, model or config.bench.model
        if flow and server_command:
            raise UsageError("Give either --flow or --server-command.")
        if flow:
            from slipstream.cli import bench_flow

            asked = {"suite": suite, "benchmarks": benchmark or [], "base_url": base_url,
                     "model": model, "timeout": timeout, "tokenizer": tokenizer,
                     "processes": processes, "server_pid": server_pid, "calibrate": calibrate,
                     "tag": tag, **changes}  # fmt: skip
            done = bench_flow.measured(home, before, asked)
        else:
            simulated = not url
            command = _command(server_command)
            if simulated and command:
                raise UsageError("--server-command needs --base-url: where the server answers.")
            if simulated and plan and any(b.cold for b in plan.benchmarks):
                url, command = _simulated_command()
            elif simulated:
                url = _simulated(stack)
            model = "" if simulated else model
            options = prepare.options_for(config, url, model, timeout, tokenizer)
            options = options._replace(
                processes=processes, server_pid=server_pid, server_command=command
            )
            proof = prepare.limit_of(home, stack, output.note) if calibrate else None
            done = _measured(home, before, plan, options, proof)
    bench_results.finished(home, done, tag, json=json)
    if done.state == "cancelled":
        return INTERRUPTED
    if done.state == "stopped":
        raise SlipError(f"The run was stopped: {done.reason}")
    return 0


def _measured(
    home: Path,
    before: RunRecord | None,
    plan: Suite | None,
    options: Options,
    limit: Limit | None,
) -> RunRecord:
    """Run it, ending properly on Ctrl-C."""
    from slipstream.cli.bench_view import Live
    from slipstream.tasks.benchmarking import run as runs

    live = Live()
    watcher = runs.Watcher(live.note, live.begun, live.progress, live.ended)

    async def work() -> RunRecord:
        cancelled = asyncio.Event()
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            for name in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(name, cancelled.set)
        if before:
            runs.resumed(before)
            new = before
        else:
            assert plan is not None
            new = runs.begin(home, plan, options)
        live.note(f"run {new.id}: {new.suite} on {options.target.base_url}")
        return await runs.measure(home, new, options, watcher, cancelled, limit)

    try:
        return asyncio.run(work())
    finally:
        live.clear()


def _simulated(stack: ExitStack) -> str:
    from slipstream.tasks.benchmarking.simulate import process

    output.note("no server is named: measuring the simulated one")
    return stack.enter_context(process.start()).base_url


def _simulated_command() -> tuple[str, tuple[str, ...]]:
    """The base URL of a simulated server, and the command that starts it there."""
    output.note("no server is named: measuring the simulated one")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = (sys.executable, "-m", "slipstream.cli", "bench", "simulate")
    return f"http://127.0.0.1:{port}/v1", (*program, "--port", str(port))


def _command(text: str) -> tuple[str, ...]:
    """A command as a program and its arguments.

    Raises:
        UsageError: Its quotes do not match.
    """
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"--server-command {text!r} is no command: {error}.") from error


def _found(home: Path, name: str) -> RunRecord:
    from slipstream.storage import bench_names, results

    with results.opened(home) as connection:
        found = bench_names.resolve(connection, name)
    if found.state == "done":
        raise NotFoundError(f"Run {found.id} is complete; there is nothing to resume.")
    return found


def _changes(given: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """Lists of numbers from the command line.

    Raises:
        UsageError: One is none.
    """
    found = {}
    for name, (text, kind) in given.items():
        if not text:
            continue
        try:
            found[name] = [kind(part) for part in text.split(",")]
        except ValueError as error:
            option = "--" + name.replace("_", "-")
            raise UsageError(
                f"{option} {text!r} is not a list of numbers such as 1,4,16."
            ) from error
    return found


bench_calibrate.register(app)
bench_results.register(app)
bench_simulate.register(app)
bench_serve_local.register(app)
