"""The database through SQLAlchemy: migrations, and results kept in PostgreSQL.

Importing this takes half a second; the paths on which milliseconds count use `database.py`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, event

from slipstream.storage import database, models

METADATA = models.Output.metadata


def file_url(path: Path) -> URL:
    """The URL of a SQLite file, whatever characters its path has."""
    return URL.create("sqlite", database=str(path))


def make_engine(url: str | URL, connect: Callable[[], Any] | None = None) -> Engine:
    """An engine for `file_url(path)`; or for `postgresql+psycopg://` and what connects to it."""
    engine = sqlalchemy.create_engine(url, **({"creator": connect} if connect else {}))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def upgrade(
    url: str | URL, revision: str = "head", connect: Callable[[], Any] | None = None
) -> None:
    """Bring the database at `url` to a revision, in one transaction.

    A file is backed up by the caller (`database.connect` does), which also holds the lock.
    """
    engine = make_engine(url, connect)
    try:
        with engine.begin() as connection:
            config = Config()
            scripts = str(Path(__file__).parent / "migrations")
            config.set_main_option("script_location", scripts.replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    finally:
        engine.dispose()


def schema_sql() -> str:
    """The text of `schema.sql`: what the migrations make of an empty database."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "schema.db"
        upgrade(file_url(path))
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute(
                "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL "
                "ORDER BY tbl_name, type DESC, name"
            )
            statements = [_tidy(sql) + ";" for (sql,) in rows]
    stamp = f"INSERT INTO alembic_version VALUES ('{database.SCHEMA}');"
    return "\n\n".join(
        ["-- Made by `python -m slipstream.storage.engine`.", *statements, stamp, ""]
    )


def _tidy(sql: str) -> str:
    """A statement as SQLAlchemy wrote it, without the white space that stands about in it."""
    lines = (line.replace("\t", "    ").rstrip() for line in sql.splitlines())
    return "\n".join(filter(None, lines)).replace(")\n WITHOUT", ") WITHOUT")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver begins no transaction before it creates a table, so half a migration would stay.
    connection.isolation_level = None
    for pragma in ("busy_timeout=5000", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


if __name__ == "__main__":
    database.SCHEMA_FILE.write_text(schema_sql(), encoding="utf-8")
