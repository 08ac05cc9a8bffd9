"""How people name runs.

An id or its beginning, `latest`, `latest~2`, `baseline`, a tag, a date, `series:ID`.
"""

import re
from datetime import datetime, timedelta

from slipstream.storage import bench, bench_baselines
from slipstream.storage.bench import RunRecord
from slipstream.storage.bench_baselines import Baseline, Key
from slipstream.storage.connection import Connection
from slipstream.storage.errors import AmbiguousError, NotFoundError, UsageError

LATEST, BASELINE, SERIES = "latest", "baseline", "series:"
_LATEST = re.compile(r"latest(?:~(\d{1,9}))?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
_ID = re.compile(r"[0-9a-f]{1,12}")


def resolve(connection: Connection, name: str = LATEST) -> RunRecord:
    """Find a run.

    Args:
        connection: To the database.
        name: A tag comes before an id; a date is that of the last run which began on it (local
            time); of a baseline or a series the newest run is meant.

    Raises:
        NotFoundError: There is none.
        AmbiguousError: The beginning of an id fits several.
    """
    if found := _LATEST.fullmatch(name):
        place = int(found[1] or 0)
        if rows := _ids(connection, "1 = 1 ORDER BY seq DESC LIMIT 1 OFFSET ?", (place,)):
            return _get(connection, rows[0])
        if place:
            raise NotFoundError(f"There are not {place + 1} runs; `slip bench results` lists all.")
        raise NotFoundError("No run is stored yet; `slip bench run` makes one.")
    if name == BASELINE:
        return _get(connection, baseline(connection).runs[-1])
    if name.startswith(SERIES):
        return _series(connection, name.removeprefix(SERIES))[-1]
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


def together(connection: Connection, name: str = LATEST, key: Key | None = None) -> list[RunRecord]:
    """Find the runs that a name means in a comparison, where a series counts as one.

    An id, and the tag of a single run, mean that run alone. `latest`, a date, `series:ID` and the
    tag of a series mean all runs of the series; `latest~1` is the run or the series before.

    Args:
        connection: To the database.
        name: As for `resolve`.
        key: Whose baseline is meant; None, or where that has none: the one that was set last.

    Returns:
        Oldest first, one at least, whatever their states.

    Raises:
        NotFoundError: There is none.
        AmbiguousError: The beginning of an id fits several.
    """
    if name == BASELINE:
        return [_get(connection, run) for run in baseline(connection, key).runs]
    if (found := _LATEST.fullmatch(name)) and (place := int(found[1] or 0)):
        rows = connection.execute(
            "SELECT max(seq) FROM bench_runs GROUP BY CASE series WHEN '' THEN id ELSE series END"
            " ORDER BY max(seq) DESC LIMIT 1 OFFSET ?",
            (place,),
        ).fetchall()
        if not rows:
            raise NotFoundError(
                f"There are not {place + 1} runs or series; `slip bench results` lists all."
            )
        run = _get(connection, _ids(connection, "seq = ?", rows[0])[0])
    else:
        run = resolve(connection, name)
    whole = found or name.startswith(SERIES) or _whole(connection, name)
    return bench.series(connection, run.series) if run.series and whole else [run]


def baseline(connection: Connection, key: Key | None = None) -> Baseline:
    """The baseline of a suite, a model and a machine, else the one that was set last.

    Raises:
        NotFoundError: None was set.
    """
    if key and (found := bench_baselines.get(connection, key)):
        return found
    if found := next(iter(bench_baselines.all_(connection)), None):
        return found
    raise NotFoundError("No baseline is set; `slip bench baseline set RUN` makes a run one.")


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


def _whole(connection: Connection, name: str) -> bool:
    """Whether a name that led to a run means its whole series: a date, or the tag of a series."""
    row = connection.execute("SELECT whole FROM bench_tags WHERE name = ?", (name,)).fetchone()
    return bool(row[0]) if row else _DATE.fullmatch(name) is not None


def _series(connection: Connection, identity: str) -> list[RunRecord]:
    if found := bench.series(connection, identity.lower()):
        return found
    raise NotFoundError(f"There is no series {identity}; `slip bench results` lists all.")


def _day(date: str) -> tuple[int, int]:
    try:
        start = datetime.fromisoformat(date).astimezone()
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{date} is not a day of the calendar.") from error
    end = start + timedelta(days=1)
    return int(start.timestamp()) * 10**9, int(end.timestamp()) * 10**9


def _ids(connection: Connection, where: str, values: tuple[object, ...]) -> list[str]:
    rows = connection.execute(f"SELECT id FROM bench_runs WHERE {where}", values)
    return [run for (run,) in rows]


def _get(connection: Connection, run: str) -> RunRecord:
    found = bench.run(connection, run)
    assert found is not None
    return found
