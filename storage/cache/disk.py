"""The disk tier: reads and writes that never fail their caller.

A fault is told once, as a warning in the log and a sentence in `warnings`; then the caller goes on
without the cache. A damaged database is set aside and a new one begun; one that was deleted or
replaced while it was open is noticed within a second.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from slipstream.storage import logs
from slipstream.storage.cache import rows, values
from slipstream.storage.cache.data import MissReason
from slipstream.storage.cache.database import FILE, Busy, Database, Replaced, is_damage
from slipstream.storage.cache.generation import EPOCH, WRITES, slots_of
from slipstream.storage.cache.memory import Memory
from slipstream.storage.cache.rows import AHEAD_NS, READ
from slipstream.storage.cache.values import checksum
from slipstream.storage.errors import StorageError

if TYPE_CHECKING:
    from slipstream.storage.config.settings import CacheLimits

T = TypeVar("T")
FAULTS = (Busy, Replaced, OSError, sqlite3.Error, StorageError)

CHECKED_NS = 10**9  # after which it is looked whether the database is still the one that was opened
RETRY_SECONDS = 10.0  # after a fault, until which there is no cache, or nothing is written
NOTED_NS = 600 * 10**9  # a use is written when the one that is written is older than this
DUE = 512  # uses that are written together
RECENT = 4096  # newer uses that are remembered for the next eviction
SLIDES = 64  # a hit prolongs a sliding entry when more than one part in so many of its time is gone
WEIGHED = 16  # entries that are stored between two looks at the limits, at most
WEIGHED_PART = 256  # the same as a part of each limit
FEW_BYTES = 256 * 1024  # of free space; with less, a failure to write is not called damage


Loaded: TypeAlias = tuple[bytes | memoryview, int, int]
"""A value from disk, when it expires in nanoseconds since 1970, and the counter of writes from
before it was read: odd where it must not be kept in memory."""


class Disk:
    """One connection, used by one thread at a time."""

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], int],
        corrupted: Callable[[str, int], None],
        memory: Memory,
    ) -> None:
        """Nothing is opened before it is needed.

        Args:
            folder: The cache's own folder.
            clock: Nanoseconds since 1970.
            corrupted: Told the key and size of a value that was not what was stored.
            memory: Told which counters its values depend on, and until when they may be trusted.
        """
        self.folder = folder
        self.warnings: list[str] = []
        self.lock = threading.RLock()
        self.loads = self.hits = 0
        """Calls of `load` that count, and those that found something."""
        self._clock = clock
        self._corrupted = corrupted
        self._memory = memory
        self._database: Database | None = None
        self._checked_ns = self._check_ns = 0
        self._no_database_until = 0.0
        self._no_writes_until = 0.0
        self._due: dict[str, int] = {}
        self._recent: dict[str, int] = {}
        self._unweighed = self._unweighed_bytes = 0
        self._told: set[str] = set()
        self._closed = False

    def load(
        self, key: str, now: int, grace_ns: int = 0, counted: int = 1, tries: int = 3
    ) -> Loaded | None:
        """The value of a key as it was stored, or None.

        Args:
            key: Of the cache.
            now: Nanoseconds since 1970.
            grace_ns: An entry that expired less than this long ago counts as alive.
            counted: 1: the call counts as a hit or a miss; 0: it does not.
            tries: Looks at an entry that is replaced between reading its row and its file.
        """
        with self.lock:
            self.loads += counted
            database = self._database
            if (
                database is None
                or database.slots[EPOCH] != database.epoch
                or not self._checked_ns <= now < self._check_ns
            ):
                database = self._check(now)
                if database is None:
                    return None
            try:
                writes = database.slots[WRITES]
                row = database.execute(READ, (key,)).fetchone()
                if row is None:
                    return None
                value, digest, expires, accessed = row
                if not accessed - AHEAD_NS <= now < expires + grace_ns:
                    return None
                if value is None or checksum(key, value) != digest:
                    flagged = self._flagged(database, key, now, row)
                    if flagged is None:
                        if tries == 1 or not self._replaced_entry(database, key, digest):
                            return None
                        self.loads -= counted
                        return self.load(key, now, grace_ns, counted, tries - 1)
                    value, expires, sliding = flagged
                    if sliding:  # its uses are written, so memory does not hide them
                        writes = 1
                if now - accessed < NOTED_NS:
                    self._recent[key] = now
                else:
                    self._due[key] = now
                    if len(self._due) >= DUE:
                        self.write_accesses()
                self.hits += counted
                return value, expires, writes
            except UnicodeEncodeError:  # half a surrogate pair: a key that cannot be stored
                return None
            except (TypeError, ValueError, OverflowError, AttributeError):  # damage is of any type
                self.evict_corrupt(key, None)
                return None
            except FAULTS as error:
                self._fault(error, database, reading=True)
                return None

    def read(self, action: Callable[[sqlite3.Connection], T], default: T) -> T:
        """What `action` reads, or `default` where the cache cannot be used."""
        with self.lock:
            for _ in range(2):
                database = self._check(self._clock())
                if database is None:
                    return default
                try:
                    return action(database.connection)
                except (TypeError, ValueError, AttributeError):  # a damaged row, or an odd key
                    return default
                except FAULTS as error:
                    if not self._fault(error, database, reading=True):
                        return default
        return default

    def write(self, slots: Iterable[int], action: Callable[[Database], T], default: T) -> T:
        """What `action` does in a transaction, or `default` where the cache cannot be written.

        Args:
            slots: Of the keys that are changed (`generation.slots_of`).
            action: May be called twice: the second time in a new database.
            default: Returned when nothing was written.
        """
        return self.perform(lambda database: database.write(slots, action), default)

    def perform(self, action: Callable[[Database], T], default: T) -> T:
        """What `action` does with the database, or `default` where that cannot be written."""
        with self.lock:
            if time.monotonic() < self._no_writes_until:
                return default
            for _ in range(2):
                database = self._check(self._clock())
                if database is None:
                    return default
                try:
                    return action(database)
                except (TypeError, ValueError, OverflowError, AttributeError):  # of a damaged row
                    if not self._replace(database):
                        return default
                except FAULTS as error:
                    if not self._fault(error, database, reading=False):
                        return default
        return default

    def must_weigh(self, size: int, limits: "CacheLimits") -> bool:
        """Whether so much was stored without a look at the limits that one is due.

        A look costs a third of a `set`, and this process's part of a batch is little to be above.
        """
        self._unweighed += 1
        self._unweighed_bytes += size
        due = (
            self._unweighed >= WEIGHED
            or self._unweighed * WEIGHED_PART > limits.max_entries
            or self._unweighed_bytes * WEIGHED_PART > limits.max_bytes
        )
        if due:
            self._unweighed = self._unweighed_bytes = 0
        return due

    def write_accesses(self) -> None:
        """Write which entries were used that had not been for long."""
        due, self._due = self._due, {}
        if due and not self._read_only():
            slack = NOTED_NS // 2  # another process may have written it just now
            self.write((), lambda base: rows.write_accesses(base.connection, due, slack), None)

    def take_accesses(self) -> dict[str, int]:
        """What was used and is not written yet, for a caller that is about to evict."""
        found = self._due | self._recent
        self._due, self._recent = {}, {}
        return found

    def usable(self) -> bool:
        """Whether there is a database at the moment."""
        with self.lock:
            return self._check(self._clock()) is not None

    def begin_anew(self) -> None:
        """Set the database aside, which was found damaged, and begin a new one."""
        with self.lock:
            if self._database is not None:
                self._replace(self._database)

    def close(self) -> None:
        """Write what is due and close; a store that is used afterwards finds nothing."""
        with self.lock:
            self.write_accesses()
            self._forget()
            self._closed = True

    def after_fork(self) -> None:
        """Begin again in a child process, which must not use its parent's connection.

        The parent held the lock while it forked, so its connection is idle. Closed here, SQLite
        forgets in this process what locks the parent has.
        """
        self.lock = threading.RLock()
        self._forget()
        self._due, self._recent = {}, {}
        self.loads = self.hits = 0

    def warn(self, kind: str, sentence: str, error: object = "") -> None:
        """Tell of a fault, once."""
        if kind in self._told:
            return
        self._told.add(kind)
        self.warnings.append(sentence)
        logs.warning(f"cache.{kind}", folder=str(self.folder), reason=str(error))

    def _check(self, now: int) -> Database | None:
        """The database that stands in the folder now, opened if need be."""
        if self._closed:
            return None
        if self._database is not None:
            unchanged = self._database.slots[EPOCH] == self._database.epoch
            if unchanged and self._checked_ns <= now < self._check_ns:
                return self._database
            if not self._database.replaced():
                self._checked(now)
                return self._database
            self._forget()
        if time.monotonic() < self._no_database_until:
            return None
        try:
            self._database = self._open()
        except FAULTS as error:
            self._no_database_until = time.monotonic() + RETRY_SECONDS
            self.tell(error)
            return None
        self._checked(now)
        self._memory.attach(self._database.slots)
        if self._database.was_set_aside:
            self._tell_set_aside()
        return self._database

    def _open(self) -> Database:
        try:
            return Database(self.folder)
        except FAULTS as error:
            from slipstream.storage.cache.readonly import ReadOnlyDatabase, cannot_write

            if not cannot_write(error) or not (self.folder / FILE).exists():
                raise
            return ReadOnlyDatabase(self.folder)

    def _read_only(self) -> bool:
        return self._database is not None and self._database.read_only

    def _checked(self, now: int) -> None:
        self._checked_ns = now
        self._check_ns = now if self._read_only() else now + CHECKED_NS
        self._memory.trust(now, now + CHECKED_NS)
        if len(self._recent) > RECENT:
            self._recent.clear()

    def _forget(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
            self._memory.attach(None)

    def _fault(self, error: Exception, database: Database, reading: bool) -> bool:
        """Deal with an error; true when it is worth trying again."""
        if isinstance(error, (sqlite3.Error, Replaced)) and database.replaced():
            self._forget()
            return True
        if is_damage(error) and self._free() >= FEW_BYTES:
            return self._replace(database)
        if reading:
            self._forget()
            self._no_database_until = time.monotonic() + RETRY_SECONDS
        elif _is_busy(error):
            self._no_writes_until = time.monotonic() + RETRY_SECONDS
        self.tell(error)
        return False

    def _replace(self, database: Database) -> bool:
        try:
            database.begin_anew()
        except FAULTS as error:
            self._no_database_until = time.monotonic() + RETRY_SECONDS
            self.tell(error)
            return False
        finally:
            self._forget()
        self._tell_set_aside()
        return True

    def _tell_set_aside(self) -> None:
        self.warn(
            "damaged",
            f"The cache in {self.folder} was damaged; it was set aside as damaged-1.db, and a new "
            "one is begun.",
        )

    def tell(self, error: Exception) -> None:
        """Warn of an error that made a read or a write impossible."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if _is_busy(error):
            self.warn(
                "locked",
                f"The cache in {self.folder} is locked by another program; going on without it.",
                error,
            )
        elif code == sqlite3.SQLITE_FULL or self._free() < FEW_BYTES:
            self.warn(
                "full",
                f"The disk of the cache in {self.folder} is full; make room, or run "
                "`slip cache clear`. Going on without keeping what is computed.",
                error,
            )
        elif code == sqlite3.SQLITE_READONLY or (self._read_only() and isinstance(error, OSError)):
            self.warn(
                "readonly",
                f"The cache in {self.folder} cannot be written; going on without keeping what is "
                "computed.",
                error,
            )
        else:
            self.warn(
                "unusable",
                f"The cache in {self.folder} cannot be used ({error}); going on without it.",
                error,
            )

    def _free(self) -> int:
        import shutil

        try:
            return shutil.disk_usage(self.folder).free
        except OSError:
            return FEW_BYTES

    def _flagged(
        self, database: Database, key: str, now: int, row: tuple[Any, ...]
    ) -> tuple[bytes | memoryview, int, bool] | None:
        """Value, expiry, and whether it is a sliding one, of a row that is not a usual one."""
        value, digest, expires, accessed = row
        if isinstance(digest, bytes) and len(digest) > rows.DIGEST:
            if name := digest[rows.DIGEST + 1 :]:
                value = values.read(self.folder, name.hex())
            if value is not None and checksum(key, value) == digest[: rows.DIGEST]:
                slides = bool(digest[rows.DIGEST] & rows.SLIDING)
                if slides:
                    expires = self._slide(database, key, now, expires, accessed)
                return value, expires, slides
        self.evict_corrupt(key, digest)
        return None

    def _replaced_entry(self, database: Database, key: str, digest: bytes) -> bool:
        if self._database is not database:
            return False
        found = database.execute("SELECT checksum FROM entries WHERE key = ?", (key,)).fetchone()
        return found is not None and found[0] != digest

    def _slide(self, database: Database, key: str, now: int, expires: int, accessed: int) -> int:
        """Prolong a sliding entry; returns when it expires."""
        found = database.execute(rows.READ_SLIDING, (key,)).fetchone()
        if found is None or now - accessed <= found[0] // SLIDES or database.read_only:
            return expires
        until: int = min(now + found[0], rows.NEVER)
        self.write((), lambda base: rows.prolong(base.connection, key, now, until), None)
        return until

    def evict_corrupt(self, key: str, digest: object) -> None:
        """Remove an entry that is not what was stored, unless it was replaced meanwhile.

        Args:
            key: Of the entry.
            digest: The checksum that was read with it; None: not even that could be read.
        """

        def take(database: Database) -> list[rows.Gone]:
            connection = database.connection
            if digest is not None:
                now_there = connection.execute(
                    "SELECT checksum FROM entries WHERE key = ?", (key,)
                ).fetchone()
                if now_there != (digest,):
                    return []
            gone = rows.take(connection, [key], MissReason.CORRUPT, self._clock())
            database.dropped += [entry.file for entry in gone]
            return gone

        nothing: list[rows.Gone] = []
        for gone in self.write(slots_of([key]), take, nothing):
            logs.warning("cache.corrupt", key=key, size=gone.size)
            self._corrupted(key, gone.size)


def _is_busy(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    busy = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
    return isinstance(error, Busy) or code in busy
