"""From bytes and moments to a sample: times, counts, and the kind of what was wrong."""

from __future__ import annotations

import json
from array import array
from typing import Any

import pytest

from slipstream.tasks.benchmarking.faults import MEANINGS, Fault, failed
from slipstream.tasks.benchmarking.model import Exchange, Phase, RequestSpec, Sample, Source
from slipstream.tasks.benchmarking.sample import make

SENT = 1_000
SPEC = RequestSpec(3, Phase.MEASURED, "chat", {}, 7, Source.TOKENIZER)


def exchange(*parts: bytes, status: int = 200, **more: Any) -> Exchange:
    """Reads that come 10 ns apart, the first one 10 ns after the request was sent."""
    plain = Exchange(
        key=0,
        worker=1,
        intended_ns=900,
        sent_ns=SENT,
        ended_ns=SENT + 10 * len(parts),
        status=status,
        headers={"content-type": "text/event-stream"},
        times=array("q", [SENT + 10 * n for n in range(1, len(parts) + 1)]),
        sizes=array("q", map(len, parts)),
        body=b"".join(parts),
    )
    return plain._replace(**more)


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def delta(content: str, finish: str | None = None) -> bytes:
    return event({"choices": [{"delta": {"content": content}, "finish_reason": finish}]})


def usage(output: int) -> bytes:
    return event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": output}})


def sample(*parts: bytes, **more: Any) -> Sample:
    return make(exchange(*parts, **more), SPEC)[0]


def test_moments_count_from_the_last_byte_of_the_request() -> None:
    found = sample(delta(""), delta("a"), delta("b", "stop"), usage(2))
    assert list(found.chunk_ns) == [20, 30]
    assert (found.number, found.phase, found.intended_ns) == (3, Phase.MEASURED, 900)
    assert (found.output_tokens, found.source, found.prompt_tokens) == (2, Source.SERVER, 9)
    assert (found.first_content_ns, found.first_tool_ns) == (20, None)
    assert found.fault is None
    assert found.good


def test_without_usage_a_tokenizer_counts_and_the_sample_says_so() -> None:
    found, _ = make(exchange(delta("ab"), delta("c", "stop")), SPEC, len)
    assert (found.output_tokens, found.source) == (3, Source.TOKENIZER)
    assert list(found.chunk_tokens) == [2, 1]
    assert (found.prompt_tokens, found.prompt_source) == (7, Source.TOKENIZER)
    assert found.fault is Fault.NO_USAGE
    assert found.good, "its times are sound"


def test_without_usage_and_tokenizer_the_count_is_an_estimate() -> None:
    found = sample(delta("ab"), delta("c", "stop"))
    assert (found.output_tokens, found.source) == (2, Source.ESTIMATE)


def test_the_servers_count_stands_beside_that_of_a_tokenizer() -> None:
    found, _ = make(exchange(delta("ab"), delta("c", "stop"), usage(4)), SPEC, len)
    assert (found.output_tokens, found.source, found.counted_tokens) == (4, Source.SERVER, 3)


BROKEN = [
    (Fault.REDIRECT, 307, b"", {"location": "http://other/v1"}),
    (Fault.WRONG_KEY, 401, b'{"error": {"message": "bad key"}}', {}),
    (Fault.WRONG_KEY, 403, b"", {}),
    (Fault.WRONG_PATH, 404, b'{"detail": "Not Found"}', {}),
    (Fault.WRONG_PATH, 405, b"<html>no</html>", {}),
    (Fault.UNKNOWN_MODEL, 404, b'{"error": {"message": "The model `x` does not exist."}}', {}),
    (Fault.UNKNOWN_MODEL, 400, b'{"error": {"message": "no", "code": "model_not_found"}}', {}),
    (Fault.UNKNOWN_MODEL, 404, b'{"error": "model \\"x\\" not found, try pulling it first"}', {}),
    (Fault.REJECTED, 400, b'{"error": {"message": "too many tokens"}}', {}),
    (Fault.RATE_LIMITED, 429, b"slow down", {"retry-after": "2"}),
    (Fault.SERVER_ERROR, 500, b"", {}),
    (Fault.SERVER_ERROR, 502, b"<html>bad gateway</html>", {}),
    (Fault.LOADING, 503, b'{"error": {"message": "Loading model"}}', {}),
    (Fault.HTML, 200, b"<!DOCTYPE html><p>hello", {}),
    (Fault.HTML, 200, b"hello", {"content-type": "text/html; charset=utf-8"}),
    (Fault.EMPTY, 200, b"", {}),
    (Fault.EMPTY, 200, b"data: [DONE]\n\n", {}),
    (Fault.MALFORMED, 200, delta("a") + b'data: {"cho\n\n' + delta("b", "stop"), {}),
    (Fault.MALFORMED, 200, b"hello there", {}),
    (Fault.ERROR_IN_STREAM, 200, delta("a") + event({"error": {"message": "oom"}}), {}),
    (Fault.CLOSED_EARLY, 200, delta("a"), {}),
]


@pytest.mark.parametrize(("fault", "status", "body", "headers"), BROKEN, ids=str)
def test_each_wrong_answer_has_its_kind(
    fault: Fault, status: int, body: bytes, headers: dict[str, str]
) -> None:
    found = sample(body, status=status, headers=headers)
    assert found.fault is fault
    assert not found.good


def test_a_fault_of_the_connection_is_kept_with_what_had_come() -> None:
    found = sample(delta("a"), fault=Fault.STALLED, detail="no byte for 5 s")
    assert (found.fault, found.detail) == (Fault.STALLED, "no byte for 5 s")
    assert list(found.chunk_ns) == [10]


def test_the_words_of_a_server_are_cut_to_a_length() -> None:
    found = sample(b'{"error": "' + b"x" * 9999 + b'"}', status=400)
    assert len(found.detail) == 500


def test_a_finish_reason_ends_a_stream_without_the_end_mark() -> None:
    assert sample(delta("a", "length"), usage(1)).fault is None


def test_embeddings_are_an_answer_without_tokens() -> None:
    spec = SPEC._replace(endpoint="embeddings")
    full = exchange(b'{"data": [{"embedding": [1]}], "usage": {"prompt_tokens": 4}}')
    found, _ = make(full, spec)
    assert (found.fault, found.prompt_tokens, list(found.chunk_ns)) == (None, 4, [])
    for body in (b'{"data": []}', b"[]"):
        assert make(exchange(body), spec)[0].fault in (Fault.EMPTY, Fault.MALFORMED)


def test_every_fault_has_a_sentence_that_says_what_to_do() -> None:
    assert set(MEANINGS) == set(Fault)
    assert all(meaning.sentence.endswith(".") for meaning in MEANINGS.values())
    assert not failed(None)
    assert not failed(Fault.NO_USAGE)
    assert all(meaning.failed for fault, meaning in MEANINGS.items() if meaning.stops)
