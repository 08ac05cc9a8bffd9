"""The simulated server over real HTTP: by the `openai` client, and by raw sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from slipstream.storage.errors import SlipError
from slipstream.tasks.benchmarking.simulate import ErrorKind, Settings, Simulated, process, start

Slip = Any
FAST: dict[str, Any] = {"ttft_ms": 4, "itl_ms": 1}
MESSAGES: Any = [{"role": "user", "content": "hello"}]
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {
                "type": "object",
                "properties": {"path": {"type": "string"}},
                "required": ["path"],
            },
        },
    }
    for name in ("read_file", "write_file")
]
EXPECTED = [
    {"name": "read_file", "arguments": {"path": "a b.txt"}},
    {"name": "write_file", "arguments": {"path": "ü"}},
]


@pytest.fixture(scope="module")
def server() -> Iterator[Simulated]:
    """One server; requests set for themselves what they need."""
    with start(Settings(**FAST)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Simulated) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key="any", max_retries=0, timeout=20) as made:
        yield made


def with_settings(**settings: Any) -> dict[str, str]:
    return {"x-slipstream-simulate": json.dumps(settings)}


def ask(server: Simulated, path: str, body: Any = None, **headers: str) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.root + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "simulated", "messages": MESSAGES, "max_tokens": 8} | more


def raw(server: Simulated, request: bytes) -> bytes:
    """All that comes back on one connection; what comes after a reset is lost."""
    _, _, port = server.root.rpartition(":")
    received = b""
    with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as sock:
        sock.sendall(request)
        while data := sock.recv(65536):
            received += data
    return received


def post(body: dict[str, Any], path: str = "/v1/chat/completions", **headers: str) -> bytes:
    data = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


class TestAnswers:
    @pytest.mark.parametrize(
        "profile", ["openai", "vllm", "ollama", "lmstudio", "llama.cpp", "sglang"]
    )
    def test_a_stream_says_the_same_as_one_body(
        self, server: Simulated, client: openai.OpenAI, profile: str
    ) -> None:
        headers = with_settings(profile=profile, reasoning_tokens=3, seed=5)
        stream = client.chat.completions.create(
            model="simulated", messages=MESSAGES, max_tokens=8, stream=True, extra_headers=headers
        )
        chunks = list(stream)
        deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
        assert len("".join(delta.content or "" for delta in deltas).split()) == 5
        told = [
            getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
            for delta in deltas
        ]
        assert len("".join(text for text in told if text).split()) == 3
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"
        whole = client.chat.completions.create(
            model="simulated", messages=MESSAGES, max_tokens=8, extra_headers=headers
        )
        assert len((whole.choices[0].message.content or "").split()) == 5
        assert whole.usage is not None
        assert whole.usage.completion_tokens == 8

    @pytest.mark.parametrize(
        ("profile", "asked", "told"),
        [
            ("openai", True, True),
            ("openai", False, False),
            ("vllm", True, True),
            ("ollama", True, True),
            ("lmstudio", True, False),
            ("llama.cpp", True, True),
            ("sglang", True, True),
        ],
    )
    def test_usage_in_streams_is_as_the_server_has_it(
        self, client: openai.OpenAI, profile: str, asked: bool, told: bool
    ) -> None:
        stream = client.chat.completions.create(
            model="simulated",
            messages=MESSAGES,
            max_tokens=4,
            stream=True,
            stream_options={"include_usage": asked},
            extra_headers=with_settings(profile=profile),
        )
        usages = [chunk.usage for chunk in stream if chunk.usage]
        assert [usage.completion_tokens for usage in usages] == ([4] if told else [])

    @pytest.mark.parametrize("profile", ["openai", "vllm", "lmstudio", "llama.cpp", "sglang"])
    def test_calls_come_in_fragments_that_give_what_was_expected(
        self, client: openai.OpenAI, profile: str
    ) -> None:
        deltas = self.call_deltas(client, profile)
        assert len(deltas) > 4
        assert self.joined(deltas) == EXPECTED
        assert all(delta.id for delta in deltas if delta.function.name)

    def test_ollama_sends_whole_calls_that_all_have_index_0(self, client: openai.OpenAI) -> None:
        deltas = self.call_deltas(client, "ollama")
        assert [delta.index for delta in deltas] == [0, 0]
        assert [json.loads(delta.function.arguments) for delta in deltas] == [
            call["arguments"] for call in EXPECTED
        ]

    def call_deltas(self, client: openai.OpenAI, profile: str) -> list[Any]:
        headers = with_settings(profile=profile) | {"x-slipstream-expect": json.dumps(EXPECTED)}
        stream = client.chat.completions.create(
            model="simulated", messages=MESSAGES, tools=TOOLS, stream=True, extra_headers=headers
        )
        chunks = [chunk for chunk in stream if chunk.choices]
        assert chunks[-1].choices[0].finish_reason == "tool_calls"
        return [d for chunk in chunks for d in chunk.choices[0].delta.tool_calls or ()]

    def joined(self, deltas: list[Any]) -> list[Any]:
        texts: dict[int, list[str]] = {}
        for delta in deltas:
            name, arguments = texts.setdefault(delta.index, ["", ""])
            texts[delta.index] = [
                name + (delta.function.name or ""),
                arguments + delta.function.arguments,
            ]
        return [{"name": n, "arguments": json.loads(a)} for n, a in texts.values()]

    def test_a_body_brings_calls_too(self, client: openai.OpenAI) -> None:
        headers = {"x-slipstream-expect": json.dumps(EXPECTED)}
        whole = client.chat.completions.create(
            model="simulated", messages=MESSAGES, tools=TOOLS, extra_headers=headers
        )
        made: Any = whole.choices[0].message.tool_calls
        assert [json.loads(call.function.arguments) for call in made] == [
            call["arguments"] for call in EXPECTED
        ]

    def test_completions_stream_and_tell_usage(self, client: openai.OpenAI) -> None:
        for profile, asked in (("openai", True), ("llama.cpp", False)):
            stream = client.completions.create(
                model="simulated",
                prompt="one two three",
                max_tokens=5,
                stream=True,
                stream_options={"include_usage": True} if asked else openai.omit,
                extra_headers=with_settings(profile=profile),
            )
            chunks = list(stream)
            assert len("".join(c.choices[0].text for c in chunks if c.choices).split()) == 5
            (usage,) = [chunk.usage for chunk in chunks if chunk.usage]
            assert (usage.prompt_tokens, usage.completion_tokens) == (3, 5)

    def test_embeddings_depend_on_the_text_alone(self, client: openai.OpenAI) -> None:
        one = client.embeddings.create(model="simulated", input=["a", "b"], dimensions=8)
        two = client.embeddings.create(model="simulated", input="a", encoding_format="float")
        assert one.data[0].embedding != one.data[1].embedding
        assert len(one.data[0].embedding) == 8
        assert sum(value**2 for value in two.data[0].embedding) == pytest.approx(1, abs=1e-5)
        assert one.usage.prompt_tokens == 2

    def test_the_same_requests_get_the_same_bytes_and_plans(self) -> None:
        settings = Settings(
            **FAST, seed=3, ttft_jitter=0.3, itl_jitter=0.3, output_tokens=12, output_spread=0.5,
            tool_right=0.5, errors={ErrorKind.SERVER_ERROR: 0.2},
        )  # fmt: skip

        def told() -> tuple[list[bytes], list[list[int]]]:
            with start(settings) as running:
                made = [
                    ask(running, "/v1/chat/completions", chat(stream=True, tools=TOOLS))[1]
                    for _ in range(12)
                ]
                truth = running.truth()
            plans = [[t - record["read_ns"] for t in record["planned"]] for record in truth]
            return made, plans

        first = told()
        assert first == told()
        assert len(set(first[0])) > 6

    def test_prompts_seen_before_are_cached_and_come_sooner(self, server: Simulated) -> None:
        server.clear()
        text = "word " * 400
        headers = with_settings(prefix_cache=True, prompt_ms=10)
        body = chat(messages=[{"role": "user", "content": text}])
        usages = [
            json.loads(ask(server, "/v1/chat/completions", body, **headers)[1])["usage"]
            for _ in range(2)
        ]
        cached = [usage["prompt_tokens_details"]["cached_tokens"] for usage in usages]
        assert cached[0] == 0
        assert usages[0]["prompt_tokens"] - 16 <= cached[1] < usages[0]["prompt_tokens"]
        waits = [record["planned"][0] - record["read_ns"] for record in server.truth()]
        assert waits[0] - waits[1] == cached[1] * 10_000

    def test_at_most_so_many_run_at_a_time_and_others_wait(self) -> None:
        with start(Settings(**FAST, max_running=1, output_tokens=40)) as running:
            threads = [
                threading.Thread(
                    target=ask, args=(running, "/v1/chat/completions", chat(max_tokens=40))
                )
                for _ in range(3)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            spans = sorted((t["started_ns"], t["planned"][-1]) for t in running.truth())
        assert [spans[0][1] <= spans[1][0], spans[1][1] <= spans[2][0]] == [True, True]


class TestPlaces:
    def test_a_prompt_can_be_counted_before_it_is_sent(self, server: Simulated) -> None:
        body = {"messages": [{"role": "user", "content": "one, two"}]}
        _, data, _ = ask(server, "/tokenize", body | {"return_token_strs": True})
        told = json.loads(data)
        whole = json.loads(ask(server, "/v1/chat/completions", chat(**body))[1])
        assert told["count"] == whole["usage"]["prompt_tokens"] == len(told["token_strs"])
        _, data, _ = ask(server, "/detokenize", {"tokens": told["tokens"]})
        assert json.loads(data)["prompt"] == "".join(told["token_strs"])

    def test_metrics_count_what_was_done(self, server: Simulated) -> None:
        before = self.figures(server)
        ask(server, "/v1/chat/completions", chat(max_tokens=7))
        after = self.figures(server)
        name = 'vllm:generation_tokens_total{model_name="simulated"}'
        assert after[name] - before[name] == 7
        assert after['vllm:num_requests_running{model_name="simulated"}'] == 0
        assert after["process_resident_memory_bytes"] > 1_000_000

    def figures(self, server: Simulated) -> dict[str, float]:
        lines = ask(server, "/metrics")[1].decode().splitlines()
        return {n: float(v) for n, v in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}

    @pytest.mark.parametrize("profile", ["vllm", "ollama", "lmstudio", "llama.cpp", "sglang"])
    def test_each_server_has_its_own_places(self, profile: Any) -> None:
        with start(Settings(**FAST, profile=profile, models=("a", "b"), api_key="k")) as running:
            key = {"Authorization": "Bearer k"}
            data = json.loads(ask(running, "/v1/models", **key)[1])["data"]
            assert [card["id"] for card in data] == ["a", "b"]
            assert ask(running, "/v1/models")[0] == 401
            about = {"ollama": "/api/version", "lmstudio": "/api/v0/models", "llama.cpp": "/props"}
            about |= {"vllm": "/version", "sglang": "/get_server_info"}
            assert ask(running, about[profile])[0] == 200
            bare = profile in ("ollama", "lmstudio")
            assert ask(running, "/metrics")[0] == (404 if bare else 200)
            field = "content" if profile == "llama.cpp" else "prompt"
            more = {"with_pieces": True} if profile == "llama.cpp" else {}
            status, told, _ = ask(running, "/tokenize", {field: "a b"} | more, **key)
            assert status == (404 if bare else 200)
            assert bare or len(json.loads(told)["tokens"]) == 2
            assert ask(running, "/health")[0] == (404 if bare else 200)
            status, told, _ = ask(running, "/apply-template", {"messages": MESSAGES}, **key)
            assert (status == 200) == (profile == "llama.cpp") == (b"hello" in told)
            status, told, _ = ask(running, "/v1/chat/completions", chat(model="c"), **key)
            if profile == "llama.cpp":
                assert status == 200
            else:
                assert status == 404
                error = json.loads(told)
                assert '"c"' in str(error) or "`c`" in str(error)
                assert ("error" in error) == (profile != "sglang")

    def test_llama_cpp_closes_a_connection_after_100_requests(self) -> None:
        with start(Settings(**FAST, profile="llama.cpp")) as running:
            request = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
            answers = raw(running, request * 101)
        assert answers.count(b"HTTP/1.1 200 OK") == 100
        assert answers.count(b"Connection: close") == 1

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("/nowhere", None, 404),
            ("/health", {}, 405),
            ("/tokenize", {}, 400),
            ("/detokenize", {"tokens": "x"}, 400),
            ("/v1/chat/completions", [], 400),
            ("/v1/chat/completions", {"model": "simulated"}, 400),
            ("/v1/chat/completions", {"model": "other"}, 404),
            ("/v1/chat/completions", {"model": "simulated", "messages": MESSAGES, "n": 2}, 400),
            (
                "/v1/chat/completions",
                chat(tools=[{"function": {"name": "f", "parameters": 5}}]),
                400,
            ),
            ("/v1/chat/completions", chat(tools=7), 400),
            ("/v1/embeddings", {"model": "simulated", "input": []}, 400),
            ("/v1/embeddings", {"model": "simulated", "input": "a", "dimensions": -1}, 400),
            ("/slipstream/truth?since=x", None, 400),
        ],
    )
    def test_a_wrong_request_gets_its_status_and_a_sentence(
        self, server: Simulated, path: str, body: Any, status: int
    ) -> None:
        got, data, _ = ask(server, path, body)
        assert got == status
        assert len(json.loads(data)["error"]["message"]) > 10

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("x-slipstream-simulate", "{"),
            ("x-slipstream-simulate", "[]"),
            ("x-slipstream-simulate", '{"port": 1}'),
            ("x-slipstream-expect", "{}"),
            ("x-slipstream-expect", "nonsense"),
        ],
    )
    def test_a_wrong_header_of_ours_is_refused(
        self, server: Simulated, name: str, value: str
    ) -> None:
        status, data, _ = ask(server, "/v1/chat/completions", chat(tools=TOOLS), **{name: value})
        assert (status, "must be" in str(data) or "JSON" in str(data) or "port" in str(data)) == (
            400,
            True,
        )

    def test_what_is_not_http_is_refused(self, server: Simulated) -> None:
        assert raw(server, b"\x16\x03\x01 nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")

    def test_a_client_may_ask_before_it_sends_the_body(self, server: Simulated) -> None:
        request = post(chat(), Expect="100-continue", Connection="close")
        received = raw(server, request)
        assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


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
