"""The audit log: who did what, when, to what, and how much of it."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from slipstream.storage import events
from slipstream.storage.database import transaction

if TYPE_CHECKING:
    from slipstream.storage.connection import Connection

MANY = 1 << 31  # rows; SQLite takes no number above 2^63


class Entry(NamedTuple):
    """A line of the audit log."""

    id: int
    at_ns: int
    """Nanoseconds since 1970, UTC."""
    who: str
    action: str
    subject: str
    amount: int | None
    """Bytes or things, whichever the action counts."""
    detail: dict[str, Any]


def record(
    connection: Connection,
    action: str,
    subject: str,
    amount: int | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Add an entry; inside a transaction it is part of it."""
    connection.execute(
        "INSERT INTO audit (at_ns, who, action, subject, amount, detail) VALUES (?, ?, ?, ?, ?, ?)",
        (time.time_ns(), _user(), action, subject, amount, json.dumps(detail or {})),
    )


def removed_from_cache(
    connection: Connection, action: str, choice: str, size: int, detail: dict[str, Any]
) -> None:
    """Write down that entries left the cache, and publish it.

    Args:
        connection: To the main database.
        action: Of the entry in the audit log.
        choice: Which entries, in words.
        size: Their bytes.
        detail: More of it; `entries` is how many.
    """
    payload = {"action": action, "choice": choice, "entries": detail["entries"], "size": size}
    with transaction(connection):
        record(connection, action, choice, size, detail)
        events.emit(connection, events.CACHE_INVALIDATED, payload)


def entries(connection: Connection, limit: int = 50, action: str = "") -> list[Entry]:
    """The newest entries, newest first; of one action alone when it is given."""
    rows = connection.execute(
        "SELECT id, at_ns, who, action, subject, amount, detail FROM audit"
        " WHERE ? IN ('', action) ORDER BY id DESC LIMIT ?",
        (action, min(limit, MANY)),
    )
    return [Entry(*row)._replace(detail=json.loads(row[-1])) for row in rows]


def _user() -> str:
    for variable in ("LOGNAME", "USER", "USERNAME"):  # as the standard library's getpass does
        if name := os.environ.get(variable):
            return name.encode("utf-8", "replace").decode()
    return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
