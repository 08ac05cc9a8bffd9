"""The ordinary lines of an application log, as templates with counts."""

from __future__ import annotations

from collections.abc import Sequence

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.excerpt import shorten, size
from slipstream.tasks.summarization.extract.common import rx
from slipstream.tasks.summarization.extract.templates import templates
from slipstream.tasks.summarization.model import Finding
from slipstream.tasks.summarization.text import printable
from slipstream.tasks.summarization.times import between

MOST, LEAST = 12, 3
"""Templates that are shown, and how often one comes at the least."""
LINE = 240
"""Bytes of one of them."""


def repeated(doc: Document, findings: Sequence[Finding], room: int) -> list[str]:
    """A section of the templates that most lines are made from; nothing where lines are not alike.

    Args:
        doc: All lines of the log.
        findings: Their lines are shown elsewhere.
        room: Bytes.
    """
    told = {
        line
        for finding in findings
        for line in (
            *range(finding.span[0], finding.span[1] + 1),
            *(place.log_line for place in finding.places),
        )
    }
    lines = [
        (number, text)
        for number, text in zip(doc.numbers, doc.texts, strict=True)
        if text and number not in told
    ]
    found, _ = templates(lines)
    often = [one for one in found if one.lines >= LEAST]
    if sum(one.lines for one in often) * 2 < len(lines):
        return []
    shown: list[str] = []
    for one in often[:MOST]:
        times = between(one.first_time, one.last_time)
        text = printable(rx(r"^[\s\[]*(?:<time>[\s\],]*)+").sub("", one.text))
        line = shorten(
            f"- ×{one.lines}, lines {one.first}-{one.last}{times and f', {times}'}: {text}", LINE
        )
        room -= size(line) + 1
        if room < 0:
            break
        shown.append(line)
    if not shown:
        return []
    of = f"{len(shown)} of {len(often)} templates" if len(shown) < len(often) else f"{len(often)}"
    return [f"\n## Repeated lines ({of})", *shown]
