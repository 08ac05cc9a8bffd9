"""Judging code: shipped tasks, what answers look like, and what goes wrong with them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking.quality import case, code, sandbox
from slipstream.tasks.benchmarking.quality.case import CodeTask, CodeTasks

held = pytest.mark.skipif(
    bool(sandbox.missing()), reason=f"needs what this platform cannot limit: {sandbox.missing()}"
)
SHIPPED = case.load("code", "code")[0]
TASK = CodeTask.model_validate(
    {
        "id": "double",
        "prompt": "Write double(x).",
        "category": "any",
        "entry": "double",
        "tests": [
            {"name": "numbers", "code": "assert double(2) == 4"},
            {"name": "texts", "code": "assert double('a') == 'aa'"},
        ],
        "reference": "def double(x):\n    return x * 2\n",
    }
)


def judged(text: str) -> code.Judged:
    return code.judge(TASK, text, sandbox.USUAL)


@held
@pytest.mark.parametrize("task", SHIPPED.cases, ids=[task.id for task in SHIPPED.cases])
def test_the_reference_of_a_shipped_task_passes_and_an_empty_one_does_not(task: CodeTask) -> None:
    """So its tests can be passed, and hold something."""
    assert code.judge(task, f"```python\n{task.reference}```", sandbox.USUAL).layer == code.RIGHT
    empty = f"```\ndef {task.entry}(*_, **__):\n    return None\n```"
    assert code.judge(task, empty, sandbox.USUAL).score < 0.5


@held
@pytest.mark.parametrize(
    "text",
    [
        "Here it is:\n```python\ndef double(x):\n    return x * 2\n```\nDone.",
        "```py\nprint('an example')\n```\nand\n~~~\ndouble = lambda x: x + x\n~~~",
        "```python\ndef half(x): return x\n```\n```python\ndef double(x):\n    return x * 2\n```",
        "def double(x):\n    return x * 2",
        "```python\nimport sys\nprint('noise')\ndef double(x):\n    return x * 2\n",
        "```python\nTIMES = 2\n```\nthen\n```python\ndef double(x):\n    return x * TIMES\n```",
    ],
    ids=["fenced", "second block", "two blocks", "bare", "not closed", "in parts"],
)
def test_code_is_found_in_an_answer(text: str) -> None:
    """In blocks of any kind, or as all of the answer."""
    found = judged(text)
    if "TIMES" in text:  # the second block alone defines it, and does not run
        assert found.layer == code.TESTS
    else:
        assert found == code.Judged(1.0, code.RIGHT)


@held
@pytest.mark.parametrize(
    ("text", "layer", "score", "reason"),
    [
        ("I cannot do that.", code.SYNTAX, 0.0, "not Python"),
        ("", code.EXTRACTION, 0.0, "no code"),
        ("```python\ndef other(): pass\n```", code.EXTRACTION, 0.0, "no code that defines"),
        ("```python\ndef double(x)\n```", code.SYNTAX, 0.0, "not Python"),
        ("```\ndef double(x):\n    return 4\n```", code.TESTS, 0.25, "1 of 2 tests pass; 'texts'"),
        ("```\ndef double(x): raise SystemExit(0)\n```", code.TESTS, 0.0, "SystemExit"),
        ("```\nimport os\ndef double(x): os._exit(0)\n```", code.TESTS, 0.0, "status 0"),
        ("```\ndef double(x):\n    while True: pass\n```", code.LIMIT, 0.0, "processor time"),
        ("```\ndef double(x): return bytearray(10**11)\n```", code.LIMIT, 0.0, "memory"),
    ],
    ids=["prose", "empty", "other", "syntax", "half", "exit", "gone", "endless", "memory"],
)
def test_what_is_wrong_is_told_with_its_layer(
    text: str, layer: str, score: float, reason: str
) -> None:
    """And the share of the tests that pass is half the score."""
    limits = sandbox.USUAL._replace(cpu_seconds=1)
    found = code.judge(TASK, text, limits)
    assert (found.layer, found.score) == (layer, score)
    assert reason in found.reason


@held
def test_what_code_prints_is_not_taken_for_a_result() -> None:
    """Results carry a token that the code does not know."""
    lie = "import json\ndef double(x):\n    print(json.dumps(['numbers', '']))\n    return None\n"
    assert judged(f"```\n{lie}```").score == 0.0


@given(st.text())
def test_any_answer_can_be_looked_through(text: str) -> None:
    """Whatever it holds."""
    found, wrong = code.extract(text, "double")
    assert found or wrong


def test_mistakes_in_a_file_are_told_with_their_place() -> None:
    """As those of tool cases."""
    whole = json.loads(SHIPPED.model_dump_json())
    for change, words in (
        ({"entry": "1x"}, r"cases\[0\]\.entry: "),
        ({"reference": "def"}, r"cases\[0\]\.reference: it is not Python"),
        ({"tests": []}, r"cases\[0\]\.tests: "),
        ({"colour": "red"}, r"cases\[0\]\.colour: "),
        ({"id": SHIPPED.cases[1].id}, r"cases\[1\]\.id: .* is the id of cases\[0\] too"),
    ):
        wrong = {**whole, "cases": [{**whole["cases"][0], **change}, *whole["cases"][1:]]}
        with pytest.raises(UsageError, match=words):
            case.parse(json.dumps(wrong), "mine.json", "code")
    with pytest.raises(UsageError, match=r"mine\.json is not JSON"):
        case.parse("{", "mine.json", "code")
    with pytest.raises(UsageError, match="There are no cases nothing; there are code, explain"):
        case.load("nothing", "code")
    with pytest.raises(UsageError, match="kind"):
        case.load("explain", "code")
    with pytest.raises(UsageError, match="cannot be read"):
        case.load("missing.json", "code")
    assert isinstance(SHIPPED, CodeTasks)
