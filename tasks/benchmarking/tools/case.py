"""Files of cases: questions with the tools that are offered and the calls that answer them.

A file is JSON; docs/tool-cases.schema.json (from `schema()`) describes it for editors. Tools that
several cases share stand in the file once, and a case is offered all of them unless it names some:
what it does not need distracts. Each expected argument is held against the schema of its tool when
the file is read, so that no case asks for what its own tools refuse.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from slipstream.tasks.benchmarking import case_files
from slipstream.tasks.benchmarking.case_files import Difficulty, Id, Strict, Word, refuse
from slipstream.tasks.benchmarking.tools import schema as schemas
from slipstream.tasks.benchmarking.tools import values
from slipstream.tasks.benchmarking.tools.model import Case, Expected, Rules

FORMAT = 1  # of case files; a reader takes its own and older ones
PACKAGE = "slipstream.tasks.benchmarking.tools.cases"
BFCL = "bfcl:"

ToolName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Extra: TypeAlias = Literal["forbid", "defaults", "allow"]


class Tool(Strict):
    """A tool that is offered."""

    name: ToolName
    description: str = Field("", description="What a model is told of it.")
    parameters: dict[str, Any] = Field(
        {"type": "object", "properties": {}}, description="JSON Schema of its arguments."
    )

    def as_chat(self) -> dict[str, Any]:
        """As the chat API takes it."""
        return {"type": "function", "function": self.model_dump()}


class ExpectedCall(Strict):
    """A call that is right."""

    name: ToolName
    arguments: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        {},
        description='For each argument all values that are right. Inside a value `{"$any": […]}` '
        'stands for any of several, `{"$optional": […]}` for the same where the key may be left '
        'out, and `{"$fits": {…}}` for whatever a JSON Schema takes.',
    )
    optional: list[str] = Field([], description="Arguments that may as well be left out.")


class RulesOf(Strict):
    """How calls are compared; what is left out is as the file's `rules` say."""

    extra: Extra = Field(
        "defaults",
        description="Arguments beyond the expected ones: `forbid`: wrong; `defaults`: right where "
        "they say what is the schema's default, which may be left out as well; `allow`: right.",
    )
    paths: list[str] = Field([], description="Arguments that are paths: `./a` is `a`.")
    unordered: list[str] = Field([], description="Arguments that are sets.")
    fold: list[str] = Field(
        [], description="Arguments where case, spaces and `,./-_*^` do not matter."
    )
    exact: list[str] = Field(
        [], description='Arguments where `1.0` is not `1`, and `"1"` never is.'
    )
    in_order: bool = Field(False, description="Several calls must come in this order.")


class Message(BaseModel):
    """A message as the chat API takes it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | None = None


class CaseOf(Strict):
    """A question with the calls that answer it."""

    id: Id = Field(description="Unique in its file.")
    prompt: str = Field("", description="What the user asks; or give `messages`.")
    messages: list[Message] = Field([], description="A conversation; or give `prompt`.")
    tools: list[ToolName | Tool] | None = Field(
        None, description="Names of the file's tools, or tools of its own; left out: all of them."
    )
    answers: list[list[ExpectedCall]] = Field(
        min_length=1,
        description="Alternatives, each all calls of one right answer; `[]` as one: no call.",
    )
    category: Word = Field(description="Such as simple, multiple, parallel, missing, irrelevant.")
    difficulty: Difficulty = "medium"
    tags: list[Word] = Field([], description="For selection.")
    rules: RulesOf | None = Field(None, description="Where they are not as the file's.")


class Cases(Strict):
    """A file of cases."""

    version: Literal[1] = Field(description="Of the file's format.")
    name: Word
    description: str = Field("", description="One sentence.")
    system: str = Field("", description="The system message of all cases that give a `prompt`.")
    tools: list[Tool] = Field([], description="Tools that cases share.")
    rules: RulesOf = Field(RulesOf.model_validate({}), description="How calls are compared.")
    cases: list[CaseOf] = Field(min_length=1)


class CaseFile(NamedTuple):
    """Cases that are measured together.

    Attributes:
        name: Of the file's own.
        version: Of its format.
        description: One sentence.
        digest: Of its text, so that two runs can be seen to have asked the same.
        cases: In their order.
    """

    name: str
    version: int
    description: str
    digest: str
    cases: tuple[Case, ...]


def shipped() -> list[str]:
    """The names of the case files that ship with Slipstream."""
    return case_files.shipped(PACKAGE)


def load(name: str) -> CaseFile:
    """Cases by the name of a shipped file, by a path, or BFCL's as `bfcl:CATEGORY`.

    Raises:
        UsageError: There is none, or it is not valid; the sentence says where.
    """
    if name.startswith(BFCL):
        from slipstream.tasks.benchmarking.tools import bfcl

        category = name.removeprefix(BFCL)
        return CaseFile(name, FORMAT, bfcl.TITLE, bfcl.digest(category), bfcl.load(category))
    return parse(case_files.text_of(name, PACKAGE, [f"{BFCL}CATEGORY"]), name)


def parse(text: str, where: str) -> CaseFile:
    """Cases from the text of their file.

    Args:
        text: JSON.
        where: What an error calls it.

    Raises:
        UsageError: It is not valid; the sentence names the place in the file.
    """
    file = case_files.parsed(Cases, text, where)
    shared = _tools(where, file.tools)
    _rules(where, "rules", file.rules, shared.values())
    case_files.unique(where, [case.id for case in file.cases])
    cases = [
        _case(f"{where}: cases[{number}]", file, case, shared)
        for number, case in enumerate(file.cases)
    ]
    digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    return CaseFile(file.name, file.version, file.description, digest, tuple(cases))


def schema() -> dict[str, Any]:
    """The JSON Schema of case files."""
    return Cases.model_json_schema()


def _case(where: str, file: Cases, case: CaseOf, shared: Mapping[str, Tool]) -> Case:
    if bool(case.prompt) == bool(case.messages):
        refuse(where, "", "give either prompt or messages")
    offered = _offered(where, case, shared)
    for a, answer in enumerate(case.answers):
        for c, call in enumerate(answer):
            _expected(where, f"answers[{a}][{c}]", call, offered)
    rules = file.rules
    if case.rules is not None:
        _rules(where, "rules", case.rules, offered.values())
        rules = rules.model_copy(update=case.rules.model_dump(exclude_unset=True))
    messages = [m.model_dump(exclude_unset=True) for m in case.messages]
    if case.prompt:
        messages = [{"role": "system", "content": file.system}] if file.system else []
        messages.append({"role": "user", "content": case.prompt})
    return Case(
        id=case.id,
        messages=tuple(messages),
        tools=tuple(tool.as_chat() for tool in offered.values()),
        answers=tuple(tuple(_call(call) for call in answer) for answer in case.answers),
        category=case.category,
        difficulty=case.difficulty,
        tags=tuple(case.tags),
        rules=Rules(
            extra=rules.extra,
            paths=frozenset(rules.paths),
            unordered=frozenset(rules.unordered),
            fold=frozenset(rules.fold),
            exact=frozenset(rules.exact),
            in_order=rules.in_order,
        ),
    )


def _call(call: ExpectedCall) -> Expected:
    arguments = {name: tuple(right) for name, right in call.arguments.items()}
    return Expected(call.name, arguments, frozenset(call.optional))


def _offered(where: str, case: CaseOf, shared: Mapping[str, Tool]) -> Mapping[str, Tool]:
    if case.tools is None:
        return shared
    tools = []
    for number, tool in enumerate(case.tools):
        if isinstance(tool, str):
            if tool not in shared:
                refuse(where, f"tools[{number}]", f"the file has no tool {tool!r}")
            tool = shared[tool]
        tools.append(tool)
    return _tools(where, tools, known=shared)


def _tools(
    where: str, tools: Sequence[Tool], known: Mapping[str, Tool] | None = None
) -> dict[str, Tool]:
    """Tools by their names; the schemas of known ones have been checked before."""
    found: dict[str, Tool] = {}
    for number, tool in enumerate(tools):
        if tool.name in found:
            refuse(where, f"tools[{number}]", f"there is another tool {tool.name!r}")
        found[tool.name] = tool
        checked = known is not None and tool is known.get(tool.name)
        if not checked and (words := schemas.wrong(tool.parameters)):
            refuse(where, f"tools[{number}].parameters", words)
    return found


def _rules(where: str, place: str, rules: RulesOf, tools: Iterable[Tool]) -> None:
    """Names of arguments that no tool has are misspelt, and would change nothing unseen."""
    known = {name for tool in tools for name in schemas.properties(tool.parameters)}
    for rule in ("paths", "unordered", "fold", "exact"):
        for number, name in enumerate(getattr(rules, rule)):
            if known and name not in known:
                refuse(where, f"{place}.{rule}[{number}]", f"no tool has an argument {name!r}")


def _expected(where: str, place: str, call: ExpectedCall, tools: Mapping[str, Tool]) -> None:
    if call.name not in tools:
        refuse(where, f"{place}.name", f"the tool {call.name!r} is not offered")
    parameters = tools[call.name].parameters
    if missing := schemas.required(parameters) - set(call.arguments):
        words = f"the tool {call.name} requires {', '.join(sorted(missing))}"
        refuse(where, f"{place}.arguments", words)
    for number, name in enumerate(call.optional):
        if name not in call.arguments:
            refuse(where, f"{place}.optional[{number}]", f"no argument is called {name!r}")
        if name in schemas.required(parameters):
            refuse(where, f"{place}.optional[{number}]", f"{call.name} requires {name!r}")
    for name, right in call.arguments.items():
        for number, value in enumerate(right):
            inside = f"{place}.arguments.{name}[{number}]"
            if words := values.wrong(value):
                refuse(where, inside, words)
            for example in values.examples(value):
                broken = schemas.breaks(parameters, {name: example})
                # what is missing beside it is no fault of this one
                words = broken.get(name, "") or (
                    "" if name in schemas.properties(parameters) else broken.get("", "")
                )
                if words:
                    refuse(where, inside, f"the tool {call.name} refuses it: {words}")
