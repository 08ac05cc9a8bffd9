"""The data of tool-call correctness, from a case to a verdict."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class Expected(NamedTuple):
    """A call that is right.

    Attributes:
        name: Of the tool.
        arguments: For each argument all values that are right; see `values` for what may stand in
            them.
        optional: Arguments that may as well be left out.
    """

    name: str
    arguments: Mapping[str, tuple[Any, ...]]
    optional: frozenset[str] = frozenset()


class Rules(NamedTuple):
    """How strictly calls are compared.

    Attributes:
        extra: What arguments beyond the expected ones mean: `forbid` (wrong), `defaults` (right
            where they say what is the schema's default, which may be left out as well), `allow`.
        paths: Arguments that are paths: `./a` is `a`.
        unordered: Arguments that are sets: the order of their items does not matter.
        fold: Arguments whose case, spaces and `,./-_*^` do not matter.
        exact: Arguments where `1.0` is not `1` and `"1"` never is.
        in_order: Whether several calls must come in the order of the expected ones.
        any_call: A call of anything is right, and the answers are not looked at.

    An argument is named by its name, or as `tool.argument` where tools differ.
    """

    extra: str = "defaults"
    paths: frozenset[str] = frozenset()
    unordered: frozenset[str] = frozenset()
    fold: frozenset[str] = frozenset()
    exact: frozenset[str] = frozenset()
    in_order: bool = False
    any_call: bool = False


class Case(NamedTuple):
    """A question with the calls that answer it.

    Attributes:
        id: Unique in its file.
        messages: As the chat API takes them.
        tools: As the chat API takes them: `{"type": "function", "function": {…}}` each.
        answers: Alternatives, each all calls of one right answer; an empty one: no call is right.
        category: simple, multiple, parallel, missing, irrelevant, edge, or BFCL's own.
        difficulty: easy, medium, hard.
        tags: For selection.
        rules: How its answers are compared.
    """

    id: str
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...]
    answers: tuple[tuple[Expected, ...], ...]
    category: str
    difficulty: str = "medium"
    tags: tuple[str, ...] = ()
    rules: Rules = Rules()


class Call(NamedTuple):
    """A call that a model made.

    Attributes:
        name: Of the tool.
        arguments: The decoded JSON object; None: what was sent is none.
        raw: The arguments as they were written.
    """

    name: str
    arguments: Mapping[str, Any] | None
    raw: str


class Extraction(NamedTuple):
    """The calls of an answer.

    Attributes:
        calls: In their order.
        form: How they were written: `native`, `hermes`, `json`, `fenced`, `pythonic`, …; empty:
            there are none.
        problem: What looked like a call and could not be read; empty: nothing.
    """

    calls: tuple[Call, ...]
    form: str = ""
    problem: str = ""


class Layer(StrEnum):
    """Where an answer went wrong; the first that applies."""

    RIGHT = "right"
    FAILED = "failed"
    """The request itself did: nothing is known of the model."""
    EXTRACTION = "extraction"
    """Calls were wanted, and none can be found."""
    JSON = "json"
    """A call's arguments are not a JSON object."""
    TOOL = "tool"
    """A tool that does not exist or was not wanted, a call too many, or one too few."""
    UNWANTED = "unwanted"
    """A call where none was right."""
    SCHEMA = "schema"
    """The arguments break the tool's own schema."""
    MISSING = "missing"
    """An argument is missing."""
    EXTRA = "extra"
    """An argument is too much."""
    VALUE = "value"
    """An argument has a wrong value."""


class Verdict(NamedTuple):
    """How an answer was judged.

    Attributes:
        score: 1 right; up to 0.5 the right tool with wrong arguments, by the share of them that
            is right; 0 anything else.
        layer: Where it went wrong.
        reason: One sentence; empty: it is right.
    """

    score: float
    layer: Layer
    reason: str = ""

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        return self.layer is Layer.RIGHT
