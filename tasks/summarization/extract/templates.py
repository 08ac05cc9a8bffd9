"""Repeated log lines as templates with counts: what varies is masked, the rest is the key.

Not a family of rules: the strategy for application logs calls it. One pass, bounded memory, and
the same lines give the same templates in the same order.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from slipstream.tasks.summarization.extract.common import rx
from slipstream.tasks.summarization.times import stamp

_MOST = 2000
"""Distinct templates that are told apart; later ones are counted together."""
_WORDS = 50_000
"""Words whose mask is remembered."""
_KEPT = 400
"""Characters of a line that make its template."""
_QUOTED = r"(?:(?<=^)|(?<=[\s(\[,]))(?<!: )\"[^\"]{0,200}\"(?!\s*:)"
"""Text in quotes that is not a key nor the value of one: those of JSON and logfmt tell what the
entry is."""
_VARIES = (
    r"(?P<time>\d{4}[-/]\d\d[-/]\d\d(?:T\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d|\d\d?:\d\d:\d\d(?:[.,]\d+)?)"
    r"|(?P<ip>(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?)"
    r"|(?P<path>(?:(?<=^)|(?<=[=:(\[,]))/[\w.@%+-]+(?:/[\w.@%+-]*)+)"
    r"|(?P<n>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{17}"
    r"|0x[0-9a-fA-F]+|(?<![A-Za-z])[0-9a-fA-F]*\d[0-9a-fA-F]*(?:\.\d+)?)"
)


class Template(NamedTuple):
    """Lines that differ only in what varies."""

    text: str
    """The line with `<n>`, `<time>`, `<ip>`, `<path>` and `<text>` in place."""
    lines: int
    """How many."""
    first: int
    """Log line number of the first occurrence."""
    last: int
    first_time: str
    """As the first occurrence prints it; empty if it prints none."""
    last_time: str
    example: str
    """The first occurrence."""


class _Group:
    """A template while lines are counted."""

    __slots__ = ("count", "example", "first", "last", "latest")

    def __init__(self, number: int, line: str) -> None:
        self.count = 0
        self.first = self.last = number
        self.example = self.latest = line


def masked(line: str, known: dict[str, str] | None = None) -> str:
    """The line's template.

    Args:
        line: The line; its first 400 characters count.
        known: Words masked before, to be filled; most words of a log come again.
    """
    line = line[:_KEPT]
    if '"' in line:
        line = rx(_QUOTED).sub('"<text>"', line)
    known = {} if known is None else known
    words = line.split(" ")
    for k, word in enumerate(words):
        if word.isalpha():
            continue
        mask = known.get(word)
        if mask is None:
            mask = rx(_VARIES).sub(_placeholder, word)
            if len(known) < _WORDS:
                known[word] = mask
        words[k] = mask
    return " ".join(words).replace("<time> <time>", "<time>")


def _placeholder(match: re.Match[str]) -> str:
    return f"<{match.lastgroup}>"


def templates(lines: Iterable[tuple[int, str]]) -> tuple[list[Template], int]:
    """Group lines by template.

    Args:
        lines: Log line number and text, ascending.

    Returns:
        The templates by falling count, then by first occurrence; and the number of lines that
        came after the 2,000th template and fit none.
    """
    every = list(lines)
    texts = [line[:_KEPT] for _, line in every]
    keys = _translated(texts, str.maketrans("123456789", "000000000"))
    if len(set(keys)) > _MOST:  # identifiers: they are hexadecimal, mostly
        keys = _translated(texts, str.maketrans("", "", "0123456789abcdef"))
    first = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
    last = dict(zip(keys, range(len(keys)), strict=True))
    groups: dict[str, _Group] = {}
    known: dict[str, str] = {}
    rest = 0
    for key, count in Counter(keys).items():
        number, line = every[first[key]]
        template = masked(line, known)
        if not template.strip():
            continue
        group = groups.get(template)
        if group is None:
            if len(groups) >= _MOST:
                rest += count
                continue
            group = groups[template] = _Group(number, line)
        group.count += count
        number, line = every[last[key]]
        if number >= group.last:
            group.last, group.latest = number, line
    found = [
        Template(t, g.count, g.first, g.last, stamp(g.example), stamp(g.latest), g.example)
        for t, g in groups.items()
    ]
    found.sort(key=lambda t: (-t.lines, t.first))
    return found, rest


def _translated(texts: Sequence[str], table: dict[int, Any]) -> list[str]:
    found = "\n".join(texts).translate(table).split("\n")  # at once: ten times as fast
    return found if len(found) == len(texts) else [text.translate(table) for text in texts]
