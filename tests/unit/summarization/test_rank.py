"""Which finding is the root cause, what follows from it, and what tells the same failure twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipstream.tasks.summarization.model import Finding, Severity
from slipstream.tasks.summarization.rank import by_words, rank


def _error(
    at: int, message: str, tool: str = "gcc", kind: str = "compiler", **more: Any
) -> Finding:
    return Finding(Severity.ERROR, message, tool, kind, (at, at), **{"weight": 20, **more})


def _roles(*findings: Finding) -> list[tuple[str, str]]:
    return [(finding.message, finding.role) for finding in rank(findings)]


def test_names_that_are_unknown_follow_from_what_is_missing_and_come_last() -> None:
    assert _roles(
        _error(1, "package org.absent does not exist"),
        _error(2, "cannot find symbol"),
        _error(3, "incompatible types: String cannot be converted to int"),
    ) == [
        ("package org.absent does not exist", "root"),
        ("incompatible types: String cannot be converted to int", ""),
        ("cannot find symbol", "cascade"),
    ]


def test_a_name_that_is_unknown_again_follows_from_the_first_time() -> None:
    roles = _roles(
        _error(1, "unknown type name ‘widget_t’"),
        _error(2, "unknown type name ‘widget_t’", file="b.c"),
        _error(3, "‘count’ undeclared"),
    )
    assert [role for _, role in roles] == ["root", "", "cascade"]


def test_what_a_build_says_after_an_error_follows_from_it_whatever_the_weights() -> None:
    assert _roles(
        _error(1, "no such type", tool="kotlinc", weight=18),
        _error(9, "compilation failed", tool="gradle", kind="build", weight=25),
    ) == [("no such type", "root"), ("compilation failed", "cascade")]


def test_what_a_build_cannot_do_is_the_root_where_nothing_else_explains_it() -> None:
    roles = _roles(
        _error(1, "cannot resolve a package", tool="npm", kind="build", weight=25),
        _error(5, "make: *** [all] Error 1", tool="make", kind="build", weight=30),
    )
    assert [role for _, role in roles] == ["root", "cascade"]


@pytest.mark.parametrize("count", [1, 5])
def test_a_few_announced_errors_are_believed_where_no_format_tells(count: int) -> None:
    words = "abcde"
    guesses = [_error(n, f"error: no {words[n]}", "text", weight=2) for n in range(count)]
    assert by_words([], guesses) == guesses
    verdict = _error(9, "Command failed with exit code 1.", "yarn", "build")
    assert by_words([verdict], guesses) == guesses
    assert by_words([_error(9, "no such name")], guesses) == []


def test_many_announced_errors_are_left_to_the_evidence() -> None:
    guesses = [_error(n, f"error: no {word}", "text", weight=2) for n, word in enumerate("abcdef")]
    assert by_words([], guesses) == []


def test_a_line_that_announces_nothing_is_not_believed() -> None:
    assert by_words([], [_error(1, "3 tests failed: see above", "text", weight=2)]) == []


def test_the_list_at_the_end_of_a_test_run_names_what_stands_above() -> None:
    (found,) = rank(
        [
            _error(3, "assert 30 == 25", "pytest", "test", file="a.py", line=10, weight=15),
            _error(9, "assert 30 ...", "pytest", "test", file="a.py", name="test_a", weight=12),
        ]
    )
    assert (found.name, found.line, found.message) == ("test_a", 10, "assert 30 == 25")
    assert found.count == 1


def test_two_tools_that_tell_the_same_of_one_place_are_one() -> None:
    found = rank(
        [
            _error(3, "OSError: gone", "python", "log", file="a.py", line=3, weight=21),
            _error(9, "OSError: gone", "pytest", "test", file="a.py", line=3, weight=14),
            _error(12, "OSError: gone", "pytest", "test", file="b.py", line=3, weight=14),
        ]
    )
    assert [(f.tool, f.file) for f in found] == [("python", "a.py"), ("pytest", "b.py")]


FINDINGS = st.builds(
    _error,
    st.integers(1, 400),
    st.sampled_from(["undefined name 'x'", "No module named 'x'", "failed ...", "exit code 1"]),
    st.sampled_from(["gcc", "pytest", "make", "ci"]),
    st.sampled_from(["compiler", "test", "build", "log", "lint"]),
    file=st.sampled_from(["", "a.py", "b.py"]),
    name=st.sampled_from(["", "one", "two"]),
    weight=st.integers(0, 30),
)


@given(st.lists(FINDINGS, max_size=30))
def test_there_is_one_root_cause_and_it_comes_first(findings: list[Finding]) -> None:
    ranked = rank(sorted(findings, key=lambda f: f.span))
    assert [f.role for f in ranked].count("root") == bool(findings)
    assert not findings or ranked[0].role == "root"
