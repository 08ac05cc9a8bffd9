"""A lock manager between hosts: locks in Redis, renewed while their holder lives."""

from __future__ import annotations

from collections.abc import Callable

from redis import RedisError

from slipstream.flows.locks import FileLocks
from slipstream.storage import logs, redis_lock
from slipstream.storage.errors import SlipError
from slipstream.storage.redis_client import Client
from slipstream.storage.redis_lock import Lease


class RedisLocks(FileLocks):
    """Locks by key between hosts; where Redis does not answer, those of this host.

    Args:
        client: Makes a client of the server when the first lock is taken.
        ttl: Seconds for which a lock outlives its holder.
    """

    def __init__(self, client: Callable[[], Client], ttl: float = redis_lock.TTL_SECONDS) -> None:
        super().__init__()
        self._client = client
        self._ttl = ttl
        self._leases: dict[str, tuple[str, Lease]] = {}
        self._told = False

    def number(self, key: str) -> int | None:
        """What whoever keeps things refuses when it has seen a larger one; None: not held."""
        found = self._leases.get(key)
        return found[1].number if found and found[1].held else None

    def release_lock(self, key: str, holder: str) -> None:
        """Give the lock back.

        Raises:
            ValueError: `holder` does not hold it.
        """
        found = self._leases.get(key)
        if found and found[0] == holder:
            found[1].release()
            del self._leases[key]
        else:
            super().release_lock(key, holder)

    def is_locked(self, key: str) -> bool:
        """Whether somebody holds the lock."""
        try:
            return redis_lock.is_taken(self._client(), key) or super().is_locked(key)
        except (RedisError, SlipError) as error:
            self._tell(error)
            return super().is_locked(key)

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether `holder`, of this process, holds the lock."""
        found = self._leases.get(key)
        if found and found[1].held:
            return found[0] == holder
        return super().is_lock_holder(key, holder)

    def _try(self, key: str, holder: str) -> bool:
        found = self._leases.get(key)
        if found and found[1].held:
            return found[0] == holder
        try:
            lease = redis_lock.take(self._client(), key, self._ttl)
        except (RedisError, SlipError) as error:
            self._tell(error)
            return super()._try(key, holder)
        if lease is not None:
            self._leases[key] = (holder, lease)
        return lease is not None

    def _tell(self, error: Exception) -> None:
        if not self._told:
            logs.warning("flow.locks_of_this_host", reason=str(error))
        self._told = True
