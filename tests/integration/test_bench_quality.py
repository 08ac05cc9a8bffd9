"""Code and explanations asked of a server, judged, kept and shown."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from slipstream.storage import bench, bench_answers, results
from slipstream.storage.bench_answers import PENDING
from slipstream.tasks.benchmarking.quality import case, sandbox

held = pytest.mark.skipif(
    bool(sandbox.missing()), reason=f"needs what this platform cannot limit: {sandbox.missing()}"
)


class Scholar(BaseHTTPRequestHandler):
    """Answers with what `ANSWERS` has for the last message."""

    answers: dict[str, str]

    def do_GET(self) -> None:
        """Lists one model."""
        self._send({"object": "list", "data": [{"id": "scholar", "object": "model"}]})

    def do_POST(self) -> None:
        """Answers at once, as one stream of one chunk."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.path.endswith("/chat/completions"):
            self.send_error(404)
            return
        text = self.answers.get(asked["messages"][-1]["content"], "I do not know.")
        chunk = {
            "id": "1", "object": "chat.completion.chunk", "created": 0, "model": "scholar",
            "choices": [
                {"index": 0, "delta": {"role": "assistant", "content": text},
                 "finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
        }  # fmt: skip
        data = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _send(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def url() -> Iterator[str]:
    """A server that answers every shipped task by its reference, but one of each kind."""
    answers: dict[str, str] = {}
    for kind in ("code", "explain"):
        first, *others = case.load(kind, kind)[0].cases
        fence = "```python\n{}```" if kind == "code" else "{}"
        answers |= {task.prompt: fence.format(task.reference) for task in others}
        answers[first.prompt] = "```python\ndef human_size(count): return ''\n```"
    handler = type("Answering", (Scholar,), {"answers": answers})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@held
def test_answers_are_judged_kept_and_shown(url: str, home: Path, slip: Any, tmp_path: Path) -> None:
    """With the share that is right, by category, and the reason of each that is not."""
    suite = tmp_path / "few.yaml"
    suite.write_text(
        "version: 1\nname: few\nbenchmarks:\n"
        " - {name: code, family: code, ids: [human-size, roman, flatten, retry]}\n"
        " - {name: explain, family: explain}\n"
    )
    done = slip("bench", "run", "-s", str(suite), "--base-url", url, "--no-calibrate", "--json")
    assert done.returncode == 0, done.stderr
    cells = {cell["benchmark"]: cell for cell in json.loads(done.stdout)["cells"]}
    for name, count in (("code", 4), ("explain", 12)):
        figures = {(m["name"], m["statistic"]): m for m in cells[name]["metrics"]}
        assert figures["accuracy", "value"]["value"] == pytest.approx((count - 1) / count)
        assert figures["accuracy", "value"]["size"] == count
        assert ("accuracy", "layer extraction") in figures
    with results.opened(home) as connection:
        (run,) = bench.runs(connection)
        rows = [
            row
            for cell in bench.cells(connection, run.id)
            for row in bench_answers.answers(connection, cell.id)
        ]
    wrong = {row.case_id: row.layer for row in rows if row.layer != "right"}
    assert wrong == {"human-size": "tests", "mutable-default": "facts"}
    shown = slip("bench", "show", "--failures")
    assert "human-size" in shown.stdout
    assert "fails: AssertionError" in shown.stdout


@held
def test_what_was_not_judged_before_a_kill_is_judged_by_the_next(
    url: str, home: Path, slip: Any
) -> None:
    """Without asking again."""
    slip("bench", "run", "-s", "quality", "-b", "explain", "--base-url", url, "--no-calibrate")
    with results.opened(home) as connection:
        (run,) = bench.runs(connection)
        (cell,) = bench.cells(connection, run.id)
        for row in bench_answers.answers(connection, cell.id):
            pending = row._replace(layer=PENDING, score=0.0, reason="")
            bench_answers.replace(connection, cell.id, pending)
        bench.save_cell(connection, run.id, cell._replace(state="cancelled"))
        bench.save_run(connection, run._replace(state="cancelled"))
    done = slip("bench", "run", "--resume", "latest", "--no-calibrate", "--json")
    assert done.returncode == 0, done.stderr
    with results.opened(home) as connection:
        found = [row.layer for row in bench_answers.answers(connection, cell.id)]
        samples = list(bench.samples(connection, cell.id))
    assert sorted(found) == sorted(["right"] * 11 + ["facts"])
    assert sum(sample.phase == "measured" for sample in samples) == 12


def test_a_flow_does_not_run_code_without_limits(slip: Any) -> None:
    """A schedule has nobody to ask."""
    done = slip("bench", "run", "--flow", "--allow-unlimited")
    assert done.returncode == 2
    assert "--allow-unlimited" in done.stderr
