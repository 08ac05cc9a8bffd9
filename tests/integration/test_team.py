"""A team's set-up as docs/team.md has it, on one machine.

PostgreSQL behind Prefect and behind the results, Redis, Prefect's server, and two workers that
share a queue. What a host has of its own each worker has too: data folder, Prefect's home, and the
lock for benchmarks; so that only what holds between hosts keeps two benchmarks apart.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis

from slipstream.flows import environment
from slipstream.tasks.benchmarking.simulate import Settings, start
from tests import servers

pytestmark = [
    pytest.mark.xdist_group("team"),
    pytest.mark.skipif(sys.platform == "win32", reason="a team's servers run on POSIX here"),
]

SECONDS = 180  # more than anything takes on a machine that is busy with other tests
PREFECT_FILE = str(files("slipstream.flows") / "prefect.yaml")
POOL = "slipstream"
LIMIT = "slipstream-benchmark"
ENDS = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
QUICK = {"suite": "smoke", "benchmarks": ["latency"], "output_tokens": 4, "iterations": 6,
         "warmup": 1, "calibrate": False}  # fmt: skip


class Host(NamedTuple):
    """What a machine of the team has of its own.

    Attributes:
        home: The data folder.
        env: The environment of its processes.
    """

    home: Path
    env: dict[str, str]

    def run(self, *arguments: str) -> str:
        """What a module prints that must end well."""
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=self.env, cwd=self.home, capture_output=True, text=True, timeout=SECONDS,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def runs(self, name: str, *arguments: str) -> Iterator[Path]:
        """A module as a process for the length of a block; what it prints is a file."""
        log = self.home / f"{name}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=self.env, cwd=self.home, stdin=subprocess.DEVNULL, stdout=stream,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                yield log
            finally:
                _end(process)


class Team(NamedTuple):
    """All of it, up.

    Attributes:
        api_url: Of Prefect's API.
        desk: A host without a worker.
        workers: Hosts with one, by its name.
        redis_url: Where events go.
    """

    api_url: str
    desk: Host
    workers: dict[str, Host]
    redis_url: str

    def api(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """What Prefect's API answers."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(
            f"{self.api_url}/{path}", data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
            return json.loads(answer.read() or "null")

    def bench(self) -> list[dict[str, Any]]:
        """The runs that are stored, as a host without a worker is told."""
        found: list[dict[str, Any]] = json.loads(
            self.desk.run("slipstream.cli", "bench", "results", "--json")
        )
        return found

    def start(self, flow: str, parameters: dict[str, Any]) -> str:
        """Queue a run of a deployment; its id."""
        deployment = self.api(f"deployments/name/{flow}/team")
        asked = {"parameters": {"parameters": parameters}}
        return str(self.api(f"deployments/{deployment['id']}/create_flow_run", asked)["id"])

    def reaches(self, run: str, *states: str) -> dict[str, Any]:
        """The run, once it is in one of the states; one that ended otherwise fails at once."""
        found: dict[str, Any] = {}

        def there() -> bool:
            found.update(self.api(f"flow_runs/{run}"))
            over = found["state_type"] in ENDS
            assert found["state_name"] in states or not over, found["state"]
            return found["state_name"] in states

        until(there)
        return found


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.4)  # the server has enough to do


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _kept_port() -> Iterator[int]:
    """A port that nobody else is given: bound here, which lets one listen who shares addresses."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=10) as answer:
            return bool(answer.read() == b"true")
    except OSError:
        return False


def _host(folder: Path, name: str, api_url: str, **variables: str) -> Host:
    """A host; nothing follows into its processes, which are killed."""
    ours = ("PREFECT_", "SLIPSTREAM_", "COV")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    home = folder / name
    home.mkdir(mode=0o700)
    return Host(
        home,
        kept
        | {
            "SLIPSTREAM_HOME": str(home),
            "SLIPSTREAM_CONFIG": str(folder / "config.yaml"),
            "SLIPSTREAM_BENCH_LOCK": str(home / "bench.lock"),
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_API_URL": api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }
        | variables,
    )


@pytest.fixture(scope="module")
def team(
    postgres_server: str, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    """What docs/team.md sets up."""
    folder = tmp_path_factory.mktemp("team")
    redis_url = redis_server.removesuffix("/0") + "/5"
    with ExitStack() as stack:
        behind_prefect, results = (
            stack.enter_context(servers.database(postgres_server)) for _ in range(2)
        )
        (folder / "config.yaml").write_text(
            f"storage: {{database_url: {json.dumps(results)}, redis_url: {redis_url}}}\n"
        )
        port = stack.enter_context(_kept_port())
        api_url = f"http://127.0.0.1:{port}/api"
        backend = _host(
            folder, "server", api_url,
            PREFECT_API_DATABASE_CONNECTION_URL=behind_prefect.replace("://", "+asyncpg://"),
            PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=environment.LEASES,
            PREFECT_SERVER_CONCURRENCY_MAXIMUM_CONCURRENCY_SLOT_WAIT_SECONDS="1",
        )  # fmt: skip
        command = f"prefect server start --no-ui --port {port}"
        stack.enter_context(backend.runs("server", *command.split()))
        until(lambda: _answers(api_url))
        desk = _host(folder, "desk", api_url)
        quick = {"PREFECT_WORKER_QUERY_SECONDS": "1"}
        workers = {name: _host(folder, name, api_url, **quick) for name in ("one", "two")}
        made = Team(api_url, desk, workers, redis_url)
        made.api("v2/concurrency_limits/", {"name": LIMIT, "limit": 1})
        desk.run(*f"prefect work-pool create {POOL} --type process".split())
        for name, host in workers.items():  # they start while it is deployed
            worker = f"prefect worker start --pool {POOL} --name {name} --limit 1"
            stack.enter_context(host.runs("worker", *worker.split()))
        desk.run("prefect", "--no-prompt", "deploy", "--all", "--prefect-file", PREFECT_FILE)
        yield made


def test_two_workers_share_a_queue_and_measure_one_at_a_time(team: Team) -> None:
    """Each takes one of two runs, and the server gives them their turns; all hosts see both."""
    # As a team may set it; with 1, as deployed, the second would wait without a worker.
    deployment = team.api("deployments/name/run-benchmark/team")["id"]
    team.api(f"deployments/{deployment}", {"concurrency_limit": 2}, "PATCH")
    held = {"names": [LIMIT], "slots": 1}
    with start(Settings(ttft_ms=2, itl_ms=0.5)) as model:
        team.api("v2/concurrency_limits/increment", held)
        asked = QUICK | {"base_url": model.base_url}
        runs = [team.start("run-benchmark", asked) for _ in range(2)]
        waiting = [team.reaches(run, "Running") for run in runs]
        assert {run["labels"]["prefect.worker.name"] for run in waiting} == {"one", "two"}
        assert team.bench() == []
        team.api("v2/concurrency_limits/decrement", held)
        for run in runs:
            team.reaches(run, "Completed")

    first, second = sorted(team.bench(), key=lambda run: int(run["started_ns"]))
    assert first["ended_ns"] <= second["started_ns"]
    assert {first["state"], second["state"]} == {"done"}


def test_events_leave_by_redis(team: Team) -> None:
    """Of the runs before: a host that measured nothing sends them, and hears of them."""
    runs = {run["id"] for run in team.bench()}
    team.desk.run("slipstream.cli", "events", "relay")
    with closing(redis.Redis.from_url(team.redis_url, decode_responses=True)) as client:
        told: Any = client.xrange("slipstream:events:BenchmarkComplete")
    assert {json.loads(fields["payload"])["run"] for _, fields in told} == runs
    reports = {path.stem for path in (team.desk.home / "reports").glob("run-*.json")}
    assert reports == {f"run-{run}" for run in runs}


def test_doctor_tells_of_what_the_team_shares(team: Team) -> None:
    checks = json.loads(team.desk.run("slipstream.cli", "doctor", "--json"))["checks"]
    found = {check["name"]: check for check in checks}
    assert found["results"]["result"] == "ok"
    assert "PostgreSQL" in found["results"]["found"]
    assert f", {len(team.bench())} runs" in found["results"]["found"]
    assert found["Redis"]["result"] == "warning"  # this one keeps nothing
    assert "0 events wait" in found["Redis"]["found"]
