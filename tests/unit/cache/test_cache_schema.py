"""The tables as SQLModel describes them, and as the store's SQL uses them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

from sqlmodel import Session, create_engine, select

from slipstream.storage.cache import CacheStore, database, models, rows


def test_schema_sql_is_what_the_models_say() -> None:
    assert database.SCHEMA_FILE.read_text(encoding="utf-8") == models.schema_sql(), (
        "run python -m slipstream.storage.cache.models"
    )


def test_a_new_database_has_the_tables_of_the_models(store: CacheStore) -> None:
    store.set("key", b"value")

    def columns(connection: sqlite3.Connection) -> dict[str, list[str]]:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall()
        return {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for (table,) in tables
        }

    described = {
        table.name: [column.name for column in table.columns]
        for table in models.METADATA.tables.values()
    }
    none: dict[str, list[str]] = {}
    assert store.disk.read(columns, none) == described


def test_rows_are_written_in_the_order_of_the_statement() -> None:
    listed = rows.PUT.partition("(")[2].partition(")")[0]
    assert listed.split(", ") == list(rows.Row._fields)


def test_what_the_store_writes_is_what_the_models_read(store: CacheStore, home: Path) -> None:
    store.set("key", b"value", tags=["t"], depends_on=["p"], priority=2, sliding=True)
    store.set("gone", b"value")
    store.delete("gone")
    engine = create_engine(f"sqlite:///{home / 'cache' / 'cache.db'}")
    with Session(engine) as session:
        row = session.exec(select(models.EntryRow)).one()
        assert (row.key, row.value, row.size, row.priority) == ("key", b"value", 5, 2)
        assert row.flags == rows.TAGS | rows.DEPENDENCIES | rows.SLIDING
        assert session.exec(select(models.TagRow.tag, models.TagRow.key)).all() == [("t", "key")]
        assert session.exec(select(models.DependencyRow.parent)).all() == ["p"]
        assert session.exec(select(models.TombstoneRow.reason)).all() == ["invalidated"]
        totals = session.exec(select(models.TotalsRow)).one()
        assert (totals.entries, totals.bytes) == (1, 5)
    engine.dispose()


def test_the_schema_is_written_by_its_module(tmp_path: Path) -> None:
    code = (
        "import pathlib, runpy\n"
        "from slipstream.storage.cache import database\n"
        f"database.SCHEMA_FILE = pathlib.Path({str(tmp_path / 'schema.sql')!r})\n"
        "runpy.run_module('slipstream.storage.cache.models', run_name='__main__')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "schema.sql").read_text() == database.SCHEMA_FILE.read_text()
