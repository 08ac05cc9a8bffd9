"""`slip bench tools` against the simulated server: asked, judged, kept, shown, gone on with."""

from __future__ import annotations

import asyncio
import csv
import http.server
import io
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slipstream.cli.main import main
from slipstream.storage import bench, bench_answers, results
from slipstream.storage.bench import RunRecord
from slipstream.storage.bench_answers import AnswerRow
from slipstream.storage.config.endpoints import resolve
from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking import run as runs
from slipstream.tasks.benchmarking import suite as suites
from slipstream.tasks.benchmarking.model import Waits
from slipstream.tasks.benchmarking.run import Options, Watcher
from slipstream.tasks.benchmarking.simulate import process
from slipstream.tasks.benchmarking.simulate.process import Simulated
from slipstream.tasks.benchmarking.simulate.settings import parse
from slipstream.tasks.benchmarking.target import Target

Here = Callable[..., subprocess.CompletedProcess[str]]
QUICK: dict[str, Any] = {"ttft_ms": 1, "itl_ms": 0, "output_tokens": 4}
TOOLS = [
    {"name": name, "parameters": {"type": "object", "properties": {"path": {"type": "string"}},
                                  "required": ["path"]}}
    for name in ("read", "list", "remove")
]  # fmt: skip


def cases(tmp_path: Path, count: int = 12) -> str:
    """A file of cases; every fourth one wants no call."""
    made = [
        {"id": f"c{n}", "prompt": f"Question {n}.", "category": "none" if n % 4 == 3 else "simple",
         "answers": [[] if n % 4 == 3 else [{"name": "read", "arguments": {"path": [f"{n}.py"]}}]]}
        for n in range(count)
    ]  # fmt: skip
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"version": 1, "name": "mine", "tools": TOOLS, "cases": made}))
    return str(file)


@pytest.fixture(scope="module")
def server() -> Iterator[Simulated]:
    """It makes no mistake."""
    with process.start(parse(QUICK)) as running:
        yield running


@pytest.fixture
def here(home: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    """Runs `slip bench tools` in this process, which has imported all it needs."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        status = main(["bench", *arguments])
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, said.out, said.err)

    return run


def shares(text: str) -> dict[str, tuple[str, str, str]]:
    """The table of shares: of each line what is right, of how many, and the share."""
    table = text[text.index("accuracy\t") :].split("\n\n")[0]
    rows = csv.DictReader(io.StringIO(table), delimiter="\t")
    return {row["accuracy"]: (row["right"], row["of"], row["share"]) for row in rows}


def answers(home: Path, run: str) -> list[AnswerRow]:
    with results.opened(home) as connection:
        return [
            row
            for cell in bench.cells(connection, run)
            for row in bench_answers.answers(connection, cell.id)
        ]


def newest(home: Path) -> RunRecord:
    with results.opened(home) as connection:
        return bench.runs(connection, 1)[0]


def test_right_calls_are_counted_as_such_and_kept(
    here: Here, home: Path, server: Simulated, tmp_path: Path
) -> None:
    file = cases(tmp_path)
    done = here("tools", "-s", file, "--base-url", server.base_url, "--repeats", "2", "--tag", "t")
    assert done.returncode == 0, done.stderr
    found = shares(done.stdout)
    assert found["all"] == ("24", "24", "100.0%")
    assert found["category none"] == ("6", "6", "100.0%")
    assert found["layer extraction"] == ("18", "18", "100.0%")
    assert found["pass^2"] == ("12", "12", "100.0%")
    assert found["flaky"] == ("0", "12", "0.0%")
    assert "12 cases of " in done.stderr
    run = newest(home)
    assert (run.suite, run.state) == ("tools-mine", "done")
    assert Counter(row.case_id for row in answers(home, run.id)) == {f"c{n}": 2 for n in range(12)}
    shown = here("show", "t", "--failures")
    assert shares(shown.stdout) == found


def test_mistakes_are_explained(here: Here, home: Path, tmp_path: Path) -> None:
    """Mistakes of each kind; what failed is in no share.

    One request at a time, since the server draws its mistakes by the number of the request.
    """
    settings = {"tool_right": 0.25, "tool_wrong_name": 0.25, "tool_wrong_arguments": 0.25,
                "tool_malformed": 0.25, "errors": {"server_error": 0.2}}  # fmt: skip
    with process.start(parse(QUICK | settings)) as server:
        file = cases(tmp_path, 40)
        asked = ("tools", "-s", file, "--base-url", server.base_url, "--parallel", "1")
        done = here(*asked, "--fail-under", "0.5")
        assert done.returncode == 1
        assert "below 50.0%." in done.stderr
        found = Counter(row.layer for row in answers(home, newest(home).id))
        assert set(found) == {"right", "failed", "tool", "missing", "json", "unwanted"}
        assert shares(done.stdout)["all"][1] == str(40 - found["failed"])
        assert f"{found['failed']} of 40 requests failed" in done.stderr
        told = json.loads(here(*asked, "--category", "simple", "--json").stdout)
    (one,) = told["benchmarks"]
    assert one["answered"] + one["failed"] == len(one["answers"]) == 30
    for answer in one["answers"]:
        assert answer["expected"][0][0]["name"] == "read"
        if answer["layer"] == "missing":
            assert answer["reason"].startswith("read: the argument path is missing")
    blocks = here("show", "latest", "--failures").stdout
    for row in answers(home, told["run"]):
        assert (f"{row.case_id} (" in blocks) is (row.layer not in ("right", "failed"))
    assert "  called   read({" in blocks
    assert "  expected read(path=" in blocks


@pytest.mark.parametrize("form", ["hermes", "json", "fenced", "pythonic"])
def test_calls_that_are_written_into_the_text_are_read(form: str, here: Here, home: Path) -> None:
    """All that our own hard cases ask for, quotes and line breaks included."""
    with process.start(parse(QUICK | {"tool_text": form})) as server:
        done = here(
            "tools", "--base-url", server.base_url, "--category", "edge", "--category", "parallel"
        )
    assert done.returncode == 0, done.stderr
    assert shares(done.stdout)["all"] == ("38", "38", "100.0%")
    assert {row.form for row in answers(home, newest(home).id)} == {form}


class Refusing(http.server.BaseHTTPRequestHandler):
    """A server that takes no tools, in vLLM's words."""

    def do_GET(self) -> None:
        self._reply(200, {"object": "list", "data": [{"id": "m", "owned_by": "vllm"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/chat/completions") and "tools" in body:
            words = '"auto" tool choice requires --enable-auto-tool-choice to be set'
            self._reply(400, {"error": {"message": words, "code": 400}})
        elif self.path.endswith("/chat/completions"):
            usage = {"prompt_tokens": 3, "completion_tokens": 1}
            choice = {"message": {"content": "Hi"}, "finish_reason": "stop"}
            self._reply(200, {"choices": [choice], "usage": usage})
        else:
            self._reply(404, {})

    def _reply(self, status: int, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def refusing() -> Iterator[str]:
    """Where a server answers that takes no tools."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def options(url: str) -> Options:
    return Options(Target(url, resolve(url, "air-gapped")), waits=Waits(10, 30))


def suite(*benchmarks: dict[str, Any]) -> suites.Suite:
    return suites.parse(json.dumps({"name": "test", "benchmarks": benchmarks}), "test")


def test_a_server_that_takes_no_tools_is_named_and_ends_that_benchmark_alone(
    here: Here, home: Path, refusing: str, tmp_path: Path
) -> None:
    file = cases(tmp_path, 40)
    done = here("tools", "-s", file, "--base-url", refusing)
    assert done.returncode == 1
    assert "was answered: The server takes no requests with tools; start it with" in done.stderr
    both = suite(
        {"name": "tools", "family": "tools", "cases": file},
        {"name": "chat", "concurrency": [1], "iterations": 2, "warmup": 0},
    )
    how = options(refusing)
    run = asyncio.run(runs.measure(home, runs.begin(home, both, how), how))
    with results.opened(home) as connection:
        states = {cell.benchmark: cell.state for cell in bench.cells(connection, run.id)}
    assert (run.state, states) == ("done", {"tools": "stopped", "chat": "done"})


def test_where_no_request_is_answered_the_command_fails(here: Here, tmp_path: Path) -> None:
    with process.start(parse(QUICK | {"errors": {"server_error": 1}})) as server:
        done = here("tools", "-s", cases(tmp_path), "--base-url", server.base_url)
    assert done.returncode == 1
    assert "No request of mine was answered" in done.stderr
    assert "12 × server_error" in done.stderr


def cut_off(home: Path, url: str, file: str) -> tuple[RunRecord, Options]:
    """A run that was cancelled after a few of its requests."""
    how = options(url)
    plan = suite({"name": "mine", "family": "tools", "cases": file, "repeats": 3})

    async def work() -> RunRecord:
        cancelled = asyncio.Event()
        watcher = Watcher(progress=lambda p: cancelled.set() if p.done >= 7 else None)
        return await runs.measure(home, runs.begin(home, plan, how), how, watcher, cancelled)

    return asyncio.run(work()), how


def test_a_run_that_was_cut_off_asks_what_is_missing_and_nothing_twice(
    home: Path, server: Simulated, tmp_path: Path
) -> None:
    file = cases(tmp_path)
    run, how = cut_off(home, server.base_url, file)
    assert run.state == "cancelled"
    before = answers(home, run.id)
    assert 7 <= len(before) < 36
    run = asyncio.run(runs.measure(home, run, how))
    after = answers(home, run.id)
    assert run.state == "done"
    assert [row.number for row in after] == list(range(36))
    assert Counter((row.case_id, row.attempt) for row in after) == {
        (f"c{n}", attempt): 1 for n in range(12) for attempt in range(3)
    }
    assert [row for row in after if row.number in {b.number for b in before}] == before


def test_a_run_does_not_go_on_with_other_cases(
    home: Path, server: Simulated, tmp_path: Path
) -> None:
    file = cases(tmp_path)
    run, how = cut_off(home, server.base_url, file)
    cases(tmp_path, 13)
    with pytest.raises(UsageError, match="are not those that the run began with"):
        asyncio.run(runs.measure(home, run, how))


def test_a_killed_command_is_gone_on_with(
    here: Here, home: Path, tmp_path: Path, unmeasured: None
) -> None:
    """Each answer stands beside its sample, whenever the kill came.

    The server is so slow that the kill comes in time; it has ended when the run goes on, which is
    then at a new simulated one.
    """
    with process.start(parse(QUICK | {"ttft_ms": 1000})) as server:
        command = [sys.executable, "-m", "slipstream.cli", "bench", "tools", "-s"]
        command += [cases(tmp_path, 16), "--base-url", server.base_url, "--parallel", "2"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
            give_up = time.monotonic() + 60
            while time.monotonic() < give_up and running.poll() is None:
                if (home / "outputs.db").exists() and _some(home):
                    break
                time.sleep(0.05)
            running.send_signal(signal.SIGKILL)
    run = newest(home)
    with results.opened(home) as connection:
        (cell,) = bench.cells(connection, run.id)
        measured = {s.number for s in bench.samples(connection, cell.id) if s.phase == "measured"}
    assert {row.number for row in answers(home, run.id)} == measured
    assert 0 < len(measured) < 16
    done = here("tools", "--resume", "latest")
    assert done.returncode == 0, done.stderr
    assert shares(done.stdout)["all"] == ("16", "16", "100.0%")


def _some(home: Path) -> bool:
    with results.opened(home) as connection:
        found = bench.runs(connection, 1)
        return any(
            bench_answers.answers(connection, cell.id)
            for run in found
            for cell in bench.cells(connection, run.id)
        )


def test_answers_are_exported_and_imported_with_their_run(
    here: Here, home: Path, server: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here("tools", "-s", cases(tmp_path), "--base-url", server.base_url).returncode == 0
    before = answers(home, newest(home).id)
    file = tmp_path / "run.json"
    assert here("export", "-o", str(file)).returncode == 0
    other = tmp_path / "other"
    monkeypatch.setenv("SLIPSTREAM_HOME", str(other))
    done = here("import", str(file))
    assert done.returncode == 0, done.stderr
    assert answers(other, done.stdout.strip()) == before
    assert shares(here("show").stdout)["all"] == ("12", "12", "100.0%")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cases": []}, "cases: "),
        ({"tools": [{"name": "read", "parameters": {"type": "object", "properties": 5}}]},
         "tools[0].parameters: properties is not JSON Schema"),
        ({"cases": [{"id": "a", "prompt": "?", "category": "x", "answers": [[]]}] * 2},
         "cases[1].id: 'a' is the id of cases[0] too."),
        ({"cases": [{"id": "a", "prompt": "?", "category": "x"}]}, "cases[0].answers: "),
    ],
    ids=["no case", "no schema", "twice", "no answer"],
)  # fmt: skip
def test_a_wrong_file_of_cases_is_refused_with_the_place(
    change: dict[str, Any], sentence: str, here: Here, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.json"
    right = {"version": 1, "name": "mine", "cases": [{"id": "a", "prompt": "?", "category": "x",
                                                      "answers": [[]]}]}  # fmt: skip
    file.write_text(json.dumps(right))
    assert here("tools", "--check", str(file)).stdout == f"{file} is valid: 1 cases.\n"
    file.write_text(json.dumps(right | change))
    for arguments in (["--check", str(file)], ["-s", str(file)]):
        done = here("tools", *arguments)
        assert done.returncode == 2
        assert f"{file}: {sentence}" in done.stderr


def test_a_file_that_is_none_is_refused(here: Here, tmp_path: Path) -> None:
    file = tmp_path / "empty.json"
    file.write_text("")
    assert "is not JSON" in here("tools", "--check", str(file)).stderr
    missing = here("tools", "-s", str(tmp_path / "none.json"))
    assert (missing.returncode, "cannot be read" in missing.stderr) == (2, True)
    assert "There are no cases nonsense" in here("tools", "-s", "nonsense").stderr
    assert here("tools", "--resume", "latest", "-s", "coding").returncode == 2


def test_a_run_of_other_benchmarks_is_not_gone_on_with(
    here: Here, home: Path, server: Simulated
) -> None:
    how = options(server.base_url)
    run = runs.begin(home, suite({"name": "chat", "concurrency": [1]}), how)
    with results.opened(home) as connection:
        bench.save_run(connection, run)
    done = here("tools", "--resume", "latest")
    assert (done.returncode, "use `slip bench run --resume`" in done.stderr) == (2, True)


def test_cases_are_listed(here: Here, tmp_path: Path) -> None:
    names = [row["cases"] for row in json.loads(here("tools", "--list", "--json").stdout)]
    assert "coding" in names
    listed = here("tools", "--list", "-s", cases(tmp_path)).stdout.splitlines()
    assert listed[1].split("\t")[:4] == ["c0", "simple", "medium", "read"]
    assert len(listed) == 13
    assert json.loads(here("tools", "--schema").stdout)["title"] == "Cases"
    assert "118" in here("list", "tools").stdout
