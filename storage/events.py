"""The outbox of events.

An event is written in the transaction that caused it, so that neither is ever without the other,
and is delivered later.
"""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

OUTPUT_GENERATED = "OutputGenerated"
SUMMARY_CREATED = "SummaryCreated"


def emit(connection: sqlite3.Connection, name: str, payload: dict[str, Any]) -> None:
    """Add an event to the outbox; call it inside the transaction that causes it."""
    connection.execute(
        "INSERT INTO events (at_ns, name, payload, delivered) VALUES (?, ?, ?, 0)",
        (time.time_ns(), name, json.dumps(payload)),
    )


def pending(connection: sqlite3.Connection, limit: int = 100) -> list[tuple[int, str, Any]]:
    """The oldest undelivered events: (id, name, payload)."""
    rows = connection.execute(
        "SELECT id, name, payload FROM events WHERE delivered = 0 ORDER BY id LIMIT ?", (limit,)
    )
    return [(number, name, json.loads(payload)) for number, name, payload in rows]


def mark_delivered(connection: sqlite3.Connection, numbers: list[int]) -> None:
    """Take events out of the outbox."""
    connection.executemany(
        "UPDATE events SET delivered = 1 WHERE id = ?", [(number,) for number in numbers]
    )
