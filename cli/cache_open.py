"""Opens the cache for a command, with the configured limits and its telemetry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from slipstream.cli import output
from slipstream.storage import paths
from slipstream.storage.cache import open_cache
from slipstream.storage.config.load import load
from slipstream.storage.telemetry import Recorder

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore


@contextmanager
def opened(*, recorded: bool = True) -> Iterator[CacheStore]:
    """The cache, for the length of a block.

    What is wrong with the settings is said first, what kept the cache from being used last.

    Args:
        recorded: Whether what is done with it counts in the telemetry; looking at it does not.
    """
    loaded = load()
    for problem in loaded.problems:
        output.warn(problem)
    home = paths.home_path()
    store = open_cache(home, loaded.config.cache)
    recorder = Recorder(home, loaded.config.telemetry).attach(store) if recorded else None
    try:
        yield store
    finally:
        store.close()
        if recorder is not None:
            recorder.close()
        for warning in store.warnings:
            output.warn(warning)
