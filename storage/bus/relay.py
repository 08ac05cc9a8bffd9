"""From the outbox to the streams, by one process at a time, and never by who publishes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from slipstream.storage import events
from slipstream.storage.bus import streams
from slipstream.storage.connection import Connection
from slipstream.storage.database import transaction
from slipstream.storage.lock import try_lock
from slipstream.storage.redis_client import Client

BATCH = 500
LOCK = "events.lock"
LOCK_KEY = 0x511_57EC  # of PostgreSQL's advisory locks


def relay(connection: Connection, client: Client, settle: Callable[[], None] = lambda: None) -> int:
    """Send what waits in an outbox.

    A kill between sending and noting it leads to a repeat, never to a loss.

    Args:
        connection: To the database with the outbox; the caller holds its lock (`alone`).
        client: Where to.
        settle: Called after each batch was sent and before it is noted; where the streams end with
            this process, it handles what was sent.

    Returns:
        How many were sent.

    Raises:
        RedisError: The server failed; what was not sent stays.
    """
    sent = 0
    while rows := events.pending(connection, BATCH):
        streams.send(client, rows)
        settle()
        with transaction(connection):
            events.mark_delivered(connection, [row.number for row in rows])
        sent += len(rows)
    return sent


@contextmanager
def alone(home: Path) -> Iterator[bool]:
    """Whether this process is the one that relays for a data folder; the kernel frees the lock."""
    handle = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield try_lock(handle)
    finally:
        os.close(handle)


@contextmanager
def alone_of_all(connection: Connection) -> Iterator[bool]:
    """Whether this process is the one that relays for a database which several hosts share."""
    if isinstance(connection, sqlite3.Connection):
        yield True
        return
    (had,) = connection.execute("SELECT pg_try_advisory_lock(?)", (LOCK_KEY,)).fetchone()
    try:
        yield had
    finally:
        if had and not connection.in_transaction:
            connection.execute("SELECT pg_advisory_unlock(?)", (LOCK_KEY,))
