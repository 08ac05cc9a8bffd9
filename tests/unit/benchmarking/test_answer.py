"""What answers say, in the forms in which servers say it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slipstream.tasks.benchmarking.answer import Answer, ToolCall, Usage, read


def stream(*values: Any) -> Answer:
    """The answer of a stream of these values, each in a read of its own."""
    parts = [
        b"data: " + (v if isinstance(v, bytes) else json.dumps(v).encode()) + b"\n\n"
        for v in values
    ]
    return read(b"".join(parts), [len(part) for part in parts])


def delta(finish: str | None = None, **content: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": content, "finish_reason": finish}]}


def usage(output: int, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": 5, "completion_tokens": output, **more}


def call(index: int | None = 0, name: str = "", arguments: Any = None, id: str = "") -> Any:
    function = {"name": name} if name else {}
    if arguments is not None:
        function["arguments"] = arguments
    return (
        {"function": function}
        | ({"index": index} if index is not None else {})
        | ({"id": id} if id else {})
    )


def test_a_chunk_with_a_role_alone_holds_no_token() -> None:
    found = stream(
        delta(role="assistant", content=""), delta(content="a"), delta("stop"), b"[DONE]"
    )
    assert [(p.at, p.text) for p in found.pieces] == [(1, "a")]
    assert (found.text, found.finish_reason, found.done, found.model) == ("a", "stop", True, "m")
    assert found.usage == Usage()


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_and_content_have_a_first_token_each(name: str) -> None:
    found = stream(delta(**{name: "h"}), delta(**{name: "m"}), delta(content="a"))
    assert (found.first_reasoning, found.first_content, found.first_tool) == (0, 2, None)
    assert (found.reasoning, found.text) == ("hm", "a")


@pytest.mark.parametrize("parts", [["<think>hm</think>a"], ["<th", "ink>h", "m", "</think>", "a"]])
def test_reasoning_between_tags_in_the_text_is_reasoning(parts: list[str]) -> None:
    found = stream(*(delta(content=part) for part in parts), delta("stop"))
    assert (found.reasoning, found.text) == ("hm", "a")
    assert (found.first_reasoning, found.first_content) == (0, len(parts) - 1)


def test_text_that_only_begins_like_the_tag_is_text() -> None:
    found = stream(delta(content="<t"), delta(content="d>"))
    assert (found.text, found.first_content, found.first_reasoning) == ("<td>", 0, None)
    assert stream(delta(content="<thi")).text == "<thi"


def test_a_tool_call_is_put_together_from_its_pieces() -> None:
    found = stream(
        delta(role="assistant", content=None),
        delta(tool_calls=[call(0, "f", "", "1")]),
        delta(tool_calls=[call(0, arguments='{"a"')]),
        delta(tool_calls=[call(1, "g", "{}", "2")]),
        delta(tool_calls=[call(0, arguments=":1}")]),
        delta("tool_calls"),
    )
    assert found.calls == (ToolCall("f", '{"a":1}', "1"), ToolCall("g", "{}", "2"))
    assert (found.first_tool, found.first_content, len(found.pieces)) == (0, None, 4)


def test_calls_that_all_have_the_index_zero_stay_apart() -> None:
    """Ollama numbered so."""
    found = stream(
        delta(tool_calls=[call(0, "f", "{}", "1"), call(0, "g", "{}", "2")]),
        delta(tool_calls=[call(0, arguments=" ")]),
    )
    assert [c.name for c in found.calls] == ["f", "g"]
    assert found.calls[1].arguments == "{} "


def test_calls_without_an_index_and_arguments_as_an_object_are_taken() -> None:
    found = stream(delta(tool_calls=[call(None, "f", {"a": 1}), call(None, "g", {})]))
    assert found.calls == (ToolCall("f", '{"a": 1}'), ToolCall("g", "{}"))


def test_the_old_form_of_a_function_call_is_taken() -> None:
    found = stream(delta(function_call={"name": "f", "arguments": "{}"}))
    assert found.calls == (ToolCall("f", "{}"),)


def test_usage_comes_in_a_last_chunk_without_choices() -> None:
    details = {
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    found = stream(delta(content="ab"), {"choices": [], "usage": usage(2, **details)}, b"[DONE]")
    assert found.usage == Usage(5, 2, 4, 1)
    assert found.pieces[0].tokens is None


def test_usage_in_each_chunk_tells_how_many_tokens_each_holds() -> None:
    found = stream(
        delta(role="assistant") | {"usage": usage(0)},
        delta(content="ab") | {"usage": usage(2)},
        delta(content="c") | {"usage": usage(3)},
    )
    assert [piece.tokens for piece in found.pieces] == [2, 1]


def test_counts_that_are_none_are_not_known() -> None:
    found = stream({"choices": [], "usage": {"prompt_tokens": "5", "completion_tokens": True}})
    assert found.usage == Usage()


def test_an_error_in_the_stream_is_kept_in_the_servers_words() -> None:
    found = stream(delta(content="a"), {"error": {"message": "out of memory", "code": 500}})
    assert (found.error, found.error_code) == ("out of memory", 500)
    assert stream({"error": "no"}).error == "no"
    assert stream({"error": {"why": 1}}).error == '{"why": 1}'


@pytest.mark.parametrize("wrong", [b'{"choices": [', b"hello", b"[1]", b"7", b'"x"'])
def test_what_is_malformed_stops_nothing(wrong: bytes) -> None:
    found = stream(delta(content="a"), wrong, delta(content="b"), delta("stop"))
    assert found.text == "ab"
    assert found.malformed == wrong.decode()


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": None},
        {"choices": [None, {"delta": []}, {"delta": {"content": 5, "tool_calls": [None, {}]}}]},
        {"choices": {}, "usage": []},
    ],
)
def test_odd_shapes_are_passed_over(odd: Any) -> None:
    assert stream(odd, delta(content="a")).text == "a"


def test_an_answer_that_is_no_stream_is_read_too() -> None:
    body = json.dumps(
        {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": usage(1)}
    ).encode()
    found = read(body, [4, len(body) - 4])
    assert (found.text, found.usage.output, found.done) == ("hi", 1, True)
    assert found.pieces[0].at == 1
    assert found.pieces[0].tokens == 1


def test_one_value_a_line_is_read_too() -> None:
    body = b"\n".join(json.dumps(delta(content=c)).encode() for c in "ab")
    assert read(body, [len(body)]).text == "ab"


def test_completions_say_text() -> None:
    assert stream({"choices": [{"text": "a"}]}, {"choices": [{"text": "b"}]}).text == "ab"


def test_nothing_is_an_answer_without_anything() -> None:
    assert read(b"", []) == Answer()
    assert not stream(delta(content="a")).done
