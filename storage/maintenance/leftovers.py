"""Files that somebody may have wanted for a while, and nobody does any more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from slipstream.storage import paths
from slipstream.storage.maintenance.model import Outcome, Settings, counted

BACKUPS = "backups"
REPORTS = "reports"
BACKUP_DAYS = 30
"""After a migration that turned out wrong; the newest copy stays whatever its age."""
DAMAGED_DAYS = 7
"""Caches that were set aside as damaged: what they held is computed again."""
_DAY = 86_400  # seconds


def leftovers(settings: Settings) -> Outcome:
    """Old copies of the database, damaged caches that were set aside, reports of pruned runs."""
    removed = freed = 0
    for path in _found(settings):
        try:
            size = path.stat().st_size
            if not settings.dry_run:
                path.unlink()
        except FileNotFoundError:  # somebody else was first
            continue
        removed += 1
        freed += size
    return Outcome(removed, freed, counted(removed, "file"))


def _found(settings: Settings) -> Iterator[Path]:
    home = settings.home
    copies = sorted((home / BACKUPS).glob("*.db"), key=_changed)
    yield from (path for path in copies[:-1] if _older(path, BACKUP_DAYS))
    # A report is about runs, and is kept as long as they are.
    reports = (home / REPORTS).glob("*")
    yield from (path for path in reports if _older(path, settings.config.bench.keep_days))
    damaged = (home / paths.CACHE).glob("damaged-*")
    yield from (path for path in damaged if _older(path, DAMAGED_DAYS))


def _older(path: Path, days: float) -> bool:
    return 0 < _changed(path) < time.time() - days * _DAY


def _changed(path: Path) -> float:
    """When a file was last written, in seconds since 1970; 0: it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
