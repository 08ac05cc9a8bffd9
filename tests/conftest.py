"""What holds for all tests: nothing touches the data or the settings of whoever runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import redis

from slipstream.cli.main import main
from slipstream.storage import database, postgres, redis_client
from slipstream.storage.connection import Connection
from slipstream.storage.redis_client import Client
from tests import servers
from tests.here import Here

# A shell starts what runs in the background so that it ignores these, and every command that a test
# interrupts would inherit it.
for _name in ("SIGINT", "SIGQUIT", "SIGHUP"):
    if (_number := getattr(signal, _name, None)) and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _name == "SIGINT" else signal.SIG_DFL)

Slip = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", autouse=True)
def _own_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A data folder and settings of the session's own; a test that stores wants `home`."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SLIPSTREAM_")]:
            patch.delenv(name)
        folder = tmp_path_factory.mktemp("slipstream")
        patch.setenv("SLIPSTREAM_HOME", str(folder / "home"))
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        # the machine's lock for benchmarks: processes that run tests side by side need not wait
        patch.setenv("SLIPSTREAM_BENCH_LOCK", str(folder / "bench.lock"))
        patch.setenv("NO_COLOR", "1")
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder of the test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SLIPSTREAM_HOME", str(folder))
    return folder


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coverage does not follow into processes that a test kills: their data would be broken."""
    for name in [name for name in os.environ if name.startswith("COV")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a real Redis for the whole session; a test wants keys of its own, or `redis_url`.

    Skipped where no redis-server is installed.
    """
    with servers.redis_server() as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of the real Redis, emptied."""
    with closing(redis.Redis.from_url(redis_server)) as client:
        client.flushall()
    return redis_server


@pytest.fixture(params=["in-process", "redis-server"])
def redis_of_both_kinds(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    """An empty Redis: that within the process, then a real server."""
    if request.param == "in-process":
        yield redis_client.own(tmp_path)
    else:
        yield redis_client.connect(request.getfixturevalue("redis_url"), "local-only")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL for the whole session; a test wants `postgres_url`.

    Skipped where PostgreSQL is not installed.
    """
    with servers.postgres_server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database, removed after the test."""
    with servers.database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def migrated(postgres_server: str) -> str:
    """The name of a database with our tables, to make others of: migrating takes a second."""
    with closing(psycopg.connect(postgres_server, autocommit=True)) as connection:
        connection.execute("CREATE DATABASE migrated")
    postgres.connect(postgres_server.removesuffix("/postgres") + "/migrated", "local-only").close()
    return "migrated"


@pytest.fixture(params=["sqlite", "postgres"])
def results_connection(request: pytest.FixtureRequest, home: Path) -> Iterator[Connection]:
    """An empty database of results: SQLite's, then the real PostgreSQL."""
    if request.param == "sqlite":
        with closing(database.connect(home)) as opened:
            yield opened
        return
    server, template = (
        request.getfixturevalue("postgres_server"),
        request.getfixturevalue("migrated"),
    )
    with (
        servers.database(server, template) as url,
        closing(postgres.connect(url, "local-only")) as found,
    ):
        yield found


@pytest.fixture
def here(home: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    """Runs `slip` in this process, which has imported all it needs."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        status = main(list(arguments))
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, said.out, said.err)

    return run


@pytest.fixture
def slip() -> Slip:
    """Runs `slip` as a process of its own; keywords go to `subprocess.run`."""

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "slipstream.cli", *arguments]
        defaults = {"capture_output": True, "text": True, "timeout": 60, "encoding": "utf-8"}
        return subprocess.run(command, **(defaults | options))  # type: ignore[call-overload,no-any-return]

    return run
