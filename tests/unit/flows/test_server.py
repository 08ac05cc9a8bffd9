"""What is up, who holds a port, and what stands in the way of a start; without Prefect."""

from __future__ import annotations

import fcntl
import json
import os
import plistlib
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from slipstream.flows import environment, processes, server, supervise, units
from slipstream.flows.server import ServerInfo
from slipstream.flows.supervise import AlreadyUp, Wanted
from slipstream.storage.errors import SlipError, UsageError
from slipstream.tasks.benchmarking.simulate import process as simulate

PREFECT_ANSWERS = {"/api/health": b"true", "/api/admin/version": b'"2.19.0"'}


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock file as a supervisor does."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@pytest.fixture
def prefect() -> Iterator[str]:
    """A server that answers as an older Prefect."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = PREFECT_ANSWERS.get(self.path)
            self.send_response(200 if answer else 404)
            self.end_headers()
            self.wfile.write(answer or b"")

        def do_POST(self) -> None:
            self.send_response(503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


def test_what_is_up_is_what_holds_the_lock(home: Path, prefect: str) -> None:
    """A state that a killed supervisor has left is not taken for one that runs."""
    assert server.running(home) is None
    here = server.files(home)
    assert server.running(home) is None
    info = ServerInfo(prefect, 7, 8, 9, "3.8.8", "0.1", 1.5, True, problems=("one",))
    server.write_state(here, info)
    assert server.running(home) is None
    with locked(here.lock):
        assert server.running(home) == info._replace(healthy=True)
        here.state.write_text("{}")
        found = server.running(home)
        assert found == ServerInfo("", 0)
    assert not server.wake(home)


def test_a_server_that_is_not_there_or_refuses_answers_nothing(
    prefect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever listens."""
    monkeypatch.setattr(server, "RETRY_WAITS", (0.001,))
    assert server.is_healthy(f"{prefect}/api")
    assert server.ask(f"{prefect}/elsewhere") is None
    assert server.post(f"{prefect}/api", {}) is None
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert server.ask(url, 0.05) is None
    assert not server.is_healthy(url)


def test_who_holds_a_port_is_named(prefect: str) -> None:
    """A Prefect server with its version, anything with its process where the system tells."""
    port = int(prefect.rpartition(":")[2])
    with pytest.raises(UsageError, match=r"is taken by a Prefect server 2\.19\.0"):
        server.check_address("127.0.0.1", port)
    if sys.platform == "linux":
        with pytest.raises(UsageError, match=rf"process {os.getpid()}: "):
            server.check_address("127.0.0.1", port)
    with pytest.raises(UsageError, match="Nothing can listen on"):
        server.check_address("192.0.2.1", port)
    server.check_address(*supervise.free(Wanted("127.0.0.1", 0), ServerInfo("", 0)))
    with pytest.raises(UsageError):
        supervise.free(Wanted("127.0.0.1", port), ServerInfo("", 0))


def test_only_one_supervisor_has_a_data_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second is told."""
    monkeypatch.setattr(supervise, "LOCK_SECONDS", 0.05)
    here = server.files(home)
    with locked(here.lock), pytest.raises(AlreadyUp), supervise.locked(here):
        pass
    with supervise.locked(here):
        assert server.is_locked(here.lock)
    assert not supervise.finish(home, 0)


@pytest.mark.parametrize(
    ("host", "loopback", "reached"),
    [
        ("127.0.0.1", True, "127.0.0.1"),
        ("localhost", True, "localhost"),
        ("::1", True, "::1"),
        ("0.0.0.0", False, "127.0.0.1"),
        ("::", False, "::1"),
        ("example.org", False, "example.org"),
    ],
)
def test_a_host_that_is_open_to_the_network_is_known(
    host: str, loopback: bool, reached: str
) -> None:
    """And where this machine reaches it."""
    assert supervise.is_loopback(host) == loopback
    assert supervise.reached(host) == reached
    assert server.in_url(host) == (f"[{host}]" if ":" in host else host)


def test_nothing_of_a_users_own_prefect_reaches_what_is_started(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor a proxy stands between; telemetry is off."""
    monkeypatch.setenv("PREFECT_API_URL", "https://elsewhere.example/api")
    monkeypatch.setenv("PREFECT_PROFILE", "mine")
    monkeypatch.setenv("PREFECT_API_KEY", "secret")
    monkeypatch.setenv("NO_PROXY", "a.example")
    monkeypatch.setenv("no_proxy", "")
    made = environment.for_children(home, "http://127.0.0.1:1/api")
    assert made["PREFECT_API_URL"] == "http://127.0.0.1:1/api"
    assert "PREFECT_PROFILE" not in made
    assert "PREFECT_API_KEY" not in made
    assert made["NO_PROXY"] == "a.example,127.0.0.1,localhost,::1"
    assert made["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert made["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"] == environment.LEASES
    assert made["PREFECT_HOME"].startswith(str(home))
    assert Path(made["PREFECT_API_SSL_CERT_FILE"]).read_text().count("BEGIN") == 1


def test_a_unit_starts_what_would_be_started_here(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever characters are in paths."""
    odd = home / 'a "b" 50% $HOME'
    monkeypatch.setenv("SLIPSTREAM_CONFIG", "/etc/slip.yaml")
    arguments = ["up", "--foreground", "--port", "1"]
    text = units.systemd(odd, arguments)
    [start] = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert shlex.split(start.partition("=")[2])[1:] == ["-P", "-m", "slipstream.cli", *arguments]
    assert 'a \\"b\\" 50%% $HOME"' in text
    assert 'Environment="SLIPSTREAM_CONFIG=/etc/slip.yaml"' in text
    about = plistlib.loads(units.launchd(odd, arguments).encode())
    assert about["ProgramArguments"][4:] == arguments
    assert about["EnvironmentVariables"]["SLIPSTREAM_HOME"] == str(odd)


def test_a_log_that_is_large_is_put_aside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is private."""
    monkeypatch.setattr(supervise, "LOG_BYTES", 10)
    here = server.files(home)
    for text in (b"0123456789", b"more", b"last"):
        with supervise.open_log(here.runner_log) as log:
            log.write(text)
    assert here.runner_log.read_bytes() == b"last"
    assert Path(f"{here.runner_log}.1").read_bytes() == b"0123456789more"
    assert here.runner_log.stat().st_mode & 0o777 == 0o600


def test_what_crashes_is_started_again_later_and_later(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it ends when its standard input does."""
    monkeypatch.setattr(supervise, "FIRST_WAIT", 0.001)
    here = server.files(home)
    child = supervise.Child(["slipstream.nothing"], here.runner_log, dict(os.environ))
    for count in range(1, 4):
        child.process.wait()
        while not child.look():
            pass
        assert child.restarts == count
    child.end(60)
    assert child.process.returncode == 1
    assert "slipstream.nothing" in child.said()
    here.server_log.write_text(f"alembic: {supervise.NEWER_SCHEMA} by 'ffff'\n")
    newer = supervise.Child(["slipstream.nothing"], here.server_log, dict(os.environ))
    newer.process.wait()
    assert "written by a newer Prefect" in supervise.why_not(newer, here.server_log)
    newer.end(60)


def test_how_a_process_ended_is_said() -> None:
    """By its status or its signal."""
    assert processes.ended(0) == "ended with status 0"
    assert processes.ended(-9) == "was ended by SIGKILL"
    assert processes.ended(-99) == "was ended by signal 99"


def test_nothing_is_imported_that_takes_long() -> None:
    """`slip status` and each flow command look here first."""
    code = (
        "import sys; from slipstream.flows import server, supervise, schedules, runs_view;"
        "print([n for n in ('prefect', 'pydantic', 'sqlalchemy', 'httpx') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []


def test_modules_of_the_current_folder_are_not_imported_by_what_is_started(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be anybody's repository, with a `json.py` of its own."""
    trap, proof = tmp_path / "trap", tmp_path / "proof"
    trap.mkdir()
    for name in ("json", "selectors", "slipstream"):
        (trap / f"{name}.py").write_text(f"open({str(proof)!r}, 'w'); raise SystemExit(1)")
    monkeypatch.chdir(trap)
    with pytest.raises(SlipError, match=r"Nothing can listen on 192\.0\.2\.1"):
        supervise.begin(home, Wanted("192.0.2.1", 9))
    simulate.start().stop()
    assert not proof.exists()


@pytest.mark.parametrize(
    ("url", "mode", "said"),
    [
        ("https://8.8.8.8/api", "local-only", "loopback and private addresses alone"),
        ("http://10.0.0.7:4200/api", "air-gapped", "loopback alone"),
        ("http://prefect.example:4200/api", "air-gapped", "loopback alone"),
        ("nothing", "burst", "no URL"),
        ("http://127.0.0.1:4200/api", "air-gapped", ""),
        ("http://10.0.0.7:4200/api", "local-only", ""),
        ("https://8.8.8.8/api", "burst", ""),
    ],
)
def test_flows_go_to_no_server_that_the_mode_does_not_allow(
    url: str, mode: str, said: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their logs and artifacts would, too."""
    monkeypatch.setattr(os, "environ", os.environ | {"PREFECT_API_URL": url})
    monkeypatch.setenv("SLIPSTREAM_MODE", mode)
    if said:
        with pytest.raises(UsageError, match=f"^PREFECT_API_URL.*{said}"):
            environment.prepare(home)
    else:
        environment.prepare(home)
