"""`slip summary` for Typer: its options, its help."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli import summary
from slipstream.cli.run_options import Json

app = typer.Typer(no_args_is_help=True, help="Show earlier summaries again.")


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.add_typer(app, name="summary")


@app.command("list")
def listed(
    limit: Annotated[int, typer.Option("--limit", help="How many of the newest.")] = 50,
    json: Json = False,
) -> int:
    """List the newest summaries.

    \b
    slip summary list --limit 10
    """
    return summary.listed(limit=limit, json=json)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="An id, its beginning, or last.")],
    json: Json = False,
) -> int:
    """Show a summary again.

    \b
    slip summary show last
    slip summary show 3f2a --json
    """
    return summary.show(name, json=json)
