"""`slip log` for Typer: reading, listing and pruning the full logs."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli import log, output
from slipstream.storage.errors import UsageError
from slipstream.storage.paths import home

LIMIT = 50
BELONGS = {
    "ID": set(log.OPTIONS),
    "list": {"--limit", "--json"},
    "prune": {"--json", "--days", "--max-size", "--dry-run", "--force"},
}


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
    limit: Annotated[int, typer.Option("--limit", help="list: how many of the newest.")] = LIMIT,
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
    kind = name if name in ("list", "prune") else "ID"
    given = {
        "--head": head, "--tail": tail, "--lines": lines, "--grep": grep, "--output": to,
        "--context": context or None, "--limit": limit if limit != LIMIT else None,
        "--json": json, "--days": days, "--max-size": max_size, "--dry-run": dry_run,
        "--force": force,
    }  # fmt: skip
    for option, value in given.items():
        if value is not None and value is not False and option not in BELONGS[kind]:
            raise UsageError(f"{option} does not belong to slip log {kind}.")
    if kind == "list":
        return listed(limit, json)
    if kind == "prune":
        return prune(days, max_size, dry_run, force, json)
    return log.show(name, head=head, tail=tail, lines=lines, grep=grep, context=context, output=to)


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


def prune(days: int | None, max_size: str | None, dry_run: bool, force: bool, json: bool) -> int:
    """Remove old logs, after asking."""
    from slipstream.storage.config.load import load
    from slipstream.storage.outputs.prune import prune as remove

    kept = load().config.retention
    if days is not None and days < 0:
        raise UsageError(f"--days {days} must not be negative.")
    age = kept.days if days is None else days
    size = kept.max_bytes if max_size is None else byte_count(max_size)
    report = remove(home(), age, size, True)
    if not dry_run and (report.logs or report.orphans):
        question = f"Remove {report.logs} logs ({output.bytes_text(report.size)})?"
        if not output.confirm(question, force=force):
            return 1
        report = remove(home(), age, size, False)
    if json:
        output.print_json({**report._asdict(), "dry_run": dry_run})
        return 0
    done = "would be removed" if dry_run else "removed"
    print(
        f"{report.logs} logs {done}, {output.bytes_text(report.size)} freed, "
        f"{report.orphans} files without a log among them."
    )
    return 0


def byte_count(text: str) -> int:
    """`500MB`, `5GiB`, `100000` as a number of bytes.

    Raises:
        UsageError: It is not a size.
    """
    import re

    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", text, re.IGNORECASE)
    if not found:
        raise UsageError(f"--max-size {text!r} is not a size such as 500MB, 5GiB or 100000.")
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * base ** " kmgt".index(found[2].lower() or " "))
