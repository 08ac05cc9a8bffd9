"""What the simulated server says: words and tool calls, drawn by seed and number of the request."""

from __future__ import annotations

import json
from random import Random
from typing import Any, NamedTuple

from slipstream.tasks.benchmarking.simulate import tokenizer
from slipstream.tasks.benchmarking.simulate.calls import Call, as_text, choose
from slipstream.tasks.benchmarking.simulate.settings import Settings

DEFAULT_TOKENS = 64  # of an answer when nothing says how long it is to be
# Each is one token together with the space before it.
_WORDS = tuple(
    " " + word
    for word in (
        "the build then reads each file once and keeps what it found so that a later run may use "
        "it again when no line was changed since then but checks the key first because old values "
        "must never be served for new input while tests hold this rule with real data and no mocks "
        "at all which costs little time and finds most faults early in the day"
    ).split()
)


class Answer(NamedTuple):
    """What is said, as tokens, in the order in which it is said."""

    reasoning: list[str]
    content: list[str]
    calls: tuple[Call, ...]
    finish: str  # stop, length, tool_calls


class BadRequest(Exception):
    """The request cannot be answered; the words are for its sender."""


def render(body: dict[str, Any]) -> str:
    """The prompt of a chat as one text, whose tokens are the prompt's tokens.

    Each message is `<|role|>`, its text and a line feed (6 tokens besides the text, 7 for an
    assistant's), and `<|assistant|>` (6 tokens) comes last; tools stand before all as a line of
    JSON each.

    Raises:
        BadRequest: There are no messages, or one is not well-formed.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("`messages` must be a list of at least one message.")
    parts = [json.dumps(tool, ensure_ascii=False) + "\n" for tool in body.get("tools") or ()]
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise BadRequest("each of `messages` must be an object with a `role`.")
        content = message.get("content")
        if isinstance(content, list):
            content = "".join(p.get("text", "") for p in content if isinstance(p, dict))
        elif not isinstance(content, str | None):
            raise BadRequest("`content` of a message must be a text or a list of parts.")
        calls = message.get("tool_calls")
        said = json.dumps(calls, ensure_ascii=False) if calls else ""
        parts.append(f"<|{message['role']}|>{content or ''}{said}\n")
    return "".join([*parts, "<|assistant|>"])


def prompt_of(body: dict[str, Any], chat: bool) -> list[str]:
    """The tokens of a request's prompt.

    Raises:
        BadRequest: There is none.
    """
    if chat:
        return tokenizer.split(render(body))
    prompt = body.get("prompt")
    if isinstance(prompt, list) and prompt and all(isinstance(part, int) for part in prompt):
        return [str(part) for part in prompt]  # ids of tokens
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise BadRequest("`prompt` must be one text or one list of token ids.")
    return tokenizer.split(prompt)


def most_tokens(body: dict[str, Any]) -> int | None:
    """The most tokens that a request allows.

    Raises:
        BadRequest: It is not a whole number from 1.
    """
    for name in ("max_completion_tokens", "max_tokens"):
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value == 0 or value < -1:
            raise BadRequest(f"`{name}` must be a whole number of at least 1.")
        if value > 0:  # LM Studio and llama.cpp take -1 for: no limit
            return value
    return None


def answer(
    settings: Settings,
    random: Random,
    body: dict[str, Any],
    prompt_tokens: int,
    expected: list[dict[str, Any]] | None,
    chat: bool,
) -> Answer:
    """Draw an answer.

    Args:
        settings: Lengths and correctness.
        random: Of this request alone.
        body: The request.
        prompt_tokens: Length of its prompt.
        expected: The calls that are right, where the request tells them.
        chat: Whether it may think and call tools.

    Raises:
        BadRequest: The request asks for the impossible.
    """
    most = most_tokens(body)
    room = settings.context_length - prompt_tokens
    if room < 1 or (most is not None and most > room):
        raise BadRequest(
            f"This model's maximum context length is {settings.context_length} tokens. However, "
            f"you requested {prompt_tokens + (most or 1)} tokens ({prompt_tokens} in the prompt, "
            f"{most or 1} for the answer). Please reduce the length of the prompt or of the answer."
        )
    calls = choose(settings, random, body, expected) if chat else ()
    spread = 1 + settings.output_spread * (2 * random.random() - 1)
    wanted = settings.output_tokens or most or DEFAULT_TOKENS
    length = max(1, round(wanted * spread)) if settings.output_tokens else wanted
    length = min(length, room, length if most is None else most)
    # The length that max_tokens allows is what ends an answer of that length.
    finish = "length" if length == most else "stop"
    first = random.randrange(len(_WORDS))
    reasoning = _words(min(settings.reasoning_tokens, length - 1) if chat else 0, first)
    if calls and settings.tool_text == "native":
        return Answer(reasoning, [], calls, "tool_calls")
    if calls:
        return Answer(reasoning, tokenizer.split(as_text(calls, settings.tool_text)), (), "stop")
    return Answer(reasoning, _words(length - len(reasoning), first + 1), (), finish)


def _words(count: int, first: int) -> list[str]:
    words = [_WORDS[(first + place) % len(_WORDS)] for place in range(count)]
    if words:
        words[0] = words[0][1:]
    return words
