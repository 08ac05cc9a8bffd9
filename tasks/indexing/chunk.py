"""A file cut into chunks along its symbols.

Where a cut is made depends on what stands near it: an edit changes the chunks it is in, and others
keep their digests. So definitions are chunks of their own; large ones are cut at what is defined in
them, then at blank lines, then anywhere; and in a row of small ones a chunk begins where the name
of one says so, by its hash.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xxhash import xxh3_64_intdigest, xxh3_128_hexdigest

from slipstream.tasks.indexing.model import Chunk, Symbol

MAX_BYTES = 4000  # of a chunk, unless one line alone is longer
SMALL_BYTES = 400  # what is shorter is joined with its small neighbours
TARGET_BYTES = 1200  # from which on joined neighbours end where one of them says so
MAX_DEPTH = 20  # of definitions in definitions; deeper ones are cut like text
_ONE_IN = 4  # small neighbours begin a chunk


class _Piece(NamedTuple):
    """Lines that belong together, before small ones are joined."""

    first: int  # row, from 0
    last: int  # the row after them
    symbol: int  # the definition that they are, or that they are a part of; -1: none
    owner: int  # what was cut to get it; -1: the file
    whole: bool  # a definition from its beginning to its end, with the comment before it


class _Part(NamedTuple):
    """A piece that may have to be cut, with the symbols that begin in it."""

    piece: _Piece
    low: int
    high: int
    depth: int


def cut(
    data: bytes, starts: Sequence[int], symbols: Sequence[Symbol], depths: Sequence[int]
) -> tuple[Chunk, ...]:
    """Cut a text; chunks cover all its lines in order, without overlapping.

    Args:
        data: The text.
        starts: Byte offset of each line, and the length of `data`.
        symbols: In the order of their first lines.
        depths: Of each symbol: in how many others it stands.
    """
    rows = len(starts) - 1
    pieces: list[_Piece] = []
    parts = [_Part(_Piece(0, rows, -1, -1, False), 0, len(symbols), 0)] if rows else []
    while parts:
        part = parts.pop()
        piece = part.piece
        if part.depth and starts[piece.last] - starts[piece.first] <= MAX_BYTES:
            pieces.append(piece)
        elif part.depth < MAX_DEPTH and (inner := _at_symbols(data, starts, symbols, depths, part)):
            parts += reversed(inner)
        else:
            pieces += _at_blank_lines(data, starts, piece)
    return tuple(_joined(data, starts, symbols, pieces))


def _at_symbols(
    data: bytes,
    starts: Sequence[int],
    symbols: Sequence[Symbol],
    depths: Sequence[int],
    part: _Part,
) -> list[_Part]:
    """Cut before each definition of one depth and the comment on it; empty: there is none."""
    (first, last, owner, _, _), low, high, depth = part
    parts: list[_Part] = []

    def add(first: int, last: int, symbol: int, low: int, high: int) -> None:
        piece = _Piece(first, last, symbol, owner, symbol != owner)
        parts.append(_Part(piece, low, high, depth + 1))

    inside = [index for index in range(low, high) if depths[index] == depth]
    at = first  # what lies before it is in a part
    floor = first if owner < 0 else max(first, min(symbols[owner].start, last))
    for index, following in zip(inside, [*inside[1:], high], strict=False):
        start, end = symbols[index].start - 1, min(symbols[index].end, last)
        if start < floor:
            continue  # it stands in a line with what comes before
        while start > floor and not _blank(data, starts, start - 1):
            start -= 1
        if start > at:
            add(at, start, owner, low, low)
        after = end
        while after < last and _blank(data, starts, after):
            after += 1
        add(start, after, index, index + 1, following)
        at, floor = after, end
    if parts and at < last:
        add(at, last, owner, high, high)
    return parts


def _at_blank_lines(data: bytes, starts: Sequence[int], piece: _Piece) -> Iterator[_Piece]:
    """Cut into paragraphs, and those that are too large into lines."""
    first, owner = piece.first, piece.symbol
    for row in range(piece.first + 1, piece.last + 1):
        if row < piece.last and (_blank(data, starts, row) or not _blank(data, starts, row - 1)):
            continue
        if starts[row] - starts[first] <= MAX_BYTES:
            yield _Piece(first, row, piece.symbol, owner, False)
        else:
            for line in range(first, row):
                yield _Piece(line, line + 1, piece.symbol, owner, False)
        first = row


def _blank(data: bytes, starts: Sequence[int], row: int) -> bool:
    line = data[starts[row] : starts[row + 1]]
    return line == b"\n" or not line or line.isspace()


def _joined(
    data: bytes, starts: Sequence[int], symbols: Sequence[Symbol], pieces: Sequence[_Piece]
) -> Iterator[Chunk]:
    first = size = 0
    symbol = owner = -1
    alone = True
    for piece in pieces:
        more = starts[piece.last] - starts[piece.first]
        large = piece.whole and more >= SMALL_BYTES
        if piece.first and (
            alone
            or large
            or piece.owner != owner
            or size + more > MAX_BYTES
            or (size >= TARGET_BYTES and _begins(data, starts, symbols, piece))
        ):
            yield _chunk(data, starts, first, piece.first, symbol)
            first, size, symbol = piece.first, 0, -1
        size += more
        owner, alone = piece.owner, large
        symbol = piece.symbol if symbol < 0 else symbol
    if pieces:
        yield _chunk(data, starts, first, pieces[-1].last, symbol)


def _begins(data: bytes, starts: Sequence[int], symbols: Sequence[Symbol], piece: _Piece) -> bool:
    """Whether a piece begins a chunk among small neighbours, wherever it stands."""
    if piece.whole:
        said = symbols[piece.symbol].name.encode()
    else:
        said = data[starts[piece.first] : starts[piece.first + 1]]
    return xxh3_64_intdigest(said) % _ONE_IN == 0


def _chunk(data: bytes, starts: Sequence[int], first: int, last: int, symbol: int) -> Chunk:
    digest = xxh3_128_hexdigest(data[starts[first] : starts[last]])
    return Chunk(first + 1, last, digest, symbol)
