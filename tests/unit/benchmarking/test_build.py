"""Requests are what the client would send, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slipstream.tasks.benchmarking.build import Builder
from slipstream.tasks.benchmarking.model import Endpoint, Phase, RequestSpec

URL = "http://127.0.0.1:8000/v1"
CHAT = {"model": "m", "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 4,
        "temperature": 0.0, "seed": 1, "tools": [{"type": "function", "function": {"name": "f"}}],
        "extra_body": {"ignore_eos": True}}  # fmt: skip


def spec(endpoint: Endpoint, **arguments: Any) -> RequestSpec:
    return RequestSpec(0, Phase.MEASURED, endpoint, arguments)


def chat(*texts: str, **more: Any) -> RequestSpec:
    roles = ["system", "user"][-len(texts) :]
    messages = [{"role": r, "content": t} for r, t in zip(roles, texts, strict=True)]
    return spec("chat", messages=messages, **{**CHAT, **more})


@pytest.mark.parametrize(
    "specs",
    [
        [chat("one"), chat("two"), chat("sys", "three"), chat('é "\n\u2028 \\ \U0001f600')],
        [chat("one"), chat("two", temperature=1.0), chat("three")],
        [chat("one", extra_headers={"x-a": "1"}), chat("two", extra_headers={"x-a": "2"})],
        [spec("completions", model="m", prompt=p, max_tokens=1) for p in ("a", "b")],
        [chat("one"), spec("completions", model="m", prompt="a"), chat("two")],
        [spec("embeddings", model="m", input=t, encoding_format="float") for t in ("a", "b")],
    ],
)
def test_a_request_is_the_same_whatever_was_built_before(specs: list[RequestSpec]) -> None:
    builder = Builder(URL, "key")
    assert [builder.build(s) for s in specs] == [Builder(URL, "key").build(s) for s in specs]


def test_a_request_has_the_address_the_key_and_the_arguments() -> None:
    built = Builder(URL + "/", "sesame").build(chat("hello"))
    assert built.url == URL + "/chat/completions"
    headers = {name.lower(): value for name, value in built.headers}
    assert headers["authorization"] == "Bearer sesame"
    assert headers["accept-encoding"] == "identity", "a compressed stream comes late"
    assert "content-length" not in headers
    body = json.loads(built.body)
    assert body["messages"] == [{"role": "user", "content": "hello"}]
    assert body["ignore_eos"] is True
    assert body["stream_options"] == {"include_usage": True}


def test_an_argument_that_the_client_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError):
        Builder(URL).build(chat("hello", no_such_argument=1))
