"""`slip up` and what belongs to it, with Prefect's real server and processes of flow runs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from slipstream.flows import server
from slipstream.flows.server import ServerInfo

# One worker, so that few servers are started.
pytestmark = [
    pytest.mark.xdist_group("up"),
    pytest.mark.skipif(sys.platform == "win32", reason="signals and forks are POSIX's"),
]

SECONDS = 120  # more than anything takes on a machine that is busy with other tests
CONFIG = """\
server: {port: 0}
schedules:
  run_benchmark:
    when: off
    parameters:
      {suite: smoke, benchmarks: [latency], iterations: 1, warmup: 0, calibrate: false}
  maintain_light: {when: off}
  maintain_full: {when: off}
"""
LONG = {
    "suite": "smoke", "benchmarks": ["latency"], "iterations": 100_000, "concurrency": [1],
    "calibrate": False,
}  # fmt: skip


class Up(NamedTuple):
    """A data folder, and `slip` for it."""

    home: Path
    slip: Callable[..., subprocess.CompletedProcess[str]]

    @property
    def info(self) -> ServerInfo:
        """What is up."""
        found = server.running(self.home)
        assert found is not None
        return found

    def api(self, path: str, body: Any = None) -> Any:
        """What Prefect's API answers."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(
            f"{self.info.api_url}/{path}", data, {"Content-Type": "application/json"}
        )
        while True:
            try:
                with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
                    return json.loads(answer.read() or "null")
            except urllib.error.HTTPError as error:
                if error.code != 503:  # its database is locked for a moment
                    raise
                time.sleep(0.1)

    def start(self, flow: str, parameters: dict[str, Any]) -> str:
        """Start a run of a deployment, as `slip flow run` does; its id."""
        deployment = self.api(f"deployments/name/{flow}/local")
        asked = {"parameters": {"parameters": parameters}}
        run = self.api(f"deployments/{deployment['id']}/create_flow_run", asked)
        assert server.wake(self.home)
        return str(run["id"])

    def reaches(self, run: str, *states: str) -> dict[str, Any]:
        """The run, once it is in one of the states; one that ended otherwise fails at once."""
        found: dict[str, Any] = {}

        def there() -> bool:
            found.update(self.api(f"flow_runs/{run}"))
            over = found["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
            assert found["state_name"] in states or not over, found["state"]
            return found["state_name"] in states

        until(there)
        return found


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)


def made(home: Path, variables: dict[str, str]) -> Up:
    """A data folder with its settings."""
    home.mkdir(exist_ok=True)
    config = home / "config.yaml"
    if not config.exists():
        config.write_text(CONFIG, encoding="utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    env = kept | {"SLIPSTREAM_HOME": str(home), "SLIPSTREAM_CONFIG": str(config)} | variables

    def slip(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "slipstream.cli", *arguments]
        return subprocess.run(
            command,
            env=env,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            **options,
        )

    return Up(home, slip)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder for the module, so that Prefect's database is made once."""
    return tmp_path_factory.mktemp("up") / "home"


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Up]:
    """What `slip up` has left behind; a user's own Prefect profile points elsewhere."""
    own = folder.parent / "profiles.toml"
    own.write_text('active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n')
    theirs = {"PREFECT_PROFILES_PATH": str(own), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    before = own.read_bytes()
    up = made(folder, theirs)
    try:
        done = up.slip("up")
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == up.info.url
        yield up
    finally:
        assert up.slip("down", "--cancel").returncode == 0
        assert own.read_bytes() == before
    assert server.running(folder) is None


def ended(process: int) -> bool:
    """Whether a process has ended; one that nobody waits for has, too."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, 0)
            return Path("/proc").is_dir()
        return True


def test_it_is_started_once_and_told(running: Up) -> None:
    """A second one says what is up; the state is private; status shows all of it."""
    info = running.info
    assert info.healthy
    assert info.ready
    again = running.slip("up")
    assert (again.returncode, again.stdout.strip()) == (0, info.url)
    assert f"up already (process {info.pid})" in again.stderr
    foreground = running.slip("up", "--foreground")
    assert foreground.returncode == 1
    assert "It is up already" in foreground.stderr
    assert running.info.pid == info.pid
    for folder in ("up", "prefect"):
        for path in (running.home / folder).rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path
    with urllib.request.urlopen(f"{info.url}/") as page:
        assert b"<html" in page.read(4096).lower()
    elsewhere = {"Origin": "https://elsewhere.example"}  # a page that the user's browser shows
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(urllib.request.Request(f"{info.api_url}/health", None, elsewhere))

    shown = json.loads(running.slip("status", "--json").stdout)
    assert shown["server"]["url"] == info.url
    assert {row["name"]: row["when"] for row in shown["schedules"]} == {
        "run-benchmark": "off", "warm-cache": "off", "maintain-light": "off", "maintain-full": "off"
    }  # fmt: skip
    names = {f"{d['name']}" for d in running.api("deployments/filter", {})}
    assert names == {"local"}
    entries = {d["entrypoint"] for d in running.api("deployments/filter", {})}
    assert "slipstream.flows.run_benchmark.run_benchmark" in entries
    assert running.slip("status").stdout.startswith(f"server: {info.url}  healthy")


def test_a_run_is_started_at_once_and_in_a_process_of_its_own(running: Up, tmp_path: Path) -> None:
    """Also one that fails leaves the runner as it was."""
    log = tmp_path / "build.log"
    log.write_text("error: no rule to make target\n")
    runner = running.info.runner_pid
    run = running.start("summarize-output", {"paths": [str(log)]})
    assert running.reaches(run, "Completed")["name"] == f"summarize {log}"
    bad = running.start("summarize-output", {"paths": [str(tmp_path / "none.log")]})
    assert "none.log" in running.reaches(bad, "Failed")["state"]["message"]
    assert running.info.runner_pid == runner
    shown = json.loads(running.slip("status", "--json").stdout)
    assert [row["state"] for row in shown["runs"]][:2] == ["Failed", "Completed"]


def test_a_schedule_fires_on_time_and_once_also_over_a_restart(running: Up) -> None:
    """Set while it is up, and every time only once; what is paused starts nothing."""

    def fired() -> list[dict[str, Any]]:
        runs = running.api("flow_runs/filter", {"flow_runs": {"start_time": {"is_null_": False}}})
        return [run for run in runs if run["auto_scheduled"]]

    assert running.slip("schedule", "set", "run-benchmark", "--every", "5s").returncode == 0
    until(fired)
    before = {run["id"] for run in fired()}
    assert "run-benchmark  every 5s" in running.slip("status").stdout.replace("\t", "  ")
    assert running.slip("down").returncode == 0
    assert running.slip("down").stderr == "slip: nothing is up.\n"
    assert running.slip("status").returncode == 1
    done = running.slip("up")
    assert done.returncode == 0, done.stderr
    until(lambda: {run["id"] for run in fired()} - before)
    assert running.slip("schedule", "pause", "run-benchmark").returncode == 0
    until(lambda: not running.api("flow_runs/filter", WAITING))

    runs = [run for run in fired() if run["state_type"] != "CANCELLED"]
    times = Counter(run["expected_start_time"] for run in runs)
    assert set(times.values()) == {1}, times
    for run in runs:
        start, due = (
            datetime.fromisoformat(run[name]) for name in ("start_time", "expected_start_time")
        )
        assert start >= due
    rows = json.loads(running.slip("schedule", "ls", "--json").stdout)["schedules"]
    [row] = [row for row in rows if row["name"] == "run-benchmark"]
    assert (row["paused"], row["when"], row["next"]) == (True, "every 5s", None)
    until(lambda: not running.api("flow_runs/filter", UNDER_WAY))


WAITING = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
UNDER_WAY = {"flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "SCHEDULED"]}}}}


def test_a_run_is_cancelled_and_shows_as_cancelled(running: Up) -> None:
    """On the pages, which set the state Cancelling."""
    run = running.start("run-benchmark", LONG)
    running.reaches(run, "Running")
    running.api(
        f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    )
    running.reaches(run, "Cancelled", "Cancelling")
    running.reaches(run, "Cancelled")


def test_what_is_wrong_with_a_schedule_is_said(running: Up) -> None:
    """A parameter that the flow has not, at once; the other schedules stay."""
    config = running.home / "config.yaml"
    before = config.read_text()
    config.write_text(before.replace("iterations: 1", "iterations: 0"))
    assert running.slip("schedule", "resume", "run-benchmark").returncode == 0
    until(lambda: running.info.problems)
    assert (
        "schedules.run_benchmark.parameters: The parameter iterations cannot be 0"
        in (running.info.problems[0])
    )
    assert "run-benchmark is off." in running.slip("status").stderr
    config.write_text(before)
    assert running.slip("schedule", "set", "run-benchmark", "--off").returncode == 0
    until(lambda: not running.info.problems)


def test_what_is_killed_is_started_again_and_its_run_is_marked(
    folder: Path, running: Up, unmeasured: None
) -> None:
    """As crashed, whether the runner or all of it was killed; the next run works."""
    assert running.slip("down", "--cancel").returncode == 0
    up = made(folder, {})
    assert up.slip("up").returncode == 0
    runner = up.info.runner_pid
    run = up.start("run-benchmark", LONG)
    up.reaches(run, "Running")
    os.kill(runner, signal.SIGKILL)
    found = up.reaches(run, "Crashed")
    assert found["state"]["message"] == "The runner ended while it ran."
    until(lambda: up.info.runner_pid not in (0, runner) and up.info.restarts == 1)
    log = folder / "some.log"
    log.write_text("error: x\n")
    up.reaches(up.start("summarize-output", {"paths": [str(log)]}), "Completed")

    run = up.start("run-benchmark", LONG)
    up.reaches(run, "Running")
    info = up.info
    os.kill(info.pid, signal.SIGKILL)
    until(lambda: all(map(ended, (info.pid, info.server_pid, info.runner_pid))))
    assert server.running(folder) is None
    assert running.slip("up").returncode == 0
    running.reaches(run, "Crashed")


def test_what_runs_is_cancelled_when_it_is_ended(running: Up) -> None:
    """After the seconds that it is given."""
    run = running.start("run-benchmark", LONG)
    running.reaches(run, "Running")
    assert running.slip("down", "--wait", "0.5").returncode == 0
    with contextlib.closing(sqlite3.connect(running.home / "prefect" / "prefect.db")) as connection:
        rows = connection.execute("SELECT state_name FROM flow_run WHERE id = ?", (run,))
        assert rows.fetchall() == [("Cancelled",)]


def test_a_newer_database_of_prefects_is_said(running: Up) -> None:
    """And nothing is left running."""
    database = running.home / "prefect" / "prefect.db"
    running.slip("down", "--cancel")
    assert server.running(running.home) is None
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'fffffffffff1'")
    done = running.slip("up")
    assert done.returncode == 1
    assert "written by a newer Prefect" in done.stderr
    assert server.running(running.home) is None


def test_a_port_that_is_taken_is_named_with_its_holder(tmp_path: Path) -> None:
    """Before anything is started."""
    up = made(tmp_path / "home", {})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = up.slip("up", "--port", str(port))
    assert done.returncode == 2
    assert f"Port {port} of 127.0.0.1 is taken by another program" in done.stderr
    if sys.platform == "linux":
        assert f"(process {os.getpid()}:" in done.stderr
    assert server.running(up.home) is None
    (up.home / "config.yaml").write_text("mode: air-gapped\n")
    refused = up.slip("up", "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 2
    assert "allows loopback alone, and 0.0.0.0 is more" in refused.stderr
