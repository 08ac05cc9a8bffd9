"""A database of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from slipstream.storage import results
from slipstream.storage.connection import Connection


@pytest.fixture
def connection(home: Path) -> Iterator[Connection]:
    with closing(results.connect(home)) as opened:
        yield opened
