"""Tool calls of a given correctness, for the tools that a request offers."""

from __future__ import annotations

import json
from random import Random
from typing import Any, NamedTuple

from slipstream.tasks.benchmarking.simulate.settings import Settings

_DEEPEST = 8  # levels of a schema that are filled in


class Call(NamedTuple):
    """One call: the tool's name, and its arguments as they are sent."""

    name: str
    arguments: str


def choose(
    settings: Settings,
    random: Random,
    body: dict[str, Any],
    expected: list[dict[str, Any]] | None,
) -> tuple[Call, ...]:
    """The calls that answer a request; none when it offers no tools or none is wanted.

    What is right is what `expected` says; where it says nothing, the tool that `tool_choice` names,
    else the first one, with arguments that its schema allows. An empty `expected` says that no call
    is right.
    """
    draw = random.random()  # always, so that tools do not change what is drawn later
    tools = _functions(body)
    if not tools or body.get("tool_choice") == "none":
        return ()
    bounds = (
        ("right", settings.tool_right),
        ("name", settings.tool_wrong_name),
        ("arguments", settings.tool_wrong_arguments),
        ("malformed", settings.tool_malformed),
    )
    kind = ""
    for name, share in bounds:
        if draw < share:
            kind = name
            break
        draw -= share
    if not kind:
        return ()
    right = _right(tools, body, expected)
    if kind == "right" or not right:
        return right if kind == "right" else (_example(tools, next(iter(tools))),)
    first, *others = right
    if kind == "name":
        wrong = [name for name in tools if name != first.name] or [first.name + "_other"]
        changed = first._replace(name=wrong[random.randrange(len(wrong))])
    elif kind == "arguments":
        changed = first._replace(arguments=_spoil(first.arguments, tools.get(first.name)))
    else:
        changed = first._replace(arguments=first.arguments.rstrip("}") + ", ")
    return (changed, *others)


def as_text(calls: tuple[Call, ...], form: str) -> str:
    """Calls as models without a parser at their server write them into the text."""
    objects = [f'{{"name": {json.dumps(c.name)}, "arguments": {c.arguments}}}' for c in calls]
    if form == "hermes":
        return "\n".join(f"<tool_call>\n{text}\n</tool_call>" for text in objects)
    if form == "pythonic":
        return f"[{', '.join(_pythonic(call) for call in calls)}]"
    text = objects[0] if len(objects) == 1 else f"[{', '.join(objects)}]"
    return f"```json\n{text}\n```" if form == "fenced" else text


def example(schema: Any, depth: int = 0) -> Any:
    """The plainest value that a JSON Schema allows: required properties alone, first of choices."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    if choices := schema.get("enum"):
        return choices[0]
    for name in ("anyOf", "oneOf"):
        if options := schema.get(name):
            return example(options[0], depth + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        return {n: example(properties.get(n), depth + 1) for n in schema.get("required", ())}
    if kind == "array":
        return [example(schema.get("items"), depth + 1)] * schema.get("minItems", 0)
    if kind == "string":
        text = "example".ljust(schema.get("minLength", 0), "x")
        return text[: schema.get("maxLength", len(text))]
    plain = {"integer": schema.get("minimum", 1), "number": schema.get("minimum", 1.5)}
    return (plain | {"boolean": True}).get(str(kind))


def _functions(body: dict[str, Any]) -> dict[str, Any]:
    """Schemas of the parameters by the tool's name."""
    found = {}
    for tool in body.get("tools") or ():
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            found[function["name"]] = function.get("parameters") or {"type": "object"}
    return found


def _right(
    tools: dict[str, Any], body: dict[str, Any], expected: list[dict[str, Any]] | None
) -> tuple[Call, ...]:
    if expected is not None:
        return tuple(Call(str(c.get("name")), _json(c.get("arguments", {}))) for c in expected)
    choice = body.get("tool_choice")
    named = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    return (_example(tools, named if named in tools else next(iter(tools))),)


def _example(tools: dict[str, Any], name: str) -> Call:
    return Call(name, _json(example({"type": "object"} | tools[name])))


def _spoil(arguments: str, schema: Any) -> str:
    """Wrong arguments that are well-formed: a required one left out, else one that is unknown."""
    values = json.loads(arguments)
    required = schema.get("required", ()) if isinstance(schema, dict) else ()
    names = [name for name in required if name in values] or list(values)
    if names:
        del values[names[0]]
    else:
        values["unasked"] = True
    return _json(values)


def _pythonic(call: Call) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in json.loads(call.arguments).items())
    return f"{call.name}({given})"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
