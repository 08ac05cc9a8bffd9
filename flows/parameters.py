"""Parameters of a flow as they are typed in a shell: `key=value`, with what is right named."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from pydantic import BaseModel, ValidationError

from slipstream.storage.errors import UsageError

OUTER = "parameters."
"""The name of the flows' one argument, which may stand before a key and need not."""


class Described(NamedTuple):
    """A parameter: its name, what it may be, what holds without it, what it is for."""

    name: str
    kind: str
    default: str
    says: str


def parse(model: type[BaseModel], given: Sequence[str]) -> dict[str, Any]:
    """Parameters as data, from texts such as `suite=smoke`, `iterations=5`, `warm.path=src`.

    A value is JSON, else a text. A key that is given several times is a list of its values, and one
    value is enough for a list.

    Raises:
        UsageError: A key is none of the model's, or a text is no `key=value`.
    """
    found: dict[str, Any] = {}
    for text in given:
        key, equals, raw = text.partition("=")
        if not equals or not key:
            raise UsageError(f"-p {text}: write key=value, as in -p {_example(model)}.")
        path = key.removeprefix(OUTER).split(".")
        inner, place = model, found
        for depth, name in enumerate(path):
            field = _checked(inner, name, path[:depth])
            nested, last = inner.model_fields[field].annotation, depth == len(path) - 1
            if _is_model(nested) and last:
                parts = ", ".join(f"{key}.{part}" for part in nested.model_fields)
                raise UsageError(f"-p {text}: {key} has parts; give {parts}.")
            if last:
                _put(place, name, raw, _kinds(inner, field))
            elif _is_model(nested):
                inner, place = nested, place.setdefault(name, {})
            else:
                raise UsageError(f"-p {text}: {'.'.join(path[: depth + 1])} has no parts.")
    return found


def checked(model: type[BaseModel], values: Mapping[str, Any]) -> BaseModel:
    """The parameters, validated.

    Raises:
        UsageError: One is wrong; the sentence names it, with what is right.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UsageError(_sentence(model, error)) from error


def described(model: type[BaseModel], before: str = "") -> list[Described]:
    """What a model takes, with the parts of nested models under dotted names."""
    schema = model.model_json_schema()
    found = []
    for name, field in model.model_fields.items():
        nested = field.annotation
        if _is_model(nested):
            found += described(nested, f"{before}{name}.")
            continue
        default = field.get_default(call_default_factory=True, validated_data={})
        shown = "required" if field.is_required() else json.dumps(default)
        kind = _kind(_property(schema, name))
        found.append(Described(before + name, kind, shown, field.description or ""))
    return found


def _is_model(found: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(found, type) and issubclass(found, BaseModel)


def _example(model: type[BaseModel]) -> str:
    return f"{next(iter(model.model_fields))}=…"


def _checked(model: type[BaseModel], name: str, path: Iterable[str]) -> str:
    """The field that a name stands for, by an alias as well."""
    names = {field: field for field in model.model_fields}
    for field, info in model.model_fields.items():
        choices = getattr(info.validation_alias, "choices", ())
        names |= {choice: field for choice in choices if isinstance(choice, str)}
    if name in names:
        return names[name]
    near = difflib.get_close_matches(name, names, n=1)
    advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}."
    raise UsageError(f"There is no parameter {'.'.join([*path, name])}; {advice}")


def _kinds(model: type[BaseModel], field: str) -> set[str]:
    """JSON's names of what a field may be."""
    found = _property(model.model_json_schema(), field)
    return {str(each.get("type")) for each in [found, *found.get("anyOf", [])]}


def _property(schema: dict[str, Any], field: str) -> dict[str, Any]:
    # Under an alias the schema has the field by its first name.
    found: dict[str, Any] = schema["properties"].get(field, {})
    return found


def _put(place: dict[str, Any], name: str, raw: str, kinds: set[str]) -> None:
    value = _value(raw, kinds)
    if "array" in kinds:
        items = value if isinstance(value, list) else [value]
        place[name] = [*place.get(name, []), *items]
    else:
        place[name] = value


def _value(raw: str, kinds: set[str]) -> Any:
    if "string" in kinds and not raw.startswith('"'):
        return None if raw == "null" and "null" in kinds else raw
    try:
        return json.loads(raw)
    except ValueError:
        return raw


def _kind(found: dict[str, Any]) -> str:
    """What a value may be, in words: `integer, 1 to 100`, `light or full`, `list of number`."""
    options = [each for each in found.get("anyOf", []) if each.get("type") != "null"]
    if options:
        return " or ".join(_kind(each) for each in options)
    if choices := found.get("enum"):
        return " or ".join(map(str, choices))
    kind = str(found.get("type", "any"))
    if kind == "array":
        return f"list of {_kind(found.get('items', {}))}"
    low = found.get("minimum", found.get("exclusiveMinimum"))
    high = found.get("maximum", found.get("exclusiveMaximum"))
    above = "above " if "exclusiveMinimum" in found else ""
    if low is not None and high is not None:
        return f"{kind}, {above}{low:,} to {high:,}"
    if low is not None:
        return f"{kind}, {above or 'from '}{low:,}"
    return kind


def _sentence(model: type[BaseModel], error: ValidationError) -> str:
    """The first thing that is wrong, and what would be right."""
    first = error.errors(include_url=False)[0]
    names = [part for part in first["loc"] if isinstance(part, str)]
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    known = {each.name: each for each in described(model)}
    name = ".".join(names)
    if first["type"] == "missing":
        return f"The parameter {name} is needed: {known[name].says} Give it with -p {name}=…."
    if name not in known:  # of several together
        return f"The parameters do not go together: {message}."
    given = json.dumps(first["input"], ensure_ascii=False, default=str)
    return f"The parameter {name} cannot be {given}; expected: {known[name].kind} ({message})."
