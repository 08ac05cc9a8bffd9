"""Results in a real PostgreSQL: what goes wrong, who writes at the same time, what may be named.

That results behave as in SQLite is held by the tests of the stores, which run on both.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from slipstream.cli import doctor
from slipstream.cli.main import main
from slipstream.storage import audit, bench, database, postgres, results
from slipstream.storage.bench import CellRecord, MetricRow, RunRecord
from slipstream.storage.connection import Connection
from slipstream.storage.errors import NewerSchemaError, SlipError, StorageError, UsageError
from slipstream.storage.postgres import PostgresError, connect

WAIT = 60
URL = "SLIPSTREAM_STORAGE_DATABASE_URL"
RUN = RunRecord("aaaa00000001", "smoke", "{}", "http://127.0.0.1/v1", "m", 7, {"cpu": "x"})

# Holds the lock of all who write until it is killed.
HOLD = """
import sys, time
from slipstream.storage import database, postgres
connection = postgres.connect(sys.argv[1], "local-only")
with database.transaction(connection):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def opened(results_connection: Connection) -> Connection:
    return results_connection


@contextmanager
def administrator(url: str) -> Iterator[psycopg.Connection[Any]]:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        yield connection


def test_values_come_back_as_they_were(opened: Connection) -> None:
    """Of both databases, PostgreSQL's sums and means too; a number that is none is nothing."""
    bench.save_run(opened, RUN)
    cell = bench.save_cell(opened, RUN.id, CellRecord(0, 0, "b", "latency", "c=1", {}))
    rows = [
        MetricRow("ttft", name, "ms", "lower", value, low, None, 10)
        for name, value, low in (
            ("tiny", 5e-324, -0.0), ("large", 1.7976931348623157e308, math.inf),
            ("exact", 0.1 + 0.2, math.nan), ("whole", 3, -math.inf),
        )
    ]  # fmt: skip
    bench.save_metrics(opened, cell.id, rows)
    found = {row.statistic: row for row in bench.metrics(opened, cell.id)}
    assert [found[row.statistic].value for row in rows] == [row.value for row in rows]
    assert [found[row.statistic].low for row in rows] == [0.0, math.inf, None, -math.inf]
    sums = opened.execute(
        "SELECT sum(size), sum(value) FILTER (WHERE statistic = ?), avg(size) FROM bench_metrics"
        " WHERE name LIKE '%t%?' OR unit = ?",
        ("exact", "ms"),
    ).fetchone()
    assert sums == (40, 0.1 + 0.2, 10)
    assert [type(value) for value in sums[:2]] == [int, float]


def test_what_fails_in_a_transaction_undoes_all_of_it(opened: Connection) -> None:
    """And the connection can be used again; who looks at it sees no transaction."""

    def insert_twice() -> None:
        with results.transaction(opened):
            assert opened.in_transaction
            opened.execute(
                "INSERT INTO bench_tags (name, run_seq, whole) VALUES ('a', 1, ?)", (True,)
            )

    with pytest.raises(results.Error):
        insert_twice()
    assert not opened.in_transaction
    with pytest.raises(results.Error):
        opened.executemany("INSERT INTO bench_tags (name) VALUES (?)", [("a",), ("a",)])
    bench.save_run(opened, RUN)
    assert bench.runs(opened) == [RUN]


def test_an_error_that_was_swallowed_does_not_commit_half_a_transaction(postgres_url: str) -> None:
    """PostgreSQL answers such a COMMIT by a silent ROLLBACK."""
    with closing(connect(postgres_url, "local-only")) as connection:

        def swallow() -> None:
            with results.transaction(connection):
                audit.record(connection, "a", "b")
                with suppress(results.Error):
                    connection.execute("SELECT nothing")

        with pytest.raises(PostgresError, match="undid a transaction"):
            swallow()
        assert audit.entries(connection) == []


def test_the_tables_are_made_once_when_several_come_first(postgres_url: str) -> None:
    """The others wait, and find them."""
    failed: list[BaseException] = []

    def first() -> None:
        try:
            connect(postgres_url, "local-only").close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=first) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert failed == []
    with closing(connect(postgres_url, "local-only")) as connection:
        assert connection.revision() == database.SCHEMA


def test_an_older_schema_is_migrated_and_a_newer_one_refused(postgres_url: str) -> None:
    from slipstream.storage import engine

    plain = postgres_url.replace("postgresql:", "postgresql+psycopg:")
    engine.upgrade(plain, "0003")
    with closing(connect(postgres_url, "local-only")) as connection:
        assert connection.revision() == database.SCHEMA
        connection.execute("UPDATE alembic_version SET version_num = '9001'")
    with pytest.raises(NewerSchemaError, match=r"has schema 9001 .*install the newer"):
        connect(postgres_url, "local-only")


def test_a_migration_that_fails_changes_nothing(postgres_url: str) -> None:
    with administrator(postgres_url) as connection:
        connection.execute("CREATE TABLE findings (x int)")
    with pytest.raises(StorageError, match=r"brought to schema .*already exists") as failed:
        connect(postgres_url, "local-only")
    assert "p@ss" not in str(failed.value)
    with administrator(postgres_url) as connection:
        (tables,) = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() or (None,)
    assert tables == 1


def test_two_writers_take_turns_and_lose_nothing(postgres_url: str) -> None:
    """Each transaction reads what the one before wrote."""
    with closing(connect(postgres_url, "local-only")) as connection:
        bench.save_run(connection, RUN._replace(seed=0))

    def write() -> None:
        with closing(connect(postgres_url, "local-only")) as connection:
            for _ in range(25):
                with results.transaction(connection):
                    found = bench.run(connection, RUN.id)
                    assert found is not None
                    connection.execute(
                        "UPDATE bench_runs SET seed = ? WHERE id = ?", (found.seed + 1, RUN.id)
                    )

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    with closing(connect(postgres_url, "local-only")) as connection:
        found = bench.run(connection, RUN.id)
    assert found is not None
    assert found.seed == 50


def test_what_a_killed_writer_held_is_free(postgres_url: str, unmeasured: None) -> None:
    """The server sees that it is gone."""
    connect(postgres_url, "local-only").close()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, postgres_url],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    with closing(connect(postgres_url, "local-only")) as connection:
        bench.save_run(connection, RUN)


def test_whoever_waits_too_long_is_told_so(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_SETTINGS", "SET lock_timeout = '100ms'")
    with (
        closing(connect(postgres_url, "local-only")) as first,
        closing(connect(postgres_url, "local-only")) as second,
        results.transaction(first),
        pytest.raises(PostgresError, match="another program holds it"),
    ):
        bench.save_run(second, RUN)


def test_a_server_that_goes_away_is_one_sentence(postgres_url: str) -> None:
    """What was not committed is lost, and said to be."""
    with closing(connect(postgres_url, "local-only")) as connection:
        with administrator(postgres_url) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        with pytest.raises(PostgresError, match=r"cannot be used .*see that it runs"):
            bench.save_run(connection, RUN)
        assert not connection.in_transaction


def test_a_server_that_takes_no_changes_can_be_read(
    postgres_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy, for one; changing it is one sentence."""
    with closing(connect(postgres_url, "local-only")) as connection:
        bench.save_run(connection, RUN)
    name = postgres_url.rpartition("/")[2]
    with administrator(postgres_url) as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
    with closing(connect(postgres_url, "local-only")) as read_only:
        assert bench.runs(read_only) == [RUN]
        monkeypatch.setenv(URL, postgres_url)
        assert doctor.examine("results", doctor.CHECKS["results"]).result == "failed"
        with pytest.raises(PostgresError, match="name the server that takes changes"):
            bench.save_run(read_only, RUN)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ((":p%40ss-of-the-tests@", ":hunter2@"), "check the user and the password"),
        (("/slip_", "/not_slip_"), "make the database with `createdb`"),
    ],
    ids=["password", "database"],
)
def test_what_cannot_be_opened_is_one_sentence_without_the_password(
    postgres_url: str, change: tuple[str, str], wrong: str
) -> None:
    with pytest.raises(SlipError, match=wrong) as failed:
        connect(postgres_url.replace(*change), "local-only")
    for secret in ("hunter2", "p@ss", "p%40ss"):
        assert secret not in str(failed.value)


@pytest.mark.parametrize(
    ("url", "mode", "error", "wrong"),
    [
        ("postgresql://8.8.8.8/x", "local-only", UsageError, "allows loopback and private"),
        ("postgresql://me:hunter2@10.0.0.7/x", "air-gapped", UsageError, "allows loopback alone"),
        ("postgresql://db.example/x", "air-gapped", UsageError, "allows loopback alone"),
        ("postgresql://127.0.0.1,8.8.8.8/x", "local-only", UsageError, "and 8.8.8.8 is none"),
        ("postgresql://x/y?hostaddr=8.8.8.8", "local-only", UsageError, "and 8.8.8.8 is none"),
        ("postgresql:///y?host=8.8.8.8", "local-only", UsageError, "and 8.8.8.8 is none"),
        ("postgresql://u:hunter%zz2@h/x", "burst", UsageError, "is no URL"),
        ("postgresql:///x?host=a,b,c&port=1,2", "burst", UsageError, "is no URL"),
        ("postgresql://127.0.0.1:99999999/x", "burst", SlipError, "invalid port"),
        ("postgresql://127.0.0.1:1/x", "air-gapped", StorageError, "see that it runs"),
        ("postgresql:///x?host=/nowhere", "air-gapped", StorageError, "on /nowhere port 5432"),
        ("postgresql+psycopg:///x?host=/nowhere", "air-gapped", StorageError, "on /nowhere"),
    ],
    ids=["public", "private", "name", "one of two", "hostaddr", "parameter", "escape", "ports",
         "port", "refused", "socket", "driver"],
)  # fmt: skip
def test_the_mode_says_which_server_may_be_named(
    url: str, mode: Any, error: type[Exception], wrong: str
) -> None:
    """In whatever way the URL names it; and a message holds no password."""
    with pytest.raises(error, match=wrong) as failed:
        connect(url, mode)
    assert "hunter" not in str(failed.value)


def test_what_the_environment_of_libpq_names_is_checked_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PGHOST, for one, where the URL names no host."""
    monkeypatch.setenv("PGHOST", "8.8.8.8")
    with pytest.raises(UsageError, match=r"and 8\.8\.8\.8 is none"):
        connect("postgresql:///x", "local-only")
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGHOSTADDR", "8.8.8.8")
    with pytest.raises(UsageError, match=r"and 8\.8\.8\.8 is none"):
        connect("postgresql:///x", "local-only")


def test_without_its_driver_the_way_to_install_it_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, "postgresql:///x")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "slipstream.storage.postgres")
    monkeypatch.delattr("slipstream.storage.postgres")
    with pytest.raises(StorageError, match=r"needs psycopg .*slipstream\[postgres\]"):
        results.connect(home)


def test_the_commands_use_what_the_configuration_names(
    postgres_url: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Results are there, and nothing of them here; the audit log and the doctor look at both."""
    monkeypatch.setenv(URL, postgres_url)
    with results.opened(home) as connection:
        bench.save_run(connection, RUN._replace(state="done"))
    assert main(["bench", "results", "--json"]) == 0
    assert [run["id"] for run in json.loads(capsys.readouterr().out)] == [RUN.id]
    with closing(database.connect(home)) as local:
        assert bench.runs(local) == []
        audit.record(local, "prune", "logs")
    assert main(["audit", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)["entries"]
    assert [entry["action"] for entry in entries] == ["prune", "bench run"]
    check = doctor.examine("results", doctor.CHECKS["results"])
    assert check.result == "ok"
    assert "1 runs" in check.found
    assert "p%40ss" not in str(check)
    monkeypatch.setenv(URL, postgres_url.replace("/slip_", "/not_slip_"))
    assert main(["bench", "results"]) == 1
    said = capsys.readouterr().err
    assert "createdb" in said
    assert said.count("\n") == 1


def test_sqlite_needs_nothing_of_it(home: Path) -> None:
    """Neither psycopg nor SQLAlchemy is imported for results in the data folder."""
    code = (
        "import sys; before = set(sys.modules); from pathlib import Path\n"
        "from slipstream.storage import bench, results\n"
        f"with results.opened(Path({str(home)!r})) as connection: bench.runs(connection)\n"
        "print(sorted({'psycopg', 'sqlalchemy', 'alembic', 'redis', 'pydantic'}"
        " & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    with pytest.raises(StorageError, match="is damaged"), results.opened(home) as connection:
        connection.execute("SELECT * FROM nowhere")
    assert issubclass(PostgresError, sqlite3.Error)
