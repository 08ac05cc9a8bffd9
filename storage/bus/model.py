"""What events say. Publishers write plain rows (`events.emit`); subscribers are given these.

A field that is added has a default; one that changes its meaning raises the event's version, and
who knows only the older one leaves such events alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Event(BaseModel):
    """What all events have.

    Attributes:
        event: 16 hex digits; the same when an event is delivered again, as it may be.
        at_ns: When it was written; UTC, ns since 1970.
        version: Of what it says.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    newest: ClassVar[int] = 1

    event: str
    at_ns: int
    version: int = 1


class OutputGenerated(Event):
    """An output was stored: `id` and `sha256` of the log, its `size` in bytes and its `lines`."""

    id: str
    sha256: str
    size: int
    lines: int
    complete: bool
    exit_status: int | None = None


class SummaryCreated(Event):
    """A summary was kept: its `id`, the SHA-256 of its `log`, and what it says in numbers."""

    id: str
    log: str
    kind: str
    result: str
    errors: int
    warnings: int


class CacheHit(Event):
    """Hits of a cache in some seconds: `count` and bytes, and the sums since its last reset."""

    origin: str
    count: int
    size: int
    total: int
    total_size: int


class CacheMiss(CacheHit):
    """Misses of a cache in some seconds, as `CacheHit`; misses have no size."""


class CacheInvalidated(Event):
    """Entries were removed from the cache: which (`choice`), how many, and their bytes."""

    action: str
    choice: str
    entries: int
    size: int


class BenchmarkComplete(Event):
    """A run of a suite has ended: done, cancelled, stopped or failed (`state`)."""

    run: str
    suite: str
    model: str
    server: str
    state: str
    reason: str


class RegressionDetected(Event):
    """A comparison found a regression: its id, what was compared, and the `worst` severity."""

    comparison: str
    base: str
    candidates: list[str]
    suite: str
    worst: str


EVENTS: dict[str, type[Event]] = {
    event.__name__: event
    for event in (
        OutputGenerated,
        SummaryCreated,
        CacheHit,
        CacheMiss,
        CacheInvalidated,
        BenchmarkComplete,
        RegressionDetected,
    )
}


def parse(name: str, fields: Mapping[str, object]) -> Event:
    """The event of a name.

    Args:
        name: One of `EVENTS`.
        fields: Its payload, and `at_ns`.

    Raises:
        ValueError: There is no such event, it is of a newer version, or a field is missing.
    """
    kind = EVENTS.get(name)
    if kind is None:
        raise ValueError(f"{name} is no event that is known here")
    found = kind.model_validate(fields)
    if found.version > kind.newest:
        raise ValueError(f"{name} has version {found.version}, and {kind.newest} is known here")
    return found
