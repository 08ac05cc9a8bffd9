"""What a writer keeps on disk until its output is stored, so that a kill loses nothing.

    TOKEN.tail   a lock, and a journal: the command, then the raw bytes of the frame that is not
                 closed yet, at the end the outcome
    TOKEN.slz    the closed frames; it becomes the stored file

Each journal record carries the number of the frame its bytes belong to, so that records of a frame
which was closed since are known to be old. The journal is made first and removed last: whoever can
lock it knows that its writer is dead. Nothing is synced before the end: what was written outlives
the process, and only a loss of power could take it.
"""

import json
import os
import time
import zlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO, NamedTuple

from slipstream.storage.lock import try_lock
from slipstream.storage.outputs.frames import MAGIC

FOLDER = "partial"  # below the folder of outputs
TAIL, FRAMES = ".tail", ".slz"
_RECORD = Struct("<III")  # kind or frame number, payload bytes, CRC
_META, _FINAL = 0xFFFFFFFF, 0xFFFFFFFE
_SIZE = Struct("<I")
_numbers = count()


def new_token() -> str:
    """A name that no other writer has: time, process, count."""
    return f"{time.time_ns():x}-{os.getpid():x}-{next(_numbers):x}"


class Partial:
    """The files of one writer. All methods raise OSError when the disk does."""

    def __init__(self, folder: Path, token: str, meta: dict[str, Any]) -> None:
        """Make the journal and lock it."""
        self.tail_path = folder / (token + TAIL)
        self.frames_path = folder / (token + FRAMES)
        self._frames: BinaryIO | None = None
        self._begin = 0  # where the journal's records of frames begin
        while True:
            self._tail = open_private(self.tail_path)
            # Between the two a recovery may have taken it for a dead one's and removed it.
            if try_lock(self._tail.fileno()) and self.tail_path.exists():
                break
            self._tail.close()
        self._record(_META, json.dumps(meta).encode())
        self._begin = self._tail.tell()

    def append(self, frame: bytes) -> None:
        """Write a closed frame; the journal of its bytes is dropped."""
        write_all(self._opened(), frame)
        if self._tail.tell() > self._begin:
            self._tail.seek(self._begin)
            self._tail.truncate()

    def note(self, frame: int, runs: bytes, raw: bytes) -> None:
        """Write bytes of the open frame, which is the `frame`-th, to the journal."""
        self._record(frame, b"".join((_SIZE.pack(len(runs)), runs, raw)))

    def seal(self, index: bytes, outcome: dict[str, Any]) -> Path:
        """Write the index, sync the frames, and note the outcome; returns the frames' path.

        From here on a recovery stores the output as complete as its writer would have.
        """
        frames = self._opened()
        write_all(frames, index)
        os.fsync(frames.fileno())
        frames.close()  # Windows does not rename an open file
        self._frames = None
        note_outcome(self._tail, outcome)
        return self.frames_path

    def leave(self) -> None:
        """Close both files and give up the lock: a recovery may store them."""
        if self._frames is not None:
            self._frames.close()
        self._tail.close()

    def remove(self) -> None:
        """Remove both files; the journal last."""
        if self._frames is not None:
            self._frames.close()
        remove(self._tail, self.tail_path)

    def _opened(self) -> BinaryIO:
        if self._frames is None:
            self._frames = open_private(self.frames_path)
            write_all(self._frames, MAGIC)
        return self._frames

    def _record(self, kind: int, payload: bytes) -> None:
        write_all(self._tail, _pack(kind, payload))


def remove(journal: BinaryIO, path: Path) -> None:
    """Remove the files of an open, locked journal and close it."""
    path.with_suffix(FRAMES).unlink(missing_ok=True)
    if os.name == "nt":  # pragma: no cover - an open file cannot be removed there
        journal.close()
    path.unlink(missing_ok=True)  # while it is locked, so that nobody takes it up
    journal.close()


class Journal(NamedTuple):
    """What a dead writer's journal says."""

    meta: dict[str, Any]
    outcome: dict[str, Any] | None
    notes: list[tuple[int, bytes, bytes]]
    """Number of the frame, runs, raw bytes."""
    end: int
    """Where the whole records end."""


def read_journal(source: BinaryIO) -> Journal:
    """Read a journal up to its end, or to where its writer was killed."""
    meta: dict[str, Any] = {}
    outcome = None
    end = 0
    notes = []
    for kind, payload in _records(source):
        if kind == _META:
            meta = json.loads(payload)
        elif kind == _FINAL:
            outcome = json.loads(payload)
        else:
            (size,) = _SIZE.unpack_from(payload)
            runs_end = _SIZE.size + size
            notes.append((kind, payload[_SIZE.size : runs_end], payload[runs_end:]))
        end = source.tell()
    return Journal(meta, outcome, notes, end)


def note_outcome(journal: BinaryIO, outcome: dict[str, Any]) -> None:
    """Write the outcome of sealed frames at the journal's position."""
    write_all(journal, _pack(_FINAL, json.dumps(outcome).encode()))


def open_private(path: Path) -> BinaryIO:
    """Open a file for writing and reading, made with mode 0600; unbuffered."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    return open(handle, "r+b", buffering=0)


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write all of `data`: an unbuffered file may take less at once, on a full disk for one."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _pack(kind: int, payload: bytes) -> bytes:
    return _RECORD.pack(kind, len(payload), zlib.crc32(payload)) + payload


def _records(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    while len(header := source.read(_RECORD.size)) == _RECORD.size:
        kind, size, crc = _RECORD.unpack(header)
        payload = source.read(size)
        if len(payload) < size or zlib.crc32(payload) != crc:
            return
        yield kind, payload
