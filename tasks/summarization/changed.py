"""The files of a diff with what was added and deleted, where the diff itself does not fit."""

from __future__ import annotations

from collections.abc import Sequence

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.excerpt import shorten, size
from slipstream.tasks.summarization.model import Finding, Severity
from slipstream.tasks.summarization.text import printable

LINE = 200
"""Bytes of the line of one file."""


def changed(doc: Document, findings: Sequence[Finding], room: int, share: int) -> list[str]:
    """A section of the files that a diff changes; nothing where the whole diff fits.

    In the order of the diff where all of them fit, else the ones that it changes most.

    Args:
        doc: The kept lines.
        findings: What was found; those of diffs hold the counts in their message.
        room: Bytes into which the diff would have to fit.
        share: Bytes of the section.
    """
    files = [f for f in findings if f.kind == "diff" and f.severity == Severity.INFO]
    if len(files) < 2 or sum(_size(doc, f) for f in files) < room:
        return []
    lines = {f.span: shorten(f"- {printable(f.message)}", LINE) for f in files}
    if sum(size(line) + 1 for line in lines.values()) > share:
        files.sort(key=lambda f: f.span[0] - f.span[1])
    shown: list[str] = []
    for file in files:
        share -= size(lines[file.span]) + 1
        if share < 0:
            break
        shown.append(lines[file.span])
    if len(shown) < len(files):
        shown.append(f"… {len(files) - len(shown)} more files, each with fewer lines")
    return [f"\n## Changed files ({len(files)})", *shown]


def _size(doc: Document, finding: Finding) -> int:
    """About how many bytes it takes to show a finding as it stands."""
    first, last = finding.span
    start = doc.index(first)
    if start is None:
        return 0
    texts = doc.texts[start : start + last - first + 1]
    return sum(map(len, texts)) + len(texts) + 60
