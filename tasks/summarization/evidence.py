"""Lines outside of all findings that help to see why a command failed.

Where no format tells, words, the end of the output and the lines before a failing step's verdict
are what is left: they are weighed, taken with their context, and shown as they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.excerpt import line_text, size
from slipstream.tasks.summarization.model import Finding, Severity

CONTEXT = 3
"""Lines before and after a line that looks like a failure."""


class Evidence(NamedTuple):
    """A run of lines that is worth showing, by document indices, and how much."""

    first: int
    last: int
    worth: float


def evidence(
    doc: Document, guesses: Sequence[Finding], verdicts: Sequence[Finding], failed: bool
) -> Iterator[Evidence]:
    """Runs of lines, the most telling first.

    Args:
        doc: The kept lines.
        guesses: Findings by words alone.
        verdicts: Findings in which a build or a CI says that a step failed.
        failed: Whether the command failed.
    """
    runs: list[Evidence] = []
    total = max(1, len(doc))
    ends = [doc.index(f.span[0]) for f in verdicts]
    steps = sorted(i for i in ends if i is not None)
    if failed:
        for at in steps[:3]:
            runs.append(Evidence(max(0, at - 12), at, 6.0))
        runs.append(Evidence(max(0, len(doc) - 12), len(doc) - 1, 5.0 if not steps else 2.0))
    counts: dict[str, int] = {}
    for guess in guesses:
        i = doc.index(guess.span[0])
        if i is None:
            continue
        key = doc.texts[i].strip()[:40]
        counts[key] = counts.get(key, 0) + guess.count
        near_step = any(0 <= at - i < 200 for at in steps)
        worth = {Severity.ERROR: 4.0, Severity.WARNING: 1.0, Severity.INFO: 1.5}.get(guess.severity, 4.0)
        worth += 1.5 * (i / total) + (1.0 if near_step else 0.0) - 0.5 * (counts[key] - 1)
        runs.append(Evidence(max(0, i - CONTEXT), min(len(doc) - 1, i + CONTEXT), worth))
    if len(doc):
        runs.append(Evidence(0, min(2, len(doc) - 1), 0.5))
        runs.append(Evidence(max(0, len(doc) - 40), len(doc) - 1, 1.0))
    yield from sorted(runs, key=lambda run: (-run.worth, run.first))


def take(
    doc: Document, runs: Iterable[Evidence], shown: set[int], room: int
) -> list[int]:
    """Indices of the lines of the runs that fit `room` bytes and are not shown already."""
    chosen: set[int] = set()
    for run in runs:
        new = [
            i for i in range(run.first, run.last + 1)
            if i not in shown and i not in chosen and doc.texts[i].strip()
        ]  # fmt: skip
        cost = sum(size(line_text(doc, i)) + 1 for i in new)
        cost += 60 if new and new[0] - 1 not in chosen else 0
        if cost <= room:
            chosen.update(new)
            room -= cost
        if room < 80:
            break
    return sorted(chosen)
