"""Lines: the files are looked at where they lie, and read by name where something matches."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

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


def test_files_are_read_by_name_only_where_they_may_match(tmp_path: Path) -> None:
    tree = Tree({f"{i}.txt": f"word{i}\n" for i in range(300)})
    for path, data in tree.data.items():
        (tmp_path / path).write_bytes(data)
    asked: list[str] = []

    def read(pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str, bytes | None]]:
        listed = list(pairs)
        asked.extend(path for path, _ in listed)
        return tree.read(listed)

    found = list(lines.search(tree.files.items(), lines.substring("word7"), read, str(tmp_path)))
    assert [one.path for _, one in found] == asked
    assert [list(tree.files)[at] for at, _ in found] == asked
    assert len(asked) == 11


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    tree = Tree({"a.cs": b"\xef\xbb\xbfusing System;\n"})
    (tmp_path / "a.cs").write_bytes(tree.data["a.cs"])
    for root in ("", str(tmp_path)):
        found = lines.search(tree.files.items(), lines.expression("^using"), tree.read, root)
        assert [one.rows for _, one in found] == [[0]]


@pytest.mark.skipif(os.name == "nt", reason="needs links and pipes")
def test_what_is_no_plain_file_is_read_by_name(tmp_path: Path) -> None:
    tree = Tree({"link": "target", "gone": "target", "pipe": "target", "folder": "target"})
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    found = lines.search(tree.files.items(), lines.substring("target"), tree.read, str(tmp_path))
    assert [one.path for _, one in found] == ["link", "gone", "pipe", "folder"]


def test_files_that_are_too_large_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LARGEST", 10)
    tree = Tree({"small.txt": "word\n", "large.txt": "word\n" * 10})
    for path, data in tree.data.items():
        (tmp_path / path).write_bytes(data)
    for root in ("", str(tmp_path)):
        found = lines.search(tree.files.items(), lines.substring("word"), tree.read, root)
        assert [one.path for _, one in found] == ["small.txt"]


def test_files_whose_names_are_those_of_images_are_not_opened() -> None:
    tree = Tree({"a.png": "word\n"})
    assert list(lines.search(tree.files.items(), lines.substring("word"), tree.read)) == []
