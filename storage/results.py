"""Where results of benchmarks are kept: beside everything else, or in PostgreSQL for a team."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from slipstream.storage import database
from slipstream.storage.paths import DATABASE

Connection = sqlite3.Connection
Error = sqlite3.Error


def connect(home: Path) -> Connection:
    """Open the database of results.

    Raises:
        StorageError: It cannot be used; the sentence says why.
    """
    return database.connect(home)


@contextmanager
def opened(home: Path) -> Iterator[Connection]:
    """The database of results for the length of a block.

    Raises:
        StorageError: It cannot be used, then or later in the block; the sentence says why.
    """
    with closing(connect(home)) as connection:
        try:
            yield connection
        except Error as error:
            raise database.unusable(home / DATABASE, error) from error
