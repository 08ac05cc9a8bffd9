"""Bytes in any pieces become the same blocks of whole lines."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slipstream.tasks.summarization import read

SMALL, END = 64, 8
quick = settings(max_examples=200, deadline=None)


@pytest.fixture(autouse=True, scope="module")
def _small_blocks() -> object:
    """Blocks of a few bytes, so that examples of a few hundred have many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read, "BLOCK", SMALL)
        patch.setattr(read, "LONG_END", END)
        yield


def blocks(data: bytes, cuts: list[int] | None = None) -> tuple[list[bytes], read.Blocks]:
    """The blocks of bytes that come in pieces, cut at `cuts`."""
    ends = sorted({min(cut, len(data)) for cut in cuts or []} | {len(data)})
    reader = read.Blocks()
    out: list[bytes] = []
    for start, end in zip([0, *ends], ends, strict=False):
        out += reader.feed(data[start:end])
    return [*out, *reader.finish()], reader


line = st.binary(max_size=SMALL - 1).map(lambda data: data.replace(b"\n", b"")) | st.just(b"")
texts = st.lists(line, max_size=40).map(b"\n".join)
cuts = st.lists(st.integers(0, 3000), max_size=30)


def is_marked(data: bytes) -> bool:
    return data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE))


@quick
@given(texts.filter(lambda data: not is_marked(data)), cuts)
def test_blocks_put_together_are_the_input(data: bytes, cuts: list[int]) -> None:
    """Each is at most a block's size, and ends with a line unless it is the last."""
    found, reader = blocks(data, cuts)
    assert b"".join(found) == data
    assert all(len(block) <= SMALL for block in found)
    assert all(block.endswith(b"\n") for block in found[:-1])
    assert (reader.long_lines, reader.cut) == (0, 0)


@quick
@given(st.lists(st.binary(max_size=200) | st.just(b"\n" * 9), max_size=12).map(b"".join), cuts)
@example(codecs.BOM_UTF16_LE + "é\n".encode("utf-16-le") * 200, [1, 2, 3, 64, 65])
@example(b"x" * 500, [64, 65, 66])
def test_blocks_do_not_depend_on_the_pieces(data: bytes, cuts: list[int]) -> None:
    """Not of long lines, nor of other encodings."""
    whole, one = blocks(data)
    found, other = blocks(data, cuts)
    assert found == whole
    seen = (one.encoding, one.long_lines, one.cut)
    assert (other.encoding, other.long_lines, other.cut) == seen


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_other_encodings_are_told_by_their_mark_wherever_they_are_cut(encoding: str) -> None:
    text = "erste Zeile\nzweite: äöü → 😀\n" * 3
    data = ("\ufeff" + text).encode(encoding)
    for cut in range(len(data)):
        found, reader = blocks(data, [cut])
        assert b"".join(found).decode().removeprefix("\ufeff") == text
        assert reader.encoding == encoding[:6]


def test_bytes_that_are_not_of_the_encoding_are_replaced() -> None:
    found, _ = blocks(
        codecs.BOM_UTF16_LE + "ok\n".encode("utf-16-le") + b"\x00\xd8\x41\x00" + b"\x42"
    )
    assert b"".join(found).decode() == "ok\n\ufffdA\ufffd"


@pytest.mark.parametrize("end", [b"", b"\n", b"\nnext\n"])
@pytest.mark.parametrize("length", [SMALL, SMALL + 1, 5 * SMALL + 3])
def test_a_line_longer_than_a_block_keeps_its_two_ends(length: int, end: bytes) -> None:
    """The lines around it are whole, and what is left out is counted."""
    long = bytes(33 + at % 90 for at in range(length))
    for cut in range(0, length, 7):
        found, reader = blocks(b"before\n" + long + end, [cut, cut + 3])
        assert b"".join(found) == b"before\n" + long[:END] + long[-END:] + end
        assert reader.long_lines == 1
        assert reader.cut == length - 2 * END


def test_several_long_lines_are_counted() -> None:
    data = b"".join(bytes([65 + at]) * (SMALL * 3) + b"\n" for at in range(4))
    found, reader = blocks(data)
    kept = b"".join(bytes([65 + at]) * (2 * END) + b"\n" for at in range(4))
    assert b"".join(found) == kept
    assert (reader.long_lines, reader.cut) == (4, 4 * (3 * SMALL - 2 * END))


def test_nothing_gives_no_block() -> None:
    assert blocks(b"")[0] == []
    reader = read.Blocks()
    assert list(reader.feed(b"")) == []
    assert reader.pending() == b""


@quick
@given(texts.filter(lambda data: not is_marked(data)))
def test_what_is_pending_follows_the_blocks_so_far(data: bytes) -> None:
    reader = read.Blocks()
    assert b"".join(reader.feed(data)) + reader.pending() == data
