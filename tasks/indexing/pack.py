"""A FileIndex as bytes: msgpack, in parts, so that one can be read without the others.

    [tag, language, lines, skipped, symbols, references, chunks, terms]

The last four are byte strings: `symbols` holds rows; `references` names in their order, how often
each is used, and the lines; `chunks` the first lines, the definitions, and the digests, 16 bytes
each; `terms` is as `terms.py` packs it. A tag of another version is refused, not converted: the
content is read again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgpack

from slipstream.tasks.indexing.model import Chunk, FileIndex, Reference, SkipReason, Symbol

TAG = "slipstream/file-index/1"
_DIGEST = 16  # bytes


class Packed(NamedTuple):
    """A packed index that was opened; `symbols`, `references` and `chunks` read the rest of it."""

    language: str
    lines: int
    skipped: SkipReason
    symbols: bytes
    references: bytes
    chunks: bytes
    terms: bytes


def pack(index: FileIndex) -> bytes:
    """The bytes of an index; the same for equal ones."""
    lines: dict[str, list[int]] = {}
    for name, line in index.references:
        lines.setdefault(name, []).append(line)
    language, count, skipped, symbols, _, chunks, terms = index
    return join(language, count, skipped, symbols, lines, chunks, terms)


def join(
    language: str,
    lines: int,
    skipped: SkipReason,
    symbols: Sequence[Symbol],
    references: Mapping[str, Sequence[int]],
    chunks: Sequence[Chunk],
    terms: bytes,
) -> bytes:
    """The bytes of an index whose references are lines by name."""
    names = sorted(references)
    uses = [references[name] for name in names]
    columns = (
        [chunk.start for chunk in chunks],
        [chunk.symbol for chunk in chunks],
        bytes.fromhex("".join([chunk.digest for chunk in chunks])),
    )
    parts = (
        msgpack.packb(symbols),
        msgpack.packb((names, list(map(len, uses)), [line for at in uses for line in at])),
        msgpack.packb(columns),
        terms,
    )
    packed: bytes = msgpack.packb((TAG, language, lines, skipped, *parts))
    return packed


def unpack(buffer: bytes | memoryview) -> FileIndex:
    """The index that was packed.

    Raises:
        ValueError: It is something else, of another version, or cut short.
    """
    opened = open_packed(buffer)
    return FileIndex(
        opened.language,
        opened.lines,
        opened.skipped,
        symbols(opened),
        references(opened),
        chunks(opened),
        opened.terms,
    )


def open_packed(buffer: bytes | memoryview) -> Packed:
    """Open a packed index without decoding its parts.

    Raises:
        ValueError: It is something else, of another version, or cut short.
    """
    try:
        tag, *fields = msgpack.unpackb(buffer)
    except (TypeError, ValueError, msgpack.UnpackException) as error:
        raise ValueError("this is no packed file index") from error
    if tag != TAG or len(fields) != len(Packed._fields):
        raise ValueError(f"this is no file index of the form {TAG}")
    return Packed._make(fields)


def symbols(opened: Packed) -> tuple[Symbol, ...]:
    """The definitions, in the order of their first lines."""
    return tuple(map(Symbol._make, symbol_rows(opened)))


def symbol_rows(opened: Packed) -> list[Sequence[Any]]:
    """The definitions, each as a list of the fields of a `Symbol`: for those who take thousands."""
    rows: list[Sequence[Any]] = msgpack.unpackb(opened.symbols)
    return rows


def references(opened: Packed) -> tuple[Reference, ...]:
    """The references in the order of their lines, then of their names."""
    found = [Reference(name, line) for name, lines in uses(opened).items() for line in lines]
    found.sort(key=lambda reference: reference.line)
    return tuple(found)


def uses(opened: Packed) -> dict[str, list[int]]:
    """The references as name → lines."""
    names, counts, lines = msgpack.unpackb(opened.references)
    found, at = {}, 0
    for name, count in zip(names, counts, strict=True):
        found[name] = lines[at : at + count]
        at += count
    return found


def chunks(opened: Packed) -> tuple[Chunk, ...]:
    """The chunks, in order."""
    starts, ends, owners, digests = chunk_columns(opened)
    hexed = digests.hex()
    return tuple(
        Chunk(start, end, hexed[2 * _DIGEST * index :][: 2 * _DIGEST], owner)
        for index, (start, end, owner) in enumerate(zip(starts, ends, owners, strict=False))
    )


def chunk_columns(opened: Packed) -> tuple[list[int], list[int], list[int], bytes]:
    """First lines, last lines, definitions and digests of the chunks, in order."""
    starts, owners, digests = msgpack.unpackb(opened.chunks)
    return starts, [*(start - 1 for start in starts[1:]), opened.lines], owners, digests
