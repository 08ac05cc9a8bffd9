"""`slip cache clear`, `list`, `inspect` and `verify`."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from slipstream.cli import output
from slipstream.cli.cache_open import opened
from slipstream.cli.cache_report import duration
from slipstream.cli.progress import Progress
from slipstream.storage import audit, database, paths
from slipstream.storage.errors import AmbiguousError, NotFoundError, SlipError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slipstream.storage.cache import CacheStore, Removed
    from slipstream.storage.cache.data import Entry

JSON_VERSION = 1


class Choice(NamedTuple):
    """Which entries a removal is about: those for which all that is given holds; nothing: all."""

    prefix: str | None = None
    pattern: str | None = None
    tag: str | None = None
    producer: str | None = None
    expired: bool = False
    keys: Sequence[str] | None = None

    def described(self) -> str:
        """As a person would say it, for a question and for the audit log."""
        parts = [f"{name} {value}" for name, value in self._named() if value]
        parts += ["expired"] * self.expired
        if self.keys is not None:
            parts.append(self.keys[0] if len(self.keys) == 1 else f"{len(self.keys):,} keys")
        return ", ".join(parts) or "all entries"

    def options(self) -> dict[str, Any]:
        """What the store's `remove` takes."""
        given = {
            "prefix": self.prefix, "glob": self.pattern, "tag": self.tag,
            "producer": self.producer, "keys": self.keys,
        }  # fmt: skip
        chosen = {name: value for name, value in given.items() if value is not None}
        if not chosen and not self.expired:
            chosen["prefix"] = ""  # everything
        return {**chosen, "expired": self.expired}

    def _named(self) -> list[tuple[str, str | None]]:
        return [
            ("prefix", self.prefix), ("pattern", self.pattern), ("tag", self.tag),
            ("producer", self.producer),
        ]  # fmt: skip


def clear(
    choice: Choice, *, memory_only: bool, disk_only: bool, dry_run: bool, force: bool, json: bool
) -> int:
    """Remove entries, after asking.

    Raises:
        UsageError: The options do not go together, or nobody can be asked.
    """
    if memory_only and disk_only:
        raise UsageError("Only one of --memory-only and --disk-only can be given.")
    with opened(needed=True) as store:
        if memory_only:
            return _forget_memory(store, choice, dry_run, json)
        return remove(store, "cache.clear", choice, dry_run=dry_run, force=force, json=json)


def remove(
    store: CacheStore, action: str, choice: Choice, *, dry_run: bool, force: bool, json: bool
) -> int:
    """Count, ask, remove in steps that are whole each, and write it into the audit log.

    Returns:
        1 when the answer was no, or the cache cannot be written.
    """
    options = choice.options()
    found = done = store.remove(**options, dry_run=True)
    if not dry_run and done.count:
        if not agreed(done, choice, force=force):
            return 1
        before = store.counts.deletes
        try:
            with Progress("removing", "entries") as progress:
                done = store.remove(**options, progress=progress)
            store.clean()  # gives the room back to the disk
        finally:  # what was removed until an interruption is written down, too
            audited(action, choice.described(), store.counts.deletes - before, done.bytes)
    say_removed({"entries": done.count, "bytes": done.bytes}, dry_run=dry_run, json=json)
    return 1 if done.count < found.count and store.warnings else 0  # they are said at the end


def agreed(found: Removed, choice: Choice, *, force: bool) -> bool:
    """Ask whether so much may go.

    Raises:
        UsageError: Nobody can be asked.
    """
    size = output.bytes_text(found.bytes)
    question = f"Remove {found.count:,} entries ({size}): {choice.described()}?"
    return output.confirm(question, force=force)


def say_removed(report: dict[str, Any], *, dry_run: bool, json: bool) -> None:
    """Print what was removed, or would be: `entries` and `bytes`."""
    if json:
        output.print_json({"version": JSON_VERSION, **report, "dry_run": dry_run})
        return
    verb = "would be removed" if dry_run else "removed"
    print(f"{report['entries']:,} entries {verb}, {output.bytes_text(report['bytes'])}.")


def audited(action: str, subject: str, count: int, size: int) -> None:
    """Write down what was destroyed; that this fails does not undo it, and is said."""
    try:
        with closing(database.connect(paths.home())) as connection:
            audit.removed_from_cache(connection, action, subject, size, {"entries": count})
    except (SlipError, OSError, sqlite3.Error) as error:
        output.warn(f"It could not be written into the audit log: {error}")


def _forget_memory(store: CacheStore, choice: Choice, dry_run: bool, json: bool) -> int:
    """Let every process forget what it has in memory; the disk has it all, so nobody is asked."""
    if choice != Choice():
        raise UsageError("--memory-only forgets everything that is in memory; it takes no filter.")
    if not dry_run:
        store.forget_memory()
    if json:
        output.print_json({"version": JSON_VERSION, "memory": True, "dry_run": dry_run})
    else:
        print(f"What processes keep in memory {'would be' if dry_run else 'was'} forgotten.")
    return 0


def listed(limit: int, pattern: str | None, json: bool) -> int:
    """Entries in the order of their keys.

    Args:
        limit: How many at the most.
        pattern: A glob of whole keys, or a part of a key.
        json: Print JSON.
    """
    glob = pattern if pattern is None or set("*?[") & set(pattern) else f"*{pattern}*"
    with opened(recorded=False, needed=True) as store:
        keys = store.keys(limit=max(0, limit), **({} if glob is None else {"glob": glob}))
        entries = [entry for key in keys if (entry := store.entry(key)) is not None]
    if json:
        rows = [_entry_json(entry) for entry in entries]
        output.print_json({"version": JSON_VERSION, "entries": rows})
        return 0
    now = time.time_ns()
    output.print_table(
        ("key", "bytes", "stored", "used", "expires in", "tier", "producer"),
        [
            (e.key, e.size, output.time_text(e.created_ns), output.time_text(e.accessed_ns),
             remaining(e.expires_ns, now), "file" if e.file else "database", e.producer)
            for e in entries
        ],
        "bytes",
    )  # fmt: skip
    return 0


def inspect(name: str, json: bool) -> int:
    """One entry: what it is, what it hangs on, and what happened to it of late.

    Raises:
        NotFoundError: No such key; the reason is said where it is known.
        AmbiguousError: Several keys begin so.
    """
    from slipstream.storage.telemetry.report import events_of

    with opened(recorded=False, needed=True) as store:
        key = resolve(store, name)
        entry = store.entry(key)
        if entry is None:
            raise NotFoundError(f"There is no entry {key}; it was removed just now.")
    with closing(database.connect(paths.home())) as connection:
        events = events_of(connection, key)
    if json:
        output.print_json({"version": JSON_VERSION, **_entry_json(entry), "events": events})
        return 0
    now = time.time_ns()
    rows = {
        "key": key,
        "bytes": f"{entry.size:,}",
        "stored": output.time_text(entry.created_ns),
        "last used": output.time_text(entry.accessed_ns),
        "expires in": remaining(entry.expires_ns, now),
        "priority": entry.priority,
        "producer": entry.producer,
        "checksum": f"xxh3-128 {entry.checksum}",
        "kept in": f"file {entry.file}" if entry.file else "the database",
        "tags": ", ".join(entry.tags),
        "depends on": ", ".join(entry.depends_on),
    }
    for title, value in rows.items():
        if value != "":
            print(f"{title.ljust(12)}{output.printable(str(value))}")
    for event in events:
        at = output.time_text(int(str(event["at_ns"])))
        took = duration(float(str(event["latency_ns"])))
        what = " ".join(str(event[part]) for part in ("kind", "tier", "reason") if event[part])
        print(f"{'recorded'.ljust(12)}{at} {what}, {took}")
    return 0


def resolve(store: CacheStore, name: str) -> str:
    """The key that somebody means: the whole of it, or a beginning that no other key has.

    Raises:
        NotFoundError: There is none.
        AmbiguousError: There are several.
    """
    if store.entry(name) is not None:
        return name
    found = store.keys(prefix=name, limit=2) if name else []
    if not found:
        from slipstream.storage.cache import Miss

        told = store.lookup(name)
        reason = f" ({told.reason})" if isinstance(told, Miss) else ""
        raise NotFoundError(
            f"There is no entry {name}{reason}; `slip cache list` shows those there are."
        )
    if len(found) > 1:
        raise AmbiguousError(f"Several keys begin with {name}; write more of it.")
    return found[0]


def verify(json: bool) -> int:
    """Read every value against its checksum; damaged ones are removed.

    Returns:
        1 when something was damaged.
    """
    with (
        opened(recorded=False, needed=True) as store,
        Progress("verifying", "entries") as progress,
    ):
        report = store.verify(progress)
    bad = bool(report.corrupt or report.set_aside)
    if json:
        output.print_json({"version": JSON_VERSION, "ok": not bad, **report._asdict()})
        return int(bad)
    print(f"{report.checked:,} entries read, {output.bytes_text(report.bytes)}.")
    for key in report.corrupt:
        print(f"damaged and removed: {output.printable(key)}")
    if report.set_aside:
        print("The database itself was damaged: it was set aside, and a new one begun.")
    if not bad:
        print("Every value has its checksum.")
    return int(bad)


def remaining(expires_ns: int, now_ns: int) -> str:
    """How long an entry still lives: `6 d 23 h`, `12 min`, `never`, `expired`."""
    seconds = (expires_ns - now_ns) // 10**9
    if seconds > 100 * 365 * 86_400:
        return "never"
    if seconds <= 0:
        return "expired"
    if seconds < 3600:
        return f"{seconds // 60} min"
    days, hours = divmod(seconds // 3600, 24)
    return f"{days} d {hours} h" if days else f"{hours} h"


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {**entry._asdict(), "tags": list(entry.tags), "depends_on": list(entry.depends_on)}
