"""Turns the packed terms of files around: from the terms of a chunk to the chunks of a term.

Two ways with one result: numpy for what is large, and plain Python for the few files of a change,
since importing numpy takes longer (100 ms) than they do.
"""

import sys
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from slipstream.tasks.indexing.terms import Packed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PATH_WEIGHT = 1  # occurrences of a path's words in each chunk of its file
MOST_TIMES = 255  # a term's occurrences in a chunk are told up to here

AT_ONCE = 1 << 23  # postings that numpy turns around at once, in about 0.5 GB
SMALL = 30_000  # postings; plain Python turns them around in the time numpy takes to be imported


class Source(NamedTuple):
    """What one file adds.

    Attributes:
        terms: Of its chunks.
        path: u64 of the terms of its path, as bytes.
    """

    terms: Packed
    path: bytes


class Postings(NamedTuple):
    """The chunks of each term.

    Attributes:
        hashes: u64, terms in order.
        first: u32, first posting of each term; number of postings.
        chunks: u32, of each posting, in order within a term; numbered through all sources.
        times: u8, of each posting: how often the term is there, weighted; at most `MOST_TIMES`.
        lengths: u32, of each chunk: its tokens, weighted, those of the path left out.
    """

    hashes: "array[int]"
    first: "array[int]"
    chunks: "array[int]"
    times: "array[int]"
    lengths: "array[int]"


class Groups(NamedTuple):
    """Rows with equal keys, brought together.

    Attributes:
        keys: The distinct keys in order.
        first: u32, first of each key's `rows`; number of rows.
        rows: u32, in order within a key.
    """

    keys: "array[int]"
    first: "array[int]"
    rows: "array[int]"


def invert(sources: Sequence[Source]) -> Postings:
    """Turn the terms of files around."""
    if _small(sum(len(source.terms.tokens) for source in sources)):
        return _invert_plainly(sources)
    return _invert_with_numpy(sources)


def group(keys: "array[int]") -> Groups:
    """Bring rows with equal keys together."""
    return _group_plainly(keys) if _small(len(keys)) else _group_with_numpy(keys)


def _group_plainly(keys: "array[int]") -> Groups:
    rows = sorted(range(len(keys)), key=keys.__getitem__)
    first = [at for at, row in enumerate(rows) if not at or keys[row] != keys[rows[at - 1]]]
    distinct = array(keys.typecode, [keys[rows[at]] for at in first])
    return Groups(distinct, array("I", [*first, len(rows)]), array("I", rows))


def _group_with_numpy(keys: "array[int]") -> Groups:
    import numpy as np

    values = np.frombuffer(keys, np.dtype(keys.typecode))
    order = np.argsort(values, kind="stable")
    distinct, first = np.unique(values[order], return_index=True)
    first = np.append(first, len(keys))
    return Groups(_array(keys.typecode, distinct), _array("I", first), _array("I", order))


def _small(size: int) -> bool:
    return size <= (0 if "numpy" in sys.modules else SMALL)


def _invert_plainly(sources: Sequence[Source]) -> Postings:
    table: dict[int, dict[int, int]] = {}
    lengths = array("I")
    for terms, path in sources:
        hashes, at = [], 0
        for length in terms.lengths:
            hashes.append(terms.hashes[at : at + length].cast("Q"))
            at += length
        at = 0
        for size in terms.sizes:
            chunk, length = len(lengths), 0
            for token, times in zip(
                terms.tokens[at : at + size], terms.counts[at : at + size], strict=True
            ):
                length += times
                for term in hashes[token]:
                    chunks = table.setdefault(term, {})
                    chunks[chunk] = chunks.get(chunk, 0) + times
            for term in memoryview(path).cast("Q"):
                chunks = table.setdefault(term, {})
                chunks[chunk] = chunks.get(chunk, 0) + PATH_WEIGHT
            lengths.append(length)
            at += size
    found, first = Postings(*(array(code) for code in "QIIBI")), 0
    for term in sorted(table):
        found.hashes.append(term)
        found.first.append(first)
        found.chunks.extend(table[term])
        found.times.extend([min(times, MOST_TIMES) for times in table[term].values()])
        first += len(table[term])
    found.first.append(first)
    return found._replace(lengths=lengths)


def _invert_with_numpy(sources: Sequence[Source], at_once: int = AT_ONCE) -> Postings:
    import numpy as np

    packed = [source.terms for source in sources]
    paths = [source.path for source in sources]

    def each(counts: list[int]) -> "NDArray[np.uint32]":
        return np.array(counts, np.uint32)

    # The tokens of all files numbered through, and behind them each path as a token of its own.
    vocabulary = each([len(terms.lengths) for terms in packed])
    first_token = np.cumsum(vocabulary, dtype=np.uint32)
    path_token = each(list(range(len(sources)))) + first_token[-1]
    sizes = _joined([terms.sizes for terms in packed], np.uint32)
    every_chunk = np.arange(len(sizes), dtype=np.uint32)
    token = _joined([terms.tokens for terms in packed], np.uint32) + np.repeat(
        first_token - vocabulary, [len(terms.tokens) for terms in packed]
    )
    counts = _joined([terms.counts for terms in packed], np.uint8)
    chunk = np.repeat(every_chunk, sizes)
    lengths = np.bincount(chunk, weights=counts, minlength=len(sizes))
    path_tokens = np.repeat(path_token, [len(terms.sizes) for terms in packed])
    tables = _Tables(
        np.concatenate([token, path_tokens]),
        np.concatenate([chunk, every_chunk]),
        np.concatenate([counts, np.full(len(sizes), PATH_WEIGHT, np.uint8)]),
        len(sizes).bit_length(),
    )

    # The terms of each token, a range of terms after the other where there are very many postings.
    bytes_of = _joined([terms.lengths for terms in packed], np.uint8)
    terms_of = np.concatenate([bytes_of, each([len(path) for path in paths])]) // 8
    hashes = _joined([*(terms.hashes for terms in packed), *paths], np.uint64)
    owner = np.repeat(np.arange(len(terms_of)), terms_of)
    ranges = (int(terms_of[tables.token].sum(dtype=np.int64)) // at_once).bit_length()
    found = Postings(*(array(code) for code in "QIIBI"))
    for number in range(1 << ranges):
        within = hashes >> np.uint64(64 - ranges) == number if ranges else slice(None)
        part = _inverted(tables, hashes[within], owner[within], len(terms_of))
        found.hashes.frombytes(part[0].tobytes())
        found.first.frombytes((part[1] + len(found.chunks)).astype(np.uint32).tobytes())
        found.chunks.frombytes(part[2].astype(np.uint32).tobytes())
        found.times.frombytes(part[3].astype(np.uint8).tobytes())
    found.first.append(len(found.chunks))
    return found._replace(lengths=_array("I", lengths))


class _Tables(NamedTuple):
    """Postings of tokens: of each the token, the chunk, how often; and the bits of a chunk."""

    token: "NDArray[np.uint32]"
    chunk: "NDArray[np.uint32]"
    times: "NDArray[np.uint8]"
    bits: int


def _inverted(
    tables: _Tables, hashes: "NDArray[np.uint64]", owner: "NDArray[np.int64]", tokens: int
) -> "tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.uint64]]":
    """Turn around the postings of some terms, whose tokens are their owners, in their order.

    Returns:
        Terms, first posting of each, chunks and times of the postings, as `Postings` has them.
    """
    import numpy as np

    terms, ids = np.unique(hashes, return_inverse=True)
    # A token's terms lie side by side: each of its postings becomes one for each of them.
    many_of = np.bincount(owner, minlength=tokens)
    many = many_of[tables.token]
    ends = np.cumsum(many)
    at = np.arange(len(ends) and int(ends[-1]))
    at += np.repeat((np.cumsum(many_of) - many_of)[tables.token] + many - ends, many)

    # Term, chunk and count as one number, so that sorting the numbers carries everything along.
    keys = ids.astype(np.uint64)[at] << np.uint64(tables.bits + 8)
    keys |= np.repeat(tables.chunk, many).astype(np.uint64) << np.uint64(8)
    keys |= np.repeat(tables.times, many)
    keys.sort()
    pairs = keys >> np.uint64(8)
    starts = np.flatnonzero(np.diff(pairs, prepend=~pairs[:1]))
    times = np.minimum(np.add.reduceat(keys & np.uint64(255), starts), MOST_TIMES)
    pairs = pairs[starts]
    first = np.searchsorted(pairs >> np.uint64(tables.bits), np.arange(len(terms), dtype=np.uint64))
    chunks = pairs & np.uint64((1 << tables.bits) - 1)
    return terms, first, chunks, times


def _joined(parts: "Sequence[bytes | memoryview]", kind: "type[np.generic]") -> "NDArray[Any]":
    import numpy as np

    return np.frombuffer(b"".join(parts), kind)


def _array(code: str, values: "NDArray[Any]") -> "array[int]":
    import numpy as np

    return array(code, values.astype(np.dtype(code), copy=False).tobytes())
