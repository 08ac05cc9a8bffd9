"""Excerpts are whole lines of the log, the most telling first, within their room."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.excerpt import (
    block,
    choose,
    fence,
    line_text,
    marker,
    merge_ranges,
    shorten,
    size,
)
from slipstream.tasks.summarization.fit import item
from slipstream.tasks.summarization.model import Finding, Severity


def finding(first: int, last: int, **more: object) -> Finding:
    return Finding(Severity.ERROR, "m", "tool", "test", (first, last), **more)  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), st.integers(24, 200))
def test_a_shortened_line_is_within_its_limit_and_says_what_is_gone(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert size(short) <= limit
    if size(text) <= limit:
        assert short == text
    else:
        head, _, tail = short.rpartition(" … (+")
        assert text.startswith(head)
        assert int(tail.removesuffix(" bytes)")) == size(text) - size(head)


def test_a_line_is_cut_at_a_word() -> None:
    assert shorten("alpha beta gamma delta epsilon zeta eta theta", 42) == (
        "alpha beta gamma … (+29 bytes)"
    )


@pytest.mark.parametrize("inner", ["```", "````", "   `````python", "``", "text ``` text"])
def test_no_line_ends_the_block_that_it_is_in(inner: str) -> None:
    first, *_, last = fence(["a", inner])
    assert first == last
    assert first.strip("`") == ""
    assert not inner.strip().startswith(first)


def test_a_marker_is_a_command_that_shows_what_is_left_out() -> None:
    assert marker("c0ffee", 3, 9, 20) == "… 7 of 20 lines: slip log c0ffee --lines 3:9"
    assert marker("", 3, 9) == "… 7 lines (3:9)"


def test_ranges_that_touch_are_one() -> None:
    assert merge_ranges([(5, 9), (1, 2), (3, 3), (8, 12), (20, 20)]) == [(1, 3), (5, 12), (20, 20)]
    assert merge_ranges([]) == []


FRAMES = [
    f'  File "{"/usr/lib/python3/site-packages" if n % 3 else "/srv/app"}/m{n}.py", line {n}, in f'
    for n in range(60)
]


def stack() -> Document:
    lines = ["Traceback (most recent call last):"]
    for frame in FRAMES:
        lines += [frame, "    call_of_something(with_arguments, and_more)"]
    return Document([*lines, "ValueError: broken"])


@pytest.mark.parametrize("limit", [700, 1_000, 2_048])
def test_a_stack_that_is_too_long_keeps_its_ends_and_the_users_own_code(limit: int) -> None:
    doc = stack()
    chosen, _ = choose(doc, finding(1, len(doc)), limit)
    texts = [doc.texts[i] for i in chosen]
    assert texts[0].startswith("Traceback")
    assert texts[-1] == "ValueError: broken"
    frames = [text for text in texts if text.startswith("  File")]
    assert len(frames) >= 5
    own = [text for text in frames if "/srv/app" in text]
    assert len(own) >= min(20, len(frames) - 5)


def test_a_stack_of_library_frames_alone_keeps_five() -> None:
    frames = [f"    at lib.f{n} (/srv/node_modules/x/y{n}.js:{n}:1) {'z' * 300}" for n in range(80)]
    doc = Document(["TypeError: broken", *frames])
    chosen, cut = choose(doc, finding(1, len(doc)), 2_048)
    assert len(chosen) >= 6
    assert cut < 600


def test_the_focus_is_shown_before_anything_else() -> None:
    doc = Document([f"line {n} " + "x" * 60 for n in range(200)])
    chosen, _ = choose(doc, finding(1, 200, focus=((90, 95), (150, 151))), 900)
    assert set(chosen) >= {*range(89, 95), 149, 150}


LINES = ("a", "", "x" * 30, "x" * 700, "    at f (/a/b.js:1:1)", "```", "é" * 90, "word " * 40)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(LINES), min_size=2, max_size=120), st.integers(320, 3_000),
    st.booleans(), st.sampled_from(["", "c883a4c588e2"]),
)  # fmt: skip
def test_an_item_is_within_its_limit_and_leaves_no_line_unaccounted(
    lines: list[str], limit: int, focused: bool, log_id: str
) -> None:
    """What is not shown is in a marker; what is shown is a line of the log, at most cut."""
    doc = Document(lines)
    focus = ((1, min(3, len(lines))),) if focused else ()
    one = finding(1, len(lines), focus=focus, name="n" * 300, file="é" * 200)
    shown = item(doc, one, limit, log_id)
    assert size(shown.text) <= limit
    assert list(shown.lines) == sorted(set(shown.lines))
    chosen, cut = choose(doc, one, limit)
    rendered = block(doc, chosen, one.span, log_id, cut)
    left_out = sum(int(line.split()[1]) for line in rendered if line.startswith("… "))
    assert left_out + len(chosen) == len(lines)
    assert [line for line in rendered if not line.startswith("… ")] == [
        line_text(doc, i, cut) for i in chosen
    ]


@given(st.lists(st.sampled_from(["a", "", "  ", "bb"]), min_size=1, max_size=30))
def test_all_of_a_short_finding_is_shown_with_its_blank_lines(lines: list[str]) -> None:
    doc = Document(lines)
    chosen, _ = choose(doc, finding(1, len(lines)), 4_000)
    assert chosen == list(range(len(lines)))


def test_blank_lines_are_no_gap() -> None:
    doc = Document(["first", "", "x" * 500, "", *["y" * 300] * 20, "", "last"])
    chosen, cut = choose(doc, finding(1, len(doc)), 500)
    rendered = block(doc, chosen, (1, len(doc)), "c0ffee", cut)
    assert sum(line.startswith("… ") for line in rendered) == 1
    assert rendered[:2] == ["first", ""]
    assert rendered[-2:] == ["", "last"]
