"""`slip bench ab`: two servers measured in turn, and compared."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from typing import Annotated

import typer

from slipstream.cli import bench_measure, output, report
from slipstream.cli import bench_options as options
from slipstream.storage import paths
from slipstream.storage.errors import SlipError, UsageError

INTERRUPTED, REGRESSION = 130, 3
SIDES = ("base", "candidate")


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(ab)


def ab(
    base_url: Annotated[str, typer.Argument(metavar="BASE_URL", help="The server as it was.")],
    candidate_url: Annotated[
        str, typer.Argument(metavar="CANDIDATE_URL", help="The one that is to take its place.")
    ],
    repeat: Annotated[int, typer.Option("--repeat", min=1, max=100, help="Runs of each.")] = 5,
    suite: options.SuiteName = "",
    benchmark: options.Benchmarks = None,
    model: options.Model = "",
    concurrency: options.Concurrency = "",
    rate: options.Rate = "",
    iterations: options.Iterations = None,
    warmup: options.Warmup = None,
    prompt_tokens: options.PromptTokens = "",
    output_tokens: options.OutputTokens = None,
    limit: options.Limit = None,
    seed: options.Seed = None,
    timeout: options.Timeout = 120.0,
    tokenizer: options.Tokenizer = "",
    processes: options.Processes = 0,
    calibrate: options.Calibrate = True,
    tag: Annotated[
        str, typer.Option("--tag", help="Name the two series: TAG-base and TAG-candidate.")
    ] = "",
    fail_on: options.FailOn = "",
    json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> int:
    """Measure two servers in turn (A B B A A B …), and compare; Ctrl-C keeps what was measured.

    \b
    slip bench ab http://127.0.0.1:8000/v1 http://127.0.0.1:8001/v1 --model M
    slip bench ab URL URL -s throughput --repeat 10 --fail-on moderate
    """
    from slipstream.storage import results
    from slipstream.storage.config.load import load
    from slipstream.tasks.benchmarking import ab as order
    from slipstream.tasks.benchmarking import against, prepare, series, target
    from slipstream.tasks.benchmarking.compare.sides import side as side_of
    from slipstream.tasks.benchmarking.reports import view

    against.check_fail_on(fail_on)
    changed = options.changes(
        concurrency, rate, prompt_tokens,
        iterations=iterations, warmup=warmup, output_tokens=output_tokens, limit_s=limit, seed=seed,
    )  # fmt: skip
    plan = options.planned(suite, benchmark, changed)
    if any(of.cold for of in plan.benchmarks):
        raise UsageError(f"{plan.name} starts its server anew, which `slip bench ab` cannot do.")
    home, config = paths.home(), load().config
    sides, names = [], []
    for url, side in zip((base_url, candidate_url), SIDES, strict=True):
        how = prepare.options_for(config, url, model or config.bench.model, timeout, tokenizer)
        target.look(how.target, how.model, how.load_seconds)  # before the other one is measured
        name = f"{tag}-{side}" if tag else ""
        if name:
            series.check_tag(name, repeat)
        first = secrets.token_hex(series.ID // 2)
        sides.append(series.turns(plan, how._replace(processes=processes), first, repeat, name))
        names.append(series.name_of(first, repeat))
    with ExitStack() as stack:
        proof = prepare.limit_of(home, stack, output.note) if calibrate else None
        runs = bench_measure.measured(home, order.interleaved(*sides), proof)
    last = runs[-1]
    if last.state == "stopped":
        raise SlipError(f"The run was stopped: {last.reason}")
    if last.state == "cancelled" or len(runs) < 2 * repeat:
        output.note(f"what was measured is kept: `slip compare {' '.join(names)}`")
        return INTERRUPTED
    with results.opened(home) as connection:
        base, candidate = (side_of(connection, name) for name in names)
        found = against.compared(connection, base, [candidate], against.policy(config.bench))
    report.comparison(found, "json" if json else "text", "", view.DEFAULT)
    return REGRESSION if against.fails(found, fail_on or config.bench.fail_on) else 0
