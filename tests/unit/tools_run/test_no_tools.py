"""A server that takes no tools is told from one that rejects a request for another reason."""

from __future__ import annotations

import json
from array import array

import pytest

from slipstream.tasks.benchmarking import sample
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.model import Exchange, Phase, RequestSpec

TOOLS = [{"type": "function", "function": {"name": "read"}}]


def fault(status: int, words: str, **arguments: object) -> Fault | None:
    body = json.dumps({"error": {"message": words}}).encode()
    exchange = Exchange(
        0, 0, 1, 2, 3, status, {}, array("q", [3]), array("q", [len(body)]), body
    )  # fmt: skip
    made, _ = sample.make(exchange, RequestSpec(0, Phase.MEASURED, "chat", arguments))
    return made.fault


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser'),
        (500, "tools param requires --jinja flag"),
        (400, "registry.ollama.ai/library/gemma:2b does not support tools"),
        (400, "This model doesn't support function calling"),
        (422, "Tools are not supported"),
        (400, "tool_choice is unsupported"),
    ],
    ids=["vllm", "llama.cpp", "ollama", "function", "not supported", "unsupported"],
)
def test_a_server_without_tools_is_known_by_its_words(status: int, words: str) -> None:
    assert fault(status, words, tools=TOOLS) is Fault.NO_TOOLS
    assert fault(status, words) is not Fault.NO_TOOLS, "none were offered"


@pytest.mark.parametrize(
    ("status", "words", "expected"),
    [
        (400, "max_tokens is too large", Fault.REJECTED),
        (500, "Failed to parse input at pos 32: <tool_call>", Fault.SERVER_ERROR),
        (400, "messages with role 'tool' must follow a call", Fault.REJECTED),
    ],
    ids=["length", "parser", "role"],
)
def test_other_mistakes_stay_what_they_are(status: int, words: str, expected: Fault) -> None:
    assert fault(status, words, tools=TOOLS) is expected
