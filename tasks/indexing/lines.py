"""Finding text in the lines of files: substrings, and regular expressions that take linear time.

Files are read by name and searched one after the other: 4,200 files take 90 ms, which no index of
trigrams repays that has to be made at every commit.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import NamedTuple, TypeAlias

from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing import skip

LARGEST = 16 << 20  # bytes; larger files are not searched
AT_ONCE = 128  # files that are read together: git is started for them once, where it is needed
LONGEST_PATTERN = 1000  # characters; longer texts are not made expressions of
LONGEST_LINE = 400  # characters of a line that are shown

Read: TypeAlias = Callable[[Iterable[tuple[str, str]]], Iterable[tuple[str, str, bytes | None]]]
"""Path and content name → the same with the bytes of that content; None: it cannot be had."""

Matcher: TypeAlias = Callable[[bytes], Iterable[int]]
"""Bytes → an offset in each line that matches, in order; a line may come more than once."""

_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")  # of byte order


class Matches(NamedTuple):
    """What matches in a file.

    Attributes:
        path: Of the file.
        rows: Lines that match, counted from 0, each once.
        text: The whole of it, in UTF-8.
    """

    path: str
    rows: list[int]
    text: bytes


def substring(query: str) -> Matcher:
    """Match a text; its case counts only if it has capital letters."""
    wanted = query.encode("utf-8", "surrogatepass")
    if query != query.lower() or query.upper() == query:
        return lambda data: _each(data, wanted)
    if query.isascii() and "\n" not in query and len(query) <= LONGEST_PATTERN:
        return _pattern(re.escape(query), caseless=True)
    # The other case of a letter may be longer or shorter, so the offsets are those of lines.
    lower = query.lower()

    def in_any_case(data: bytes) -> Iterator[int]:
        at = 0
        for line in data.split(b"\n"):
            if lower in line.decode("utf-8", "replace").lower():
                yield at
            at += len(line) + 1

    return in_any_case


def expression(query: str) -> Matcher:
    """Match a regular expression within lines, in linear time whatever it is.

    Raises:
        UsageError: It is not valid, or needs what no linear engine can do.
    """
    if not query:
        raise UsageError("The regular expression is empty; give one.")
    try:
        query.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            "The regular expression holds bytes that are not UTF-8; give them as \\xFF."
        ) from error
    return _pattern(query, caseless=False)


def search(
    pairs: Iterable[tuple[str, str]], matcher: Matcher, read: Read
) -> Iterator[tuple[int, Matches]]:
    """Search files in their order; binary ones and those over `LARGEST` are passed over.

    What is found comes with its number among the pairs.

    Args:
        pairs: Path and content name.
        matcher: What to look for.
        read: Reads contents by name, and is sure of them.
    """
    waiting = enumerate(pairs)
    while group := list(islice(waiting, AT_ONCE)):
        likely = {
            path: (at, name)
            for at, (path, name) in group
            if skip.by_path(path, -1, LARGEST) != "binary"
        }
        found: dict[str, Matches] = {}
        for path, _, data in read((path, name) for path, (_, name) in likely.items()):
            if data and len(data) <= LARGEST and (one := _look_into(path, data, matcher)):
                found[path] = one
        yield from ((at, found[path]) for path, (at, _) in likely.items() if path in found)


def _look_into(path: str, data: bytes, matcher: Matcher) -> Matches | None:
    """Search one file; whether it is text at all is asked last, since it costs the most."""
    text: bytes | None = data
    if not data.isascii():
        text = skip.decoded(data)
    rows = _matches(text, matcher) if text else []
    if text is data and rows:
        text = skip.decoded(data)
    return Matches(path, rows, text) if rows and text else None


def text_lines(data: bytes | None) -> list[bytes]:
    """Cut a content into lines; none where it cannot be had or is not text."""
    text = skip.decoded(data) if data else None
    return split(text) if text else []


def shown(line: bytes) -> str:
    """Decode a line as it is shown."""
    return line.decode("utf-8", "replace").removesuffix("\r")[:LONGEST_LINE]


def split(text: bytes) -> list[bytes]:
    """Cut text into lines as they are counted everywhere, at line feeds, which are left out."""
    lines = text.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _matches(data: bytes, matcher: Matcher) -> list[int]:
    if data.startswith(_MARKS):
        data = skip.decoded(data) or b""
    rows: list[int] = []
    row = counted = 0
    for offset in matcher(data):
        row += data.count(b"\n", counted, offset)
        counted = offset
        if not rows or rows[-1] != row:
            rows.append(row)
    return rows


def _each(data: bytes, wanted: bytes) -> Iterator[int]:
    at = data.find(wanted)
    while at >= 0:
        yield at
        line = data.find(b"\n", at)
        at = data.find(wanted, line + 1) if line >= 0 else -1


def _pattern(source: str, *, caseless: bool) -> Matcher:
    from slipstream.tasks.summarization.engine import Pattern, PatternError, compile_patterns

    try:
        engine = compile_patterns([Pattern(source, caseless)])
    except PatternError as error:
        empty = "ALLOWEMPTY" in str(error)
        why = "It matches the empty text, so every line would be a hit." if empty else error
        raise UsageError(f"The regular expression cannot be used: {why}") from error
    # All ends of all matches are told, of `\w+` one for each letter: those of lines are fewer. It
    # cannot be asked for where an anchor is at the end already.
    with suppress(PatternError):
        engine = compile_patterns([Pattern(f"(?:{source}).*$", caseless)])

    def matcher(data: bytes) -> list[int]:
        ends: list[int] = []
        engine.scan(data, lambda _, end: ends.append(end))
        ends.sort()
        return ends

    return matcher
