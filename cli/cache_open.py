"""Opens the cache for a command, with the configured limits and its telemetry."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from slipstream.cli import output
from slipstream.storage import paths
from slipstream.storage.cache import open_cache
from slipstream.storage.config.load import load
from slipstream.storage.errors import StorageError
from slipstream.storage.telemetry import Recorder

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore


CLEANED = "cleaned"  # a file whose time is that of the last clean-up
HOUR = 3600  # seconds


@contextmanager
def opened(*, recorded: bool = True, needed: bool = False) -> Iterator[CacheStore]:
    """The cache, for the length of a block.

    What is wrong with the settings is said first, what kept the cache from being used last.

    Args:
        recorded: Whether what is done with it counts in the telemetry; looking at it does not.
        needed: The command is about the cache itself, and fails without it.

    Raises:
        StorageError: It is needed and cannot be used.
    """
    loaded = load()
    for problem in loaded.problems:
        output.warn(problem)
    home = paths.home_path()
    store = open_cache(home, loaded.config.cache)
    recorder = Recorder(home, loaded.config.telemetry).attach(store) if recorded else None
    try:
        if needed and not store.disk.read(lambda _: True, False):
            reasons = [text.partition(";")[0] for text in store.warnings]
            store.warnings.clear()
            raise StorageError(f"{reasons[0]}; `slip doctor` says how to mend it.")
        yield store
        if recorded:
            _clean_if_due(store)
    finally:
        store.close()
        if recorder is not None:
            recorder.close()
        for warning in store.warnings:
            output.warn(warning)


def _clean_if_due(store: CacheStore) -> None:
    """Once an hour, remove what expired and files that nobody names; the check is a system call."""
    stamp = store.folder / CLEANED
    try:
        # A time in the future is a clock that went back: then it is due as well.
        if 0 <= time.time() - stamp.stat().st_mtime < HOUR:
            return
    except OSError:
        pass
    try:
        stamp.touch(mode=0o600)  # first, so that other processes do not start another one
    except OSError:
        return  # nothing can be written there: the store has said so
    store.clean()
