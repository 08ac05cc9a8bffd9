"""Calls written as Python: `[read(path="a"), run(command="ls")]`. Parsed, never run."""

import ast
import json
import re
import warnings
from collections.abc import Mapping
from typing import Any

from slipstream.tasks.benchmarking.tools import schema as schemas
from slipstream.tasks.benchmarking.tools.forms_json import DEPTH
from slipstream.tasks.benchmarking.tools.model import Call

WORDS = {"true": True, "false": False, "null": None}
"""JSON's words where Python has others."""
WRAPPERS = frozenset({"print"})
PREFIX = "default_api."
"""Gemma and Gemini write `print(default_api.read(path="a"))`."""
SUFFIX = ".call"
"""Llama writes `brave_search.call(query="…")` for the tools it was trained with."""
LARGEST = 1_000_000  # characters; Python's parser takes some hundred bytes for each
TOKEN = re.compile(r"\"\"\"|'''|[\"'()\[\]{}]")
REST = {
    '"': re.compile(r'(?:[^"\\]|\\.)*+"', re.DOTALL),
    "'": re.compile(r"(?:[^'\\]|\\.)*+'", re.DOTALL),
    '"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*+"""', re.DOTALL),
    "'''": re.compile(r"(?:[^'\\]|\\.|'(?!''))*+'''", re.DOTALL),
}
"""The rest of a text after its opening quote."""
OPEN = "([{"


def calls_in(text: str, schema_of: Mapping[str, Mapping[str, Any]]) -> list[Call] | None:
    """The calls that a text is, if it is nothing else.

    Args:
        text: Expressions, one a line, or a list of them.
        schema_of: Of each tool that is offered; arguments without a name are named by it.

    Returns:
        None: it is not Python, or more than calls.
    """
    if len(text) > LARGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            body = ast.parse(text.strip()).body
        found: list[Call] = []
        for statement in body:
            if not isinstance(statement, ast.Expr | ast.Assign):
                return None
            value = statement.value
            several = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
            for one in several:
                found.append(_call(one, text.strip(), schema_of))
        return found
    except (SyntaxError, ValueError, MemoryError, RecursionError, _NotACall):
        return None


def end_of(text: str, start: int) -> int:
    """Where the bracket that opens at a place is closed; the end of the text where it is not."""
    depth, position = 0, start
    while found := TOKEN.search(text, position):
        position = found.end()
        if found[0] in REST:
            rest = REST[found[0]].match(text, position)
            if rest is None:
                break
            position = rest.end()
        elif found[0] in OPEN:
            depth += 1
        else:
            depth -= 1
            if depth <= 0:
                return position
    return len(text)


class _NotACall(Exception):
    """It is some other expression."""


def _call(node: ast.expr, text: str, schema_of: Mapping[str, Mapping[str, Any]]) -> Call:
    while (
        isinstance(node, ast.Call) and _name(node.func) in WRAPPERS and len(node.args) == 1
    ):  # print(…)
        node = node.args[0]
    if not isinstance(node, ast.Call):
        raise _NotACall
    name = _name(node.func).removeprefix(PREFIX).removesuffix(SUFFIX)
    if not name:
        raise _NotACall
    names = list(schemas.properties(schema_of.get(name, {})))
    try:
        if len(node.args) > len(names):
            raise ValueError("arguments without a name")
        given = dict(zip(names, map(_value, node.args), strict=False))
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg in given:
                raise ValueError("arguments that cannot be told")
            given[keyword.arg] = _value(keyword.value)
        return Call(name, given, json.dumps(given, ensure_ascii=False))
    except ValueError:
        return Call(name, None, ast.get_source_segment(text, node) or "")


def _name(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _value(node: ast.expr, depth: int = 1) -> Any:
    if depth > DEPTH:
        raise ValueError("too deep")
    if isinstance(node, ast.Constant):
        if node.value is None or isinstance(node.value, str | bool | int | float):
            return node.value
    elif isinstance(node, ast.Name) and node.id in WORDS:
        return WORDS[node.id]
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [_value(one, depth + 1) for one in node.elts]
    elif isinstance(node, ast.Dict):
        return {_key(k): _value(v, depth + 1) for k, v in zip(node.keys, node.values, strict=True)}
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        number = _value(node.operand, depth + 1)
        if isinstance(number, int | float) and not isinstance(number, bool):
            return -number if isinstance(node.op, ast.USub) else number
    raise ValueError("no value of JSON")


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise ValueError("no key of JSON")
