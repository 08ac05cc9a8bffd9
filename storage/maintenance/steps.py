"""The steps of a maintenance, in their order, and doing them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TypeAlias

from slipstream.storage import audit, bench, bench_comparisons, database, results
from slipstream.storage.cache import open_cache, upkeep
from slipstream.storage.errors import SlipError
from slipstream.storage.maintenance import scrub
from slipstream.storage.maintenance.leftovers import leftovers
from slipstream.storage.maintenance.model import Done, Level, Outcome, Settings, counted
from slipstream.storage.outputs.prune import prune
from slipstream.storage.telemetry import levels

Step: TypeAlias = Callable[[Settings], Outcome]

ACTION = "maintain"
"""In the audit log."""


def logs(settings: Settings) -> Outcome:
    """Logs beyond their age and size, files and rows without each other, dead writers' captures."""
    kept = settings.config.retention
    report = prune(settings.home, kept.days, kept.max_bytes, settings.dry_run, keep_newest=True)
    parts = [counted(report.logs, "log")]
    if report.lost:
        parts.append(f"{report.lost:,} of them without a file")
    if report.orphans:
        parts.append(counted(report.orphans, "file") + " of no log")
    return Outcome(report.logs + report.orphans, report.size, ", ".join(parts))


def cache(settings: Settings) -> Outcome:
    """Entries beyond their age and size, value files of no entry, locks of dead processes."""
    limits = settings.config.cache
    with open_cache(settings.home, limits) as store:
        now = store.clock()
        if settings.dry_run:
            count, size = upkeep.count_expired(store.disk, now)
            return Outcome(count, size, counted(count, "expired entry", "expired entries"))
        cleaned = store.clean()
        evicted, size = upkeep.shrink(store.disk, limits.max_entries, limits.max_bytes, now)
        note = (
            f"{counted(cleaned.expired, 'expired entry', 'expired entries')}, "
            f"{evicted:,} beyond the limits, {counted(cleaned.files, 'left-over file')}"
        )
        problem = " ".join(store.warnings)
    removed = cleaned.expired + evicted + cleaned.files
    return Outcome(removed, cleaned.bytes + size, note, problem)


def benchmarks(settings: Settings) -> Outcome:
    """Results and comparisons beyond their age; baselines and tagged runs stay."""
    days, dry_run = settings.config.bench.keep_days, settings.dry_run
    with closing(results.connect(settings.home)) as connection:
        runs = bench.prune(connection, days, dry_run=dry_run)
        before = time.time_ns() - days * bench.DAY_NS
        (compared,) = connection.execute(
            "SELECT count(*) FROM bench_comparisons WHERE created_ns < ?", (before,)
        ).fetchone()
        if not dry_run:
            bench_comparisons.prune(connection, before)
    note = f"{counted(len(runs), 'run')}, {counted(compared, 'comparison')}"
    return Outcome(len(runs) + compared, 0, note)


def telemetry(settings: Settings) -> Outcome:
    """Fine counts that are old become coarse ones, and the oldest go."""
    with closing(database.connect(settings.home)) as connection:
        try:
            with database.transaction(connection):
                moved = levels.roll_up(connection, int(time.time()), settings.config.telemetry)
                if settings.dry_run:
                    raise _Undone
        except _Undone:
            pass
    return Outcome(moved, 0, counted(moved, "row") + " rolled up or removed")


def check(settings: Settings) -> Outcome:
    """The database's pages and indexes are looked at, and its planner is told of its sizes."""
    with closing(database.connect(settings.home)) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
        broken = [row[0] for row in connection.execute("PRAGMA foreign_key_check")]
        if found != ["ok"] or broken:
            what = (
                "; ".join(found) if found != ["ok"] else f"rows of {broken[0]} lost what they name"
            )
            return Outcome(
                problem=f"The database is damaged ({what}); move {settings.home / 'outputs.db'} "
                "away, or take a copy from the folder backups beside it."
            )
        if not settings.dry_run:
            connection.execute("PRAGMA optimize")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return Outcome(note="in order")


LIGHT: dict[str, Step] = {
    "logs": logs,
    "cache": cache,
    "benchmarks": benchmarks,
    "telemetry": telemetry,
}
FULL: dict[str, Step] = {
    **LIGHT,
    "left-over files": leftovers,
    "scrub of logs": scrub.logs,
    "scrub of the cache": scrub.cache,
    "database": check,
}
LEVELS: dict[Level, dict[str, Step]] = {"light": LIGHT, "full": FULL}


def attempt(name: str, step: Step, settings: Settings) -> Done:
    """Do a step."""
    try:
        return Done(name, step(settings))
    except (SlipError, sqlite3.Error, OSError) as error:
        return Done(name, None, reason(error))


def reason(error: Exception) -> str:
    """Why a step failed, as a sentence."""
    if isinstance(error, SlipError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror or error}."
    return f"{str(error) or type(error).__name__}."


def record(settings: Settings, level: Level, done: Sequence[Done]) -> Done | None:
    """Write into the audit log what a maintenance removed and found.

    Returns:
        That it could not be written; None: it is.
    """
    outcomes = {d.step: d.outcome or Outcome(problem=d.error) for d in done}
    detail = {
        name: {key: value for key, value in outcome._asdict().items() if value}
        for name, outcome in outcomes.items()
    }
    freed = sum(outcome.freed for outcome in outcomes.values())
    try:
        with closing(database.connect(settings.home)) as connection:
            audit.record(connection, ACTION, level, freed, detail)
    except (SlipError, sqlite3.Error) as error:
        return Done("audit log", None, reason(error))
    return None


class _Undone(Exception):
    """Rolls a transaction back."""
