"""What the simulated server tells about itself afterwards, and how its process lives."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import openai
import pytest

from slipstream.storage.errors import SlipError
from slipstream.tasks.benchmarking.simulate import Settings, Simulated, process, start
from tests.integration.simulated import (
    FAST,
    MESSAGES,
    ask,
    chat,
    post,
    raw,
    with_settings,
)


class TestTruth:
    def test_it_tells_what_was_planned_and_that_it_was_done(
        self, server: Simulated, client: openai.OpenAI
    ) -> None:
        headers = with_settings(ttft_ms=20, itl_ms=2, role_ms=3, reasoning_tokens=2)
        before = time.monotonic_ns()
        stream = client.chat.completions.create(
            model="simulated",
            messages=MESSAGES,
            max_tokens=6,
            stream=True,
            extra_headers=headers | {"x-request-id": "mine"},
        )
        list(stream)
        after = time.monotonic_ns()
        (truth,) = server.truth("mine")
        assert before < truth["read_ns"] < after
        plan = [(t - truth["read_ns"]) / 1e6 for t in truth["planned"]]
        assert plan == [3, 20, 22, 24, 26, 28, 30, 30]
        kinds = ["role", *["reasoning"] * 2, *["content"] * 4, "end"]
        assert (truth["kinds"], truth["tokens"]) == (kinds, [0, *[1] * 6, 0])
        for planned, begun, sent in zip(
            truth["planned"], truth["begun"], truth["sent"], strict=True
        ):
            assert planned <= begun <= sent < after
        assert (truth["finish"], truth["output_tokens"], truth["status"]) == ("length", 6, 200)

    def test_late_chunks_do_not_make_later_ones_late(self, server: Simulated) -> None:
        ask(server, "/v1/chat/completions", chat(stream=True, max_tokens=200))
        truth = server.truth()[-1]
        steps = {
            b - a for a, b in zip(truth["planned"][1:-1], truth["planned"][2:-1], strict=False)
        }
        assert steps == {1_000_000}

    def test_a_client_that_leaves_is_noted(self, server: Simulated, client: openai.OpenAI) -> None:
        stream = client.chat.completions.create(
            model="simulated",
            messages=MESSAGES,
            max_tokens=5000,
            stream=True,
            extra_headers={"x-request-id": "left"},
        )
        next(iter(stream))
        stream.close()
        deadline = time.monotonic() + 20
        while not server.truth("left")[0]["finish"] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.truth("left")[0]["finish"] == "gone"

    def test_it_is_kept_in_a_file_as_well(self, tmp_path: Path) -> None:
        file = tmp_path / "truth.jsonl"
        with start(Settings(**FAST, truth_file=str(file))) as running:
            for stream in (True, False):
                ask(running, "/v1/chat/completions", chat(stream=stream))
            ask(running, "/v1/embeddings", {"model": "simulated", "input": "a"})
            told = running.truth()
        assert [json.loads(line) for line in file.read_text().splitlines()] == told
        assert [record["path"].rpartition("/")[2] for record in told] == [
            "completions",
            "completions",
            "embeddings",
        ]

    def test_it_can_be_read_in_parts_and_forgotten(self) -> None:
        with start(Settings(**FAST)) as running:
            for _ in range(3):
                ask(running, "/v1/chat/completions", chat())
            assert [t["number"] for t in running.truth(since=1, limit=1)] == [1]
            running.clear()
            assert running.truth() == []

    def test_a_client_that_reads_slowly_gets_all(self, server: Simulated) -> None:
        """And the time of a chunk is when the system had really taken it."""
        port = int(server.root.rpartition(":")[2])
        headers = with_settings(itl_ms=0, tokens_per_chunk=10_000, context_length=2_000_000)
        request = post(chat(stream=True, max_tokens=1_500_000), Connection="close", **headers)
        received = b""
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            sock.connect(("127.0.0.1", port))
            sock.sendall(request)
            time.sleep(0.3)
            while data := sock.recv(65536):
                received += data
        assert b"[DONE]" in received
        truth = server.truth()[-1]
        assert all(truth["sent"])
        assert truth["sent"] == sorted(truth["sent"])

    def test_a_slow_reader_that_leaves_is_noted(self, server: Simulated) -> None:
        port = int(server.root.rpartition(":")[2])
        headers = with_settings(itl_ms=0, tokens_per_chunk=10_000, context_length=2_000_000)
        identity = {"x-request-id": "slow and gone"}
        request = post(chat(stream=True, max_tokens=1_500_000), **headers, **identity)
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            sock.connect(("127.0.0.1", port))
            sock.sendall(request)
            sock.recv(10)
        assert ask(server, "/health")[0] == 200

    def test_clients_that_leave_while_they_wait_are_noted(self) -> None:
        """In the queue, and while a body is made; those behind them are answered."""
        with start(Settings(ttft_ms=200, itl_ms=0, max_running=1)) as running:
            port = int(running.root.rpartition(":")[2])
            leaving = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
            for number, sock in enumerate(leaving):
                sock.sendall(post(chat(), **{"x-request-id": str(number)}))
                while not running.truth(str(number)):
                    time.sleep(0.01)
            for sock in leaving:
                sock.close()
            assert ask(running, "/v1/chat/completions", chat())[0] == 200
            assert [t["finish"] for t in running.truth()] == ["gone", "gone", "length"]

    def test_requests_may_be_sent_before_answers_have_come(self, server: Simulated) -> None:
        health = b"GET /health HTTP/1.1\r\nHost: a\r\n"
        many = health + b"\r\n"
        answers = raw(server, many * 3000 + health + b"Connection: close\r\n\r\n")
        assert answers.count(b"HTTP/1.1 200 OK") == 3001
        last = post(chat(max_tokens=3), Connection="close")
        answers = raw(server, post(chat(max_tokens=2)) + post(chat(stream=True)) + last)
        found = [answers.find(part) for part in (b'"completion_tokens": 2', b"[DONE]")]
        found.append(answers.find(b'"completion_tokens": 3'))
        assert -1 < found[0] < found[1] < found[2]


class TestProcess:
    def test_one_that_hangs_is_killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "_STOP_SECONDS", 0.2)
        running = start()
        os.kill(running.pid, signal.SIGSTOP)
        running.stop()
        with pytest.raises(ProcessLookupError):
            os.kill(running.pid, 0)

    def test_it_ends_with_the_process_that_started_it(self) -> None:
        program = (
            "from slipstream.tasks.benchmarking.simulate import start\n"
            "import os; print(start().pid, flush=True); os._exit(0)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        deadline = time.monotonic() + 20
        folder = Path(f"/proc/{int(done.stdout)}")
        while folder.exists() and "Z" not in self.state(folder) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not folder.exists() or "Z" in self.state(folder)

    def state(self, folder: Path) -> str:
        try:
            return (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return "Z"

    def test_a_port_that_is_taken_is_one_sentence(
        self, server: Simulated, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SlipError, match="did not start"):
            start(Settings(port=int(server.root.rpartition(":")[2])))
        told = capfd.readouterr().err
        assert "cannot be used" in told
        assert "Traceback" not in told

    @pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
    def test_the_program_serves_until_it_is_interrupted(self, ending: signal.Signals) -> None:
        command = [sys.executable, "-m", "slipstream.tasks.benchmarking.simulate", '{"port": 0}']
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
            assert served.stdout is not None
            url = served.stdout.readline().strip()
            with urllib.request.urlopen(url + "/models") as answer:
                assert answer.status == 200
            served.send_signal(ending)
            assert served.wait(20) == 0

    def test_wrong_settings_are_one_sentence(self) -> None:
        command = [sys.executable, "-m", "slipstream.tasks.benchmarking.simulate", '{"ttft": 1}']
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "'ttft'" in done.stderr
