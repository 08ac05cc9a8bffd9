"""The database as the paths see it on which milliseconds count: SQLite, without SQLAlchemy.

A new database is made from `schema.sql`, which is generated from the migrations (`engine.py`) and
carries their revision; an older one is migrated, which is the only time that Alembic is imported.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from slipstream.storage.errors import NewerSchemaError, StorageError
from slipstream.storage.lock import locked
from slipstream.storage.paths import DATABASE, make_private

if TYPE_CHECKING:
    from slipstream.storage.connection import Connection

SCHEMA = "0004"  # the newest migration; they are numbered so that strings compare
SCHEMA_FILE = Path(__file__).with_name("schema.sql")
FEW_BYTES = 64 * 1024  # the index of a write-ahead log takes half of that
BUSY_SECONDS = 5.0  # how long a statement waits for another process's transaction


def connect(home: Path) -> sqlite3.Connection:
    """Open the database below `home`, made or migrated when needed.

    The connection is in autocommit mode; group statements with `transaction`.

    Raises:
        NewerSchemaError: A newer Slipstream wrote the database.
        StorageError: It cannot be opened, made or migrated; the sentence says why.
    """
    path = make_private(home) / DATABASE
    try:
        if not _size(path):
            _create(path)
        connection = _open(path)
        try:
            found = _revision(connection)
            if found == SCHEMA:
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()
        if found > SCHEMA:
            raise NewerSchemaError(
                f"The database {path} has schema {found} and this Slipstream knows {SCHEMA}; "
                "install the newer Slipstream that wrote it, or set SLIPSTREAM_HOME to another "
                "folder."
            )
        _migrate(path)
        return _open(path)
    except (OSError, sqlite3.Error) as error:
        raise unusable(path, error) from error


def unusable(path: Path, error: Exception) -> StorageError:
    """The sentence for a database at `path` that failed with `error`."""
    reason = str(error) or type(error).__name__
    if "locked" in reason:
        advice = "another program holds it; try again when that is done"
    elif "not a database" in reason or "malformed" in reason or "no such table" in reason:
        advice = "it is damaged; move it away, and the next command begins a new one"
    elif "full" in reason or "No space" in reason or _full(path.parent):
        advice = "make room on its disk, or prune with `slip log prune`"
    else:
        advice = "see that its folder can be written, or set SLIPSTREAM_HOME to another folder"
    return StorageError(f"The database {path} cannot be used ({reason}): {advice}.")


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Hold the database's write lock for a block; commit at its end, roll back when it raises.

    The lock is taken at the start: a transaction that reads first and then writes could find that
    another process wrote in between, and SQLite would not wait but fail.
    """
    _begin(connection)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _begin(connection: Connection) -> None:
    """Take the write lock, trying often: SQLite's own waiting sleeps up to 100 ms at a time."""
    if not isinstance(connection, sqlite3.Connection):
        connection.execute("BEGIN")
        return
    give_up = time.monotonic() + BUSY_SECONDS
    connection.execute("PRAGMA busy_timeout=20")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up:
                    raise
    finally:
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}")


def printable(text: str) -> str:
    """Text that a database takes: what is not Unicode, in a path for one, becomes `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def back_up(path: Path, revision: str) -> Path:
    """Copy the database to `backups/` beside it, what other processes committed included.

    Returns:
        The copy's path, which names the revision and is never an existing one's.
    """
    folder = make_private(path.parent / "backups")
    number = 1
    while (copy := folder / f"{path.stem}-{revision}-{number}{path.suffix}").exists():
        number += 1
    os.close(os.open(copy, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    with closing(_open(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        # NORMAL: with a write-ahead log a loss of power may undo the last commits, nothing else.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection
    except sqlite3.OperationalError:
        connection.close()
        # SQLite needs to write beside a database with a write-ahead log even to read it.
        writable = os.access(path.parent, os.W_OK) and not _full(path.parent)
        if writable or _size(path.with_name(f"{path.name}-wal")):
            raise
    return sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True, isolation_level=None)


def _full(folder: Path) -> bool:
    """Whether SQLite finds no room for the files that it needs beside a database."""
    import shutil

    try:
        return shutil.disk_usage(folder).free < FEW_BYTES
    except OSError:
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _create(path: Path) -> None:
    """Make the database under another name and rename it, so that none is ever seen half made."""
    with locked(path.with_name("create.lock")):
        if _size(path):
            return  # another process was first
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(f"BEGIN;{SCHEMA_FILE.read_text(encoding='utf-8')}COMMIT;")
        with open(draft, "rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)


def _revision(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def _migrate(path: Path) -> None:
    with locked(path.with_name("create.lock")):
        with closing(_open(path)) as connection:
            found = _revision(connection)
        if found < SCHEMA:  # else another process was first
            from slipstream.storage.engine import file_url, upgrade

            copy = back_up(path, found)
            try:
                upgrade(file_url(path))
            except Exception as error:
                reason = str(error).partition("\n")[0]
                raise StorageError(
                    f"The database {path} could not be brought to schema {SCHEMA} ({reason}); "
                    f"nothing was changed, and {copy} is a copy."
                ) from error
