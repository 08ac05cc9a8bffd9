"""The merged index of a manifest: what goes in comes out, and nothing else is opened."""

from __future__ import annotations

import subprocess
import sys
from array import array
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexed_tree import Tree

from slipstream.tasks.indexing import invert, pack, segment, terms

TREE = Tree(
    {
        "src/cache.py": '"""Caches."""\n\n\nclass Cache:\n    """Keeps values."""\n\n'
        "    def get(self, key):\n        return load(key)\n\n\ndef load(key):\n    return key\n",
        "src/use.py": "from cache import Cache, load\n\nCache().get(load(1))\n",
        "docs/read me.md": "# Cache\n\nHow to load.\n",
        "empty.py": "",
        "image.png": b"\x89PNG\0\0",
        "odd\nname.txt": "words\n",
    }
)


def test_files_and_contents_come_out_as_they_went_in() -> None:
    assert TREE.segment().files() == TREE.files


def test_every_definition_is_listed_with_its_file_and_lines() -> None:
    opened = TREE.segment()
    found = {
        (
            opened.paths.text(opened.file_of_symbol(symbol)),
            opened.names.text(opened.symbol_name[symbol]),
            opened.symbol_start[symbol],
            opened.symbol_end[symbol],
            opened.signatures.text(symbol),
        )
        for symbol in range(len(opened.symbol_name))
    }
    assert found == {
        (path, symbol.name, symbol.start, symbol.end, symbol.signature)
        for path in TREE.files
        for symbol in pack.unpack(TREE.artefact(path)).symbols
    }


def test_lines_lead_to_chunks_and_innermost_definitions() -> None:
    opened = TREE.segment()
    file = opened.paths.row("src/cache.py")
    symbol = opened.symbol_of_line(file, 8)
    assert opened.names.text(opened.symbol_name[symbol]) == "get"
    assert opened.symbol_of_line(file, 10) == -1
    chunk = opened.chunk_of_line(file, 8)
    assert opened.file_of_chunk(chunk) == file
    assert opened.chunk_start[chunk] <= 8 <= opened.chunk_end[chunk]
    assert opened.chunk_of_line(opened.paths.row("empty.py"), 1) == -1


def test_uses_of_a_name_are_counted_by_file() -> None:
    opened = TREE.segment()
    uses = dict(opened.uses(terms.name_hash("load")))
    index = pack.unpack(TREE.artefact("src/use.py"))
    expected = sum(reference.name == "load" for reference in index.references)
    assert uses[opened.paths.row("src/use.py")] == expected > 0
    assert dict(opened.uses(terms.name_hash("never"))) == {}


def test_names_are_found_by_their_beginning_and_by_a_part() -> None:
    opened = TREE.segment()
    lowers = opened.lowers
    assert [lowers.text(row) for row in lowers.rows_from("ca")] == ["cache"]
    assert [lowers.text(row) for row in lowers.rows_with("oa")] == ["load"]
    assert lowers.row("cachez") == -1


def test_a_file_of_which_nothing_was_read_is_listed_all_the_same() -> None:
    opened = segment.open(segment.build({"a.bin": "1"}, lambda _: None))
    assert opened.files() == {"a.bin": "1"}
    assert opened.chunks() == 0


def test_no_files_are_a_segment_too() -> None:
    opened = segment.open(segment.build({}, lambda _: None))
    assert opened.files() == {}
    assert [list(found) for found in opened.postings(1)] == [[], []]


def test_a_segment_that_is_cut_short_or_something_else_is_refused() -> None:
    whole = segment.build(TREE.files, TREE.artefact)
    assert segment.open(memoryview(whole)).files() == TREE.files
    for damaged in (b"", whole[:100], whole[:-1], whole + b"\0", b"\0" * len(whole)):
        with pytest.raises(ValueError, match="segment"):
            segment.open(damaged)


def test_a_damaged_artefact_is_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match="file index"):
        segment.build({"a.py": "1"}, lambda _: b"damaged")


def test_a_segment_is_read_and_searched_without_numpy(tmp_path: Path) -> None:
    """Importing it takes longer than the search."""
    (tmp_path / "segment").write_bytes(segment.build(TREE.files, TREE.artefact))
    program = (
        "import mmap, sys\n"
        "from slipstream.tasks.indexing import map, search, segment, view\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "base = segment.open(memoryview(mapped))\n"
        "files = base.files()\n"
        "del files['empty.py']\n"
        "seen = view.make(base, files, lambda path: None)\n"
        "read = lambda pairs: ((path, name, b'') for path, name in pairs)\n"
        "for mode in ('hybrid', 'symbol', 'text', 'regex'):\n"
        "    search.search(seen, 'Cache', read=read, mode=mode)\n"
        "map.render(seen, 1000)\n"
        "print({'numpy', 'tree_sitter', 'prefect', 'git'} & set(sys.modules))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "segment")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


WORDS = st.lists(st.sampled_from(["alpha", "beta_gamma", "Gammas", "x"]), max_size=12)
TEXTS = st.lists(WORDS.map(" ".join), max_size=5).map("\n".join)
TREES = st.dictionaries(st.sampled_from(["a.txt", "b/alpha.txt", "c.txt"]), TEXTS)


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_both_ways_of_inverting_give_the_same(contents: dict[str, str]) -> None:
    tree = Tree(contents)
    sources = [
        invert.Source(terms.unpack(index.terms), terms.path_hashes(path))
        for path in sorted(tree.files)
        if (index := pack.unpack(tree.artefact(path))).chunks
    ]
    plain = invert._invert_plainly(sources)
    if sources:
        for at_once in (invert.AT_ONCE, 1, 7):
            assert invert._invert_with_numpy(sources, at_once) == plain
    assert list(plain.hashes) == sorted(plain.hashes)


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), max_size=30), st.booleans())
def test_groups_hold_every_row_once_in_order(keys: list[int], numpy: bool) -> None:
    column = array("I", keys)
    found = invert._group_with_numpy(column) if numpy else invert._group_plainly(column)
    groups = {
        key: list(found.rows[found.first[i] : found.first[i + 1]])
        for i, key in enumerate(found.keys)
    }
    assert groups == {key: [i for i, k in enumerate(keys) if k == key] for key in Counter(keys)}
    assert list(found.keys) == sorted(set(keys))
