"""The stored form: frames, index, checksums."""

from __future__ import annotations

import hashlib
from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipstream.storage.outputs.frames import (
    MAGIC,
    Damaged,
    FrameIndex,
    StoredLog,
    Streams,
    newline_end,
    pack_frame,
    pack_runs,
    read_frame,
    split_lines,
    unpack_runs,
    unpack_streams,
)

# Few different bytes, so that newlines come at all places: at frame ends, doubled, missing at last.
FRAMES = st.lists(st.text("a\n", min_size=1, max_size=8).map(str.encode), max_size=8)


def stored_form(frames: list[bytes]) -> bytes:
    index = FrameIndex()
    packed = [MAGIC]
    for raw in frames:
        frame = pack_frame(raw, b"")
        index.add(len(frame), len(raw), raw.count(b"\n"))
        packed.append(frame)
    return b"".join([*packed, index.pack(hashlib.sha256(b"".join(frames)).digest())])


@given(FRAMES)
def test_all_bytes_come_back(frames: list[bytes]) -> None:
    stored = StoredLog(BytesIO(stored_form(frames)))
    assert list(stored.chunks()) == frames
    assert stored.index.size == len(b"".join(frames))


@given(FRAMES, st.integers(-1, 20), st.integers(-1, 20))
def test_any_range_of_lines_is_the_slice_of_all_lines(
    frames: list[bytes], first: int, last: int
) -> None:
    lines = b"".join(frames).splitlines(keepends=True)
    stored = StoredLog(BytesIO(stored_form(frames)))
    expected = b"".join(lines[max(first, 1) - 1 : max(last, 0)])
    assert b"".join(stored.line_chunks(first, last)) == expected


def test_a_range_of_lines_reads_only_the_frames_that_hold_it() -> None:
    data = bytearray(stored_form([b"a\nb\n" * 2000, b"c\n" * 4000, b"d\n" * 4000]))
    offsets = StoredLog(BytesIO(data)).index.offsets
    for start, end in (pair for i, pair in enumerate(pairwise(offsets)) if i != 1):
        data[start:end] = bytes(end - start)
    stored = StoredLog(BytesIO(data))
    assert b"".join(stored.line_chunks(4002, 8000)) == b"c\n" * 3999
    with pytest.raises(Damaged, match="frame 1 of 3"):
        list(stored.line_chunks(4000, 4001))


@pytest.mark.parametrize("size", [200, 20_000])  # kept raw, kept compressed
def test_a_flipped_byte_anywhere_is_noticed(size: int) -> None:
    raw = b"".join(b"%d\n" % number for number in range(size // 4))
    data = stored_form([raw, raw])
    for at in range(0, len(data), 1 + len(data) // 500):
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        with pytest.raises(Damaged):
            list(StoredLog(BytesIO(damaged)).chunks())


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_damaged_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(Damaged):
        StoredLog(BytesIO(data))
    assert read_frame(BytesIO(data)) is None


@given(st.integers(0, 300), st.data())
def test_a_cut_file_is_damaged(cut: int, data: st.DataObject) -> None:
    whole = stored_form(data.draw(FRAMES))
    with pytest.raises(Damaged):
        StoredLog(BytesIO(whole[: max(0, len(whole) - 1 - cut)]))


@given(st.text("a\n", max_size=4000).map(str.encode), st.data())
def test_newline_end_is_behind_the_nth_newline(raw: bytes, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, raw.count(b"\n")))
    end = newline_end(raw, count)
    assert raw[:end].count(b"\n") == count
    assert end == 0 or raw[end - 1 : end] == b"\n"


@given(st.lists(st.text("a\r\n", max_size=6).map(str.encode), max_size=6))
def test_split_lines_cuts_at_newlines_alone(chunks: list[bytes]) -> None:
    lines = list(split_lines(chunks))
    assert b"".join(lines) == b"".join(chunks)
    assert all(line.endswith(b"\n") for line in lines[:-1])
    assert all(line.count(b"\n") <= 1 and line for line in lines)


RUNS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 1 << 40)), max_size=50)


@given(RUNS)
def test_runs_come_back_with_neighbours_joined(runs: list[tuple[int, int]]) -> None:
    found = list(unpack_runs(pack_runs(runs)))
    assert all(one[0] != other[0] for one, other in pairwise(found))
    for stream in range(3):
        assert sum(n for s, n in found if s == stream) == sum(n for s, n in runs if s == stream)


def test_streams_that_alternate_at_each_line_are_kept_compactly() -> None:
    streams = Streams()
    for _ in range(200):
        streams.add(pack_runs([(1, 60), (2, 90)] * 1000))
    packed = streams.pack()
    assert len(packed) < 10_000
    assert list(unpack_streams(packed)) == [(1, 60), (2, 90)] * 200_000


def test_a_damaged_record_of_streams_is_noticed() -> None:
    streams = Streams()
    streams.add(pack_runs([(1, 5), (2, 7)]))
    packed = bytearray(streams.pack())
    packed[-1] ^= 1
    with pytest.raises(Damaged):
        list(unpack_streams(bytes(packed)))
