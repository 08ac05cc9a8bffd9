"""An index as bytes, and back."""

from __future__ import annotations

from typing import get_args

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipstream.tasks.indexing import pack
from slipstream.tasks.indexing.model import (
    Chunk,
    FileIndex,
    Kind,
    Reference,
    SkipReason,
    Symbol,
)

NAMES = st.text(max_size=20)
LINES = st.integers(1, 100_000)
SYMBOLS = st.builds(
    Symbol, NAMES, st.sampled_from(get_args(Kind)), NAMES, NAMES, LINES, LINES, NAMES
)
REFERENCES = st.lists(st.builds(Reference, NAMES, LINES), unique=True).map(
    lambda found: tuple(sorted(found, key=lambda reference: (reference.line, reference.name)))
)


@st.composite
def chunks(draw: st.DrawFn) -> tuple[Chunk, ...]:
    starts = sorted(draw(st.sets(st.integers(2, 100), max_size=5)) | {1})
    ends = [*(start - 1 for start in starts[1:]), 200]
    digests = st.binary(min_size=16, max_size=16).map(bytes.hex)
    owner = st.integers(-1, 5)
    return tuple(
        Chunk(start, end, draw(digests), draw(owner))
        for start, end in zip(starts, ends, strict=True)
    )


INDEXES = st.builds(
    FileIndex,
    NAMES,
    st.just(200),
    st.sampled_from(get_args(SkipReason)),
    st.lists(SYMBOLS, max_size=5).map(tuple),
    REFERENCES,
    st.one_of(chunks(), st.just(())),
    st.binary(max_size=50),
)


@given(INDEXES)
def test_what_is_packed_comes_back_the_same(index: FileIndex) -> None:
    assert pack.unpack(pack.pack(index)) == index


@given(INDEXES)
def test_symbols_are_read_without_the_rest(index: FileIndex) -> None:
    opened = pack.open_packed(memoryview(pack.pack(index)))
    broken = opened._replace(references=b"\xc1", chunks=b"\xc1", terms=b"\xc1")
    assert pack.symbols(broken) == index.symbols
    assert pack.open_packed(pack.pack(index)).language == index.language


@given(st.binary(max_size=200))
def test_what_is_no_index_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="file index"):
        pack.open_packed(data)


@given(INDEXES, st.data())
def test_an_index_that_is_cut_short_is_refused(index: FileIndex, data: st.DataObject) -> None:
    packed = pack.pack(index)
    with pytest.raises(ValueError, match="file index"):
        pack.open_packed(packed[: data.draw(st.integers(0, len(packed) - 1))])


@pytest.mark.parametrize("other", [["slipstream/file-index/0", 1], [], {}, 7, [pack.TAG, 1]])
def test_another_form_is_refused(other: object) -> None:
    with pytest.raises(ValueError, match="file index"):
        pack.open_packed(msgpack.packb(other))
