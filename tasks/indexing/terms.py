"""Terms of source code: what a chunk is found by, packed for merging without parsing.

A token is a run of letters, digits and `_`. Its terms are the whole identifier in lower case
without `_`, so that `parse_headers` and `parseHeaders` are one, its words, and their singular:
`parse`, `headers`, `header`. A term is known by the xxh3-64 of its text, nothing else is kept.

Packed, in the byte order of the machine (a cache stays on its machine)::

    4 x u32   magic, chunks, distinct tokens, postings
    u32       of each chunk: number of its postings
    u32       of each posting, chunk after chunk: the token
    u8        of each posting: how often, with the weights of names and docs; 255: that or more
    u8        of each token: bytes of its hashes
    u64       of each token: hashes of its terms

Tokens are counted while parsing and their terms are multiplied out when a segment is built, since
the first runs for every line of a repository in Python and the second runs in numpy.
"""

import re
import sys
import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from xxhash import xxh3_64_digest

from slipstream.tasks.indexing.model import Chunk, Symbol

VERSION = 2
"""Bump when the terms of any text or their packed form change."""

NAME_WEIGHT = 4  # further occurrences of the words of a definition's name
DOC_WEIGHT = 4  # of the first sentence of its docstring
SCOPE_WEIGHT = 1  # of the classes it stands in

LONGEST_TOKEN = 64  # bytes; longer ones are data: hashes, base64
LONGEST_NUMBER = 8  # digits
MOST_TERMS = 31  # of one token; their hashes' bytes fit one byte
_REMEMBERED = 200_000  # tokens whose terms stay in memory, about 30 MB

_MAGIC = 0x31_4D_52_54  # TRM1
_HEADER = 16  # bytes
# Everything but letters, digits, `_` and what is not ASCII becomes a space: `translate` and `split`
# take a third of the time of a regular expression.
_TOKENS = bytes(
    byte if byte > 127 or chr(byte).isalnum() or byte == ord("_") else ord(" ")
    for byte in range(256)
)
_WORD = re.compile(r"\w+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_FOREIGN_PART = re.compile(r"[^\W\d_]+|\d+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")  # kana, han, hangul


class Packed(NamedTuple):
    """Views of the parts of packed terms; nothing is copied.

    Attributes:
        sizes: u32, of each chunk: number of its postings.
        tokens: u32, of each posting: the token.
        counts: u8, of each posting: how often.
        lengths: u8, of each token: bytes of its hashes.
        hashes: Bytes of the u64 of all tokens.
    """

    sizes: memoryview
    tokens: memoryview
    counts: memoryview
    lengths: memoryview
    hashes: memoryview


def chunk_terms(
    data: bytes, offsets: Sequence[int], chunks: Sequence[Chunk], symbols: Sequence[Symbol]
) -> bytes:
    """Count the tokens of a file's chunks, and pack them.

    Args:
        data: Content of the file, in UTF-8 or anything that holds ASCII.
        offsets: Byte offset of each line, and the length of `data` at the end.
        chunks: In order, not overlapping.
        symbols: In the order of their first lines.
    """
    ids: defaultdict[bytes, int] = defaultdict()
    ids.default_factory = ids.__len__
    sizes: list[int] = []
    postings: list[int] = []
    counts: list[int] = []
    number = ids.__getitem__
    text = data.translate(_TOKENS)
    symbol, last = 0, len(symbols)
    for chunk in chunks:
        found = text[offsets[chunk.start - 1] : offsets[chunk.end]].split()
        if chunk.symbol >= 0 and symbols[chunk.symbol].start < chunk.start:
            found += _head(symbols[chunk.symbol])  # a further part of a long definition
        while symbol < last and symbols[symbol].start <= chunk.end:
            found += _head(symbols[symbol])
            symbol += 1
        count = Counter(found)
        sizes.append(len(count))
        postings += map(number, count)
        counts += count.values()
    try:
        times = bytes(counts)
    except ValueError:
        times = bytes([min(count, 255) for count in counts])
    hashes = list(map(_HASHES.__getitem__, ids))
    header = array("I", (_MAGIC, len(chunks), len(ids), len(postings)))
    return b"".join(
        (
            header.tobytes(),
            array("I", sizes).tobytes(),
            array("I", postings).tobytes(),
            times,
            bytes(map(len, hashes)),
            *hashes,
        )
    )


def unpack(packed: bytes | memoryview) -> Packed:
    """Open packed terms.

    Raises:
        ValueError: It is something else, or cut short.
    """
    view = memoryview(packed)
    if len(view) < _HEADER:
        raise ValueError("packed terms are cut short")
    magic, chunks, distinct, postings = view[:_HEADER].cast("I")
    ends = [_HEADER]
    for size in (4 * chunks, 4 * postings, postings, distinct):
        ends.append(ends[-1] + size)
    if magic != _MAGIC or ends[-1] > len(view) or (len(view) - ends[-1]) % 8:
        raise ValueError("these are not packed terms of this version")
    return Packed(
        view[ends[0] : ends[1]].cast("I"),
        view[ends[1] : ends[2]].cast("I"),
        view[ends[2] : ends[3]],
        view[ends[3] : ends[4]],
        view[ends[4] :],
    )


def term_hash(term: str) -> int:
    """Name a term as the packed hashes name it."""
    return int.from_bytes(xxh3_64_digest(term.encode()), sys.byteorder)


def name_hash(name: str) -> int:
    """Name an identifier as it is written."""
    return int.from_bytes(xxh3_64_digest(name.encode("utf-8", "surrogatepass")), sys.byteorder)


def path_hashes(path: str) -> bytes:
    """Hash the terms of a path, as `unpack` gives those of a token; its ending is left out."""
    folders, _, name = path.rpartition("/")
    stem, _, _ = name.rpartition(".")
    hashes = {_HASHES[token] for token in tokens(f"{folders} {stem or name}")}
    found = {joined[at : at + 8] for joined in hashes for at in range(0, len(joined), 8)}
    return b"".join(sorted(found))


def tokens(text: str) -> list[bytes]:
    """List the tokens of a text."""
    return text.encode("utf-8", "replace").translate(_TOKENS).split()


def query_terms(query: str) -> list[str]:
    """List the terms to look for, each once."""
    return list(dict.fromkeys(term for token in tokens(query) for term in token_terms(token)))


def token_terms(token: bytes) -> list[str]:
    """List the terms of one token: the whole, its words, and the singular of words."""
    if len(token) > LONGEST_TOKEN or (token.isdigit() and len(token) > LONGEST_NUMBER):
        return []
    text = token.decode("utf-8", "replace")
    if text.isascii() and text.isalpha() and (text.islower() or text.isupper()):
        word = text.lower()
        return list(dict.fromkeys((word, singular(word)))) if len(text) > 1 else []
    terms: list[str] = []
    # In ASCII a token is one word; where it is in lower case, so are its parts.
    runs = [text] if text.isascii() else _WORD.findall(unicodedata.normalize("NFC", text))
    for word in runs:
        whole = word.replace("_", "").lower()
        parts = words(word) if word.islower() else [part.lower() for part in words(word)]
        if parts != [whole]:
            terms.append(whole)
        terms += parts
        terms += map(singular, parts)
    # One letter says too little: it is in every second chunk.
    return [term for term in dict.fromkeys(terms) if len(term) > 1][:MOST_TERMS]


def words(name: str) -> list[str]:
    """Split an identifier at `_`, at changes of case, and between letters and digits.

    Scripts that put no spaces between words are cut into overlapping pairs of characters.
    """
    if name.isascii():
        return _PART.findall(name)
    parts: list[str] = []
    for part in _FOREIGN_PART.findall(name):
        if not _UNSPACED.fullmatch(part):
            parts.append(part)
        else:
            parts += [part[i : i + 2] for i in range(max(1, len(part) - 1))]
    return parts


def singular(word: str) -> str:
    """Take the plural from an English word, roughly: `headers`, `entries`, `classes`."""
    if word[-1:] != "s" or len(word) < 4 or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1]


def _head(symbol: Symbol) -> list[bytes]:
    """List the tokens that a definition adds to the chunk it begins in, with their weights."""
    return (
        tokens(symbol.name) * NAME_WEIGHT
        + tokens(symbol.doc) * DOC_WEIGHT
        + tokens(symbol.scope) * SCOPE_WEIGHT
    )


class _Hashes(dict[bytes, bytes]):
    """Hashes of the terms of each token seen; bounded by beginning anew."""

    def __missing__(self, token: bytes) -> bytes:
        if len(self) >= _REMEMBERED:
            self.clear()
        hashes = self[token] = b"".join(
            [xxh3_64_digest(term.encode()) for term in token_terms(token)]
        )
        return hashes


_HASHES = _Hashes()
