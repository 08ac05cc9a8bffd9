"""A segment: the index of all files of one manifest as one immutable run of tables.

It is merged from the files' packed artefacts (`build`), kept as one value of the cache, and read
where it lies: opening it copies nothing and imports no numpy. The tables stand behind each other at
multiples of eight bytes, in the byte order of the machine (a cache stays on its machine)::

    u64  magic, version, bytes of the whole, tables
    u64  of each table: where it begins, where it ends
    …    the tables, in the order of `Segment`'s fields; of texts: where each begins, then the bytes

Numbers that name a row (a file, a chunk, a symbol, a name) count from 0 in the order of the table.
Files are in the order of their paths; chunks and symbols in the order of their files and lines.
"""

import gc
import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from slipstream.tasks.indexing import pack, terms
from slipstream.tasks.indexing.invert import Source, group, invert
from slipstream.tasks.indexing.model import Files, Symbol

VERSION = 1
"""Bump when the tables, or what goes into them, change. It goes into the segment's key."""

_MAGIC = 0x544E_454D_4745_5331
_HEAD = struct.Struct("=4Q")
_SPAN = struct.Struct("=2Q")


class Strings(NamedTuple):
    """A table of texts, each followed by a line feed.

    Attributes:
        at: u32, where each begins; the end of the last.
        blob: UTF-8.
    """

    at: memoryview
    blob: memoryview

    def __len__(self) -> int:
        return len(self.at) - 1

    def text(self, row: int) -> str:
        """Decode one text."""
        return str(self.blob[self.at[row] : self.at[row + 1] - 1], "utf-8", "surrogatepass")

    def texts(self) -> list[str]:
        """Decode all texts."""
        whole = str(self.blob, "utf-8", "surrogatepass").split("\n")[:-1]
        if len(whole) == len(self):
            return whole
        return [self.text(row) for row in range(len(self))]  # one holds a line feed

    def row(self, text: str) -> int:
        """Find a text in a table that is in the order of its bytes; -1: it is not there."""
        wanted = text.encode("utf-8", "surrogatepass")
        row = bisect_left(range(len(self)), wanted, key=self._bytes)
        return row if row < len(self) and self._bytes(row) == wanted else -1

    def rows_from(self, prefix: str) -> range:
        """List the texts that begin so, in a table that is in the order of its bytes."""
        wanted = prefix.encode("utf-8", "surrogatepass")
        rows = range(len(self))
        return range(
            bisect_left(rows, wanted, key=self._bytes),
            bisect_left(rows, wanted + b"\xff", key=self._bytes),
        )

    def rows_with(self, part: str) -> Iterator[int]:
        """List the texts in which a text without a line feed stands."""
        wanted, blob = part.encode("utf-8", "surrogatepass"), bytes(self.blob)
        at = blob.find(wanted)
        while at >= 0:
            row = bisect_right(self.at, at) - 1
            yield row
            at = blob.find(wanted, self.at[row + 1])

    def _bytes(self, row: int) -> bytes:
        return bytes(self.blob[self.at[row] : self.at[row + 1] - 1])


class Segment(NamedTuple):
    """The tables of a segment; u32 where nothing else is said."""

    paths: Strings
    contents: Strings  # content names
    languages: Strings  # distinct
    file_language: memoryview  # row in `languages`
    file_chunks: memoryview  # first chunk of each file; number of chunks
    file_symbols: memoryview  # first symbol of each file; number of symbols
    chunk_start: memoryview  # line
    chunk_end: memoryview  # line
    chunk_symbol: memoryview  # i32, symbol it belongs to; -1: none
    chunk_length: memoryview  # tokens, weighted
    chunk_digest: memoryview  # 16 bytes each
    symbol_name: memoryview  # row in `names`
    symbol_scope: memoryview  # row in `scopes`
    symbol_kind: memoryview  # row in `kinds`
    symbol_start: memoryview  # line
    symbol_end: memoryview  # line
    signatures: Strings  # of each symbol
    scopes: Strings  # distinct
    kinds: Strings  # distinct
    names: Strings  # distinct, in the order of their bytes
    lowers: Strings  # distinct names in lower case, in the order of their bytes
    lower_first: memoryview  # first row in `lower_names` of each of `lowers`
    lower_names: memoryview  # rows in `names`
    name_first: memoryview  # first row in `name_symbols` of each name
    name_symbols: memoryview  # symbols
    term_hash: memoryview  # u64, in order
    term_first: memoryview  # first posting of each term
    post_chunk: memoryview  # chunk of each posting
    post_times: memoryview  # u8, how often the term is in it; 255: that or more
    used_hash: memoryview  # u64, hashes of the names that files refer to, in order
    used_first: memoryview  # first row of each name in the next two
    used_file: memoryview  # file
    used_times: memoryview  # how often it refers to the name

    def chunks(self) -> int:
        """Count the chunks."""
        return len(self.chunk_start)

    def file_of_chunk(self, chunk: int) -> int:
        """Find the file of a chunk."""
        return bisect_right(self.file_chunks, chunk) - 1

    def file_of_symbol(self, symbol: int) -> int:
        """Find the file of a symbol."""
        return bisect_right(self.file_symbols, symbol) - 1

    def chunk_of_line(self, file: int, line: int) -> int:
        """Find the chunk that holds a line of a file, or the nearest before it; -1: no chunks."""
        first, end = self.file_chunks[file], self.file_chunks[file + 1]
        return (
            max(first, bisect_right(self.chunk_start, line, first, end) - 1) if first < end else -1
        )

    def symbol_of_line(self, file: int, line: int) -> int:
        """Find the innermost definition that a line of a file is in; -1: it is in none."""
        first, end = self.file_symbols[file], self.file_symbols[file + 1]
        begun = bisect_right(self.symbol_start, line, first, end)
        return next((s for s in range(begun - 1, first - 1, -1) if self.symbol_end[s] >= line), -1)

    def symbols_of_chunk(self, chunk: int) -> list[int]:
        """List the definitions that begin in a chunk; where none does, the one it belongs to."""
        file = self.file_of_chunk(chunk)
        first, last = self.file_symbols[file], self.file_symbols[file + 1]
        begun = bisect_left(self.symbol_start, self.chunk_start[chunk], first, last)
        end = bisect_right(self.symbol_start, self.chunk_end[chunk], first, last)
        owner = self.chunk_symbol[chunk]
        return list(range(begun, end)) or ([owner] if owner >= 0 else [])

    def postings(self, term: int) -> tuple[memoryview, memoryview]:
        """List the chunks that hold the term of a hash, and how often."""
        row = bisect_left(self.term_hash, term)
        if row == len(self.term_hash) or self.term_hash[row] != term:
            return self.post_chunk[:0], self.post_times[:0]
        begin, end = self.term_first[row], self.term_first[row + 1]
        return self.post_chunk[begin:end], self.post_times[begin:end]

    def uses(self, name: int) -> Iterable[tuple[int, int]]:
        """List the files that refer to the name of a hash, and how often."""
        row = bisect_left(self.used_hash, name)
        if row == len(self.used_hash) or self.used_hash[row] != name:
            return ()
        begin, end = self.used_first[row], self.used_first[row + 1]
        return zip(self.used_file[begin:end], self.used_times[begin:end], strict=True)

    def files(self) -> dict[str, str]:
        """Path → content name of what it was built from."""
        return dict(zip(self.paths.texts(), self.contents.texts(), strict=True))


_FORMATS: dict[str, Literal["B", "i", "Q"]] = {
    "chunk_symbol": "i", "chunk_digest": "B", "post_times": "B", "term_hash": "Q", "used_hash": "Q",
}  # fmt: skip
_TEXTS = frozenset(name for name, kind in Segment.__annotations__.items() if kind is Strings)


def open(buffer: bytes | memoryview) -> Segment:
    """Open a segment where it lies.

    Raises:
        ValueError: It is something else, of another version, or cut short.
    """
    view = memoryview(buffer)
    tables = len(Segment._fields) + len(_TEXTS)
    head = _HEAD.size + tables * _SPAN.size
    if len(view) < head:
        raise ValueError("a segment is cut short")
    if _HEAD.unpack_from(view) != (_MAGIC, VERSION, len(view), tables):
        raise ValueError("this is no segment of this version, or not all of it")
    spans = _SPAN.iter_unpack(view[_HEAD.size : head])
    parts = (view[begin:end] for begin, end in spans)
    fields: list[Strings | memoryview] = []
    for name in Segment._fields:
        if name in _TEXTS:
            fields.append(Strings(next(parts).cast("I"), next(parts)))
        else:
            fields.append(next(parts).cast(_FORMATS.get(name, "I")))
    return Segment(*fields)  # type: ignore[arg-type]


def build(files: Files, artefact: Callable[[str], bytes | memoryview | None]) -> bytes:
    """Merge the artefacts of files.

    Args:
        files: What the segment is of.
        artefact: Path → its packed `FileIndex`; None: nothing was read from the file.

    Raises:
        ValueError: An artefact is damaged.
    """
    collecting = gc.isenabled()
    gc.disable()  # it would walk through hundreds of thousands of tuples again and again
    try:
        return _pack(_merge(files, artefact))
    finally:
        if collecting:
            gc.enable()


class _Rows(dict[str, int]):
    """Texts as rows of a table, in the order in which they come."""

    def __missing__(self, text: str) -> int:
        row = self[text] = len(self)
        return row


class _Hashes(dict[str, int]):
    """Hashes of names: most are used in many files."""

    def __missing__(self, name: str) -> int:
        found = self[name] = terms.name_hash(name)
        return found


def _merge(
    files: Files, artefact: Callable[[str], bytes | memoryview | None]
) -> dict[str, "list[str] | array[int] | bytes"]:
    paths = sorted(files)
    languages, scopes, kinds = _Rows(), _Rows(), _Rows()
    file_language, file_chunks, file_symbols = array("I"), array("I", [0]), array("I", [0])
    chunk_start, chunk_end, chunk_symbol = array("I"), array("I"), array("i")
    digests: list[bytes] = []
    symbols: list[Sequence[Any]] = []
    sources: list[Source] = []
    name_hashes = _Hashes()
    used_hash, used_file, used_times = array("Q"), array("I"), array("I")
    for file, path in enumerate(paths):
        packed = artefact(path)
        language = ""
        if packed is not None:
            index = pack.open_packed(packed)
            language = index.language
            starts, ends, owners, digest = pack.chunk_columns(index)
            if starts:
                shift = len(symbols)
                chunk_start.extend(starts)
                chunk_end.extend(ends)
                chunk_symbol.extend([s + shift if s >= 0 else -1 for s in owners])
                digests.append(digest)
                sources.append(Source(terms.unpack(index.terms), terms.path_hashes(path)))
            symbols += pack.symbol_rows(index)
            uses = pack.uses(index)
            used_hash.extend([name_hashes[name] for name in uses])
            used_file.extend([file] * len(uses))
            used_times.extend([len(lines) for lines in uses.values()])
        file_language.append(languages[language])
        file_chunks.append(len(chunk_start))
        file_symbols.append(len(symbols))
    symbol_names, symbol_kinds, symbol_scopes, signatures, firsts, lasts, _ = (
        map(list, zip(*symbols, strict=True)) if symbols else ([] for _ in Symbol._fields)
    )
    names = sorted(set(symbol_names))
    lowers = sorted({name.lower() for name in names})
    name_row = {name: row for row, name in enumerate(names)}
    lower_row = {lower: row for row, lower in enumerate(lowers)}
    symbol_name = array("I", [name_row[name] for name in symbol_names])
    by_name = group(symbol_name)
    by_lower = group(array("I", [lower_row[name.lower()] for name in names]))
    by_use = group(used_hash)
    post = invert(sources)
    return {
        "paths": paths,
        "contents": [files[path] for path in paths],
        "file_language": file_language,
        "file_chunks": file_chunks,
        "file_symbols": file_symbols,
        "chunk_start": chunk_start,
        "chunk_end": chunk_end,
        "chunk_symbol": chunk_symbol,
        "chunk_length": post.lengths,
        "chunk_digest": b"".join(digests),
        "symbol_name": symbol_name,
        "symbol_scope": array("I", [scopes[scope] for scope in symbol_scopes]),
        "symbol_kind": array("I", [kinds[kind] for kind in symbol_kinds]),
        "symbol_start": array("I", firsts),
        "symbol_end": array("I", lasts),
        "signatures": signatures,
        "languages": list(languages),
        "scopes": list(scopes),
        "kinds": list(kinds),
        "names": names,
        "lowers": lowers,
        "lower_first": by_lower.first,
        "lower_names": by_lower.rows,
        "name_first": by_name.first,
        "name_symbols": by_name.rows,
        "term_hash": post.hashes,
        "term_first": post.first,
        "post_chunk": post.chunks,
        "post_times": post.times,
        "used_hash": by_use.keys,
        "used_first": by_use.first,
        "used_file": array("I", [used_file[row] for row in by_use.rows]),
        "used_times": array("I", [used_times[row] for row in by_use.rows]),
    }


def _length(text: str) -> int:
    """Bytes of a text in a table of them."""
    return 1 + len(text if text.isascii() else text.encode("utf-8", "surrogatepass"))


def _pack(tables: "Mapping[str, list[str] | array[int] | bytes]") -> bytes:
    parts: list[bytes] = []
    for name in Segment._fields:
        table = tables[name]
        if isinstance(table, list):
            encoded = "".join([f"{text}\n" for text in table]).encode("utf-8", "surrogatepass")
            lengths = map(_length, table)
            parts.append(array("I", accumulate(lengths, initial=0)).tobytes())
            parts.append(encoded)
        else:
            parts.append(bytes(table))
    at = _HEAD.size + len(parts) * _SPAN.size
    spans: list[bytes] = []
    padded: list[bytes] = []
    for part in parts:
        spans.append(_SPAN.pack(at, at + len(part)))
        padded.append(part + bytes(-len(part) % 8))
        at += len(padded[-1])
    return b"".join([_HEAD.pack(_MAGIC, VERSION, at, len(parts)), *spans, *padded])
