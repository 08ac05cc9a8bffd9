"""`slip symbols` for Typer: its options, its help."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli import symbols as plain
from slipstream.cli.search_options import Revision


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("symbols")(command)


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of the working tree.")],
    kind: Annotated[
        str, typer.Option("--kind", help="Only one kind, as function, class, method.")
    ] = "",
    revision: Revision = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """List what a file defines, with its lines: less to read than the file.

    \b
    slip symbols storage/database.py
    slip symbols src/main.rs --kind function --json
    """
    return plain.symbols(file, kind=kind, revision=revision, json=json)
