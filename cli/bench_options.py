"""Options that several commands of `slip bench` share, and what they make of a suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from slipstream.cli import output
from slipstream.storage.errors import UsageError

if TYPE_CHECKING:
    from slipstream.tasks.benchmarking.suite import Suite

SuiteName: TypeAlias = Annotated[
    str, typer.Option("--suite", "-s", help="A suite by name, or a file of your own.")
]
Benchmarks: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--benchmark", "-b", help="Only this one of the suite; may be repeated."),
]
Model: TypeAlias = Annotated[str, typer.Option("--model", "-m", help="The model to measure.")]
Concurrency: TypeAlias = Annotated[
    str, typer.Option("--concurrency", "-c", help="Closed loop: such as 1,4,16.")
]
Rate: TypeAlias = Annotated[str, typer.Option("--rate", help="Open loop, requests/s: such as 1,2.")]
Iterations: TypeAlias = Annotated[
    int | None, typer.Option("--iterations", "-n", help="Requests of each cell.")
]
Warmup: TypeAlias = Annotated[
    int | None, typer.Option("--warmup", help="Requests before them, not counted.")
]
PromptTokens: TypeAlias = Annotated[
    str, typer.Option("--prompt-tokens", help="Lengths of prompts: such as 128,4096.")
]
OutputTokens: TypeAlias = Annotated[
    int | None, typer.Option("--output-tokens", help="Most tokens of an answer.")
]
Limit: TypeAlias = Annotated[
    float | None, typer.Option("--limit", metavar="SECONDS", help="Most time of each cell.")
]
Seed: TypeAlias = Annotated[
    int | None, typer.Option("--seed", help="Of prompts and arrivals; repeats count up from it.")
]
Timeout: TypeAlias = Annotated[
    float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="Between two bytes.")
]
Tokenizer: TypeAlias = Annotated[
    str, typer.Option("--tokenizer", metavar="FILE", help="A tokenizer.json that counts.")
]
Processes: TypeAlias = Annotated[
    int,
    typer.Option("--processes", min=0, max=64, help="Client processes; 0: as many as it takes."),
]
Calibrate: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--calibrate/--no-calibrate",
        help="Withhold figures that this machine's client is not proven to time.",
    ),
]
FailOn: TypeAlias = Annotated[
    str,
    typer.Option(
        "--fail-on",
        metavar="SEVERITY",
        help="Exit with 3 for a regression of minor, moderate, major, critical; or never.",
    ),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def changes(
    concurrency: str = "", rate: str = "", prompt_tokens: str = "", **single: float | None
) -> dict[str, Any]:
    """What of a suite's benchmarks is replaced.

    Raises:
        UsageError: A list of numbers is none, or two exclude each other.
    """
    lists: dict[str, tuple[str, Any]] = {
        "concurrency": (concurrency, int),
        "rate": (rate, float),
        "prompt_tokens": (prompt_tokens, int),
    }
    found: dict[str, Any] = {}
    for name, (text, kind) in lists.items():
        if not text:
            continue
        try:
            found[name] = [kind(part) for part in text.split(",")]
        except ValueError as error:
            option = "--" + name.replace("_", "-")
            raise UsageError(
                f"{option} {text!r} is not a list of numbers such as 1,4,16."
            ) from error
    if "concurrency" in found and "rate" in found:
        raise UsageError("Give either --concurrency or --rate.")
    return found | {name: value for name, value in single.items() if value is not None}


def planned(suite: str, benchmarks: list[str] | None, changed: dict[str, Any]) -> Suite:
    """A suite as it is asked for.

    Raises:
        UsageError: There is none, or a benchmark or a setting is wrong.
    """
    from slipstream.storage.config.load import load
    from slipstream.tasks.benchmarking import suite as suites

    plan = suites.selected(suites.load(suite or load().config.bench.suite), benchmarks or [])
    asked = [benchmark.name for benchmark in plan.benchmarks if benchmark.cases]
    if asked and "iterations" in changed:
        output.note(f"{', '.join(asked)}: each case is asked as often as `repeats` says, not -n")
    return suites.changed(plan, changed) if changed else plan
