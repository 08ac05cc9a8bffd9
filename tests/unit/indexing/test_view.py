"""A view answers as a segment that was built from nothing, whatever was there before."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from indexed_tree import Tree

from slipstream.tasks.indexing import map as maps
from slipstream.tasks.indexing import ranking, search, terms, view

PATHS = ("a.py", "b/alpha.py", "b/test_c.py", "docs/d.md", "e.txt")
LINES = (
    "def alpha(beta):\n    return gamma(beta)\n",
    "class Gamma:\n    def alpha(self):\n        return alpha(1)\n",
    "gamma(alpha(2))\n",
    "# Heading of alpha\n",
    "beta beta betas\n",
    "def gammaRay(): pass\n",
    "words of no code at all\n",
)
TEXTS = st.lists(st.sampled_from(LINES), max_size=4).map("".join)
CHANGES = st.tuples(st.sampled_from(PATHS), st.none() | TEXTS)
HISTORIES = int(os.environ.get("SLIPSTREAM_HISTORIES", "40"))
QUERIES = ("alpha", "Gamma.alpha", "beta gamma", "gamma ray", "galma", "heading words", "of")


def answers(tree: Tree, seen: view.View) -> dict[str, object]:
    """All that can be asked of a view."""
    found: dict[str, object] = {
        f"{mode} {query} {only}": search.search(seen, query, read=tree.read, mode=mode, **only)
        for mode in ("hybrid", "symbol", "text")
        for query in QUERIES
        for only in ({}, {"limit": 2}, {"path_glob": "b/"}, {"kind": "function"})
    }
    found["map"] = [maps.render(seen, room) for room in (0, 100, 10_000)]
    found["size"] = (seen.chunks, seen.length)
    return found


@settings(max_examples=HISTORIES, deadline=None)
@example([("a.py", LINES[0]), ("a.py", None)], 0)
@example([("a.py", LINES[0]), ("e.txt", LINES[4])], 1)
@given(st.lists(CHANGES, min_size=1, max_size=10), st.integers(0, 9))
def test_the_history_before_does_not_change_an_answer(
    history: Sequence[tuple[str, str | None]], base_at: int
) -> None:
    contents: dict[str, str] = {}
    base = Tree({})
    for step, (path, text) in enumerate(history):
        if text is None:
            contents.pop(path, None)
        else:
            contents[path] = text
        if step == base_at:
            base = Tree(contents)
    tree = Tree(contents)
    assert answers(tree, tree.view(base)) == answers(tree, tree.view())


def test_scores_are_the_same_to_the_last_bit() -> None:
    """The sums are made in one order, so that a tie stays a tie."""
    before = {f"f{i}.txt": f"alpha beta {'gamma ' * i}\n" for i in range(40)}
    after = {**before, **{f"f{i}.txt": f"beta gamma {'alpha ' * i}\n" for i in range(0, 40, 3)}}
    del after["f7.txt"]
    tree = Tree(after)
    hashes = [terms.term_hash(word) for word in ("alpha", "beta", "gamma")]

    def scores(seen: view.View) -> list[tuple[float, str]]:
        none = [None for _ in seen.parts]
        return sorted(
            (one.score, tables.paths.text(tables.file_of_chunk(one.chunk)))
            for one in ranking.bm25(seen, hashes, none, 100)
            for tables in [seen.parts[one.part].segment]
        )

    assert scores(tree.view(Tree(before))) == scores(tree.view())


def test_what_did_not_change_is_not_asked_for() -> None:
    before, after = Tree({"a.py": LINES[0], "b.py": LINES[1]}), Tree({"a.py": LINES[0]})
    base = before.segment()
    asked: list[str] = []
    seen = view.make(base, after.files, lambda path: asked.append(path))
    assert asked == []
    assert seen.files == after.files
    assert len(view.make(base, before.files, before.artefact).parts) == 1


def test_a_file_that_is_gone_is_not_located() -> None:
    before, after = Tree({"a.py": LINES[0], "b.py": LINES[1]}), Tree({"b.py": LINES[2]})
    seen = after.view(before)
    assert seen.locate("a.py") is None
    assert seen.locate("b.py") == (1, 0)


@pytest.mark.parametrize("room", [0, 1, 10, 30, 100, 400, 1000])
def test_a_map_stays_within_its_room(room: int) -> None:
    tree = Tree({f"pkg{i}/äé{i}.py": LINES[1] + LINES[0] for i in range(9)})
    assert len(maps.render(tree.view(), room).encode()) <= room
