"""Storing: from what a caller hands over to rows in one transaction."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from slipstream.storage.cache import rows, values
from slipstream.storage.cache.data import Item
from slipstream.storage.cache.database import Database
from slipstream.storage.cache.disk import Disk
from slipstream.storage.cache.evict import evict, forget_some
from slipstream.storage.cache.generation import slot_of, slots_of
from slipstream.storage.database import printable
from slipstream.storage.errors import StorageError, UsageError

if TYPE_CHECKING:
    from slipstream.storage.config.settings import CacheLimits

KEY_CHARACTERS = 256
SECOND_NS = 10**9
DAY_SECONDS = 86_400
_LARGEST = (1 << 63) - 1

Thrown: TypeAlias = tuple[list[rows.Gone], list[rows.Gone]]
"""Entries that were removed because they had expired, and because there were too many."""


class Prepared(NamedTuple):
    """A row with its tags and parents, and the file of its value where that is large."""

    row: rows.Row
    tags: tuple[str, ...]
    parents: tuple[str, ...]
    written: Path | None


def storable(key: str) -> bool:
    """Whether a key can be one: not empty, not too long, and no half of a surrogate pair."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return 0 < len(key) <= KEY_CHARACTERS


def nanoseconds(seconds: float) -> int:
    """A time to live, at most what fits a database.

    Raises:
        UsageError: It is not a number of seconds above 0.
    """
    if not seconds > 0:
        raise UsageError(f"A time to live is a number of seconds above 0, not {seconds}.")
    return rows.NEVER if seconds * SECOND_NS >= rows.NEVER else max(1, int(seconds * SECOND_NS))


def time_to_live(ttl: float | None, limits: "CacheLimits") -> int:
    """In nanoseconds, as asked for or as configured.

    Raises:
        UsageError: It is not a number of seconds above 0.
    """
    return nanoseconds(limits.ttl_days * DAY_SECONDS if ttl is None else ttl)


def prepare_all(
    disk: Disk, items: Iterable[Item], now: int, limits: "CacheLimits"
) -> list[Prepared]:
    """Make rows of all items that can be stored; of the others it is told why they cannot.

    Raises:
        UsageError: A time to live is not a number of seconds above 0.
    """
    prepared = []
    for item in items:
        ttl_ns = time_to_live(item.ttl, limits)
        value = item.value if isinstance(item.value, bytes) else memoryview(item.value).cast("B")
        if not storable(item.key):
            disk.warn(
                "key",
                f"A key of {len(item.key)} characters cannot be stored: it is empty, longer than "
                f"{KEY_CHARACTERS} characters, or not Unicode.",
            )
        elif len(value) > limits.max_bytes:
            disk.warn(
                "large",
                f"A value of {len(value):,} bytes is larger than the whole cache may be; it is "
                "not kept. `cache.max_bytes` is the limit.",
            )
        else:
            try:
                prepared.append(_prepare(disk.folder, item, value, now, ttl_ns))
            except (OSError, StorageError) as error:
                disk.tell(error)
    return prepared


def _prepare(
    folder: Path, item: Item, value: bytes | memoryview, now: int, ttl_ns: int
) -> Prepared:
    tags, parents = _names(item.tags), _names(item.depends_on)
    name, written = None, None
    if len(value) > values.INLINE:
        name, written = values.write(folder, value)
    flags = (rows.FILE if name else 0) | (rows.SLIDING if item.sliding else 0)
    mark = bytes([flags]) + bytes.fromhex(name or "") if flags else b""
    row = rows.Row(
        values.checksum(item.key, value) + mark,
        now,
        min(now + ttl_ns, rows.NEVER),
        now,
        ttl_ns if item.sliding else 0,
        _whole(item.priority),
        len(value),
        flags | (rows.TAGS if tags else 0) | (rows.DEPENDENCIES if parents else 0),
        printable(item.producer),
        printable(item.identity),
        name,
        None if name else value,
        item.key,
    )
    return Prepared(row, tags, parents, written)


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(printable(name) for name in names if name)) if names else ()


def put_plain(disk: Disk, item: Item, now: int, limits: "CacheLimits") -> bool | None:
    """Store a small value in one statement, which is a transaction of its own.

    Returns:
        Whether it is stored; None: it takes `put`, because the value is large, something is linked
        to it, an older one has a file, or the limits have to be looked at.

    Raises:
        UsageError: The time to live is not a number of seconds above 0.
    """
    key, value, ttl, sliding, priority, tags, parents, producer, identity = item
    if (
        tags
        or parents
        or type(value) is not bytes
        or len(value) > min(values.INLINE, limits.max_bytes)
        or not storable(key)
        or disk.must_weigh(len(value), limits)
    ):
        return None
    ttl_ns = time_to_live(ttl, limits)
    row = (
        values.checksum(key, value) + (bytes([rows.SLIDING]) if sliding else b""),
        now,
        min(now + ttl_ns, rows.NEVER),
        now,
        ttl_ns if sliding else 0,
        priority and _whole(priority),
        len(value),
        rows.SLIDING if sliding else 0,
        producer and printable(producer),
        identity and printable(identity),
        None,
        value,
        key,
    )
    slots = (slot_of(key),)
    done = disk.perform(lambda base: base.write_one(slots, rows.PUT_PLAIN, row), 0)
    return None if done is False else bool(done)


def _whole(number: int) -> int:
    """A number that SQLite takes."""
    return max(-_LARGEST, min(number, _LARGEST))


def put(disk: Disk, prepared: list[Prepared], now: int, limits: "CacheLimits") -> Thrown | None:
    """Write rows in one transaction, and throw out what is too much then.

    Returns:
        What was thrown out; None: nothing was written.
    """
    slots = slots_of(item.row.key for item in prepared)

    def write(base: Database) -> Thrown:
        for row, tags, parents, written in prepared:
            if written is not None and row.file is not None:
                values.place(disk.folder, row.file, written)
            old = rows.put(base.connection, row, tags, parents)
            if old is not None and old != row.file:
                base.dropped.append(old)
        entries, size = rows.totals(base.connection)
        if entries <= limits.max_entries and size <= limits.max_bytes:
            return [], []
        rows.write_accesses(base.connection, disk.take_accesses())
        expired, evicted = evict(base.connection, limits.max_entries, limits.max_bytes, now)
        base.dropped += [gone.file for gone in expired + evicted]
        forget_some(base, len(expired) + len(evicted))
        return expired, evicted

    try:
        return disk.write(slots, write, None)
    finally:
        for item in prepared:
            if item.written is not None:
                item.written.unlink(missing_ok=True)
