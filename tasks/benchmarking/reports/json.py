"""A comparison as JSON: versioned, whole, and back again without loss.

The keys are the fields of `compare.model`, beside `format`, and `worst` where a severity is of
interest without adding anything up. What JSON has no number for (NaN, infinity) is written as the
string `NaN`, `Infinity` or `-Infinity`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking.compare.model import Compared, Comparison, Trend

FORMAT = 1
"""1: as in docs/comparison.schema.json."""

T = TypeVar("T")
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_DERIVED = {Comparison: ("worst",), Compared: ("worst",)}
_PLAIN = {str: "string", int: "integer", bool: "boolean"}
_ATTRIBUTE = re.compile(r"^        (\w+): (.*(?:\n {12}.*)*)", re.MULTILINE)


def render(value: Comparison | Trend, indent: int | None = None) -> str:
    """A comparison, or the history of a metric, as JSON.

    Args:
        value: Which one.
        indent: Spaces for each level; None: all on one line, for storing.
    """
    return json.dumps({"format": FORMAT} | _plain(value), indent=indent, ensure_ascii=False) + "\n"


def from_json(text: str, where: str = "the stored report") -> Comparison:
    """The comparison that `render` wrote.

    Args:
        text: What `render` returned.
        where: What it is called in messages.

    Raises:
        UsageError: It is none, or of a newer format.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not JSON ({error}).") from error
    try:
        version = _field(value, "format", "")
        if isinstance(version, int) and version > FORMAT:
            raise UsageError(f"{where} was written by a newer Slipstream; install that.")
        return _built(Comparison, value, "")  # type: ignore[no-any-return]
    except ValueError as error:
        raise UsageError(f"{where} is not a comparison: {error}.") from error


def schema() -> dict[str, Any]:
    """The JSON Schema of a comparison, from the types and docstrings of `compare.model`."""
    definitions: dict[str, Any] = {}
    whole = _object(Comparison, definitions)
    whole["properties"] = {"format": {"const": FORMAT}} | whole["properties"]
    whole["required"] = ["format", *whole["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Slipstream comparison of benchmark runs",
        **whole,
        "$defs": definitions,
    }


def _plain(value: Any) -> Any:
    if hasattr(value, "_fields"):
        told = {name: _plain(getattr(value, name)) for name in value._fields}
        return told | {name: _plain(getattr(value, name)) for name in _DERIVED.get(type(value), ())}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return next(name for name, of in _NOT_FINITE.items() if repr(of) == repr(value))
    return str(value) if isinstance(value, StrEnum) else value


def _built(hint: Any, value: Any, path: str) -> Any:
    """A value of a type from JSON's.

    Raises:
        ValueError: It is none of that type; the message names the path to it.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hasattr(hint, "_fields"):
        hints = get_type_hints(hint)
        below = path + "." if path else ""
        return hint(
            **{n: _built(hints[n], _field(value, n, path), below + n) for n in hint._fields}
        )
    if origin in (Union, UnionType):
        return None if value is None else _built(arguments[0], value, path)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{path} is no list")
        if arguments[-1] is Ellipsis:
            return tuple(_built(arguments[0], v, f"{path}[{i}]") for i, v in enumerate(value))
        if len(value) != len(arguments):
            raise ValueError(f"{path} has not {len(arguments)} items")
        pairs = enumerate(zip(arguments, value, strict=True))
        return tuple(_built(of, item, f"{path}[{i}]") for i, (of, item) in pairs)
    if hint is float:
        return _float(value, path)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{path} is none of {', '.join(arguments)}")
        return value
    if issubclass(hint, StrEnum):
        try:
            return hint(value)
        except ValueError:
            raise ValueError(f"{path} is none of {', '.join(filter(None, hint))}") from None
    if type(value) is not hint:
        raise ValueError(f"{path} is no {_PLAIN[hint]}")
    return value


def _float(value: Any, path: str) -> float:
    if isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{path} is no number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{path} is too large") from None


def _field(value: Any, name: str, path: str) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"{path or 'it'} is no object")
    if name not in value:
        raise ValueError(f"{path + '.' if path else ''}{name} is missing")
    return value[name]


def _schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if hasattr(hint, "_fields"):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}  # its place, before those that it refers to
            definitions[hint.__name__] = _object(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if origin in (Union, UnionType):
        return {"anyOf": [_schema(a, definitions) for a in arguments]}
    if hint is NoneType:
        return {"type": "null"}
    if origin is tuple and arguments[-1] is Ellipsis:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if origin is tuple:
        items = [_schema(argument, definitions) for argument in arguments]
        return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
    if hint is float:
        return {"anyOf": [{"type": "number"}, {"enum": list(_NOT_FINITE)}]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if issubclass(hint, StrEnum):
        return {"enum": [str(member) for member in hint]}
    return {"type": _PLAIN[hint]}


def _object(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    meanings = {n: " ".join(text.split()) for n, text in _ATTRIBUTE.findall(hint.__doc__)}
    properties = {
        name: _schema(of, definitions) | {"description": meanings[name]}
        for name, of in get_type_hints(hint).items()
    }
    for name in _DERIVED.get(hint, ()):
        found = getattr(hint, name)
        severity = get_type_hints(found.fget)["return"]
        properties[name] = _schema(severity, definitions) | {"description": found.__doc__}
    return {
        "type": "object",
        "description": hint.__doc__.partition("\n")[0],
        "properties": properties,
        "required": list(properties),
    }
