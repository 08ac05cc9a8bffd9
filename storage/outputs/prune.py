"""Keeps the store of outputs within its age and size, and removes what belongs to nothing."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from slipstream.storage import audit
from slipstream.storage.database import connect, transaction, unusable
from slipstream.storage.errors import StorageError
from slipstream.storage.outputs.partial import FOLDER, FRAMES, TAIL
from slipstream.storage.outputs.recovery import recover
from slipstream.storage.outputs.rows import file_of
from slipstream.storage.paths import DATABASE, OUTPUTS, make_private

DAYS = 7.0
AUDIT_DAYS = 365.0
MAX_SIZE = 5 << 30  # bytes in stored form
STAMP = "pruned"  # a file whose time is that of the last daily prune
BATCH = 20  # logs removed in one transaction, so that no writer waits longer than some 10 ms
VACUUM_PAGES = 2000  # given back to the file system in one transaction: 8 MB

_DAY = 86_400  # seconds


class PruneReport(NamedTuple):
    """What was removed, or would be."""

    logs: int
    size: int
    """Bytes freed, orphans included."""
    orphans: int
    """Files that no log has."""
    lost: int
    """Of `logs`, those whose file was gone."""


class _Victim(NamedTuple):
    output_id: int
    sha256: str
    stored: int
    in_file: bool
    newest: int | None
    """The newest capture, 0 for none; None when the file is missing, whatever was captured."""


def prune(
    home: Path,
    days: float = DAYS,
    max_size: int = MAX_SIZE,
    dry_run: bool = False,
    keep_newest: bool = False,
) -> PruneReport:
    """Remove logs older than `days`, then the oldest beyond `max_size` bytes, then orphans.

    A log is as old as its newest capture. What is being written is not touched. Can be interrupted
    at any moment; what is left is removed next time. Summaries and events as old as that go too,
    and entries of the audit log after a year.

    Args:
        home: The data folder.
        days: Age in days.
        max_size: Bytes in stored form that may stay.
        dry_run: Only report.
        keep_newest: The newest log stays, even when it alone is larger than `max_size`.

    Raises:
        StorageError: The database or a file cannot be used.
    """
    folder = home / OUTPUTS
    try:
        with closing(connect(home)) as connection:
            if not dry_run:
                recover(connection, folder)
            oldest_ns = max(0, time.time_ns() - int(days * _DAY * 1e9))
            victims = _victims(connection, folder, oldest_ns, max_size, keep_newest)
            orphans = list(_orphans(connection, folder))
            report = PruneReport(
                len(victims),
                sum(victim.stored for victim in victims if victim.newest is not None)
                + sum(size for _, size in orphans),
                len(orphans),
                sum(victim.newest is None for victim in victims),
            )
            if not dry_run:
                _remove(connection, folder, victims)
                _remove_orphans(connection, folder)
                _forget(connection, oldest_ns)
                if victims or orphans:
                    audit.record(connection, "prune", "logs", report.size, report._asdict())
            return report
    except sqlite3.Error as error:
        raise unusable(home / DATABASE, error) from error
    except OSError as error:
        raise StorageError(
            f"{error.filename or folder} cannot be removed ({error.strerror or error})."
        ) from error


def prune_if_due(home: Path, days: float = DAYS, max_size: int = MAX_SIZE) -> PruneReport | None:
    """Prune when that was not done for a day; None when it was. The check is one system call.

    Raises:
        StorageError: As `prune`.
    """
    stamp = home / STAMP
    try:
        # A time in the future is a clock that went back: then it is due as well.
        if 0 <= time.time() - stamp.stat().st_mtime < _DAY:
            return None
    except FileNotFoundError:
        pass
    try:
        make_private(home)
        os.close(os.open(stamp, os.O_CREAT | os.O_WRONLY, 0o600))
        os.utime(stamp)  # first, so that other processes do not start another one
    except OSError as error:
        raise StorageError(f"{stamp} cannot be written ({error.strerror or error}).") from error
    return prune(home, days, max_size, keep_newest=True)


def _victims(
    connection: sqlite3.Connection, folder: Path, oldest_ns: int, max_size: int, keep_newest: bool
) -> list[_Victim]:
    rows = connection.execute(
        "SELECT o.id, o.sha256, o.stored, o.data IS NULL, coalesce(max(c.id), 0),"
        " coalesce(max(c.created_ns), 0)"
        " FROM outputs o LEFT JOIN captures c ON c.output_id = o.id"
        " GROUP BY o.id ORDER BY 5 DESC"
    )
    victims = []
    total = 0
    for number, (output_id, sha256, stored, in_file, newest, created_ns) in enumerate(rows):
        victim = _Victim(output_id, sha256, stored, bool(in_file), newest)
        if in_file and not file_of(folder, sha256).exists():
            victims.append(victim._replace(newest=None))
        elif keep_newest and number == 0:
            total += stored
        elif created_ns < oldest_ns or total + stored > max_size:
            victims.append(victim)
        else:
            total += stored
    return victims


def _remove(connection: sqlite3.Connection, folder: Path, victims: list[_Victim]) -> None:
    for start in range(0, len(victims), BATCH):
        with transaction(connection):
            for victim in victims[start : start + BATCH]:
                _remove_one(connection, folder, victim)


def _remove_one(connection: sqlite3.Connection, folder: Path, victim: _Victim) -> None:
    """Remove a log, unless it was captured again or its file came back since it was chosen.

    The file goes while the database is locked: a writer that stores the same bytes waits until the
    row is gone. Killed in between, there is a row without a file, which the next prune removes.
    """
    path = file_of(folder, victim.sha256)
    if victim.newest is None:
        if path.exists():
            return
    else:
        (newest,) = connection.execute(
            "SELECT coalesce(max(id), 0) FROM captures WHERE output_id = ?", (victim.output_id,)
        ).fetchone()
        if newest != victim.newest:
            return
    if victim.in_file:
        path.unlink(missing_ok=True)
    connection.execute("DELETE FROM outputs WHERE id = ?", (victim.output_id,))


def _orphans(connection: sqlite3.Connection, folder: Path) -> Iterator[tuple[Path, int]]:
    """Files below `folder` that no row and no writer has, with their sizes."""
    known = {sha for (sha,) in connection.execute("SELECT sha256 FROM outputs WHERE data IS NULL")}
    for path in folder.glob(f"*/*{FRAMES}"):
        if path.parent.name == FOLDER:
            # The journal is made first and removed last, so frames without one are nobody's.
            wanted = path.with_suffix(TAIL).exists()
        else:
            wanted = path.stem in known
        if not wanted:
            try:
                yield path, path.stat().st_size
            except FileNotFoundError:
                continue  # just moved to its place by its writer


def _remove_orphans(connection: sqlite3.Connection, folder: Path) -> None:
    with transaction(connection):  # no writer is between the move of a file and its row
        for path, _ in _orphans(connection, folder):
            path.unlink(missing_ok=True)


def _forget(connection: sqlite3.Connection, oldest_ns: int) -> None:
    """Remove old captures of logs that stay, old summaries and events; make the file smaller."""
    with transaction(connection):
        connection.execute(
            "DELETE FROM captures WHERE created_ns < ? AND id NOT IN"
            " (SELECT max(id) FROM captures GROUP BY output_id)",
            (oldest_ns,),
        )
        connection.execute("DELETE FROM summaries WHERE created_ns < ?", (oldest_ns,))
        connection.execute("DELETE FROM events WHERE at_ns < ?", (oldest_ns,))
        audit_ns = time.time_ns() - int(AUDIT_DAYS * _DAY * 1e9)
        connection.execute("DELETE FROM audit WHERE at_ns < ?", (audit_ns,))
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    for _ in range(0, free, VACUUM_PAGES):
        # A plain `execute` stops after the first page.
        connection.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
