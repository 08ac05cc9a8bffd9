"""The database: made once, migrated with a back-up, refused when it is newer or damaged."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from slipstream.storage import database, engine
from slipstream.storage.database import connect, transaction
from slipstream.storage.errors import NewerSchemaError, StorageError

DATABASE = "outputs.db"


def test_schema_sql_is_what_the_migrations_make() -> None:
    assert database.SCHEMA_FILE.read_text(encoding="utf-8") == engine.schema_sql(), (
        "run python -m slipstream.storage.engine"
    )


def test_the_hot_path_knows_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(Path(engine.__file__).parent / "migrations"))
    assert scripts.get_current_head() == database.SCHEMA


def test_a_new_database_has_the_tables_of_the_models(home: Path) -> None:
    connect(home).close()
    made = engine.make_engine(f"sqlite:///{home / DATABASE}")
    with made.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, engine.METADATA) == []
    made.dispose()


def test_connections_have_the_settings_that_the_stores_rely_on(home: Path) -> None:
    with closing(connect(home)) as connection:
        settings = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


def test_the_hot_path_imports_no_sqlalchemy_and_no_alembic(home: Path) -> None:
    code = (
        "import sys; before = set(sys.modules)\n"  # those of a coverage tool for one
        "from pathlib import Path; from slipstream.storage.outputs import OutputStore\n"
        f"s = OutputStore(Path({str(home)!r})); w = s.writer(); w.write(b'x'); w.finish()\n"
        "heavy = {'sqlalchemy', 'sqlmodel', 'alembic', 'pydantic', 'logging', 'zstandard',"
        " 'asyncio', 'platformdirs', 'dataclasses', 'threading'}\n"
        "print(sorted(heavy & set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_transaction_that_raises_leaves_nothing(home: Path) -> None:
    with closing(connect(home)) as connection:
        insert = "INSERT INTO outputs (sha256, size, lines, stored) VALUES ('a', 1, 1, 1)"

        def insert_twice() -> None:
            with transaction(connection):
                connection.execute(insert)
                connection.execute(insert)

        with pytest.raises(sqlite3.IntegrityError):
            insert_twice()
        assert connection.execute("SELECT count(*) FROM outputs").fetchone() == (0,)


def test_a_newer_schema_is_refused_and_not_touched(home: Path) -> None:
    with closing(connect(home)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9001'")
    before = (home / DATABASE).read_bytes()
    with pytest.raises(NewerSchemaError, match=rf"schema 9001 .* knows {database.SCHEMA}; install"):
        connect(home)
    assert (home / DATABASE).read_bytes() == before


def older(home: Path) -> None:
    """What a Slipstream from before the first migration would have left."""
    home.mkdir(mode=0o700)
    with closing(sqlite3.connect(home / DATABASE)) as connection:
        connection.executescript(
            "PRAGMA journal_mode=WAL;"
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);"
            "INSERT INTO alembic_version VALUES ('');"
            "CREATE TABLE old (x); INSERT INTO old VALUES (42);"
        )
        connection.execute("DELETE FROM alembic_version")
        connection.commit()


def test_an_older_schema_is_migrated_after_a_back_up(home: Path) -> None:
    older(home)
    with closing(connect(home)) as connection:
        assert connection.execute("SELECT x FROM old").fetchone() == (42,)
        assert connection.execute("SELECT count(*) FROM outputs").fetchone() == (0,)
    (copy,) = (home / "backups").iterdir()
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT x FROM old").fetchone() == (42,)
        tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'outputs'")
        assert tables.fetchone() == (0,)
    if sys.platform != "win32":
        assert copy.stat().st_mode & 0o077 == 0
    connect(home).close()
    assert len(list((home / "backups").iterdir())) == 1


def test_a_home_with_odd_characters_is_migrated_as_well(tmp_path: Path) -> None:
    home = tmp_path / "50% of a#b? ü"
    older(home)
    connect(home).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [home.name]
    assert (home / "backups").is_dir()


def test_a_migration_that_fails_leaves_the_database_as_it_was(home: Path) -> None:
    older(home)
    with closing(sqlite3.connect(home / DATABASE)) as connection:
        connection.execute("CREATE TABLE findings (x)")  # in the way of the migration's own
        connection.commit()
    with pytest.raises(StorageError, match=rf"brought to schema {database.SCHEMA}.*backups"):
        connect(home)
    with closing(sqlite3.connect(home / DATABASE)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert {"old", "findings"} <= names
    assert "outputs" not in names


@pytest.mark.parametrize(
    "content",
    [b"this is not a database" * 100, b"SQLite format 3\0" + bytes(5000)],
)
def test_a_damaged_database_is_one_sentence_and_left_as_it_is(home: Path, content: bytes) -> None:
    home.mkdir()
    (home / DATABASE).write_bytes(content)
    with pytest.raises(StorageError, match=f"{DATABASE} cannot be used .*damaged; move it away"):
        connect(home)
    assert (home / DATABASE).read_bytes() == content


def test_an_empty_file_is_made_a_database(home: Path) -> None:
    home.mkdir()
    (home / DATABASE).touch()
    connect(home).close()


def test_a_draft_that_a_killed_process_left_is_no_obstacle(home: Path) -> None:
    home.mkdir()
    (home / f"{DATABASE}.new").write_bytes(b"half")
    connect(home).close()


def test_a_home_below_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be made"):
        connect(tmp_path / "file" / "home")
