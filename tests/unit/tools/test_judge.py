"""Verdicts: what is right by meaning, and the first layer in which something is wrong."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipstream.tasks.benchmarking.tools import assign
from slipstream.tasks.benchmarking.tools.judge import judge
from slipstream.tasks.benchmarking.tools.model import (
    Call,
    Case,
    Expected,
    Extraction,
    Layer,
    Rules,
    Verdict,
)

READ: dict[str, Any] = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "limit": {"type": "integer", "default": 100, "minimum": 1},
        "lines": {"type": ["integer", "string"]},
        "raw": {"type": ["boolean", "string"]},
        "loose": {"description": "Anything."},
        "tags": {"type": "array", "items": {"type": "string"}},
        "options": {"type": "object"},
        "scale": {"type": "number"},
        "force": {"type": "boolean"},
    },
    "required": ["path"],
}
SCHEMAS = {"read": READ, "list": {"type": "object", "properties": {"path": {"type": "string"}}}}
TOOLS = tuple(
    {"type": "function", "function": {"name": name, "parameters": schema}}
    for name, schema in SCHEMAS.items()
)


def expected(name: str = "read", optional: Sequence[str] = (), **right: Any) -> Expected:
    """With one right value for each argument."""
    return Expected(name, {key: (value,) for key, value in right.items()}, frozenset(optional))


def case(*answers: Sequence[Expected], **rules: Any) -> Case:
    return Case("c", (), TOOLS, tuple(map(tuple, answers)), "simple", rules=Rules(**rules))


def sent(*calls: tuple[str, Mapping[str, Any] | None], problem: str = "") -> Extraction:
    return Extraction(tuple(Call(n, a, json.dumps(a)) for n, a in calls), "native", problem)


def verdict(right: Mapping[str, Any], given: Mapping[str, Any], **rules: Any) -> Verdict:
    """Of one call of `read` with a path besides."""
    one = case([expected(path="a", **right)], **rules)
    return judge(one, sent(("read", {"path": "a", **given})))


def test_the_expected_call_is_right_whatever_the_order_of_its_keys() -> None:
    one = case([expected(path="a", limit=5, options={"x": 1, "y": [2]})])
    call = {"options": {"y": [2], "x": 1}, "limit": 5, "path": "a"}
    assert judge(one, sent(("read", call))) == Verdict(1.0, Layer.RIGHT)


@pytest.mark.parametrize(
    ("name", "right", "given_"),
    [
        ("limit", 5, 5.0),
        ("scale", 1.0, 1),
        ("scale", 0.1, 1e-1),
        ("lines", 5, "5"),
        ("lines", 5, "5.0"),
        ("lines", "5", 5),
        ("raw", True, "true"),
        ("raw", "False", False),
        ("loose", None, None),
        ("tags", [], []),
    ],
    ids=repr,
)
def test_numbers_and_booleans_may_be_written_as_the_schema_allows(
    name: str, right: object, given_: object
) -> None:
    assert verdict({name: right}, {name: given_}).right


@pytest.mark.parametrize(
    ("name", "right", "given_", "layer"),
    [
        ("limit", 5, "5", Layer.SCHEMA),
        ("limit", 5, 5.5, Layer.SCHEMA),
        ("limit", 5, 0, Layer.SCHEMA),
        ("limit", 5, 6, Layer.VALUE),
        ("limit", 1, True, Layer.SCHEMA),
        ("force", True, "true", Layer.SCHEMA),
        ("force", True, 1, Layer.SCHEMA),
        ("raw", True, "yes", Layer.VALUE),
        ("lines", 5, "5 lines", Layer.VALUE),
        ("lines", 5, "9" * 5000, Layer.VALUE),
        ("loose", 1, "1", Layer.VALUE),
        ("loose", 1, True, Layer.VALUE),
        ("loose", None, "null", Layer.VALUE),
        ("loose", None, False, Layer.VALUE),
        ("tags", ["a", "b"], ["b", "a"], Layer.VALUE),
        ("tags", ["a"], ["a", "a"], Layer.VALUE),
        ("tags", ["a"], "a", Layer.SCHEMA),
        ("options", {"x": 1}, {"x": 1, "y": 2}, Layer.VALUE),
        ("options", {"x": 1}, {}, Layer.VALUE),
        ("options", {"x": 1}, [1], Layer.SCHEMA),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_another_value_is_wrong_and_so_is_what_the_schema_refuses(
    name: str, right: object, given_: object, layer: Layer
) -> None:
    found = verdict({name: right}, {name: given_})
    assert found.layer is layer
    assert found.score == pytest.approx(0.25)  # the path is right
    assert f"the argument {name}" in found.reason
    assert found.reason.endswith(".")


def test_a_reason_names_argument_value_and_what_was_expected() -> None:
    one = case([Expected("read", {"path": ("a", "b", "c", "d")})])
    assert judge(one, sent(("read", {"path": "x"}))).reason == (
        'read: the argument path is "x"; expected "a" or "b" or "c" or another.'
    )
    long = judge(one, sent(("read", {"path": "y" * 100_000}))).reason
    assert len(long) < 500


@pytest.mark.parametrize(
    ("right", "given_", "same"),
    [
        ("src/a", "./src/a", True),
        ("./src//a", "src/./b/../a/", True),
        ("/a", "//a", True),
        (".", "./", True),
        ("a", "/a", False),
        ("a", "A", False),
        (".", "", False),
    ],
)
def test_a_path_may_be_written_otherwise(right: str, given_: str, same: bool) -> None:
    one = case([expected(path=right)], paths=frozenset({"path"}))
    assert judge(one, sent(("read", {"path": given_}))).right is same
    assert not judge(case([expected(path="a")]), sent(("read", {"path": "./a"}))).right


def test_the_items_of_a_set_come_in_any_order_and_each_once() -> None:
    rules = {"unordered": frozenset({"read.tags", "options"})}
    either = {"$any": ["b", "c"]}
    assert verdict({"tags": [either, "c"]}, {"tags": ["c", "b"]}, **rules).right
    assert verdict({"tags": [{"$any": ["a", "b"]}, "a"]}, {"tags": ["a", "b"]}, **rules).right
    assert not verdict({"tags": [either, "c"]}, {"tags": ["b", "b"]}, **rules).right
    nested = {"x": [1, 2]}
    assert not verdict({"options": nested}, {"options": {"x": [2, 1]}}, **rules).right


def test_folded_texts_differ_in_letters_alone() -> None:
    rules = {"fold": frozenset({"loose"})}
    assert verdict({"loose": "New York, 'NY'"}, {"loose": 'new-york "ny".'}, **rules).right
    assert verdict({"loose": ["A b"]}, {"loose": ["ab"]}, **rules).right
    assert not verdict({"loose": "New York"}, {"loose": "New York!"}, **rules).right


def test_exact_arguments_are_of_the_very_type() -> None:
    rules = {"exact": frozenset({"limit", "lines"})}
    assert verdict({"limit": 5}, {"limit": 5}, **rules).right
    assert not verdict({"limit": 5}, {"limit": 5.0}, **rules).right
    assert not verdict({"lines": 5}, {"lines": "5"}, **rules).right


def test_alternatives_stand_anywhere_in_a_value() -> None:
    right = {
        "a": {"$any": [1, {"b": 2}]},
        "c": {"$optional": [3]},
        "d": [{"$fits": {"minimum": 9}}],
    }
    for given_ in ({"a": 1, "d": [9]}, {"a": {"b": 2}, "c": 3, "d": [10]}):
        assert verdict({"options": right}, {"options": given_}).right
    for wrong in ({"a": 2, "d": [9]}, {"a": 1, "c": 4, "d": [9]}, {"a": 1, "d": [8]}, {"d": [9]}):
        assert not verdict({"options": right}, {"options": wrong}).right


def test_the_default_may_be_sent_or_left_out_unless_the_case_forbids_it() -> None:
    assert verdict({}, {"limit": 100}).right
    assert verdict({"limit": 100}, {}).right
    assert verdict({}, {"limit": 100}, extra="forbid").layer is Layer.EXTRA
    assert verdict({"limit": 100}, {}, extra="forbid").layer is Layer.MISSING
    assert verdict({}, {"limit": 99}).layer is Layer.EXTRA
    assert verdict({"limit": 99}, {}).layer is Layer.MISSING


def test_extra_arguments_are_wrong_unless_the_case_allows_them() -> None:
    assert verdict({}, {"nope": 1}).layer is Layer.EXTRA
    assert verdict({}, {"nope": 1}, extra="allow").right
    assert verdict({}, {"limit": "x"}, extra="allow").layer is Layer.SCHEMA


def test_an_argument_that_has_no_right_value_is_named_as_such() -> None:
    """Some of the leaderboard's answers have one."""
    one = case([Expected("read", {"path": ("a",), "limit": ()}, frozenset({"limit"}))])
    found = judge(one, sent(("read", {"path": "a", "limit": 5})))
    assert (found.layer, found.reason) == (
        Layer.VALUE,
        "read: the argument limit is 5; expected none.",
    )


def test_an_optional_argument_may_be_left_out_and_is_compared_where_it_is_not() -> None:
    one = case([expected(path="a", limit=5, optional=["limit"])])
    assert judge(one, sent(("read", {"path": "a"}))).right
    assert judge(one, sent(("read", {"path": "a", "limit": 6}))).layer is Layer.VALUE


def test_what_breaks_the_schema_as_a_whole_is_found() -> None:
    schema = {**READ, "dependentRequired": {"force": ["raw"]}}
    tool = {"type": "function", "function": {"name": "read", "parameters": schema}}
    one = case([expected(path="a", force=True)])._replace(tools=(tool,))
    found = judge(one, sent(("read", {"path": "a", "force": True})))
    assert (found.layer, found.score) == (Layer.SCHEMA, 0.5)
    assert "'raw' is a dependency of 'force'" in found.reason


def test_a_schema_that_cannot_be_followed_for_what_was_sent_is_no_error() -> None:
    endless = {"anyOf": [{"type": "null"}, {"$ref": "#/properties/path"}]}
    tool = {
        "type": "function",
        "function": {"name": "read", "parameters": {"properties": {"path": endless}}},
    }
    one = case([expected(path="a")])._replace(tools=(tool,))
    found = judge(one, sent(("read", {"path": "a"})))
    assert (found.layer, found.reason) == (Layer.SCHEMA, "read: it refers to itself without end.")


def test_each_layer_is_named() -> None:
    one = case([expected(path="a")])
    none = case([])
    for given_, layer, score, words in (
        (sent(), Layer.EXTRACTION, 0, "No call was found."),
        (sent(problem="half a mark"), Layer.EXTRACTION, 0, "No call was found: half a mark."),
        (sent(("read", None)), Layer.JSON, 0, "no JSON object"),
        (sent(("nope", None)), Layer.JSON, 0, "nope: its arguments"),
        (sent(("nope", {})), Layer.TOOL, 0, "No tool is called nope; expected read."),
        (sent(("list", {"path": "a"})), Layer.TOOL, 0, "list was called instead of read."),
        (sent(("read", {}), ("list", {})), Layer.TOOL, 0, "list was called besides read."),
        (sent(("read", {})), Layer.MISSING, 0, 'the argument path is missing; expected "a"'),
        (sent(("read", {}), problem="more"), Layer.MISSING, 0, "besides, more."),
    ):
        found = judge(one, given_)
        assert (found.layer, found.score) == (layer, score)
        assert words in found.reason
    assert judge(none, sent()).right
    assert judge(none, sent(("read", {}))) == Verdict(
        0.0, Layer.UNWANTED, "No call is right, and read was called."
    )
    assert judge(none, sent(problem="half a mark")).layer is Layer.UNWANTED


def test_one_of_two_calls_that_is_missing_is_named() -> None:
    one = case([expected(path="a"), expected(path="b")])
    found = judge(one, sent(("read", {"path": "a"})))
    assert found == Verdict(0.0, Layer.TOOL, "read was not called.")


def test_no_call_may_be_one_of_the_alternatives() -> None:
    one = case([], [expected(path="a")])
    assert judge(one, sent()).right
    assert judge(one, sent(("read", {"path": "a"}))).right
    assert judge(one, sent(("read", {"path": "b"}))).layer is Layer.VALUE


def test_the_alternative_that_comes_closest_counts() -> None:
    one = case([expected("list", path="a")], [expected(path="a", limit=5, scale=2.0)])
    found = judge(one, sent(("read", {"path": "a", "limit": 5, "scale": 3})))
    assert found.layer is Layer.VALUE
    assert found.score == pytest.approx(1 / 3)


def test_parallel_calls_come_in_any_order_unless_the_case_wants_one() -> None:
    answer = [expected(path="a"), expected("list", path="b"), expected(path="c")]
    calls: list[tuple[str, dict[str, Any]]]
    calls = [("read", {"path": "c"}), ("read", {"path": "a"}), ("list", {"path": "b"})]
    assert judge(case(answer), sent(*calls)).right
    ordered = case(answer, in_order=True)
    assert judge(ordered, sent(*calls)).layer is Layer.TOOL
    assert judge(ordered, sent(calls[1], calls[2], calls[0])).right
    assert judge(ordered, sent(calls[0], calls[2], calls[1])).layer is Layer.VALUE


def test_calls_that_fit_several_expected_ones_are_paired_so_that_all_are_right() -> None:
    either = Expected("read", {"path": ("a", "b")})
    one = case([either, expected(path="a")])
    for order in itertools.permutations([("read", {"path": "a"}), ("read", {"path": "b"})]):
        assert judge(one, sent(*order)).right
    assert judge(one, sent(("read", {"path": "b"}), ("read", {"path": "b"}))).score == 0.25


def test_any_call_is_right_where_that_is_all_that_is_asked() -> None:
    one = case([], any_call=True)
    assert judge(one, sent(("nope", None))).right
    assert judge(one, sent()).layer is Layer.EXTRACTION


GAINS = st.integers(1, 4).flatmap(
    lambda size: st.lists(
        st.lists(st.fractions(0, 2, max_denominator=6), min_size=size, max_size=size),
        min_size=size,
        max_size=size,
    )
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(GAINS)
def test_an_assignment_is_the_best_of_all(gains: list[list[Fraction]]) -> None:
    found = assign.best(gains)
    size = len(gains)
    assert sorted(found) == list(range(size))
    every = itertools.permutations(range(size))
    most = max(sum(gains[r][c] for r, c in enumerate(order)) for order in every)
    assert sum(gains[r][c] for r, c in enumerate(found)) == most


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["read", "list"]),
        st.fixed_dictionaries(
            {"path": st.sampled_from("ab")}, optional={"limit": st.integers(1, 2)}
        ),
    ),
    max_size=4,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CALLS, CALLS, st.randoms(use_true_random=False))
def test_the_order_of_calls_never_changes_a_score(
    right: list[tuple[str, dict[str, Any]]],
    given_: list[tuple[str, dict[str, Any]]],
    draw: Any,
) -> None:
    one = case([expected(name, **arguments) for name, arguments in right])
    assert judge(one, sent(*right)).right
    before = judge(one, sent(*given_))
    draw.shuffle(given_)
    after = judge(one, sent(*given_))
    assert (after.score, after.right) == (before.score, before.right)
    assert 0 <= after.score <= 0.5 or after == Verdict(1.0, Layer.RIGHT)
