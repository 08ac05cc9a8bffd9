"""Which entries a look-up or a removal means, as conditions on the index of the keys.

A prefix is a range of keys: it is found without reading a value, and no character of it is special.
"""

import re
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from slipstream.storage.cache.rows import AHEAD_NS
from slipstream.storage.errors import UsageError


class Choice(NamedTuple):
    """A condition on entries, and the same on parents of dependencies where it is one on keys."""

    where: str
    parameters: tuple[object, ...]
    parents: str = ""


def choose(
    prefix: str | None = None,
    glob: str | None = None,
    tag: str | None = None,
    keys: Iterable[str] | None = None,
    producer: str | None = None,
    expired_at: int | None = None,
) -> Choice:
    """The condition that all that is given holds; with nothing given, every entry.

    Args:
        prefix: What keys begin with, literally.
        glob: Pattern of whole keys: `*`, `?`, `[abc]`, `[^abc]`.
        tag: A tag of the entry.
        keys: These keys.
        producer: The whole name of what computed it.
        expired_at: A time at which the entry is no longer alive.

    Raises:
        UsageError: The glob is not one.
    """
    parts: list[tuple[str, tuple[object, ...]]] = []
    if prefix:
        parts.append(_range("{key}", prefix))
    if glob is not None:
        check_glob(glob)
        if literal := re.split(r"[*?\[]", glob, maxsplit=1)[0]:
            parts.append(_range("{key}", literal))
        parts.append(("{key} GLOB ?", (glob,)))
    if keys is not None:
        parts.append(("{key} IN (SELECT value FROM json_each(?))", (json_list(keys),)))
    on_keys = len(parts)
    if tag is not None:
        parts.append(("key IN (SELECT key FROM tags WHERE tag = ?)", (tag,)))
    if producer is not None:
        parts.append(("producer = ? AND producer != ''", (producer,)))
    if expired_at is not None:
        dead = "id IN (SELECT id FROM entries WHERE expires_ns <= ? OR accessed_ns > ?)"
        parts.append((dead, (expired_at, expired_at + AHEAD_NS)))
    where = " AND ".join(part for part, _ in parts) or "1"
    parameters = tuple(value for _, part in parts for value in part)
    parents = where.format(key="parent") if on_keys and on_keys == len(parts) else ""
    return Choice(where.format(key="key"), parameters, parents)


def find(connection: sqlite3.Connection, choice: Choice, limit: int = -1) -> list[str]:
    """Keys of entries, in order."""
    rows = connection.execute(
        f"SELECT key FROM entries WHERE {choice.where} ORDER BY key LIMIT ?",
        (*choice.parameters, limit),
    )
    return [key for (key,) in rows]


def cascade(connection: sqlite3.Connection, choice: Choice) -> list[str]:
    """Keys of entries, and of what depends on them or on a name that the condition holds for."""
    roots = f"SELECT key FROM entries WHERE {choice.where}"
    parameters = choice.parameters
    if choice.parents:
        roots += f" UNION SELECT parent FROM dependencies WHERE {choice.parents}"
        parameters *= 2
    rows = connection.execute(
        f"WITH RECURSIVE gone(key) AS ({roots} UNION"
        " SELECT child FROM dependencies JOIN gone ON parent = gone.key)"
        " SELECT key FROM gone",
        parameters,
    )
    return [key for (key,) in rows]


def check_glob(glob: str) -> None:
    """See that a glob can match.

    Raises:
        UsageError: It is empty, or a bracket is not closed.
    """
    if not glob:
        raise UsageError("The pattern is empty; `*` stands for every key.")
    if re.search(r"\[(?!\^?+\]?+[^\]]*\])", glob):
        raise UsageError(
            f"The pattern {glob!r} has a `[` without its `]`; write `[[]` for the character itself."
        )


def _range(column: str, prefix: str) -> tuple[str, tuple[object, ...]]:
    """SQLite compares the bytes of UTF-8, whose order is the order of the characters."""
    above = _above(prefix)
    if above is None:
        return f"{column} >= ?", (prefix,)
    return f"{column} >= ? AND {column} < ?", (prefix, above)


def _above(prefix: str) -> str | None:
    """The first text behind all that begin with `prefix`; None: there is none."""
    while prefix:
        last = ord(prefix[-1]) + 1
        if last <= 0x10FFFF:
            return prefix[:-1] + chr(0xE000 if 0xD800 <= last <= 0xDFFF else last)
        prefix = prefix[:-1]
    return None


def json_list(keys: Iterable[str]) -> str:
    """The keys as SQLite's `json_each` takes them."""
    import json

    return json.dumps([key for key in keys if _storable(key)])


def _storable(key: str) -> bool:
    """Whether a key can be one: SQLite takes no half of a surrogate pair."""
    try:
        key.encode()
    except (UnicodeEncodeError, AttributeError):  # of a damaged row, it may be of any type
        return False
    return True
