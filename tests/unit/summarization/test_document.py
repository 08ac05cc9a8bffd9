"""Lines by number, with gaps where a large log was not kept."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document

WHOLE = Document(["a", "b", "c"])
GAPS = Document(["a", "b", "x", "y", "z"], [1, 2, 10, 11, 12], total=40)


def test_a_whole_log_is_numbered_from_one() -> None:
    assert list(WHOLE.numbers) == [1, 2, 3]
    assert (len(WHOLE), WHOLE.total) == (3, 3)
    assert (len(GAPS), GAPS.total) == (5, 40)


def test_a_line_is_found_by_its_number_where_it_is_kept() -> None:
    assert [WHOLE.index(number) for number in (0, 1, 3, 4)] == [None, 0, 2, None]
    assert [GAPS.index(number) for number in (2, 3, 9, 10, 12, 13)] == [1, None, None, 2, 4, None]
    assert Document([]).index(1) is None


def test_going_forward_and_back_stops_at_a_gap_the_limit_or_the_end() -> None:
    assert list(GAPS.forward(0, 9)) == [(0, "a"), (1, "b")]
    assert list(GAPS.forward(2, 2)) == [(2, "x"), (3, "y")]
    assert list(GAPS.forward(3, 9)) == [(3, "y"), (4, "z")]
    assert list(GAPS.back(4, 9)) == [(4, "z"), (3, "y"), (2, "x")]
    assert list(GAPS.back(1, 1)) == [(1, "b")]
    assert list(GAPS.back(0, 9)) == [(0, "a")]
    assert list(GAPS.forward(5, 9)) == list(GAPS.back(-1, 9)) == list(GAPS.forward(0, 0)) == []
