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


def _invert_with_numpy(sources: Sequence[Source]) -> Postings:
    import numpy as np

    packed = [source.terms for source in sources]
    paths = [source.path for source in sources]
    files = np.arange(len(sources))

    def each(counts: list[int]) -> "NDArray[np.int64]":
        return np.array(counts, np.int64)

    # The tokens of all files numbered through, and behind them each path as a token of its own.
    vocabulary = each([len(terms.lengths) for terms in packed])
    tokens = _joined([terms.tokens for terms in packed], np.uint32).astype(np.int64)
    tokens += np.repeat(
        np.cumsum(vocabulary) - vocabulary, each([len(terms.tokens) for terms in packed])
    )
    sizes = _joined([terms.sizes for terms in packed], np.uint32)
    of_chunks = np.arange(len(sizes))
    file_chunks = each([len(terms.sizes) for terms in packed])
    counts = _joined([terms.counts for terms in packed], np.uint8)
    chunks = np.repeat(of_chunks, sizes)
    lengths = np.bincount(chunks, weights=counts, minlength=len(sizes))
    tokens = np.concatenate([tokens, np.repeat(files + vocabulary.sum(), file_chunks)])
    chunks = np.concatenate([chunks, of_chunks])
    counts = np.concatenate([counts, np.full(len(sizes), PATH_WEIGHT, np.uint8)])

    # A token's terms lie side by side: each of its postings becomes one for each of them.
    bytes_of = _joined([terms.lengths for terms in packed], np.uint8)
    terms_of = np.concatenate([bytes_of, each([len(path) for path in paths])]) // 8
    first_of = np.cumsum(terms_of) - terms_of
    every = _joined([*(terms.hashes for terms in packed), *paths], np.uint64)
    hashes, ids = np.unique(every, return_inverse=True)
    times = terms_of[tokens]
    ends = np.cumsum(times)
    if not times.any():  # tokens without a term: numbers, hashes
        return _invert_plainly(sources)
    within = np.arange(int(ends[-1])) - np.repeat(ends - times, times)
    term = ids[np.repeat(first_of[tokens], times) + within].astype(np.uint64)

    # Term, chunk and count as one number, so that sorting the numbers carries everything along.
    bits = len(sizes).bit_length()
    keys = term << np.uint64(bits + 8)
    keys |= np.repeat(chunks, times).astype(np.uint64) << np.uint64(8)
    keys |= np.repeat(counts, times)
    keys.sort()
    pairs = keys >> np.uint64(8)
    starts = np.flatnonzero(np.concatenate([[True], pairs[1:] != pairs[:-1]]))
    summed = np.add.reduceat(keys & np.uint64(255), starts)
    pairs = pairs[starts]
    owners = pairs >> np.uint64(bits)
    return Postings(
        _array("Q", hashes),
        _array("I", np.searchsorted(owners, np.arange(len(hashes) + 1, dtype=np.uint64))),
        _array("I", pairs & np.uint64((1 << bits) - 1)),
        _array("B", np.minimum(summed, MOST_TIMES)),
        _array("I", lengths),
    )


def _joined(parts: "Sequence[bytes | memoryview]", kind: "type[np.generic]") -> "NDArray[Any]":
    import numpy as np

    return np.frombuffer(b"".join(parts), kind)


def _array(code: str, values: "NDArray[Any]") -> "array[int]":
    import numpy as np

    return array(code, values.astype(np.dtype(code), copy=False).tobytes())
