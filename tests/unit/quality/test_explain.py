"""Judging explanations by their facts."""

from __future__ import annotations

import pytest

from slipstream.tasks.benchmarking.quality import case, explain
from slipstream.tasks.benchmarking.quality.case import ExplainTask, ExplainTasks, Fact

SHIPPED = case.load("explain", "explain")[0]
assert isinstance(SHIPPED, ExplainTasks)


@pytest.mark.parametrize("task", SHIPPED.cases, ids=[task.id for task in SHIPPED.cases])
def test_a_reference_states_its_facts_and_those_of_no_other_task(task: ExplainTask) -> None:
    """So that facts can be stated, and are not stated by just anything."""
    assert explain.judge(task, task.reference).layer == "right"
    others = [other for other in SHIPPED.cases if other.id != task.id]
    assert all(explain.judge(task, other.reference).layer != "right" for other in others)


def test_words_count_whatever_their_case_and_their_place() -> None:
    """Several in one text follow each other; a star stands for any ending."""
    fact = Fact(name="any", any=[["evaluat*", "call time"], ["n²"]])
    for text in ("At CALL-TIME it is evaluated.", "Evaluation: call\ntime!", "It is N²."):
        assert explain.states(explain.words(text), fact)
    for text in ("It is evaluated at the time of the call.", "reevaluated at call time", ""):
        assert not explain.states(explain.words(text), fact)


def test_what_is_missing_and_what_is_false_is_named() -> None:
    """The score is half the share of the facts, less what is false."""
    task = ExplainTask.model_validate(
        {
            "id": "any",
            "prompt": "Why?",
            "category": "any",
            "facts": [{"name": "one", "any": [["one"]]}, {"name": "two", "any": [["two"]]}],
            "false": [{"name": "three", "any": [["three"]]}],
            "reference": "one two",
        }
    )
    assert explain.judge(task, "two one") == (1.0, "right", "")
    assert explain.judge(task, "one") == (0.25, "facts", "It does not say 'two'.")
    assert explain.judge(task, "one three").score == 0.0
    false = (0.25, "false", "It says 'three', which is false.")
    assert explain.judge(task, "one, two, three") == false
    assert explain.judge(task, "?!") == (0.0, "extraction", "The answer has no words.")
