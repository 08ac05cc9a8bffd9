"""Reads what is stored and compares it with its checksums, a part in each run.

Where a run ended is kept in a file, so that a large store is read over several runs and then from
the beginning again. Without that file, or with a damaged one, it is read from the beginning.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from pathlib import Path

from slipstream.storage import logs as program_log
from slipstream.storage.cache import open_cache, upkeep
from slipstream.storage.errors import CorruptError, NotFoundError
from slipstream.storage.maintenance.model import Outcome, Settings, counted
from slipstream.storage.outputs import OutputStore

STATE = "scrub.json"
"""Where the next run goes on, by the name of the store; 0: at the beginning."""
NAMED = 5
"""Damaged logs that a sentence names."""


def logs(settings: Settings) -> Outcome:
    """Every byte of the stored logs against their SHA-256; what is damaged is told, and stays.

    A log is read whole, so that a run takes longer than it may by one log at most.
    """
    after = place(settings.home, "logs")
    give_up = time.monotonic() + settings.scrub_seconds
    checked = size = last = 0
    damaged: list[str] = []
    with closing(OutputStore(settings.home)) as store:
        rows = store.connection.execute(
            "SELECT id, sha256, size FROM outputs WHERE id > ? ORDER BY id", (after,)
        ).fetchall()
        for number, sha256, length in rows:
            try:
                for _ in store.read(store.resolve(sha256)):
                    pass
            except NotFoundError:  # pruned meanwhile
                continue
            except CorruptError as error:
                damaged.append(sha256[:12])
                program_log.error("maintain.log-damaged", log=sha256[:12], why=str(error))
            checked, size = checked + 1, size + length
            if time.monotonic() > give_up and number != rows[-1][0]:
                last = number
                break
    if not settings.dry_run:
        go_on(settings.home, "logs", last)
    problem = ""
    if damaged:
        which = ", ".join(damaged[:NAMED]) + (", …" if len(damaged) > NAMED else "")
        problem = (
            f"{counted(len(damaged), 'log')} cannot be read whole: {which}; "
            "what is left of them can be read by line until they are pruned."
        )
    return Outcome(note=_read(checked, "log", size, last), problem=problem)


def cache(settings: Settings) -> Outcome:
    """Every value of the cache against its checksum; what is damaged goes, as it can be had again.

    A dry run does nothing: reading would remove it.
    """
    if settings.dry_run:
        return Outcome(note="nothing is read in a dry run")
    after = place(settings.home, "cache")
    with open_cache(settings.home, settings.config.cache) as store:
        found = upkeep.verify(store.disk, None, after, settings.scrub_seconds)
    go_on(settings.home, "cache", found.last)
    note = _read(found.checked, "value", found.bytes, found.last)
    if found.set_aside:
        note = "the database was damaged and set aside; a new one is begun"
    return Outcome(len(found.corrupt), 0, note)


def place(home: Path, store: str) -> int:
    """Where the next run goes on; 0: at the beginning."""
    return _state(home).get(store, 0)


def go_on(home: Path, store: str, last: int) -> None:
    """Keep where the next run goes on; the rename makes it whole or absent."""
    state = _state(home) | {store: last}
    draft = home / f"{STATE}.{os.getpid()}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        json.dump(state, file)
    draft.replace(home / STATE)


def _state(home: Path) -> dict[str, int]:
    try:
        found = json.loads((home / STATE).read_text(encoding="utf-8"))
        return {str(name): max(0, int(place)) for name, place in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _read(checked: int, what: str, size: int, last: int) -> str:
    rest = "; the next run goes on from there" if last else ""
    return f"{counted(checked, what)} of {size:,} bytes read{rest}"
