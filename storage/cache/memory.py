"""The memory tier: values of this process, served while nobody changed them on disk."""

from collections import OrderedDict
from threading import Lock
from typing import Any, NamedTuple, TypeAlias

from slipstream.storage.cache.data import Removed
from slipstream.storage.cache.generation import ALL, WRITES, slot_of

RECHECKED_NS = 60 * 10**9  # after which a value is read from disk again, which notes its use
SHARE = 16  # a value that would take more than one part in so many of the limit is not kept


Name: TypeAlias = str | tuple[str, str]
"""A key, for its bytes; with the name of its type before it, for what they were decoded to."""


class Kept(NamedTuple):
    """A value and what it was true under."""

    value: Any
    slot: int
    generation: int
    all_generation: int
    since_ns: int
    until_ns: int
    size: int
    expires_ns: int


class Memory:
    """Least recently used values first to go. Safe to be used by several threads."""

    def __init__(self, limit: int) -> None:
        """Keep values that take `limit` bytes together; 0: none."""
        self.limit = limit
        self.size = 0
        self.hits = 0
        self._slots: memoryview | None = None
        self._from_ns = self._to_ns = 0
        self.kept: OrderedDict[Name, Kept] = OrderedDict()
        self._lock = Lock()

    def attach(self, slots: memoryview | None) -> None:
        """Serve what is true under these counters, those of another database; None: nothing."""
        self.clear()
        self._slots = slots

    def trust(self, start: int, end: int) -> None:
        """Serve values between these times alone: then it has to be looked at the disk again."""
        self._from_ns, self._to_ns = start, end

    def get(self, name: Name, now: int) -> Kept | None:
        """A value that is as true as on disk, or None."""
        kept = self.kept.get(name)
        slots = self._slots
        if kept is None or slots is None or not self._from_ns <= now < self._to_ns:
            return None
        if (
            slots[kept.slot] == kept.generation
            and slots[ALL] == kept.all_generation
            and kept.since_ns <= now < kept.until_ns
        ):
            with self._lock:
                self.hits += 1
                if name in self.kept:
                    self.kept.move_to_end(name)
            return kept
        self.drop(name)
        return None

    def put(
        self, name: Name, key: str, value: Any, size: int, writes: int, now: int, expires: int,
    ) -> None:  # fmt: skip
        """Keep a value, unless somebody writes at the moment or it is too large.

        Args:
            name: What it is found by.
            key: Of its entry.
            value: Decoded; nobody may change it.
            size: Bytes of its encoded form.
            writes: The counter of writes from before the entry was read.
            now: Nanoseconds since 1970.
            expires: Until when it may be served.
        """
        slots = self._slots
        if slots is None or size * SHARE > self.limit:
            return
        slot = slot_of(key)
        generation, all_generation = slots[slot], slots[ALL]
        if (generation | all_generation | writes) & 1 or slots[WRITES] != writes:
            return
        until = min(now + RECHECKED_NS, expires)
        kept = Kept(value, slot, generation, all_generation, now, until, size, expires)
        with self._lock:
            old = self.kept.pop(name, None)
            self.size += size - (old.size if old else 0)
            self.kept[name] = kept
            while self.size > self.limit:
                self.size -= self.kept.popitem(last=False)[1].size

    def drop(self, name: Name) -> None:
        """Forget a value."""
        with self._lock:
            if (old := self.kept.pop(name, None)) is not None:
                self.size -= old.size

    def clear(self) -> Removed:
        """Forget everything."""
        with self._lock:
            removed = Removed(len(self.kept), self.size)
            self.kept.clear()
            self.size = 0
        return removed

    def after_fork(self) -> None:
        """Begin counting anew in a child process; the lock may be held by a thread it lacks."""
        self._lock = Lock()
        self.hits = 0

    def __len__(self) -> int:
        return len(self.kept)
