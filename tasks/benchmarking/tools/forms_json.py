"""Calls written as JSON: what counts as an object of arguments, and which keys name what.

Strict JSON: what a server's own parser would refuse is refused here too, and named as not JSON.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from slipstream.tasks.benchmarking.tools.model import Call

DEPTH = 64  # levels of arguments; deeper ones would exhaust the stack of a validator
NAMES = ("name", "tool_name", "function_name", "function", "tool", "action")
ARGUMENTS = ("arguments", "parameters", "args", "params", "input", "tool_input", "action_input")
NAMED = re.compile(
    rf"""["'](?:{"|".join(NAMES)})["']\s{{0,20}}:\s{{0,20}}["']([^"'\n]{{1,128}})["']"""
)
"""A name in what is nearly JSON."""


def arguments(raw: str) -> Mapping[str, Any] | None:
    """The arguments of a call as they were written; None: they are no JSON object."""
    if not raw.strip():
        return {}  # what several servers send for a tool without arguments
    try:
        return _object(_DECODER.decode(raw.strip()))
    except (ValueError, RecursionError):
        return None


def value_at(text: str, start: int) -> tuple[Any, int] | None:
    """The JSON value that begins at a place and the place after it; None: there is none."""
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None


def calls_in(value: Any, levels: int = 4) -> Iterator[Call]:
    """The calls that a JSON value is: one, a list of them, or the chat API's own form.

    Args:
        value: As it was read.
        levels: Of lists and wrappers that may be around a call.
    """
    if isinstance(value, dict):
        wrapped = value.get("tool_calls") or value.get("function")
        if isinstance(wrapped, dict | list) and levels:
            yield from calls_in(wrapped, levels - 1)
        elif call := _call(value):
            yield call
    elif isinstance(value, list) and levels:
        for one in value:
            yield from calls_in(one, levels - 1)


def has_arguments(value: Mapping[str, Any]) -> bool:
    """Whether an object names arguments, and is not just anything that has a name."""
    inner = value.get("function")
    keys = {*value, *inner} if isinstance(inner, dict) else set(value)
    return not keys.isdisjoint((*ARGUMENTS, "tool_calls"))


def nearly(raw: str) -> Call | None:
    """A call whose JSON is broken, where at least its name can be read."""
    found = NAMED.search(raw, 0, 4096)
    return Call(found[1], None, raw) if found else None


def _call(value: Mapping[str, Any]) -> Call | None:
    name = next((n for key in NAMES if isinstance(n := value.get(key), str) and n), None)
    if name is None:
        return None
    given: Any = next((value[key] for key in ARGUMENTS if key in value), {})
    if isinstance(given, str):
        return Call(name, arguments(given), given)
    try:
        return Call(name, _object(given), json.dumps(given, ensure_ascii=False))
    except RecursionError:
        return Call(name, None, "nested too deeply")


def _object(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) and not _too_deep(value) else None


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)
