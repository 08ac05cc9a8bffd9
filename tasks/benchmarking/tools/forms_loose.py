"""Calls that nothing marks: fenced, bare JSON, bare Python.

Any text may hold such things as an example, so only those count that name a tool that is offered
and give arguments.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from slipstream.tasks.benchmarking.tools import forms_json, forms_python
from slipstream.tasks.benchmarking.tools.model import Call, Extraction

ATTEMPTS = 20  # places that look like a call and are none, after which a text is given up
FENCE = re.compile(r"^[ \t]{0,3}(```|~~~)[ \t]{0,3}([\w+-]{0,20})[ \t]{0,3}\r?$", re.MULTILINE)
PYTHON = frozenset({"", "tool_code", "tool_call", "python", "py"})
"""Languages of fences that may hold calls in Python; Gemma writes `tool_code`."""
KEYS = "|".join((*forms_json.NAMES, *forms_json.ARGUMENTS, "type", "id", "tool_calls"))
OBJECT = re.compile(rf'\{{\s{{0,50}}"(?:{KEYS})"\s{{0,20}}:')
GIVEN = re.compile(rf'"(?:{"|".join(forms_json.ARGUMENTS)})"\s{{0,20}}:')

_Schemas = Mapping[str, Mapping[str, Any]]
_Reader = Callable[[str, _Schemas], list[Call]]


def read(text: str, schema_of: _Schemas) -> Extraction:
    """The calls of a text that nothing marks as such.

    Args:
        text: Of an answer.
        schema_of: Of each tool that is offered.
    """
    readers: dict[str, _Reader] = {"fenced": _fenced, "json": _json, "pythonic": _python}
    for form, reader in readers.items():
        if calls := reader(text, schema_of):
            return Extraction(tuple(calls), form)
    return Extraction(())


def _fenced(text: str, schema_of: _Schemas) -> list[Call]:
    calls: list[Call] = []
    for language, body in _fences(text):
        found = _json(body, schema_of)
        if not found and language in PYTHON:
            found = _all_offered(body, schema_of)
        calls += found
    return calls


def _fences(text: str) -> Iterator[tuple[str, str]]:
    """The language and the text of each fenced block; the last one may be open."""
    marks = FENCE.finditer(text)
    for begin in marks:
        end = next((m for m in marks if m[1] == begin[1] and not m[2]), None)
        yield begin[2].lower(), text[begin.end() : end.start() if end else len(text)]


def _json(text: str, schema_of: _Schemas) -> list[Call]:
    calls: list[Call] = []
    position = failures = 0
    while failures < ATTEMPTS and (found := OBJECT.search(text, position)):
        value = forms_json.value_at(text, found.start())
        if value is not None:
            if forms_json.has_arguments(value[0]):
                calls += [c for c in forms_json.calls_in(value[0]) if c.name in schema_of]
            position = value[1]
            continue
        failures += 1
        position = found.end()
        raw = text[found.start() :]
        broken = forms_json.nearly(raw)
        if broken and broken.name in schema_of and GIVEN.search(raw, 0, 4096):
            return [*calls, broken]
    return calls


def _python(text: str, schema_of: _Schemas) -> list[Call]:
    if not schema_of or not text.strip():
        return []
    if whole := _all_offered(text, schema_of):
        return whole
    names = "|".join(re.escape(name) for name in schema_of)
    start = re.compile(rf"\[\s{{0,9}}(?:{names})\(")
    position = 0
    for _ in range(ATTEMPTS):
        if not (found := start.search(text, position)):
            break
        position = forms_python.end_of(text, found.start())
        if calls := _all_offered(text[found.start() : position], schema_of):
            return calls
    return []


def _all_offered(text: str, schema_of: _Schemas) -> list[Call]:
    """The calls that a text is, if each is one of an offered tool."""
    calls = forms_python.calls_in(text, schema_of) or []
    return calls if all(call.name in schema_of for call in calls) else []
