"""Which cases are asked, how, and what is kept of their answers."""

from __future__ import annotations

import json
from array import array
from pathlib import Path
from typing import Any

import pytest

from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking import judging
from slipstream.tasks.benchmarking.answer import Answer, ToolCall
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.model import Phase, Sample, Source
from slipstream.tasks.benchmarking.simulate.settings import EXPECT_HEADER
from slipstream.tasks.benchmarking.suite import Benchmark, cells
from slipstream.tasks.benchmarking.target import Server
from slipstream.tasks.benchmarking.tools import measure
from slipstream.tasks.benchmarking.tools.measure import Asked
from slipstream.tasks.benchmarking.tools.model import Expected

TOOLS = [
    {"name": "read", "description": "x" * 2000, "parameters": {"type": "object", "properties": {
        "path": {"type": "string"}, "line": {"type": "integer"}}, "required": ["path"]}},
    {"name": "stop", "parameters": {"type": "object", "properties": {}}},
]  # fmt: skip
READ = {"name": "read", "arguments": {"path": ["a b.txt", "a.txt"], "line": [3]},
        "optional": ["line"]}  # fmt: skip
CASES: list[dict[str, Any]] = [
    {"id": "one", "prompt": "Read ü.", "answers": [[READ]], "category": "simple", "tags": ["x"]},
    {"id": "two", "prompt": "Hello.", "answers": [[]], "category": "irrelevant", "tags": ["y"]},
    {"id": "three", "messages": [{"role": "user", "content": "Stop."},
     {"role": "assistant", "content": "What?"}, {"role": "user", "content": "All."}],
     "answers": [[{"name": "stop"}], [READ]], "category": "simple", "difficulty": "hard"},
]  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "My cases.json"
    path.write_text(json.dumps({"version": 1, "name": "mine", "tools": TOOLS, "cases": CASES}))
    return str(path)


def benchmark(file: str, **more: Any) -> Benchmark:
    return measure.suite_of(file, more).benchmarks[0]


def sample(number: int = 0, **more: Any) -> Sample:
    values: dict[str, Any] = {
        "number": number, "phase": Phase.MEASURED, "worker": 0, "intended_ns": 0, "sent_ns": 1,
        "ended_ns": 9, "status": 200, "chunk_ns": array("q", [5]), "chunk_tokens": array("q"),
        "prompt_tokens": 900, "source": Source.SERVER, "prompt_source": Source.SERVER,
        "finish_reason": "tool_calls",
    }  # fmt: skip
    return Sample(**values | more)


def said(*calls: tuple[str, Any], text: str = "") -> Answer:
    return Answer(text=text, calls=tuple(ToolCall(name, json.dumps(a)) for name, a in calls))


def server(owner: str) -> Server:
    return Server("", "", ("m",), "m", {"owned_by": owner}, None, "")


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        ({}, ["one", "two", "three"]),
        ({"categories": ["simple"]}, ["one", "three"]),
        ({"ids": ["three", "two"]}, ["two", "three"]),
        ({"tags": ["x", "y"], "categories": ["irrelevant"]}, ["two"]),
    ],
    ids=["all", "category", "ids", "both"],
)
def test_cases_are_chosen_in_their_order(file: str, chosen: dict[str, Any], ids: list[str]) -> None:
    found = measure.asked(benchmark(file, **chosen))
    assert [case.id for case in found.cases] == ids


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"categories": ["edge"]}, "have no category edge; there are simple, irrelevant."),
        ({"ids": ["four"]}, "have no case four; there are one, two, three."),
        ({"tags": ["z"]}, "have no tag z; there are x, y."),
        ({"tags": ["x"], "ids": ["two"]}, "is all that was asked for."),
    ],
    ids=["category", "id", "tag", "none"],
)
def test_what_no_case_has_is_named(file: str, chosen: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        measure.asked(benchmark(file, **chosen))
    assert str(caught.value).endswith(sentence)


def test_a_benchmark_plans_a_request_for_each_case_and_repeat(file: str) -> None:
    suite = measure.suite_of(file, {"repeats": 4})
    (cell,) = cells(suite)
    cases = measure.asked(cell.benchmark)
    assert judging.planned(cell, cases).benchmark.iterations == 12
    assert judging.requests_of(cell) == 12
    assert (suite.name, cell.benchmark.name) == ("tools-my-cases", "my-cases")


def test_names_of_a_benchmark_come_from_its_cases() -> None:
    named = {s: measure.suite_of(s, {}) for s in ("coding", "bfcl:simple_python", "🙂.json")}
    assert [(s.name, s.benchmarks[0].name) for s in named.values()] == [
        ("tools", "coding"), ("tools-bfcl-simple-python", "bfcl-simple-python"),
        ("tools-cases", "cases"),
    ]  # fmt: skip


def test_only_the_simulated_server_is_told_what_is_right(file: str) -> None:
    asked = measure.asked(benchmark(file))
    assert all("extra_headers" not in one for one in asked.requests(server("library")))
    told = [
        json.loads(one["extra_headers"][EXPECT_HEADER])
        for one in asked.requests(server("slipstream"))
    ]
    assert told == [
        [{"name": "read", "arguments": {"path": "a b.txt", "line": 3}}],
        [],
        [{"name": "stop", "arguments": {}}],
    ]
    assert asked.requests(server(""))[2]["messages"] == CASES[2]["messages"]


def test_where_any_call_is_right_the_simulated_server_is_told_none(file: str) -> None:
    asked = measure.asked(benchmark(file, ids=["two"]))
    case = asked.cases[0]._replace(rules=asked.cases[0].rules._replace(any_call=True))
    asked = asked._replace(cases=(case,))
    assert "extra_headers" not in asked.requests(server("slipstream"))[0]
    assert asked.judged(sample(), said(("stop", {}))).tool == "any"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"$any": [{"$fits": {"type": "integer", "minimum": 4}}, 2]}, 4),
        ([{"a": {"$optional": ["b"]}, "c": 1}], [{"a": "b", "c": 1}]),
        ({"$fits": {"enum": ["x", "y"]}}, "x"),
    ],
    ids=["fits", "optional", "enum"],
)
def test_an_expected_value_has_an_example(value: Any, expected: Any) -> None:
    assert measure.example(value) == expected


def test_an_argument_without_a_right_value_is_not_sent(file: str) -> None:
    """As BFCL has them."""
    asked = measure.asked(benchmark(file, ids=["one"]))
    call = Expected("read", {"path": ("a",), "line": ({"$any": []},), "other": ()})
    asked = asked._replace(cases=(asked.cases[0]._replace(answers=((call,),)),))
    told = json.loads(asked.requests(server("slipstream"))[0]["extra_headers"][EXPECT_HEADER])
    assert told == [{"name": "read", "arguments": {"path": "a"}}]


@pytest.fixture
def asked(file: str) -> Asked:
    return measure.asked(benchmark(file, repeats=2))


def test_an_answer_is_judged_by_its_case_and_kept_with_all_that_explains_it(asked: Asked) -> None:
    row = asked.judged(sample(3), said(("read", {"path": "b.txt"}), text="I read."))
    assert (row.case_id, row.attempt, row.number, row.tool) == ("one", 1, 3, "read")
    assert (row.category, row.difficulty, row.layer, row.form) == (
        "simple", "medium", "value", "native",
    )  # fmt: skip
    assert row.prompt == "Read ü."
    assert row.score == 0, "its only argument that counts is wrong"
    assert "b.txt" in row.reason
    assert json.loads(row.expected) == [[READ]]
    assert json.loads(row.actual) == [{"name": "read", "arguments": {"path": "b.txt"}}]
    assert row.text == "I read."
    assert asked.judged(sample(2), said()).prompt == "All.", "what was asked last"


def test_arguments_that_are_no_object_are_kept_as_they_were_sent(asked: Asked) -> None:
    answer = Answer(calls=(ToolCall("read", '{"path": '),))
    row = asked.judged(sample(), answer)
    assert (row.layer, json.loads(row.actual)) == (
        "json",
        [{"name": "read", "arguments": '{"path": '}],
    )


def test_alternatives_are_all_right(asked: Asked) -> None:
    assert asked.judged(sample(2), said(("stop", {}))).layer == "right"
    assert asked.judged(sample(2), said(("read", {"path": "a.txt"}))).layer == "right"
    assert asked.judged(sample(1), said(text="Hi!")).layer == "right"
    assert asked.judged(sample(1), said(("stop", {}))).layer == "unwanted"


def test_a_request_that_failed_is_no_mistake_of_the_model(asked: Asked) -> None:
    row = asked.judged(sample(fault=Fault.SERVER_ERROR, detail="500 oh"), said(("stop", {})))
    assert (row.layer, row.score, row.actual) == ("failed", 0, "[]")
    assert row.reason.endswith("500 oh")


def test_an_answer_without_a_token_is_one_if_it_ended_properly(asked: Asked) -> None:
    """So it looks when a server's parser swallows a call."""
    swallowed = sample(fault=Fault.EMPTY, finish_reason="stop")
    assert asked.judged(swallowed, Answer()).layer == "extraction"
    assert asked.judged(sample(fault=Fault.EMPTY, finish_reason=""), Answer()).layer == "failed"


def test_an_answer_that_was_cut_off_says_so(asked: Asked) -> None:
    row = asked.judged(sample(finish_reason="length"), said(text="Let me"))
    assert row.reason.endswith("The answer was cut off at its most tokens.")
    assert asked.judged(sample(1, finish_reason="length"), said(text="Hi")).reason == ""


@pytest.mark.parametrize(
    ("counted", "unseen"),
    [
        ({"prompt_tokens": 40}, True),
        ({"prompt_tokens": 700}, False),
        ({"prompt_tokens": 40, "prompt_source": Source.ESTIMATE}, False),
        ({"prompt_tokens": None}, False),
    ],
    ids=["too short", "long enough", "estimated", "not told"],
)
def test_a_prompt_that_cannot_hold_the_tools_is_pointed_out(
    asked: Asked, counted: dict[str, Any], unseen: bool
) -> None:
    row = asked.judged(sample(**counted), said(text="Which file?"))
    assert (measure.UNSEEN in row.reason) is unseen


@pytest.mark.parametrize(
    "arguments",
    ['{"path": ' + "[" * 100_000, '{"path": ' + "[" * 200 + "]" * 200 + "}", '{"path": NaN}', "5",
     '{"path": "\\ud800"}', '{"path": 1e999}', "9" * 5000],
    ids=["deep", "nested", "not a number", "a number", "half a pair", "too large", "long"],
)  # fmt: skip
def test_whatever_a_model_sends_can_be_judged_and_kept(asked: Asked, arguments: str) -> None:
    row = asked.judged(sample(), Answer(calls=(ToolCall("read", arguments),)))
    assert row.layer in ("json", "schema", "value")
    assert len(json.loads(row.actual)) == 1
