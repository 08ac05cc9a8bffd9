"""The parts of the simulated server that need no socket."""

from __future__ import annotations

import json
import statistics
from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking.simulate import answer, calls, chunks, metrics, tokenizer
from slipstream.tasks.benchmarking.simulate.answer import Answer, BadRequest
from slipstream.tasks.benchmarking.simulate.prefix import PrefixCache
from slipstream.tasks.benchmarking.simulate.running import Pace
from slipstream.tasks.benchmarking.simulate.settings import (
    MEANINGS,
    ErrorKind,
    Settings,
    override,
    parse,
    to_json,
)
from slipstream.tasks.benchmarking.simulate.truth import Record, Truth

READ = {
    "type": "function",
    "function": {
        "name": "read_file",
        "parameters": {
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "lines": {"type": "array", "items": {"type": "integer"}, "minItems": 2},
                "mode": {"enum": ["text", "binary"]},
                "size": {"type": ["number", "null"], "minimum": 3},
                "deep": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
            },
            "required": ["path", "lines", "mode", "size", "deep"],
        },
    },
}
LIST = {"type": "function", "function": {"name": "list_files"}}
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}], "tools": [READ, LIST]}


class TestTokenizer:
    @given(st.text())
    def test_the_tokens_of_a_text_put_together_are_the_text(self, text: str) -> None:
        assert "".join(tokenizer.split(text)) == text

    @given(st.text(), st.integers(1, 50))
    def test_a_space_and_a_short_word_make_any_text_longer_by_one_token(
        self, text: str, more: int
    ) -> None:
        assert tokenizer.count(text + " word" * more) == tokenizer.count(text) + more

    @given(st.text())
    def test_ids_give_the_text_back(self, text: str) -> None:
        tokens = tokenizer.Tokenizer()
        ids = tokens.encode(text)
        assert tokens.decode(ids) == text
        assert ids == tokenizer.Tokenizer().encode(text)

    def test_an_id_that_was_never_met_shows_as_a_replacement_character(self) -> None:
        assert tokenizer.Tokenizer().decode([7]) == "\ufffd"


class TestSettings:
    @pytest.mark.parametrize(
        ("values", "named"),
        [
            ({"ttft_ms": -1}, "'ttft_ms' of the simulated server is -1, not a number from 0 to"),
            ({"nonsense": 1}, "no setting 'nonsense'"),
            ({"errors": {"closed": 0.7, "html": 0.4}}, "the shares of errors add up to 1.1"),
            ({"errors": {"closed": 7}}, "'errors.closed'"),
            ({"errors": {"melted": 0.1}}, "no error 'melted'"),
            ({"errors": [1]}, "shares by kind"),
            ({"tool_right": 0.9, "tool_malformed": 0.2}, "the shares of tool_"),
            ({"seed": 1.5}, "not a whole number"),
            ({"seed": True}, "not a whole number"),
            ({"itl_ms": None}, "not a number"),
            ({"itl_ms": float("nan")}, "not a number"),
            ({"models": []}, "a list of names"),
            ({"profile": "tgi"}, "not one of openai, vllm"),
            ({"prefix_cache": "yes"}, "not true or false"),
            ({"api_key": 1}, "not a text"),
        ],
    )
    def test_a_wrong_setting_is_named_in_one_sentence(
        self, values: dict[str, Any], named: str
    ) -> None:
        with pytest.raises(UsageError) as caught:
            parse(values)
        assert named in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_all_settings_are_described_and_survive_json(self) -> None:
        assert set(MEANINGS) == set(Settings._fields)
        settings = Settings(errors={ErrorKind.HTML: 0.5}, models=("a", "b"), role_ms=3)
        assert parse(json.loads(to_json(settings))) == settings
        assert parse({"models": "one"}).models == ("one",)

    def test_a_request_cannot_change_what_belongs_to_the_process(self) -> None:
        with pytest.raises(UsageError, match="one request cannot change port"):
            override(Settings(), {"port": 1, "ttft_ms": 1})


class TestAnswer:
    def test_the_prompt_costs_what_the_documentation_says(self) -> None:
        messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
        assert len(answer.prompt_of({"messages": messages}, chat=True)) == (2 + 6) + (1 + 6) + 6

    def test_parts_of_text_count_like_one_text(self) -> None:
        parts = [{"type": "text", "text": "be "}, {"type": "text", "text": "brief"}]
        one = answer.render({"messages": [{"role": "user", "content": "be brief"}]})
        assert answer.render({"messages": [{"role": "user", "content": parts}]}) == one

    @pytest.mark.parametrize(
        ("body", "chat", "said"),
        [
            ({}, True, "`messages` must be a list"),
            ({"messages": [1]}, True, "an object with a `role`"),
            ({"messages": [{"role": "user", "content": 1}]}, True, "`content`"),
            ({"prompt": None}, False, "`prompt` must be"),
        ],
    )
    def test_a_request_without_a_prompt_is_refused(
        self, body: dict[str, Any], chat: bool, said: str
    ) -> None:
        with pytest.raises(BadRequest, match=said):
            answer.prompt_of(body, chat)

    def test_a_prompt_may_be_ids_of_tokens(self) -> None:
        assert len(answer.prompt_of({"prompt": [1, 2, 3]}, chat=False)) == 3

    @given(st.integers(1, 300), st.integers(0, 300), st.integers(0, 300))
    def test_an_answer_has_the_tokens_it_counts(self, most: int, mean: int, thought: int) -> None:
        settings = Settings(output_tokens=mean, output_spread=0.5, reasoning_tokens=thought)
        made = answer.answer(settings, Random(1), {"max_tokens": most}, 10, None, True)
        length = len(made.reasoning) + len(made.content)
        assert length == chunks.count(made) <= most
        assert tokenizer.count("".join(made.content)) == len(made.content) >= 1
        assert tokenizer.count("".join(made.reasoning)) == len(made.reasoning)
        assert made.finish == ("length" if length == most else "stop")

    @pytest.mark.parametrize("most", [0, -2, True, "9", 1.5])
    def test_a_wrong_number_of_tokens_is_refused(self, most: object) -> None:
        with pytest.raises(BadRequest, match="whole number"):
            answer.most_tokens({"max_tokens": most})

    def test_more_than_the_context_holds_is_refused_as_servers_do(self) -> None:
        with pytest.raises(BadRequest, match="maximum context length is 100 tokens"):
            answer.answer(
                Settings(context_length=100), Random(1), {"max_tokens": 60}, 50, None, True
            )


class TestCalls:
    def drawn(self, settings: Settings, expected: Any = None, **more: Any) -> tuple[Any, ...]:
        return calls.choose(settings, Random(1), CHAT | more, expected)

    def test_a_right_call_fits_the_schema_of_the_first_tool(self) -> None:
        (call,) = self.drawn(Settings())
        assert call.name == "read_file"
        jsonschema.validate(json.loads(call.arguments), READ["function"]["parameters"])  # type: ignore[index]

    def test_what_the_request_says_is_right_is_called(self) -> None:
        expected = [{"name": "list_files", "arguments": {"a": 1}}, {"name": "read_file"}]
        assert self.drawn(Settings(), expected) == (
            calls.Call("list_files", '{"a": 1}'),
            calls.Call("read_file", "{}"),
        )

    def test_no_call_is_made_where_none_is_right(self) -> None:
        assert self.drawn(Settings(), []) == ()

    def test_a_wrong_call_is_made_where_none_is_right(self) -> None:
        assert len(self.drawn(Settings(tool_right=0, tool_wrong_name=1), [])) == 1

    def test_tool_choice_names_the_tool_or_forbids_all(self) -> None:
        named = {"type": "function", "function": {"name": "list_files"}}
        assert self.drawn(Settings(), tool_choice=named) == (calls.Call("list_files", "{}"),)
        assert self.drawn(Settings(), tool_choice="none") == ()

    def test_a_wrong_name_is_that_of_another_tool(self) -> None:
        (call,) = self.drawn(Settings(tool_right=0, tool_wrong_name=1))
        assert call.name == "list_files"
        alone = {"tools": [READ]}
        (call,) = self.drawn(Settings(tool_right=0, tool_wrong_name=1), **alone)
        assert call.name == "read_file_other"

    def test_wrong_arguments_are_json_that_the_schema_refuses(self) -> None:
        (call,) = self.drawn(Settings(tool_right=0, tool_wrong_arguments=1))
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(call.arguments), READ["function"]["parameters"])  # type: ignore[index]
        (call,) = self.drawn(Settings(tool_right=0, tool_wrong_arguments=1), tools=[LIST])
        assert json.loads(call.arguments) == {"unasked": True}

    def test_malformed_arguments_are_not_json(self) -> None:
        (call,) = self.drawn(Settings(tool_right=0, tool_malformed=1))
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(call.arguments)

    def test_shares_are_kept_over_many_requests(self) -> None:
        settings = Settings(tool_right=0.5, tool_wrong_name=0.2)
        drawn = [calls.choose(settings, Random(n), CHAT, None) for n in range(1000)]
        assert 440 < sum(made[:1] != () and made[0].name == "read_file" for made in drawn) < 560
        assert 240 < sum(made == () for made in drawn) < 360

    @pytest.mark.parametrize(
        ("form", "text"),
        [
            ("hermes", '<tool_call>\n{"name": "f", "arguments": {"a": "b"}}\n</tool_call>'),
            ("json", '{"name": "f", "arguments": {"a": "b"}}'),
            ("fenced", '```json\n{"name": "f", "arguments": {"a": "b"}}\n```'),
            ("pythonic", "[f(a='b')]"),
        ],
    )
    def test_calls_may_be_written_as_text(self, form: str, text: str) -> None:
        call = calls.Call("f", '{"a": "b"}')
        assert calls.as_text((call,), form) == text
        assert calls.as_text((call, call), "json").startswith("[{")

    def test_text_in_place_of_calls_is_counted_as_content(self) -> None:
        made = answer.answer(Settings(tool_text="hermes"), Random(1), CHAT, 10, None, True)
        assert made.calls == ()
        assert "".join(made.content).startswith("<tool_call>")
        assert made.finish == "stop"

    def test_schemas_give_their_plainest_value(self) -> None:
        assert calls.example({"const": 4}) == 4
        assert calls.example({"type": "string", "minLength": 9}) == "examplexx"
        assert calls.example({"oneOf": [{"type": "integer"}]}) == 1
        assert calls.example(None) is None
        assert calls.example({"type": []}) is None
        endless: dict[str, Any] = {"type": "object", "required": ["a"]}
        endless["properties"] = {"a": endless}
        assert json.dumps(calls.example(endless)).count("a") < 20


class TestPrefixCache:
    def test_whole_blocks_that_were_seen_are_cached(self) -> None:
        cache = PrefixCache()
        tokens = [str(n) for n in range(40)]
        assert cache.add(tokens, 16, "m") == 0
        assert cache.add(tokens, 16, "m") == 32
        assert cache.add([*tokens[:20], "other", *tokens[21:]], 16, "m") == 16
        assert cache.add(tokens, 16, "another model") == 0
        cache.clear()
        assert cache.add(tokens, 16, "m") == 0

    def test_the_last_token_of_a_prompt_is_never_cached(self) -> None:
        cache = PrefixCache()
        tokens = [str(n) for n in range(32)]
        cache.add(tokens, 16, "m")
        assert cache.add(tokens, 16, "m") == 31
        assert cache.add([], 16, "m") == 0


class TestPace:
    @pytest.mark.parametrize("shape", ["normal", "uniform", "lognormal", "gamma"])
    def test_jitter_keeps_the_mean_and_has_the_deviation(self, shape: Any) -> None:
        settings = Settings(itl_ms=10, itl_jitter=0.2, jitter_shape=shape)
        pace = Pace(settings, Random(1))
        times = [pace.next(1, 1) / 1e6 for _ in range(4000)]
        assert statistics.mean(times) == pytest.approx(10, rel=0.02)
        assert statistics.pstdev(times) == pytest.approx(2, rel=0.1)
        assert min(times) >= 0

    def test_the_first_token_waits_for_the_prompt_and_for_the_model(self) -> None:
        pace = Pace(Settings(ttft_ms=50, prompt_ms=10), Random(1))
        assert pace.first(500, 0) == 55_000_000
        assert pace.first(0, 1000) == 1_050_000_000

    def test_running_streams_slow_each_other(self) -> None:
        pace = Pace(Settings(itl_ms=10, slowdown=0.1), Random(1))
        assert pace.next(2, 1) == 20_000_000
        assert pace.next(1, 11) == 20_000_000


class TestChunks:
    def shape(self, **settings: Any) -> chunks.Shape:
        return chunks.Shape(Settings(**settings), "id", "m", True, 5, 0, True)

    def events(self, shape: chunks.Shape, said: Answer) -> list[Any]:
        data = b"".join(chunk.data for chunk in chunks.stream(shape, said, Random(1)))
        found = []
        while data:
            size, _, data = data.partition(b"\r\n")
            event, data = data[: int(size, 16)], data[int(size, 16) + 2 :]
            text = event.removeprefix(b"data: ").decode().strip()
            found.append(text if text == "[DONE]" else json.loads(text))
        return found

    @pytest.mark.parametrize("size", [1, 3, 100])
    def test_chunks_bring_as_many_tokens_as_set(self, size: int) -> None:
        said = Answer(["a", " b"], [" c"] * 7, (), "stop")
        shape = self.shape(tokens_per_chunk=size)
        made = list(chunks.stream(shape, said, Random(1)))
        assert [c.tokens for c in made if c.kind == chunks.REASONING] == (
            [1, 1] if size == 1 else [2]
        )
        assert sum(chunk.tokens for chunk in made) == 9
        assert max(chunk.tokens for chunk in made) <= size

    def test_any_text_survives(self) -> None:
        said = Answer([], ['"quoted"', "\\n", "\u2028ünï", "\n"], (), "stop")
        made = self.events(self.shape(), said)
        text = "".join(c["choices"][0]["delta"].get("content", "") for c in made[:-2])
        assert text == "".join(said.content)

    @pytest.mark.parametrize(
        ("usage", "places"),
        [("asked", [[]]), ("always", [[]]), ("never", []), ("last_chunk", [[" b"]])],
    )
    def test_usage_comes_where_it_is_set_to(self, usage: Any, places: list[Any]) -> None:
        made = self.events(self.shape(usage=usage), Answer([], ["a", " b"], (), "length"))
        told = [event for event in made[:-1] if event.get("usage")]
        contents = [[c["delta"].get("content") for c in event["choices"]] for event in told]
        assert contents == places
        for event in told:
            assert event["usage"]["completion_tokens"] == 2

    def test_a_text_that_has_no_tokens_ends_properly(self) -> None:
        made = self.events(self.shape(), Answer([], [], (), "stop"))
        assert made[-3]["choices"][0]["finish_reason"] == "stop"
        assert made[-2]["usage"]["completion_tokens"] == 0
        assert made[-1] == "[DONE]"


def test_metrics_are_prometheus_text() -> None:
    """Each line is a comment, or a name, labels and a number."""
    for prefix in ("vllm:", "llamacpp:", "sglang:"):
        text = metrics.text(prefix, "m", metrics.Figures(1, 2, 3, 4, 5), 6)
        values = [line.rsplit(" ", 1)[1] for line in text.splitlines() if line[0] != "#"]
        assert values == ["1", "2", "3", "4", "5", "6"]
    assert metrics.resident_bytes() >= 0


def test_only_the_newest_truth_is_kept() -> None:
    """Their numbers go on counting, so that `since` stays right."""
    truth = Truth(2, "")
    for number in range(4):
        truth.add(Record(f"r{number}", number, "/", 0))
    assert [json.loads(line)["id"] for line in truth.read().splitlines()] == ["r2", "r3"]
    assert [json.loads(line)["id"] for line in truth.read(since=3).splitlines()] == ["r3"]
    assert truth.read("r2", limit=1).count("\n") == 1


def test_errors_are_drawn_by_their_shares() -> None:
    """And each kind may be drawn."""
    from slipstream.tasks.benchmarking.simulate.generation import _draw

    settings = Settings(errors=dict.fromkeys(ErrorKind, 0.05))
    drawn = [_draw(settings, Random(n)) for n in range(3000)]
    assert set(drawn) == {None, *ErrorKind}
    assert 450 < drawn.count(None) < 780
