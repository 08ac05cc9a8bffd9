"""Comparisons as JSON, and back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking.compare.model import Change, Comparison, Outcome, Severity
from slipstream.tasks.benchmarking.reports import forms, view
from slipstream.tasks.benchmarking.reports import json as report
from tests import comparisons

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "comparison.schema.json"
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
CHANGES = st.builds(
    Change,
    *[st.text(max_size=9)] * 5,
    direction=st.sampled_from(["lower", "higher", "none"]),
    **dict.fromkeys(
        ("base", "candidate", "difference", "relative", "low", "high", "p", "p_corrected",
         "detectable", "noise"),
        st.none() | FLOATS,
    ),
    method=st.text(max_size=9),
    outcome=st.sampled_from(Outcome),
    severity=st.sampled_from(Severity),
    note=st.text(max_size=9),
    sizes=st.tuples(st.integers(), st.integers()),
    primary=st.booleans(),
)  # fmt: skip


def test_a_comparison_comes_back_as_it_was() -> None:
    """A whole suite, distributions included."""
    whole = comparisons.full(cells=9)
    assert report.from_json(report.render(whole)) == whole
    assert report.from_json(report.render(whole, indent=2)) == whole


@settings(deadline=None)
@given(CHANGES)
def test_any_change_comes_back_as_it_was(change: Change) -> None:
    """NaN and infinity too, for which JSON has no numbers; texts with anything in them."""
    made = comparisons.comparison(change)
    text = report.render(made)
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))
    assert repr(report.from_json(text)) == repr(made)


@settings(max_examples=40, deadline=None)
@given(CHANGES)
def test_any_change_can_be_shown_in_every_form(change: Change) -> None:
    """Whatever its figures and names are."""
    made = comparisons.comparison(change)
    for form in forms.FORMS:
        assert forms.comparison(form, made, options=view.Options(every=True))


def test_the_published_schema_fits_and_refuses() -> None:
    """What is rendered is valid by it, with figures that are not finite; what lacks a field not."""
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    value = json.loads(report.render(comparisons.comparison()))
    jsonschema.validate(value, schema)
    jsonschema.validate(json.loads(report.render(comparisons.full(cells=2))), schema)
    del value["candidates"][0]["changes"][0]["p"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, schema)


def test_the_worst_severity_stands_where_nobody_has_to_add_it_up() -> None:
    value = json.loads(report.render(comparisons.comparison()))
    assert (value["format"], value["worst"], value["candidates"][0]["worst"]) == (
        1,
        "major",
        "major",
    )


def test_a_history_is_json_too() -> None:
    value = json.loads(report.render(comparisons.trend(5, 2)))
    assert [point["commit"][-1] for point in value["points"]] == list("01234")
    assert value["changes"][0]["place"] == 2


def broken(*path: str | int, value: Any) -> str:
    """A comparison with one value replaced."""
    whole = json.loads(report.render(comparisons.full(cells=1)))
    below = whole
    for part in path[:-1]:
        below = below[part]
    below[path[-1]] = value
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not a comparison: it is no object"),
        ("{}", "format is missing"),
        ('{"format": 2}', "written by a newer Slipstream"),
        ('{"format": 1}', "id is missing"),
        (broken("created_ns", value=True), "created_ns is no integer"),
        (broken("base", "runs", value="abc"), "base.runs is no list"),
        (broken("candidates", 0, "changes", 2, "p", value="x"), "changes[2].p is no number"),
        (broken("candidates", 0, "changes", 2, "p", value=10**400), "changes[2].p is too large"),
        (broken("candidates", 0, "changes", 2, "p", value=False), "changes[2].p is no number"),
        (broken("candidates", 0, "changes", 0, "sizes", value=[1]), "sizes has not 2 items"),
        (broken("candidates", 0, "changes", 0, "outcome", value="odd"), "outcome is none of regr"),
        (broken("candidates", 0, "changes", 0, "outcome", value=[]), "outcome is none of regr"),
        (broken("candidates", 0, "changes", 0, "direction", value="up"), "direction is none of l"),
        (broken("candidates", 0, "side", value=3), "candidates[0].side is no object"),
    ],
    ids=range(16),
)
def test_what_is_no_comparison_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        report.from_json(text, "odd.json")
    assert str(error.value).startswith("odd.json ")
    assert said in str(error.value)


def test_the_builder_makes_what_a_reader_may_rely_on() -> None:
    """Among them a figure that is not finite."""
    made: Comparison = comparisons.comparison()
    assert {change.outcome for change in made.candidates[0].changes} == set(Outcome)
    assert any(math.isnan(c.base or 0) for c in made.candidates[0].changes)
