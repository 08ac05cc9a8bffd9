"""Computing what the cache lacks: once at a time, checked now and then, or in the background."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from slipstream.storage import logs
from slipstream.storage.cache.data import Options
from slipstream.storage.cache.flight import Flights
from slipstream.storage.cache.put import nanoseconds

if TYPE_CHECKING:
    from slipstream.storage.cache.store import CacheStore


class Computing:
    """The computations of one store."""

    def __init__(self, store: "CacheStore") -> None:
        self._store = store
        self._flights = Flights(store.folder)
        self._refreshing: dict[str, threading.Thread] = {}

    def after_miss(
        self, key: str, compute: Callable[[], bytes], stale_seconds: float, options: Options
    ) -> bytes:
        """What `CacheStore.get_or_compute` returns when the key has no value."""
        store = self._store

        def computed() -> bytes:
            made = compute()
            store.set(key, made, **options)
            return made

        def look() -> bytes | None:
            return store.peek(key)

        if stale_seconds:
            stale = store.peek(key, nanoseconds(stale_seconds))
            if stale is not None:
                self._refresh(key, lambda: self._flights.run(key, look, computed))
                return stale
        return self._flights.run(key, look, computed)

    def is_audited(self) -> bool:
        """Whether this hit is one of the share that is computed again."""
        share = self._store.limits.audit_share
        # Mixed by a multiplication, whose upper bits are as good as random: importing `random`
        # takes longer than most commands have.
        return share > 0 and (
            (time.perf_counter_ns() * 0x9E3779B97F4A7C15 >> 32 & 0xFFFFFFFF) < share * (1 << 32)
        )

    def audit(
        self, key: str, value: bytes, compute: Callable[[], bytes], options: Options
    ) -> bytes:
        """Compute the value of a hit again; another one replaces it and is told of."""
        counts = self._store.counts
        try:
            made = compute()
        except Exception as error:  # there is a value; the caller need not know
            logs.warning("cache.audit", key=key, reason=str(error))
            return value
        with counts.lock:
            counts.audits += 1
            counts.audit_differences += made != value
        if made != value:
            logs.warning("cache.audit", key=key, reason="another value was computed")
            self._store.set(key, made, **options)
        return made

    def finish(self) -> None:
        """Wait for what is computed behind somebody's back."""
        for thread in list(self._refreshing.values()):
            with suppress(RuntimeError):  # it is not started yet
                thread.join()

    def _refresh(self, key: str, compute: Callable[[], object]) -> None:
        def run() -> None:
            try:
                compute()
            except Exception as error:  # the next caller computes, and gets the error
                logs.warning("cache.refresh", key=key, reason=str(error))
            finally:
                del self._refreshing[key]

        thread = threading.Thread(target=run, name="cache-refresh", daemon=True)
        if self._refreshing.setdefault(key, thread) is thread:
            try:
                thread.start()
            except RuntimeError as error:  # no more threads, or the interpreter is ending
                del self._refreshing[key]
                logs.warning("cache.refresh", key=key, reason=str(error))
