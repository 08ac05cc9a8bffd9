"""`slip summarize` for Typer: its options, its help."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli.run_options import Json, MaxBytes, Profile, Type
from slipstream.cli.summarize import summarize
from slipstream.storage.errors import UsageError


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("summarize")(command)


def command(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE|-", help="The log; - for standard input.")
    ],
    command: Annotated[str, typer.Option("--command", help="The command that printed it.")] = "",
    exit_code: Annotated[
        int | None, typer.Option("--exit-code", help="The exit status it ended with.")
    ] = None,
    type: Type = None,
    max_bytes: MaxBytes = None,
    profile: Profile = None,
    json: Json = False,
    flow: Annotated[
        bool,
        typer.Option("--flow", help="As a Prefect flow: files, folders and globs, with retries."),
    ] = False,
) -> int:
    """Show the summary of a log that is already there.

    \b
    slip summarize build.log --command "make -j2" --exit-code 2
    gunzip -c ci.log.gz | slip summarize - --json
    slip summarize --flow logs/ 'ci/**/*.txt'
    """
    if flow:
        from slipstream.cli.summarize_flow import summarize_flow

        return summarize_flow(
            files, command=command, exit_code=exit_code, type=type, max_bytes=max_bytes,
            profile=profile, json=json,
        )  # fmt: skip
    if len(files) != 1:
        raise UsageError("Name one file; `slip summarize --flow PATH...` takes several.")
    return summarize(
        files[0], command=command, exit_code=exit_code, type=type, max_bytes=max_bytes,
        profile=profile, json=json,
    )  # fmt: skip
