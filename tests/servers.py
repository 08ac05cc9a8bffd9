"""Real servers for tests: Redis and PostgreSQL, on loopback, in folders of their own, ended after.

PostgreSQL does not run as root, as tests in a container do: it then runs as another user.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

WAIT_SECONDS = 60
TRIES = 5  # a free port may be taken before the server has it
PASSWORD = "p%40ss-of-the-tests"
"""As a URL has it."""


@contextmanager
def redis_server() -> Iterator[str]:
    """The URL of a Redis that keeps nothing; skips the test where none is installed."""
    program = shutil.which("redis-server")
    if not program:
        pytest.skip("redis-server is not installed")
    with _folder() as folder, _started(lambda port: _redis(program, folder, port)) as port:
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def redis_on_socket() -> Iterator[tuple[str, Callable[[], None]]]:
    """The URL of a Redis, and what starts it: a socket needs no port that may be taken then."""
    program = shutil.which("redis-server")
    if not program:
        pytest.skip("redis-server is not installed")
    with _folder() as folder, ExitStack() as stack:
        socket_file = folder / "redis.sock"

        def start() -> None:
            options = ["--port", "0", "--unixsocket", str(socket_file), "--save", ""]
            process = subprocess.Popen(
                [program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            stack.callback(_end, process)

        yield f"unix://{socket_file}", start


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of PostgreSQL's own database; skips the test where no PostgreSQL is installed."""
    folders = [str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")]
    places = os.pathsep.join([os.environ.get("PATH", ""), *sorted(folders, reverse=True)])
    initdb, program = shutil.which("initdb", path=places), shutil.which("postgres", path=places)
    if not (initdb and program):
        pytest.skip("PostgreSQL is not installed")
    with _folder() as folder:
        who = _unprivileged(folder)
        data, password = folder / "data", folder / "password"
        password.write_text(PASSWORD.replace("%40", "@"))
        password.chmod(0o644)
        options = f"-U slip -A scram-sha-256 -E UTF8 --locale=C --no-sync --pwfile={password}"
        command = [initdb, "-D", str(data), *options.split()]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **who)
        with _started(lambda port: _postgres(program, data, folder, port, who)) as port:
            yield f"postgresql://slip:{PASSWORD}@127.0.0.1:{port}/postgres"


@contextmanager
def database(server: str, template: str = "template1") -> Iterator[str]:
    """The URL of a new database on a server, removed after the block."""
    name = f"slip_{uuid.uuid4().hex}"
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        yield f"{server.rpartition('/')[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _redis(
    program: str, folder: Path, port: int
) -> tuple[subprocess.Popen[bytes], Callable[[], object]]:
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(
        [program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return process, redis.Redis(port=port, socket_timeout=5).ping


def _postgres(
    program: str, data: Path, folder: Path, port: int, who: dict[str, Any]
) -> tuple[subprocess.Popen[bytes], Callable[[], object]]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "shared_buffers": "16MB",
        "max_connections": "40",
    }
    command = [program, "-D", str(data), "-p", str(port)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **who
    )
    url = f"postgresql://slip:{PASSWORD}@127.0.0.1:{port}/postgres"
    return process, lambda: psycopg.connect(url, connect_timeout=5).close()


@contextmanager
def _started(
    start: Callable[[int], tuple[subprocess.Popen[bytes], Callable[[], object]]],
) -> Iterator[int]:
    """The port of a server that answers; it is ended after the block."""
    for _ in range(TRIES):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process, ask = start(port)
        try:
            if _answers(process, ask):
                yield port
                return
        finally:
            _end(process)
    pytest.fail(f"no server started in {TRIES} tries")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # PostgreSQL would wait for its clients at a SIGTERM
    try:
        process.wait(WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(process: subprocess.Popen[bytes], ask: Callable[[], object]) -> bool:
    """Whether the server answers; False when it has ended, its port being taken."""
    end = time.monotonic() + WAIT_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            ask()
        except (redis.RedisError, psycopg.Error):
            time.sleep(0.05)
        else:
            return process.poll() is None
    return False


def _unprivileged(folder: Path) -> dict[str, Any]:
    """How a process is started that root may not run; the folder is made its own."""
    if os.name != "posix" or os.geteuid() != 0:
        return {}
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    found = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, found.pw_uid, found.pw_gid)
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that another user can be given: pytest's own stand below one that is private."""
    place = "/tmp" if os.name == "posix" else None
    with tempfile.TemporaryDirectory("", "slip-", place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
