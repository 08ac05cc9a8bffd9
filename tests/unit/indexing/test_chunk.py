"""Where a file is cut."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from slipstream.tasks.indexing import chunk, parse
from slipstream.tasks.indexing.model import FileIndex


def read(text: str, language: str = "python") -> FileIndex:
    return parse.parse(language, text.encode())


def function(name: str, lines: int, indent: str = "") -> str:
    body = "".join(f"{indent}    {name}_{line} = call({line}, 'text')\n" for line in range(lines))
    return f"{indent}def {name}():\n{body}\n\n"


def names(found: FileIndex) -> list[str]:
    return [found.symbols[part.symbol].name if part.symbol >= 0 else "" for part in found.chunks]


def test_functions_that_are_not_small_are_chunks_with_the_comment_above_them() -> None:
    found = read(
        "import os\n\n\n# First.\n@decorated\n" + function("one", 20) + function("two", 20)
    )
    assert names(found) == ["", "one", "two"]
    assert [part.start for part in found.chunks] == [1, 4, 29]


def test_small_neighbours_are_joined() -> None:
    text = "".join(function(f"f{number}", 5) for number in range(100))
    lines = text.splitlines(keepends=True)
    sizes = [len("".join(lines[part.start - 1 : part.end])) for part in read(text).chunks]
    assert 5 < len(sizes) < 50
    assert max(sizes) <= chunk.MAX_BYTES
    assert min(sizes[:-1]) >= chunk.TARGET_BYTES


def test_a_large_class_is_cut_at_its_methods() -> None:
    methods = "".join(function(f"method{number}", 20, "    ") for number in range(8))
    found = read(f'class Large:\n    """Is large."""\n\n    x = 1\n\n{methods}')
    assert names(found) == ["Large", *(f"method{number}" for number in range(8))]


def test_a_class_that_is_not_large_is_one_chunk() -> None:
    found = read("class Little:\n" + "".join(function(f"m{n}", 3, "    ") for n in range(5)))
    assert names(found) == ["Little"]


def test_a_large_function_is_cut_and_each_part_belongs_to_it() -> None:
    found = read("def large():\n" + "    x = call('something', 'and more')\n\n" * 400)
    assert len(found.chunks) > 3
    assert set(names(found)) == {"large"}


def test_prose_is_cut_at_its_paragraphs() -> None:
    paragraph = "Some words that say something, line after line.\n" * 6 + "\n"
    found = read(paragraph * 40, "text")
    assert all((part.start - 1) % 7 == 0 for part in found.chunks)
    assert len(found.chunks) > 3


def test_markdown_is_cut_at_its_headings() -> None:
    text = "Words about it, quite a few of them.\n" * 20
    found = read(f"# One\n\n{text}\n## Two\n\n{text}\n# Three\n\n{text}", "markdown")
    assert names(found) == ["One", "Three"]
    found = read(f"# One\n\n{text * 6}\n## Two\n\n{text}\n# Three\n\n{text}", "markdown")
    assert names(found)[-2:] == ["Two", "Three"]


def test_a_line_longer_than_a_chunk_is_one_chunk() -> None:
    found = read("short\n" * 5 + "x " * 5000 + "\n" + "short\n" * 500, "text")
    assert max(len(range(part.start, part.end + 1)) for part in found.chunks) < 700
    assert any(part.start == part.end == 6 for part in found.chunks)


def test_the_same_text_is_the_same_chunk_wherever_it_stands() -> None:
    one = read("import a\n\n\n" + function("shared", 20))
    two = read("import b\nimport c\n\n\n" + function("other", 30) + function("shared", 20))
    assert one.chunks[-1].digest == two.chunks[-1].digest


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 59), st.integers(1, 5))
def test_an_edit_in_one_function_leaves_other_chunks_their_digests(
    seed: int, edited: int, more: int
) -> None:
    sizes = random.Random(seed)
    lengths = [sizes.choice((1, 2, 5, 15, 30)) for _ in range(60)]

    def digests() -> list[str]:
        text = "".join(function(f"f{number}", length) for number, length in enumerate(lengths))
        return [part.digest for part in read(text).chunks]

    before = digests()
    lengths[edited] += more
    after = digests()
    # The chunk it is in, and those that small neighbours are joined in until one begins anew.
    assert len(set(before) - set(after)) <= 4


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["python", "text", "markdown", "javascript"]),
    st.lists(
        st.sampled_from(
            [
                "def f():\n",
                "    def g(): pass\n",
                "class A:\n",
                "\n",
                "  \n",
                "x = 1\n",
                "# note\n",
                "function f() {\n",
                "}\n",
                "word " * 300 + "\n",
            ]
        ),
        max_size=200,
    ),
    st.booleans(),
)
def test_chunks_cover_all_lines_once_and_in_order(
    language: str, lines: list[str], ended: bool
) -> None:
    text = "".join(lines) if ended else "".join(lines).rstrip("\n")
    found = read(text, language)
    covered = [line for part in found.chunks for line in range(part.start, part.end + 1)]
    assert covered == list(range(1, found.lines + 1)) or found.skipped
    assert all(-1 <= part.symbol < len(found.symbols) for part in found.chunks)
