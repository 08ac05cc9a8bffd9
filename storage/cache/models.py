"""The tables of the cache, described once.

`schema.sql` is made from this by `python -m slipstream.storage.cache.models`; the store speaks to
SQLite directly, and tests hold its SQL against this description. The cache is a database of its
own, which may be deleted at any time: it is never migrated. Another `database.VERSION`, and what
there is is set aside.
"""

from __future__ import annotations

from sqlalchemy import Index, LargeBinary, MetaData, text
from sqlalchemy.orm import registry
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import Field, SQLModel

from slipstream.storage.cache.database import SCHEMA_FILE, VERSION

METADATA = MetaData()


class _Table(SQLModel, registry=registry(metadata=METADATA)):
    metadata = METADATA


class EntryRow(_Table, table=True):
    """A value and how long it is kept. The value is the last column: the others are read often."""

    __tablename__ = "entries"
    __table_args__ = (
        # In the order of eviction. It holds the other times too, so that one index, which every
        # write has to change, also answers what is expired and how old everything is.
        Index("ix_entries_use", "priority", "accessed_ns", "created_ns", "expires_ns"),
        Index("ix_entries_file", "file", sqlite_where=text("file IS NOT NULL")),
        Index("ix_entries_producer", "producer", sqlite_where=text("producer != ''")),
        Index("ix_entries_identity", "identity", sqlite_where=text("identity != ''")),
    )

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    # xxh3-128 over key and value; behind it flags and file, where a read has to heed them.
    checksum: bytes = Field(sa_type=LargeBinary)
    created_ns: int
    expires_ns: int
    accessed_ns: int
    sliding_ns: int  # how long a hit prolongs the entry; 0: not
    priority: int
    size: int  # of the value
    flags: int  # 1: tags, 2: dependencies, 4: the value is in a file, 8: sliding
    producer: str
    identity: str
    file: str | None = None  # SHA-256 of a large value
    value: bytes | None = Field(default=None, sa_type=LargeBinary)  # of a small one


class TagRow(_Table, table=True):
    """A tag of an entry."""

    __tablename__ = "tags"
    __table_args__ = (Index("ix_tags_key", "key"), {"sqlite_with_rowid": False})

    tag: str = Field(primary_key=True)
    key: str = Field(primary_key=True)


class DependencyRow(_Table, table=True):
    """The entry `child` goes when `parent` is removed; the parent need not be an entry."""

    __tablename__ = "dependencies"
    __table_args__ = (Index("ix_dependencies_parent", "parent"), {"sqlite_with_rowid": False})

    child: str = Field(primary_key=True)
    parent: str = Field(primary_key=True)


class TombstoneRow(_Table, table=True):
    """Why a key that once had a value has none; the oldest are forgotten."""

    __tablename__ = "tombstones"
    __table_args__ = (Index("ix_tombstones_at_ns", "at_ns"), {"sqlite_with_rowid": False})

    key: str = Field(primary_key=True)
    reason: str
    at_ns: int


class TotalsRow(_Table, table=True):
    """One row, which triggers keep."""

    __tablename__ = "totals"

    id: int | None = Field(default=None, primary_key=True)
    entries: int
    bytes: int


TRIGGERS = """
CREATE TRIGGER entries_insert AFTER INSERT ON entries BEGIN
    UPDATE totals SET entries = entries + 1, bytes = bytes + new.size;
END;

CREATE TRIGGER entries_size AFTER UPDATE OF size ON entries WHEN old.size != new.size BEGIN
    UPDATE totals SET bytes = bytes + new.size - old.size;
END;

CREATE TRIGGER entries_flags AFTER UPDATE OF flags ON entries WHEN old.flags & 3 BEGIN
    DELETE FROM tags WHERE "key" = old."key";
    DELETE FROM dependencies WHERE child = old."key";
END;

CREATE TRIGGER entries_delete AFTER DELETE ON entries BEGIN
    UPDATE totals SET entries = entries - 1, bytes = bytes - old.size;
END;

CREATE TRIGGER entries_delete_flags AFTER DELETE ON entries WHEN old.flags & 3 BEGIN
    DELETE FROM tags WHERE "key" = old."key";
    DELETE FROM dependencies WHERE child = old."key";
END;
"""


def schema_sql() -> str:
    """The text of `schema.sql`."""
    from sqlalchemy.dialects import sqlite

    dialect = sqlite.dialect()
    statements: list[CreateTable | CreateIndex] = []
    for table in METADATA.sorted_tables:
        statements.append(CreateTable(table))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        statements += [CreateIndex(index) for index in indexes]
    lines = ["-- Made by `python -m slipstream.storage.cache.models`."]
    for statement in statements:
        sql = str(statement.compile(dialect=dialect)).strip()
        lines.append(sql.replace("\t", "    ").replace(", \n", ",\n") + ";")
    lines += [
        TRIGGERS.strip(),
        "INSERT INTO totals VALUES (1, 0, 0);",
        f"PRAGMA user_version = {VERSION};",
    ]
    return "\n\n".join(lines) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_sql(), encoding="utf-8")
