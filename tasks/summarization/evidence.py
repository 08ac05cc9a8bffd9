"""Lines outside of all findings that help to see why a command failed.

Where no format tells, words, the end of the output, and what stands before a failing step's
verdict are what is left. Each line gets a worth; the most telling ones that fit are shown as they
stand, in the order of the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log2

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.excerpt import LINE_BYTES, line_text, size
from slipstream.tasks.summarization.extract.common import rx
from slipstream.tasks.summarization.model import Finding, Severity

# The worth of a line, in an order that was found by measuring how much of labelled failures is
# left in 10,240 bytes; only the order counts, not the numbers.
Steps = tuple[tuple[int, float], ...]

VERDICT_TAIL: Steps = ((6, 9.0), (15, 7.0), (30, 5.0), (60, 3.0), (120, 1.5))
"""(lines before a failing step's verdict, worth)."""
LOG_TAIL: Steps = ((6, 7.0), (20, 5.0), (40, 3.0), (80, 1.5))
"""The same for the end of an output without a verdict."""
AROUND_ERROR = ((2, 7.0), (5, 5.0), (10, 2.5))
"""(lines before and after an error that a format told, worth)."""
CALM_TAIL, CALM_AROUND, CALM_PLAIN = ((10, 5.0),), ((3, 5.0),), 10
"""The same for an application log whose ordinary lines are told as templates."""
GUESS = {Severity.ERROR: 6.0, Severity.WARNING: 2.0, Severity.INFO: 3.0, Severity.FATAL: 6.5}
AROUND_GUESS = ((2, 0.6), (5, 1.2), (10, 2.2))
"""(lines before and after a guess, what is taken off its worth)."""
POSITION = 1.5
"""Added to a guess at the end of the log, in proportion to its place."""
REPEATED = 0.4
"""Taken off for each doubling of the number of lines that say the same."""
OUTSIDE = 1.5
"""Taken off a guess outside of the failing step."""
HEAD = 3
GAP = 12
"""Bytes that a gap between shown lines costs."""
PASSED = (
    r"(?:^|\s)(?:PASSED|PASS|OK|ok|SKIPPED|skipped)(?:\s+\[\s*\d+%\]|\s+\(.*\)|\s+[\d.]+ ?m?s)?$"
    r"|^(?:✓|✔|√|ok \d)"
)
"""How a line ends, or begins, that says that something went well: no evidence of a failure."""
WENT_WELL = 4.0
"""Taken off such a line."""
VERDICTS = 10
"""Verdicts and errors whose surroundings count."""


def take(
    doc: Document, worth: dict[int, float], shown: set[int], room: int, least: float
) -> tuple[list[int], int]:
    """Indices of the lines of worth `least` or more that fit `room` bytes, and the bytes left.

    Args:
        doc: The kept lines.
        worth: By index.
        shown: Indices of lines that are shown already.
        room: Bytes.
        least: Lines of less worth are left out.
    """
    chosen: set[int] = set()
    for i in sorted(worth, key=lambda i: (-worth[i], i)):
        if worth[i] < least or room < LINE_BYTES // 8:
            break
        if i in shown:
            continue
        near = not {i - 1, i + 1}.isdisjoint(chosen) or not {i - 1, i + 1}.isdisjoint(shown)
        cost = _cost(doc, i) + (0 if near else GAP)
        if cost <= room:
            chosen.add(i)
            room -= cost
    return sorted(chosen), room


def evidence_size(doc: Document, worth: dict[int, float], least: float) -> int:
    """Bytes of all lines of worth `least` or more."""
    return sum(_cost(doc, i) + GAP // 2 for i, value in worth.items() if value >= least)


def lines_size(doc: Document, indices: Iterable[int]) -> int:
    """Bytes of these lines."""
    return sum(_cost(doc, i) for i in indices)


def _cost(doc: Document, i: int) -> int:
    return size(line_text(doc, i)) + 1


def weigh(
    doc: Document,
    errors: Sequence[Finding],
    guesses: Sequence[Finding],
    failing: Sequence[tuple[int, int]],
    failed: bool | None,
    counted: bool,
    calm: bool = False,
    room: int = 0,
) -> dict[int, float]:
    """The worth of each line that has any, by its index.

    Args:
        doc: The kept lines.
        errors: What formats told, ranked.
        guesses: Findings by words alone.
        failing: First and last log line of each step that failed.
        failed: Whether the command failed.
        counted: Whether a tool has told the result of its run.
        calm: Whether the output is an application log whose ordinary lines are told otherwise.
        room: Bytes for the two ends of an output that did not fail.
    """
    around = CALM_AROUND if calm else AROUND_ERROR
    plain = CALM_PLAIN if calm else _at_ends(doc, room)
    total = len(doc)
    worth: dict[int, float] = {}

    def lift(i: int, value: float) -> None:
        if 0 <= i < total and worth.get(i, 0.0) < value and (text := doc.texts[i].strip()):
            if failed and rx(PASSED).search(text):
                value -= WENT_WELL
            worth[i] = max(value, worth.get(i, value))

    verdicts = [f for f in errors if f.kind in ("build", "ci") or f.tool == "ci"]
    if failed:
        steps = [i for f in verdicts if (i := doc.index(f.span[0])) is not None]
        ends = [(at, VERDICT_TAIL) for at in sorted(steps)[:VERDICTS]]
        ends = ends or [(total, CALM_TAIL if calm else LOG_TAIL)]
        for end, tail in ends:
            for i in range(max(0, end - tail[-1][0]), end):
                lift(i, next(value for lines, value in tail if end - i <= lines))
    for finding in [f for f in errors if f not in verdicts][:VERDICTS]:
        first, last = doc.index(finding.span[0]), doc.index(finding.span[1])
        if first is None or last is None:
            continue
        for away in range(1, around[-1][0] + 1):
            value = next(value for lines, value in around if away <= lines)
            lift(first - away, value)
            lift(last + away, value)
    counts: dict[str, int] = {}
    alike = [rx(r"[\d\W_]+").sub("", f.message)[:60] for f in guesses]
    for key, guess in zip(alike, guesses, strict=True):
        counts[key] = counts.get(key, 0) + guess.count
    for key, guess in zip(alike, guesses, strict=True):
        at = doc.index(guess.span[0])
        if at is None:
            continue
        value = GUESS[guess.severity] + POSITION * at / total - REPEATED * log2(counts[key])
        if failing and not any(a <= guess.span[0] <= b for a, b in failing):
            value -= OUTSIDE
        lift(at, value)
        for away in range(1, (around if calm else AROUND_GUESS)[-1][0] + 1):
            less = value - next(less for lines, less in AROUND_GUESS if away <= lines)
            lift(at + away, less)
            lift(at - away, less - 0.1)
    if not failed and not counted:
        for away in range(plain):
            lift(away, 1.0 - away / plain)
            lift(total - 1 - away, 1.1 - away / plain)
    for i in range(HEAD):
        lift(i, 0.2)
    return worth


def _at_ends(doc: Document, room: int) -> int:
    """Lines of the beginning, and as many of the end, that fill the room."""
    lines = 1
    for first, last in zip(doc.texts, reversed(doc.texts), strict=True):
        room -= min(len(first), LINE_BYTES) + min(len(last), LINE_BYTES) + 2
        if room < 0:
            break
        lines += 1
    return lines
