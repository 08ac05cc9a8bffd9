"""Calls are read from answers in every form, and nothing else is taken for one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipstream.tasks.benchmarking import answer
from slipstream.tasks.benchmarking.answer import ToolCall
from slipstream.tasks.benchmarking.tools import forms
from slipstream.tasks.benchmarking.tools.extract import extract
from slipstream.tasks.benchmarking.tools.model import Call, Extraction

ANSWERS = Path(__file__).resolve().parents[2] / "fixtures" / "tool_answers"
EXPECTED: dict[str, dict[str, Any]] = json.loads((ANSWERS / "expected.json").read_text("utf-8"))
PROPERTIES: dict[str, dict[str, Any]] = {
    "read_file": {"path": {"type": "string"}, "limit": {"type": "integer"}},
    "write_file": {
        "path": {"type": "string"},
        "content": {"type": "string"},
        "overwrite": {"type": "boolean"},
    },
    "search": {
        "pattern": {"type": "string"},
        "paths": {"type": "array", "items": {"type": "string"}},
        "options": {"anyOf": [{"type": "object"}, {"type": "null"}]},
        "mode": {"enum": ["all", "first"]},
    },
    "git_status": {},
}
TOOLS = [
    {
        "type": "function",
        "function": {"name": name, "parameters": {"type": "object", "properties": found}},
    }
    for name, found in PROPERTIES.items()
]
READ = '{"name": "read_file", "arguments": {"path": "a"}}'


def arguments(found: Extraction) -> list[Mapping[str, Any] | None]:
    return [call.arguments for call in found.calls]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_model_s_form_is_read(name: str) -> None:
    found = extract((), (ANSWERS / f"{name}.txt").read_text("utf-8"), TOOLS)
    assert [{"name": c.name, "arguments": c.arguments} for c in found.calls] == EXPECTED[name][
        "calls"
    ]
    assert found.form == EXPECTED[name]["form"]
    assert found.problem == ""


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_call_that_breaks_off_anywhere_is_no_error(name: str) -> None:
    text = (ANSWERS / f"{name}.txt").read_text("utf-8")
    for end in range(len(text)):
        found = extract((), text[:end], TOOLS)
        assert len(found.calls) <= max(len(EXPECTED[name]["calls"]), 1)


def test_every_file_has_its_calls_written_down() -> None:
    assert {path.stem for path in ANSWERS.glob("*.txt")} == set(EXPECTED)
    assert {one["form"] for one in EXPECTED.values()} >= set(forms.MARKS)


def test_native_calls_come_first_and_whatever_their_name() -> None:
    native = [ToolCall("no_such", '{"a": 1}'), ToolCall("git_status", "")]
    found = extract(native, f"<tool_call>{READ}</tool_call>", TOOLS)
    assert found == Extraction(
        (Call("no_such", {"a": 1}, '{"a": 1}'), Call("git_status", {}, "")), "native"
    )


def test_a_native_call_in_pieces_is_one_call() -> None:
    pieces: list[dict[str, Any]] = [
        {"index": 0, "id": "a", "function": {"name": "read_file", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"path": "sr'}},
        {"index": 1, "id": "b", "function": {"name": "git_status", "arguments": "{}"}},
        {"index": 0, "function": {"arguments": 'c/é.py"}'}},
    ]
    body = b"".join(
        b"data: %s\n\n" % json.dumps({"choices": [{"delta": {"tool_calls": [piece]}}]}).encode()
        for piece in pieces
    )
    read = answer.read(body, [len(body)])
    found = extract(read.calls, read.text, TOOLS)
    assert [(c.name, c.arguments) for c in found.calls] == [
        ("read_file", {"path": "src/é.py"}),
        ("git_status", {}),
    ]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param('{"path": "a"', id="cut"),
        pytest.param("[1]", id="list"),
        pytest.param('"text"', id="text"),
        pytest.param("path=a", id="words"),
        pytest.param('{"a": NaN}', id="NaN"),
        pytest.param("{'path': 'a'}", id="quotes"),
        pytest.param("9" * 5000, id="digits"),
        pytest.param('{"a":' * 70 + "1" + "}" * 70, id="deep"),
        pytest.param('{"a":' * 100_000, id="deeper"),
    ],
)
def test_arguments_that_are_no_object_are_kept_as_they_were_written(raw: str) -> None:
    found = extract([ToolCall("read_file", raw)], "", TOOLS)
    assert found.calls == (Call("read_file", None, raw),)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('<tool_call>{"name": "read_file", "arguments": {"path": "a}</tool_call>', "read_file"),
        ("<tool_call>{'name': 'read_file', 'arguments': {}}</tool_call>", "read_file"),
        ('[TOOL_CALLS]read_file{"path": ', "read_file"),
        ('{"name": "read_file", "parameters": {"path": "a', "read_file"),
        ("<function=read_file>{oops</function>", "read_file"),
        ("[read_file(path=open('x'))]", "read_file"),
        ("[read_file('a', 1, 2)]", "read_file"),
        ("[read_file(**{'path': 'a'})]", "read_file"),
        ("[read_file(path={1: 2})]", "read_file"),
        ("[read_file(path=" + "[" * 70 + "]" * 70 + ")]", "read_file"),
        (f'<tool_call>{{"name": "f", "arguments": {"[" * 80}{"]" * 80}}}', "f"),
    ],
)
def test_a_call_that_cannot_be_read_keeps_its_name(text: str, name: str) -> None:
    found = extract((), text, TOOLS)
    assert [(c.name, c.arguments) for c in found.calls] == [(name, None)]


@pytest.mark.parametrize(
    "text", ["<tool_call>{oops}</tool_call>", "<tool_call><oops>", '[TOOL_CALLS] [{"na']
)
def test_a_mark_without_a_readable_call_is_named_as_a_problem(text: str) -> None:
    found = extract((), text, TOOLS)
    assert (found.calls, found.form) == ((), "")
    assert "cannot be read" in found.problem
    assert text[:20] in found.problem


def test_a_list_that_breaks_off_keeps_its_whole_calls() -> None:
    found = extract((), f'[TOOL_CALLS] [{READ}, {{"name": "search", "argum', TOOLS)
    assert [(c.name, c.arguments) for c in found.calls] == [
        ("read_file", {"path": "a"}),
        ("search", None),
    ]


def test_marked_calls_count_whatever_their_name_and_loose_ones_only_of_offered_tools() -> None:
    assert extract((), "<tool_call>" + READ.replace("read_file", "nope"), TOOLS).calls
    for text in (READ, f"```json\n{READ}\n```", "[read_file(path='a')]"):
        assert extract((), text, TOOLS).calls, text
        assert not extract((), text.replace("read_file", "nope"), TOOLS).calls, text
        assert not extract((), text, []).calls, text


def test_an_object_with_a_tool_s_name_and_no_arguments_is_no_call() -> None:
    assert not extract((), '{"name": "read_file", "size": 3}', TOOLS).calls


def test_thoughts_are_left_out_wherever_they_stand_before_the_call() -> None:
    draft = READ.replace('"a"', '"draft"')
    for text in (
        f"<think>{draft}</think>{READ}",
        f"Well.\n<think>{draft}</think>\n{READ}",
        f"Perhaps {draft}?</think>\n\n{READ}",
        f"Perhaps {draft}?\n</think>So: {READ}",
        f"<think>{draft}\n</think>\n<think>No. {draft}</think>\n<tool_call>{READ}",
        f"<|start|>assistant<|channel|>analysis<|message|>{draft}<|end|>{READ}",
    ):
        assert arguments(extract((), text, TOOLS)) == [{"path": "a"}], text
    assert not extract((), f"<think>{READ}", TOOLS).calls
    within = READ.replace('"a"', '"<think> </think>"')
    assert arguments(extract((), within, TOOLS)) == [{"path": "<think> </think>"}]


def test_marks_within_an_argument_are_part_of_it() -> None:
    content = "</tool_call> <tool_call> </think> <think> [TOOL_CALLS] ``` } ]"
    call = {"name": "write_file", "arguments": {"content": content}}
    for text in (f"<tool_call>{json.dumps(call)}</tool_call>", f"```json\n{json.dumps(call)}\n```"):
        found = extract((), f"<think>So be it.</think>{text}", TOOLS)
        assert arguments(found) == [{"content": content}]


@pytest.mark.parametrize(
    ("written", "kept"),
    [("20", 20), (" 20 ", 20), ("many", "many"), ("True", True), ("1e2", 100.0), ("", "")],
)
def test_a_value_in_a_tag_is_of_the_type_that_the_schema_names(written: str, kept: object) -> None:
    text = f"<function=read_file><parameter=path>{written}<parameter=limit>{written}</parameter>"
    assert arguments(extract((), text, TOOLS)) == [{"path": written, "limit": kept}]


def test_a_value_in_a_tag_stays_a_text_where_the_schema_allows_one_or_is_missing() -> None:
    text = "<function=search><parameter=mode>1</parameter><parameter=x>1</parameter></function>"
    assert arguments(extract((), text, TOOLS)) == [{"mode": "1", "x": "1"}]
    options = "<function=search><parameter=options>null</parameter></function>"
    assert arguments(extract((), options, TOOLS)) == [{"options": None}]


def test_python_s_values_become_json_s() -> None:
    text = "[search(pattern=-1, paths=(True, None, +2.5), options={'a': {'b'}, 'c': false})]"
    assert arguments(extract((), text, TOOLS)) == [
        {"pattern": -1, "paths": [True, None, 2.5], "options": {"a": ["b"], "c": False}}
    ]


@pytest.mark.parametrize(
    "text",
    ["x = 1", "import os", "[read_file]", "read_file", "(lambda: 1)()", "print()", "[1, 2]", "f(("],
)
def test_other_python_is_no_call(text: str) -> None:
    assert extract((), text, TOOLS) == Extraction(())


def test_a_later_list_of_calls_is_found_amid_text() -> None:
    text = "First [read_file(path=) is wrong. [read_file(path='a]')] is it."
    assert not extract((), text, TOOLS).calls  # its quotes and brackets cannot be told
    assert arguments(extract((), "So: [read_file(path='a]')] it is.", TOOLS)) == [{"path": "a]"}]


def test_gemma_s_quotes_hold_anything() -> None:
    text = '<|tool_call>call:search{pattern:<|"|>{a: "b"}\n}<|"|>,paths:[]}<tool_call|>'
    assert arguments(extract((), text, TOOLS)) == [{"pattern": '{a: "b"}\n}', "paths": []}]


PIECES = (
    *"""<tool_call> </tool_call> {"name":"read_file", "arguments":{ {"path":"a"} [read_file(path="
    <function=read_file> <parameter=path> </parameter> <invoke name="search"> [TOOL_CALLS] [ARGS]
    <think> </think> ``` <|tool_call>call:search{ <|"|> <arg_key>path</arg_key> <arg_value>
    functools[ <|python_tag|> <tool_calls> } ] ) \\ " ' a é \ud800 \x00 : , ; 1""".split(),
    "\n",
    " ",
    "```json\n",
    "\n```\n",
    "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
    "<|channel|>commentary to=functions.",
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=20))
def test_any_text_is_read_without_an_error(pieces: list[str]) -> None:
    text = "".join(pieces)
    extract((), text, TOOLS)
    extract([ToolCall("read_file", text)], "", TOOLS)


@pytest.mark.parametrize("piece", PIECES, ids=range(len(PIECES)))
def test_a_piece_over_and_over_ends_soon(piece: str) -> None:
    """It would take hours if the time were not linear."""
    extract((), piece * 10_000, TOOLS)


PLAIN = st.text(st.characters(exclude_characters="<[", exclude_categories=["Cs"]))
"""Texts that hold no mark of a form."""


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | PLAIN,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
        max_leaves=8,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_arguments_come_back_from_every_json_form(value: object) -> None:
    given_ = {"pattern": value}
    raw = json.dumps(given_)
    call = json.dumps({"name": "search", "arguments": given_}, ensure_ascii=False)
    for text in (
        f"<tool_call>{call}</tool_call>",
        f"Look:\n```json\n{call}\n```",
        f"So {call} it is",
        f"[TOOL_CALLS]search[ARGS]{raw}",
        f"<|tool_call_begin|>functions.search:0<|tool_call_argument_begin|>{raw}<|tool_call_end|>",
    ):
        assert arguments(extract((), text, TOOLS)) == [given_], text
