"""From what went over the wire to what is kept: counts, first tokens, and what was wrong."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from slipstream.tasks.benchmarking import answer as answers
from slipstream.tasks.benchmarking.answer import Answer
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.model import Exchange, RequestSpec, Sample, Source

Counter: TypeAlias = Callable[[str], int]
"""Counts the tokens of a text."""

NO_ENDPOINT = "Unexpected endpoint"
"""How LM Studio answers at a path that it does not have, with status 200."""
LONGEST_DETAIL = 500  # characters that are kept of what a server says
_NO_MODEL = re.compile(
    r"model_not_found|(model|modell).{0,200}?(not found|not exist|unknown|not loaded|no such)"
    r"|(unknown|invalid|no such|not find|not found).{0,20}?model",
    re.IGNORECASE | re.DOTALL,
)
_NO_TOOLS = re.compile(
    r"\b(tool|function)\w*.{0,40}?\b(requires?|(not|un)[ -]?supported|not (enabled|allowed))\b"
    r"|(not|n't) support\w* .{0,20}?\b(tool|function)",
    re.IGNORECASE,
)
"""As vLLM, llama.cpp and Ollama say that they, or the model, do not call tools."""
_PAGE = re.compile(rb"\s*<(!doctype html|html|head|body)", re.IGNORECASE)
_BY_STATUS = {
    401: Fault.WRONG_KEY,
    403: Fault.WRONG_KEY,
    404: Fault.WRONG_PATH,
    405: Fault.WRONG_PATH,
    429: Fault.RATE_LIMITED,
    503: Fault.LOADING,
}


def make(
    exchange: Exchange, spec: RequestSpec, count: Counter | None = None
) -> tuple[Sample, Answer]:
    """The sample of an exchange, and what the answer says.

    Args:
        exchange: What went over the wire.
        spec: What was asked for.
        count: A tokenizer, where there is one.
    """
    answer = Answer()
    if exchange.status == 200 and exchange.body:
        answer = answers.read(exchange.body, exchange.sizes)
    fault, detail = _fault(exchange, answer, spec)
    pieces = answer.pieces
    arrived = array("q", [exchange.times[piece.at] - exchange.sent_ns for piece in pieces])
    output, source, counted = answer.usage.output, Source.SERVER, None
    chunk_tokens = _told(answer)
    if count is not None and pieces:
        counts = [count(piece.text) for piece in pieces]
        counted = count("".join(piece.text for piece in pieces))
        if not chunk_tokens and output != len(pieces):
            chunk_tokens = array("q", counts)
    if output is None and pieces:
        if counted is not None:
            output, source = counted, Source.TOKENIZER
        else:
            output, source = len(pieces), Source.ESTIMATE
    prompt, prompt_source = answer.usage.prompt, Source.SERVER
    if prompt is None:
        prompt, prompt_source = spec.prompt_tokens, spec.prompt_source

    def first(index: int | None) -> int | None:
        return None if index is None else arrived[index]

    return Sample(
        number=spec.number,
        phase=spec.phase,
        worker=exchange.worker,
        intended_ns=exchange.intended_ns,
        sent_ns=exchange.sent_ns,
        ended_ns=exchange.ended_ns,
        status=exchange.status,
        chunk_ns=arrived,
        chunk_tokens=chunk_tokens,
        first_reasoning_ns=first(answer.first_reasoning),
        first_content_ns=first(answer.first_content),
        first_tool_ns=first(answer.first_tool),
        prompt_tokens=prompt,
        output_tokens=output,
        cached_tokens=answer.usage.cached,
        reasoning_tokens=answer.usage.reasoning,
        counted_tokens=counted,
        source=source,
        prompt_source=prompt_source,
        finish_reason=answer.finish_reason,
        fault=fault,
        detail=detail[:LONGEST_DETAIL],
    ), answer


def by_status(status: int, body: bytes, location: str = "") -> tuple[Fault | None, str]:
    """What an HTTP status other than 200 means, and the server's words."""
    if status == 200:
        return None, ""
    words = said(body)
    if 300 <= status < 400:
        return Fault.REDIRECT, location or words
    if status < 500 and _NO_MODEL.search(words):
        return Fault.UNKNOWN_MODEL, words
    fault = _BY_STATUS.get(status) or (Fault.SERVER_ERROR if status >= 500 else Fault.REJECTED)
    return fault, f"{status} {words}".strip()


def said(body: bytes) -> str:
    """What a server says in the body of an error."""
    text = body[:65536].decode("utf-8", "replace")
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return "" if _PAGE.match(body) else " ".join(text.split())
    if isinstance(value, dict):
        value = value.get("error", value.get("detail", value.get("message", value)))
    if isinstance(value, dict):
        code = value.get("code")
        words = value.get("message") or json.dumps(value)
        return f"{words} ({code})" if isinstance(code, str) and code else str(words)
    return value if isinstance(value, str) else json.dumps(value)


def is_page(exchange: Exchange) -> bool:
    """Whether a web page came back."""
    kind = exchange.headers.get("content-type", "")
    return kind.startswith("text/html") or bool(_PAGE.match(exchange.body))


def _fault(exchange: Exchange, answer: Answer, spec: RequestSpec) -> tuple[Fault | None, str]:
    if exchange.fault and (exchange.status in (0, 200) or exchange.fault == Fault.CUT_OFF):
        return exchange.fault, exchange.detail
    if exchange.status != 200:
        location = exchange.headers.get("location", "")
        fault, words = by_status(exchange.status, exchange.body, location)
        if spec.arguments.get("tools") and _NO_TOOLS.search(words):
            fault = Fault.NO_TOOLS
        return fault, words
    if is_page(exchange):
        return Fault.HTML, exchange.headers.get("content-type", "")
    if answer.error.startswith(NO_ENDPOINT):
        return Fault.WRONG_PATH, answer.error
    if answer.error:
        return Fault.ERROR_IN_STREAM, answer.error
    if answer.malformed:
        return Fault.MALFORMED, answer.malformed
    if spec.endpoint == "embeddings":
        return (None, "") if _has_vectors(exchange.body) else (Fault.EMPTY, "")
    if not answer.pieces:
        return Fault.EMPTY, answer.finish_reason
    if not answer.done:
        return Fault.CLOSED_EARLY, "neither [DONE] nor a finish reason"
    if answer.usage.output is None:
        return Fault.NO_USAGE, ""
    return None, ""


def _told(answer: Answer) -> array[int]:
    """The tokens of each chunk, where the server told all of them."""
    counts: Sequence[int | None] = [piece.tokens for piece in answer.pieces]
    known = [count for count in counts if count is not None]
    whole = len(known) == len(counts) and sum(known) == answer.usage.output
    return array("q", known if whole else ())


def _has_vectors(body: bytes) -> bool:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and bool(value.get("data"))
