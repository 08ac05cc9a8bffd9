"""Answers as bytes: the events of a stream, or one body."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import chain
from random import Random
from typing import Any, NamedTuple, Protocol

from slipstream.tasks.benchmarking.simulate import tokenizer
from slipstream.tasks.benchmarking.simulate.answer import Answer
from slipstream.tasks.benchmarking.simulate.calls import Call
from slipstream.tasks.benchmarking.simulate.profiles import PROFILES
from slipstream.tasks.benchmarking.simulate.settings import Settings

CREATED = 1_700_000_000  # fixed, so that the same requests give the same bytes
ROLE, REASONING, CONTENT, TOOL, END, BODY = range(6)  # places in truth.KINDS


class Chunk(NamedTuple):
    """One send of a stream."""

    kind: int
    tokens: int  # that it brings
    wait: int  # tokens whose time passes before it, after the chunk before or the first token
    data: bytes


class Shape(NamedTuple):
    """All that the form of one answer depends on."""

    settings: Settings
    identity: str
    model: str
    chat: bool
    prompt_tokens: int
    cached_tokens: int
    usage_asked: bool  # stream_options.include_usage


def frame(data: bytes) -> bytes:
    """One chunk of HTTP's chunked encoding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(data: bytes) -> bytes:
    """One server-sent event, framed."""
    return frame(b"data: " + data + b"\n\n")


LAST = b"0\r\n\r\n"
DONE = event(b"[DONE]")
_MARK = "\0"  # in no answer


def stream(shape: Shape, answer: Answer, random: Random) -> Iterator[Chunk]:
    """The chunks of an answer; the end (finish reason, usage, [DONE]) is one of them."""
    settings, profile = shape.settings, PROFILES[shape.settings.profile]
    usage = settings.usage or (profile.usage if shape.chat else profile.completion_usage)
    apart = profile.finish_apart and settings.usage != "last_chunk"
    role = profile.role_chunk if settings.role_chunk is None else settings.role_chunk
    total = count(answer)
    told = _usage(shape, total) if usage == "last_chunk" else None
    build = _builder(shape)
    if shape.chat and role:
        first = {"role": "assistant", "content": profile.role_content}
        yield Chunk(ROLE, 0, 0, event(build(first)))
    held: _Piece | None = None  # one behind, so that the last one is known
    wait = 0
    pieces = chain(_texts(shape, answer, build), _calls(shape, answer, random, build))
    for piece in pieces:
        if held:
            yield Chunk(held.kind, held.tokens, wait, held.make())
            wait = piece.tokens
        elif profile.whole_calls and piece.kind == TOOL:
            wait = piece.tokens - 1  # the whole call is waited for, not its first token alone
        held = piece
    if held:
        last = held.make() if apart else event(build(held.delta, answer.finish, told))
        yield Chunk(held.kind, held.tokens, wait, last)
    end = []
    timed = total if profile.timings else None
    if apart or not held:
        end.append(event(build({}, answer.finish, told, timed)))
    if usage == "always" or (usage == "asked" and shape.usage_asked):
        end.append(event(build(None, None, _usage(shape, total), timed)))
    yield Chunk(END, 0, 0, b"".join([*end, DONE]))


def body(shape: Shape, answer: Answer, random: Random) -> bytes:
    """An answer that is not streamed."""
    profile = PROFILES[shape.settings.profile]
    total = count(answer)
    text = "".join(answer.content)
    choice: dict[str, Any] = {"index": 0}
    if shape.chat:
        message: dict[str, Any] = {"role": "assistant", "content": text or None}
        if answer.reasoning:
            message[profile.reasoning_field] = "".join(answer.reasoning)
        if answer.calls:
            message["tool_calls"] = [
                {
                    "id": _call_id(random),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in answer.calls
            ]
        choice["message"] = message
    else:
        choice["text"] = text
    choice |= {"logprobs": None, "finish_reason": answer.finish}
    head = _head(shape, "chat.completion" if shape.chat else "text_completion")
    whole = head | {"choices": [choice], "usage": _usage(shape, total)}
    if profile.timings:
        whole["timings"] = _timings(shape, total)
    return json.dumps(whole, ensure_ascii=False).encode("utf-8", "replace")


class _Piece(NamedTuple):
    kind: int
    tokens: int
    delta: dict[str, Any]
    make: Callable[[], bytes]


def _texts(shape: Shape, answer: Answer, build: _Build) -> Iterator[_Piece]:
    """Reasoning and content. They are many: what is the same in all chunks is made once."""
    size = shape.settings.tokens_per_chunk
    reasoning = PROFILES[shape.settings.profile].reasoning_field
    for kind, name, tokens in (
        (REASONING, reasoning, answer.reasoning),
        (CONTENT, "content", answer.content),
    ):
        if not tokens:
            continue
        start, end = (b"data: " + build({name: _MARK}) + b"\n\n").split(_quote(_MARK))
        fixed = len(start) + len(end)
        for place in range(0, len(tokens), size):
            part = tokens[place : place + size]
            quoted = _quote("".join(part))
            parts = (fixed + len(quoted), start, quoted, end)
            made = partial(b"%x\r\n%b%b%b\r\n".__mod__, parts)
            yield _Piece(kind, len(part), {name: "".join(part)}, made)


def _calls(shape: Shape, answer: Answer, random: Random, build: _Build) -> Iterator[_Piece]:
    for index, call in enumerate(answer.calls):
        for delta, tokens in _call_deltas(shape, call, index, random):
            wrapped = {"tool_calls": [delta]}
            yield _Piece(TOOL, tokens, wrapped, partial(_event_of, build, wrapped))


def _event_of(build: _Build, delta: dict[str, Any]) -> bytes:
    return event(build(delta))


def _call_deltas(
    shape: Shape, call: Call, index: int, random: Random
) -> Iterator[tuple[dict[str, Any], int]]:
    """The fragments of one call, each with the number of its tokens."""
    profile, size = PROFILES[shape.settings.profile], shape.settings.tokens_per_chunk
    head = {"index": index if profile.call_index else 0, "id": _call_id(random), "type": "function"}
    if profile.whole_calls:
        function = {"name": call.name, "arguments": call.arguments}
        yield head | {"function": function}, _tokens_of(call)
        return
    yield head | {"function": {"name": call.name, "arguments": ""}}, tokenizer.count(call.name)
    tokens = tokenizer.split(call.arguments)
    for start in range(0, len(tokens), size):
        part = tokens[start : start + size]
        yield {"index": head["index"], "function": {"arguments": "".join(part)}}, len(part)


def count(answer: Answer) -> int:
    """The tokens of an answer."""
    calls = sum(_tokens_of(call) for call in answer.calls)
    return len(answer.reasoning) + len(answer.content) + calls


def _tokens_of(call: Call) -> int:
    return tokenizer.count(call.name) + tokenizer.count(call.arguments)


def _call_id(random: Random) -> str:
    return f"call_{random.getrandbits(96):024x}"


class _Build(Protocol):
    def __call__(
        self,
        delta: dict[str, Any] | None,
        finish: str | None = None,
        usage: dict[str, Any] | None = None,
        timed: int | None = None,
    ) -> bytes: ...


def _builder(shape: Shape) -> _Build:
    """Makes the JSON of chunks."""
    profile = PROFILES[shape.settings.profile]
    head = _head(shape, "chat.completion.chunk" if shape.chat else "text_completion")
    nulls = profile.null_usage and shape.usage_asked
    fields = ("role", "content", "reasoning_content", "tool_calls") if profile.null_fields else ()
    always = dict.fromkeys(fields)
    if profile.role_always:
        always |= {"role": "assistant", "content": ""}

    def build(
        delta: dict[str, Any] | None,
        finish: str | None = None,
        usage: dict[str, Any] | None = None,
        timed: int | None = None,
    ) -> bytes:
        choice: dict[str, Any] = {"index": 0}
        if delta is not None and shape.chat:
            choice["delta"] = always | delta
        elif delta is not None:
            choice["text"] = delta.get("content", "")
        choice |= {"logprobs": None, "finish_reason": finish}
        if profile.null_fields:
            choice["matched_stop"] = None
        whole = head | {"choices": [] if delta is None else [choice]}
        if usage or nulls:
            whole["usage"] = usage
        if timed is not None:
            whole["timings"] = _timings(shape, timed)
        return _json(whole).encode("utf-8", "replace")

    return build


def _head(shape: Shape, kind: str) -> dict[str, Any]:
    head = {"id": shape.identity, "object": kind, "created": CREATED, "model": shape.model}
    fingerprint = PROFILES[shape.settings.profile].fingerprint
    if fingerprint is not None:
        head["system_fingerprint"] = fingerprint.replace("{model}", shape.model)
    return head


def _usage(shape: Shape, tokens: int) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "prompt_tokens": shape.prompt_tokens,
        "completion_tokens": tokens,
        "total_tokens": shape.prompt_tokens + tokens,
    }
    if PROFILES[shape.settings.profile].cached_tokens:
        usage["prompt_tokens_details"] = {"cached_tokens": shape.cached_tokens}
    return usage


def _timings(shape: Shape, tokens: int) -> dict[str, Any]:
    """As llama.cpp tells them: what was planned."""
    settings, fresh = shape.settings, shape.prompt_tokens - shape.cached_tokens
    return {
        "cache_n": shape.cached_tokens,
        "prompt_n": fresh,
        "prompt_ms": settings.ttft_ms + settings.prompt_ms * fresh / 1000,
        "predicted_n": tokens,
        "predicted_ms": settings.itl_ms * tokens,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=4096)
def _quote(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")
