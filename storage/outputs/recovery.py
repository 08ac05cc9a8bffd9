"""Stores what killed writers left. Cheap when there is nothing: one listing of a folder."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from slipstream.storage.lock import try_lock
from slipstream.storage.outputs import rows
from slipstream.storage.outputs.frames import (
    MAGIC,
    Damaged,
    FrameIndex,
    StoredLog,
    Streams,
    pack_frame,
    read_frame,
)
from slipstream.storage.outputs.partial import FOLDER, FRAMES, TAIL, Journal, read_journal


def recover(connection: sqlite3.Connection, folder: Path) -> int:
    """Store each output below `folder` whose writer is dead; returns how many.

    An output that its writer had finished is stored as that writer would have; another is stored
    as incomplete, up to what was flushed. Live writers are known by their lock and left alone.

    Raises:
        OSError, sqlite3.Error: Nothing is lost; the next recovery tries again.
    """
    partial = folder / FOLDER
    try:
        names = sorted(os.listdir(partial))  # a token begins with its time: oldest first
    except FileNotFoundError:
        return 0
    done = 0
    for name in names:
        if name.endswith(TAIL):
            done += _recover_one(connection, folder, partial / name)
    return done


def _recover_one(connection: sqlite3.Connection, folder: Path, tail: Path) -> int:
    with suppress(FileNotFoundError), open(tail, "r+b") as file:  # its writer may finish now
        if not try_lock(file.fileno()) or not _is_at(file, tail):
            return 0
        journal = read_journal(file)
        frames = tail.with_suffix(FRAMES)
        found = _sealed(folder, frames, journal) or _rebuilt(frames, journal)
        if found:
            content, streams = found
            rows.insert(connection, folder, content, _capture(tail.stem, journal, streams))
        frames.unlink(missing_ok=True)
        tail.unlink(missing_ok=True)
        return int(bool(found))
    return 0


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether the locked file still has its name: another recovery may have been faster."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _capture(token: str, journal: Journal, streams: bytes) -> rows.Capture:
    known = journal.outcome or {
        "token": token,
        "exit_status": None,
        "signal": None,
        "started_ns": int(token.partition("-")[0], 16),
        "duration": None,
        "complete": False,
        "command": journal.meta.get("command", ()),
        "cwd": journal.meta.get("cwd", ""),
    }
    fields = {name: known[name] for name in rows.Capture._fields if name != "streams"}
    fields["command"] = tuple(fields["command"])
    return rows.Capture(**fields, streams=streams)


def _sealed(folder: Path, frames: Path, journal: Journal) -> tuple[rows.Content, bytes] | None:
    """The output of a writer that was killed, or found the database locked, at the very end."""
    if journal.outcome is None:
        return None
    sha256 = journal.outcome["sha256"]
    # The writer may have moved the file and not yet committed its row.
    path = frames if frames.exists() else rows.file_of(folder, sha256)
    try:
        with open(path, "rb") as source:
            index = StoredLog(source).index
            stored = source.seek(0, 2)
            source.seek(len(MAGIC))
            streams = Streams()
            for _, _, runs in _frames_of(source):
                streams.add(runs)
    except (FileNotFoundError, Damaged):
        return None
    content = _content(path, sha256, index.size, journal.outcome["lines"], stored)
    return content, streams.pack()


def _rebuilt(frames: Path, journal: Journal) -> tuple[rows.Content, bytes] | None:
    """The output of a writer that was killed earlier: its closed frames, then its journal."""
    digest, index, streams = hashlib.sha256(), FrameIndex(), Streams()
    last = b""
    with open(frames, "a+b") as file:  # made when there were none
        file.seek(0)
        if file.read(len(MAGIC)) != MAGIC:
            file.truncate(0)
            file.write(MAGIC)
        for stored, raw, runs in _frames_of(file):
            digest.update(raw)
            index.add(stored, len(raw), raw.count(b"\n"))
            streams.add(runs)
            last = raw
        # A journal whose frame was closed since is old.
        notes = [note for note in journal.notes if note[0] == len(index)]
        file.truncate(index.offsets[-1])
        if notes:
            last = b"".join(raw for _, _, raw in notes)
            runs = b"".join(runs for _, runs, _ in notes)
            frame, newlines = pack_frame(last, runs)
            streams.add(runs)
            digest.update(last)
            index.add(len(frame), len(last), newlines)
            file.write(frame)
        if not index.size:
            return None
        stored = index.offsets[-1] + file.write(index.pack(digest.digest()))
        file.flush()
        os.fsync(file.fileno())
    lines = index.newlines[-1] + (last[-1:] != b"\n")
    return _content(frames, digest.hexdigest(), index.size, lines, stored), streams.pack()


def _frames_of(source: BinaryIO) -> Iterator[tuple[int, bytes, bytes]]:
    """Stored size, raw bytes and runs of each frame up to the first that is not whole."""
    while True:
        start = source.tell()
        frame = read_frame(source)
        if frame is None:
            return
        try:
            yield source.tell() - start, frame.unpack(), frame.runs
        except Damaged:
            return


def _content(path: Path, sha256: str, size: int, lines: int, stored: int) -> rows.Content:
    if stored > rows.SMALL:
        return rows.Content(sha256, size, lines, stored, None, path)
    return rows.Content(sha256, size, lines, stored, path.read_bytes(), None)
