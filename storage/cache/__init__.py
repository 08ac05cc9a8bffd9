"""The cache: what was computed once, found again by its key.

    from slipstream.storage.cache import open_cache

    store = open_cache()
    value = store.get_or_compute(key, compute)

The cache has a folder of its own, which may be deleted at any time.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from slipstream.storage import paths
from slipstream.storage.cache.data import (
    CacheEvent,
    Hit,
    Item,
    Miss,
    MissReason,
    Options,
    Removed,
    operation_of,
)
from slipstream.storage.cache.store import CacheStore
from slipstream.storage.cache.typed import AsyncCache, Cache, Codec, json_codec, msgpack_codec
from slipstream.storage.errors import SlipError

if TYPE_CHECKING:
    from slipstream.storage.config.settings import CacheLimits

__all__ = [
    "AsyncCache",
    "Cache",
    "CacheEvent",
    "CacheStore",
    "Codec",
    "Hit",
    "Item",
    "Miss",
    "MissReason",
    "Options",
    "Removed",
    "json_codec",
    "msgpack_codec",
    "open_cache",
    "operation_of",
]


def open_cache(
    home: Path | None = None,
    limits: "CacheLimits | None" = None,
    clock: Callable[[], int] = time.time_ns,
) -> CacheStore:
    """The cache below the data folder. It never raises: one that cannot be used finds nothing.

    Args:
        home: The data folder; None: the user's.
        limits: Sizes and times; None: as configured.
        clock: Nanoseconds since 1970.
    """
    problem = ""
    if home is None:
        try:
            home = paths.home_path()
        except SlipError as error:
            home, problem = Path(os.devnull), str(error)
    store = CacheStore(home / paths.CACHE, limits or _configured(), clock)
    if problem:
        store.disk.warn("unusable", problem)
    return store


def _configured() -> "CacheLimits":
    from slipstream.storage.config.load import load

    try:
        return load().config.cache
    except SlipError:
        from slipstream.storage.config.settings import CacheLimits

        return CacheLimits()
