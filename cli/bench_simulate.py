"""`slip bench simulate`: a simulated model server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from slipstream.cli import output
from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking.simulate import ErrorKind, Settings, parse, serve
from slipstream.tasks.benchmarking.simulate.settings import CHOICES, MEANINGS


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("simulate")(simulate)


def simulate(
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="On 127.0.0.1; 0: a free one.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            help="Whose peculiarities: openai, vllm, ollama, lmstudio, llama.cpp, sglang.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="A model it has; may be repeated.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of all that is drawn.")] = None,
    ttft: Annotated[
        float | None, typer.Option("--ttft", metavar="MS", help="Time to the first token.")
    ] = None,
    itl: Annotated[
        float | None, typer.Option("--itl", metavar="MS", help="Time from token to token.")
    ] = None,
    jitter: Annotated[
        float | None,
        typer.Option("--jitter", metavar="SHARE", help="Deviation of both times, of their mean."),
    ] = None,
    tokens: Annotated[
        int | None, typer.Option("--tokens", help="Of an answer; default: as max_tokens asks.")
    ] = None,
    error: Annotated[
        list[str] | None,
        typer.Option(
            "--error",
            metavar="KIND=SHARE",
            help=f"May be repeated; kinds: {', '.join(ErrorKind)}.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; may be repeated."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--settings", metavar="FILE", help="Settings as a JSON object.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="FILE", help="Add the truth to this file.")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Show all settings, and end.")] = False,
) -> int:
    """Serve as a model server would, with set timing and set faults, until Ctrl-C.

    The base URL is printed when it listens. /slipstream/truth tells, as JSON lines, when each chunk
    of each request was planned and really sent.

    \b
    slip bench simulate --port 8000 --ttft 50 --itl 10
    slip bench simulate --profile ollama --jitter 0.2 --error rate_limit=0.1 --error closed=0.01
    slip bench simulate --set prefix_cache=true --set prompt_ms=100 --truth truth.jsonl
    """
    if show:
        rows = [(name, _shown(name), meaning) for name, meaning in MEANINGS.items()]
        output.print_table(("setting", "default", "meaning"), rows)
        return 0
    values = _from_file(file) if file else {}
    values |= {name: _value(text) for name, text in map(_pair, set_ or ())}
    if error:
        values["errors"] = {name: _value(share) for name, share in map(_pair, error)}
    given = {
        "port": port,
        "profile": profile,
        "models": model,
        "seed": seed,
        "ttft_ms": ttft,
        "itl_ms": itl,
        "ttft_jitter": jitter,
        "itl_jitter": jitter,
        "output_tokens": tokens,
        "truth_file": None if truth is None else str(truth),
    }
    values |= {name: value for name, value in given.items() if value is not None}
    settings = parse({"port": 8000} | values)

    def say(base_url: str) -> None:
        output.note(f"simulating {', '.join(settings.models)}; Ctrl-C ends it")
        print(base_url, flush=True)

    serve(settings, say)
    return 0


def _shown(name: str) -> str:
    default = Settings._field_defaults[name]
    shown = "as the profile" if default is None else json.dumps(default)
    return f"{shown} ({', '.join(CHOICES[name])})" if name in CHOICES else shown


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{text!r} is not of the form NAME=VALUE.")
    return name.strip(), value.strip()


def _value(text: str) -> Any:
    """As JSON where it is JSON, else as text; `--set models=a` and `--set seed=1` both work."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _from_file(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror}.") from None
    except ValueError as problem:
        raise UsageError(f"{path} is not JSON: {problem}.") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path} must hold a JSON object of settings.")
    return values
