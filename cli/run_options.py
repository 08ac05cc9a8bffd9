"""`slip run` for Typer: its options, its help."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli.run import run

Type = Annotated[
    str | None, typer.Option("--type", help="Take the output for this type; `slip types` lists.")
]
MaxBytes = Annotated[
    int | None, typer.Option("--max-bytes", help="Bytes of the summary, 1,024 to 1,048,576.")
]
Profile = Annotated[
    str | None, typer.Option("--profile", help="summary (10 KiB), cli (20 KiB) or llm (8 KiB).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON with all findings.")]


def register(root: typer.Typer) -> None:
    """Add the command."""
    settings = {"allow_interspersed_args": False, "ignore_unknown_options": False}
    root.command("run", context_settings=settings)(command)


def command(
    words: Annotated[list[str], typer.Argument(metavar="[--] COMMAND...", help="What to run.")],
    type: Type = None,
    max_bytes: MaxBytes = None,
    profile: Profile = None,
    tee: Annotated[
        bool, typer.Option("--tee", help="Show the output live on standard error as well.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", help="Seconds after which the command is ended.")
    ] = None,
    json: Json = False,
    cwd: Annotated[str | None, typer.Option("--cwd", help="Folder to run it in.")] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", help="NAME=VALUE for the command; repeatable.")
    ] = None,
) -> int:
    """Run a command, keep its whole output, show a summary; exit with the command's status.

    \b
    slip run -- pytest -q
    slip run --timeout 600 --tee -- make -j2
    slip run --env CI=1 --json -- cargo test
    """
    return run(
        words, type=type, max_bytes=max_bytes, profile=profile, tee=tee, timeout=timeout,
        json=json, cwd=cwd, env=env or (),
    )  # fmt: skip
