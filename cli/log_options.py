"""`slip log` for Typer: reading, listing and pruning the full logs."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli import log, output
from slipstream.storage.paths import home


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("log")(command)


def command(
    name: Annotated[
        str, typer.Argument(metavar="ID|list|prune", help="An id, its beginning, or last.")
    ],
    head: Annotated[int | None, typer.Option("--head", help="The first N lines.")] = None,
    tail: Annotated[int | None, typer.Option("--tail", help="The last N lines.")] = None,
    lines: Annotated[str | None, typer.Option("--lines", help="Lines A:B, both included.")] = None,
    grep: Annotated[
        str | None, typer.Option("--grep", help="Lines that match a regular expression.")
    ] = None,
    context: Annotated[
        int, typer.Option("--context", "-C", help="Lines around each match of --grep.")
    ] = 0,
    to: Annotated[
        str | None, typer.Option("--output", "-o", help="Write to a file instead.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", help="list: how many of the newest.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="list, prune: print JSON.")] = False,
    days: Annotated[
        int | None, typer.Option("--days", help="prune: logs older than this; default 7.")
    ] = None,
    max_size: Annotated[
        str | None, typer.Option("--max-size", help="prune: total to keep, such as 500MB or 5GiB.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="prune: only say what would be removed.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="prune: do not ask.")] = False,
) -> int:
    """Read a full log exactly as it was printed; list the logs; prune them.

    \b
    slip log last
    slip log 3f2a --lines 120:180
    slip log 3f2a --grep 'error|failed' -C 3
    slip log list
    slip log prune --days 3 --dry-run
    """
    if name == "list":
        return listed(limit, json)
    if name == "prune":
        return prune(days, max_size, dry_run, force, json)
    return log.show(
        name, head=head, tail=tail, lines=lines, grep=grep, context=context, output=to
    )


def listed(limit: int, json: bool) -> int:
    """The newest logs, one a line."""
    from slipstream.storage.outputs.store import OutputStore

    found = OutputStore(home()).list(max(0, limit))
    if json:
        output.print_json([entry._asdict() for entry in found])
        return 0
    output.print_table(
        ("id", "when", "exit", "lines", "bytes", "stored", "complete", "command"),
        [
            (e.id, output.time_text(e.created_ns), e.exit_status, e.lines, e.size, e.stored,
             "yes" if e.complete else "no", " ".join(e.command)[:60])
            for e in found
        ],
        "exit lines bytes stored",
    )  # fmt: skip
    return 0
