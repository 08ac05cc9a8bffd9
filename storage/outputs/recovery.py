"""Stores what killed writers left. Cheap when there is nothing: one listing of a folder."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

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
from slipstream.storage.outputs.partial import (
    FOLDER,
    FRAMES,
    TAIL,
    Journal,
    note_outcome,
    read_journal,
    remove,
)


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
    frames = tail.with_suffix(FRAMES)
    with suppress(FileNotFoundError), open(tail, "r+b") as file:  # its writer may finish now
        if not try_lock(file.fileno()) or not _is_at(file, tail):
            return 0
        journal = read_journal(file)
        found = _sealed(folder, frames, journal.outcome)
        if found is None and (outcome := _seal(frames, journal, tail.stem)):
            # Noted before the frames may be moved: a kill from here on repeats what follows.
            file.seek(journal.end)
            file.truncate()
            note_outcome(file, outcome)
            file.flush()
            found = _sealed(folder, frames, outcome)
        if found:
            rows.insert(connection, folder, *found)
        remove(file, tail)
        return int(found is not None)
    return 0


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether the locked file still has its name: another recovery may have been faster."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sealed(
    folder: Path, frames: Path, outcome: dict[str, Any] | None
) -> tuple[rows.Content, rows.Capture] | None:
    """The output of frames whose index is written; None when they are not to be found so."""
    if outcome is None:
        return None
    sha256, lines = outcome["sha256"], outcome["lines"]
    # The writer may have moved the file and not yet committed its row.
    path = frames if frames.exists() else rows.file_of(folder, sha256)
    streams = Streams()
    try:
        with open(path, "rb") as source:
            size = StoredLog(source).index.size
            stored = source.seek(0, 2)
            source.seek(len(MAGIC))
            while frame := read_frame(source):
                streams.add(frame.runs)
    except (FileNotFoundError, Damaged):
        return None
    if stored > rows.SMALL or path != frames:  # what was moved already stays a file
        content = rows.Content(sha256, size, lines, stored, None, path)
    else:
        content = rows.Content(sha256, size, lines, stored, path.read_bytes(), None)
    known = {name: outcome[name] for name in rows.Capture._fields if name != "streams"}
    known["command"] = tuple(known["command"])
    return content, rows.Capture(**known, streams=streams.pack())


def _seal(frames: Path, journal: Journal, token: str) -> dict[str, Any] | None:
    """Write the journal's bytes and the index behind the closed frames, as the writer would have.

    Returns:
        The outcome, incomplete; None when nothing was flushed.
    """
    digest, index = hashlib.sha256(), FrameIndex()
    last = b""
    with open(frames, "a+b") as file:  # made when there were none
        file.seek(0)
        if file.read(len(MAGIC)) != MAGIC:
            file.truncate(0)
            file.write(MAGIC)
        with suppress(Damaged):
            while frame := read_frame(file):
                last = frame.unpack()
                digest.update(last)
                index.add(file.tell() - index.offsets[-1], len(last), last.count(b"\n"))
        file.truncate(index.offsets[-1])
        # Notes of a frame that was closed since are old.
        notes = [note for note in journal.notes if note[0] == len(index)]
        if notes:
            last = b"".join(raw for _, _, raw in notes)
            packed = pack_frame(last, b"".join(runs for _, runs, _ in notes))
            digest.update(last)
            index.add(len(packed), len(last), last.count(b"\n"))
            file.write(packed)
        if not index.size:
            return None
        file.write(index.pack(digest.digest()))
        file.flush()
        os.fsync(file.fileno())
    return {
        "token": token,
        "command": journal.meta.get("command", ()),
        "cwd": journal.meta.get("cwd", ""),
        "exit_status": None,
        "signal": None,
        "started_ns": int(token.partition("-")[0], 16),
        "duration": None,
        "complete": False,
        "sha256": digest.hexdigest(),
        "lines": index.newlines[-1] + (last[-1:] != b"\n"),
    }
