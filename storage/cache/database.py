"""The cache's SQLite file: opened, made, locked for writing, and set aside when it is damaged.

    cache.db, -wal, -shm   the database
    lock                   held (flock) by whoever writes, opens or replaces the database
    generations            what tells memory that the disk changed (generation.py)
    values/                large values
    flights/               locks of keys that are being computed
    damaged-1.db …         databases that were set aside, the newest first

The lock is freed by the kernel when its holder dies. SQLite has locks of its own; this one is there
so that the counters change together with the data, so that nobody opens a database while another
one takes its place, and because it is faster to wait for.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from slipstream.storage.cache import rows
from slipstream.storage.cache.generation import ALL, EPOCH, Generations
from slipstream.storage.lock import try_lock
from slipstream.storage.paths import make_private

T = TypeVar("T")

VERSION = 1  # of the schema; a database of another one is set aside
SCHEMA_FILE = Path(__file__).with_name("schema.sql")
FILE = "cache.db"
LOCK = "lock"
GENERATIONS = "generations"
DAMAGED_KEPT = 2
LOCK_SECONDS = 5.0  # how long a writer waits for another one before it goes on without the cache
BUSY_SECONDS = 2.0  # the same for a program that knows SQLite's locks alone
CACHE_KIB = 16 * 1024  # pages that SQLite keeps in memory, at most
PAGE_BYTES = 8192  # 64 KB are read in half the time that they take from pages of 4096
CHECKPOINT_PAGES = 2000  # of the log, which is then copied into the database
_SIDES = ("", "-wal", "-shm")


class Busy(Exception):
    """Another process held the lock for too long."""


class Replaced(Exception):
    """Another process began a new database while this one waited for the lock."""


class Database:
    """An open database. Use it under the store's own lock: it is one connection."""

    read_only = False

    def __init__(self, folder: Path) -> None:
        """Open the database in `folder`; make the folder and the database when they are missing.

        Raises:
            Busy: Somebody else holds the lock.
            OSError: Something cannot be made or opened.
            sqlite3.Error: The same; a damaged database was set aside before.
            StorageError: The folder cannot be made.
        """
        self.folder = make_private(folder)
        self.was_set_aside = False
        """Opening it found a damaged one in its place."""
        self.dropped: list[str | None] = []
        """Files of values that a transaction took away, which go after its commit."""
        self.buried = 0
        """Entries that this process removed since tombstones were last forgotten."""
        self._handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            with self._locked():
                self.generations = Generations(folder / GENERATIONS)
                self.slots = self.generations.slots
                self.connection = self._open()
                self.epoch = self.slots[EPOCH]
                self._place = self._identity()
        except BaseException:
            os.close(self._handle)
            raise
        self.execute = self.connection.cursor().execute

    def write(self, slots: Iterable[int], action: Callable[["Database"], T]) -> T:
        """What `action` returns, which runs in a transaction, under the lock.

        Args:
            slots: Of the keys that it changes (`generation.slots_of`).
            action: Puts files of values that it takes away into `dropped`.

        Raises:
            Busy: Somebody else holds the lock.
            Replaced: Open another `Database`; nothing was changed.
            sqlite3.Error: Nothing was changed.
        """
        execute = self.connection.execute
        self.dropped = []
        self._lock()
        try:
            self._must_be_current()
            self.generations.begin(slots)
            try:
                execute("BEGIN IMMEDIATE")
                try:
                    result = action(self)
                    execute("COMMIT")
                except BaseException:
                    if self.connection.in_transaction:
                        execute("ROLLBACK")
                    raise
            finally:
                self.generations.end(slots)
            if self.dropped:
                rows.drop_files(self.connection, self.folder, self.dropped)
        finally:
            unlock(self._handle)
        return result

    def write_one(self, slots: Iterable[int], statement: str, parameters: Sequence[Any]) -> bool:
        """Run one statement, which is a transaction of its own; whether it changed a row.

        Raises:
            Busy: Somebody else holds the lock.
            Replaced: Open another `Database`; nothing was changed.
            sqlite3.Error: Nothing was changed.
        """
        self._lock()
        try:
            self._must_be_current()
            self.generations.begin(slots)
            try:
                return self.connection.execute(statement, parameters).rowcount > 0
            finally:
                self.generations.end(slots)
        finally:
            unlock(self._handle)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock()
        try:
            yield
        finally:
            unlock(self._handle)

    def _lock(self) -> None:
        if try_lock(self._handle):
            return
        start = time.monotonic()
        while not try_lock(self._handle):
            waited = time.monotonic() - start
            if waited > LOCK_SECONDS:
                raise Busy
            time.sleep(max(0.00002, min(waited / 16, 0.002)))  # a `set` takes twice the first

    def _must_be_current(self) -> None:
        if self.slots[EPOCH] != self.epoch:
            raise Replaced

    def replaced(self) -> bool:
        """Whether another database, or none, stands where this one was opened."""
        return self.slots[EPOCH] != self.epoch or self._identity() != self._place

    def begin_anew(self) -> None:
        """Set the damaged database aside, unless another process has done so already.

        The connection is closed; open another `Database` then.

        Raises:
            Busy: Somebody else holds the lock.
            OSError: It cannot be renamed.
        """
        with suppress(sqlite3.Error):
            self.connection.close()
        with self._locked():
            if not self.replaced():
                self._set_aside()

    def close(self) -> None:
        """Close everything; the object is of no use then."""
        with suppress(sqlite3.Error):
            self.connection.close()
        os.close(self._handle)

    def _identity(self) -> tuple[int, int]:
        """What tells this database, and this lock, from others of the same name."""
        try:
            return os.stat(self.folder / FILE).st_ino, os.stat(self.folder / LOCK).st_ino
        except OSError:
            return 0, 0

    def _open(self) -> sqlite3.Connection:
        """Open the file, or one that is made anew; the lock is held."""
        path = self.folder / FILE
        if not os.path.exists(path):
            self._create(path)
        try:
            connection = _connect(path)
            try:
                if schema_of(connection) == VERSION:
                    return connection
            except BaseException:
                connection.close()
                raise
            connection.close()
        except (TypeError, ValueError):  # what is read is of any type
            pass
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
        self._set_aside()
        self._create(path)
        return _connect(path)

    def _create(self, path: Path) -> None:
        """Make the database under another name and rename it, so that none is seen half made."""
        draft = path.with_name("new.db")
        for side in _SIDES:  # a log that is left of a lost database would be taken for this one's
            path.with_name(FILE + side).unlink(missing_ok=True)
            draft.with_name(draft.name + side).unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(draft, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(f"BEGIN;{SCHEMA_FILE.read_text(encoding='utf-8')}COMMIT;")
        finally:
            connection.close()
        os.replace(draft, path)
        self._changed()

    def _set_aside(self) -> None:
        """Rename the database and what belongs to it; the lock is held."""
        for number in range(DAMAGED_KEPT, 0, -1):
            for side in _SIDES:
                older = FILE if number == 1 else f"damaged-{number - 1}.db"
                target = self.folder / f"damaged-{number}.db{side}"
                target.unlink(missing_ok=True)
                with suppress(FileNotFoundError):
                    os.replace(self.folder / f"{older}{side}", target)
        self.was_set_aside = True
        self._changed()

    def _changed(self) -> None:
        self.generations.begin((EPOCH, ALL))
        self.generations.end((EPOCH, ALL))


if os.name == "nt":  # pragma: no cover - cannot run here
    import msvcrt

    def unlock(handle: int) -> None:
        """Free what `try_lock` locked."""
        os.lseek(handle, 1 << 40, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]

else:
    import fcntl

    def unlock(handle: int) -> None:
        """Free what `try_lock` locked."""
        fcntl.flock(handle, fcntl.LOCK_UN)


def is_damage(error: BaseException) -> bool:
    """Whether an error says that the database itself is broken."""
    mistake = (sqlite3.ProgrammingError, sqlite3.InterfaceError)  # ours: a closed connection
    if not isinstance(error, sqlite3.DatabaseError) or isinstance(error, mistake):
        return False
    whole = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    if (code := whole & 0xFF) == sqlite3.SQLITE_IOERR:
        # Others are of writing and locking: a quota, a limit on files, a file system without locks.
        return whole in (
            sqlite3.SQLITE_IOERR_READ,
            sqlite3.SQLITE_IOERR_SHORT_READ,
            sqlite3.SQLITE_IOERR_CORRUPTFS,
        )
    return code not in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,  # too many tried to open the log at once
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_TOOBIG,
    )


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        # Nothing waits for the disk: a killed process loses nothing by that. A loss of power may
        # undo writes or damage the database, which is then set aside; a wrong value would not have
        # its checksum. Storing 1 KB takes half as long as with NORMAL.
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        return connection
    except BaseException:
        connection.close()
        raise


def schema_of(connection: sqlite3.Connection) -> int:
    """The version of a database's schema."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute("SELECT entries, bytes FROM totals WHERE id = 1").fetchone()[0]
    return int(version)
