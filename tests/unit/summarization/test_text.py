"""Bytes of a terminal become the lines that a person would read."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipstream.tasks.summarization.extract.common import LINE_LIMIT
from slipstream.tasks.summarization.text import clean, printable, without_escapes


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("plain", "plain"),
        ("\x1b[31merror\x1b[0m: x", "error: x"),
        ("\x1b[1;38;5;196mred\x1b[m", "red"),
        ("\x1b[2K\x1b[1Gdone", "done"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://a.b\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x1b(Btext", "text"),
        ("\x1b7saved\x1b8", "saved"),
        ("\x9b31mred", "red"),
        ("a\r", "a"),
        ("\x1b[31mred\x1b[0m\r", "red"),
        ("  0%\r 50%\r100%", "  100%"),
        ("Downloading 1/9\rDownloading 2/9\rDownloading 9/9", "Downloading 9/9"),
        ("progress 1\rprogress 2\rerror: it broke", "error: it broke"),
        ("long old text\r\x1b[Knew", "new"),
        ("old\r\x1b[2Knew", "new"),
        ("_\x08a_\x08b", "ab"),
        ("b\x08bo\x08ol\x08ld\x08d", "bold"),
        ("typo\x08\x08\x08\x08word", "word"),
        ("\x08\x08a", "a"),
    ],
)
def test_a_line_is_read_as_a_terminal_leaves_it(raw: str, line: str) -> None:
    assert clean(raw) == [line]


def test_a_few_parts_that_differ_are_all_kept() -> None:
    """A message is not lost because something was printed over it."""
    assert clean("error: disk full\rretrying") == ["error: disk full retrying"]


def test_an_indent_before_a_carriage_return_is_kept() -> None:
    assert clean("    at 1\rat 2") == ["    at 2"]


pieces = st.sampled_from(
    ["\x1b", "\x1b[", "\x1b]", "\x1b]0;", "\x07", "\x1b\\", "\x1bP", "\r", "\n", "\r\n", "\x08",
     "a", "é", "😀", " ", "31m", "\x9b", "\r\x1b[K", "\r\x1b[", "\0", "\u2028", "\x0c", "word"]
)  # fmt: skip
texts = st.lists(pieces | st.text(max_size=4), max_size=60).map("".join)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_the_number_of_lines_never_changes(text: str) -> None:
    lines = clean(text)
    assert len(lines) == text.count("\n") + 1
    assert not any(char in line for line in lines for char in "\n\r\x08\x1b")
    data = text.encode("utf-8", "replace")
    assert without_escapes(data).count(b"\n") == data.count(b"\n")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(st.characters(min_codepoint=32, exclude_categories=["Cc", "Cs"])), max_size=9)
)
def test_text_without_control_characters_stays_as_it_is(lines: list[str]) -> None:
    assert clean("\n".join(lines)) == ("\n".join(lines)).split("\n")


def test_lines_are_cut_to_what_extraction_looks_at() -> None:
    assert clean("x" * 9_000 + "\nshort") == ["x" * LINE_LIMIT, "short"]


HOSTILE = (
    "\x1b", "\x1b[", "\x1b]", "\x1b]0;", "\x1bP", "\x1b[0;0;", "\x1b ", "\r", "\x08", "a\x08",
    "\x9b", "\x9b0;", "\r\x1b[K", "\r\x1b[", "a\r", "\x1b[31m", "\x1b\\", "\x07", "\x1b[    ",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("before", ["", "a" * 500_000], ids=["alone", "after text"])
def test_a_megabyte_of_anything_takes_less_than_a_second(piece: str, before: str) -> None:
    text = before + piece * ((1 << 20) // len(piece))
    start = time.process_time()
    clean(text)
    without_escapes(text.encode())
    assert time.process_time() - start < 1


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters()))
def test_what_is_printable_is_one_line_of_valid_utf_8(text: str) -> None:
    """Without control characters but the tab, and unchanged where it has none."""
    shown = printable(text)
    shown.encode()
    assert not any((ord(char) < 32 and char != "\t") or 127 <= ord(char) < 160 for char in shown)
    assert printable(shown) == shown


@pytest.mark.parametrize("text", ["", "plain é 😀", "a\tb", "→ ✓"])
def test_ordinary_text_is_printable_as_it_is(text: str) -> None:
    assert printable(text) == text
