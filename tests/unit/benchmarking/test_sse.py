"""Streams of events, however their bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipstream.tasks.benchmarking.sse import events, is_stream


def data(body: bytes, sizes: list[int] | None = None) -> list[tuple[bytes, int]]:
    return [(e.data, e.at) for e in events(body, sizes or [len(body)])]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_every_kind_of_line_ending_ends_a_line(ending: bytes) -> None:
    body = ending.join([b"data: 1", b"", b"data: 2", b"", b""])
    assert [d for d, _ in data(body)] == [b"1", b"2"]


def test_comments_and_other_fields_are_no_data() -> None:
    """A comment keeps a connection alive; it is no chunk."""
    assert data(b": ping\n\nid: 4\nretry: 5\n\ndata: x\n\n") == [(b"x", 0)]


def test_data_lines_of_one_event_are_joined() -> None:
    assert data(b"data: a\ndata:b\n\n") == [(b"a\nb", 0)]


def test_an_event_knows_its_kind() -> None:
    (event,) = events(b"event: error\ndata: {}\n\n", [23])
    assert event.kind == b"error"


def test_a_byte_order_mark_is_skipped() -> None:
    assert data(b"\xef\xbb\xbfdata: x\n\n") == [(b"x", 0)]
    assert is_stream(b"\xef\xbb\xbfdata: x")


def test_the_last_event_needs_no_empty_line() -> None:
    assert data(b"data: x\n\ndata: y") == [(b"x", 0), (b"y", 0)]


def test_an_event_counts_when_its_empty_line_has_come() -> None:
    """That is when a client hands it on."""
    body = b"data: x\n\ndata: y\n\n"
    assert data(body, [8, 1, 9]) == [(b"x", 1), (b"y", 2)]
    assert data(body, [len(body)]) == [(b"x", 0), (b"y", 0)]


@given(
    st.lists(st.binary(min_size=1, max_size=9).filter(lambda b: not set(b) & set(b"\r\n"))),
    st.lists(st.integers(1, 12), min_size=60, max_size=60),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_cutting_a_stream_anywhere_changes_nothing_but_when(
    values: list[bytes], cuts: list[int], ending: bytes
) -> None:
    """Each event comes once, in order, in the read that brought its last byte."""
    parts = [b"data: " + value + ending * 2 for value in values]
    body = b"".join(parts)
    sizes, left = [], len(body)
    for cut in cuts:
        if left:
            sizes.append(min(cut, left))
            left -= sizes[-1]
    if left:
        sizes.append(left)
    found = data(body, sizes) if body else []
    assert [d for d, _ in found] == values
    end = 0
    for part, (_, at) in zip(parts, found, strict=True):
        end += len(part)
        assert sum(sizes[:at]) < end <= sum(sizes[: at + 1])
