"""`slip summary`: summaries that were shown, again."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence

from slipstream.cli import output
from slipstream.cli.fast import Options, parse

LIST: Options = {"--limit": int, "--json": bool}
SHOW: Options = {"--json": bool}


def fast(argv: Sequence[str]) -> int | None:
    """List or show from a plain command line; None where Typer has to look at it."""
    if not argv or argv[0] not in ("list", "show"):
        return None
    parsed = parse(argv[1:], LIST if argv[0] == "list" else SHOW)
    if parsed is None:
        return None
    values, operands = parsed
    if argv[0] == "list" and not operands:
        return listed(**values)
    if argv[0] == "show" and len(operands) == 1:
        return show(operands[0], **values)
    return None


def listed(*, limit: int = 50, json: bool = False) -> int:
    """The newest summaries, one a line."""
    from slipstream.storage import summaries
    from slipstream.storage.database import connect
    from slipstream.storage.paths import home

    found = summaries.newest(connect(home()), max(0, limit))
    if json:
        output.print_json([record._replace(json_text="")._asdict() for record in found])
        return 0
    output.print_table(
        ("id", "log", "when", "result", "type", "errors", "warnings", "command"),
        [
            (r.id, r.sha256[:12], output.time_text(r.created_ns), r.result, r.kind, r.errors,
             r.warnings, " ".join(r.command)[:60])
            for r in found
        ],
        "errors warnings",
    )  # fmt: skip
    return 0


def show(name: str, *, json: bool = False) -> int:
    """One summary, as it was shown.

    Raises:
        NotFoundError: There is none.
        AmbiguousError: The shortened id fits several.
    """
    from slipstream.storage import summaries
    from slipstream.storage.database import connect
    from slipstream.storage.paths import home

    data = jsonlib.loads(summaries.resolve(connect(home()), name).json_text)
    if json:
        output.print_json(data)
    else:
        print(data["text"])
    return 0
