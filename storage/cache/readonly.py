"""A cache that can be read and not written: on a read-only disk, or in somebody else's folder.

SQLite has to write beside a database with a write-ahead log even to read it, unless the log's own
files are there, or the database is said to be immutable. The latter holds only while there is no
log: with one, what the log removed would be served. So it is looked at each read whether the file
is still what was opened, and nothing is kept in memory.
"""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from slipstream.storage.cache.database import FILE, VERSION, Database, schema_of
from slipstream.storage.cache.generation import no_counters

T = TypeVar("T")

REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)


def cannot_write(error: BaseException) -> bool:
    """Whether an error says that something cannot be written by this process."""
    if isinstance(error, OSError):
        return error.errno in REFUSED
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)


class ReadOnlyDatabase(Database):
    """An open database that is only read; whatever would write raises `OSError`."""

    read_only = True

    def __init__(self, folder: Path) -> None:
        """Open the database in `folder`.

        Raises:
            OSError: There is none, or one of another schema.
            sqlite3.Error: It cannot be read.
        """
        self.folder = folder
        self.was_set_aside = False
        self.dropped = []
        self.slots = no_counters()
        self.epoch = 0
        before = self._look()
        self._stamps: tuple[int, ...] | None = None
        try:
            self.connection = _connect(folder / FILE, "mode=ro")
        except sqlite3.OperationalError:
            if before[-1]:  # bytes of the log
                raise
            self._stamps = before
            self.connection = _connect(folder / FILE, "mode=ro&immutable=1")
        self._place = self._identity()
        self.execute = self.connection.cursor().execute

    def replaced(self) -> bool:
        """Whether the file, or its log, is another one than was opened, or was written to."""
        moved = self._identity() != self._place
        return moved or (self._stamps is not None and self._look() != self._stamps)

    def write(self, slots: Iterable[int], action: Callable[[Database], T]) -> T:
        """Refuse.

        Raises:
            OSError: Always.
        """
        _refuse()

    def write_one(self, slots: Iterable[int], statement: str, parameters: Sequence[Any]) -> bool:
        """Refuse.

        Raises:
            OSError: Always.
        """
        _refuse()

    def begin_anew(self) -> None:
        """Refuse.

        Raises:
            OSError: Always.
        """
        _refuse()

    def close(self) -> None:
        """Close it; the object is of no use then."""
        self.connection.close()

    def _look(self) -> tuple[int, ...]:
        """What a change of the database or its log changes; the last is the log's size."""
        looked = []
        for name in (FILE, f"{FILE}-wal"):
            try:
                found = os.stat(self.folder / name)
                looked += [found.st_mtime_ns, found.st_size]
            except OSError:
                looked += [0, 0]
        return tuple(looked)


def _connect(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?{how}", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        if schema_of(connection) == VERSION:
            return connection
        raise OSError(errno.EROFS, "it is of another version and cannot be written", str(path))
    except BaseException:
        connection.close()
        raise


def _refuse() -> NoReturn:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))
