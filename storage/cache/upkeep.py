"""Care of the disk tier: what there is, whether it is what was stored, and what can go."""

import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from slipstream.storage.cache import evict, flight, rows, values
from slipstream.storage.cache.data import Cleaned, DiskStats, OperationStats, Verified
from slipstream.storage.cache.database import FILE, Database, is_damage
from slipstream.storage.cache.disk import Disk

STEP = 200  # entries between which others can write
LEFT_SECONDS = 3600  # after which a temporary file is nobody's any more
VACUUM_PAGES = 10_000


def disk_stats(disk: Disk) -> DiskStats:
    """What is on disk; limits and hits are the caller's to fill in."""

    def ages(connection: sqlite3.Connection) -> tuple[int, int]:
        found = connection.execute("SELECT min(created_ns), max(created_ns) FROM entries")
        oldest, newest = found.fetchone()
        return oldest or 0, newest or 0

    entries, size = disk.read(rows.totals, (0, 0))
    oldest, newest = disk.read(ages, (0, 0))
    damaged = 0
    with suppress(OSError):
        damaged = len(list(disk.folder.glob("damaged-*.db")))
    return DiskStats(entries, size, 0, 0, 0, oldest, newest, _on_disk(disk.folder), damaged)


def by_operation(disk: Disk) -> list[OperationStats]:
    """Entries and bytes by the second part of their keys, the largest first."""
    nothing: list[tuple[str, int, int]] = []
    found = disk.read(
        lambda connection: connection.execute(
            "WITH parts(rest, size) AS (SELECT CASE instr(key, '::') WHEN 0 THEN ''"
            " ELSE substr(key, instr(key, '::') + 2) || '::' END, size FROM entries)"
            " SELECT substr(rest, 1, max(instr(rest, '::') - 1, 0)) AS operation, count(*),"
            " sum(size) FROM parts GROUP BY operation ORDER BY sum(size) DESC, operation"
        ).fetchall(),
        nothing,
    )
    return [OperationStats(*row) for row in found]


def verify(
    disk: Disk,
    progress: Callable[[int, int], object] | None,
    after: int = 0,
    seconds: float = math.inf,
) -> Verified:
    """Read every value, and remove those that are not what was stored.

    Args:
        disk: The tier.
        progress: Told how many values were read, of how many.
        after: Where an earlier check ended: its `last`. The pages of the database are looked at
            when a check begins at 0, because that cannot be done in parts.
        seconds: When to end, with at least some values read.
    """
    checked = size = 0
    corrupt: list[str] = []
    give_up = time.monotonic() + seconds
    if not after and not disk.read(_whole, True):
        disk.begin_anew()
        return Verified(0, 0, (), True)
    total = disk.read(rows.totals, (0, 0))[0]
    last = after or -1  # an id may be 0
    while found := _after(disk, last):
        for number, key, value, checksum, its_size, file in found:
            last = number
            if not isinstance(key, str):  # nothing can be done to such a row
                disk.begin_anew()
                return Verified(checked, size, (*corrupt,), True)
            checked += 1
            size += its_size
            if not _is_whole(disk.folder, key, value, checksum, file) and _stays(
                disk, key, checksum
            ):
                corrupt.append(key)
                disk.evict_corrupt(key, checksum)
        if progress is not None:
            progress(checked, max(total, checked))
        if len(found) == STEP and time.monotonic() > give_up:
            return Verified(checked, size, tuple(corrupt), False, last)
    disk.write((), _mend_totals, None)
    return Verified(checked, size, tuple(corrupt), False)


def clean(disk: Disk, now: int) -> Cleaned:
    """Remove what expired, files that no entry names, and left-over files; finish what was killed.

    Each step is a transaction of its own, so that others can work meanwhile.
    """
    disk.write_accesses()
    before = _on_disk(disk.folder)
    expired = 0
    while gone := disk.write((), lambda base: _expire(base, now), 0):
        expired += gone
    disk.write((), _forget, None)
    files = disk.write((), lambda base: _remove_orphans(disk.folder, base.connection), 0)
    files += flight.remove_left(disk.folder)
    disk.perform(lambda base: _give_back(base.connection), None)
    return Cleaned(expired, files, max(0, before - _on_disk(disk.folder)))


def count_expired(disk: Disk, now: int) -> tuple[int, int]:
    """How many entries `clean` would remove, and their bytes."""

    def count(connection: sqlite3.Connection) -> tuple[int, int]:
        found = connection.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM entries"
            " WHERE expires_ns <= ? OR accessed_ns > ?",
            (now, now + rows.AHEAD_NS),
        ).fetchone()
        return found[0], found[1]

    return disk.read(count, (0, 0))


def shrink(disk: Disk, max_entries: int, max_bytes: int, now: int) -> tuple[int, int]:
    """Remove entries until the limits hold, which may have been lowered.

    Returns:
        How many, and their bytes.
    """
    removed = size = 0
    nothing: list[rows.Gone] = []
    while gone := disk.write((), lambda base: _evict(base, max_entries, max_bytes, now), nothing):
        removed += len(gone)
        size += sum(entry.size for entry in gone)
    return removed, size


def _whole(connection: sqlite3.Connection) -> bool:
    """Whether SQLite finds its pages and indexes in order."""
    try:
        return bool(connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",))
    except sqlite3.Error as error:
        if is_damage(error):
            return False
        raise


def _after(disk: Disk, last: int) -> list[tuple[Any, ...]]:
    nothing: list[tuple[Any, ...]] = []
    return disk.read(
        lambda connection: connection.execute(
            "SELECT id, key, value, checksum, size, file FROM entries WHERE id > ?"
            " ORDER BY id LIMIT ?",
            (last, STEP),
        ).fetchall(),
        nothing,
    )


def _stays(disk: Disk, key: str, checksum: bytes) -> bool:
    """Whether an entry was not replaced or removed since its row was read."""
    there = "SELECT 1 FROM entries WHERE key = ? AND checksum = ?"
    return disk.read(
        lambda connection: connection.execute(there, (key, checksum)).fetchone() is not None, True
    )


def _is_whole(
    folder: Path, key: str, value: bytes | memoryview | None, checksum: bytes, file: str | None
) -> bool:  # fmt: skip
    try:
        if file is not None:
            value = values.read(folder, file) if values.is_name(file) else None
        return value is not None and values.checksum(key, value) == checksum[: rows.DIGEST]
    except (TypeError, ValueError):  # a damaged row is of any type
        return False


def _mend_totals(base: Database) -> None:
    base.connection.execute(
        "UPDATE totals SET (entries, bytes) ="
        " (SELECT count(*), coalesce(sum(size), 0) FROM entries) WHERE id = 1"
    )


def _expire(base: Database, now: int) -> int:
    gone = evict.remove_expired(base.connection, now, STEP, among=-1)
    base.dropped += [entry.file for entry in gone]
    return len(gone)


def _evict(base: Database, max_entries: int, max_bytes: int, now: int) -> list[rows.Gone]:
    expired, evicted = evict.evict(base.connection, max_entries, max_bytes, now)
    base.dropped += [entry.file for entry in expired + evicted]
    return expired + evicted


def _forget(base: Database) -> None:
    rows.forget_tombstones(base.connection)
    base.generations.mend()


def _remove_orphans(folder: Path, connection: sqlite3.Connection) -> int:
    """Remove files that no entry names. The lock is held: nobody is about to name one."""
    named = {name for (name,) in connection.execute("SELECT file FROM entries WHERE file NOT NULL")}
    removed = 0
    long_ago = time.time() - LEFT_SECONDS
    for path in _files(folder / values.FOLDER):
        with suppress(OSError):
            left = values.is_new(path) and path.stat().st_mtime < long_ago
            if left or not (values.is_new(path) or path.name in named):
                path.unlink()
                removed += 1
    return removed


def _give_back(connection: sqlite3.Connection) -> None:
    """Copy the log into the database, and cut free pages off."""
    # A plain `execute` stops early.
    connection.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name)


def _on_disk(folder: Path) -> int:
    size = 0
    for path in [*folder.glob(f"{FILE}*"), *_files(folder / values.FOLDER)]:
        with suppress(OSError):
            size += path.stat().st_size
    return size
