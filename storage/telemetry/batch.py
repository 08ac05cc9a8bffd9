"""Events of the cache, added up, and how they are added to the database."""

import os
import sqlite3
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from slipstream.storage.database import printable
from slipstream.storage.telemetry.histogram import bucket
from slipstream.storage.telemetry.levels import FINEST

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheEvent

LAST = 200  # events of one batch that are kept one by one
KEPT_EVENTS = 10_000  # of all batches
MAX_ROWS = 50_000  # of a batch that cannot be written; then only the counters are still kept

Context: TypeAlias = tuple[str, str]
"""Repository and commit that an event belongs to."""


class Batch:
    """Events that are not in the database yet: as many numbers as they differ in, no more."""

    def __init__(self) -> None:
        self._counters: dict[tuple[str, ...], list[int]] = {}
        self._counts: dict[tuple[int | str, ...], list[int]] = {}
        self._buckets: dict[tuple[int | str, ...], list[int]] = {}
        self._last: deque[tuple[int | str, ...]] = deque(maxlen=LAST)
        # By chance, so that a share of the short batches has an event in the sample.
        self._sampled = os.urandom(1)[0] / 256

    def __bool__(self) -> bool:
        return bool(self._counters)

    def add(self, events: Iterable[tuple["CacheEvent", Context]], sample: float) -> None:
        """Count events; a share of them, evenly spread, goes into the histograms as well."""
        step = FINEST * 1_000_000_000
        for event, (repository, revision) in events:
            kind, at_ns, _, operation, tier, latency_ns, size, reason = event
            start = max(0, at_ns // step * FINEST)
            sums = self._counters.setdefault((operation, tier, kind, reason), [0, 0])
            sums[0] += 1
            sums[1] += size
            place = (start, operation, tier, kind, reason, repository, revision)
            sums = self._counts.setdefault(place, [0, 0])
            sums[0] += 1
            sums[1] += size
            self._sampled += sample
            if self._sampled < 1:
                continue
            self._sampled -= 1
            for measure, value in (("latency", latency_ns), ("size", size)):
                group = (start, operation, tier, kind, measure, bucket(value))
                sums = self._buckets.setdefault(group, [0, 0])
                sums[0] += 1
                sums[1] += max(0, value)
            self._last.append(
                (at_ns, event.key, operation, tier, kind, reason, latency_ns, size, repository,
                 revision)
            )  # fmt: skip
        if len(self._counts) + len(self._buckets) > MAX_ROWS:
            self._counts.clear()
            self._buckets.clear()

    def sums(self, kind: str) -> tuple[int, int]:
        """How many operations of a kind there are, and the bytes of their values."""
        found = [sums for key, sums in self._counters.items() if key[2] == kind]
        return sum(count for count, _ in found), sum(size for _, size in found)

    def write(self, connection: sqlite3.Connection, now_ns: int) -> None:
        """Add all to the database, inside a transaction of the caller's."""
        connection.executemany(
            "INSERT INTO telemetry_counters VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (operation, tier, kind, reason) DO UPDATE"
            " SET count = count + excluded.count, size = size + excluded.size",
            [(*_clean(key), *sums, now_ns) for key, sums in self._counters.items()],
        )
        connection.executemany(
            "INSERT INTO telemetry_counts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (level, start, operation, tier, kind, reason, repository, revision)"
            " DO UPDATE SET count = count + excluded.count, size = size + excluded.size",
            [(FINEST, *_clean(key), *sums) for key, sums in self._counts.items()],
        )
        connection.executemany(
            "INSERT INTO telemetry_buckets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (level, start, operation, tier, kind, measure, bucket)"
            " DO UPDATE SET count = count + excluded.count, total = total + excluded.total",
            [
                row
                for key, sums in self._buckets.items()
                for row in ((FINEST, *_clean(key), *sums), (0, 0, *_clean(key)[1:], *sums))
            ],
        )
        connection.executemany(
            "INSERT INTO telemetry_events (at_ns, key, operation, tier, kind, reason, latency_ns,"
            " size, repository, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_clean(row) for row in self._last],
        )
        connection.execute(
            "DELETE FROM telemetry_events WHERE id <= (SELECT max(id) FROM telemetry_events) - ?",
            (KEPT_EVENTS,),
        )


def _clean(row: Iterable[int | str]) -> tuple[int | str, ...]:
    """Texts that the database takes: one that it refused would keep back all others."""
    return tuple(printable(cell) if isinstance(cell, str) else cell for cell in row)
