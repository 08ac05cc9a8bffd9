"""What `slip up` takes beside Prefect's own server, and what each way to run a flow run costs.

    python benchmarks/orchestration.py [--starts 2] [--runs 10] [--only starts|runs]

Starts: `slip up` on a new data folder and again on the same, `prefect server start` on a home of
its own, in turns; the least of each counts. Runs: one flow whose own work takes a millisecond, on
one server, from its creation to its last state as a client sees it; the ways take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

from slipstream.flows import environment, server

SLIP = [sys.executable, "-m", "slipstream.cli"]
PREFECT = [sys.executable, "-m", "prefect", "server", "start", "--port"]
FLOW = "invalidate-cache"
PARAMETERS = {"parameters": {"prefix": "there is none", "dry_run": True}}
LIMIT = 180  # seconds for a start
LOOK = 0.005  # seconds between two looks of a client

Way = Callable[[], Awaitable[float]]


def plain() -> dict[str, str]:
    """The environment without a Prefect of the user's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}


def healthy(url: str, since: float) -> float:
    """Seconds until a server answers."""
    while not server.is_healthy(f"{url}/api"):
        if time.perf_counter() - since > LIMIT:
            raise SystemExit(f"{url} does not answer")
        time.sleep(0.02)
    return time.perf_counter() - since


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def start_prefect(home: Path) -> dict[str, float]:
    """Prefect's own server on a home: seconds until it answers."""
    port = free_port()
    env = plain() | {
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
    }
    since = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*PREFECT, str(port)], env=env, **quiet)  # type: ignore[call-overload]
    try:
        return {"healthy": healthy(f"http://127.0.0.1:{port}", since)}
    finally:
        process.terminate()
        process.wait()


def start_ours(home: Path) -> dict[str, float]:
    """`slip up` on a data folder: seconds until its server answers, and until all is served."""
    port = free_port()
    env = plain() | {"SLIPSTREAM_HOME": str(home)}
    since = time.perf_counter()
    process = subprocess.Popen([*SLIP, "-q", "up", "--port", str(port)], env=env)
    try:
        answers = healthy(f"http://127.0.0.1:{port}", since)
        process.wait(LIMIT)
        return {"healthy": answers, "served": time.perf_counter() - since}
    finally:
        subprocess.run([*SLIP, "-q", "down", "--cancel"], env=env, check=True)


def starts(folder: Path, turns: int) -> None:
    """Print what the starts take."""
    taken: dict[tuple[str, str, str], list[float]] = {}
    for _turn in range(turns):
        for who, start in (("prefect server start", start_prefect), ("slip up", start_ours)):
            home = folder / "start"
            for when in ("new", "again"):
                for what, seconds in start(home).items():
                    taken.setdefault((who, when, what), []).append(seconds)
            shutil.rmtree(home)
    for (who, when, what), times in taken.items():
        ratio = min(times) / min(taken["prefect server start", when, "healthy"])
        print(f"{who:22} {when:6} {what:8} {min(times):6.2f} s  ×{ratio:.2f}", flush=True)


async def created(client: Any, name: str, **more: Any) -> Any:
    deployment = await client.read_deployment_by_name(name)
    return await client.create_flow_run_from_deployment(
        deployment.id, parameters=PARAMETERS, **more
    )


async def ended(client: Any, identity: Any) -> None:
    while True:
        run = await client.read_flow_run(identity)
        if run.state.is_final():
            if not run.state.is_completed():
                raise SystemExit(f"a run ended as {run.state.name}: {run.state.message}")
            return
        await asyncio.sleep(LOOK)


async def ways(home: Path, stack: AsyncExitStack) -> dict[str, Way]:
    """Each way to run a flow run: seconds from its creation to its end."""
    from prefect import get_client
    from prefect.states import Pending

    from slipstream.flows import catalog, execute

    client = await stack.enter_async_context(get_client())
    flow = catalog.imported(FLOW)
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--only", "beside", stderr=asyncio.subprocess.DEVNULL
    )
    stack.callback(process.terminate)
    while not [d for d in await client.read_deployments() if d.name == "beside"]:
        await asyncio.sleep(0.1)

    async def timed(name: str, after: Callable[[Any], Awaitable[None]], **more: Any) -> float:
        since = time.perf_counter()
        run = await created(client, name, **more)
        await after(run)
        await ended(client, run.id)
        return time.perf_counter() - since

    async def forked(_run: Any) -> None:
        server.wake(home)

    async def new_process(run: Any) -> None:
        command = [sys.executable, "-m", "slipstream.flows.execute", FLOW]
        process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE)
        await process.communicate(run.model_dump_json().encode())

    async def in_process(run: Any) -> None:
        # In a thread: a runner that starts no process has to go on looking meanwhile.
        await asyncio.to_thread(execute.run, flow, run)

    async def nothing(_run: Any) -> None:
        return

    ours = f"{FLOW}/local"
    return {
        "Prefect's runner (looks every 0.5 s)": lambda: timed(f"{FLOW}/beside", nothing),
        "a new process of ours": lambda: timed(ours, new_process, state=Pending()),
        "slip up: a fork of the template": lambda: timed(ours, forked),
        "no process: a thread of the runner": lambda: timed(ours, in_process, state=Pending()),
    }


async def beside() -> None:
    """Serve the flow as Prefect does, which starts Python for each run."""
    from prefect.deployments.runner import RunnerDeployment
    from prefect.runner import Runner
    from prefect.types.entrypoint import EntrypointType

    from slipstream.flows import catalog

    runner = Runner("beside", query_seconds=0.5, pause_on_shutdown=False)
    await runner.aadd_deployment(
        RunnerDeployment.from_flow(
            catalog.imported(FLOW), "beside", entrypoint_type=EntrypointType.MODULE_PATH
        )
    )
    await runner.start()


async def runs(home: Path, count: int) -> None:
    """Print what the ways to run take."""
    async with AsyncExitStack() as stack:
        found = await ways(home, stack)
        taken: dict[str, list[float]] = {name: [] for name in found}
        for turn in range(count + 1):
            for name, way in found.items():
                seconds = await way()
                if turn:  # the first one of each imports and connects
                    taken[name].append(seconds)
        for name, times in taken.items():
            print(f"{name:38} median {median(times):5.2f} s  least {min(times):5.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=2)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--only", choices=("starts", "runs", "beside"))
    options = parser.parse_args()
    if options.only == "beside":  # a process of this script's own
        asyncio.run(beside())
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.only != "runs":
            starts(folder, options.starts)
        if options.only != "starts":
            home = folder / "home"
            env = plain() | {"SLIPSTREAM_HOME": str(home)}
            subprocess.run([*SLIP, "-q", "up", "--port", "0"], env=env, check=True)
            try:
                found = server.running(home)
                assert found is not None
                os.environ.update(environment.for_children(home, found.api_url))
                asyncio.run(runs(home, options.runs))
            finally:
                subprocess.run([*SLIP, "-q", "down", "--cancel"], env=env, check=True)


if __name__ == "__main__":
    main()
