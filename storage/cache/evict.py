"""Keeps the cache below its limits, a little with each call that writes."""

import sqlite3
import time
from typing import TYPE_CHECKING

from slipstream.storage.cache import rows
from slipstream.storage.cache.data import MissReason

if TYPE_CHECKING:
    from slipstream.storage.cache.database import Database

BATCH = 64  # entries that are looked at together
LOOKED_AT = 10_000  # entries among which expired ones are looked for, in a millisecond
SECONDS = 0.02  # after which a call stops evicting; the next one goes on
SPARE = 16  # one part in so many is freed beyond the limit, so that not every call has to evict


def evict(
    connection: sqlite3.Connection, max_entries: int, max_bytes: int, now: int
) -> tuple[list[rows.Gone], list[rows.Gone]]:
    """Remove entries while there are too many: expired, then of low priority, then long unused.

    Returns:
        What was expired, and what was evicted.
    """
    entries, size = rows.totals(connection)
    if entries <= max_entries and size <= max_bytes:
        return [], []
    give_up = time.perf_counter() + SECONDS
    expired = remove_expired(connection, now)
    evicted: list[rows.Gone] = []
    while True:
        entries, size = rows.totals(connection)
        if entries <= max_entries and size <= max_bytes:
            return expired, evicted
        chosen = _least(connection, entries, size, max_entries, max_bytes)
        gone = rows.take(connection, chosen, MissReason.EVICTED, now)
        evicted += gone
        if not gone or time.perf_counter() > give_up:
            return expired, evicted


def _least(
    connection: sqlite3.Connection, entries: int, size: int, max_entries: int, max_bytes: int
) -> list[str]:
    """The next batch, or as much of it as it takes to have something to spare."""
    chosen = []
    for key, its_size in connection.execute(
        "SELECT key, size FROM entries ORDER BY priority, accessed_ns LIMIT ?", (BATCH,)
    ):
        if entries <= max_entries - max_entries // SPARE and size <= max_bytes - max_bytes // SPARE:
            break
        chosen.append(key)
        entries -= 1
        size -= its_size
    return chosen


def remove_expired(
    connection: sqlite3.Connection, now: int, limit: int = BATCH, among: int = LOOKED_AT
) -> list[rows.Gone]:
    """Remove entries that expired, and those of a clock that was ahead.

    These are not served (`rows.alive`), and would be the last to be evicted.

    Args:
        connection: Of the cache.
        now: Nanoseconds since 1970.
        limit: How many are removed at most, so that nobody waits for long.
        among: How many of those that would be evicted first are looked at; -1: all.
    """
    found = connection.execute(  # the inner ones read the index alone
        "SELECT key FROM entries WHERE id IN (SELECT id FROM (SELECT id, expires_ns, accessed_ns"
        " FROM entries ORDER BY priority, accessed_ns LIMIT ?)"
        " WHERE expires_ns <= ? OR accessed_ns > ? LIMIT ?)",
        (among, now, now + rows.AHEAD_NS, limit),
    ).fetchall()
    return rows.take(connection, [key for (key,) in found], MissReason.EXPIRED, now)


def forget_some(base: "Database", removed: int) -> None:
    """Forget tombstones when many were added; a process may live for long without a clean-up."""
    base.buried += removed
    if base.buried > rows.TOMBSTONES:
        base.buried = 0
        rows.forget_tombstones(base.connection)
