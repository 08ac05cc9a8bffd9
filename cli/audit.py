"""`slip audit`: who did what, when, to what."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Annotated

import typer

from slipstream.cli import output
from slipstream.storage import audit, database, paths, results
from slipstream.storage.config.load import load


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("audit")(listed)


def listed(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Entries to show.")] = 50,
    action: Annotated[str, typer.Option("--action", help="Only this action.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what was done to stored things, newest first.

    \b
    slip audit
    slip audit --action prune --json
    """
    home = paths.home()
    with closing(database.connect(home)) as connection:
        entries = audit.entries(connection, limit, action)
    if load().config.storage.database_url:
        with results.opened(home) as shared:
            entries += audit.entries(shared, limit, action)
        entries = sorted(entries, key=lambda entry: -entry.at_ns)[:limit]
    if as_json:
        listed = [entry._asdict() | {"at": _utc(entry.at_ns)} for entry in entries]
        output.print_json({"version": 1, "entries": listed})
        return
    rows = [(output.time_text(e.at_ns), e.who, e.action, e.subject, e.amount) for e in entries]
    output.print_table(("when", "who", "action", "subject", "amount"), rows, right="amount")


def _utc(at_ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ns // 10**9))
