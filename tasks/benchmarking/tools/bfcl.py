"""The Berkeley Function-Calling Leaderboard's public cases, where the package `bfcl-eval` is there.

Its data alone is read: its modules import every vendor's client and torch. Its categories in Java
and JavaScript are left out, as their answers are source text, and those of several turns, as they
need its simulated programs. How its checker compares is said with `Rules`; docs/tool-calls.md lists
what is left of differences.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from slipstream.storage.errors import CorruptError, NotFoundError, UsageError
from slipstream.tasks.benchmarking.tools.model import Case, Expected, Rules
from slipstream.tasks.benchmarking.tools.values import ANY, OPTIONAL

TITLE = "Cases of the Berkeley Function-Calling Leaderboard."
PACKAGE = "bfcl_eval"
INSTALL = "pip install --no-deps bfcl-eval"
PREFIX = "BFCL_v4_"
CATEGORIES = (
    "simple_python",
    "multiple",
    "parallel",
    "parallel_multiple",
    "irrelevance",
    "live_simple",
    "live_multiple",
    "live_parallel",
    "live_parallel_multiple",
    "live_irrelevance",
    "live_relevance",
)
TYPES = {"dict": "object", "float": "number", "tuple": "array"}
"""Types that it calls by Python's names; `any` stands for no type."""
LEFT_OUT = ""
"""Among the values of an argument: it may be left out."""
Kinds = Mapping[str, Any]


class Entry(NamedTuple):
    """A case as the package has it.

    Attributes:
        question: Messages.
        functions: What is offered.
        truth: Calls, each a name with the values of its arguments; None: it has none.
    """

    id: str
    question: list[dict[str, Any]]
    functions: list[dict[str, Any]]
    truth: list[dict[str, dict[str, list[Any]]]] | None


def categories() -> tuple[str, ...]:
    """The categories that can be loaded, by BFCL's own names."""
    return CATEGORIES


def installed() -> bool:
    """Whether the package is there."""
    return find_spec(PACKAGE) is not None


def load(category: str) -> tuple[Case, ...]:
    """The cases of a category.

    Raises:
        NotFoundError: The package is not installed.
        UsageError: There is no such category.
        CorruptError: Its data is not what was expected.
    """
    try:
        return tuple(_case(entry, category) for entry in entries(category))
    except (OSError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise CorruptError(
            f"BFCL's {category} is not in the form of bfcl-eval 2026.3 ({error!r}); "
            f"install that version."
        ) from error


def digest(category: str) -> str:
    """Of the files of a category."""
    found = hashlib.sha256()
    for path in _paths(category):
        found.update(path.read_bytes() if path.exists() else b"")
    return f"sha256:{found.hexdigest()}"


def name_of(function: str) -> str:
    """A function's name as the chat API takes it, without dots."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", function)


@cache
def entries(category: str) -> tuple[Entry, ...]:
    """The cases of a category as the package has them."""
    asked, answered = _paths(category)
    truths = _lines(answered) if answered.exists() else []
    truth = {line["id"]: line["ground_truth"] for line in truths}
    return tuple(
        Entry(line["id"], line["question"][0], line["function"], truth.get(line["id"]))
        for line in _lines(asked)
    )


def _paths(category: str) -> tuple[Path, Path]:
    if category not in CATEGORIES:
        raise UsageError(f"BFCL has no {category!r} here; there are {', '.join(CATEGORIES)}.")
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise NotFoundError(f"BFCL's cases are not installed; `{INSTALL}` (2 MB) does that.")
    data = Path(spec.submodule_search_locations[0]) / "data"
    name = f"{PREFIX}{category}.json"
    return data / name, data / "possible_answer" / name


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _case(entry: Entry, category: str) -> Case:
    tools = {name_of(f["name"]): f for f in entry.functions}
    answer: list[Expected] = []
    exact: set[str] = set()
    fold: set[str] = set()
    for call in entry.truth or ():
        ((function, arguments),) = call.items()
        name = name_of(function)
        parameters = tools[name]["parameters"]
        answer.append(_expected(name, parameters, arguments))
        for argument, right in arguments.items():
            kinds = parameters["properties"].get(argument, {})
            exact |= {f"{name}.{argument}"} if _exact(kinds, right) else set()
            fold |= {f"{name}.{argument}"} if _fold(kinds, right) else set()
    return Case(
        id=entry.id,
        messages=tuple(entry.question),
        tools=tuple(_tool(name, function) for name, function in tools.items()),
        answers=(tuple(answer),),
        category=category,
        rules=Rules(
            extra="forbid",
            fold=frozenset(fold),
            exact=frozenset(exact),
            any_call="relevance" in category and "irrelevance" not in category,
        ),
    )


def _tool(name: str, function: Mapping[str, Any]) -> dict[str, Any]:
    described = {
        "name": name,
        "description": function["description"],
        "parameters": _schema(function["parameters"]),
    }
    return {"type": "function", "function": described}


def _schema(kinds: Kinds) -> dict[str, Any]:
    """The JSON Schema of a type as the package describes it."""
    found: dict[str, Any] = {}
    for key, value in kinds.items():
        if key == "type":
            found |= {} if value == "any" else {"type": TYPES.get(value, value)}
        elif key == "properties":
            found[key] = {name: _schema(inner) for name, inner in value.items()}
        elif key == "items":
            found[key] = _schema(value)
        elif key != "optional":
            found[key] = value
    return found


def _expected(name: str, parameters: Kinds, arguments: Mapping[str, list[Any]]) -> Expected:
    optional = {
        argument
        for argument, right in arguments.items()
        if LEFT_OUT in right and argument not in parameters["required"]
    }
    properties = parameters["properties"]
    values = {a: tuple(_values(properties.get(a, {}), right)) for a, right in arguments.items()}
    return Expected(name, values, frozenset(optional))


def _values(kinds: Kinds, right: list[Any]) -> Iterator[Any]:
    """The values of an argument.

    Where it may be left out, its checker takes an empty list or text as well.
    """
    kind = kinds.get("type")
    text = kind in ("string", "any") or isinstance(_first(right), str)
    for value in right:
        if value != LEFT_OUT:
            yield _value(value)
        elif kind in ("array", "tuple"):
            yield []
        elif text:
            yield LEFT_OUT
    if not text and right == [LEFT_OUT] and kind not in ("array", "tuple"):
        yield {ANY: []}  # nothing is right but to leave it out


def _first(right: list[Any]) -> Any:
    return next((value for value in right if value != LEFT_OUT), None)


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [_value(one) for one in value]
    if isinstance(value, dict):
        return {key: _alternatives(inner) for key, inner in value.items()}
    return value


def _alternatives(inner: Any) -> Any:
    """The values of a key in an object, which the package lists too, but not always."""
    if not isinstance(inner, list):
        return _value(inner)
    return {OPTIONAL if LEFT_OUT in inner else ANY: [_value(one) for one in inner]}


def _exact(kinds: Kinds, right: list[Any]) -> bool:
    """Whether numbers have to be of the type that is named: for an integer, no `5.0`.

    Of items in a list it is the type of the first right one, unless the argument may be left out.
    """
    kind = kinds.get("type")
    if kind in ("array", "tuple"):
        wanted = float if kinds.get("items", {}).get("type") == "float" else int
        firsts = [value[0] for value in right if isinstance(value, list) and value]
        return LEFT_OUT not in right and all(type(first) is wanted for first in firsts)
    if kind == "integer":
        return any(isinstance(value, int) for value in right)
    return kind not in ("float", "dict")


def _fold(kinds: Kinds, right: list[Any]) -> bool:
    """Whether texts are compared loosely: not where a right value is not of the type that is named.

    Its checker takes such a text for the name of a variable.
    """
    known = {"string": str, "any": str, "array": list, "tuple": list, "dict": dict}
    return isinstance(_first(right), known.get(kinds.get("type", ""), ()))
