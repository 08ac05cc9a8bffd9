"""The cache of the process that runs a flow: opened once, with its telemetry."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from slipstream.storage import paths
from slipstream.storage.config.load import load

if TYPE_CHECKING:
    from slipstream.storage.cache import CacheStore


def flow_store() -> CacheStore:
    """The cache in the data folder; it is closed when the process ends."""
    return _opened(paths.home())


@cache
def _opened(home: Path) -> CacheStore:
    from slipstream.storage.cache import open_cache
    from slipstream.storage.telemetry import Recorder

    config = load().config
    store = open_cache(home, config.cache)
    Recorder(home, config.telemetry).attach(store)
    return store
