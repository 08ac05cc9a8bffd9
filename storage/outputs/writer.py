"""Stores an output while it is printed.

A small output stays in memory and becomes one database row. From the first closed frame on, or from
the first `flush`, it is on disk as well (see partial.py); from the second frame on, hashing,
compressing and writing happen in threads, beside the scan of the caller: SHA-256 and zstd give up
the interpreter's lock.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from slipstream.storage.database import unusable
from slipstream.storage.errors import StorageError
from slipstream.storage.outputs import rows
from slipstream.storage.outputs.frames import (
    FRAME_BYTES,
    MAGIC,
    FrameIndex,
    Run,
    Streams,
    pack_frame,
    pack_runs,
)
from slipstream.storage.outputs.partial import FOLDER, Partial, new_token
from slipstream.storage.paths import DATABASE, OUTPUTS, make_private

if TYPE_CHECKING:
    from slipstream.storage.outputs.pipeline import Job, Pipeline


class StoredOutput(NamedTuple):
    """What became of an output."""

    id: str
    """First digits of the SHA-256."""
    sha256: str
    size: int
    """Bytes."""
    lines: int
    complete: bool
    """All that was printed is kept."""
    kept: bool
    warning: str
    """Why it is not kept, in a sentence; empty when it is."""


Insert = Callable[[rows.Content, rows.Capture], None]


class OutputWriter:
    """Takes an output in pieces. Nothing that it does raises because of the disk or the database.

    Make one with `OutputStore.writer`. Use it from one thread; a process that dies, or a writer
    that is never finished, leaves what was flushed to the recovery of the next start.
    """

    def __init__(
        self, home: Path, insert: Insert, command: tuple[str, ...], cwd: str, token: str = ""
    ) -> None:
        self._home = home
        self._insert = insert
        self._command, self._cwd = command, cwd
        self._token = token or new_token()
        # The open frame, as the caller filled it.
        self._chunks: list[bytes] = []
        self._size = 0
        self._runs: list[Run] = []
        self._stream, self._run = 0, 0
        self._noted = 0, 0  # chunks and runs of the open frame that are in the journal
        # What is closed; belongs to the pipeline while there is one.
        self._digest = hashlib.sha256()
        self._index = FrameIndex()
        self._total = self._newlines = 0
        self._ends_in_line = False  # the last byte is not a newline
        self._streams = Streams()
        self._frames: list[bytes] = [MAGIC]  # while they are small
        self._stored = len(MAGIC)
        self._partial: Partial | None = None
        self._failure = ""
        self._aside = False  # sealed, and left to a recovery
        self._pipeline: Pipeline | None = None

    def write(self, data: bytes, stream: int = 0) -> None:
        """Add bytes in the order of arrival; waits when the disk is slower than the caller.

        Args:
            data: Any bytes, not changed afterwards.
            stream: 0 for a file or standard input, 1 for stdout, 2 for stderr.
        """
        if len(data) > 2 * FRAME_BYTES:
            view = memoryview(data)
            for start in range(0, len(data), FRAME_BYTES):
                self.write(bytes(view[start : start + FRAME_BYTES]), stream)
            return
        if stream != self._stream:
            if self._run:
                self._runs.append((self._stream, self._run))
            self._stream, self._run = stream, 0
        self._run += len(data)
        self._chunks.append(data)
        self._size += len(data)
        if self._size >= FRAME_BYTES:
            self._end_frame()
            if self._pipeline is None:
                self._start_pipeline()

    def flush(self) -> None:
        """Make what was written recoverable, should this process be killed; waits until it is.

        For the pauses of a command: call it when nothing arrived for some 50 ms.
        """
        if self._failure:
            return
        self._end_run()
        chunks, runs = self._noted
        new = b"".join(self._chunks[chunks:])
        if new:
            packed = pack_runs(self._runs[runs:])
            self._noted = len(self._chunks), len(self._runs)
            self._do(lambda: self._note(packed, new))
        if self._pipeline is not None:
            self._pipeline.drain()

    def finish(
        self,
        exit_status: int | None = None,
        signal: int | None = None,
        complete: bool = True,
        started: int | None = None,
        duration: float | None = None,
    ) -> StoredOutput:
        """Store what was written.

        Args:
            exit_status: Of the command, where one ran.
            signal: The number of the signal that ended it.
            complete: False when more was printed than was written here.
            started: Start of the command, in nanoseconds since 1970, UTC.
            duration: Seconds that it took.
        """
        if self._size:
            self._end_frame()
        if self._pipeline is not None:
            self._pipeline.stop()
            self._pipeline = None
        sha256 = self._digest.hexdigest()
        lines = self._newlines + self._ends_in_line
        capture = rows.Capture(
            self._token,
            self._command,
            self._cwd,
            exit_status,
            signal,
            started,
            duration,
            complete,
            self._streams.pack(),
        )
        self._guard(lambda: self._store(sha256, lines, capture))
        kept, warning = not self._failure, ""
        if self._failure:
            warning = f"The log could not be kept: {self._failure}"
        elif self._aside:
            warning = (
                "The database is locked by another program: the log is kept aside, and the next "
                "command stores it."
            )
        return StoredOutput(
            sha256[: rows.ID_DIGITS],
            sha256,
            self._total,
            lines,
            complete and kept,
            kept,
            warning,
        )

    # The caller's side of a frame.

    def _end_run(self) -> None:
        if self._run:
            self._runs.append((self._stream, self._run))
            self._run = 0

    def _end_frame(self) -> None:
        self._end_run()
        raw = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        runs = pack_runs(self._runs)
        self._chunks, self._size, self._runs, self._noted = [], 0, [], (0, 0)

        def pack() -> bytes:
            return b"" if self._failure else pack_frame(raw, runs)

        packed = pack if self._pipeline is None else self._pipeline.begin(pack)
        self._do(lambda: self._close_frame(raw, runs, packed))

    def _do(self, job: Job) -> None:
        if self._pipeline is None:
            self._guard(job)
        else:
            self._pipeline.put(lambda: self._guard(job))

    def _start_pipeline(self) -> None:
        from slipstream.storage.outputs.pipeline import Pipeline

        self._guard(self._open_partial)
        self._pipeline = Pipeline()

    # The pipeline's side.

    def _guard(self, job: Job) -> None:
        """Run a job; when it cannot be done, say why and go on without the disk."""
        try:
            job()
        except Exception as error:  # whatever it is, the summary must be shown
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, sqlite3.Error):
            error = unusable(self._home / DATABASE, error)
        if isinstance(error, OSError):
            self._failure = f"{error.filename or self._home}: {error.strerror or error}."
        else:
            self._failure = str(error) or f"{type(error).__name__}."
        self._frames.clear()
        if self._partial is not None:
            with suppress(OSError):  # what stays, the recovery of the next start takes
                self._partial.remove()
            self._partial = None

    def _close_frame(self, raw: bytes, runs: bytes, packed: Callable[[], bytes]) -> None:
        newlines = raw.count(b"\n")
        self._digest.update(raw)
        self._total += len(raw)
        self._newlines += newlines
        self._ends_in_line = raw[-1:] != b"\n"
        if self._failure:
            return
        frame = packed()
        self._index.add(len(frame), len(raw), newlines)
        self._streams.add(runs)
        self._stored += len(frame)
        if self._partial is not None:
            self._partial.append(frame)
        if self._frames:
            self._frames.append(frame)
            if self._stored > rows.SMALL:
                self._open_partial()
                self._frames.clear()

    def _open_partial(self) -> Partial:
        if self._partial is None:
            folder = make_private(make_private(self._home) / OUTPUTS)
            meta = {"command": self._command, "cwd": self._cwd}
            self._partial = Partial(make_private(folder / FOLDER), self._token, meta)
            for frame in self._frames[1:]:
                self._partial.append(frame)
        return self._partial

    def _note(self, runs: bytes, raw: bytes) -> None:
        if not self._failure:
            self._open_partial().note(len(self._index), runs, raw)

    def _store(self, sha256: str, lines: int, capture: rows.Capture) -> None:
        if self._failure:
            return
        end = self._index.pack(bytes.fromhex(sha256))
        stored = self._stored + len(end)
        outcome = capture._asdict() | {"sha256": sha256, "lines": lines}
        del outcome["streams"]  # they are in the frames
        data, file = None, None
        if self._frames and stored <= rows.SMALL:
            data = b"".join((*self._frames, end))
        else:
            file = self._open_partial().seal(end, outcome)
        try:
            self._insert(rows.Content(sha256, self._total, lines, stored, data, file), capture)
        except (sqlite3.Error, StorageError) as error:
            if "locked" not in str(error):
                raise
            if file is None:
                self._open_partial().seal(end, outcome)
            self._open_partial().leave()
            self._aside = True
            return
        if self._partial is not None:
            self._partial.remove()
