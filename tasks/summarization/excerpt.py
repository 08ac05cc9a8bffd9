"""Verbatim lines of the log within a number of bytes, with a marker where lines are left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import own, rx
from slipstream.tasks.summarization.model import Finding
from slipstream.tasks.summarization.text import printable

LINE_BYTES = 600
"""A line in a summary is cut to this; the rest is in the log."""

Range = tuple[int, int]


def size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def line_text(doc: Document, i: int, limit: int = LINE_BYTES) -> str:
    """Line `i` of the document, printable, cut to `limit` bytes with a mark for the rest."""
    text = printable(doc.texts[i]).rstrip()
    return text if size(text) <= limit else shorten(text, limit)


def shorten(text: str, limit: int) -> str:
    """At most `limit` bytes of a line, cut at a word, with a mark that tells how much is gone."""
    data = text.encode()
    if len(data) <= limit:
        return text
    room = max(0, limit - 24)
    head = data[:room].decode("utf-8", "ignore")
    at = head.rfind(" ")
    if at > room * 3 // 4:
        head = head[:at]
    return f"{head} … (+{len(data) - size(head)} bytes)"[: limit or None]


def fence(lines: Sequence[str]) -> list[str]:
    """The lines as a Markdown block that nothing in them can end."""
    longest = max(
        (len(m[0]) for line in lines for m in rx(r"^\s*(`{3,})").finditer(line)), default=0
    )
    ticks = "`" * max(3, longest + 1)
    return [ticks, *lines, ticks]


def marker(log_id: str, first: int, last: int, total: int = 0) -> str:
    """What stands where lines are left out: how many, and the command that shows exactly those."""
    count = last - first + 1
    of = f" of {total}" if total else ""
    where = f": slip log {log_id} --lines {first}:{last}" if log_id else f" ({first}:{last})"
    return f"… {count}{of} lines{where}"


def block(doc: Document, chosen: Sequence[int], span: Range, log_id: str) -> list[str]:
    """The chosen lines (document indices, ascending) of a span, with markers in the gaps."""
    out: list[str] = []
    before = span[0] - 1
    total = span[1] - span[0] + 1
    for i in chosen:
        number = doc.numbers[i]
        if number > before + 1:
            out.append(marker(log_id, before + 1, number - 1, total))
        out.append(line_text(doc, i))
        before = number
    if before < span[1]:
        out.append(marker(log_id, before + 1, span[1], total))
    return out


def choose(doc: Document, finding: Finding, limit: int) -> list[int]:
    """Indices of the lines of a finding that fit `limit` bytes, the most telling first.

    All of them where they fit. Else the focus, then the first and last lines and the user's own
    code, then library frames, until the room is used.
    """
    span = finding.span
    indices = [i for i in range(*_index_range(doc, span)) if doc.texts[i].strip()]
    sizes = {i: size(line_text(doc, i)) + 1 for i in indices}
    if sum(sizes.values()) <= limit:
        return _trim(doc, list(range(*_index_range(doc, span))))
    focused = {i for first, last in finding.focus for i in range(*_index_range(doc, (first, last)))}
    middle = len(indices) / 2
    frames = [i for i in indices if _is_frame(doc.texts[i])]
    near = {i for i in frames if own(doc.texts[i])} | set(frames[-3:]) | set(frames[:2])

    def order(position: int) -> tuple[int, float]:
        i = indices[position]
        if i in focused:
            return 0, position
        if position in (0, len(indices) - 1):
            return 1, position
        if i in near:
            return 2, position
        distance = min(position, len(indices) - 1 - position)
        return (4 if i in frames else 3), distance if position < middle else distance + 0.5

    left, chosen = limit, []
    for position in sorted(range(len(indices)), key=order):
        i = indices[position]
        cost = sizes[i]
        if cost <= left:
            left -= cost
            chosen.append(i)
        elif order(position)[0] > 2:
            break
    return sorted(chosen)


def _is_frame(text: str) -> bool:
    return bool(
        rx(r"^\s*(?:at |File \"|from |#\d+ |\d+: |\.\.\. \d+ more|in `|\(.*:\d+\)$)").match(text)
    )


def _index_range(doc: Document, span: Range) -> tuple[int, int]:
    from bisect import bisect_left, bisect_right

    return bisect_left(doc.numbers, span[0]), bisect_right(doc.numbers, span[1])


def _trim(doc: Document, indices: list[int]) -> list[int]:
    while indices and not doc.texts[indices[-1]].strip():
        indices.pop()
    while indices and not doc.texts[indices[0]].strip():
        indices.pop(0)
    return indices


def merge_ranges(ranges: Iterable[Range]) -> list[Range]:
    """Ascending ranges without overlap; touching ones are joined."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
