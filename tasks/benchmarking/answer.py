"""What an answer says: its texts, its tool calls, its counts, and in which read each first came.

Servers differ, and all of these are taken as they come: the first chunk may hold a role and no
token; reasoning is `reasoning_content` or `reasoning`, or stands in the text between `<think>` and
`</think>`; a tool call comes in pieces or whole, with or without an index; usage comes in a last
chunk without choices, in each chunk, or not at all; an error may come in the middle of a stream.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from slipstream.tasks.benchmarking import sse

THINK, THOUGHT = "<think>", "</think>"
REASONING = ("reasoning_content", "reasoning")


class ToolCall(NamedTuple):
    """A call of a tool, put together from its pieces.

    Attributes:
        arguments: As the server sent them: JSON if all is well.
    """

    name: str
    arguments: str
    id: str = ""


class Piece(NamedTuple):
    """What one chunk added.

    Attributes:
        at: Which read completed it.
        text: All tokens that it holds, as text.
        tokens: How many the server says it holds; None: it does not say.
    """

    at: int
    text: str
    tokens: int | None = None


class Usage(NamedTuple):
    """Token counts in the server's words; None: it gave none."""

    prompt: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None


class Answer(NamedTuple):
    """An answer, read to its end.

    Attributes:
        pieces: Chunks that hold tokens, in order.
        text: The answer proper.
        reasoning: What was thought before it.
        calls: Tool calls, in order.
        usage: Token counts.
        finish_reason: In the server's words; empty: it gave none.
        first_reasoning: Index in `pieces` of the first that holds reasoning; None: none does.
        first_content: The same for the answer proper.
        first_tool: The same for tool calls.
        model: The model's name in the server's words.
        error: What the server reported as an error; empty: nothing.
        error_code: The status that it gave with it; 0: none.
        malformed: The first thing that was neither JSON nor the end mark; empty: nothing.
        done: Whether the end of the answer was marked (`[DONE]`, a finish reason, whole JSON).
    """

    pieces: Sequence[Piece] = ()
    text: str = ""
    reasoning: str = ""
    calls: Sequence[ToolCall] = ()
    usage: Usage = Usage()
    finish_reason: str = ""
    first_reasoning: int | None = None
    first_content: int | None = None
    first_tool: int | None = None
    model: str = ""
    error: str = ""
    error_code: int = 0
    malformed: str = ""
    done: bool = False


def read(body: bytes, sizes: Sequence[int]) -> Answer:
    """Read a whole answer, streamed or not.

    Args:
        body: All bytes of the answer.
        sizes: How many of them each read brought.
    """
    reader = _Reader()
    if sse.is_stream(body):
        for event in sse.events(body, sizes):
            reader.event(event)
    elif body.strip():
        # not a stream: one JSON value, or one on each line (servers that were asked for a stream)
        last = len(sizes) - 1
        whole = _parsed(body)
        values = [whole] if whole is not None else [_parsed(line) for line in body.splitlines()]
        for value in values:
            reader.value(value, last, body)
        reader.done = reader.done or not reader.malformed
    return reader.answer()


class _Reader:
    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.calls: list[_Call] = []
        self.usage = Usage()
        self.first: dict[str, int] = {}
        self.finish_reason = self.model = self.error = self.malformed = ""
        self.error_code = 0
        self.done = False
        self.thinking: bool | None = None  # None: it is not known yet
        self.held = ""  # the beginning of the text, as long as it may become <think>

    def event(self, event: sse.Event) -> None:
        data = event.data.strip()
        if data == sse.DONE:
            self.done = True
        elif data:
            self.value(_parsed(data), event.at, data)

    def value(self, value: Any, at: int, raw: bytes) -> None:
        if not isinstance(value, dict):
            if not self.malformed:
                self.malformed = raw[:200].decode("utf-8", "replace")
            return
        if error := value.get("error"):
            self._fail(error)
            return
        self.model = self.model or _string(value.get("model"))
        before = self.usage.output
        if isinstance(usage := value.get("usage"), dict):
            self.usage = _usage(usage)
        added: list[str] = []
        choices = value.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                added += self._choice(choice)
        text = "".join(added)
        if text:
            after = self.usage.output
            # where usage comes with each chunk, its growth is what the chunk holds
            known = after is not None and (before is not None or not self.pieces)
            tokens = (after or 0) - (before or 0) if known else None
            self.pieces.append(Piece(at, text, tokens if tokens and tokens > 0 else None))

    def _choice(self, choice: Mapping[str, Any]) -> Iterator[str]:
        if reason := choice.get("finish_reason"):
            self.finish_reason = _string(reason)
            self.done = True
        message = choice.get("delta") or choice.get("message") or {}
        if not isinstance(message, dict):
            return
        for name in REASONING:
            if text := _string(message.get(name)):
                self._mark("reasoning")
                self.reasoning.append(text)
                yield text
                break  # some servers send the same under both names
        text = (
            _string(message.get("content"))
            or _string(message.get("refusal"))
            or _string(choice.get("text"))
        )
        if text:
            self._content(text)
            yield text
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                yield from self._call(call)
        if isinstance(old := message.get("function_call"), dict):
            yield from self._call({"index": 0, "function": old})

    def _content(self, text: str) -> None:
        if self.thinking is None:
            self.held += text
            start = self.held.lstrip()
            if len(start) < len(THINK) and THINK.startswith(start):
                self._mark("held")
                return
            self.thinking = start.startswith(THINK)
            text, self.held = start.removeprefix(THINK) if self.thinking else self.held, ""
            held = self.first.pop("held", len(self.pieces))
            self.first.setdefault("reasoning" if self.thinking else "content", held)
        if self.thinking:
            self._mark("reasoning")
            before, end, text = text.partition(THOUGHT)
            self.reasoning.append(before)
            self.thinking = not end
            text = text.lstrip()
        if text:
            self._mark("content")
            self.text.append(text)

    def _call(self, call: Mapping[str, Any]) -> Iterator[str]:
        function = call.get("function")
        if not isinstance(function, dict):
            return
        name, key = _string(function.get("name")), _string(call.get("id"))
        arguments = function.get("arguments")
        if arguments is not None and not isinstance(arguments, str):
            arguments = json.dumps(arguments)  # an object instead of its JSON
        index = call.get("index")
        known = next((c for c in reversed(self.calls) if c.index == index), None)
        # Without an index each name begins a call; where the index is always 0, a new id does.
        if known is None or (name and (index is None or (key and key != known.id))):
            known = _Call(index, key)
            self.calls.append(known)
        known.name += name if not known.name else ""
        known.arguments += arguments or ""
        if name or arguments:
            self._mark("tool")
            yield name + (arguments or "")

    def _mark(self, kind: str) -> None:
        self.first.setdefault(kind, len(self.pieces))

    def _fail(self, error: Any) -> None:
        if isinstance(error, dict):
            code = error.get("code")
            self.error_code = code if isinstance(code, int) else self.error_code
            error = error.get("message") or error.get("type") or json.dumps(dict(error))
        self.error = self.error or str(error)

    def answer(self) -> Answer:
        if self.held:  # it never became <think>
            self.text.append(self.held)
            self.first.setdefault("content", self.first.pop("held"))
        return Answer(
            pieces=tuple(self.pieces),
            text="".join(self.text),
            reasoning="".join(self.reasoning),
            calls=tuple(ToolCall(c.name, c.arguments, c.id) for c in self.calls),
            usage=self.usage,
            finish_reason=self.finish_reason,
            first_reasoning=self.first.get("reasoning"),
            first_content=self.first.get("content"),
            first_tool=self.first.get("tool"),
            model=self.model,
            error=self.error,
            error_code=self.error_code,
            malformed=self.malformed,
            done=self.done,
        )


class _Call:
    def __init__(self, index: Any, key: str) -> None:
        self.index = index
        self.id = key
        self.name = self.arguments = ""


def _usage(usage: Mapping[str, Any]) -> Usage:
    def part(group: str, name: str) -> int | None:
        details = usage.get(group)
        return _count(details.get(name)) if isinstance(details, dict) else None

    return Usage(
        prompt=_count(usage.get("prompt_tokens")),
        output=_count(usage.get("completion_tokens")),
        cached=part("prompt_tokens_details", "cached_tokens"),
        reasoning=part("completion_tokens_details", "reasoning_tokens"),
    )


def _count(value: Any) -> int | None:
    """A number of tokens, if it is one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode())  # told to be UTF-8, it need not be guessed
    except (ValueError, RecursionError):
        return None
