"""`--reuse` of the flow `run-benchmark`: what stands for what, by the rules and by the flow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipstream.flows.launch import run_benchmark
from slipstream.storage import bench, results
from slipstream.storage.bench import RunRecord
from slipstream.tasks.benchmarking import reuse
from slipstream.tasks.benchmarking import suite as suites
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.process import Simulated
from slipstream.tasks.benchmarking.simulate.settings import Settings

# One worker, so that one server is started.
pytestmark = pytest.mark.xdist_group("prefect")

QUICK: dict[str, Any] = {"suite": "smoke", "benchmarks": ["latency"], "output_tokens": 4,
                         "iterations": 6, "warmup": 1, "calibrate": False}  # fmt: skip
ABOUT: dict[str, Any] = {
    "cpu": "x", "cores": 2, "memory_bytes": 2**33, "system": "Linux-6", "python": "CPython 3.11",
    "clients": {"slipstream": "1"}, "tokens": "server", "load_before": [0.1],
    "server": {"name": "vLLM", "version": "1", "model": {"id": "m", "created": 1}},
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Simulated]:
    with process.start(Settings(ttft_ms=2, itl_ms=0.5)) as running:
        yield running


def record(**changed: Any) -> RunRecord:
    suite = suites.load("smoke").model_dump_json()
    return RunRecord("aa0", "smoke", suite, "http://x/v1", "m", 0, {})._replace(**changed)


def test_what_servers_make_anew_and_the_load_make_no_other_run() -> None:
    same = json.loads(json.dumps(ABOUT))
    same["server"]["model"]["created"] = 2
    same["load_before"] = [9.0]
    same["system"] = "Linux-7"
    assert reuse.digest(record(), ABOUT) == reuse.digest(record(id="aa1"), same)


@pytest.mark.parametrize("place", ["cpu", "cores", "python", "clients", "tokens", "server"])
def test_another_machine_client_or_server_makes_another_run(place: str) -> None:
    other = ABOUT | {place: {"name": "other"} if place in ("clients", "server") else "other"}
    assert reuse.digest(record(), ABOUT) != reuse.digest(record(), other)


def test_another_suite_or_address_makes_another_run() -> None:
    found = {
        reuse.digest(run, ABOUT)
        for run in (
            record(),
            record(base_url="http://y/v1"),
            record(suite_json=suites.load("latency").model_dump_json()),
        )
    }
    assert len(found) == 3


def test_a_run_is_served_again_until_something_changes(
    prefect_server: str, home: Path, server: Simulated
) -> None:
    """A run whose requests failed is no stand-in, nor is one that was cut off."""
    asked = QUICK | {"base_url": server.base_url}
    [first] = run_benchmark(asked | {"reuse": True})
    assert not first["reused"]
    [again] = run_benchmark(asked | {"reuse": True})
    assert again == first | {"reused": True}
    [anew] = run_benchmark(asked)
    assert (anew["reused"], anew["run"] != first["run"]) == (False, True)
    [newest] = run_benchmark(asked | {"reuse": True})
    assert newest["run"] == anew["run"]
    [other] = run_benchmark(asked | {"reuse": True, "seed": 7})
    assert not other["reused"]
    with results.opened(home) as connection:
        connection.execute("UPDATE bench_runs SET state = 'cancelled' WHERE id = ?", (anew["run"],))
        connection.execute("UPDATE bench_samples SET fault = 'timeout' WHERE phase = 'measured'")
        assert len(bench.runs(connection)) == 3
    [last] = run_benchmark(asked | {"reuse": True})
    assert not last["reused"]
