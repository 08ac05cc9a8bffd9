"""The store of complete outputs: keeps what a tool printed, byte for byte, and gives it back.

    store = OutputStore(home)
    writer = store.writer(("pytest", "-q"), cwd)
    writer.write(b"...", 1)
    stored = writer.finish(exit_status=1)
    for chunk in store.read_lines(store.resolve(stored.id), 40, 60): ...

A log's id is made of its bytes alone, so the same output has the same id everywhere.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from slipstream.storage.database import connect, unusable
from slipstream.storage.errors import AmbiguousError, CorruptError, NotFoundError, StorageError
from slipstream.storage.outputs import rows
from slipstream.storage.outputs.frames import Damaged, Run, StoredLog, unpack_streams
from slipstream.storage.outputs.recovery import recover
from slipstream.storage.outputs.writer import OutputWriter
from slipstream.storage.paths import DATABASE, OUTPUTS

MANY = 1 << 31  # rows; SQLite takes no number above 2^63
LAST = "last"  # stands for the newest log wherever an id is asked for


class LogInfo(NamedTuple):
    """A stored output, and the newest capture that printed it."""

    id: str
    """First 12 digits of the SHA-256."""
    sha256: str
    size: int
    """Bytes."""
    lines: int
    stored: int
    """Bytes in stored form."""
    complete: bool
    """False when its writer was killed, or gave it up."""
    command: tuple[str, ...]
    cwd: str
    exit_status: int | None
    signal: int | None
    started_ns: int | None
    """Nanoseconds since 1970, UTC; so is `created_ns`, the time of storing."""
    duration: float | None
    """Seconds."""
    created_ns: int
    capture: int
    """Counts up with each capture."""


_INFO = (
    "SELECT o.sha256, o.size, o.lines, o.stored, c.complete, c.command, c.cwd, c.exit_status,"
    " c.signal, c.started_ns, c.duration, c.created_ns, c.id"
    " FROM captures c JOIN outputs o ON o.id = c.output_id"
)


class OutputStore:
    """Complete outputs below a data folder. Opens the database when it is first needed.

    Use it from one thread, as SQLite's connections are.

    All reading methods raise StorageError when the database cannot be used, and CorruptError, which
    names the log, when stored bytes do not have their checksum.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / OUTPUTS
        self._connection: sqlite3.Connection | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The store's connection, in autocommit mode.

        Raises:
            StorageError: The database cannot be opened.
        """
        if self._connection is None:
            self._connection = connect(self.home)
        return self._connection

    def close(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def writer(self, command: Iterable[str] = (), cwd: str = "", token: str = "") -> OutputWriter:
        """Begin an output. Never fails: what goes wrong is in the result of `finish`.

        Args:
            command: What prints it.
            cwd: Where.
            token: Of a capture that is stored already, which is then not stored again.
        """
        return OutputWriter(self.home, self._insert, tuple(command), cwd, token)

    def recover(self) -> int:
        """Store what killed writers left; returns how many logs. Finding and storing do it too."""
        with self._errors():
            return recover(self.connection, self.folder)

    def list(self, limit: int = 50) -> list[LogInfo]:
        """The newest captures, newest first."""
        self._try_recover()
        with self._errors():
            found = self.connection.execute(
                f"{_INFO} ORDER BY c.id DESC LIMIT ?", (min(limit, MANY),)
            )
            return [_info(row) for row in found]

    def resolve(self, name: str = LAST) -> LogInfo:
        """Find a log by id, by a unique prefix of it, or by `last`.

        Raises:
            NotFoundError: There is none.
            AmbiguousError: The prefix fits several.
        """
        if name == LAST:
            newest = self.list(1)
            if not newest:
                raise NotFoundError("No log is stored yet; `slip run -- COMMAND` stores one.")
            return newest[0]
        self._try_recover()
        prefix = name.lower()
        if not prefix or prefix.strip("0123456789abcdef"):
            raise NotFoundError(
                f"{name!r} is not the id of a log: ids are hexadecimal; `slip log list` shows them."
            )
        with self._errors():
            found = self.connection.execute(
                "SELECT id, sha256 FROM outputs WHERE sha256 >= ? AND sha256 < ?"
                " ORDER BY sha256 LIMIT 4",
                (prefix, prefix + "g"),
            ).fetchall()
            if len(found) > 1:
                raise AmbiguousError(
                    f"{name} fits more than one log: {', '.join(sha[:16] for _, sha in found[:3])}"
                    f"{', …' if len(found) > 3 else ''}; give more digits."
                )
            row = (
                found
                and self.connection.execute(
                    f"{_INFO} WHERE o.id = ? ORDER BY c.id DESC LIMIT 1", (found[0][0],)
                ).fetchone()
            )
        if not row:
            raise NotFoundError(
                f"No log {name} is stored (it may have been pruned); `slip log list` shows what is."
            )
        return _info(row)

    def read(self, log: LogInfo) -> Iterator[bytes]:
        """All bytes, about 1 MiB at a time. The SHA-256 is checked behind the last chunk."""
        with self._opened(log) as stored:
            yield from stored.chunks()

    def read_lines(self, log: LogInfo, first: int, last: int) -> Iterator[bytes]:
        """The bytes of lines `first` to `last` (1-based, inclusive) in chunks, not line by line.

        Reads the frames that hold them alone. `frames.split_lines` makes lines of chunks.
        """
        with self._opened(log) as stored:
            yield from stored.line_chunks(first, last)

    def head(self, log: LogInfo, count: int) -> Iterator[bytes]:
        """The bytes of the first `count` lines."""
        return self.read_lines(log, 1, count)

    def tail(self, log: LogInfo, count: int) -> Iterator[bytes]:
        """The bytes of the last `count` lines."""
        return self.read_lines(log, log.lines - count + 1, log.lines)

    def streams(self, log: LogInfo) -> Iterator[Run]:
        """Which stream the bytes of this capture came from, in order: (stream, bytes)."""
        with self._errors(), self._named(log):
            row = self.connection.execute(
                "SELECT streams FROM captures WHERE id = ?", (log.capture,)
            ).fetchone()
            return unpack_streams(row[0] if row else b"")

    def _insert(self, content: rows.Content, capture: rows.Capture) -> None:
        # What an earlier command left goes first: `last` must be this one.
        self._try_recover()
        rows.insert(self.connection, self.folder, content, capture)

    def _try_recover(self) -> None:
        """Recover, or leave it to a later command: it stands in the way of no other log."""
        with suppress(OSError, sqlite3.Error):
            recover(self.connection, self.folder)

    @contextmanager
    def _opened(self, log: LogInfo) -> Iterator[StoredLog]:
        with self._errors(), self._named(log):
            row = self.connection.execute(
                "SELECT data FROM outputs WHERE sha256 = ?", (log.sha256,)
            ).fetchone()
            if row is None:
                raise NotFoundError(f"Log {log.id} was pruned meanwhile.")
            path = rows.file_of(self.folder, log.sha256)
            if row[0] is None and not path.exists():
                raise CorruptError(
                    f"Log {log.id} cannot be read: its file {path} is missing; "
                    "`slip log prune` removes its entry."
                )
            with BytesIO(row[0]) if row[0] is not None else open(path, "rb") as source:
                stored = StoredLog(source)
                if stored.sha256.hex() != log.sha256:
                    raise Damaged("another log's bytes stand in its place")
                yield stored

    @contextmanager
    def _named(self, log: LogInfo) -> Iterator[None]:
        try:
            yield
        except Damaged as damage:
            raise CorruptError(
                f"Log {log.id} is damaged: {damage}; other logs are not affected."
            ) from damage

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise unusable(self.home / DATABASE, error) from error
        except OSError as error:
            raise StorageError(
                f"{error.filename or self.folder} cannot be used ({error.strerror or error})."
            ) from error


def _info(row: tuple[Any, ...]) -> LogInfo:
    """Make sense of a row of `_INFO`."""
    sha256, size, lines, stored, complete, command, *rest = row
    return LogInfo(
        sha256[: rows.ID_DIGITS],
        sha256,
        size,
        lines,
        stored,
        bool(complete),
        tuple(json.loads(command)),
        *rest,
    )
