"""Where no format tells, the lines that are worth the most are shown, as many as fit."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.evidence import evidence_size, take, weigh
from slipstream.tasks.summarization.excerpt import line_text, size
from slipstream.tasks.summarization.model import Finding, Severity

DOC = Document([f"line {n} of a log" for n in range(300)])


def finding(line: int, kind: str = "compiler", **more: object) -> Finding:
    values: dict[str, object] = {"tool": kind, "kind": kind, "weight": 20} | more
    values["message"] = more.get("message", f"message {line}")
    return Finding(Severity.ERROR, span=(line, line), **values)  # type: ignore[arg-type]


def worth(
    errors: list[Finding] | None = None, guesses: list[Finding] | None = None,
    failing: list[tuple[int, int]] | None = None, failed: bool | None = True, counted: bool = False,
) -> dict[int, float]:  # fmt: skip
    return weigh(DOC, errors or [], guesses or [], failing or [], failed, counted, room=9_000)


def best(values: dict[int, float], count: int) -> set[int]:
    return set(sorted(values, key=lambda i: -values[i])[:count])


def test_of_a_failure_without_a_verdict_the_end_is_worth_the_most() -> None:
    assert best(worth(), 6) == set(range(294, 300))


def test_before_a_failing_steps_verdict_stands_why() -> None:
    values = worth([finding(101, "build", tool="ci")])
    assert best(values, 6) == set(range(94, 100))
    assert 299 not in values


def test_what_stands_around_an_error_is_worth_something() -> None:
    values = worth([finding(101)])
    assert values[99] > values[96] > values[91]
    assert values[101] > values[108]
    assert 85 not in values


def test_a_guess_is_worth_more_late_in_the_log_in_the_failing_step_and_when_it_is_rare() -> None:
    def value(line: int, others: int = 0, failing: list[tuple[int, int]] | None = None) -> float:
        guess = finding(line, "command", weight=2, message="it broke")
        alike = [guess._replace(span=(n, n)) for n in range(1, others + 1)]
        return worth(guesses=[*alike, guess], failing=failing)[line - 1]

    assert value(150) > value(50)
    assert value(100) > value(100, others=20)
    assert value(100, failing=[(90, 110)]) > value(100, failing=[(1, 20)])


def test_of_an_output_that_did_not_fail_both_ends_are_shown() -> None:
    values = worth(failed=None)
    assert values[299] > values[0] > values[50]
    assert values[299] > values[250]
    assert min(worth(failed=None, counted=True), default=0) == 0
    assert len(worth(failed=None, counted=True)) <= 3


def test_a_line_that_says_that_something_went_well_is_no_evidence() -> None:
    doc = Document([*["test_a PASSED"] * 20, "it ended so"])
    values = weigh(doc, [], [], [], True, False)
    assert best(values, 1) == {20}
    assert values[20] - values[19] > 2


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.integers(0, 299), st.floats(-3, 9), max_size=80),
    st.sets(st.integers(0, 299), max_size=20), st.integers(0, 4_000), st.floats(-2, 9),
)  # fmt: skip
def test_what_is_taken_fits_and_is_worth_it(
    values: dict[int, float], shown: set[int], room: int, least: float
) -> None:
    chosen, left = take(DOC, values, shown, room, least)
    assert chosen == sorted(set(chosen))
    assert not shown.intersection(chosen)
    assert all(values[i] >= least for i in chosen)
    assert 0 <= left <= room
    assert sum(size(line_text(DOC, i)) + 1 for i in chosen) <= room - left
    assert evidence_size(DOC, values, least) >= 0


def test_the_most_telling_lines_are_taken_first() -> None:
    chosen, _ = take(DOC, {5: 1.0, 100: 9.0, 200: 5.0}, set(), 90, 0.0)
    assert chosen == [100]
