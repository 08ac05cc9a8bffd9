"""The simulated server's faults: each kind of error is what a client would meet."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import openai
import pytest

from slipstream.tasks.benchmarking.simulate import Settings, Simulated, start
from tests.integration.simulated import (
    FAST,
    MESSAGES,
    ask,
    chat,
    post,
    raw,
    with_settings,
)


class TestFaults:
    """Each kind of error is what a client would meet."""

    @pytest.mark.parametrize(
        ("kind", "status"),
        [
            ("rate_limit", 429),
            ("server_error", 500),
            ("loading", 503),
            ("not_found", 404),
            ("unauthorized", 401),
        ],
    )
    def test_a_status_comes_with_a_message(self, server: Simulated, kind: str, status: int) -> None:
        headers = with_settings(errors={kind: 1}, retry_after_s=7)
        got, data, told = ask(server, "/v1/chat/completions", chat(), **headers)
        assert (got, bool(json.loads(data)["error"]["message"])) == (status, True)
        assert told["Retry-After"] == ("7" if kind == "rate_limit" else None)
        assert server.truth()[-1] | {"error": kind, "status": status} == server.truth()[-1]

    def stream(self, server: Simulated, kind: str, **more: Any) -> bytes:
        headers = with_settings(errors={kind: 1}, error_at=0.5, **more)
        return raw(server, post(chat(stream=True), Connection="close", **headers))

    def test_a_redirect_leads_to_another_host(self, server: Simulated) -> None:
        received = self.stream(server, "redirect")
        port = server.root.rpartition(":")[2]
        assert received.startswith(b"HTTP/1.1 307 ")
        assert b"Location: http://localhost:" in received
        assert port.isdecimal()

    def test_a_page_in_place_of_an_answer(self, server: Simulated) -> None:
        received = self.stream(server, "html")
        assert b"Content-Type: text/html" in received
        assert received.endswith(b"</html>")

    def test_nothing_in_place_of_an_answer(self, server: Simulated) -> None:
        assert self.stream(server, "blank").endswith(
            b"Content-Length: 0\r\nConnection: close\r\n\r\n"
        )

    def test_an_answer_of_no_tokens(self, server: Simulated) -> None:
        received = self.stream(server, "empty")
        assert b'"content":"' not in received.replace(b'"content":""', b"")
        assert b'"finish_reason":"stop"' in received
        assert b"[DONE]" in received

    def test_a_stream_closed_in_the_middle(self, server: Simulated) -> None:
        received = self.stream(server, "closed")
        assert received.count(b"data: ") == 5  # the role, and 4 of 8 tokens
        assert b"[DONE]" not in received
        assert not received.endswith(b"0\r\n\r\n")
        truth = server.truth()[-1]
        assert (truth["finish"], truth["output_tokens"]) == ("cut", 4)

    def test_a_connection_reset_in_the_middle(self, server: Simulated) -> None:
        with pytest.raises(ConnectionResetError):
            self.stream(server, "reset")

    def test_a_broken_event_in_the_middle(self, server: Simulated) -> None:
        received = self.stream(server, "malformed")
        events = [line[6:] for line in received.splitlines() if line.startswith(b"data: {")]
        broken = [event for event in events if not event.endswith(b"}")]
        assert (len(events), len(broken)) == (1 + 8 + 1 + 1, 1)

    def test_an_error_object_in_the_middle(self, server: Simulated) -> None:
        received = self.stream(server, "stream_error")
        assert b'data: {"error": {"message"' in received
        assert b"data: [DONE]" in received

    def test_a_stream_without_done(self, server: Simulated) -> None:
        received = self.stream(server, "no_done")
        assert b"[DONE]" not in received
        assert received.endswith(b"\r\n0\r\n\r\n")
        assert b'"finish_reason":"length"' in received

    @pytest.mark.parametrize(
        ("kind", "stream", "events"),
        [("silent", True, 0), ("stalled", True, 5), ("stalled", False, 0)],
    )
    def test_a_server_that_says_no_more(
        self, server: Simulated, kind: str, stream: bool, events: int
    ) -> None:
        port = int(server.root.rpartition(":")[2])
        request = post(chat(stream=stream), **with_settings(errors={kind: 1}))
        received = b""
        with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
            sock.sendall(request)
            while received.count(b"data: ") < events:
                received += sock.recv(65536)
            sock.settimeout(0.1)
            with pytest.raises(TimeoutError):
                sock.recv(1)
        assert server.truth()[-1]["error"] == kind

    @pytest.mark.parametrize("kind", ["closed", "malformed", "reset", "stream_error", "empty"])
    def test_bodies_go_wrong_too(self, server: Simulated, client: openai.OpenAI, kind: str) -> None:
        headers = with_settings(errors={kind: 1})
        try:
            answer = client.chat.completions.create(
                model="simulated", messages=MESSAGES, max_tokens=8, extra_headers=headers
            )
            assert (kind, answer.choices) in (("stream_error", None), ("empty", answer.choices))
        except (openai.OpenAIError, ValueError):
            assert kind in ("closed", "malformed", "reset")
        assert server.truth()[-1]["error"] == kind

    def test_a_server_that_loads_says_so_until_it_has(self) -> None:
        with start(Settings(**FAST, start_ms=600)) as running:
            status, data, _ = ask(running, "/health")
            assert (status, json.loads(data)["error"]["message"]) == (503, "Loading model")
            deadline = time.monotonic() + 20
            while ask(running, "/health")[0] != 200 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert ask(running, "/v1/chat/completions", chat())[0] == 200

    def test_the_first_request_waits_for_the_model(self) -> None:
        with start(Settings(**FAST, first_request_ms=100)) as running:
            for _ in range(2):
                ask(running, "/v1/chat/completions", chat())
            first, second = [t["planned"][0] - t["read_ns"] for t in running.truth()]
        assert first - second == 100_000_000
