"""Two servers, the second one slower and worse: what a comparison says of them, and what not.

Nothing here depends on how fast the machine is: the times that differ are large against what a busy
machine adds to them, and which calls go wrong is drawn from a seed.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.settings import Settings
from tests.conftest import Slip

CASES = 200
BASE = Settings(
    ttft_ms=400, itl_ms=100, tool_right=0.95, tool_wrong_name=0.05, seed=3, memory_mb=100
)
WORSE = BASE._replace(ttft_ms=460, tool_right=0.75, tool_wrong_name=0.25)  # +15 %, -20 points


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of 200 tool calls, which warm all up, and a latency benchmark.

    Its requests are sent one by one, so that a machine which stalls for a moment delays few of
    them, and at a rate, so that the 60 ms to the first token do not make it send fewer.
    """
    tools = [
        {"name": name, "description": "A tool.", "parameters": {"type": "object"}}
        for name in ("ask", "tell")
    ]
    cases = [
        {
            "id": f"case-{number}",
            "prompt": f"Ask for number {number}.",
            "category": "simple",
            "answers": [[{"name": "ask"}]],
        }
        for number in range(CASES)
    ]
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"version": 1, "name": "asking", "tools": tools, "cases": cases}))
    benchmarks = [
        {"name": "calls", "family": "tools", "cases": str(file), "concurrency": [100], "warmup": 0},
        {
            "name": "chat",
            "rate": [20],
            "arrival": "constant",
            "iterations": 30,
            "warmup": 0,
            "output_tokens": 6,
        },
    ]
    made = tmp_path / "suite.json"
    made.write_text(json.dumps({"version": 1, "name": "both", "benchmarks": benchmarks}))
    return made


@pytest.mark.usefixtures("home", "unmeasured")
def test_a_slower_and_worse_server_is_named_with_its_severity_and_nothing_else_is(
    slip: Slip, suite: Path
) -> None:
    """Five runs of each, compared: the exit status is 3."""
    run = ("bench", "run", "-s", str(suite), "--no-calibrate", "--repeat", "5", "--base-url")
    with process.start(BASE) as base, process.start(WORSE) as worse:
        done = slip(*run, base.base_url, "--baseline", timeout=300)
        assert done.returncode == 0, done.stderr
        done = slip(*run, worse.base_url, "--tag", "candidate", timeout=300)
    assert done.returncode == 0, "it fails where that is asked for"
    assert "against the baseline: 2 regressions; the worst of them is moderate." in done.stderr
    compared = slip("compare", "baseline", "candidate", "--json")
    assert compared.returncode == 3, compared.stderr
    (candidate,) = json.loads(compared.stdout)["candidates"]
    named = {
        (change["benchmark"], change["metric"], change["statistic"]): change["severity"]
        for change in candidate["changes"]
        if "regression" in change["outcome"]
    }
    assert named == {
        ("calls", "accuracy", "value"): "moderate",
        ("chat", "ttft", "p50"): "moderate",
    }
    told = slip("compare", "baseline", "candidate", "--fail-on", "major")
    assert told.returncode == 0, told.stdout
    assert slip("bench", "show", "baseline").returncode == 0
