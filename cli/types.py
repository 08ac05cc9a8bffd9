"""`slip types`: the strategies, and why a log was taken for one."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli import output
from slipstream.cli.run import settings
from slipstream.cli.summarize import opened

app = typer.Typer(invoke_without_command=True, help="List the types of output; explain a choice.")


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.add_typer(app, name="types")


@app.callback()
def listed(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the types of output and the tools of each.

    \b
    slip types
    slip types explain build.log
    """
    if context.invoked_subcommand:
        return
    from slipstream.tasks.summarization.rules import ruleset
    from slipstream.tasks.summarization.types import types

    config, home, _problems = settings()
    rows = types(ruleset(home / "cache", config.patterns))
    if as_json:
        output.print_json([row._asdict() for row in rows])
        return
    output.print_table(
        ("type", "shows", "tools"), [(row.kind, row.shows, ", ".join(row.tools)) for row in rows]
    )


@app.command()
def explain(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The log.")],
    command: Annotated[str, typer.Option("--command", help="The command that printed it.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which types a log was taken for, and why.

    \b
    slip types explain build.log --command "make test"
    """
    from slipstream.tasks.summarization.produce import analyse_chunks, command_words

    config, home, _problems = settings()
    with opened(file) as chunks:
        analysis = analyse_chunks(chunks, home, config, command_words(command))
    detected = analysis.detected
    if as_json:
        output.print_json(detected._asdict())
        return
    print(f"type: {detected.kind}")
    for tool, reason in zip(detected.tools, detected.reasons, strict=False):
        print(f"{tool}: {reason}")
    if not detected.tools:
        print("No format was recognised: the default strategy shows what looks like a failure.")
