"""Where results of benchmarks are kept: beside everything else, or in PostgreSQL for a team."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from slipstream.storage import database
from slipstream.storage.config.load import load
from slipstream.storage.connection import Connection
from slipstream.storage.database import transaction
from slipstream.storage.errors import StorageError
from slipstream.storage.paths import DATABASE

__all__ = ["Connection", "Error", "connect", "opened", "transaction"]

Error = sqlite3.Error
"""What a statement fails with; PostgreSQL's failures are made into it."""


def connect(home: Path) -> Connection:
    """Open the database of results: the one that `storage.database_url` names, else SQLite's.

    Raises:
        UsageError: The URL is none, or the mode does not allow where it leads.
        StorageError: It cannot be used; the sentence says why.
    """
    config = load().config
    if not config.storage.database_url:
        return database.connect(home)
    try:
        from slipstream.storage import postgres
    except ImportError as error:
        raise StorageError(
            f"`storage.database_url` names PostgreSQL, which needs psycopg ({error}); install it "
            "with pip install 'slipstream[postgres]'."
        ) from error
    return postgres.connect(config.storage.database_url, config.mode)


@contextmanager
def opened(home: Path) -> Iterator[Connection]:
    """The database of results for the length of a block.

    Raises:
        StorageError: It cannot be used, then or later in the block; the sentence says why.
    """
    with closing(connect(home)) as connection:
        try:
            yield connection
        except StorageError:  # PostgreSQL's, a sentence already
            raise
        except Error as error:
            raise database.unusable(home / DATABASE, error) from error
