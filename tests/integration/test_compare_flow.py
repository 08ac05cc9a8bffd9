"""The flow `compare-benchmarks`, alone and behind `run-benchmark`, with Prefect's real engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipstream.flows.launch import run_benchmark
from slipstream.storage import bench_comparisons, bench_names, results
from slipstream.storage.errors import NotFoundError
from slipstream.tasks.benchmarking import baselines
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.process import Simulated
from slipstream.tasks.benchmarking.simulate.settings import Settings

# One worker, so that one server is started.
pytestmark = pytest.mark.xdist_group("prefect")

QUICK: dict[str, Any] = {"suite": "smoke", "benchmarks": ["latency"], "output_tokens": 4,
                         "iterations": 4, "warmup": 0, "calibrate": False}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Simulated]:
    with process.start(Settings(ttft_ms=40, itl_ms=1, memory_mb=100)) as running:
        yield running


@pytest.fixture(scope="module")
def slower() -> Iterator[Simulated]:
    with process.start(Settings(ttft_ms=400, itl_ms=1, memory_mb=100)) as running:
        yield running


def run(parameters: dict[str, Any]) -> tuple[str, Any]:
    """The state's name and the result of the flow."""
    from slipstream.flows.compare_benchmarks import CompareParameters, compare_benchmarks

    asked = CompareParameters.model_validate(parameters)
    state: Any = asyncio.run(compare_benchmarks(asked, return_state=True))  # type: ignore[arg-type]
    return state.name, state.result(raise_on_failure=False)


def test_a_run_is_held_against_its_baseline_in_a_flow_of_its_own(
    prefect_server: str, home: Path, server: Simulated, slower: Simulated
) -> None:
    """With a report that only its owner can read, and a state that tells of the regression."""
    (*_, first) = run_benchmark(QUICK | {"base_url": server.base_url, "repeats": 3, "tag": "base"})
    assert "comparison" not in first, "there is no baseline"
    with results.opened(home) as connection:
        baselines.set_(connection, bench_names.together(connection, "base"))
    (*_, last) = run_benchmark(QUICK | {"base_url": slower.base_url, "repeats": 3, "tag": "slow"})
    found = last["comparison"]
    assert (found["base"], found["worst"], found["fails"]) == ("baseline", "critical", True)
    assert found["regressions"]["latency concurrency=1 ttft p50"] == "critical"
    (path,) = map(Path, found["reports"])
    assert path.parent == home / "reports"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert path.read_text().startswith("<!doctype html>")
    with results.opened(home) as connection:
        kept = bench_comparisons.get(connection, found["comparison"])
    assert kept
    assert kept.worst == "critical"
    state, again = run({"candidates": ["slow"], "formats": ["json", "json", "text"]})
    assert (state, again["worst"], len(again["reports"])) == ("Regression", "critical", 2)
    assert json.loads(Path(again["reports"][0]).read_text())["id"] == again["comparison"]


def test_what_is_not_worse_is_completed_and_what_is_not_there_is_an_error(
    prefect_server: str, home: Path, server: Simulated
) -> None:
    """A comparison that cannot be made does not cost the run that was measured."""
    run_benchmark(QUICK | {"base_url": server.base_url, "tag": "base"})
    run_benchmark(QUICK | {"base_url": server.base_url, "tag": "same", "compare": False})
    asked = {"base": "base", "candidates": ["same"], "formats": ["markdown"]}
    state, found = run(asked | {"threshold_percent": 50})
    assert (state, found["fails"], found["worst"]) == ("Completed", False, "")
    state, error = run({"base": "none"})
    assert (state, type(error)) == ("Failed", NotFoundError)
    with results.opened(home) as connection:
        baselines.set_(connection, bench_names.together(connection, "base"))
        connection.execute("UPDATE bench_metrics SET direction = 'up'")
    (last,) = run_benchmark(QUICK | {"base_url": server.base_url})
    assert (last["state"], "comparison" in last) == ("done", False)
