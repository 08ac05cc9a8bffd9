"""Locks between hosts, in Redis: each ends by itself when its holder no longer renews it.

A holder that was stopped for longer than the lock lasts may go on while another one has the lock.
What must not be written twice is therefore given the lock's number, which grows with each holder:
whoever keeps things refuses a number below the highest that it has seen (Kleppmann, "How to do
distributed locking", 2016).
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from slipstream.storage import logs

if TYPE_CHECKING:
    from slipstream.storage.redis_client import Client

PREFIX = "slipstream:lock:"
TTL_SECONDS = 30.0
"""How long a lock outlives its holder; it is renewed three times in that."""
NUMBER_DAYS = 30
"""How long the last number of a lock that nobody takes is known."""


class Lease:
    """A lock that is held, renewed by a thread until it is given back.

    Attributes:
        number: Larger than that of everybody who held it before.
    """

    def __init__(self, client: Client, key: str, value: str, number: int, ttl: float) -> None:
        self.number = number
        self._client, self._key, self._value, self._ttl = client, key, value, ttl
        self._until = time.monotonic() + ttl
        self._ended = threading.Event()
        threading.Thread(target=self._renew, name="slip-lock", daemon=True).start()

    @property
    def held(self) -> bool:
        """Whether it is certain that nobody else has it; False for good once it is not."""
        if time.monotonic() >= self._until:
            self._ended.set()
        return not self._ended.is_set()

    def release(self) -> None:
        """Give it back; nothing happens where it was lost."""
        import redis

        self._ended.set()
        try:
            _if_ours(self._client, self._key, self._value, lambda pipe: pipe.delete(self._key))
        except redis.RedisError as error:  # it ends by itself
            logs.warning("lock.not_released", reason=str(error))

    def _renew(self) -> None:
        import redis

        while not self._ended.wait(self._ttl / 3) and self.held:
            asked = time.monotonic()
            try:
                if not _if_ours(
                    self._client,
                    self._key,
                    self._value,
                    lambda pipe: pipe.pexpire(self._key, int(self._ttl * 1000)),
                ):
                    break
            except redis.RedisError:  # it may be back before the lock ends
                continue
            self._until = asked + self._ttl
        if not self._ended.is_set():
            self._ended.set()
            logs.warning("lock.lost", key=self._key)


def take(client: Client, name: str, ttl: float = TTL_SECONDS) -> Lease | None:
    """Take a lock; None: another one holds it.

    Args:
        client: Of the server that all who compete use.
        name: Of what is locked; of any length.
        ttl: Seconds for which it outlives its holder.

    Raises:
        RedisError: The server failed.
    """
    import redis

    key = _key(name)
    numbers = f"{key}:number"
    with client.pipeline() as pipe:
        pipe.watch(key, numbers)
        if pipe.exists(key):
            return None
        number = int(pipe.get(numbers) or 0) + 1
        value = f"{number} {os.getpid()} {os.urandom(8).hex()}"
        pipe.multi()
        pipe.set(key, value, px=int(ttl * 1000), nx=True)
        pipe.set(numbers, number, ex=NUMBER_DAYS * 86_400)
        try:
            done = pipe.execute()
        except redis.WatchError:  # somebody was faster
            return None
    return Lease(client, key, value, number, ttl) if done[0] else None


def is_taken(client: Client, name: str) -> bool:
    """Whether somebody holds a lock.

    Raises:
        RedisError: The server failed.
    """
    return bool(client.exists(_key(name)))


def _if_ours(client: Client, key: str, value: str, change: Callable[[Any], object]) -> bool:
    """Change a lock in one step with seeing that it is still this holder's."""
    import redis

    with client.pipeline() as pipe:
        pipe.watch(key)
        if pipe.get(key) != value:
            return False
        pipe.multi()
        change(pipe)
        try:
            return bool(pipe.execute()[0])
        except redis.WatchError:
            return False


def _key(name: str) -> str:
    return PREFIX + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
