"""What a tool's JSON Schema says of arguments.

`jsonschema` is imported when it is needed. It looks nothing up anywhere: a `$ref` that leads out
of its schema cannot be resolved, and the schema is refused.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

SHOWN = 200  # characters of a value or of a validator's sentence


def wrong(schema: Mapping[str, Any]) -> str:
    """What makes this no JSON Schema of arguments, in one sentence without its full stop.

    Args:
        schema: A tool's `parameters`.

    Returns:
        Empty: it is one.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    if schema.get("type", "object") != "object":
        return f"type is {shown(schema['type'])}, and arguments are an object"
    try:
        Draft202012Validator.check_schema(schema)
        _broken(schema, dict.fromkeys(schema.get("properties", {})))
    except SchemaError as error:
        place = "".join(f".{part}" for part in error.absolute_path)
        return f"{place.removeprefix('.') or 'it'} is not JSON Schema: {cut(error.message)}"
    except ValueError as error:
        return str(error)
    return ""


def breaks(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, str]:
    """How arguments break the schema of their tool.

    Args:
        schema: A tool's `parameters`.
        arguments: What was sent.

    Returns:
        For each wrong argument what is wrong first, in the validator's words; under the empty name
        what is wrong with all of them, such as one that is missing.
    """
    try:
        return _broken(schema, arguments)
    except ValueError as error:
        return {"": str(error)}


def _broken(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, str]:
    """As `breaks`.

    Raises:
        ValueError: The schema refers to what it does not hold, to itself without end, or has a
            pattern that is none.
    """
    from jsonschema import Draft202012Validator
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    found: dict[str, str] = {}
    try:
        # A registry of its own: without one, addresses in `$ref` would be fetched.
        for error in Draft202012Validator(schema, registry=Registry()).iter_errors(arguments):
            path = list(error.absolute_path)
            inner = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path[1:])
            words = f"{inner} {cut(error.message)}" if inner else cut(error.message)
            found.setdefault(str(path[0]) if path else "", words)
    except Unresolvable as error:
        raise ValueError(f"it refers to {error.ref}, which is not in it") from error
    except RecursionError as error:
        raise ValueError("it refers to itself without end") from error
    except re.error as error:
        raise ValueError(f"a pattern is none: {error}") from error
    return found


def fits(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether one value is what a schema takes."""
    return not breaks({"properties": {"value": schema}}, {"value": value})


def parameters(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a tool's arguments, of a tool as the chat API takes it."""
    found = tool["function"].get("parameters")
    return found if isinstance(found, dict) else {}


def properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schemas of an object's arguments by their names."""
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def required(schema: Mapping[str, Any]) -> frozenset[str]:
    """The arguments that an object must have."""
    found = schema.get("required")
    return frozenset(found) if isinstance(found, list) else frozenset()


def shown(value: Any) -> str:
    """A value as JSON, cut to what fits in a sentence."""
    try:
        return cut(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):
        return cut(repr(value))


def cut(text: str) -> str:
    """A text as one line of at most 200 characters."""
    line = " ".join(text[: SHOWN * 4].split())
    return line if len(line) <= SHOWN and len(text) <= SHOWN * 4 else f"{line[: SHOWN - 1]}…"
