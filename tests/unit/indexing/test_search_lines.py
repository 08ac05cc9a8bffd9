"""Lines: which of them match, in the order of the files."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexed_tree import Tree

from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing import lines


def rows(matcher: lines.Matcher, text: str) -> list[int]:
    tree = Tree({"a.txt": text})
    found = list(lines.search(tree.files.items(), matcher, tree.read))
    return found[0][1].rows if found else []


TEXTS = st.text(st.sampled_from("abAB \né.*"), max_size=60)


@settings(deadline=None)
@given(TEXTS, st.text(st.sampled_from("abAé. *"), min_size=1, max_size=3))
def test_a_text_is_found_in_exactly_the_lines_that_hold_it(text: str, query: str) -> None:
    sensitive = query != query.lower() or query.upper() == query
    found = rows(lines.substring(query), text)
    split = text.split("\n")
    assert found == [
        row for row, line in enumerate(split) if query in (line if sensitive else line.lower())
    ]


@settings(deadline=None)
@given(
    TEXTS, st.sampled_from([r"\w+", "a|b", "a$", r"(?:A|é)\.?", "[^a]b", r"a\b", "^a.*b", "é?[.*]"])
)
def test_an_expression_is_found_in_exactly_the_lines_that_match(text: str, query: str) -> None:
    """Held against Python's own engine, line by line, in bytes as ours."""
    expected = re.compile(query.encode())
    found = rows(lines.expression(query), text)
    split = text.encode().split(b"\n")
    assert found == [row for row, line in enumerate(split) if expected.search(line)]


def test_an_expression_that_cannot_stand_alone_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        lines.expression("a)(b")


def test_a_match_comes_with_the_number_of_its_file() -> None:
    """Over more files than are read together."""
    tree = Tree({f"{i}.txt": f"word{i}\n" for i in range(300)})
    found = list(lines.search(tree.files.items(), lines.substring("word7"), tree.read))
    assert [list(tree.files)[at] for at, _ in found] == [one.path for _, one in found]
    assert len(found) == 11


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    tree = Tree({"a.cs": b"\xef\xbb\xbfusing System;\n"})
    found = lines.search(tree.files.items(), lines.expression("^using"), tree.read)
    assert [one.rows for _, one in found] == [[0]]


def test_files_that_are_too_large_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LARGEST", 10)
    tree = Tree({"small.txt": "word\n", "large.txt": "word\n" * 10})
    found = lines.search(tree.files.items(), lines.substring("word"), tree.read)
    assert [one.path for _, one in found] == ["small.txt"]


def test_files_whose_names_are_those_of_images_are_not_opened() -> None:
    tree = Tree({"a.png": "word\n"})
    assert list(lines.search(tree.files.items(), lines.substring("word"), tree.read)) == []
