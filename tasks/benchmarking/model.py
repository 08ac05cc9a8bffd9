"""The data of a measurement, from a request to a figure.

Moments are nanoseconds of `clock`, which never goes back and is the same for all processes of a
machine; only `Run.started_ns` is UTC. Nothing is rounded: a figure is computed from these when it
is shown. What a server did not say is None, never zero.
"""

import time
from array import array
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, NamedTuple, TypeAlias

from slipstream.tasks.benchmarking.faults import Fault, failed

clock = time.perf_counter_ns

Endpoint: TypeAlias = Literal["chat", "completions", "embeddings"]
Direction: TypeAlias = Literal["lower", "higher", "none"]
"""Which way a metric is better."""


class Source(StrEnum):
    """Who counted the tokens."""

    SERVER = "server"
    TOKENIZER = "tokenizer"
    ESTIMATE = "estimate"


class Phase(StrEnum):
    """Which part of a cell a request belongs to; only the measured ones enter figures."""

    WARMUP = "warmup"
    MEASURED = "measured"
    COOLDOWN = "cooldown"
    """Sent so that the last measured requests do not enjoy an emptying server."""


class Waits(NamedTuple):
    """How long a request waits, in seconds.

    Attributes:
        connect: For a connection.
        read: For the first byte, and between any two.
    """

    connect: float = 10.0
    read: float = 120.0


class RequestSpec(NamedTuple):
    """A request that is to be sent.

    Attributes:
        number: From 0 within its cell and phase; with the run and the cell the key of its sample.
        phase: Which part of the cell it belongs to.
        endpoint: Which method of the client builds it.
        arguments: The method's keyword arguments.
        prompt_tokens: What its prompt was made to measure; None: not known.
        prompt_source: Who counted them.
    """

    number: int
    phase: Phase
    endpoint: Endpoint
    arguments: Mapping[str, Any]
    prompt_tokens: int | None = None
    prompt_source: Source = Source.ESTIMATE


class Prepared(NamedTuple):
    """A request as it goes over the wire, built before the clock starts."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Exchange(NamedTuple):
    """What went over the wire, and when; not yet looked into.

    Attributes:
        key: The caller's number of the request.
        worker: Which client process sent it.
        intended_ns: When it should have been sent: its place in the schedule, or when its slot
            in a closed loop became free.
        sent_ns: When the last byte of the request was written; 0: it never was.
        ended_ns: When the answer ended or failed.
        status: Of HTTP; 0: none came.
        headers: Of the answer, names in lower case.
        times: When each read returned bytes.
        sizes: How many bytes it returned.
        body: All bytes of the answer.
        fault: What broke the exchange itself; None: nothing did.
        detail: In the words of whoever reported the fault.
    """

    key: int
    worker: int
    intended_ns: int
    sent_ns: int
    ended_ns: int
    status: int
    headers: Mapping[str, str]
    times: "array[int]"
    sizes: "array[int]"
    body: bytes
    fault: Fault | None = None
    detail: str = ""


class Sample(NamedTuple):
    """One request as it is kept.

    Attributes:
        number: See `RequestSpec`.
        phase: See `RequestSpec`.
        worker: Which client process sent it.
        intended_ns: When it should have been sent.
        sent_ns: When its last byte was written; 0: it never was.
        ended_ns: When the answer ended or failed.
        status: Of HTTP; 0: none came.
        chunk_ns: When each chunk that holds tokens arrived, after `sent_ns`.
        chunk_tokens: How many tokens each of them holds; empty: not known.
        first_reasoning_ns: When the first reasoning token arrived, after `sent_ns`.
        first_content_ns: The same for the first token of the answer proper.
        first_tool_ns: The same for the first token of a tool call.
        prompt_tokens: Tokens in.
        output_tokens: Tokens out, reasoning included.
        cached_tokens: Of those in, how many the server's prefix cache had.
        reasoning_tokens: Of those out.
        counted_tokens: Tokens out by a tokenizer of ours where there is one, to be held against
            the server's count.
        source: Who counted the tokens out.
        prompt_source: Who counted the tokens in.
        finish_reason: In the server's words; empty: it gave none.
        fault: What was wrong; None: nothing.
        detail: In the words of whoever reported the fault.
        session: Which stretch of a run that was resumed; clocks of two stretches have nothing in
            common.
    """

    number: int
    phase: Phase
    worker: int
    intended_ns: int
    sent_ns: int
    ended_ns: int
    status: int
    chunk_ns: "array[int]"
    chunk_tokens: "array[int]"
    first_reasoning_ns: int | None = None
    first_content_ns: int | None = None
    first_tool_ns: int | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    counted_tokens: int | None = None
    source: Source = Source.ESTIMATE
    prompt_source: Source = Source.ESTIMATE
    finish_reason: str = ""
    fault: Fault | None = None
    detail: str = ""
    session: int = 0

    @property
    def good(self) -> bool:
        """Whether its times may enter a figure."""
        return not failed(self.fault)


class Metric(NamedTuple):
    """A figure.

    Attributes:
        name: Such as `ttft`.
        statistic: Such as `p95`; `value` where there is only one.
        unit: `ms`, `tokens/s`, `requests/s`, `share`, `tokens`, `bytes`, `count`.
        direction: Which way is better.
        value: The figure.
        low: Lower end of its 95 % interval; None: it has none.
        high: Upper end.
        size: How many values it was computed from.
    """

    name: str
    statistic: str
    unit: str
    direction: Direction
    value: float
    low: float | None
    high: float | None
    size: int
