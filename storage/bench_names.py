"""How people name runs: an id or its beginning, `latest`, `latest~2`, `baseline`, a tag, a date."""

import re
import sqlite3
from datetime import datetime, timedelta

from slipstream.storage import bench
from slipstream.storage.bench import RunRecord
from slipstream.storage.errors import AmbiguousError, NotFoundError, UsageError

LATEST, BASELINE = "latest", "baseline"
_LATEST = re.compile(r"latest(?:~(\d{1,9}))?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
_ID = re.compile(r"[0-9a-f]{1,12}")


def resolve(connection: sqlite3.Connection, name: str = LATEST) -> RunRecord:
    """Find a run.

    Args:
        connection: To the database.
        name: A tag comes before an id; a date is that of the last run which began on it (local
            time).

    Raises:
        NotFoundError: There is none.
        AmbiguousError: The beginning of an id fits several.
    """
    if found := _LATEST.fullmatch(name):
        place = int(found[1] or 0)
        if rows := _ids(connection, "1 ORDER BY seq DESC LIMIT 1 OFFSET ?", (place,)):
            return _get(connection, rows[0])
        if place:
            raise NotFoundError(f"There are not {place + 1} runs; `slip bench results` lists all.")
        raise NotFoundError("No run is stored yet; `slip bench run` makes one.")
    if name == BASELINE:
        if rows := _ids(connection, "baseline ORDER BY seq DESC LIMIT 1", ()):
            return _get(connection, rows[0])
        raise NotFoundError("No run is the baseline; `slip bench tag RUN baseline` makes one.")
    tagged = "seq = (SELECT run_seq FROM bench_tags WHERE name = ?)"
    if rows := _ids(connection, tagged, (name,)):
        return _get(connection, rows[0])
    if _DATE.fullmatch(name):
        rows = _ids(connection, "started_ns >= ? AND started_ns < ? ORDER BY seq DESC", _day(name))
        if rows:
            return _get(connection, rows[0])
        raise NotFoundError(f"No run began on {name}; `slip bench results` lists all.")
    if _ID.fullmatch(name.lower()):
        prefix = name.lower()
        rows = _ids(connection, "id >= ? AND id < ? ORDER BY id LIMIT 4", (prefix, prefix + "g"))
        if len(rows) > 1 and prefix not in rows:
            raise AmbiguousError(
                f"{name} fits more than one run: {', '.join(rows[:3])}"
                f"{', …' if len(rows) > 3 else ''}; give more digits."
            )
        if rows:
            return _get(connection, rows[0])
    raise NotFoundError(f"There is no run {name}; `slip bench results` lists all.")


def check_tag(name: str) -> None:
    """See that a name can be a tag and means nothing else.

    Raises:
        UsageError: It cannot.
    """
    if not _TAG.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a tag: use up to 64 letters, digits and . _ / -, "
            "beginning with a letter or a digit."
        )
    taken = _LATEST.fullmatch(name) or _DATE.fullmatch(name) or re.fullmatch("[0-9a-f]{12}", name)
    if taken or name == BASELINE:
        raise UsageError(f"{name!r} cannot be a tag: it names runs already.")


def _day(date: str) -> tuple[int, int]:
    try:
        start = datetime.fromisoformat(date).astimezone()
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{date} is not a day of the calendar.") from error
    end = start + timedelta(days=1)
    return int(start.timestamp()) * 10**9, int(end.timestamp()) * 10**9


def _ids(connection: sqlite3.Connection, where: str, values: tuple[object, ...]) -> list[str]:
    rows = connection.execute(f"SELECT id FROM bench_runs WHERE {where}", values)
    return [run for (run,) in rows]


def _get(connection: sqlite3.Connection, run: str) -> RunRecord:
    found = bench.run(connection, run)
    assert found is not None
    return found
