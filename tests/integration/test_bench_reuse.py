"""What benchmarks as flows have besides: `reuse`, turns over all hosts, artifacts."""

from __future__ import annotations

import asyncio
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


def test_one_benchmark_at_a_time_measures_on_a_server_of_our_own(
    prefect_server: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one waits; a limit that somebody has set stays."""
    from prefect import get_client

    from slipstream.flows import limits, server

    monkeypatch.setattr(server, "is_ours", lambda *_: True)
    order: list[str] = []

    async def second() -> None:
        async with limits.one_benchmark():
            order.append("second")

    async def work() -> None:
        async with limits.one_benchmark():
            waiting = asyncio.create_task(second())
            await asyncio.sleep(1)
            order.append("first")
        await waiting
        async with get_client() as client:  # other tests share the server
            await client.delete_global_concurrency_limit_by_name(limits.BENCHMARK)

    asyncio.run(work())
    assert order == ["first", "second"]


def test_an_artifact_that_cannot_be_kept_fails_no_flow(prefect_server: str, home: Path) -> None:
    """Nor does one that is too large; links to files and texts that are long are kept."""
    from prefect import flow, get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    from slipstream.flows import artifacts

    @flow
    async def work() -> None:
        await artifacts.table("Not A Key", [{"a": 1}], "")
        await artifacts.image("large", b"x" * (artifacts.MAX_IMAGE + 1), "")
        await artifacts.table("long", [{"a": number} for number in range(1200)], "Rows.")
        await artifacts.report("text", "x" * (artifacts.MAX_TEXT + 1), "")
        await artifacts.link("link", Path("a b.html"), "report", "")
        await artifacts.image("image", b"\x89PNG", "")

    asyncio.run(work())
    names = ["Not A Key", "large", "long", "text", "link", "image"]
    only = ArtifactFilter(key=ArtifactFilterKey(any_=names))
    with get_client(sync_client=True) as client:
        kept = {artifact.key: artifact for artifact in client.read_artifacts(artifact_filter=only)}
    assert set(kept) == {"long", "text", "link", "image"}
    assert kept["long"].description == "Rows. The first 1,000 of 1,200 rows."
    assert str(kept["link"].data).startswith("[report](file:///")
    assert kept["image"].data == "data:image/png;base64,iVBORw=="


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
