"""The Typer app without its commands: help, version, completion, unknown names."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Annotated

import typer

from slipstream.storage.errors import UsageError

HELP = """The performance layer of coding agents.

What a tool prints is cut to what matters, failures first; every line of the full log is kept.

\b
  slip run -- pytest -q            run a command, show its summary, keep its log
  slip summarize build.log         summarise a file, or standard input with -
  slip log last --lines 100:140    read lines of the full log again
  slip search "parse header"       find definitions and lines in a repository
  slip doctor                      check the installation
"""

EPILOG = """\b
Exit status: 0 done, 1 failed, 2 usage, 3 regression found, 4 not found, 130 interrupted.
`slip run` exits with the status of its command. NO_COLOR turns colours off.
"""


def make_app() -> typer.Typer:
    """The app that commands register with."""
    app = typer.Typer(
        help=HELP,
        epilog=EPILOG,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def options(
        version: Annotated[
            bool,
            typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
        ] = False,
        quiet: Annotated[
            bool, typer.Option("--quiet", "-q", help="No notes, no warnings.")
        ] = False,
        verbose: Annotated[
            bool, typer.Option("--verbose", "-v", help="Show what is done on standard error.")
        ] = False,
        debug: Annotated[
            bool, typer.Option("--debug", help="Show everything, and where an error came from.")
        ] = False,
    ) -> None:
        pass  # `main` has taken them before; they stand here for the help and the completion

    return app


def reject_unknown(name: str, commands: Sequence[str]) -> None:
    """Refuse a command that does not exist.

    Raises:
        UsageError: With the nearest command that does.
    """
    if not name or name.startswith("-") or name in commands:
        return
    near = difflib.get_close_matches(name, commands, n=1)
    advice = f"did you mean `slip {near[0]}`?" if near else "`slip --help` lists all."
    raise UsageError(f"There is no command {name}; {advice}")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"slip {version('slipstream')}")
        raise typer.Exit
