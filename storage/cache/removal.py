"""Removing many entries, a few in each transaction, so that others can work meanwhile."""

from collections.abc import Callable, Iterable, Iterator

from slipstream.storage.cache import choose, evict, rows
from slipstream.storage.cache.data import MissReason
from slipstream.storage.cache.database import Database
from slipstream.storage.cache.disk import Disk
from slipstream.storage.cache.generation import ALL, slots_of
from slipstream.storage.errors import UsageError

STEP = 500  # entries


def remove(
    disk: Disk,
    now: int,
    choice: choose.Choice,
    named: Iterable[str] | None,
    reason: MissReason,
    cascade: bool,
    progress: Callable[[int, int], object] | None,
) -> Iterator[list[rows.Gone]]:
    """Remove entries, and yield those that each step removed.

    Args:
        disk: The disk tier.
        now: Nanoseconds since 1970.
        choice: Which entries.
        named: The keys that are meant, where single ones are; others may have them in memory even
            when they are not on disk any more.
        reason: What later misses are told.
        cascade: What depends on them goes too.
        progress: Told after each step how many of how many are done.
    """
    keys = _keys(disk, choice, cascade)
    slots = (ALL,) if named is None else slots_of({*named, *keys})
    for first in range(0, len(keys) or 1, STEP):
        step = keys[first : first + STEP]

        def take(base: Database, step: list[str] = step) -> list[rows.Gone]:
            gone = rows.take(base.connection, step, reason, now)
            base.dropped += [entry.file for entry in gone]
            evict.forget_some(base, len(gone))
            return gone

        yield disk.write(slots, take, [])
        if progress is not None:
            progress(first + len(step), len(keys))


def count(disk: Disk, choice: choose.Choice, cascade: bool) -> tuple[int, int]:
    """Entries and bytes that `remove` would remove."""
    keys = choose.json_list(_keys(disk, choice, cascade))
    return disk.read(
        lambda connection: connection.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM entries"
            " WHERE key IN (SELECT value FROM json_each(?))",
            (keys,),
        ).fetchone(),
        (0, 0),
    )


def _keys(disk: Disk, choice: choose.Choice, cascade: bool) -> list[str]:
    find = choose.cascade if cascade else choose.find
    none: list[str] = []
    return disk.read(lambda connection: find(connection, choice), none)


def choose_some(
    prefix: str | None,
    glob: str | None,
    tag: str | None,
    keys: list[str] | None,
    producer: str | None,
    expired_at: int | None,
) -> choose.Choice:
    """The condition for a removal, which must not be an empty one by mistake.

    Raises:
        UsageError: Nothing is given, or the glob is not one.
    """
    if (prefix, glob, tag, keys, producer, expired_at) == (None,) * 6:
        raise UsageError(
            "Nothing says what is to be removed; give a prefix (empty for everything), a pattern, "
            "a tag, keys or a producer."
        )
    return choose.choose(prefix, glob, tag, keys, producer, expired_at)
