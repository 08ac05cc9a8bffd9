"""`slip cache report`: what the telemetry says of a period, beside another one."""

from __future__ import annotations

import re
import time
from contextlib import closing
from typing import Literal, get_args

from slipstream.cli import output
from slipstream.storage import audit, database
from slipstream.storage.errors import UsageError
from slipstream.storage.paths import home
from slipstream.storage.telemetry import export
from slipstream.storage.telemetry import report as telemetry
from slipstream.storage.telemetry.report import GROUPS, SHARES, Line, Report, counters

Format = Literal["table", "json", "csv", "prometheus"]
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}  # seconds
DATES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S")


def show(start: str, end: str, compare: str | None, by: str, shown_as: str) -> int:
    """Print a report.

    Raises:
        UsageError: A moment, a grouping or a format is none.
    """
    if shown_as not in get_args(Format):
        raise UsageError(f"--format {shown_as!r} is not one of {', '.join(get_args(Format))}.")
    groups = tuple(name.strip().replace("commit", "revision") for name in by.split(","))
    if unknown := set(groups) - set(GROUPS):
        wrong = ", ".join(sorted(unknown))
        raise UsageError(f"--by {wrong!r} is not one of operation, tier, repository, commit.")
    now = int(time.time())
    begin, stop = moment(start, "--from", now), moment(end, "--to", now) + 1
    if begin >= stop:
        raise UsageError(f"--from {start} is not before --to {end}.")
    compared = _compared(compare, begin, stop, now)
    with closing(database.connect(home())) as connection:
        if shown_as == "prometheus":
            print(export.as_prometheus(connection), end="")
            return 0
        ordered = tuple(name for name in GROUPS if name in groups)
        found = telemetry.report(connection, begin, stop, compared=compared, by=ordered)
    if shown_as == "json":
        output.print_json(export.as_json(found))
    elif shown_as == "csv":
        print(export.as_csv(found), end="")
    else:
        _table(found)
    return 0


def reset(*, force: bool) -> int:
    """Set the exact counters to zero, after asking; what is kept by time stays."""
    with closing(database.connect(home())) as connection:
        count = sum(counter.amount for counter in counters(connection))
        if not output.confirm(f"Set the counters of {count:,} operations to zero?", force=force):
            return 1
        with database.transaction(connection):
            count = telemetry.reset(connection)
            audit.record(connection, "cache.reset-counters", "telemetry", count)
    output.note(f"the counters of {count:,} operations were set to zero.")
    return 0


def moment(text: str, option: str, now: int) -> int:
    """`now`, `24h` or `7d` ago, `2026-01-31`, `2026-01-31T12:00` (local time) in seconds.

    Raises:
        UsageError: It is none of these.
    """
    if text == "now":
        return now
    if found := re.fullmatch(r"-?(\d{1,9})([smhdw])", text):
        return max(0, now - int(found[1]) * UNITS[found[2]])
    for form in DATES:
        try:
            return max(0, int(time.mktime(time.strptime(text, form))))
        except (ValueError, OverflowError):
            continue
    raise UsageError(
        f"{option} {text!r} is not a moment such as 24h, 7d, 2026-01-31 or 2026-01-31T12:00."
    )


def _compared(text: str | None, begin: int, stop: int, now: int) -> tuple[int, int] | None:
    if text is None:
        return None
    start = begin - (stop - begin) if text == "previous" else moment(text, "--compare", now)
    return start, start + stop - begin


def _table(found: Report) -> None:
    """Print the groups and their total; a trend stands beside each number that is compared."""
    headers = ["commit" if name == "revision" else name for name in found.by]
    headers += ["hits", "misses", "rate", "sets", "evicted", "corrupt", "read", "written"]
    if found.compared:
        headers += ["before", "rate-before", "trend"]
    if found.total.latency:
        headers += [f"p{share * 100:.0f}" for share in SHARES]
    if not found.lines:
        output.note("nothing was recorded in that time.")
    rows = [_row(line, len(found.by)) for line in [*found.lines, found.total]]
    output.print_table(headers, rows, right=" ".join(headers[len(found.by) :]))


def _row(line: Line, width: int) -> list[str | int]:
    now = line.now
    row: list[str | int] = [*(line.group or ("all", *[""] * (width - 1)))]
    row += [now.hits, now.misses, percent(now.hit_rate), now.sets, now.evictions, now.corrupt]
    row += [output.bytes_text(now.read), output.bytes_text(now.written)]
    if line.before is not None:
        row += [line.before.hits, percent(line.before.hit_rate), trend(line)]
    return row + [duration(value) for value in line.latency]


def trend(line: Line) -> str:
    """How the hit rate moved, in percentage points."""
    before = line.before.hit_rate if line.before else None
    moved = export.change(line.now.hit_rate, before)
    return "" if moved is None else f"{moved * 100:+.1f}"


def percent(share: float | None) -> str:
    """A share as `97.5 %`; nothing for none."""
    return "" if share is None else f"{share * 100:.1f} %"


def duration(ns: float | None) -> str:
    """Nanoseconds as `4.2 µs`, `1.5 ms` or `2.0 s`; nothing for none."""
    if ns is None:
        return ""
    for unit, length in (("µs", 1e3), ("ms", 1e6)):
        if ns < length * 1000:
            return f"{ns / length:.1f} {unit}"
    return f"{ns / 1e9:.1f} s"
