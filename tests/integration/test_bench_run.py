"""Suites against the simulated server: kept while running, killed, resumed, cancelled."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from slipstream.storage import bench, database
from slipstream.storage.bench import CellRecord, RunRecord
from slipstream.storage.config.endpoints import resolve
from slipstream.storage.errors import NotFoundError, SlipError
from slipstream.tasks.benchmarking import run as runs
from slipstream.tasks.benchmarking.alone import only_one
from slipstream.tasks.benchmarking.model import Waits
from slipstream.tasks.benchmarking.run import Options, Watcher
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.process import Simulated
from slipstream.tasks.benchmarking.simulate.settings import Settings
from slipstream.tasks.benchmarking.suite import Suite, parse
from slipstream.tasks.benchmarking.target import Target

REQUESTS = int(os.environ.get("SLIP_TEST_BENCH_REQUESTS", "300"))  # of the run that is killed
FAST: dict[str, Any] = {"prompt_tokens": [32], "output_tokens": 4, "warmup": 2}


@pytest.fixture(scope="module")
def server() -> Iterator[Simulated]:
    with process.start(Settings(ttft_ms=3, itl_ms=0.5)) as running:
        yield running


def suite(*benchmarks: dict[str, Any]) -> Suite:
    named = [{"name": f"b{n}", **FAST, **b} for n, b in enumerate(benchmarks)]
    return parse(json.dumps({"name": "test", "benchmarks": named}), "test")


def options(url: str, **more: Any) -> Options:
    return Options(Target(url, resolve(url, "air-gapped")), waits=Waits(2, 1), **more)


def measured(home: Path, url: str, what: Suite, watcher: Watcher = runs.QUIET) -> RunRecord:
    how = options(url)
    return asyncio.run(runs.measure(home, runs.begin(home, what, how), how, watcher))


def numbers(home: Path, run: str, phase: str = "measured") -> list[list[int]]:
    """Of each cell, the numbers of its requests in the order in which they ended."""
    with closing(database.connect(home)) as connection:
        return [
            [row.number for row in bench.samples(connection, cell.id) if row.phase == phase]
            for cell in bench.cells(connection, run)
        ]


def cells(home: Path, run: str) -> list[CellRecord]:
    with closing(database.connect(home)) as connection:
        return bench.cells(connection, run)


def figures(home: Path, cell: int) -> dict[tuple[str, str], float]:
    with closing(database.connect(home)) as connection:
        return {(m.name, m.statistic): m.value for m in bench.metrics(connection, cell)}


def test_a_suite_is_measured_and_kept(home: Path, server: Simulated) -> None:
    """Closed and open loop, completions, tools; prompts have the length that was asked for."""
    what = suite(
        {"concurrency": [1, 4], "iterations": 12, "objectives": {"ttft_ms": 1000}},
        {"rate": [100], "iterations": 12, "arrival": "gamma"},
        {"concurrency": [2], "endpoint": "completions", "iterations": 5},
        {"concurrency": [1], "tools": True, "shared_tokens": 100, "iterations": 3,
         "output_tokens": 40},
    )  # fmt: skip
    told: list[str] = []
    watcher = Watcher(
        begun=lambda cell, of: told.append(f"{cell.label} of {of}"),
        progress=lambda how: told.append(f"{how.done}/{how.planned}"),
    )
    run = measured(home, server.base_url, what, watcher)
    assert (run.state, run.reason, run.model) == ("done", "", "simulated")
    assert run.environment["cores"]
    assert run.environment["clock"]["resolution_ns"] > 0
    with closing(database.connect(home)) as connection:
        assert bench.run(connection, run.id) == run
    kept = cells(home, run.id)
    assert [(c.benchmark, c.state) for c in kept] == [
        ("b0", "done"), ("b0", "done"), ("b1", "done"), ("b2", "done"), ("b3", "done"),
    ]  # fmt: skip
    assert [sorted(found) for found in numbers(home, run.id)] == [
        list(range(size)) for size in (12, 12, 12, 5, 3)
    ]
    for cell in kept[:4]:
        found = figures(home, cell.id)
        assert found["prompt_tokens", "mean"] == 32
        assert found["error_rate", "value"] == 0
        assert found["ttft", "p50"] >= 3
        assert found["loop_lag", "p50"] > 0
        assert found["server_memory", "max"] >= found["server_memory", "mean"] > 1e6
        assert found["client_memory", "max"] > 1e6
    assert figures(home, kept[0].id)["goodput_share", "value"] == 1
    assert ("ttft_tool_call", "mean") in figures(home, kept[4].id)
    assert "concurrency=1 of 5" in told
    assert "12/12" in told


def test_the_same_seed_sends_the_same_prompts(home: Path, server: Simulated) -> None:
    what = suite({"concurrency": [1], "iterations": 3})
    first, second = (measured(home, server.base_url, what) for _ in range(2))
    other = measured(home, server.base_url, what.model_copy(update={"seed": 9}))
    assert first.digest == second.digest != other.digest


def test_measuring_ends_when_enough_is_known(home: Path, server: Simulated) -> None:
    stop = {"metric": "e2e", "relative": 1}
    what = suite({"concurrency": [2], "iterations": 500, "stop": stop})
    run = measured(home, server.base_url, what)
    (cell,) = cells(home, run.id)
    assert cell.state == "done"
    assert "e2e was known within 100% after 10 requests" in cell.reason
    assert len(numbers(home, run.id)[0]) < 30


def test_time_ends_a_cell_and_the_suite_goes_on(home: Path, server: Simulated) -> None:
    slow = {"concurrency": [2], "iterations": 100_000, "limit_s": 0.5}
    run = measured(home, server.base_url, suite(slow, {"concurrency": [1], "iterations": 3}))
    first, second = cells(home, run.id)
    assert (run.state, first.state, second.state) == ("done", "done", "done")
    assert first.reason == "The limit of 0.5 s was reached."


def test_errors_are_counted_and_the_suite_goes_on(home: Path) -> None:
    settings = Settings(ttft_ms=1, itl_ms=0.2, errors={"server_error": 0.3, "malformed": 0.2})  # type: ignore[dict-item]
    with process.start(settings) as server:
        run = measured(home, server.base_url, suite({"concurrency": [4], "iterations": 60}))
    (cell,) = cells(home, run.id)
    assert (run.state, cell.state) == ("done", "done")
    assert 0.2 < figures(home, cell.id)["error_rate", "value"] < 0.8
    with closing(database.connect(home)) as connection:
        assert set(bench.tally(connection, cell.id, "fault")) == {"server_error", "malformed"}


def test_a_server_that_goes_away_stops_the_suite_and_what_was_measured_stays(home: Path) -> None:
    """And with the server there again the run is resumed."""
    what = suite({"concurrency": [2], "iterations": 60}, {"concurrency": [1], "iterations": 3})
    server = process.start(Settings(ttft_ms=2, itl_ms=0.5))

    def progress(how: Any) -> None:
        if how.done == 20:
            server.stop()

    run = measured(home, server.base_url, what, Watcher(progress=progress))
    assert run.state == "stopped"
    assert "Nothing listens there" in run.reason
    assert [c.state for c in cells(home, run.id)] == ["stopped"]
    port = int(server.base_url.rpartition(":")[2].partition("/")[0])
    before = numbers(home, run.id)[0]
    with process.start(Settings(ttft_ms=2, itl_ms=0.5, port=port)) as again:
        how = options(again.base_url)
        run = asyncio.run(runs.measure(home, run, how))
    assert run.state == "done"
    first = numbers(home, run.id)[0]
    assert sorted(first) == list(range(60))
    assert first[: len(before)] == before
    assert [c.sessions for c in cells(home, run.id)] == [2, 1]


def test_cancelling_keeps_what_was_measured(home: Path, server: Simulated) -> None:
    what = suite({"concurrency": [2], "iterations": 100_000})
    how = options(server.base_url)

    async def work() -> RunRecord:
        cancelled = asyncio.Event()
        watcher = Watcher(progress=lambda p: cancelled.set() if p.done == 30 else None)
        return await runs.measure(home, runs.begin(home, what, how), how, watcher, cancelled)

    run = asyncio.run(work())
    assert run.state == "cancelled"
    assert len(numbers(home, run.id)[0]) >= 30
    (cell,) = cells(home, run.id)
    assert figures(home, cell.id)["ttft", "p50"] > 0


PROGRAM = """
import asyncio, sys
from pathlib import Path
from slipstream.storage.config.endpoints import resolve
from slipstream.tasks.benchmarking import run, suite
from slipstream.tasks.benchmarking.target import Target
home, url, text = sys.argv[1:]
how = run.Options(Target(url, resolve(url, "air-gapped")))
new = run.begin(Path(home), suite.parse(text, "test"), how)
print(new.id, flush=True)
asyncio.run(run.measure(Path(home), new, how))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a kill is a signal")
@pytest.mark.usefixtures("unmeasured")
def test_a_run_that_was_killed_is_resumed_and_counts_each_request_once(
    home: Path, server: Simulated
) -> None:
    what = suite({"concurrency": [16], "iterations": REQUESTS, "limit_s": 3000})
    command = [sys.executable, "-c", PROGRAM, str(home), server.base_url, what.model_dump_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        identity = running.stdout.readline().strip()
        while True:
            time.sleep(0.05)
            found = numbers(home, identity)
            if found and len(found[0]) >= REQUESTS // 2:
                break
            assert running.poll() is None
        running.send_signal(signal.SIGKILL)
    (before,) = numbers(home, identity)
    assert len(before) < REQUESTS
    with closing(database.connect(home)) as connection:
        run = bench.run(connection, identity)
    assert run is not None
    assert run.state == "running"
    how = options(server.base_url)
    done = asyncio.run(runs.measure(home, run, how))
    assert done.state == "done"
    (after,) = numbers(home, identity)
    assert after[: len(before)] == before
    assert sorted(after) == list(range(REQUESTS))
    (cell,) = cells(home, identity)
    found_figures = figures(home, cell.id)
    assert found_figures["error_rate", "value"] == 0
    with closing(database.connect(home)) as connection:
        sizes = {m.size for m in bench.metrics(connection, cell.id) if m.name == "ttft"}
    assert sizes == {REQUESTS}
    with pytest.raises(NotFoundError, match="nothing to resume"):
        runs.resumed(done)


def test_one_run_at_a_time(home: Path, server: Simulated) -> None:
    with only_one(), pytest.raises(SlipError, match="Another benchmark is running"):
        measured(home, server.base_url, suite({"concurrency": [1]}))
    with only_one():
        pass


def test_withheld_figures_have_their_reason(home: Path, server: Simulated) -> None:
    how = options(server.base_url)
    what = suite({"concurrency": [1, 2], "iterations": 3})

    async def limit(cell: Any, _clients: Any) -> str:
        return "too many" if cell.slots == 2 else ""

    run = asyncio.run(runs.measure(home, runs.begin(home, what, how), how, limit=limit))
    first, second = cells(home, run.id)
    assert (first.withheld, second.withheld) == ("", "too many")
    assert ("ttft", "p50") in figures(home, first.id)
    assert {name for name, _ in figures(home, second.id)} == {
        "error_rate", "dispatch_lag", "loop_lag", "prompt_tokens", "cached_tokens",
        "completion_tokens", "client_memory", "server_memory",
    }  # fmt: skip


def test_prompts_are_estimated_where_the_server_does_not_count(home: Path) -> None:
    with process.start(Settings(ttft_ms=1, itl_ms=0.2, profile="lmstudio")) as server:
        run = measured(home, server.base_url, suite({"concurrency": [1], "iterations": 3}))
    assert run.environment["tokens"] == "estimate"
    with closing(database.connect(home)) as connection:
        (cell,) = bench.cells(connection, run.id)
        rows = list(bench.samples(connection, cell.id))
    assert {(row.source, row.prompt_source, row.fault) for row in rows} == {
        ("estimate", "estimate", "no_usage")
    }
