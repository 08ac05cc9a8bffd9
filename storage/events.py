"""The outbox of events.

An event is written in the transaction that caused it, so that neither is ever without the other,
and is delivered later, by a process that nobody waits for (`bus/relay.py`). What an event says is
described in `bus/model.py`, which the publishers do not import: a test holds them to it.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from slipstream.storage.connection import Connection

OUTPUT_GENERATED = "OutputGenerated"
SUMMARY_CREATED = "SummaryCreated"
CACHE_HIT = "CacheHit"
CACHE_MISS = "CacheMiss"
CACHE_INVALIDATED = "CacheInvalidated"
BENCHMARK_COMPLETE = "BenchmarkComplete"
REGRESSION_DETECTED = "RegressionDetected"

KEPT = 10_000
"""Events in the outbox, about; the oldest go beyond that, delivered or not."""
TRIM_EVERY = 64  # events, on average
ID_BYTES = 8


class Row(NamedTuple):
    """An event as it is kept.

    Attributes:
        number: Its place in this outbox.
        id: 16 hex digits; the same however often the event is delivered.
        at_ns: UTC, ns since 1970.
        name: One of those above.
        payload: JSON object.
        delivered: Whether it left the outbox.
    """

    number: int
    id: str
    at_ns: int
    name: str
    payload: str
    delivered: bool


def emit(connection: Connection, name: str, payload: dict[str, Any]) -> None:
    """Add an event to the outbox; call it inside the transaction that causes it."""
    identity = os.urandom(ID_BYTES)
    connection.execute(
        "INSERT INTO events (at_ns, name, payload, delivered) VALUES (?, ?, ?, ?)",
        (time.time_ns(), name, json.dumps({"event": identity.hex(), **payload}), False),
    )
    if (
        identity[0] < 256 // TRIM_EVERY
    ):  # by chance: asking for the row's number costs as much again
        connection.execute(
            "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?", (KEPT,)
        )


def pending(connection: Connection, limit: int = 100) -> list[Row]:
    """The oldest undelivered events."""
    rows = connection.execute(
        "SELECT id, at_ns, name, payload, delivered FROM events WHERE delivered = ?"
        " ORDER BY id LIMIT ?",
        (False, limit),
    )
    return [_row(row) for row in rows]


def newest(connection: Connection, limit: int, name: str = "") -> list[Row]:
    """The newest events, delivered or not, oldest of them first; of one name where it is given."""
    rows = connection.execute(
        "SELECT id, at_ns, name, payload, delivered FROM events WHERE ? IN ('', name)"
        " ORDER BY id DESC LIMIT ?",
        (name, limit),
    )
    return [_row(row) for row in rows][::-1]


def waiting(connection: Connection) -> dict[str, int]:
    """How many events of which name are not delivered."""
    rows = connection.execute(
        "SELECT name, count(*) FROM events WHERE delivered = ? GROUP BY name", (False,)
    )
    return dict(rows)


def mark_delivered(connection: Connection, numbers: list[int]) -> None:
    """Note that events have left the outbox."""
    connection.executemany(
        "UPDATE events SET delivered = ? WHERE id = ?", [(True, number) for number in numbers]
    )


def origin(home: Path) -> str:
    """Which data folder of which machine an event comes from."""
    import hashlib

    machine = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:8]
    return f"{machine.encode('ascii', 'replace').decode()}-{digest}"


def _row(row: tuple[int, int, str, str, bool]) -> Row:
    number, at_ns, name, payload, delivered = row
    try:
        identity = str(json.loads(payload)["event"])
    except (ValueError, KeyError, TypeError):  # written before events had ids
        identity = f"{at_ns:016x}"
    return Row(number, identity, at_ns, name, payload, bool(delivered))
