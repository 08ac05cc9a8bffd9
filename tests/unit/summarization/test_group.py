"""Findings that say the same are one, and none of their places is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.group import PLACES, last_line, merge, normal, recount
from slipstream.tasks.summarization.model import Finding, Severity
from slipstream.tasks.summarization.scan import digitless


def logged(message: str, line: int, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(severity, message, "log", "log", (line, line), weight=12)


def lines_of(finding: Finding) -> list[int]:
    return [finding.span[0], *(place.log_line for place in finding.places)]


def test_what_differs_by_numbers_alone_is_one_with_a_count_and_every_place() -> None:
    found = merge([logged(f"order {n} took 0x{n:x} of {n * 7} ms", n) for n in (3, 90, 1200)])
    assert [(f.count, lines_of(f), last_line(f)) for f in found] == [(3, [3, 90, 1200], 1200)]
    assert found[0].message == "order 3 took 0x3 of 21 ms"


def test_a_different_place_in_the_source_is_a_different_finding() -> None:
    one = Finding(Severity.ERROR, "expected ';'", "gcc", "compiler", (1, 1), "a.c", 3, 5)
    same = one._replace(span=(9, 9))
    others = [one._replace(line=4), one._replace(file="b.c"), one._replace(column=6)]
    found = merge([one, *others, same])
    assert [(f.file, f.line, f.column, f.count) for f in found] == [
        ("a.c", 3, 5, 2), ("a.c", 4, 5, 1), ("b.c", 3, 5, 1), ("a.c", 3, 6, 1),
    ]  # fmt: skip


def test_what_is_logged_often_with_other_names_is_one() -> None:
    messages = [f'cannot load plugin "{name}" of {name}@b.example' for name in "abcd"]
    (found,) = merge([logged(message, line) for line, message in enumerate(messages, 1)])
    assert (found.count, lines_of(found)) == (4, [1, 2, 3, 4])


def test_a_few_messages_with_other_names_stay_apart() -> None:
    found = merge([logged(f'cannot load plugin "{name}"', 1) for name in "abc"])
    assert [f.count for f in found] == [1, 1, 1]


def test_what_is_fatal_is_never_taken_for_a_template() -> None:
    fatal = [logged(f'no disk "{name}"', 1, Severity.FATAL) for name in "abcdef"]
    assert merge(fatal) == fatal


def test_names_in_what_a_compiler_says_are_what_matters() -> None:
    found = [
        Finding(Severity.ERROR, f"'{name}' undeclared", "gcc", "compiler", (1, 1), "a.c", 3)
        for name in "abcdefgh"
    ]
    assert merge(found) == found


def test_of_too_many_places_the_newest_is_among_those_kept() -> None:
    (found,) = merge([logged("boom", line) for line in range(1, 5001)])
    assert (found.count, len(found.places), last_line(found)) == (5000, PLACES, 5000)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9)), max_size=40))
def test_nothing_is_lost(messages: list[tuple[str, int]]) -> None:
    """As many as were found are counted, and each line is the first of one or among its places."""
    found = [logged(f'{name} "{n}" x{n}', line) for line, (name, n) in enumerate(messages, 1)]
    merged = merge(found)
    assert sum(f.count for f in merged) == len(found)
    assert sorted(line for f in merged for line in lines_of(f)) == [f.span[0] for f in found]


def test_identifiers_of_runs_are_folded() -> None:
    first = "job 0f8fad5b-d9cb-469f-a165-70867728950e at deadbeef12 took 3.5 s"
    second = "job 7c9e6679-7425-40de-944b-e07fc1f90ae7 at 0123456789 took 12.0 s"
    assert normal(first) == normal(second)


def test_lines_that_were_not_read_are_counted_where_it_is_known_whose_they_are() -> None:
    texts = ["ERROR disk 1 is full", "ERROR code 7 of a", "ERROR code 8 of a"]
    doc = Document(texts)
    disk, one, other = (logged(text, line) for line, text in enumerate(texts, 1))
    other = other._replace(code="8")
    alike = {digitless(texts[0].encode()): 4000, digitless(texts[1].encode()): 60}
    found = recount([disk, one, other], doc, alike)
    assert [f.count for f in found] == [4000, 1, 1]
