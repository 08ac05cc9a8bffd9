"""`slip map` for Typer: its options, its help."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli import map as plain
from slipstream.cli.search_options import Revision


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("map")(command)


def command(
    folder: Annotated[
        str, typer.Argument(metavar="[PATH]", help="A repository, or a folder in one.")
    ] = ".",
    max_bytes: Annotated[
        int | None, typer.Option("--max-bytes", help="Bytes of the map; default 10240.")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option("--tokens", help="Its size in tokens, as about 4 bytes each.")
    ] = None,
    revision: Revision = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Show the most referenced definitions of a repository, in a given number of bytes.

    \b
    slip map
    slip map --tokens 1000
    slip map src --max-bytes 4096
    """
    return plain.show(folder, max_bytes=max_bytes, tokens=tokens, revision=revision, json=json)
