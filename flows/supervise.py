"""The process that `slip up` leaves behind: it owns Prefect's server and the runner.

    python -m slipstream.flows.supervise HOST PORT

It starts again what crashes, later and later; both end with it, however it ends, because their
standard input does. One supervisor runs for a data folder: it holds a lock that the kernel frees.
Standard library alone, so that what stays in memory is small and starts at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from slipstream.flows import environment, server
from slipstream.flows.server import Files, ServerInfo
from slipstream.storage import logs, paths
from slipstream.storage.config.load import load
from slipstream.storage.errors import SlipError, UsageError
from slipstream.storage.lock import try_lock

START_SECONDS = 120
"""A first start on a busy machine makes a database of some hundred steps."""
LOCK_SECONDS = 2
"""For somebody who only looks whether the lock is held."""
PORT_SECONDS = 15
"""For a server of ours whose supervisor was killed: it is about to end."""
LOOK_SECONDS = 1.0
FIRST_LOOK = 0.05
FIRST_WAIT, LAST_WAIT = 1.0, 60.0
"""Seconds before what crashed is started again; they double, and start anew after LONG_SECONDS."""
LONG_SECONDS = 300
START_TRIES = 2
"""Of the runner, before `slip up` fails."""
CANCEL_SECONDS = 45
"""For the runner to end what it cancels; longer than it gives each flow."""
SERVER_SECONDS = 20
LOG_BYTES = 1 << 20
LOG_TAIL = 4096
NEWER_SCHEMA = "Can't locate revision"
"""What Alembic says of a database that a newer program has changed."""

Say = Callable[[ServerInfo], None]


class Wanted(NamedTuple):
    """Where the server is to listen."""

    host: str
    port: int


class AlreadyUp(SlipError):
    """Another supervisor runs for this data folder."""


class Child:
    """A process that is started again when it crashes."""

    def __init__(self, command: list[str], log: Path, variables: dict[str, str]) -> None:
        self._command = [sys.executable, "-P", "-m", *command]
        self._log = log
        self._variables = variables
        self._wait = FIRST_WAIT
        self._started = self._again = 0.0
        self.process: subprocess.Popen[bytes]
        self.restarts = 0
        self.start()

    @property
    def pid(self) -> int:
        """Its process; 0: it has ended."""
        return self.process.pid if self.process.poll() is None else 0

    def start(self) -> None:
        """Start it, in a session of its own: Ctrl-C is for the supervisor."""
        self._started = time.monotonic()
        with open_log(self._log) as log:
            self.process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._log.parent,  # Prefect reads settings from files of the current folder
                env=self._variables,
                start_new_session=True,
            )

    def look(self) -> bool:
        """Start it again where it has crashed and its time has come; tell whether that was so."""
        if self.pid:
            return False
        now = time.monotonic()
        if not self._again:
            if now - self._started > LONG_SECONDS:
                self._wait = FIRST_WAIT
            self._again, self._wait = now + self._wait, min(2 * self._wait, LAST_WAIT)
            status = self.process.returncode
            logs.error("up.crashed", what=self._command[2], status=status)
        if now < self._again:
            return False
        self._again = 0.0
        self.restarts += 1
        self.start()
        return True

    def tell(self, text: str) -> None:
        """Write a line into its standard input."""
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.write(text.encode() + b"\n")
                self.process.stdin.flush()

    def end(self, seconds: float) -> None:
        """Close its standard input, which ends it; kill it where that takes longer."""
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def said(self) -> str:
        """The end of its log."""
        try:
            with self._log.open("rb") as stream:
                stream.seek(max(0, self._log.stat().st_size - LOG_TAIL))
                return stream.read().decode(errors="replace")
        except OSError:
            return ""


class Signals:
    """Wakes the supervisor when a child ends, and counts how often it is told to end."""

    def __init__(self) -> None:
        self.ends = 0
        self._woken, self._waker = socket.socketpair()
        for end in (self._woken, self._waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGCHLD"):
            if number := getattr(signal, name, None):
                signal.signal(number, self._ended if name != "SIGCHLD" else lambda *_: None)

    def wait(self, seconds: float) -> None:
        """Wait for a signal."""
        import select

        if select.select([self._woken], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(1 << 12)

    def _ended(self, *_: object) -> None:
        self.ends += 1


def supervise(home: Path, wanted: Wanted, say: Say) -> None:
    """Run the server and the runner until this process is told to end.

    Args:
        home: The data folder.
        wanted: Where the server listens; port 0: a free one.
        say: Told what is up, once everything is.

    Raises:
        AlreadyUp: Another one does so.
        UsageError: It may or can not listen there.
        SlipError: The server or the runner cannot be started.
    """
    here = server.files(home)
    check_host(wanted.host)
    os.umask(0o077)  # Prefect's database and pages are for their owner alone, as all of ours is
    with locked(here):
        before = server.read_state(here)
        for left in (here.state, here.stop, here.runner):
            left.unlink(missing_ok=True)
        wanted = free(wanted, before)
        url = f"http://{server.in_url(reached(wanted.host))}:{wanted.port}"
        info = ServerInfo(
            url,
            os.getpid(),
            prefect=server.installed("prefect"),
            slipstream=server.installed("slipstream"),
            started=time.time(),
        )
        server.write_state(here, info)
        signals = Signals()
        variables = environment.for_children(home, info.api_url)
        listen = ["slipstream.flows.api", wanted.host, str(wanted.port)]
        served = Child(listen, here.server_log, variables)
        runner = Child(["slipstream.flows.serve"], here.runner_log, variables)
        try:
            info = started(here, info, served, runner, signals)
            if not signals.ends:
                say(info)
                watch(here, info, served, runner, signals)
            end_flows(here, runner, signals)
        finally:
            runner.end(FIRST_WAIT)
            served.end(SERVER_SECONDS)
            for left in (here.state, here.stop, here.runner):
                left.unlink(missing_ok=True)


def check_host(host: str) -> None:
    """Refuse to be open to the network where the mode says that nothing is.

    Raises:
        UsageError: It would be.
    """
    if load().config.mode == "air-gapped" and not is_loopback(host):
        raise UsageError(
            f"The mode air-gapped allows loopback alone, and {host} is more than that; use --host "
            "127.0.0.1."
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    import ipaddress

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reached(host: str) -> str:
    """Where this machine reaches what listens on an address: `0.0.0.0` is none to connect to."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


@contextlib.contextmanager
def locked(here: Files) -> Iterator[None]:
    """Hold the lock of the data folder's one supervisor.

    Raises:
        AlreadyUp: Another one holds it.
    """
    handle = os.open(here.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = time.monotonic() + LOCK_SECONDS
        while not try_lock(handle):
            if time.monotonic() > until:
                raise AlreadyUp("It is up already; `slip status` shows what, `slip down` ends it.")
            time.sleep(FIRST_LOOK)
        yield
    finally:
        os.close(handle)


def free(wanted: Wanted, before: ServerInfo) -> Wanted:
    """Where the server can listen; one of ours that is about to end is waited for.

    Raises:
        UsageError: Somebody else listens there.
    """
    if not wanted.port:
        with socket.create_server((wanted.host, 0)) as probe:
            return wanted._replace(port=probe.getsockname()[1])
    until = time.monotonic() + (PORT_SECONDS if before.server_pid else 0)
    while True:
        try:
            server.check_address(*wanted)
            return wanted
        except UsageError:
            if time.monotonic() > until:
                raise
            time.sleep(FIRST_LOOK)


def started(
    here: Files, info: ServerInfo, served: Child, runner: Child, signals: Signals
) -> ServerInfo:
    """Wait until the server answers, its pages too, and the runner serves.

    Raises:
        SlipError: One of them cannot; the sentence says why.
    """
    until = time.monotonic() + START_SECONDS
    healthy = False
    while not signals.ends:
        if not served.pid:
            raise SlipError(why_not(served, here.server_log))
        healthy = healthy or (
            server.is_healthy(info.api_url) and server.ask(f"{info.url}/") is not None
        )
        if healthy and (problems := serving(here, runner)) is not None:
            info = info._replace(ready=True, problems=problems)
            break
        if not runner.pid and runner.restarts >= START_TRIES:
            last = (runner.said().strip() or "?").splitlines()[-1]
            raise SlipError(f"The runner does not start ({last}); {here.runner_log} says more.")
        if time.monotonic() > until:
            raise SlipError(
                f"Prefect's server does not answer within {START_SECONDS} s; {here.server_log} may "
                "say why."
            )
        runner.look()
        signals.wait(FIRST_LOOK)
    return written(here, info, served, runner)


def why_not(served: Child, log: Path) -> str:
    """Why the server ended, from its log."""
    if NEWER_SCHEMA in served.said():
        return (
            "Prefect's database was written by a newer Prefect than the one installed; install "
            f"that one, or move {paths.home_path() / environment.FOLDER} away to begin anew."
        )
    return f"Prefect's server ended with status {served.process.returncode}; {log} says why."


def serving(here: Files, runner: Child) -> tuple[str, ...] | None:
    """What is wrong with the schedules, as the runner that serves says; None: it does not yet."""
    try:
        said = json.loads(here.runner.read_text(encoding="utf-8"))
        return tuple(said["problems"]) if said["pid"] == runner.pid else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def watch(here: Files, info: ServerInfo, served: Child, runner: Child, signals: Signals) -> None:
    """Start again what crashes, until this process is told to end."""
    while not signals.ends and not here.stop.exists():
        again = [child.look() for child in (served, runner)]
        now = written(here, info, served, runner) if any(again) else info
        problems = serving(here, runner)
        if problems is not None and problems != now.problems:
            now = written(here, now._replace(problems=problems), served, runner)
        info = now
        signals.wait(LOOK_SECONDS)


def written(here: Files, info: ServerInfo, served: Child, runner: Child) -> ServerInfo:
    """What is up now, written down."""
    now = info._replace(
        server_pid=served.pid,
        runner_pid=runner.pid,
        restarts=served.restarts + runner.restarts,
    )
    server.write_state(here, now)
    return now


def end_flows(here: Files, runner: Child, signals: Signals) -> None:
    """Have the runner end: it waits for its flows as long as it is asked to, then cancels them.

    Told to end once more, it waits no longer.
    """
    try:
        seconds = float(json.loads(here.stop.read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        seconds = 0.0
    runner.tell(f"stop {seconds}")
    until, ends = time.monotonic() + seconds + CANCEL_SECONDS, max(1, signals.ends)
    while runner.pid and time.monotonic() < until and signals.ends <= ends:
        signals.wait(LOOK_SECONDS)


def open_log(path: Path) -> IO[bytes]:
    """A private log, opened for appending; a large one is put aside."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_BYTES:
            os.replace(path, f"{path}.1")
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def begin(home: Path, wanted: Wanted) -> ServerInfo:
    """Leave a supervisor behind that outlives this process and its terminal.

    Returns:
        What is up.

    Raises:
        SlipError: It did not start; the sentence says why.
    """
    here = server.files(home)
    detached = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.DETACHED_PROCESS}
    with open_log(here.runner_log) as log:
        process = subprocess.Popen(
            # -P: modules of the current folder, which may be anybody's, are not imported
            [
                sys.executable,
                "-P",
                "-m",
                "slipstream.flows.supervise",
                wanted.host,
                f"{wanted.port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            **detached,  # type: ignore[call-overload]
        )
    try:
        said = json.loads(process.stdout.readline() or "{}")
    except BaseException:  # Ctrl-C: what is half up is not left behind
        process.terminate()
        raise
    if "ready" not in said:
        process.wait()
        error = SlipError(said.get("error") or f"It did not start; {here.runner_log} says why.")
        error.exit_status = said.get("status", error.exit_status)
        raise error
    ready = said["ready"]
    return ServerInfo(**{**ready, "problems": tuple(ready["problems"])})


def finish(home: Path, seconds: float) -> bool:
    """End what is up, and wait until it has ended.

    Args:
        home: The data folder.
        seconds: For flows to end by themselves, before they are cancelled.

    Returns:
        Whether anything was up.

    Raises:
        SlipError: It does not end.
    """
    here = server.files(home)
    if not server.is_locked(here.lock):
        return False
    server.replace_json(here.stop, {"seconds": seconds})
    until = time.monotonic() + seconds + CANCEL_SECONDS + SERVER_SECONDS + PORT_SECONDS
    told = 0
    while server.is_locked(here.lock):
        process = server.read_state(here).pid
        if process and process != told and sys.platform != "win32":  # there it looks at the file
            told = process
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
        if time.monotonic() > until:
            raise SlipError(f"It does not end; `kill -9 {process}` ends it at once.")
        time.sleep(FIRST_LOOK)
    return True


def main(host: str, port: int) -> int:
    """Supervise, and tell who has started this how it went: one JSON line on standard output."""

    def say(info: ServerInfo) -> None:
        print(json.dumps({"ready": info._asdict()}), flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    try:
        supervise(paths.home(), Wanted(host, port), say)
    except SlipError as error:
        print(json.dumps({"error": str(error), "status": error.exit_status}), flush=True)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
