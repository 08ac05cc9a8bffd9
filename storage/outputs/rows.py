"""The rows of stored outputs, in plain SQL."""

import json
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple

from slipstream.storage import events
from slipstream.storage.database import printable, transaction
from slipstream.storage.paths import make_private

SMALL = 100 * 1024  # bytes in stored form, up to which an output is kept in the database
ID_DIGITS = 12  # of the SHA-256; two of 16 million logs would share them by chance


class Content(NamedTuple):
    """Raw bytes that are ready to be kept."""

    sha256: str
    size: int
    lines: int
    stored: int
    """Bytes in stored form."""
    data: bytes | None
    """The stored form, of a small output."""
    file: Path | None
    """Where it is now, of a large one."""


class Capture(NamedTuple):
    """What printed an output, and how that ended."""

    token: str
    command: tuple[str, ...]
    cwd: str
    exit_status: int | None
    signal: int | None
    started_ns: int | None
    duration: float | None
    """Seconds."""
    complete: bool
    streams: bytes


def file_of(folder: Path, sha256: str) -> Path:
    """Where the stored form of a large output is, below the folder of outputs."""
    return folder / sha256[:2] / f"{sha256}.slz"


def insert(
    connection: sqlite3.Connection, folder: Path, content: Content, capture: Capture
) -> None:
    """Keep an output and its capture, in one transaction that holds the move of its file as well.

    Whoever looks for files without rows takes the write lock too, so it never sees this half done.
    Bytes that are kept already are not kept twice; of a capture that is stored already, nothing is
    done.
    """
    with transaction(connection):
        if connection.execute(
            "SELECT 1 FROM captures WHERE token = ?", (capture.token,)
        ).fetchone():
            return
        output_id = _keep(connection, folder, content)
        connection.execute(
            "INSERT INTO captures (output_id, token, command, cwd, exit_status, signal, started_ns,"
            " duration, complete, streams, created_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                output_id,
                capture.token,
                json.dumps(capture.command),
                printable(capture.cwd),
                capture.exit_status,
                capture.signal,
                capture.started_ns,
                capture.duration,
                capture.complete,
                capture.streams,
                time.time_ns(),
            ),
        )
        events.emit(
            connection,
            events.OUTPUT_GENERATED,
            {
                "id": content.sha256[:ID_DIGITS],
                "sha256": content.sha256,
                "size": content.size,
                "lines": content.lines,
                "complete": capture.complete,
                "exit_status": capture.exit_status,
            },
        )


def _keep(connection: sqlite3.Connection, folder: Path, content: Content) -> int:
    row = connection.execute(
        "SELECT id, stored, data IS NULL FROM outputs WHERE sha256 = ?", (content.sha256,)
    ).fetchone()
    path = file_of(folder, content.sha256)
    if row is not None:
        output_id, stored, in_file = row
        if not in_file or (path.exists() and path.stat().st_size == stored):
            return int(output_id)
    if content.file is not None:
        make_private(path.parent)
        content.file.replace(path)
    if row is not None:  # its file was lost; here are the bytes again
        connection.execute(
            "UPDATE outputs SET stored = ?, data = ? WHERE id = ?",
            (content.stored, content.data, output_id),
        )
        return int(output_id)
    cursor = connection.execute(
        "INSERT INTO outputs (sha256, size, lines, stored, data) VALUES (?, ?, ?, ?, ?)",
        (content.sha256, content.size, content.lines, content.stored, content.data),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid
