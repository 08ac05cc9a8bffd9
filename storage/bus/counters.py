"""Live counters of all hosts: how often each cache hit and missed since its last reset.

Each data folder sends its sums, not what was added to them, so that an event which comes twice
changes nothing.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from slipstream.storage.bus.model import CacheHit
from slipstream.storage.redis_client import Client

KEY = "slipstream:counters"


class Counter(NamedTuple):
    """What one data folder of one machine says.

    Attributes:
        origin: Which one.
        name: CacheHit or CacheMiss.
        at_ns: When it said so; UTC, ns since 1970.
        total: Operations since the counters were reset.
        size: Bytes of their values.
    """

    origin: str
    name: str
    at_ns: int
    total: int
    size: int


def keep(client: Client, event: CacheHit) -> None:
    """Keep what an event says, unless something newer is kept.

    Raises:
        RedisError: The server failed.
    """
    name = type(event).__name__
    field = json.dumps([event.origin, name])
    before = client.hget(KEY, field)
    if before is None or json.loads(before)[0] <= event.at_ns:
        client.hset(KEY, field, json.dumps([event.at_ns, event.total, event.total_size]))


def read(client: Client) -> list[Counter]:
    """The counters of all hosts.

    Raises:
        RedisError: The server failed.
    """
    found = client.hgetall(KEY).items()
    return sorted(Counter(*json.loads(field), *json.loads(value)) for field, value in found)
