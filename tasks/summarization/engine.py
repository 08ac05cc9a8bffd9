"""The one pass over the bytes: which pattern matches at which offset, in linear time.

Hyperscan (Vectorscan) where it has a wheel: all patterns at once at about 1 GB/s. RE2 elsewhere:
one union pattern finds the lines, a set tells which patterns they match. Neither backtracks, so no
pattern, a user's included, can run for ever.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol


class Pattern(NamedTuple):
    """One pattern of a scan, as bytes of a single line."""

    source: str
    caseless: bool = False


class Engine(Protocol):
    """A compiled set of patterns."""

    name: str

    def scan(self, data: bytes | memoryview, matched: Callable[[int, int], object]) -> None:
        """Call `matched(pattern index, end offset)` for each match in `data`.

        `data` holds whole lines. A pattern may be reported more than once for a line.
        """

    def dump(self) -> bytes:
        """Bytes that `load` takes; empty where compiling again is as quick."""


class PatternError(ValueError):
    """A pattern that the engine does not take. The message says why."""


def compile_patterns(patterns: Sequence[Pattern]) -> Engine:
    """Compile patterns for the best engine at hand.

    Raises:
        PatternError: A pattern is not valid or not of linear time; names its index.
    """
    try:
        import hyperscan
    except ImportError:
        return _Re2(patterns)
    return _Hyperscan(_compile_hyperscan(hyperscan, patterns))


def load(dumped: bytes, patterns: Callable[[], Sequence[Pattern]]) -> Engine:
    """The engine that was dumped, or a newly compiled one where that cannot be read here."""
    if dumped:
        try:
            import hyperscan

            database = hyperscan.loadb(dumped, hyperscan.HS_MODE_BLOCK)
            database.scratch = hyperscan.Scratch(database)
            return _Hyperscan(database)
        except Exception:  # made on another CPU or by another version: compile again
            return compile_patterns(patterns())
    return compile_patterns(patterns())


_OUTSIDE = {
    "\\s": r"[ \t\r\f\x0b]", "\\S": r"[^\s]", "\\W": r"[^\w\n]", "\\D": r"[^\d\n]",
    "\\v": r"\x0b", "\\A": "^", "\\Z": r"\r?$", "\\z": r"\r?$",
}  # fmt: skip
_INSIDE = {
    "\\s": r" \t\r\f\x0b", "\\v": r"\x0b", "\\D": r"\x00-\x09\x0b-/:-\xff",
    "\\W": r"\x00-\x09\x0b-/:-@\[-^`{-\xff", "\\S": r"\x00-\x08\x0e-\x1f!-\xff",
}  # fmt: skip
_LINE_FEED = r"\\(?:[nRC]|x0[aA]|x\{0*[aA]\}|0?12(?![0-7]))|\n|\(\?[a-zA-Z]*s[a-zA-Z]*[:)-]"
"""What matches one: its escapes, itself, and the flag by which a dot does."""


def line_bound(source: str) -> str:
    """The pattern, rewritten so that it never looks past its line.

    `\\s` and negated classes do not match a line feed, `$` also matches before a CR LF, and the
    ends of a text are those of a line. (To Hyperscan `\\v` is all vertical space, line feed too.)

    Raises:
        PatternError: It asks for a line feed.
    """
    out: list[str] = []
    i, in_class = 0, False
    while i < len(source):
        char = source[i]
        special = char in "\\\n" or (char == "(" and not in_class)
        if special and (feed := re.match(_LINE_FEED, source[i : i + 16])):
            raise PatternError(f"{feed[0]!r} asks for a line feed; lines are searched one by one")
        if char == "\\" and i + 1 < len(source):
            pair = source[i : i + 2]
            out.append((_INSIDE if in_class else _OUTSIDE).get(pair, pair))
            i += 2
            continue
        if in_class and (named := re.match(r"\[:\^?[a-z]+:\]", source[i : i + 16])):
            out.append(_INSIDE["\\s"] if named[0] == "[:space:]" else named[0])
            i += len(named[0])
            continue
        if in_class:
            in_class = char != "]"
            out.append(char)
        elif char == "[":
            in_class = True
            out.append(char)
            if source[i + 1 : i + 2] == "^":
                out.append("^\\n")
                i += 1
            if source[i + 1 : i + 2] == "]":
                out.append("\\]")
                i += 1
        elif char == "$":
            out.append(r"\r?$")
        else:
            out.append(char)
        i += 1
    return "".join(out)


def shortest(source: str) -> str:
    """The pattern without a repetition at its end, which changes no line that matches.

    Of `error: .*` Hyperscan would tell every end, one for each byte of the line.
    """
    escape = r"\\x[0-9a-fA-F]{2}|\\[0-7]{2,3}|\\(?![x0-9]).|\\0"
    atom = rf"{escape}|\[\^?\]?(?:\\.|[^\]\\])*\]|[^][\\(){{}}|*+?^$]"
    end = rf"((?:{escape}|[^\\])*?)({atom})([*+])\??(\)*)"
    while (found := re.fullmatch(end, source, re.DOTALL)) is not None:
        before, one, times, after = found.groups()
        if not before and times == "*":
            break  # it matches every line
        source = before + (one if times == "+" else "") + after
    return source


class _Hyperscan:
    name = "hyperscan"

    def __init__(self, database: Any) -> None:
        self._database = database

    def scan(self, data: bytes | memoryview, matched: Callable[[int, int], object]) -> None:
        def on_match(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
            matched(pattern, end)

        self._database.scan(data, match_event_handler=on_match)

    def dump(self) -> bytes:
        import hyperscan

        return bytes(hyperscan.dumpb(self._database))


def _compile_hyperscan(hyperscan: Any, patterns: Sequence[Pattern]) -> Any:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    flags = [
        hyperscan.HS_FLAG_MULTILINE | (hyperscan.HS_FLAG_CASELESS if p.caseless else 0)
        for p in patterns
    ]
    sources = [line_bound(shortest(p.source)).encode() for p in patterns]
    try:
        database.compile(
            expressions=sources, ids=list(range(len(sources))), elements=len(sources), flags=flags
        )
    except hyperscan.error as error:
        raise PatternError(str(error)) from error
    database.scratch = hyperscan.Scratch(database)
    return database


class _Re2:
    name = "re2"

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        import re2

        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.log_errors = False
        options.max_mem = 256 << 20
        self._set = re2.Set.SearchSet(options)
        sources = []
        for at, pattern in enumerate(patterns):
            source = line_bound(pattern.source).replace(r"[^\s]", r"[^\s\x0b]")
            source = ("(?i)" if pattern.caseless else "") + "(?m)" + source
            try:
                self._set.Add(source)
            except re2.error as error:
                raise PatternError(f"expression {at}: {error}") from error
            sources.append(f"(?:{source})")
        self._set.Compile()
        self._any = re2.compile("|".join(sources).encode(), options)

    def scan(self, data: bytes | memoryview, matched: Callable[[int, int], object]) -> None:
        data = bytes(data)
        at = 0
        while found := self._any.search(data, at):
            first = data.rfind(b"\n", 0, found.start()) + 1
            last = data.find(b"\n", found.start())
            last = len(data) if last < 0 else last
            if first == len(data):
                return  # behind the last line feed is no line
            for pattern in self._set.Match(data[first:last]) or ():
                matched(pattern, last)
            at = last + 1
            if at > len(data):
                return

    def dump(self) -> bytes:
        return b""
