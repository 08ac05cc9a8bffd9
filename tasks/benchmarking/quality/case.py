"""Files of tasks: code that is to be written, with its tests; questions, with the facts they want.

A file is JSON; docs/quality-cases.schema.json (from `schema()`) describes it for editors.
"""

from __future__ import annotations

import ast
import hashlib
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from slipstream.tasks.benchmarking import case_files
from slipstream.tasks.benchmarking.case_files import Difficulty, Id, Strict, Word

PACKAGE = "slipstream.tasks.benchmarking.quality.cases"
Alternatives: TypeAlias = Annotated[
    list[Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]],
    Field(min_length=1),
]


class Test(Strict):
    """A test of code: statements that raise where it is wrong."""

    name: Annotated[str, Field(min_length=1)]
    code: str = Field(description="Python; what the code defines is there by its names.")


class Fact(Strict):
    """Something an explanation says."""

    name: Annotated[str, Field(min_length=1)]
    any: Alternatives = Field(
        description="Alternatives; of each, all words have to be there, wherever they stand and "
        "whatever their case. `evaluat*` stands for all words that begin so; several words in "
        "one text have to follow each other."
    )


class TaskOf(Strict):
    """What both kinds have."""

    id: Id = Field(description="Unique in its file.")
    prompt: str = Field(min_length=1, description="What is asked.")
    category: Word
    difficulty: Difficulty = "medium"
    tags: list[Word] = Field([], description="For selection.")


class CodeTask(TaskOf):
    """Code that is to be written."""

    entry: str = Field(
        pattern=r"^[A-Za-z_]\w*$", description="The function or class that is asked for."
    )
    tests: list[Test] = Field(min_length=1)
    reference: str = Field(description="A right answer, so that the tests can be tested.")


class ExplainTask(TaskOf):
    """A question about code."""

    facts: list[Fact] = Field(min_length=1, description="What a right answer says.")
    false: list[Fact] = Field([], description="What no right answer says.")
    reference: str = Field(description="A right answer, so that the facts can be tested.")


class CodeTasks(Strict):
    """A file of code to be written."""

    version: Literal[1] = Field(description="Of the file's format.")
    kind: Literal["code"]
    name: Word
    description: str = Field("", description="One sentence.")
    system: str = Field("", description="The system message of all tasks.")
    cases: list[CodeTask] = Field(min_length=1)


class ExplainTasks(Strict):
    """A file of questions."""

    version: Literal[1] = Field(description="Of the file's format.")
    kind: Literal["explain"]
    name: Word
    description: str = Field("", description="One sentence.")
    system: str = Field("", description="The system message of all questions.")
    cases: list[ExplainTask] = Field(min_length=1)


Tasks: TypeAlias = CodeTasks | ExplainTasks
KINDS: dict[str, type[CodeTasks] | type[ExplainTasks]] = {
    "code": CodeTasks,
    "explain": ExplainTasks,
}


def load(name: str, kind: str) -> tuple[Tasks, str]:
    """Tasks by the name of a shipped file or by a path, and the digest of their text.

    Raises:
        UsageError: There are none of that kind, or they are not valid; the sentence says where.
    """
    text = case_files.text_of(name, PACKAGE)
    return parse(text, name, kind), "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def parse(text: str, where: str, kind: str) -> Tasks:
    """Tasks from the text of their file.

    Raises:
        UsageError: It is not valid; the sentence names the place in the file.
    """
    file = case_files.parsed(KINDS[kind], text, where)
    case_files.unique(where, [case.id for case in file.cases])
    if isinstance(file, CodeTasks):
        for number, case in enumerate(file.cases):
            for place, code in [
                ("reference", case.reference),
                *((f"tests[{n}].code", test.code) for n, test in enumerate(case.tests)),
            ]:
                try:
                    ast.parse(code)
                except (SyntaxError, ValueError) as error:
                    case_files.refuse(
                        where, f"cases[{number}].{place}", f"it is not Python: {error}"
                    )
    return file


def schema() -> dict[str, Any]:
    """The JSON Schema of files of tasks."""
    from pydantic import TypeAdapter

    return TypeAdapter(Tasks).json_schema()
