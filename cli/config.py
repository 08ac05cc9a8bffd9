"""`slip config`: what is set, and where."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from slipstream.cli import output
from slipstream.storage.config import sources
from slipstream.storage.config.model import json_schema
from slipstream.storage.config.resolve import DEFAULT, Resolved, flatten, resolve
from slipstream.storage.config.settings import Pattern

app = typer.Typer(help="Show the configuration.")


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.add_typer(app, name="config")


@app.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print every value with where it came from.

    \b
    slip config show
    slip config show --json
    """
    resolved = resolve(sources.read(), check_patterns)
    values = {key: _masked(value) for key, value in flatten(resolved.config).items()}
    for problem in resolved.problems:
        output.warn(problem)
    if as_json:
        output.print_json(_as_json(values, resolved))
        return
    rows = [
        (key, _text(value), resolved.provenance.get(key, DEFAULT)) for key, value in values.items()
    ]
    output.print_table(("setting", "value", "from"), rows)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration files, for editors.

    \b
    slip config schema > slipstream.schema.json
    """
    output.print_json(json_schema())


def check_patterns(patterns: Sequence[Pattern]) -> list[str | None]:
    """Why the scan engine cannot take a pattern, or None, for each."""
    from slipstream.tasks.summarization import engine

    reasons: list[str | None] = []
    for pattern in patterns:
        try:
            engine.compile_patterns([engine.Pattern(pattern.regex)])
            reasons.append(None)
        except engine.PatternError as error:
            reasons.append(str(error))
    return reasons


def _as_json(values: dict[str, Any], resolved: Resolved) -> dict[str, Any]:
    return {
        "version": 1,
        "settings": {
            key: {"value": value, "from": resolved.provenance.get(key, DEFAULT)}
            for key, value in values.items()
        },
        "problems": list(resolved.problems),
    }


def _masked(value: Any) -> Any:
    """A value without the password of its URL."""
    return re.sub(r"(://[^/@:]*:)[^/@]*@", r"\1***@", value) if isinstance(value, str) else value


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, dict):
        return json.dumps(value) if value else ""
    if isinstance(value, list):
        return ", ".join(pattern["name"] for pattern in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
