"""Events in streams of Redis: one stream for each name, read by groups of consumers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from slipstream.storage import logs
from slipstream.storage.bus import model
from slipstream.storage.events import Row
from slipstream.storage.redis_client import Client

PREFIX = "slipstream:events:"
KEPT = 10_000
"""Entries of a stream, about: Redis trims where that is cheap."""
BATCH = 100
TRIES = 5
"""How often a subscriber is given an event on which it fails."""
RETRY_SECONDS = 60.0
"""After which an event is given again to a subscriber that failed on it, or was killed."""

Handler: TypeAlias = Callable[[Any], None]


class Handled(NamedTuple):
    """What subscribers did.

    Attributes:
        done: Events that were handled.
        failed: Events on which a subscriber failed; they come again.
    """

    done: int = 0
    failed: int = 0


def stream_of(name: str) -> str:
    """The key of the stream of an event's name."""
    return PREFIX + name


def send(client: Client, rows: Iterable[Row]) -> None:
    """Add events to their streams, in order, in one round trip.

    Raises:
        RedisError: Some of them may not be there.
    """
    pipeline = client.pipeline(transaction=False)
    for row in rows:
        fields = {"at_ns": row.at_ns, "event": row.id, "payload": row.payload}
        pipeline.xadd(stream_of(row.name), fields, maxlen=KEPT, approximate=True)
    pipeline.execute()


def consume(
    client: Client, group: str, handlers: Mapping[str, Handler], retry_s: float = RETRY_SECONDS
) -> Handled:
    """Give a group what is new in its streams, and once more what it failed on.

    A handler that raises is given the event again, later, after others: up to `TRIES` times. It
    may be given one twice that it handled, when the process was killed before that was noted.

    Args:
        client: Of a server or of this process's own.
        group: One process at a time consumes for it.
        handlers: By the name of the event.
        retry_s: How long after a try the next one comes.

    Raises:
        RedisError: The server failed.
    """
    done = failed = 0
    for name, handler in handlers.items():
        stream = stream_of(name)
        _join(client, stream, group)
        for entry, fields in _entries(client, stream, group, int(retry_s * 1000)):
            if _handle(name, entry, fields, handler):
                client.xack(stream, group, entry)
                done += 1
            else:
                failed += 1
    return Handled(done, failed)


def newest(client: Client, names: Iterable[str], limit: int) -> list[Row]:
    """The newest events of some streams, oldest of them first.

    Raises:
        RedisError: The server failed.
    """
    rows = []
    for name in names:
        for _, fields in client.xrevrange(stream_of(name), count=limit):
            at_ns, event = int(fields["at_ns"]), fields["event"]
            rows.append(Row(0, event, at_ns, name, fields["payload"], True))
    return sorted(rows, key=lambda row: row.at_ns)[-limit:]


def _join(client: Client, stream: str, group: str) -> None:
    """Make a group that begins with the oldest event."""
    import redis

    try:
        client.xgroup_create(stream, group, "0", mkstream=True)
    except redis.ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def _entries(
    client: Client, stream: str, group: str, retry_ms: int
) -> Iterator[tuple[str, dict[str, str]]]:
    """What a group failed on a while ago, then what is new."""
    # fakeredis takes what was read in this millisecond for not idle, even where none need be
    waiting = client.xpending_range(stream, group, "-", "+", BATCH, idle=retry_ms or None)
    if over := [one["message_id"] for one in waiting if one["times_delivered"] >= TRIES]:
        client.xack(stream, group, *over)
        logs.error("events.given_up", stream=stream, group=group, events=len(over))
    if again := [one["message_id"] for one in waiting if one["times_delivered"] < TRIES]:
        yield from client.xclaim(stream, group, group, retry_ms, again)
    while new := client.xreadgroup(group, group, {stream: ">"}, count=BATCH):
        yield from new[0][1]


def _handle(name: str, entry: str, fields: dict[str, str], handler: Handler) -> bool:
    try:
        event = model.parse(name, {**json.loads(fields["payload"]), "at_ns": fields["at_ns"]})
    except (ValueError, KeyError, TypeError) as error:  # again would be no better
        reason = str(error).partition("\n")[0]
        logs.warning("events.not_understood", name=name, entry=entry, reason=reason)
        return True
    try:
        handler(event)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        logs.warning("events.handler_failed", name=name, id=event.event, reason=reason)
        return False
    return True
