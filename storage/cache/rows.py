"""The SQL of single entries. Whatever writes is called inside `Database.writing`."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from slipstream.storage.cache import values
from slipstream.storage.cache.data import Entry, MissReason

NEVER = (1 << 63) - 1  # as a time: an entry that does not expire
AHEAD_NS = 300 * 10**9  # a clock may be corrected by so much
TOMBSTONES = 10_000  # removals that are remembered
TAGS, DEPENDENCIES, FILE, SLIDING = 1, 2, 4, 8  # flags

READ = "SELECT value, checksum, expires_ns, accessed_ns FROM entries WHERE key = ?"
READ_SLIDING = "SELECT sliding_ns FROM entries WHERE key = ?"
DIGEST = 16  # bytes of the checksum; where more has to be heeded, the flags and the file follow
_COLUMNS = (
    "key, size, created_ns, expires_ns, accessed_ns, sliding_ns, priority, producer, identity,"
    " checksum, file, flags"
)
PUT = (  # in the place of an older row: replacing it would write twice as many pages
    "INSERT INTO entries (checksum, created_ns, expires_ns, accessed_ns, sliding_ns, priority,"
    " size, flags, producer, identity, file, value, key)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
    " checksum = excluded.checksum, created_ns = excluded.created_ns,"
    " expires_ns = excluded.expires_ns, accessed_ns = excluded.accessed_ns,"
    " sliding_ns = excluded.sliding_ns, priority = excluded.priority, size = excluded.size,"
    " flags = excluded.flags, producer = excluded.producer, identity = excluded.identity,"
    " file = excluded.file, value = excluded.value"
)
PUT_PLAIN = f"{PUT} WHERE flags & {FILE} = 0"
"""The same, where there is no file to be removed after it; else it changes no row."""


class Row(NamedTuple):
    """An entry that is ready to be written."""

    checksum: bytes
    created_ns: int
    expires_ns: int
    accessed_ns: int
    sliding_ns: int
    priority: int
    size: int
    flags: int
    producer: str
    identity: str
    file: str | None
    value: bytes | memoryview | None
    key: str


class Gone(NamedTuple):
    """An entry that was removed."""

    key: str
    size: int
    file: str | None


def put(
    connection: sqlite3.Connection,
    row: Row,
    tags: Sequence[str],
    parents: Sequence[str],
) -> str | None:
    """Write an entry in the place of the one with its key.

    Returns:
        The file of the value that was there, if it had one.
    """
    old = connection.execute("SELECT file FROM entries WHERE key = ?", (row.key,)).fetchone()
    connection.execute(PUT, row)
    if tags:
        connection.executemany(
            "INSERT OR IGNORE INTO tags (tag, key) VALUES (?, ?)", [(tag, row.key) for tag in tags]
        )
    if parents:
        connection.executemany(
            "INSERT OR IGNORE INTO dependencies (child, parent) VALUES (?, ?)",
            [(row.key, parent) for parent in parents],
        )
    return None if old is None else old[0]


def take(
    connection: sqlite3.Connection, keys: Iterable[str], reason: MissReason, now: int
) -> list[Gone]:
    """Remove entries and remember why; keys without one are left out of what is returned."""
    gone = []
    for key in keys:
        old = connection.execute("SELECT size, file FROM entries WHERE key = ?", (key,)).fetchone()
        if old is not None:
            size, file = old  # of any type, if the row is damaged
            gone.append(Gone(key, size if isinstance(size, int) else 0, file))
            connection.execute("DELETE FROM entries WHERE key = ?", (key,))
    if gone:
        connection.executemany(
            "INSERT OR REPLACE INTO tombstones (key, reason, at_ns) VALUES (?, ?, ?)",
            [(entry.key, reason.value, now) for entry in gone[-TOMBSTONES:]],
        )
    return gone


def totals(connection: sqlite3.Connection) -> tuple[int, int]:
    """Entries and bytes."""
    entries, size = connection.execute("SELECT entries, bytes FROM totals WHERE id = 1").fetchone()
    return int(entries), int(size)


def drop_files(connection: sqlite3.Connection, folder: Path, names: Iterable[str | None]) -> int:
    """Remove the files that no entry names any more; the write lock is held, nothing is open.

    Returns:
        Bytes.
    """
    size = 0
    for name in set(filter(values.is_name, names)):
        used = connection.execute("SELECT 1 FROM entries WHERE file = ? LIMIT 1", (name,))
        if used.fetchone() is None:
            size += values.remove(folder, name)
    return size


def write_accesses(
    connection: sqlite3.Connection, accesses: dict[str, int], slack: int = 0
) -> None:
    """Write when entries were last used, where what is written is older by more than `slack`."""
    connection.executemany(
        "UPDATE entries SET accessed_ns = ? WHERE key = ? AND accessed_ns < ?",
        [(at, key, at - slack) for key, at in accesses.items()],
    )


def prolong(connection: sqlite3.Connection, key: str, now: int, expires: int) -> None:
    """Write when an entry was used and until when it lives now."""
    connection.execute(
        "UPDATE entries SET accessed_ns = ?, expires_ns = ? WHERE key = ?", (now, expires, key)
    )


def entry(connection: sqlite3.Connection, key: str) -> Entry | None:
    """All that is known of an entry but its value."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM entries WHERE key = ?", (key,)).fetchone()
    return None if row is None else _entry(connection, row)


def entries(
    connection: sqlite3.Connection, where: str, parameters: Sequence[object], limit: int
) -> list[Entry]:
    """Entries that meet a condition, in the order of their keys."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM entries WHERE {where} ORDER BY key LIMIT ?", (*parameters, limit)
    ).fetchall()
    return [_entry(connection, row) for row in rows]


def _entry(connection: sqlite3.Connection, row: Sequence[Any]) -> Entry:
    *fields, checksum, file, flags = row
    tags: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    if flags:
        key = (row[0],)
        found = connection.execute("SELECT tag FROM tags WHERE key = ? ORDER BY tag", key)
        tags = tuple(tag for (tag,) in found)
        found = connection.execute(
            "SELECT parent FROM dependencies WHERE child = ? ORDER BY parent", key
        )
        parents = tuple(parent for (parent,) in found)
    return Entry._make((*fields, checksum[:DIGEST].hex(), file or "", tags, parents))


def alive(accessed: int, expires: int, now: int, grace: int = 0) -> bool:
    """Whether an entry is to be served.

    One that was made or used in the future is not: the clock was set back, and it would live too
    long.
    """
    return accessed - AHEAD_NS <= now < expires + grace


def touch(connection: sqlite3.Connection, key: str, now: int, expires: int) -> bool:
    """Begin an entry's time to live anew; false when there is none alive."""
    row = connection.execute(
        "SELECT accessed_ns, expires_ns FROM entries WHERE key = ?", (key,)
    ).fetchone()
    if row is None or not alive(row[0], row[1], now):
        return False
    prolong(connection, key, now, expires)
    return True


def why_missing(connection: sqlite3.Connection, key: str, identity: str, now: int) -> MissReason:
    """Why a key has no value.

    Args:
        connection: Of the cache.
        key: What was looked for.
        identity: Of its inputs; empty: a new producer's version is not told from new inputs.
        now: Nanoseconds since 1970.
    """
    row = connection.execute(
        "SELECT accessed_ns, expires_ns FROM entries WHERE key = ?", (key,)
    ).fetchone()
    if row is not None:  # it is damaged and cannot be removed, or somebody stored it just now
        dead = not alive(row[0], row[1], now)
        return MissReason.EXPIRED if dead else MissReason.CORRUPT
    row = connection.execute("SELECT reason FROM tombstones WHERE key = ?", (key,)).fetchone()
    if row is not None:
        return MissReason(row[0])
    if identity:
        other = "SELECT 1 FROM entries WHERE identity = ? AND identity != '' LIMIT 1"
        if connection.execute(other, (identity,)).fetchone():
            return MissReason.NEW_PRODUCER
    return MissReason.NEVER_STORED


def forget_tombstones(connection: sqlite3.Connection) -> None:
    """Keep the newest tombstones alone."""
    connection.execute(
        "DELETE FROM tombstones WHERE at_ns <= (SELECT at_ns FROM tombstones"
        " ORDER BY at_ns DESC LIMIT 1 OFFSET ?)",
        (TOMBSTONES,),
    )
