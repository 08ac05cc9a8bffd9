"""Files of cases: read, refused with the place that is wrong, and described by a schema."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking import case_files
from slipstream.tasks.benchmarking.tools import case
from slipstream.tasks.benchmarking.tools.model import Case, Expected, Rules

DOCS = Path(__file__).resolve().parents[3] / "docs"
FILE: dict[str, Any] = {
    "version": 1,
    "name": "mine",
    "description": "Two cases.",
    "system": "You are a coding agent.",
    "rules": {"paths": ["path"], "extra": "forbid"},
    "tools": [
        {
            "name": "read",
            "description": "Reads.",
            "parameters": {
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "limit": {"type": "integer"},
                    "options": {"type": "object", "properties": {"deep": {"type": "boolean"}}},
                },
                "required": ["path"],
                "additionalProperties": False,
            },
        },
        {"name": "status"},
    ],
    "cases": [
        {
            "id": "one",
            "prompt": "Read a.",
            "category": "simple",
            "answers": [
                [
                    {
                        "name": "read",
                        "arguments": {
                            "path": ["a"],
                            "limit": [1, 2],
                            "options": [{"deep": {"$optional": [True]}}],
                        },
                        "optional": ["limit"],
                    }
                ]
            ],
        },
        {
            "id": "two",
            "messages": [
                {"role": "user", "content": "Read b."},
                {"role": "tool", "tool_call_id": "x", "content": "b"},
            ],
            "category": "irrelevant",
            "difficulty": "easy",
            "tags": ["short"],
            "tools": ["status", {"name": "own"}],
            "rules": {"in_order": True},
            "answers": [[]],
        },
    ],
}


def parsed(change: Callable[[dict[str, Any]], object] = lambda file: None) -> case.CaseFile:
    value = copy.deepcopy(FILE)
    change(value)
    return case.parse(json.dumps(value), "mine.json")


def test_a_file_becomes_cases_with_the_rules_and_tools_of_each() -> None:
    found = parsed()
    assert (found.name, found.version, found.description) == ("mine", 1, "Two cases.")
    one, two = found.cases
    assert one == Case(
        id="one",
        messages=(
            {"role": "system", "content": "You are a coding agent."},
            {"role": "user", "content": "Read a."},
        ),
        tools=(
            {"type": "function", "function": FILE["tools"][0]},
            {
                "type": "function",
                "function": {
                    "name": "status",
                    "description": "",
                    "parameters": {"type": "object", "properties": {}},
                },
            },
        ),
        answers=(
            (
                Expected(
                    "read",
                    {
                        "path": ("a",),
                        "limit": (1, 2),
                        "options": ({"deep": {"$optional": [True]}},),
                    },
                    frozenset({"limit"}),
                ),
            ),
        ),
        category="simple",
        rules=Rules(paths=frozenset({"path"}), extra="forbid"),
    )
    assert two.messages[1] == {"role": "tool", "tool_call_id": "x", "content": "b"}
    assert [tool["function"]["name"] for tool in two.tools] == ["status", "own"]
    assert two.rules == Rules(paths=frozenset({"path"}), extra="forbid", in_order=True)
    assert (two.answers, two.difficulty, two.tags) == (((),), "easy", ("short",))


def test_the_digest_is_that_of_the_text() -> None:
    assert parsed().digest == parsed().digest != parsed(lambda f: f.update(name="x")).digest
    assert parsed().digest.startswith("sha256:")


def at(*path: str | int, value: Any) -> Callable[[dict[str, Any]], object]:
    """Puts a value into the file."""

    def change(file: dict[str, Any]) -> None:
        inner: Any = file
        for part in path[:-1]:
            inner = inner[part]
        if value is ...:
            del inner[path[-1]]
        else:
            inner[path[-1]] = value

    return change


CALL = ("cases", 0, "answers", 0, 0)
PARAMETERS = ("tools", 0, "parameters")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (at("version", value=2), "version: Input should be 1"),
        (at("version", value=...), "version: Field required"),
        (at("nope", value=1), "nope: Extra inputs are not permitted"),
        (at("cases", value=[]), "cases: List should have at least 1 item"),
        (at("cases", 1, "id", value="one"), "cases[1].id: 'one' is the id of cases[0] too"),
        (at("cases", 1, "id", value=""), "cases[1].id: String should match pattern"),
        (at("cases", 1, "difficulty", value="mild"), "cases[1].difficulty: Input should be 'easy'"),
        (at("cases", 0, "prompt", value=""), "cases[0]: give either prompt or messages"),
        (at("cases", 1, "prompt", value="x"), "cases[1]: give either prompt or messages"),
        (at("cases", 1, "messages", 0, "role", value="me"), "cases[1].messages[0].role: Input"),
        (at("cases", 0, "answers", value=[]), "cases[0].answers: List should have at least 1"),
        (at("cases", 1, "tools", 0, value="nope"), "cases[1].tools[0]: the file has no tool"),
        (at("cases", 1, "tools", 1, "name", value="status"), "cases[1].tools[1]: there is another"),
        (at("cases", 1, "tools", 1, "name", value=...), "cases[1].tools[1].name: Field required"),
        (at("cases", 1, "tools", 1, "x", value=1), "cases[1].tools[1].x: Extra inputs"),
        (at(*CALL, "arguments", value=3), "cases[0].answers[0][0].arguments: Input should be a"),
        (
            at(*CALL, "arguments", "path", value="a"),
            "answers[0][0].arguments.path: Input should be",
        ),
        (
            at(*CALL, "arguments", "path", value=[]),
            "answers[0][0].arguments.path: List should have",
        ),
        (at(*CALL, "arguments", "path", value=...), "arguments: the tool read requires path"),
        (at(*CALL, "arguments", "path", value=["a", 1]), "path[1]: the tool read refuses it: 1 is"),
        (at(*CALL, "arguments", "x", value=["a"]), "arguments.x[0]: the tool read refuses it"),
        (
            at(*CALL, "arguments", "options", value=[{"deep": {"$any": [True, 1]}}]),
            "arguments.options[0]: the tool read refuses it: .deep 1 is not of type 'boolean'",
        ),
        (at(*CALL, "arguments", "limit", value=[{"$any": []}]), "limit[0]: $any has to be a list"),
        (at(*CALL, "arguments", "limit", value=[{"$fits": 1}]), "limit[0]: $fits has to be a JSON"),
        (
            at(*CALL, "arguments", "limit", value=[{"$fits": {"type": "int"}}]),
            "limit[0]: properties.value.type is not JSON Schema",
        ),
        (at(*CALL, "arguments", "limit", value=[{"$optional": [1]}]), "$optional is for keys"),
        (at(*CALL, "arguments", "limit", value=[[{"$any": 1}]]), "limit[0]: $any has to be a"),
        (at(*CALL, "optional", value=["x"]), "optional[0]: no argument is called 'x'"),
        (at(*CALL, "optional", value=["path"]), "optional[0]: read requires 'path'"),
        (at(*CALL, "name", value="own"), "answers[0][0].name: the tool 'own' is not offered"),
        (at("rules", "paths", value=["pth"]), "rules.paths[0]: no tool has an argument 'pth'"),
        (at("cases", 0, "rules", value={"fold": ["x"]}), "cases[0].rules.fold[0]: no tool has"),
        (at("tools", 1, "name", value="read"), "tools[1]: there is another tool 'read'"),
        (at("tools", 1, "name", value="a b"), "tools[1].name: String should match pattern"),
        (at(*PARAMETERS, "type", value="array"), 'tools[0].parameters: type is "array"'),
        (at(*PARAMETERS, "properties", value=3), "tools[0].parameters: properties is not JSON Sch"),
        (at(*PARAMETERS, "required", value="path"), "parameters: required is not JSON Schema"),
        (
            at(*PARAMETERS, "properties", "path", "type", value="str"),
            "tools[0].parameters: properties.path.type is not JSON Schema: 'str'",
        ),
        (
            at(*PARAMETERS, "properties", "path", value={"$ref": "http://127.0.0.1:9/schema"}),
            "tools[0].parameters: it refers to http://127.0.0.1:9/schema, which is not in it",
        ),
        (
            at(*PARAMETERS, "properties", "path", value={"$ref": "#/properties/path"}),
            "tools[0].parameters: it refers to itself without end",
        ),
    ],
    ids=range(40),
)
def test_a_wrong_file_is_refused_with_the_place_and_what_is_expected(
    change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with pytest.raises(UsageError) as error:
        parsed(change)
    assert words in str(error.value)
    assert str(error.value).startswith("mine.json: ")
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "[" * 100_000, '"text"', '{"version": NaN}'], ids=range(7)
)
def test_what_is_no_case_file_at_all_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"mine\.json"):
        case.parse(text, "mine.json")


def test_a_file_is_found_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(FILE), encoding="utf-8-sig")
    assert case.load(str(path)).cases == parsed().cases
    for content in (b"\xff\xfe\x00", b"{}"):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"mine\.json"):
            case.load(str(path))


@pytest.mark.parametrize("name", ["nope", "nope.yaml", "nope.json", "."])
def test_cases_that_are_not_there_are_named(name: str) -> None:
    with pytest.raises(UsageError, match="cases"):
        case.load(name)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(case_files.LARGEST + 1)
    with pytest.raises(UsageError, match="too large"):
        case.load(str(path))


def test_shipped_cases_are_valid_and_have_the_name_of_their_file() -> None:
    for name in case.shipped():
        assert case.load(name).name == name


def test_the_published_schema_is_what_the_code_says_and_takes_a_right_file() -> None:
    """`make docs` writes it."""
    published = json.loads((DOCS / "tool-cases.schema.json").read_text("utf-8"))
    assert published == case.schema()
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.validate(FILE, published)
    wrong = {**FILE, "cases": [{"id": "a"}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, published)
