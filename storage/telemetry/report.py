"""What the telemetry says: counters, windows up to now, and a period beside the one before."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from slipstream.storage.telemetry.histogram import Bucket, percentile
from slipstream.storage.telemetry.levels import HOUR, MINUTE

WINDOWS = (("1 minute", MINUTE), ("5 minutes", 5 * MINUTE), ("1 hour", HOUR))
SESSION_GAP = 30 * MINUTE  # seconds without an operation that end a session
GROUPS = ("operation", "tier", "repository", "revision")
SHARES = (0.5, 0.95, 0.99)


class Totals(NamedTuple):
    """Operations of the cache by what came of them."""

    hits: int = 0
    misses: int = 0
    sets: int = 0
    deletes: int = 0
    evictions: int = 0
    corrupt: int = 0
    read: int = 0
    """Bytes of the values of hits."""
    written: int = 0
    """Bytes of the values that were set."""

    @property
    def hit_rate(self) -> float | None:
        """Share of the look-ups that were hits; None without look-ups."""
        looked_up = self.hits + self.misses
        return self.hits / looked_up if looked_up else None


class Counter(NamedTuple):
    """Operations of one sort since the last reset."""

    operation: str
    tier: str
    kind: str
    reason: str
    amount: int
    size: int
    """Bytes, together."""
    since_ns: int


class Line(NamedTuple):
    """One group of a report."""

    group: tuple[str, ...]
    """Values of what it is grouped by."""
    now: Totals
    before: Totals | None
    """Of the period that it is compared with; None: compared with nothing."""
    latency: tuple[float | None, ...]
    """Of hits, in nanoseconds: the percentiles `SHARES`; empty where histograms are not split."""


class Report(NamedTuple):
    """A period of the telemetry. Times are seconds since 1970."""

    start: int
    end: int
    compared: tuple[int, int] | None
    by: tuple[str, ...]
    lines: tuple[Line, ...]
    total: Line


def counters(connection: sqlite3.Connection) -> list[Counter]:
    """The exact counters, in the order of operation, tier, kind and reason."""
    rows = connection.execute(
        "SELECT operation, tier, kind, reason, count, size, since_ns FROM telemetry_counters"
        " ORDER BY operation, tier, kind, reason"
    )
    return [Counter(*row) for row in rows]


def reset(connection: sqlite3.Connection) -> int:
    """Begin counting from nothing, inside a transaction; what is kept by time stays.

    Returns:
        How many operations had been counted.
    """
    (count,) = connection.execute(
        "SELECT coalesce(sum(count), 0) FROM telemetry_counters"
    ).fetchone()
    connection.execute("DELETE FROM telemetry_counters")
    connection.execute("DELETE FROM telemetry_buckets WHERE level = 0")
    return int(count)


def totals(counted: Iterable[tuple[str, int, int]]) -> Totals:
    """Add up (kind, count, bytes)."""
    count: dict[str, int] = {}
    size: dict[str, int] = {}
    for kind, number, length in counted:
        count[kind] = count.get(kind, 0) + number
        size[kind] = size.get(kind, 0) + length
    return Totals(
        hits=count.get("hit", 0),
        misses=count.get("miss", 0),
        sets=count.get("set", 0),
        deletes=count.get("delete", 0),
        evictions=count.get("evict", 0),
        corrupt=count.get("corrupt", 0),
        read=size.get("hit", 0),
        written=size.get("set", 0),
    )


def windows(connection: sqlite3.Connection, now_s: int) -> dict[str, Totals]:
    """The last minute, five minutes, hour, and the session, each up to ten seconds longer.

    A session is what happened up to now without a pause of more than half an hour, by whichever
    processes.
    """
    found = {name: _sum(connection, now_s - length, now_s) for name, length in WINDOWS}
    found["session"] = _sum(connection, session_start(connection, now_s), now_s)
    return found


def session_start(connection: sqlite3.Connection, now_s: int) -> int:
    """When the current session began, in seconds since 1970; `now_s` when there is none."""
    start = now_s
    rows = connection.execute(
        "SELECT start, level FROM telemetry_counts WHERE start <= ? GROUP BY start, level"
        " ORDER BY start DESC",
        (now_s,),
    )
    for begun, level in rows:
        if begun + level < start - SESSION_GAP:
            break
        start = min(start, begun)
    return start


def report(
    connection: sqlite3.Connection,
    start: int,
    end: int,
    *,
    compared: tuple[int, int] | None = None,
    by: tuple[str, ...] = ("operation",),
) -> Report:
    """Operations from `start` up to `end`, beside those of another period.

    What is told apart by hours or days only belongs to the period in which the hour or day began.

    Args:
        connection: The main database.
        start: Seconds since 1970.
        end: Not included.
        compared: Start and end of the other period.
        by: What is told apart, of `GROUPS`.
    """
    now = _grouped(connection, by, start, end)
    before = _grouped(connection, by, *compared) if compared else {}
    split = not {"repository", "revision"} & set(by)
    buckets = _latencies(connection, by, start, end) if split else {}
    lines = [
        Line(
            group,
            totals(now.get(group, ())),
            totals(before.get(group, ())) if compared else None,
            tuple(percentile(buckets.get(group, ()), share) for share in SHARES) if split else (),
        )
        for group in sorted(now.keys() | before.keys())
    ]
    every = [bucket for some in buckets.values() for bucket in some]
    total = Line(
        (),
        totals(row for rows in now.values() for row in rows),
        totals(row for rows in before.values() for row in rows) if compared else None,
        tuple(percentile(_merged(every), share) for share in SHARES) if split else (),
    )
    return Report(start, end, compared, by, tuple(lines), total)


def histogram(
    connection: sqlite3.Connection, measure: str
) -> dict[tuple[str, str, str], list[Bucket]]:
    """Since the last reset: (operation, tier, kind) → its buckets, in order.

    Args:
        connection: The main database.
        measure: `latency` (nanoseconds) or `size` (bytes).
    """
    rows = connection.execute(
        "SELECT operation, tier, kind, bucket, count, total FROM telemetry_buckets"
        " WHERE level = 0 AND start = 0 AND measure = ? ORDER BY operation, tier, kind, bucket",
        (measure,),
    )
    found: dict[tuple[str, str, str], list[Bucket]] = {}
    for operation, tier, kind, *bucket in rows:
        found.setdefault((operation, tier, kind), []).append(Bucket(*bucket))
    return found


def events_of(connection: sqlite3.Connection, key: str, limit: int = 10) -> list[dict[str, object]]:
    """The newest recorded operations on one key, newest first."""
    found = connection.execute(
        "SELECT at_ns, kind, tier, reason, latency_ns, size FROM telemetry_events"
        " WHERE key = ? ORDER BY id DESC LIMIT ?",
        (key, limit),
    )
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found]


def _sum(connection: sqlite3.Connection, start: int, end: int) -> Totals:
    """Operations of the stretches that end after `start` and began by `end`."""
    rows = connection.execute(
        "SELECT kind, sum(count), sum(size) FROM telemetry_counts"
        " WHERE start + level > ? AND start <= ? GROUP BY kind",
        (start, end),
    )
    return totals(rows.fetchall())


def _grouped(
    connection: sqlite3.Connection, by: tuple[str, ...], start: int, end: int
) -> dict[tuple[str, ...], list[tuple[str, int, int]]]:
    columns = ", ".join(name for name in GROUPS if name in by)
    rows = connection.execute(
        f"SELECT kind, sum(count), sum(size), {columns} FROM telemetry_counts"
        f" WHERE start >= ? AND start < ? GROUP BY kind, {columns}",
        (start, end),
    )
    found: dict[tuple[str, ...], list[tuple[str, int, int]]] = {}
    for kind, count, size, *group in rows:
        found.setdefault(tuple(group), []).append((kind, count, size))
    return found


def _latencies(
    connection: sqlite3.Connection, by: tuple[str, ...], start: int, end: int
) -> dict[tuple[str, ...], list[Bucket]]:
    columns = ", ".join(name for name in GROUPS if name in by)
    rows = connection.execute(
        f"SELECT bucket, sum(count), sum(total), {columns} FROM telemetry_buckets"
        " WHERE level > 0 AND start >= ? AND start < ? AND measure = 'latency' AND kind = 'hit'"
        f" GROUP BY bucket, {columns}",
        (start, end),
    )
    found: dict[tuple[str, ...], list[Bucket]] = {}
    for number, count, total, *group in rows:
        found.setdefault(tuple(group), []).append(Bucket(number, count, total))
    return found


def _merged(buckets: Iterable[Bucket]) -> list[Bucket]:
    found: dict[int, Bucket] = {}
    for one in buckets:
        same = found.get(one.number, Bucket(one.number, 0, 0))
        found[one.number] = Bucket(one.number, same.amount + one.amount, same.total + one.total)
    return list(found.values())
