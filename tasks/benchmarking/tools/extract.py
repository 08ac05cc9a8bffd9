"""The calls of an answer, in whichever form the model and its server give them.

A server that knows the model's form puts calls into `tool_calls`; one that does not leaves them in
the text, and that is no fault of the model's. What was thought before the answer does not count.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from slipstream.tasks.benchmarking.answer import ToolCall
from slipstream.tasks.benchmarking.tools import forms, forms_json, forms_loose
from slipstream.tasks.benchmarking.tools.model import Call, Extraction
from slipstream.tasks.benchmarking.tools.schema import parameters

NATIVE = "native"
THOUGHTS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|channel|>analysis<|message|>": "<|end|>",
}
"""What begins and ends a thought where the server leaves it in the text."""
_BEGIN, _END = ("|".join(map(re.escape, marks)) for marks in (THOUGHTS, THOUGHTS.values()))
THOUGHT = re.compile(rf"(?:^|<\|start\|>assistant)[ \t]{{0,9}}({_BEGIN})", re.MULTILINE)
"""Where one begins: elsewhere in a line it may be part of an argument."""
REST = re.compile(rf"(?<=\n)(?:{_END})|(?:{_END})(?=\s*(?:$|[<\[{{`]|\n))")
"""Where one ends: at the beginning or the end of a line, or before what may be a call."""


def extract(calls: Sequence[ToolCall], text: str, tools: Sequence[Mapping[str, Any]]) -> Extraction:
    """The calls of an answer. Never raises, and takes time linear in the text.

    Args:
        calls: Those that the server named, put together from their pieces.
        text: The answer proper; looked into where the server named none.
        tools: Those that were offered, as the chat API takes them.
    """
    if calls:
        native = (Call(c.name, forms_json.arguments(c.arguments), c.arguments) for c in calls)
        return Extraction(tuple(native), NATIVE)
    schema_of = {tool["function"]["name"]: parameters(tool) for tool in tools}
    spoken = without_thoughts(text)
    marked = forms.read(spoken, schema_of)
    if marked.calls:
        return marked
    loose = forms_loose.read(spoken, schema_of)
    return loose if loose.calls else marked


def without_thoughts(text: str) -> str:
    """A text without what was thought, as far as it stands before the first marked call.

    Behind that, it may be part of an argument.
    """
    # a template that begins the thought itself leaves only its end in the answer
    if (rest := REST.search(text)) and not THOUGHT.search(text, 0, rest.start()):
        text = text[rest.end() :]
    kept: list[str] = []
    position = 0
    mark = forms.MARK.search(text)
    while thought := THOUGHT.search(text, position):
        if mark and mark.start() < thought.start():
            break
        kept.append(text[position : thought.start()])
        closing = THOUGHTS[thought[1]]
        ended = text.find(closing, thought.end())
        if ended < 0:
            return "".join(kept)
        position = ended + len(closing)
        if mark and mark.start() < position:
            mark = forms.MARK.search(text, position)
    return "".join([*kept, text[position:]])
