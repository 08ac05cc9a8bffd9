"""The memory tier: values of this process, served while nobody changed them on disk."""

from collections import OrderedDict
from threading import Lock
from typing import Any, NamedTuple

from slipstream.storage.cache.data import Removed
from slipstream.storage.cache.generation import ALL

RECHECKED_NS = 60 * 10**9  # after which a value is read from disk again, which notes its use
SHARE = 16  # a value that would take more than one part in so many of the limit is not kept


class Kept(NamedTuple):
    """A value and what it was true under."""

    value: Any
    slot: int
    generation: int
    all_generation: int
    since_ns: int
    until_ns: int
    size: int
    created_ns: int
    expires_ns: int


class Memory:
    """Least recently used values first to go. Safe to be used by several threads."""

    def __init__(self, limit: int) -> None:
        """Keep values that take `limit` bytes together; 0: none."""
        self.limit = limit
        self.largest = limit // SHARE
        self.size = 0
        self.hits = 0
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str, now: int, slots: memoryview) -> Kept | None:
        """A value that is as true as on disk, or None."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if (
            slots[kept.slot] == kept.generation
            and slots[ALL] == kept.all_generation
            and kept.since_ns <= now < kept.until_ns
        ):
            with self._lock:
                self.hits += 1
                if key in self._kept:
                    self._kept.move_to_end(key)
            return kept
        self.drop(key)
        return None

    def put(
        self, key: str, value: Any, size: int, slot: int, generation: int, all_generation: int,
        now: int, created: int, expires: int,
    ) -> None:  # fmt: skip
        """Keep a value, unless it was read while it was being changed or is too large."""
        if size > self.largest or (generation | all_generation) & 1:
            return
        until = min(now + RECHECKED_NS, expires)
        kept = Kept(value, slot, generation, all_generation, now, until, size, created, expires)
        with self._lock:
            old = self._kept.pop(key, None)
            self.size += size - (old.size if old else 0)
            self._kept[key] = kept
            while self.size > self.limit:
                self.size -= self._kept.popitem(last=False)[1].size

    def drop(self, key: str) -> None:
        """Forget a value."""
        with self._lock:
            if (old := self._kept.pop(key, None)) is not None:
                self.size -= old.size

    def clear(self) -> Removed:
        """Forget everything."""
        with self._lock:
            removed = Removed(len(self._kept), self.size)
            self._kept.clear()
            self.size = 0
        return removed

    def after_fork(self) -> None:
        """Begin counting anew in a child process; the lock may be held by a thread it lacks."""
        self._lock = Lock()
        self.hits = 0

    def __len__(self) -> int:
        return len(self._kept)
