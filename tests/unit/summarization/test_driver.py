"""Extractors run heaviest first; what is explained is not told again; none can stop a summary."""

from __future__ import annotations

import time

import pytest

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding
from slipstream.tasks.summarization.extract.driver import extract, findings_of, line_finding
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity, Tally

LINES = [f"line {n}" for n in range(1, 21)]
DOC = Document(LINES)


def spanning(before: int, after: int, weight: int | None = None) -> object:
    """An extractor of a finding from so many lines before to so many after."""

    def run(doc: Document, i: int, rule: Rule) -> Extracted:
        more = {} if weight is None else {"weight": weight}
        return finding(doc, rule, max(0, i - before), i + after, rule.name, **more)

    return run


def rule(name: str, weight: int = 20, extract: object = None, **more: object) -> Rule:
    return Rule(name, "x", name, "log", Severity.ERROR, extract, weight, **more)  # type: ignore[arg-type]


def run(
    *hits: tuple[int, list[Rule]], seconds: float = 5.0
) -> tuple[list[Finding], list[Tally], list[str]]:
    return extract(DOC, hits, seconds)


def told(found: tuple[list[Finding], list[Tally], list[str]]) -> list[tuple[str, tuple[int, int]]]:
    return [(one.tool, one.span) for one in found[0]]


def test_the_heaviest_rule_of_a_line_goes_first_and_is_enough() -> None:
    assert told(run((3, [rule("heavy", 30), rule("light", 10)]))) == [("heavy", (4, 4))]


def test_a_rule_that_says_not_mine_leaves_the_line_to_the_next() -> None:
    nothing = rule("nothing", 30, lambda *_: None)
    empty = rule("empty", 25, lambda *_: [])
    assert told(run((3, [nothing, empty, rule("light", 10)]))) == [("light", (4, 4))]


def test_lines_within_a_finding_are_not_told_again_by_lighter_rules() -> None:
    block = rule("block", 20, spanning(0, 5))
    assert told(run((3, [block]), (5, [rule("same", 20)]), (6, [rule("heavy", 30)]))) == [
        ("block", (4, 9)), ("heavy", (7, 7)),
    ]  # fmt: skip


def test_a_finding_takes_in_the_lighter_ones_inside_its_span() -> None:
    found = run(
        (2, [rule("early", 10)]), (4, [rule("other", 10)]), (6, [rule("whole", 25, spanning(5, 2))])
    )
    assert told(found) == [("whole", (2, 9))]


def test_a_guess_is_dropped_where_something_that_knows_more_stands() -> None:
    guess = rule("guess", 2, spanning(0, 3))
    assert told(run((3, [rule("sure", 20)]), (2, [guess]))) == [("sure", (4, 4))]
    assert told(run((10, [guess]))) == [("guess", (11, 14))]


def test_several_findings_and_tallies_of_one_call_are_all_kept() -> None:
    def many(doc: Document, i: int, rule: Rule) -> Extracted:
        found = [finding(doc, rule, i + k, i + k, f"m{k}") for k in range(3)]
        return [Tally("t", "test", doc.numbers[i], True), *found]

    found = run((3, [rule("many", 20, many)]))
    assert told(found) == [("many", (4, 4)), ("many", (5, 5)), ("many", (6, 6))]
    assert found[1] == [Tally("t", "test", 4, True)]


def test_findings_come_in_the_order_of_the_log() -> None:
    back = rule("back", 20, spanning(9, -9))
    assert [span for _, span in told(run((5, [rule("a")]), (12, [back])))] == [(4, 4), (6, 6)]


def test_a_rule_that_fails_is_named_and_the_default_takes_over() -> None:
    def broken(doc: Document, i: int, rule: Rule) -> Extracted:
        raise RuntimeError("no")

    def late(doc: Document, i: int, rule: Rule) -> Extracted:
        yield finding(doc, rule, i, i, "fine")
        raise KeyError("late")

    guess = rule("text", 2)
    found = run((3, [rule("broken", 20, broken), guess]), (5, [rule("late", 20, late), guess]),
                (7, [rule("broken", 20, broken), guess]))  # fmt: skip
    assert [tool for tool, _ in told(found)] == ["text", "text", "text"]
    assert found[2] == [
        "the rules for broken failed (RuntimeError('no'))",
        "the rules for late failed (KeyError('late'))",
    ]


def test_a_rule_past_its_time_is_stopped_and_named() -> None:
    calls = []

    def slow(doc: Document, i: int, rule: Rule) -> Extracted:
        calls.append(i)
        until = time.thread_time() + 0.03
        while time.thread_time() < until:
            pass
        return None

    found = run(*((i, [rule("slow", 20, slow), rule("text", 2)]) for i in range(9)), seconds=0.05)
    assert found[2] == ["the rules for slow took more than 0.05 s"]
    assert len(calls) < 4
    assert len(found[0]) == 9


def test_many_broken_rules_are_not_all_named() -> None:
    def broken(doc: Document, i: int, rule: Rule) -> Extracted:
        raise RuntimeError("no")

    found = run(*((i % 20, [rule(f"r{i}", 20, broken)]) for i in range(50)))
    assert len(found[2]) == 8


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("src/a.c:3:5: broken", ("src/a.c", 3, 5)),
        ("broken at /srv/app/b.py:12", ("/srv/app/b.py", 12, None)),
        (r"C:\src\Program.cs(3,15): broken", (r"C:\src\Program.cs", 3, 15)),
        ('  File "lib/x.py", line 7, in f', ("lib/x.py", 7, None)),
        ("in main.go:9", ("main.go", 9, None)),
        ("see a.tar.gz", ("", None, None)),
        ("at 10:30:45 it broke", ("", None, None)),
        ("version 1.2:3 is old", ("", None, None)),
    ],
)
def test_the_place_that_a_line_names_is_guessed(text: str, place: tuple[object, ...]) -> None:
    found = line_finding(Document([text]), 0, rule("x"))
    assert (found.file, found.line, found.column) == place
    assert found.message == text.strip()


def test_a_text_is_searched_as_the_pipeline_does() -> None:
    """In its lines without colours; the numbers are those of the log."""
    some = (Rule("boom", r"^BOOM$", "boom", "log", Severity.FATAL),)
    findings, tallies = findings_of("fine\r\n\x1b[31mBOOM\x1b[0m\r\nBOOM\n", rules=some)
    assert [one.span for one in findings][-1] == (3, 3)
    assert tallies == []
