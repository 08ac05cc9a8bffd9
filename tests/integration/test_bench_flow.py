"""The flow `run-benchmark`, with Prefect's real engine and server, against the simulated server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from slipstream.cli.main import main
from slipstream.flows.launch import run_benchmark
from slipstream.storage import bench, database
from slipstream.storage.errors import SlipError, UsageError
from slipstream.tasks.benchmarking.alone import only_one
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.process import Simulated
from slipstream.tasks.benchmarking.simulate.settings import Settings
from slipstream.tasks.benchmarking.target import ServerError

# One worker, so that one server is started.
pytestmark = pytest.mark.xdist_group("prefect")

QUICK: dict[str, Any] = {"suite": "smoke", "benchmarks": ["latency"], "output_tokens": 4,
                         "iterations": 6, "warmup": 1, "calibrate": False}  # fmt: skip
FLOW = """
import json, sys
from slipstream.flows.launch import run_benchmark
print(json.dumps(run_benchmark(json.loads(sys.argv[1]))))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Simulated]:
    with process.start(Settings(ttft_ms=2, itl_ms=0.5)) as running:
        yield running


class Run:
    """What Prefect's server tells of the newest run of a flow."""

    def __init__(self) -> None:
        """Ask it."""
        from prefect import get_client
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
        from prefect.client.schemas.sorting import FlowRunSort

        time.sleep(0.3)  # task runs are told to it a little later
        with get_client(sync_client=True) as client:
            [run] = client.read_flow_runs(limit=1, sort=FlowRunSort.START_TIME_DESC)
            mine = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
            self.name, self.state = run.name, run.state_name
            tasks = client.read_task_runs(flow_run_filter=mine, limit=200)
            self.artifacts = client.read_artifacts(flow_run_filter=mine)
        self.tries = {task.name: task.run_count for task in tasks}
        self.states = {task.name: task.state_name for task in tasks}
        self.tags = {tag for task in tasks for tag in task.tags}


def numbers(home: Path, run: str) -> list[list[int]]:
    """Of each cell, the numbers of its measured requests."""
    with closing(database.connect(home)) as connection:
        return [
            sorted(r.number for r in bench.samples(connection, cell.id) if r.phase == "measured")
            for cell in bench.cells(connection, run)
        ]


def states(home: Path) -> list[tuple[str, str]]:
    """Of all runs, oldest first, the id and the state."""
    with closing(database.connect(home)) as connection:
        return [(run.id, run.state) for run in bench.runs(connection)][::-1]


def test_a_suite_runs_as_a_task_for_each_cell_and_is_kept_as_by_the_command(
    prefect_server: str, home: Path, server: Simulated
) -> None:
    """Names, tags and figures are there to be seen; repeats are runs of their own."""
    asked = QUICK | {"base_url": server.base_url, "repeats": 2, "tag": "nightly"}
    first, second = run_benchmark(asked | {"benchmarks": ["latency", "sweep"]})
    assert (first["state"], first["model"], second["state"]) == ("done", "simulated", "done")
    assert states(home) == [(first["run"], "done"), (second["run"], "done")]
    assert numbers(home, first["run"]) == numbers(home, second["run"]) == [list(range(6))] * 3
    flow = Run()
    assert (flow.name, flow.state) == (f"smoke of {server.base_url}", "Completed")
    assert flow.tries == {
        f"look at {server.base_url}": 1,
        "measure smoke latency concurrency=1 of simulated": 1,
        "measure smoke sweep concurrency=4 of simulated": 1,
        "measure smoke sweep concurrency=16 of simulated": 1,
    }
    assert flow.tags == {"slipstream-bench"}
    tables = [a for a in flow.artifacts if a.key == "run-benchmark-smoke-simulated"]
    shown = {str(table.data): table for table in tables}
    rows = json.loads(next(text for text in shown if json.loads(text) == first["cells"]))
    assert [row["load"] for row in rows] == ["concurrency=1", "concurrency=4", "concurrency=16"]
    assert rows[0]["ttft p50"] >= 2
    assert {a.data for a in flow.artifacts if a.type == "progress"} == {100.0}
    with closing(database.connect(home)) as connection:
        assert bench.tags(connection, first["run"]) == ["nightly-1"]
        (cell, *_) = bench.cells(connection, first["run"])
        figures = {(m.name, m.statistic): m.value for m in bench.metrics(connection, cell.id)}
    assert rows[0]["ttft p50"] == pytest.approx(figures["ttft", "p50"], abs=1e-4)


def test_a_server_that_is_away_for_a_moment_is_tried_again(prefect_server: str, home: Path) -> None:
    """At its first look and in the middle of a cell: each request is counted once all the same."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = Settings(ttft_ms=2, itl_ms=0.5, port=port)
    running: list[Simulated] = []

    url = f"http://127.0.0.1:{port}/v1"

    def come_and_go() -> None:
        while ("AwaitingRetry", f"look at {url}") not in _tasks():
            time.sleep(0.05)
        running.append(process.start(settings))
        while _counted(home) < 100:
            time.sleep(0.01)
        running[0].stop()
        while "stopped" not in _cell_states(home):  # the first try is over
            time.sleep(0.05)
        running.append(process.start(settings))

    threading.Thread(target=come_and_go, daemon=True).start()
    try:
        (report,) = run_benchmark(QUICK | {"base_url": url, "iterations": 400})
    finally:
        for each in running:
            each.stop()
    assert report["state"] == "done"
    assert numbers(home, report["run"]) == [list(range(400))]
    (row,) = report["cells"]
    assert "refused: Nothing listens there" in row["faults"]
    assert 0 < row["error_rate"] < 0.2, "ten that were refused, and those under way"
    tries = Run().tries
    assert tries[f"look at {url}"] > 1
    assert tries["measure smoke latency concurrency=1 of simulated"] > 1


def test_what_is_wrong_is_not_tried_again(
    prefect_server: str, home: Path, server: Simulated
) -> None:
    """A model that is not there, an address that the mode forbids, a suite that is none."""
    url = server.base_url
    with pytest.raises(ServerError, match=r"simulate; the nearest are simulated"):
        run_benchmark(QUICK | {"base_url": url, "model": "simulate"})
    assert set(Run().tries.values()) == {1}
    with pytest.raises(UsageError, match="local-only allows"):
        run_benchmark(QUICK | {"base_url": "http://8.8.8.8/v1"})
    flow = Run()
    assert (flow.state, set(flow.tries.values())) == ("Failed", {1})
    with pytest.raises(UsageError, match="There is no suite nothing"):
        run_benchmark(QUICK | {"suite": "nothing"})
    with pytest.raises(UsageError, match="cannot be a tag"):
        run_benchmark(QUICK | {"tag": "latest"})
    with only_one(), pytest.raises(SlipError, match="Another benchmark is running"):
        run_benchmark(QUICK | {"base_url": url})
    assert states(home) == []


@pytest.mark.parametrize(
    "wrong",
    [{"iterations": 0}, {"repeats": 101}, {"concurrency": [0]}, {"rate": [-1]}, {"timeout": 0},
     {"run": "latest"}, {"processes": 65}],
    ids=str,
)  # fmt: skip
def test_wrong_parameters_are_refused_before_anything_runs(wrong: dict[str, Any]) -> None:
    """By their types and bounds."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        run_benchmark(QUICK | wrong)
    with pytest.raises(ValueError, match="either concurrency or rate"):
        run_benchmark(QUICK | {"concurrency": [1], "rate": [1]})


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_run_that_is_told_to_end_keeps_what_was_measured_and_goes_on_later(
    prefect_server: str, home: Path, server: Simulated, unmeasured: None
) -> None:
    """By the signal of Prefect's cancelling, and by SIGKILL; with the same id it goes on."""
    identity = "0123456789ab"
    asked = QUICK | {"base_url": server.base_url, "iterations": 800, "run": identity}
    env = os.environ | {"PREFECT_API_URL": prefect_server}
    counts = [0]
    for number in (signal.SIGTERM, signal.SIGKILL):
        with subprocess.Popen(
            [sys.executable, "-c", FLOW, json.dumps(asked)], env=env, stdout=subprocess.PIPE
        ) as running:
            while _counted(home) < counts[-1] + 30:
                assert running.poll() is None
                time.sleep(0.02)
            running.send_signal(number)
            out, _ = running.communicate(timeout=30)
        if number == signal.SIGTERM:
            assert (running.returncode, json.loads(out)) == (0, [])
            assert Run().state == "Cancelled"
            assert states(home) == [(identity, "cancelled")]
        counts.append(_counted(home))
    assert states(home) == [(identity, "running")]
    assert counts[-1] < 800
    (report,) = run_benchmark(asked)
    assert report["state"] == "done"
    assert numbers(home, identity) == [list(range(800))]
    again = run_benchmark(asked)
    assert again == [report], "what is done is not done again"


def test_a_server_that_stays_away_stops_the_run_which_is_shown(
    prefect_server: str,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the status of a failure; and with a server there again the command goes on."""
    from slipstream.flows import run_benchmark as flows

    monkeypatch.setattr(flows, "measure_cell", flows.measure_cell.with_options(retries=0))
    settings = Settings(ttft_ms=2, itl_ms=0.5)
    server = process.start(settings)
    port = int(server.root.rpartition(":")[2])
    command = ["bench", "run", "--flow", "-b", "latency", "-n", "200", "--output-tokens", "4",
               "--base-url", server.base_url]  # fmt: skip

    def go() -> None:
        while _counted(home) < 20:
            time.sleep(0.01)
        server.stop()

    threading.Thread(target=go, daemon=True).start()
    assert main([*command, "--no-calibrate"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("benchmark\t")
    assert "The run was stopped: Nothing listens there" in said.err
    assert Run().state == "Failed"
    with process.start(settings._replace(port=port)):
        assert main(["bench", "run", "--flow", "--resume", "latest", "--no-calibrate"]) == 0
    [(identity, state)] = states(home)
    assert state == "done"
    assert numbers(home, identity) == [list(range(200))]


def test_a_flow_whose_task_is_cancelled_keeps_what_was_measured(
    prefect_server: str, home: Path, server: Simulated
) -> None:
    """By whatever it is cancelled."""
    from prefect.exceptions import CancelledRun

    from slipstream.flows import run_benchmark as flows

    asked = QUICK | {"base_url": server.base_url, "iterations": 100_000}

    async def work() -> None:
        parameters = flows.BenchmarkParameters.model_validate(asked)
        running = asyncio.create_task(flows.run_benchmark(parameters))
        while not await asyncio.to_thread(_counted, home):
            await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises((CancelledRun, asyncio.CancelledError)):
            await running

    asyncio.run(work())
    [(identity, state)] = states(home)
    assert state == "cancelled"
    assert numbers(home, identity)[0]


def test_the_command_runs_the_flow(
    prefect_server: str, home: Path, server: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--flow` it prints what it prints without it, and goes on with a run."""
    options = ["-s", "smoke", "-b", "latency", "-n", "5", "--output-tokens", "4", "--no-calibrate"]
    command = ["bench", "run", "--base-url", server.base_url, *options]
    assert main([*command, "--flow", "--tag", "flow"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[1].startswith("latency\tconcurrency=1\t5\t")
    assert main(["bench", "show", "flow"]) == 0
    assert capsys.readouterr().out == printed
    assert main([*command, "--flow", "--reuse"]) == 0
    again = capsys.readouterr()
    assert again.out == printed
    assert "is shown again: nothing has changed since" in again.err
    assert main(["bench", "run", "--flow", "-s", "nothing"]) == 2
    assert main(["bench", "run", "--flow", "--base-url", "http://8.8.8.8/v1"]) == 2
    assert capsys.readouterr().err.count("The mode local-only allows") == 1


def _tasks() -> set[tuple[str | None, str]]:
    from prefect import get_client

    with get_client(sync_client=True) as client:
        return {(task.state_name, task.name) for task in client.read_task_runs()}


def _cell_states(home: Path) -> list[str]:
    with closing(database.connect(home)) as connection:
        return [state for (state,) in connection.execute("SELECT state FROM bench_cells")]


def _counted(home: Path) -> int:
    with closing(database.connect(home)) as connection:
        rows = connection.execute("SELECT count(*) FROM bench_samples WHERE phase = 'measured'")
        return int(rows.fetchone()[0])
