"""The simulated server's answers over real HTTP: by the `openai` client, and by raw sockets."""

from __future__ import annotations

import json
import threading
from typing import Any

import openai
import pytest

from slipstream.tasks.benchmarking.simulate import ErrorKind, Settings, Simulated, start
from tests.integration.simulated import (
    EXPECTED,
    FAST,
    MESSAGES,
    TOOLS,
    ask,
    chat,
    post,
    raw,
    with_settings,
)


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
            nowhere = 200 if profile == "lmstudio" else 404  # with an error in its body
            assert ask(running, "/metrics")[0] == (nowhere if bare else 200)
            field = "content" if profile == "llama.cpp" else "prompt"
            more = {"with_pieces": True} if profile == "llama.cpp" else {}
            status, told, _ = ask(running, "/tokenize", {field: "a b"} | more, **key)
            assert status == (nowhere if bare else 200)
            assert (b"Unexpected endpoint" in told) == (profile == "lmstudio")
            assert bare or len(json.loads(told)["tokens"]) == 2
            assert ask(running, "/health")[0] == (nowhere if bare else 200)
            status, told, _ = ask(running, "/apply-template", {"messages": MESSAGES}, **key)
            assert (profile == "llama.cpp") == (b"hello" in told)
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
