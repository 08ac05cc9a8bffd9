"""Verbatim lines of the log within a number of bytes, with a marker where lines are left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import own, rx
from slipstream.tasks.summarization.model import Finding
from slipstream.tasks.summarization.text import printable

LINE_BYTES = 600
"""A line in a summary is cut to this; the rest is in the log."""
SHORTEST = 80
"""Lines of a finding that is too long are cut to a sixth of its room, but not below this."""
GAP = 64
"""Bytes of a marker between lines."""

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


def block(
    doc: Document, chosen: Sequence[int], span: Range, log_id: str, line_bytes: int = LINE_BYTES
) -> list[str]:
    """The chosen lines (document indices, ascending) of a span, with markers in the gaps."""
    out: list[str] = []
    before = span[0] - 1
    total = span[1] - span[0] + 1
    for i in chosen:
        number = doc.numbers[i]
        if number > before + 1:
            first = doc.index(before + 1)
            blank = first == i - 1 and not doc.texts[i - 1].strip()
            out.append("" if blank else marker(log_id, before + 1, number - 1, total))
        out.append(line_text(doc, i, line_bytes))
        before = number
    if before < span[1]:
        out.append(marker(log_id, before + 1, span[1], total))
    return out


def choose(doc: Document, finding: Finding, limit: int) -> tuple[list[int], int]:
    """What of a finding's lines fits `limit` bytes, the most telling first.

    All of them where they fit. Else the focus, then the first and last lines and the user's own
    code, then library frames, until the room is used, with what the markers between take.

    Returns:
        Indices of the lines, and the bytes to which one line is cut.
    """
    whole = range(*_index_range(doc, finding.span))
    indices = [i for i in whole if doc.texts[i].strip()]
    sizes = [size(line_text(doc, i)) + 1 for i in indices]
    if sum(sizes) + len(whole) - len(indices) <= limit:
        return list(whole), LINE_BYTES
    line_bytes = max(SHORTEST, min(LINE_BYTES, limit // 6))
    sizes = [min(cost, line_bytes + 1) for cost in sizes]
    last = len(indices) - 1
    classes = _classes(doc, finding, indices)
    left = limit - GAP
    chosen: set[int] = set()
    for at in sorted(range(len(indices)), key=lambda at: (classes[at], min(at, last - at), at)):
        beside = (at == 0 or at - 1 in chosen) + (at == last or at + 1 in chosen)
        cost = sizes[at] + GAP * (1 - beside)  # a line between two others closes a gap
        if cost <= left:
            left -= cost
            chosen.add(at)
        elif classes[at] > 3:
            break
    for at in range(1, last):  # a marker would take as much as the line that it stands for
        if at not in chosen and sizes[at] <= GAP and {at - 1, at + 1} <= chosen:
            chosen.add(at)
    shown = [indices[at] for at in sorted(chosen)]
    if not shown:
        return [], line_bytes
    kept, blank = set(shown), {i for i in whole if not doc.texts[i].strip()}
    for i in whole:  # blank lines beside what is shown are no gap
        if i in blank and i - 1 in kept:
            kept.add(i)
    for i in reversed(whole):
        if i in blank and i + 1 in kept:
            kept.add(i)
    return sorted(kept), line_bytes


def _classes(doc: Document, finding: Finding, indices: Sequence[int]) -> list[int]:
    """How telling each line of a finding is; a smaller number is more."""
    focused = {i for lines in finding.focus for i in range(*_index_range(doc, lines))}
    stacked = finding.kind not in ("git", "diff")  # they hold source text, which is no stack
    frames = [i for i in indices if stacked and _is_frame(doc.texts[i])]
    near = {*frames[-3:], *frames[:2]}

    def class_of(i: int) -> int:
        if i in focused:
            return 0
        if i in (indices[0], indices[-1]):
            return 1
        if i not in every:
            return 4
        return 2 if own(doc.texts[i]) else 3 if i in near else 5

    every = set(frames)
    return [class_of(i) for i in indices]


def _is_frame(text: str) -> bool:
    return bool(
        rx(r"^\s*(?:at |File \"|from |#\d+ |\d+: |\.\.\. \d+ more|in `|\(.*:\d+\)$)").match(text)
    )


def _index_range(doc: Document, span: Range) -> tuple[int, int]:
    from bisect import bisect_left, bisect_right

    return bisect_left(doc.numbers, span[0]), bisect_right(doc.numbers, span[1])


def merge_ranges(ranges: Iterable[Range]) -> list[Range]:
    """Ascending ranges without overlap; touching ones are joined."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
