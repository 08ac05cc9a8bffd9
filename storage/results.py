"""Where results of benchmarks are kept: beside everything else, or in PostgreSQL for a team."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from slipstream.storage import database

Connection = sqlite3.Connection
Error = sqlite3.Error


def connect(home: Path) -> Connection:
    """Open the database of results.

    Raises:
        StorageError: It cannot be used; the sentence says why.
    """
    return database.connect(home)
