"""Stretches of time: ten seconds, minute, hour, day. An operation is counted in one of them.

What is old enough is moved to the next level in one transaction, so that moving again, being
killed, or a clock that was set back neither loses nor doubles anything: what comes late is moved
late. What is older than the last level's age is removed; the counters are not touched by that.
"""

import sqlite3
from itertools import pairwise

from slipstream.storage.config.settings import Telemetry

FINEST = 10  # seconds; windows are exact to this
FINEST_KEPT = 2 * 3600  # seconds
MINUTE, HOUR, DAY = 60, 3600, 86_400


def ages(kept: Telemetry) -> tuple[tuple[int, int], ...]:
    """The levels with the age in seconds at which they are moved on, or in the end removed."""
    return (
        (FINEST, FINEST_KEPT),
        (MINUTE, max(FINEST_KEPT, kept.minute_days * DAY)),
        (HOUR, kept.hour_days * DAY),
        (DAY, kept.day_days * DAY),
    )


def is_due(connection: sqlite3.Connection, now_s: int) -> bool:
    """Whether there is an hour's worth or more to move. One look into an index."""
    (oldest,) = connection.execute(
        "SELECT min(start) FROM telemetry_counts WHERE level = ?", (FINEST,)
    ).fetchone()
    return oldest is not None and oldest < now_s - FINEST_KEPT - HOUR


def roll_up(connection: sqlite3.Connection, now_s: int, kept: Telemetry) -> int:
    """Move what is old to the next level, and remove the oldest days.

    Call it inside a transaction.

    Returns:
        How many rows were moved or removed.
    """
    done = 0
    levels = ages(kept)
    for (level, age), (coarser, _) in pairwise(levels):
        before = (now_s - age) // coarser * coarser
        # A commit is told apart for as long as there are hours.
        revision = "''" if coarser == DAY else "revision"
        connection.execute(
            "INSERT INTO telemetry_counts SELECT :coarser, start - start % :coarser, operation,"
            f" tier, kind, reason, repository, {revision}, sum(count), sum(size)"
            " FROM telemetry_counts WHERE level = :level AND start < :before"
            " GROUP BY 2, 3, 4, 5, 6, 7, 8"
            " ON CONFLICT (level, start, operation, tier, kind, reason, repository, revision)"
            " DO UPDATE SET count = count + excluded.count, size = size + excluded.size",
            {"coarser": coarser, "level": level, "before": before},
        )
        connection.execute(
            "INSERT INTO telemetry_buckets SELECT :coarser, start - start % :coarser, operation,"
            " tier, kind, measure, bucket, sum(count), sum(total)"
            " FROM telemetry_buckets WHERE level = :level AND start < :before"
            " GROUP BY 2, 3, 4, 5, 6, 7"
            " ON CONFLICT (level, start, operation, tier, kind, measure, bucket)"
            " DO UPDATE SET count = count + excluded.count, total = total + excluded.total",
            {"coarser": coarser, "level": level, "before": before},
        )
        done += _remove(connection, level, before)
    level, age = levels[-1]
    return done + _remove(connection, level, now_s - age)


def _remove(connection: sqlite3.Connection, level: int, before: int) -> int:
    removed = 0
    for table in ("telemetry_counts", "telemetry_buckets"):
        removed += connection.execute(
            f"DELETE FROM {table} WHERE level = ? AND start < ?", (level, before)
        ).rowcount
    return removed
