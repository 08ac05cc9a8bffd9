from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slipstream.storage.outputs import OutputStore


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Iterator[OutputStore]:
    store = OutputStore(home)
    yield store
    store.close()
