"""Search: what each mode finds, where a hit is, and what it shows."""

from __future__ import annotations

from typing import Any

import pytest
from indexed_tree import Tree

from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing import lines, matching, search
from slipstream.tasks.indexing.filters import Filter
from slipstream.tasks.indexing.model import SearchHit

READER = '''"""Reading of settings."""

import json


class Reader:
    """Reads the settings of a project."""

    def parse_header(self, text):
        """Split the first line at colons."""
        return text.split(":")

    def close(self):
        pass


def parse_header_line(text):
    return Reader().parse_header(text)


LIMIT = 20
'''
TREE = Tree(
    {
        "lib/reader.py": READER,
        "lib/writer.py": "class Writer:\n    def close(self):\n        return 'Reader'\n",
        "tests/test_reader.py": "from lib.reader import Reader\n\n\ndef test_reader():\n"
        "    assert Reader().parse_header('a:b')\n",
        "docs/guide.md": "# Reading settings\n\nA project keeps its settings in one file.\n",
        "binary.bin": b"Reader\0\0",
        "latin.txt": "größe Reader\n".encode("latin-1"),
        "wide.txt": "Reader wide\n".encode("utf-16"),
    }
)


def find(query: str, tree: Tree = TREE, **options: Any) -> list[SearchHit]:
    return search.search(tree.view(), query, read=tree.read, **options).hits


def places(hits: list[SearchHit]) -> list[tuple[str, int]]:
    return [(hit.path, hit.line) for hit in hits]


@pytest.mark.parametrize("mode", ["hybrid", "symbol"])
def test_a_definition_is_the_first_hit_for_its_name(mode: str) -> None:
    hit = find("parse_header", mode=mode)[0]
    assert (hit.path, hit.line, hit.name) == ("lib/reader.py", 9, "Reader.parse_header")
    assert hit.text == "    def parse_header(self, text):"
    assert hit.kind == "method"
    assert hit.language == "python"
    assert "symbol" in hit.why


def test_definitions_come_before_references() -> None:
    hits = find("Reader", mode="symbol")
    assert hits[0].line == 6
    assert {hit.why for hit in hits[:1]} == {"symbol"}
    used = [hit for hit in hits if hit.why == "reference"]
    assert ("tests/test_reader.py", 1) in places(used)
    assert ("lib/reader.py", 6) not in places(used)


def test_words_are_found_in_what_a_definition_says_of_itself() -> None:
    assert find("split colons line")[0].name == "Reader.parse_header"


def test_prose_is_found_at_the_line_that_has_most_of_the_words() -> None:
    hit = find("keeps one file", path_glob="docs/")[0]
    assert (hit.path, hit.line) == ("docs/guide.md", 3) or hit.kind == "heading"


def test_a_hit_shows_the_lines_around_it() -> None:
    hit = find("LIMIT", context=1)[0]
    assert (hit.before, hit.text, hit.after) == (("",), "LIMIT = 20", ())
    assert find("LIMIT", context=0)[0].before == ()


def test_the_first_line_has_nothing_before_it() -> None:
    hit = find("from lib.reader", mode="text")[0]
    assert (hit.line, hit.before) == (1, ())


def test_text_ignores_case_until_a_capital_letter_is_given() -> None:
    assert ("lib/reader.py", 6) in places(find("reader", mode="text"))
    assert ("lib/reader.py", 6) in places(find("Reader", mode="text"))
    assert find("READER", mode="text") == []


def test_text_is_found_in_every_encoding_but_not_in_binary_files() -> None:
    paths = {hit.path for hit in find("Reader", mode="text")}
    assert {"latin.txt", "wide.txt"} <= paths
    assert "binary.bin" not in paths


def test_text_that_spans_lines_or_is_not_ascii_is_found() -> None:
    tree = Tree({"a.txt": "one\nTWO Größe\nthree\n"})
    assert places(find("größe", tree, mode="text")) == [("a.txt", 2)]
    assert places(find("Größe\nthree", tree, mode="text")) == [("a.txt", 2)]


def test_every_matching_line_is_a_hit_and_those_past_the_limit_are_counted() -> None:
    code = "def one():\n    word = 1\n    word, other = 2, 'word'\n    return word\n"
    tree = Tree({"a.py": code, "b.py": code, "c.txt": "none\n"})
    asked: list[tuple[search.Mode, str]] = [
        ("text", "word"),
        ("regex", "wor[d]"),
        ("regex", r"w\w+$|word\b"),
    ]
    for mode, query in asked:
        every = search.search(tree.view(), query, read=tree.read, mode=mode)
        assert places(every.hits) == [
            (path, line) for path in ("a.py", "b.py") for line in (2, 3, 4)
        ]
        assert every[1:4] == (6, 2, True)
        for limit in range(1, 6):
            some = search.search(tree.view(), query, read=tree.read, mode=mode, limit=limit)
            assert (some.hits, some[1:]) == (every.hits[:limit], every[1:])


def test_lines_outside_of_a_kind_are_not_counted() -> None:
    tree = Tree({"a.py": "word = 1\n\n\ndef one():\n    word\n\n\nclass Two:\n    word = 2\n"})
    found = search.search(tree.view(), "word", read=tree.read, mode="text", kind="function")
    assert (places(found.hits), found.total) == ([("a.py", 5)], 1)


def test_counting_ends_some_files_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "AT_ONCE", 10)
    tree = Tree({f"{number:03}.txt": "word\n" for number in range(40)})

    def counted(limit: int, beyond: int) -> tuple[int, int, bool]:
        view, every = tree.view(), Filter()
        wanted, matcher = matching.pairs(view, every), lines.substring("word")
        found = matching.search(view, wanted, matcher, every, limit, 0, tree.read, beyond=beyond)
        assert len(found.hits) == min(limit, 40)
        return found.total, found.files, found.whole

    assert counted(5, 20) == (25, 25, False)
    assert counted(20, 20) == (40, 40, True)
    assert counted(41, 0) == (40, 40, True)


def test_references_past_the_limit_are_said_to_be_more() -> None:
    tree = Tree({"a.py": "def one(): pass\n", "b.py": "from a import one\none()\none()\n"})

    def counted(limit: int) -> tuple[int, int, int, bool]:
        found = search.search(tree.view(), "one", read=tree.read, mode="symbol", limit=limit)
        return len(found.hits), *found[1:4]

    assert [counted(limit) for limit in (1, 2, 9)] == [
        (1, 1, 1, False),
        (2, 4, 2, True),
        (4, 4, 2, True),
    ]


def test_expressions_are_searched_line_by_line() -> None:
    hits = find(r"^class \w+:$", mode="regex")
    assert places(hits) == [("lib/reader.py", 6), ("lib/writer.py", 1)]
    assert [hit.name for hit in hits] == ["Reader", "Writer"]


@pytest.mark.parametrize(
    ("query", "mode"),
    [("", "hybrid"), ("  ", "text"), ("(", "regex"), ("[z-a]", "regex"), (r"(a)\1", "regex"),
     ("a(?=b)", "regex"), ("a{99999}{99999}", "regex"), ("a*", "regex")],
)  # fmt: skip
def test_what_cannot_be_searched_for_is_said_in_a_sentence(query: str, mode: str) -> None:
    with pytest.raises(UsageError) as error:
        find(query, mode=mode)
    assert "\n" not in str(error.value)
    assert str(error.value).strip()


def test_no_hits_and_fewer_lines_than_none_cannot_be_asked_for() -> None:
    with pytest.raises(UsageError):
        find("Reader", limit=0)
    with pytest.raises(UsageError):
        find("Reader", context=-1)


def test_an_expression_that_backtracks_for_ever_elsewhere_ends() -> None:
    tree = Tree({"a.txt": "a" * 5000 + "\n"})
    assert find("(a|aa)*(a+)+c$", tree, mode="regex") == []


def test_filters_leave_out_files_and_kinds() -> None:
    assert {hit.path for hit in find("close", path_glob="*writer*")} == {"lib/writer.py"}
    assert find("close", language="go") == []
    assert {hit.kind for hit in find("Reader", kind="class")} == {"class"}
    assert {hit.kind for hit in find("close", mode="text", kind="method")} == {"method"}
    assert {hit.language for hit in find("Reading", mode="text", language="markdown")} == {
        "markdown"
    }


@pytest.mark.parametrize("mode", ["hybrid", "symbol", "text", "regex"])
def test_no_more_hits_than_asked_for(mode: str) -> None:
    assert len(find("Reader", mode=mode, limit=2)) == 2


def test_vectors_are_fused_and_stale_ones_passed_over() -> None:
    near = [("lib/writer.py", 0), ("gone.py", 0), ("lib/writer.py", 99)]
    hits = find("words of another language", vectors=lambda _: near)
    assert [(hit.path, hit.why) for hit in hits if "vector" in hit.why] == [
        ("lib/writer.py", "vector")
    ]
    assert find("unheard", vectors=lambda _: near, path_glob="docs/") == []


def test_a_content_that_cannot_be_read_gives_a_hit_without_lines() -> None:
    hits = search.search(
        TREE.view(), "parse_header", read=lambda pairs: ((p, n, None) for p, n in pairs)
    ).hits
    assert (hits[0].line, hits[0].text) == (9, "")


def test_long_lines_are_cut() -> None:
    tree = Tree({"a.txt": "word " + "x" * 3000 + "\n"})
    assert len(find("word", tree, mode="text")[0].text) == 400


def test_nothing_is_found_in_nothing() -> None:
    for mode in ("hybrid", "symbol", "text", "regex"):
        assert find("Reader", Tree({}), mode=mode) == []


@pytest.mark.parametrize("mode", ["hybrid", "symbol", "text", "regex"])
def test_a_path_that_is_not_utf8_is_found(mode: str) -> None:
    tree = Tree({"odd\udcff/a.py": "def helper(value):\n    return value\n"})
    assert find("helper", tree, mode=mode)[0].path == "odd\udcff/a.py"
