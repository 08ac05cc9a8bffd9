"""Calls in marked forms: between tags or after tokens that models were taught to begin calls with.

What a mark introduces is a call whatever its name, so that a call of a tool that does not exist is
seen as one. docs/tool-calls.md says which model writes which form.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from slipstream.tasks.benchmarking.tools import forms_json, forms_python, forms_tags
from slipstream.tasks.benchmarking.tools.model import Call, Extraction
from slipstream.tasks.benchmarking.tools.schema import cut

ATTEMPTS = 20  # marks that no call follows, after which a text is given up
MARKS = {
    "xml": r"(?:<tool_call>\s{0,20})?(?=<function(?:=| name=))",
    "glm": r"<tool_call>(?=\s{0,9}[\w./-]{1,128}\s{0,9}<(?:arg_key|/tool_call)>)",
    "hermes": r"<tool_call>",
    "invoke": rf"(?=<{forms_tags.DSML}invoke name=)",
    "list": r"<(?:tool_calls|function_calls)>(?!\s{0,20}<)",
    "lfm": r"<\|tool_call_start\|>",
    "gemma": r"(?:<\|tool_call>|<start_function_call>)\s{0,9}call:(?=[\w./-]{1,128}\{)",
    "granite": r"<\|tool_call\|>",
    "mistral": r"\[TOOL_CALLS\]",
    "llama": r"<\|python_tag\|>",
    "deepseek": r"<｜tool▁call▁begin｜>",
    "kimi": r"<\|tool_call_begin\|>",
    "cohere": r"<\|START_ACTION\|>",
    "internlm": r"<\|action_start\|>\s{0,9}<\|plugin\|>",
    "harmony": r"<\|(?:channel\|>(?:commentary|analysis)|start\|>assistant)\s{0,9}to="
    r"(?=functions\.)",
    "functools": r"\bfunctools(?=\[)",
}
"""The forms by what begins them; the first that fits at a place counts."""
MARK = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in MARKS.items()))
END = re.compile(
    r"</?tool_calls?>|</function_calls>|<\|/?tool_call\|>|\[TOOL_CALLS\]|<｜tool▁call|<\|tool_call"
    r"|<\|END_ACTION|<\|action_end|<\|call\|>|<\|eo[mt]_?"
)
"""What ends a call that cannot be read."""
NAMED = re.compile(
    r"(?:function<｜tool▁sep｜>)?(?:functions\.)?(?P<name>[\w./-]{1,128})(?::\d{1,4})?"
    r"(?:\s|<｜tool▁sep｜>|<\|tool_call_argument_begin\|>|\[CALL_ID\][\w-]{1,64}|\[ARGS\]|```json"
    r"|<\|(?:channel|constrain|message)\|>|commentary|json){0,40}(?=\{)"
)
"""A name, and then its arguments as JSON: Mistral, DeepSeek, Kimi, gpt-oss, Hunyuan."""
GEMMA = re.compile(
    r"(?P<quote><\|\"\|>|<escape>)(?P<text>.*?)(?P=quote)"
    r"|(?P<key>[A-Za-z_][\w-]*+)(?=\s{0,9}:)|[A-Za-z_][\w-]*+|.",
    re.DOTALL,
)
"""What Gemma's arguments are made of: texts between quotes of its own, bare keys, the rest."""
PYTHON = re.compile(r"\[?\s{0,9}[A-Za-z_][\w.]{0,127}\(")
BETWEEN = re.compile(r"[\s,;]*")

_Schemas = Mapping[str, Mapping[str, Any]]


class _Read(NamedTuple):
    """What stands after a mark.

    Attributes:
        calls: In their order.
        end: The place after them.
    """

    calls: list[Call]
    end: int


def read(text: str, schema_of: _Schemas) -> Extraction:
    """The calls of a text that are marked as such.

    Args:
        text: Of an answer.
        schema_of: Of each tool that is offered.
    """
    calls: list[Call] = []
    form = problem = ""
    position = failures = 0
    while failures < ATTEMPTS and (mark := MARK.search(text, position)):
        start = _after(text, mark.end())
        read_content = _gemma if mark.lastgroup == "gemma" else _content
        found = read_content(text, start, schema_of)
        if found.calls:
            form = form or str(mark.lastgroup)
            calls += found.calls
        else:
            failures += 1
            if text.startswith(("{", "[", "<"), start):
                said = cut(text[mark.start() : mark.start() + 100])
                problem = problem or f"what looks like one cannot be read: {said}"
        position = max(found.end, mark.end(), mark.start() + 1)
    return Extraction(tuple(calls), form, problem)


def _content(text: str, start: int, schema_of: _Schemas) -> _Read:
    if PYTHON.match(text, start):
        end = forms_python.end_of(text, start)
        # OLMo writes one a line, without brackets around them
        stop = END.search(text, end)
        for last in (stop.start() if stop else len(text), end):
            if found := forms_python.calls_in(text[start:last], schema_of):
                return _Read(found, last)
        return _Read([], start)
    if text.startswith(("{", "["), start):
        return _values(text, start)
    if named := NAMED.match(text, start):
        end = _value_end(text, named.end())
        raw = text[named.end() : end]
        return _Read([Call(named["name"], forms_json.arguments(raw), raw)], end)
    calls: list[Call] = []
    while tags := forms_tags.call_at(text, start, schema_of):
        calls.append(tags[0])
        start = _after(text, tags[1])
    return _Read(calls, start)


def _gemma(text: str, start: int, schema_of: _Schemas) -> _Read:
    """`NAME{key:<|"|>text<|"|>,other:1}`: JSON but for its quotes and the bare keys."""
    name, _, _ = text[start : start + 129].partition("{")
    parts: list[str] = []
    depth, end = 0, len(text)
    for token in GEMMA.finditer(text, start + len(name)):
        bare = token["key"]
        quoted = token["text"] if bare is None else bare
        parts.append(token[0] if quoted is None else json.dumps(quoted, ensure_ascii=False))
        depth += (token[0] in ("{", "[")) - (token[0] in ("}", "]"))
        if depth <= 0:
            end = token.end()
            break
    raw = "".join(parts)
    return _Read([Call(name, forms_json.arguments(raw), raw)], end)


def _values(text: str, start: int) -> _Read:
    """JSON values, one after another, of which the last may be broken."""
    calls: list[Call] = []
    while text.startswith(("{", "["), start):
        value = forms_json.value_at(text, start)
        if value is None and text[start] == "[":
            start = _after(text, start + 1)  # of a list that breaks off, what is whole counts
            continue
        if value is None:
            end = _value_end(text, start)
            broken = forms_json.nearly(text[start:end])
            return _Read([*calls, broken] if broken else calls, end)
        calls += forms_json.calls_in(value[0])
        start = _after(text, value[1])
    return _Read(calls, start)


def _value_end(text: str, start: int) -> int:
    value = forms_json.value_at(text, start)
    if value is not None:
        return value[1]
    end = END.search(text, start)
    return end.start() if end else len(text)


def _after(text: str, start: int) -> int:
    found = BETWEEN.match(text, start)
    return found.end() if found else start
