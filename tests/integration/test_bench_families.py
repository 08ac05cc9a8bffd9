"""Families of benchmarks that start servers, send batches, or run a function of the user's own."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
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

from slipstream.storage import bench, database
from slipstream.storage.bench import CellRecord, RunRecord
from slipstream.storage.config.endpoints import resolve
from slipstream.storage.errors import SlipError, UsageError
from slipstream.tasks.benchmarking import clients, export, start
from slipstream.tasks.benchmarking import run as runs
from slipstream.tasks.benchmarking import suite as suites
from slipstream.tasks.benchmarking.clients import Clients
from slipstream.tasks.benchmarking.model import Waits
from slipstream.tasks.benchmarking.run import Options
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.process import Simulated
from slipstream.tasks.benchmarking.simulate.settings import Settings
from slipstream.tasks.benchmarking.start import CannotUnload, Command
from slipstream.tasks.benchmarking.suite import Suite
from slipstream.tasks.benchmarking.target import Server, Target
from tests.unit.compare import made

FUNCTIONS = """
import os, time

def requests(settings):
    print("not for the terminal")
    for number in range(100):
        yield {"messages": [{"role": "user", "content": f"{number}"}], "max_tokens": 3}

def wrong(settings):
    yield {"messages": [], "nonsense": 1}

def nothing(settings):
    return []

def text(settings):
    yield "text"

def fails(settings):
    yield {"messages": []}
    raise ValueError("as it\\nlikes")

def dies(settings):
    os.write(2, b"the last words\\n")
    os._exit(3)

def samples(settings):
    for number in range(settings["iterations"] + 5):
        begun = time.perf_counter_ns()
        yield {"sent_ns": begun, "ended_ns": begun + 9_000_000, "chunk_ns": [5_000_000],
               "output_tokens": 4, "fault": "empty" if number == 1 else None}

def backwards(settings):
    yield {"sent_ns": 2, "ended_ns": 1}

def slow(settings):
    yield {"sent_ns": 1, "ended_ns": 2}
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Simulated]:
    with process.start(Settings(ttft_ms=3, itl_ms=0.5)) as running:
        yield running


def target(url: str) -> Target:
    return Target(url, resolve(url, "air-gapped"))


def suite(*benchmarks: dict[str, Any]) -> Suite:
    named = [{"name": f"b{n}", **b} for n, b in enumerate(benchmarks)]
    return suites.parse(json.dumps({"name": "test", "benchmarks": named}), "test")


def own(tmp_path: Path, *benchmarks: dict[str, Any]) -> Suite:
    """A suite of the user's own, whose functions stand beside it."""
    (tmp_path / "mine_of_the_test.py").write_text(FUNCTIONS)
    file = tmp_path / "mine.json"
    named = [
        {"name": f"b{n}", "family": "custom", "warmup": 0, "iterations": 3, **b}
        for n, b in enumerate(benchmarks)
    ]
    file.write_text(json.dumps({"name": "mine", "benchmarks": named}))
    return suites.load(str(file))


def measured(home: Path, url: str, what: Suite, **more: Any) -> RunRecord:
    how = Options(target(url), waits=Waits(2, 2), **more)
    return asyncio.run(runs.measure(home, runs.begin(home, what, how), how))


def cells(home: Path, run: str) -> list[CellRecord]:
    with closing(database.connect(home)) as connection:
        return bench.cells(connection, run)


def figures(home: Path, cell: int) -> dict[tuple[str, str], float]:
    with closing(database.connect(home)) as connection:
        return {(m.name, m.statistic): m.value for m in bench.metrics(connection, cell)}


def free_url() -> tuple[str, tuple[str, ...]]:
    """Where nothing listens yet, and a command that starts a simulated server there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    told = json.dumps({"port": port, "start_ms": 150, "ttft_ms": 20})
    module = "slipstream.tasks.benchmarking.simulate"
    return f"http://127.0.0.1:{port}/v1", (sys.executable, "-m", module, told)


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are started find the modules."""
    monkeypatch.setenv("PYTHONPATH", clients.module_environment()["PYTHONPATH"])


@pytest.mark.usefixtures("places")
def test_cold_starts_are_timed_from_the_command_to_the_first_token(home: Path) -> None:
    """And the server is ended with the run."""
    url, command = free_url()
    what = suite({"family": "start", "cold": True, "iterations": 2}, {"family": "start"})
    run = measured(home, url, what, server_command=command)
    cold, warm = cells(home, run.id)
    assert (cold.state, warm.state) == ("done", "done")
    found = figures(home, cold.id)
    assert found["ready", "min"] >= 150
    assert found["first_token", "min"] >= found["ready", "min"] + 20
    assert found["first_token", "p50"] > found["ttft", "p50"]
    assert ("dispatch_lag", "p50") not in found
    assert ("ready", "p50") not in figures(home, warm.id)
    assert start._answers(target(url)) is None


@pytest.mark.usefixtures("places")
def test_commands_that_start_no_server_are_one_sentence(home: Path, server: Simulated) -> None:
    what = suite({"family": "start", "cold": True})
    url, command = free_url()
    with pytest.raises(UsageError, match=r"/no/such cannot be started: No such file"):
        measured(home, url, what, server_command=("/no/such",))
    code = "import sys; print('why it ended'); sys.exit(7)"
    with pytest.raises(SlipError, match=r"ended with status 7 .* \(why it ended\)\."):
        measured(home, url, what, server_command=(sys.executable, "-c", code))
    with pytest.raises(SlipError, match=r"A server answers at .* already"):
        measured(home, server.base_url, what, server_command=command)


def runs_still(pid: int) -> bool:
    """Whether a process is there, and not merely waiting for its parent to look."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return done.stdout.strip()[:1] not in ("", "Z")


def test_all_that_a_command_started_is_ended_also_what_does_not_listen(home: Path) -> None:
    url, _ = free_url()
    code = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )

    async def work() -> int:
        command = Command((sys.executable, "-c", code), target(url), home)
        stop = asyncio.Event()
        starting = asyncio.create_task(command.start(stop))
        log = home / "bench" / start.LOG
        while not (log.exists() and log.read_text().endswith("\n")):
            await asyncio.sleep(0.02)
        stop.set()
        await starting
        await command.end()
        assert log.stat().st_mode & 0o777 == 0o600
        return int(log.read_text())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(start, "END_SECONDS", 0.2)
        child = asyncio.run(work())
    until = time.monotonic() + 10  # a killed process takes a moment to end
    while runs_still(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert not runs_still(child)


def test_a_cold_start_that_cannot_be_had_is_skipped_and_said(home: Path, server: Simulated) -> None:
    what = suite({"family": "start", "cold": True}, {"family": "start", "iterations": 2})
    run = measured(home, server.base_url, what)
    cold, warm = cells(home, run.id)
    assert (cold.state, warm.state, run.state) == ("skipped", "done", "done")
    assert "--server-command" in cold.reason


class Ollama(http.server.BaseHTTPRequestHandler):
    """Its two endpoints for loaded models."""

    loaded = 3

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert asked == {"model": "m", "keep_alive": 0}
        self.answer({"done_reason": "unload"})

    def do_GET(self) -> None:
        Ollama.loaded -= 1
        self.answer({"models": [{"name": "m"}] if Ollama.loaded > 0 else []})

    def answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200 if self.path.startswith("/api/") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_ollama_is_asked_to_unload_its_model_and_waited_for() -> None:
    told = Server("Ollama", "1", ("m",), "m", {}, None, "")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ollama) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        where = target(f"http://127.0.0.1:{listening.server_port}/v1")
        asyncio.run(start.unload(where, told, asyncio.Event()))
        assert Ollama.loaded == 0
        with pytest.raises(CannotUnload):
            asyncio.run(start.unload(where, told._replace(name="vLLM"), asyncio.Event()))
        listening.shutdown()


def test_what_a_token_a_prompt_and_a_batch_cost_alone(home: Path, server: Simulated) -> None:
    """By default after 5 requests that do not count, with 100."""
    alone = suite({"family": "single_token"}).benchmarks[0]
    assert (alone.warmup, alone.iterations, alone.output_tokens) == (5, 100, 1)
    what = suite(
        {"family": "prompt_encoding", "prompt_tokens": [64], "iterations": 4, "warmup": 1},
        {"family": "batch", "concurrency": [3], "iterations": 4, "warmup": 1, "output_tokens": 4},
    )
    run = measured(home, server.base_url, what)
    encoding, batch = cells(home, run.id)
    found = figures(home, encoding.id)
    assert 0 < found["encoding", "p50"] <= 64 / 0.003
    found = figures(home, batch.id)
    assert found["batch", "min"] >= found["e2e", "min"]
    with closing(database.connect(home)) as connection:
        (size,) = {m.size for m in bench.metrics(connection, batch.id) if m.name == "batch"}
        rows = list(bench.samples(connection, batch.id))
    assert size == 4
    measured_rows = sorted((r for r in rows if r.phase == "measured"), key=lambda r: r.number)
    assert [row.number for row in measured_rows] == list(range(12))
    for before, after in zip(measured_rows[:9:3], measured_rows[3::3], strict=True):
        assert after.sent_ns > before.ended_ns


def test_functions_of_ones_own_give_requests_or_samples(
    home: Path, server: Simulated, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    what = own(
        tmp_path,
        {"entry": "mine_of_the_test:requests", "concurrency": [2], "warmup": 1},
        {"entry": "mine_of_the_test:samples", "gives": "samples", "iterations": 4},
    )
    run = measured(home, server.base_url, what)
    sent, made = cells(home, run.id)
    assert (sent.state, made.state) == ("done", "done")
    assert figures(home, sent.id)["completion_tokens", "mean"] == 3
    found = figures(home, made.id)
    assert found["ttft", "p50"] == 5
    assert found["e2e", "p50"] == 9
    assert found["error_rate", "value"] == 0.25
    assert "not for the terminal" not in "".join(capfd.readouterr())


def test_functions_that_are_wrong_are_one_sentence_each_and_the_suite_goes_on(
    home: Path, server: Simulated, tmp_path: Path
) -> None:
    module = "mine_of_the_test"
    expected = {
        f"{module}:wrong": "gives a request that the client does not take",
        f"{module}:nothing": "gives no request.",
        f"{module}:text": "gives something that is no object with names.",
        f"{module}:fails": "failed (ValueError: as it likes).",
        f"{module}:dies": "ended its process: the last words.",
        f"{module}:missing": "failed (AttributeError",
        "no_such_module:x": "failed (ModuleNotFoundError",
    }
    what = own(
        tmp_path,
        *({"entry": entry} for entry in expected),
        {"entry": f"{module}:backwards", "gives": "samples"},
        {"entry": f"{module}:slow", "gives": "samples", "limit_s": 1},
    )
    run = measured(home, server.base_url, what)
    *wrong, backwards, slow = cells(home, run.id)
    for cell, (entry, words) in zip(wrong, expected.items(), strict=True):
        assert cell.state == "failed"
        assert cell.reason.startswith(f"{entry} {words}"), cell.reason
    assert "ends before it begins" in backwards.reason
    assert (slow.state, slow.reason) == ("done", "The limit of 1 s was reached.")
    assert run.state == "done"


def test_a_run_with_code_is_not_resumed_whoever_brought_it(
    home: Path, server: Simulated, tmp_path: Path
) -> None:
    """An imported run would otherwise run code that nobody named."""
    what = own(tmp_path, {"entry": "mine_of_the_test:requests"})
    how = Options(target(server.base_url))
    run = runs.begin(home, what, how)._replace(state="cancelled")
    with closing(database.connect(home)) as connection:
        bench.save_run(connection, run)
        told = json.dumps(export.to_json(connection, run, samples=True), default=str)
        bench.delete(connection, run.id)
        export.from_json(connection, told, "file")
    with pytest.raises(UsageError, match="runs code of its suite and is not resumed"):
        asyncio.run(runs.measure(home, run, how))


@pytest.mark.parametrize("figure", ["NaN", "Infinity"])
def test_a_run_with_a_figure_that_is_no_number_is_not_imported(home: Path, figure: str) -> None:
    """Nothing of it is kept."""
    with closing(database.connect(home)) as connection:
        run = made.run(connection, "a" * 12, {"concurrency=1": made.samples(1, 3)})
        told = export.to_json(connection, run, samples=False)
        told["cells"][0]["metrics"][0]["value"] = float(figure)
        bench.delete(connection, run.id)
        with pytest.raises(UsageError, match="file is not a run that"):
            export.from_json(connection, json.dumps(told), "file")
        assert bench.run(connection, run.id) is None


def test_more_client_processes_are_tried_while_cores_allow(home: Path, server: Simulated) -> None:
    tried: list[int] = []

    async def limit(_cell: Any, started: Clients) -> str:
        tried.append(len(started))
        return "too many" if len(started) == 1 else ""

    what = suite({"concurrency": [4], "iterations": 4, "output_tokens": 2})
    how = Options(target(server.base_url), waits=Waits(2, 2))
    run = asyncio.run(runs.measure(home, runs.begin(home, what, how), how, limit=limit))
    several = (os.cpu_count() or 1) > 1
    assert tried == ([1, 2] if several else [1])
    assert cells(home, run.id)[0].withheld == ("" if several else "too many")
    tried.clear()
    alone = how._replace(processes=1)
    run = asyncio.run(runs.measure(home, runs.begin(home, what, alone), alone, limit=limit))
    assert tried == [1]
    assert cells(home, run.id)[0].withheld == "too many"
