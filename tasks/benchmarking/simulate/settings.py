"""What the simulated server does: one validated set of parameters.

Times are in milliseconds, shares are between 0 and 1. `None` means: as the profile does it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from slipstream.storage.errors import UsageError

# A request may change any setting for itself alone: a JSON object in this header.
OVERRIDE_HEADER = "x-slipstream-simulate"
# The calls that are right for this request: [{"name": …, "arguments": {…}}, …] as JSON.
EXPECT_HEADER = "x-slipstream-expect"
# What belongs to the process and cannot be changed by one request.
FIXED = frozenset("port models api_key start_ms max_running truth_file truth_kept".split())

Milliseconds: TypeAlias = Annotated[float, Field(ge=0, le=86_400_000)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Tokens: TypeAlias = Annotated[int, Field(ge=0, le=10_000_000)]


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


class Settings(BaseModel):
    """Parameters of a simulated server; see docs/model-servers.md for examples."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_enum_values=False)

    port: int = Field(default=0, ge=0, le=65535, description="Port on 127.0.0.1; 0: a free one.")
    seed: int = Field(
        default=0, description="Same seed and same sequence of requests: same answers."
    )
    profile: Literal["openai", "vllm", "ollama", "lmstudio", "llama.cpp", "sglang"] = Field(
        default="openai", description="Whose peculiarities are shown."
    )
    models: tuple[str, ...] = Field(
        default=("simulated",), min_length=1, description="Models it has."
    )
    context_length: int = Field(
        default=131_072, ge=1, description="Most tokens of prompt and answer."
    )
    api_key: str = Field(default="", description="The key that requests must bring; empty: any.")

    ttft_ms: Milliseconds = Field(default=50.0, description="Time to the first token.")
    prompt_ms: Milliseconds = Field(
        default=0.0, description="Added to that for each 1,000 prompt tokens that no cache holds."
    )
    itl_ms: Milliseconds = Field(default=10.0, description="Time from one token to the next.")
    ttft_jitter: float = Field(
        default=0.0, ge=0, le=10, description="Deviation as a share of the mean."
    )
    itl_jitter: float = Field(
        default=0.0, ge=0, le=10, description="Deviation as a share of the mean."
    )
    jitter_shape: Literal["normal", "uniform", "lognormal", "gamma"] = Field(
        default="lognormal", description="Distribution; what falls below zero is zero."
    )
    slowdown: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="Share by which each further running stream slows all.",
    )
    max_running: int = Field(
        default=0, ge=0, description="Streams at a time, others wait; 0: no limit."
    )
    start_ms: Milliseconds = Field(default=0.0, description="503 for so long after the start.")
    first_request_ms: Milliseconds = Field(
        default=0.0,
        description="Added to the first token of the first request, as a model is loaded.",
    )

    output_tokens: Tokens = Field(
        default=0, description="Mean length of an answer; 0: as many as max_tokens asks, else 64."
    )
    output_spread: Share = Field(
        default=0.0, description="Length varies evenly by this share of it."
    )
    tokens_per_chunk: int = Field(default=1, ge=1, le=10_000, description="Tokens in each chunk.")
    role_chunk: bool | None = Field(default=None, description="A first chunk with the role alone.")
    role_ms: Milliseconds | None = Field(
        default=None, description="When that is sent; default: with the first token."
    )
    reasoning_tokens: Tokens = Field(
        default=0, description="Of the answer, come before the content."
    )
    usage: Literal["asked", "always", "never", "last_chunk"] | None = Field(
        default=None,
        description="Usage in a stream: in a chunk of its own, or on the last with content.",
    )

    tool_right: Share = Field(
        default=1.0, description="Requests with tools answered by the right call."
    )
    tool_wrong_name: Share = Field(default=0.0, description="Those answered by another tool.")
    tool_wrong_arguments: Share = Field(default=0.0, description="Those with a wrong argument.")
    tool_malformed: Share = Field(
        default=0.0, description="Those with arguments that are not JSON."
    )
    tool_text: Literal["native", "hermes", "json", "fenced", "pythonic"] = Field(
        default="native",
        description="Form of calls: the field `tool_calls`, or text in the content.",
    )

    prefix_cache: bool = Field(
        default=False, description="Prompt prefixes seen before cost nothing."
    )
    prefix_block: int = Field(
        default=16, ge=1, le=4096, description="Tokens of a block of that cache."
    )
    embedding_dimensions: int = Field(
        default=64, ge=1, le=8192, description="Length of embeddings."
    )
    memory_mb: float = Field(
        default=0.0, ge=0, description="Resident memory in /metrics, in MB; 0: the process's own."
    )

    errors: dict[ErrorKind, Share] = Field(
        default={}, description="Share of requests that go so wrong."
    )
    error_at: Share = Field(default=0.5, description="Where in a stream `in the middle` is.")
    retry_after_s: float = Field(default=1.0, ge=0, description="Retry-After of a 429.")

    truth_file: str = Field(default="", description="Truth is added to this file as JSON lines.")
    truth_kept: int = Field(
        default=200_000, ge=1, description="Requests whose truth is kept in memory."
    )

    @model_validator(mode="after")
    def _shares_fit(self) -> Settings:
        tools = self.tool_right + self.tool_wrong_name
        tools += self.tool_wrong_arguments + self.tool_malformed
        for what, share in (("errors", sum(self.errors.values())), ("tool_…", tools)):
            if share > 1 + 1e-9:
                raise ValueError(f"the shares of {what} add up to {share:g}, which is more than 1")
        return self


def parse(values: dict[str, object]) -> Settings:
    """Validate.

    Raises:
        UsageError: A value is wrong, in one sentence that names it.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        text = first["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"setting of the simulated server{f' {name!r}' if name else ''}: {text}."
        ) from None


def override(settings: Settings, values: dict[str, object]) -> Settings:
    """The settings of one request.

    Raises:
        UsageError: A value is wrong, or belongs to the process.
    """
    if fixed := FIXED & values.keys():
        raise UsageError(f"one request cannot change {', '.join(sorted(fixed))}.")
    return parse(settings.model_dump() | values)
