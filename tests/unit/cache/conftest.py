from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slipstream.storage.cache import CacheStore, open_cache
from slipstream.storage.config.settings import CacheLimits

SECOND = 10**9
LIMITS = CacheLimits(audit_share=0)


class Clock:
    """A clock that the test sets, in nanoseconds since 1970."""

    def __init__(self) -> None:
        self.now = 1_800_000_000 * SECOND

    def __call__(self) -> int:
        return self.now

    def go(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(home: Path, clock: Clock) -> Iterator[CacheStore]:
    with open_cache(home, LIMITS, clock) as store:
        yield store


@pytest.fixture
def other(home: Path, clock: Clock) -> Iterator[CacheStore]:
    """The same cache as another process has it: with a connection and a memory of its own."""
    with open_cache(home, LIMITS, clock) as store:
        yield store
