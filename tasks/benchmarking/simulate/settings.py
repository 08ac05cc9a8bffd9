"""What the simulated server does: one validated set of parameters.

Times are in milliseconds, shares are between 0 and 1. `None` means: as the profile does it.
Checked by hand: pydantic takes longer to import than the server takes to start.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from slipstream.storage.errors import UsageError

# A request may change any setting for itself alone: a JSON object in this header.
OVERRIDE_HEADER = "x-slipstream-simulate"
# The calls that are right for this request: [{"name": …, "arguments": {…}}, …] as JSON.
EXPECT_HEADER = "x-slipstream-expect"
# What belongs to the process and cannot be changed by one request.
FIXED = frozenset("port models api_key start_ms max_running truth_file truth_kept".split())


class ErrorKind(StrEnum):
    """The ways in which an answer can go wrong."""

    RATE_LIMIT = "rate_limit"  # 429 with Retry-After
    SERVER_ERROR = "server_error"  # 500
    LOADING = "loading"  # 503, as while a model is loaded
    NOT_FOUND = "not_found"  # 404, as for a model that is not there
    UNAUTHORIZED = "unauthorized"  # 401
    REDIRECT = "redirect"  # 307 to another host
    HTML = "html"  # 200 with a page instead of JSON
    BLANK = "blank"  # 200 with a body of no bytes
    EMPTY = "empty"  # a well-formed answer of no tokens
    SILENT = "silent"  # accepted and never answered
    STALLED = "stalled"  # stops in the middle and keeps the connection
    CLOSED = "closed"  # the connection ends in the middle
    RESET = "reset"  # the connection is reset in the middle
    MALFORMED = "malformed"  # a broken event in the middle, or a broken JSON body
    STREAM_ERROR = "stream_error"  # an error object as an event in the middle
    NO_DONE = "no_done"  # the stream ends properly, but without [DONE]


class Settings(NamedTuple):
    """Parameters of a simulated server; `MEANINGS` says what each is."""

    port: int = 0
    seed: int = 0
    profile: str = "openai"
    models: tuple[str, ...] = ("simulated",)
    context_length: int = 131_072
    api_key: str = ""

    ttft_ms: float = 50.0
    prompt_ms: float = 0.0
    itl_ms: float = 10.0
    ttft_jitter: float = 0.0
    itl_jitter: float = 0.0
    jitter_shape: str = "lognormal"
    slowdown: float = 0.0
    max_running: int = 0
    start_ms: float = 0.0
    first_request_ms: float = 0.0

    output_tokens: int = 0
    output_spread: float = 0.0
    tokens_per_chunk: int = 1
    role_chunk: bool | None = None
    role_ms: float | None = None
    reasoning_tokens: int = 0
    usage: str | None = None

    tool_right: float = 1.0
    tool_wrong_name: float = 0.0
    tool_wrong_arguments: float = 0.0
    tool_malformed: float = 0.0
    tool_text: str = "native"

    prefix_cache: bool = False
    prefix_block: int = 16
    embedding_dimensions: int = 64
    memory_mb: float = 0.0

    errors: Mapping[ErrorKind, float] = {}
    error_at: float = 0.5
    retry_after_s: float = 1.0

    truth_file: str = ""
    truth_kept: int = 20_000  # about 4 KB each, of 64 chunks


MEANINGS = {
    "port": "Port on 127.0.0.1; 0: a free one.",
    "seed": "Same seed and same sequence of requests: same answers.",
    "profile": "Whose peculiarities are shown.",
    "models": "The models it has.",
    "context_length": "Most tokens of prompt and answer.",
    "api_key": "The key that requests must bring; empty: any.",
    "ttft_ms": "Time to the first token.",
    "prompt_ms": "Added to that for each 1,000 prompt tokens that no cache holds.",
    "itl_ms": "Time from one token to the next.",
    "ttft_jitter": "Deviation as a share of the mean.",
    "itl_jitter": "Deviation as a share of the mean.",
    "jitter_shape": "Distribution; what falls below zero is zero.",
    "slowdown": "Share by which each further running stream slows all.",
    "max_running": "Answers at a time, others wait; 0: no limit.",
    "start_ms": "503 for so long after the start.",
    "first_request_ms": "Added to the first token of the first request, as a model is loaded.",
    "output_tokens": "Mean length of an answer; 0: as many as max_tokens asks, else 64.",
    "output_spread": "Length varies evenly by this share of it.",
    "tokens_per_chunk": "Tokens in each chunk.",
    "role_chunk": "A first chunk with the role alone.",
    "role_ms": "When that is sent; default: with the first token.",
    "reasoning_tokens": "Of the answer, come before the content.",
    "usage": "In a stream: in a chunk of its own, or on the last one with content.",
    "tool_right": "Share of requests with tools that are answered by the right call.",
    "tool_wrong_name": "Share answered by another tool.",
    "tool_wrong_arguments": "Share with an argument that is missing or unknown.",
    "tool_malformed": "Share with arguments that are not JSON.",
    "tool_text": "Form of calls: the field `tool_calls`, or text in the content.",
    "prefix_cache": "Prompt prefixes that were seen before cost nothing.",
    "prefix_block": "Tokens of a block of that cache.",
    "embedding_dimensions": "Length of embeddings.",
    "memory_mb": "Resident memory in /metrics, in MB; 0: the process's own.",
    "errors": "Share of requests that go wrong, by kind.",
    "error_at": "Where in an answer `in the middle` is.",
    "retry_after_s": "Retry-After of a 429.",
    "truth_file": "Truth is added to this file as JSON lines.",
    "truth_kept": "Requests whose truth is kept in memory.",
}

CHOICES = {
    "profile": ("openai", "vllm", "ollama", "lmstudio", "llama.cpp", "sglang"),
    "jitter_shape": ("normal", "uniform", "lognormal", "gamma"),
    "usage": ("asked", "always", "never", "last_chunk"),
    "tool_text": ("native", "hermes", "json", "fenced", "pythonic"),
}

_DAY = 86_400_000.0  # ms
# Least and most; a share where nothing is said.
_BOUNDS: dict[str, tuple[float, float]] = {
    "port": (0, 65_535),
    "seed": (-math.inf, math.inf),
    "context_length": (1, 100_000_000),
    "slowdown": (0, 10),
    "max_running": (0, 1_000_000),
    "retry_after_s": (0, 86_400),
    "memory_mb": (0, 1e9),
    "truth_kept": (1, 100_000_000),
    "prefix_block": (1, 4096),
    "embedding_dimensions": (1, 8192),
    "tokens_per_chunk": (1, 10_000),
    "output_tokens": (0, 10_000_000),
    "reasoning_tokens": (0, 10_000_000),
}
_BOUNDS |= dict.fromkeys(("ttft_jitter", "itl_jitter"), (0, 10))
_BOUNDS |= {name: (0, _DAY) for name in Settings._fields if name.endswith("_ms")}
_OPTIONAL = frozenset(name for name, value in Settings._field_defaults.items() if value is None)
_TRUTHS = frozenset(("role_chunk", "prefix_cache"))
_WHOLE = frozenset(
    name for name, value in Settings._field_defaults.items() if type(value) is int
)  # their values are whole numbers


def parse(values: Mapping[str, Any]) -> Settings:
    """Check values by their names.

    Raises:
        UsageError: One is wrong, in a sentence that names it.
    """
    made = Settings(**{name: _checked(name, value) for name, value in values.items()})
    tools = made.tool_right + made.tool_wrong_name + made.tool_wrong_arguments + made.tool_malformed
    for what, share in (("errors", sum(made.errors.values())), ("tool_…", tools)):
        if share > 1 + 1e-9:
            raise UsageError(f"the shares of {what} add up to {share:g}, which is more than 1.")
    return made


def override(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The settings of one request.

    Raises:
        UsageError: A value is wrong, or belongs to the process.
    """
    if fixed := FIXED & values.keys():
        raise UsageError(f"one request cannot change {', '.join(sorted(fixed))}.")
    return parse(settings._asdict() | dict(values))


def to_json(settings: Settings) -> str:
    """One line, which `parse` reads after `json.loads`."""
    return json.dumps(settings._asdict())


def _checked(name: str, value: Any) -> Any:
    if name not in Settings._fields:
        raise UsageError(f"the simulated server has no setting {name!r}.")
    if value is None and name in _OPTIONAL:
        return None
    if name == "errors":
        return _errors(value)
    if name == "models":
        listed = (value,) if isinstance(value, str) else value
        if isinstance(listed, (list, tuple)) and listed and all(map(_is_text, listed)):
            return tuple(listed)
        raise _wrong(name, value, "a list of names")
    if name in CHOICES:
        if value in CHOICES[name]:
            return value
        raise _wrong(name, value, f"one of {', '.join(CHOICES[name])}")
    if name in _TRUTHS:
        if isinstance(value, bool):
            return value
        raise _wrong(name, value, "true or false")
    if name in ("api_key", "truth_file"):
        if isinstance(value, str):
            return value
        raise _wrong(name, value, "a text")
    return _number(name, value)


def _number(name: str, value: Any) -> float:
    least, most = _BOUNDS.get(name, (0.0, 1.0))
    whole = name in _WHOLE
    wanted = "a whole number" if whole else "a number"
    right = isinstance(value, int) or (isinstance(value, float) and not whole)
    if not right or isinstance(value, bool):
        raise _wrong(name, value, wanted)
    if not least <= value <= most:
        raise _wrong(name, value, f"{wanted} from {least:g} to {most:g}")
    return value  # type: ignore[no-any-return]


def _errors(value: Any) -> dict[ErrorKind, float]:
    if not isinstance(value, Mapping):
        raise _wrong("errors", value, "shares by kind")
    for kind in value:
        if kind not in set(ErrorKind):
            raise UsageError(f"there is no error {kind!r}; choose from {', '.join(ErrorKind)}.")
    return {ErrorKind(kind): _number(f"errors.{kind}", share) for kind, share in value.items()}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _wrong(name: str, value: Any, wanted: str) -> UsageError:
    return UsageError(f"setting {name!r} of the simulated server is {value!r}, not {wanted}.")
