"""The cases that ship: what the issue asks of them, and that none contradicts itself."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from slipstream.tasks.benchmarking.tools import case as files
from slipstream.tasks.benchmarking.tools import measure, schema
from slipstream.tasks.benchmarking.tools.judge import judge
from slipstream.tasks.benchmarking.tools.model import Call, Case, Expected, Extraction, Layer

CODING = files.load("coding")
CATEGORIES = {"simple", "multiple", "parallel", "missing", "irrelevant", "edge"}
WORK = {"read", "write", "edit", "search", "list", "run", "git", "fetch", "plan"}


def calls(answer: tuple[Expected, ...], *, turn: int = 0, optional: bool = True) -> Extraction:
    """The calls of an answer as a model sends them: of each argument the turn-th right value."""
    made = []
    for call in answer:
        arguments = {
            name: measure.example(right[turn % len(right)])
            for name, right in call.arguments.items()
            if optional or name not in call.optional
        }
        made.append(Call(call.name, arguments, json.dumps(arguments)))
    return Extraction(tuple(made), "native")


def test_there_are_enough_of_each_kind() -> None:
    assert len(CODING.cases) >= 100
    kinds = Counter(case.category for case in CODING.cases)
    assert set(kinds) == CATEGORIES
    assert min(kinds.values()) >= 14
    assert {case.difficulty for case in CODING.cases} == {"easy", "medium", "hard"}
    tags = {tag for case in CODING.cases for tag in case.tags}
    assert tags >= WORK | {"quoting", "unicode", "newlines", "nested", "default", "enum", "large"}
    assert sum("multi-turn" in case.tags for case in CODING.cases) >= 15


def test_each_question_is_asked_once() -> None:
    asked = Counter(json.dumps(case.messages) for case in CODING.cases)
    assert max(asked.values()) == 1


@pytest.mark.parametrize("case", CODING.cases, ids=lambda case: case.id)
def test_a_case_offers_distractors_and_takes_all_its_right_answers(case: Case) -> None:
    offered = [tool["function"]["name"] for tool in case.tools]
    assert 8 <= len(offered) <= 12
    if case.category in ("missing", "irrelevant"):
        assert case.answers == ((),)
        extraction = Extraction((Call(offered[0], {}, "{}"),), "native")
        assert judge(case, extraction).layer is Layer.UNWANTED
        assert judge(case, Extraction(())).right
        return
    assert judge(case, Extraction(())).layer is Layer.EXTRACTION
    for answer in case.answers:
        used = {call.name for call in answer}
        assert len(set(offered) - used) >= 6, "the others distract"
        for turn in range(4):
            assert judge(case, calls(answer, turn=turn)).right
        assert judge(case, calls(answer, optional=False)).right
        if not case.rules.in_order:
            assert judge(case, calls(answer[::-1])).right
        elif len(answer) > 1:
            assert not judge(case, calls(answer[::-1])).right
        assert not judge(case, calls((*answer, answer[0]))).right, "a call too many"
        if len(answer) > 1:
            assert not judge(case, calls(answer[1:])).right, "a call too few"


def test_what_was_called_before_fits_the_tools_that_are_offered() -> None:
    """Each earlier call is of a tool of its case, and has its result."""
    waiting: set[str] = set()
    for case in CODING.cases:
        parameters = {tool["function"]["name"]: schema.parameters(tool) for tool in case.tools}
        for message in case.messages:
            for call in message.get("tool_calls", ()):
                arguments = json.loads(call["function"]["arguments"])
                assert not schema.breaks(parameters[call["function"]["name"]], arguments)
                waiting.add(call["id"])
            if message["role"] == "tool":
                waiting.remove(message["tool_call_id"])
    assert not waiting
