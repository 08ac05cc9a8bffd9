"""Counters in a file that every process maps: they tell whether what memory holds is still true.

Each key belongs to one of 4096 slots, one slot stands for all keys, and one counts every write. A
writer, who holds the cache's write lock, makes the slots of its keys odd, commits, and makes them
even and new. A value that was read may be served from memory for as long as its slot and that of
all keys are what they were when it was read, and even: so a value that was replaced is not served
once the call that replaced it has returned. When it was read is made sure of by the counter of
writes, which has to be even and the same before the row was read and after the slots were. A
writer that is killed leaves its slots odd: their keys are read from disk until somebody writes to
one of them, or a clean-up mends them.
"""

import errno
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

from xxhash import xxh3_64_intdigest

EPOCH = 0  # slot that changes when a new database is begun
ALL = 1  # slot of all keys
WRITES = 2  # slot of every write
_FIRST = 3
_KEYS = 4096  # a power of two
_MASK = 0xFFFF_FFFF_FFFF_FFFF
_SIZE = 8 * (_FIRST + _KEYS)
MANY = 256  # keys of one transaction above which the slot of all keys is used


def slot_of(key: str) -> int:
    """The slot of a key, the same in every process."""
    return _FIRST + (xxh3_64_intdigest(key.encode()) & (_KEYS - 1))


def slots_of(keys: Iterable[str]) -> tuple[int, ...]:
    """The slots that a change of all these keys has to mark."""
    found = {slot_of(key) for key in keys}
    return (ALL,) if len(found) > MANY else tuple(found)


def no_counters() -> memoryview:
    """Counters that never change, and under which nothing is kept in memory."""
    slots = memoryview(bytearray(_SIZE)).cast("Q")
    slots[WRITES] = 1
    return slots


class Generations:
    """The counters. Only whoever holds the cache's write lock may change them."""

    def __init__(self, path: Path) -> None:
        """Map the file at `path`, made when missing and mended when too short; the lock is held.

        The counters begin at random, so that those of a file that was deleted are not met again.

        Raises:
            OSError: It cannot be made or mapped.
        """
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(handle).st_size < _SIZE:
                start = memoryview(bytearray(os.urandom(_SIZE))).cast("Q")
                for slot, value in enumerate(start):
                    start[slot] = value & ~1
                if os.write(handle, start) < _SIZE:  # mapping it would fail, or worse
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            self._map = mmap.mmap(handle, _SIZE)
        finally:
            os.close(handle)
        self.slots = memoryview(self._map).cast("Q")

    def begin(self, slots: Iterable[int]) -> None:
        """Mark slots as being changed."""
        counters = self.slots
        for slot in (WRITES, *slots):
            now = counters[slot]
            counters[slot] = (now + 1 + (now & 1)) & _MASK

    def end(self, slots: Iterable[int]) -> None:
        """Mark slots as changed."""
        counters = self.slots
        for slot in (*slots, WRITES):
            counters[slot] = ((counters[slot] | 1) + 1) & _MASK

    def mend(self) -> None:
        """Finish the changes of writers that were killed."""
        self.end(slot for slot, value in enumerate(self.slots) if value & 1)
