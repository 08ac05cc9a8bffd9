"""The server that `slip up` runs: where its files are, whether it is up, who holds a port.

Standard library alone: `slip status` and each command that starts a flow look here first, and must
not wait for Prefect to be imported where nothing is up.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from slipstream.storage.errors import UsageError
from slipstream.storage.lock import try_lock
from slipstream.storage.paths import make_private

HEALTH_SECONDS = 5.0
"""A busy machine may take a while to answer; a port that nobody listens on refuses at once."""
RETRY_WAITS = (0.1, 0.2, 0.4)
MAX_ANSWER = 4096  # bytes that are read of an answer: a version, or `true`


class Files(NamedTuple):
    """What `slip up` keeps, in a private folder of the data folder.

    Attributes:
        lock: Locked by the supervisor for as long as it lives.
        state: What is up, as JSON; of nothing that is, when the lock is free.
        wake: A FIFO: a byte makes the runner look for flow runs at once.
        runner: Written by the runner when it serves: its process, and what is wrong.
        stop: How `slip down` wants it to end.
        server_log: What Prefect's server prints.
        runner_log: What the runner and the supervisor print.
    """

    folder: Path
    lock: Path
    state: Path
    wake: Path
    runner: Path
    stop: Path
    server_log: Path
    runner_log: Path


class ServerInfo(NamedTuple):
    """A server that is up, or on its way.

    Attributes:
        url: Of the UI; empty while it is being started.
        pid: The supervisor's process.
        server_pid: The server's; 0: not there.
        runner_pid: The runner's; 0: not there.
        prefect: The version of Prefect it was started with.
        slipstream: The version of Slipstream.
        started: Seconds since 1970.
        ready: Everything has been started once.
        healthy: The server answers.
        restarts: How often the runner had to be started again.
        problems: What is wrong with schedules: a sentence each.
    """

    url: str
    pid: int
    server_pid: int = 0
    runner_pid: int = 0
    prefect: str = ""
    slipstream: str = ""
    started: float = 0
    ready: bool = False
    healthy: bool = False
    restarts: int = 0
    problems: tuple[str, ...] = ()

    @property
    def api_url(self) -> str:
        """What clients of Prefect take as `PREFECT_API_URL`."""
        return f"{self.url}/api"


def files(home: Path) -> Files:
    """The files below the data folder `home`; the folder is made when it is missing.

    Raises:
        StorageError: It cannot be made.
    """
    folder = make_private(home / "up")
    names = ("lock", "state.json", "wake", "runner.json", "stop.json", "server.log", "runner.log")
    return Files(folder, *(folder / name for name in names))


def running(home: Path) -> ServerInfo | None:
    """What `slip up` runs for the data folder `home`; None: nothing.

    One that was killed is not taken for running: the kernel frees its lock.
    """
    if not (home / "up").is_dir():
        return None
    here = files(home)
    if not is_locked(here.lock):
        return None
    info = read_state(here)
    return info._replace(healthy=bool(info.url) and is_healthy(info.api_url))


def is_ours(home: Path, address: str | None) -> bool:
    """Whether an address of Prefect's API is that of `slip up`, or none: of a temporary server."""
    here = running(home)
    return address is None or (here is not None and address.rstrip("/") == here.api_url)


def read_state(here: Files) -> ServerInfo:
    """What the supervisor has written last."""
    try:
        found = json.loads(here.state.read_text(encoding="utf-8"))
        return ServerInfo(**{**found, "problems": tuple(found["problems"])})
    except (OSError, ValueError, TypeError, KeyError):  # not written yet, or of another version
        return ServerInfo(url="", pid=0)


def write_state(here: Files, info: ServerInfo) -> None:
    """Write what is up; the rename makes it whole for others who read."""
    written = {name: value for name, value in info._asdict().items() if name != "healthy"}
    replace_json(here.state, written)


def replace_json(path: Path, value: Any) -> None:
    """Write a private file at once."""
    temporary = path.with_suffix(".new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(value, stream)
    os.replace(temporary, path)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock file."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not try_lock(handle)
    finally:
        os.close(handle)


def wake(home: Path) -> bool:
    """Have the runner look for flow runs now, and tell whether one listens.

    It looks every few seconds by itself; who waits for a run does not want to wait for that.
    """
    if sys.platform == "win32":
        return False
    try:
        handle = os.open(home / "up" / "wake", os.O_WRONLY | os.O_NONBLOCK)  # nobody reads: refused
    except OSError:
        return False
    try:
        os.write(handle, b"!")
    except OSError:  # it is full of such bytes
        pass
    finally:
        os.close(handle)
    return True


def is_healthy(api_url: str, seconds: float = HEALTH_SECONDS) -> bool:
    """Whether Prefect's server answers there, its database included."""
    return ask(f"{api_url}/health", seconds) == "true"


def ask(url: str, seconds: float = HEALTH_SECONDS) -> str | None:
    """The beginning of what a server on this machine answers; None: it does not, or refuses."""
    return _request("GET", url, None, seconds, MAX_ANSWER)


def post(url: str, body: Any) -> Any:
    """What Prefect's API answers to some JSON; None: it does not, or refuses.

    It refuses for a moment while its database is locked.
    """
    for wait in (*RETRY_WAITS, 0):
        answer = _request("POST", url, json.dumps(body), HEALTH_SECONDS, None)
        if answer is not None or not wait:
            break
        time.sleep(wait)
    return None if answer is None else json.loads(answer)


def _request(
    method: str, url: str, body: str | None, seconds: float, limit: int | None
) -> str | None:
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    headers = {"Content-Type": "application/json"} if body else {}
    with contextlib.closing(connection):
        try:
            connection.request(method, parts.path, body, headers)
            answer = connection.getresponse()
            text = answer.read(limit).decode(errors="replace")
        except (OSError, http.client.HTTPException, ValueError):
            return None
    return text if answer.status == 200 else None


def check_address(host: str, port: int) -> None:
    """Make sure that a server can listen there.

    Raises:
        UsageError: It cannot; the sentence says who does, and what to do.
    """
    import errno
    import socket

    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if sys.platform != "win32":  # what a server that ended a moment ago left is no obstacle
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            reason = error.strerror or str(error)
            raise UsageError(
                f"Nothing can listen on {host}, port {port} ({reason}); name another --host or "
                "--port."
            ) from error
    answer = ask(f"http://{in_url(host)}:{port}/api/admin/version", 2) or ""
    version = answer.strip('"') if re.fullmatch(r'"\d[\w.+-]*"', answer) else ""
    who = f"a Prefect server {version}" if version else "another program"
    raise UsageError(
        f"Port {port} of {host} is taken by {who}{_holder(port)}; end that, or choose another port "
        "with --port or the setting server.port."
    )


def installed(name: str) -> str:
    """The version of a distribution; empty where it runs from its source."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def leave(status: int) -> NoReturn:
    """End this process now: what is to run at exit runs, and threads that wait are not waited for.

    One that waits for a line of standard input would hold up Python's own end, or crash it.
    """
    import atexit

    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    atexit._run_exitfuncs()
    os._exit(status)


def in_url(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _holder(port: int) -> str:
    """The process that listens on a port, where the system tells."""
    wanted = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:  # listens
                    wanted.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*") if wanted else ():
        with contextlib.suppress(OSError):  # another user's, or it has ended
            for handle in (process / "fd").iterdir():
                if os.readlink(handle) in wanted:
                    name = (process / "cmdline").read_bytes().split(b"\0")
                    program = " ".join(os.fsdecode(part) for part in name[:3]).strip()
                    return f" (process {process.name}: {program})"
    return ""
