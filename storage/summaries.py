"""Summaries and their findings, in plain SQL. Values in, values out."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from slipstream.storage import audit, events
from slipstream.storage.database import printable, transaction
from slipstream.storage.errors import AmbiguousError, NotFoundError

ID_DIGITS = 12
MANY = 1 << 31  # rows; SQLite takes no number above 2^63
LAST = "last"
_SUMMARY = (
    "id, sha256, kind, result, command, exit_status, errors, warnings, size, json_text, created_ns"
)
_FINDING = (
    'severity, message, tool, kind, code, name, file, line, "column", first_line, last_line,'
    " count, role"
)
_LARGEST = 2**63 - 1  # of an INTEGER; a log may state any number


class SummaryRecord(NamedTuple):
    """A summary as it is kept."""

    id: str
    """From `summary_id`."""
    sha256: str
    """Of the log."""
    kind: str
    """The type: test, compiler, …"""
    result: str
    command: tuple[str, ...]
    exit_status: int | None
    errors: int
    warnings: int
    size: int
    """Bytes of the text."""
    json_text: str
    """The whole summary, text included, in the versioned schema."""
    created_ns: int = 0
    """Nanoseconds since 1970, UTC; set when it is saved."""


class FindingRecord(NamedTuple):
    """A finding as it is kept."""

    severity: str
    message: str
    tool: str
    kind: str
    code: str
    name: str
    file: str
    line: int | None
    column: int | None
    first_line: int
    """First and last line of the log that it was read from."""
    last_line: int
    occurrences: int
    """Column `count`, which is a method of tuples."""
    role: str


def summary_id(sha256: str, *options: object) -> str:
    """The id of the summary of a log with these options: the same for the same input."""
    key = json.dumps([sha256, *options], default=str)
    return hashlib.sha256(key.encode()).hexdigest()[:ID_DIGITS]


def save(
    connection: sqlite3.Connection, summary: SummaryRecord, findings: Iterable[FindingRecord]
) -> None:
    """Save a summary with its findings and its event; one with the same id is replaced.

    Raises:
        sqlite3.Error: Nothing was saved.
    """
    rows = [tuple(map(_value, finding)) for finding in findings]
    values = *summary[:-1], time.time_ns()
    with transaction(connection):
        connection.execute("DELETE FROM summaries WHERE id = ?", (summary.id,))
        seq = connection.execute(
            f"INSERT INTO summaries ({_SUMMARY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            tuple(map(_value, values)),
        ).lastrowid
        connection.executemany(
            f"INSERT INTO findings (summary_seq, {_FINDING})"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(seq, *row) for row in rows],
        )
        audit.record(
            connection, "summary", summary.id, summary.size, {"log": summary.sha256[:ID_DIGITS]}
        )
        events.emit(
            connection,
            events.SUMMARY_CREATED,
            {
                "id": summary.id,
                "log": summary.sha256,
                "kind": summary.kind,
                "result": summary.result,
                "errors": summary.errors,
                "warnings": summary.warnings,
            },
        )


def newest(connection: sqlite3.Connection, limit: int = 50) -> list[SummaryRecord]:
    """The newest summaries, newest first."""
    rows = connection.execute(
        f"SELECT {_SUMMARY} FROM summaries ORDER BY seq DESC LIMIT ?", (min(limit, MANY),)
    )
    return [_record(row) for row in rows]


def resolve(connection: sqlite3.Connection, name: str = LAST) -> SummaryRecord:
    """Find a summary by id, by a unique prefix of it, or by `last`.

    Raises:
        NotFoundError: There is none.
        AmbiguousError: The prefix fits several.
    """
    if name == LAST:
        if found := newest(connection, 1):
            return found[0]
        raise NotFoundError("No summary is stored yet; `slip run -- COMMAND` makes one.")
    prefix = name.lower()
    if not prefix or prefix.strip("0123456789abcdef"):
        raise NotFoundError(
            f"{name!r} is not the id of a summary: ids are hexadecimal; "
            "`slip summary list` shows them."
        )
    rows = connection.execute(
        f"SELECT {_SUMMARY} FROM summaries WHERE id >= ? AND id < ? ORDER BY id LIMIT 4",
        (prefix, prefix + "g"),
    ).fetchall()
    if not rows:
        raise NotFoundError(
            f"No summary {name} is stored (it may have been pruned); "
            "`slip summary list` shows what is."
        )
    if len(rows) > 1:
        raise AmbiguousError(
            f"{name} fits more than one summary: {', '.join(row[0] for row in rows[:3])}"
            f"{', …' if len(rows) > 3 else ''}; give more digits."
        )
    return _record(rows[0])


def findings_of(connection: sqlite3.Connection, summary: SummaryRecord) -> list[FindingRecord]:
    """The findings of a summary, in its order."""
    rows = connection.execute(
        f"SELECT {_FINDING} FROM findings"
        " WHERE summary_seq = (SELECT seq FROM summaries WHERE id = ?) ORDER BY id",
        (summary.id,),
    )
    return [FindingRecord(*row) for row in rows]


def _record(row: tuple[Any, ...]) -> SummaryRecord:
    found = SummaryRecord(*row)
    return found._replace(command=tuple(json.loads(row[4])))


def _value(value: object) -> object:
    """What SQLite takes: logs state numbers of any size, and commands hold bytes of any kind."""
    if isinstance(value, tuple):
        return json.dumps(value)
    if isinstance(value, int):
        return max(-_LARGEST, min(value, _LARGEST))
    if isinstance(value, str):
        return printable(value)
    return value
