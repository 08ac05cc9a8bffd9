"""One content, read for the index: its symbols, references, chunks and terms.

The result depends on the bytes and the language alone, whatever machine reads them, so that it can
be kept under the content's name; `producer` is the third part of that name.
"""

import os
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from itertools import accumulate, repeat
from operator import add

from slipstream.tasks.indexing import chunk, pack, skip, terms
from slipstream.tasks.indexing.languages import PARSED, describe
from slipstream.tasks.indexing.model import FileIndex, SkipReason
from slipstream.tasks.indexing.symbols import Found, TooHardError, find

VERSION = 1
"""Bump when the same content would give another index, as tests/fixtures/sources/expected shows."""

_NOTHING = Found((), (), {})


def parse(language: str, data: bytes) -> FileIndex:
    """Read a content; never raises, whatever it is.

    Args:
        language: As `language.of` says.
        data: The whole content.
    """
    return pack.unpack(packed(language, data))


def packed(language: str, data: bytes, *, syntax: bool = True) -> bytes:
    """The same as `pack.pack` gives it, without making the objects in between.

    Args:
        language: As `language.of` says.
        data: The whole content.
        syntax: Whether to parse it; else it is read like plain text.
    """
    text = skip.decoded(data)
    reason: SkipReason = "binary" if text is None else skip.by_content(text, language)
    if text is None or reason:
        return pack.join(language, _lines(text or b""), reason, (), {}, (), b"")
    starts = offsets(text)
    found = _NOTHING
    if syntax and language in PARSED:
        with suppress(TooHardError):  # it is, on every machine alike
            found = find(language, text, starts)
    chunks = chunk.cut(text, starts, found.symbols, found.depths)
    counted = terms.chunk_terms(text, starts, chunks, found.symbols)
    lines = len(starts) - 1
    return pack.join(language, lines, "", found.symbols, found.references, chunks, counted)


def offsets(text: bytes) -> list[int]:
    """Byte offset of each line of a text, and its length."""
    lines = text.split(b"\n")
    starts = list(accumulate(map(add, map(len, lines), repeat(1)), initial=0))
    starts.pop()
    if starts[-1] == len(text):  # it ends with an end of line
        return starts
    return [*starts, len(text)]


def _lines(text: bytes) -> int:
    return text.count(b"\n") + (not text.endswith(b"\n") and bool(text))


@cache
def producer(language: str) -> str:
    """What read a content: a part of the key of its index, so that another version reads it anew.

    Raises:
        ModuleNotFoundError: The grammar's package is not installed.
    """
    own = f"{language}-{VERSION}.{terms.VERSION}"
    if language not in PARSED:
        return own
    return f"{own}-{_version(describe(language).package)}-{_version('tree_sitter')}"


def _version(package: str) -> str:
    """Version of an installed package, from its folder of metadata.

    `importlib.metadata` takes 40 ms to import.
    """
    spec = find_spec(package)
    if spec is None or not spec.origin:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    for name in sorted(os.listdir(os.path.dirname(os.path.dirname(spec.origin)))):
        if name.endswith(".dist-info") and name.startswith(f"{package}-"):
            return name[len(package) + 1 : -len(".dist-info")]
    from importlib.metadata import version

    return version(package)
