"""Lock managers for Prefect's transactions whose locks die with their holder.

Prefect's own keeps a file with no expiry: after `kill -9` the next run waits for ever, and a key
with `/` in it fails. Here the kernel holds the lock (flock), for this host, and the file's name is
a digest of the key. With `storage.redis_url` locks hold between hosts: see `redis_locks.py`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from slipstream.storage import logs, paths, redis_client
from slipstream.storage.cache.flight import FOLDER
from slipstream.storage.config.load import load
from slipstream.storage.errors import SlipError
from slipstream.storage.lock import try_lock

if TYPE_CHECKING:
    from prefect.locking.protocol import LockManager

FIRST_WAIT, LAST_WAIT = 0.005, 0.1
"""Seconds between two looks at a lock that another holds; the wait doubles."""


class FileLocks:
    """Locks by key, between the processes and the tasks of one host.

    It has the methods of `prefect.locking.protocol.LockManager`, blocking and asynchronous. Where
    the locks cannot be kept (a read-only disk), everybody gets theirs: work is then done twice at
    worst, since what it leaves is content-addressed.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, int | None]] = {}  # key → its holder and the open file
        self._guard = threading.Lock()

    def acquire_lock(
        self,
        key: str,
        holder: str,
        acquire_timeout: float | None = None,
        hold_timeout: float | None = None,
    ) -> bool:
        """Wait for the lock, at most `acquire_timeout` seconds, and tell whether it was had.

        Raises:
            ValueError: `hold_timeout` is given: these locks end with their holder, not with time.
        """
        _refuse(hold_timeout)
        for wait in _waits(acquire_timeout):
            if self._try(key, holder):
                return True
            time.sleep(wait)
        return False

    async def aacquire_lock(
        self,
        key: str,
        holder: str,
        acquire_timeout: float | None = None,
        hold_timeout: float | None = None,
    ) -> bool:
        """As `acquire_lock`; others go on meanwhile."""
        _refuse(hold_timeout)
        for wait in _waits(acquire_timeout):
            if self._try(key, holder):
                return True
            await asyncio.sleep(wait)
        return False

    def release_lock(self, key: str, holder: str) -> None:
        """Give the lock back.

        Raises:
            ValueError: `holder` does not hold it.
        """
        with self._guard:
            if not self.is_lock_holder(key, holder):
                raise ValueError(f"No lock for {key!r} is held by {holder!r}.")
            handle = self._held.pop(key)[1]
            if handle is not None:
                try:
                    _path(key).unlink(missing_ok=True)
                except (OSError, SlipError) as error:  # a clean-up removes it, if anybody can
                    logs.warning("flow.lock_left", error=str(error))
                finally:
                    os.close(handle)

    def is_locked(self, key: str) -> bool:
        """Whether somebody holds the lock."""
        with self._guard:
            if key in self._held:
                return True
            try:
                handle = os.open(_path(key), os.O_RDWR)
            except (OSError, SlipError):  # nobody has made the file, or could
                return False
            try:
                return not try_lock(handle)
            finally:
                os.close(handle)

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether `holder`, of this process, holds the lock."""
        held = self._held.get(key)
        return held is not None and held[0] == holder

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock, at most `timeout` seconds; tell whether that is so."""
        for wait in _waits(timeout):
            if not self.is_locked(key):
                return True
            time.sleep(wait)
        return False

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """As `wait_for_lock`; others go on meanwhile."""
        for wait in _waits(timeout):
            if not self.is_locked(key):
                return True
            await asyncio.sleep(wait)
        return False

    def _try(self, key: str, holder: str) -> bool:
        with self._guard:
            if key in self._held:
                return self.is_lock_holder(key, holder)
            try:
                handle = _open_locked(_path(key))
            except (OSError, SlipError) as error:
                logs.warning("flow.lock_unavailable", error=str(error))
                self._held[key] = (holder, None)
                return True
            if handle is not None:
                self._held[key] = (holder, handle)
            return handle is not None


def chosen() -> LockManager:
    """The locks that the configuration asks for: between hosts where a Redis is named."""
    if not load().config.storage.redis_url:
        return FileLocks()
    from slipstream.flows.redis_locks import RedisLocks  # importing redis takes 0.3 s

    return RedisLocks(lambda: redis_client.client(paths.home()))


def _open_locked(path: Path) -> int | None:
    """An open file that has the lock and stands at `path`; None: another one has it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not try_lock(handle):
                os.close(handle)
                return None
            # Who had it before may have removed this file, and a third made a new one.
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except FileNotFoundError:  # removed between the two looks
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _path(key: str) -> Path:
    """Beside the locks of the cache, whose clean-up removes what killed processes left."""
    folder = paths.make_private(paths.subfolder(paths.CACHE) / FOLDER)
    return folder / f"flow-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _waits(timeout: float | None) -> Iterator[float]:
    """Seconds to sleep after each try, until `timeout` is over; one try at least."""
    end = None if timeout is None else time.monotonic() + timeout
    wait = FIRST_WAIT
    while True:
        left = wait if end is None else max(0.0, end - time.monotonic())
        yield min(wait, left)
        if left <= 0:
            return
        wait = min(2 * wait, LAST_WAIT)


def _refuse(hold_timeout: float | None) -> None:
    if hold_timeout is not None:
        raise ValueError("A lock that ends by time is not supported: it ends with its holder.")
