"""Calls written as tags, each argument in one of its own.

`<function=NAME><parameter=KEY>VALUE</parameter></function>` (Qwen3-Coder), `<invoke name="NAME">
<parameter name="KEY">VALUE</parameter></invoke>` (Anthropic, MiniMax, DeepSeek's DSML), and
`NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value>` (GLM). Values are texts; the schema of the
tool says which are to be read as JSON.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from slipstream.tasks.benchmarking.tools import schema as schemas
from slipstream.tasks.benchmarking.tools.forms_json import arguments, value_at
from slipstream.tasks.benchmarking.tools.model import Call

NAME = r"[\w.:/-]{1,128}"
DSML = r"(?:[｜|]{1,2}DSML[｜|]{1,2})?"
START = re.compile(
    rf"<(?:function(?:=| name=)[\"']?(?P<a>{NAME})[\"']?"
    rf"|{DSML}invoke name=[\"']?(?P<b>{NAME})[\"']?)\s{{0,9}}>"
)
STOP = re.compile(rf"</{DSML}(?:function|invoke)>")
KEY = re.compile(
    rf"<{DSML}parameter(?:=[\"']?(?P<a>{NAME})[\"']?| name=[\"']?(?P<b>{NAME})[\"']?)"
    r"(?: string=\"(?P<string>true|false)\")?\s{0,9}>"
)
VALUE_STOP = re.compile(rf"</{DSML}parameter>|(?=<{DSML}parameter[= ])")
GLM = re.compile(rf"\s{{0,9}}({NAME})\s{{0,9}}(?=<arg_key>|</tool_call>)")
GLM_KEY = re.compile(rf"\s{{0,9}}<arg_key>\s{{0,9}}({NAME})\s{{0,9}}</arg_key>\s{{0,9}}<arg_value>")
GLM_STOP = "</arg_value>"
LITERALS = {"True": True, "False": False, "None": None}
"""Python's words, which Qwen3-Coder's own parser takes."""


def call_at(
    text: str, start: int, schema_of: Mapping[str, Mapping[str, Any]]
) -> tuple[Call, int] | None:
    """The call whose opening tag begins at a place and the place after it; None: there is none."""
    found = START.match(text, start)
    if found is None:
        return _glm(text, start, schema_of)
    name = found["a"] or found["b"]
    position = _after_space(text, found.end())
    if text.startswith("{", position):  # Llama 3.1: <function=NAME>{…}</function>
        value = value_at(text, position)
        end = value[1] if value else _stop(text, position)
        raw = text[position:end]
        return Call(name, arguments(raw), raw), end
    given: dict[str, Any] = {}
    while key := KEY.match(text, position):
        found = VALUE_STOP.search(text, key.end())
        end = found.start() if found else _stop(text, key.end())
        schema = schemas.properties(schema_of.get(name, {})).get(key["a"] or key["b"])
        kind = {"type": "string"} if key["string"] == "true" else schema
        given[key["a"] or key["b"]] = typed(_trimmed(text[key.end() : end]), kind)
        position = _after_space(text, found.end() if found else end)
    stop = STOP.match(text, position)
    raw = json.dumps(given, ensure_ascii=False)
    return Call(name, given, raw), stop.end() if stop else position


def typed(text: str, schema: Any) -> Any:
    """A text as the JSON value that its schema wants; the text itself where that is a text."""
    kinds = _kinds(schema)
    if "string" in kinds:
        return text
    if text.strip() in LITERALS:
        return LITERALS[text.strip()]
    value = value_at(text.strip(), 0)
    return value[0] if value and value[1] == len(text.strip()) else text


def _kinds(schema: Any) -> set[str]:
    """The types that a schema names, as far as it does without a reference."""
    if not isinstance(schema, dict):
        return {"string"}  # an argument that the tool does not have stays as it was written
    kind = schema.get("type")
    found = {kind} if isinstance(kind, str) else set(kind) if isinstance(kind, list) else set()
    for inner in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found |= _kinds(inner)
    if not found and any(isinstance(value, str) for value in schema.get("enum", ())):
        found.add("string")
    return found


def _glm(
    text: str, start: int, schema_of: Mapping[str, Mapping[str, Any]]
) -> tuple[Call, int] | None:
    found = GLM.match(text, start)
    if found is None:
        return None
    given: dict[str, Any] = {}
    position = found.end()
    while key := GLM_KEY.match(text, position):
        end = text.find(GLM_STOP, key.end())
        end = len(text) if end < 0 else end
        schema = schemas.properties(schema_of.get(found[1], {})).get(key[1])
        given[key[1]] = typed(text[key.end() : end], schema)
        position = min(end + len(GLM_STOP), len(text))
    return Call(found[1], given, json.dumps(given, ensure_ascii=False)), position


def _stop(text: str, start: int) -> int:
    found = STOP.search(text, start)
    return found.start() if found else len(text)


def _after_space(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _trimmed(text: str) -> str:
    """Without the line ends that only set it apart from its tags."""
    return text.removeprefix("\n").removesuffix("\n")
