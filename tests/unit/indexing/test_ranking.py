"""Scores: rare words count more, and no chunk among the best is lost on the way."""

from __future__ import annotations

from collections import Counter
from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexed_tree import Tree

from slipstream.tasks.indexing import ranking, search, terms
from slipstream.tasks.indexing.view import View

WORDS = ("alpha", "beta", "gamma", "delta")
FILES = st.dictionaries(
    st.sampled_from([f"{i}.txt" for i in range(12)]),
    st.lists(st.sampled_from((*WORDS, "alpha", "alpha", "other")), min_size=1, max_size=20),
    min_size=1,
)


def scores(seen: View, words: list[str], limit: int) -> dict[str, float]:
    hashes = [terms.term_hash(word) for word in words]
    found = ranking.bm25(seen, hashes, [None for _ in seen.parts], limit)
    tables = [part.segment for part in seen.parts]
    return {
        tables[one.part].paths.text(tables[one.part].file_of_chunk(one.chunk)): one.score
        for one in found
    }


def by_the_book(contents: dict[str, list[str]], words: list[str]) -> dict[str, float]:
    """BM25 as it is defined, over whole documents."""
    mean = sum(map(len, contents.values())) / len(contents)
    totals: Counter[str] = Counter()
    for word in words:
        holding = sum(word in text for text in contents.values())
        weight = log(1 + (len(contents) - holding + 0.5) / (holding + 0.5))
        for path, text in contents.items():
            if times := text.count(word):
                share = ranking.LENGTH_SHARE
                length = ranking.SATURATION * (1 - share + share * len(text) / mean)
                totals[path] += weight * times / (times + length)  # type: ignore[assignment]
    return dict(totals)


@settings(max_examples=80, deadline=None)
@given(FILES, st.lists(st.sampled_from(WORDS), min_size=1, unique=True), st.integers(1, 12))
def test_the_best_are_those_of_the_definition(
    contents: dict[str, list[str]], words: list[str], limit: int
) -> None:
    seen = Tree({path: " ".join(text) + "\n" for path, text in contents.items()}).view()
    expected = by_the_book(contents, words)
    found = scores(seen, words, limit)
    assert found == pytest.approx({path: expected[path] for path in found})
    best = sorted(expected.values(), reverse=True)[:limit]
    assert sorted(found.values(), reverse=True)[: len(best)] == pytest.approx(best)


def test_nothing_is_found_where_nothing_is() -> None:
    assert scores(Tree({}).view(), ["alpha"], 5) == {}
    assert scores(Tree({"a.txt": "beta\n"}).view(), ["alpha"], 5) == {}


def test_what_two_lists_have_comes_before_what_one_has() -> None:
    fused = ranking.fuse([(1.0, ["a", "b"]), (1.0, ["c", "b"])])
    assert max(fused, key=lambda one: fused[one]) == "b"
    assert fused["a"] == fused["c"] == 1 / (ranking.FUSION + 1)


def test_definitions_come_before_code_prose_data_and_those_before_tests() -> None:
    """Of places that hold a query alike."""
    code = "def {0}():\n    return parse(header)\n"
    tree = Tree(
        {
            "a/tests/fixtures/seen.log": "parse header\n",
            "b/seen.log": "parse header\n",
            "c/notes.txt": "parse header\n",
            "d/tests/test_it.py": code.format("check"),
            "e/main.py": "parse(header)\n",
            "f/lib.py": code.format("read"),
        }
    )
    seen = tree.view()

    def weights(query: str) -> dict[str, float]:
        prior, tables = ranking.Prior(seen, query), seen.parts[0].segment
        return {
            tables.paths.text(tables.file_of_chunk(chunk)): prior(0, chunk)
            for chunk in range(tables.chunks())
        }

    found = weights("parse header")
    assert sorted(found, key=lambda path: found[path]) == [
        "a/tests/fixtures/seen.log",
        "b/seen.log",
        "d/tests/test_it.py",
        "c/notes.txt",
        "e/main.py",
        "f/lib.py",
    ]
    assert weights("test of parse header")["d/tests/test_it.py"] == ranking.DEFINITION
    hits = search.search(seen, "parse header", read=tree.read).hits
    assert hits[0].path == "e/main.py"
    assert hits[-1].path == "a/tests/fixtures/seen.log"
