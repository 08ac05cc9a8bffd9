"""Findings in the order of what matters: merged, root cause first, cascades last."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from slipstream.tasks.summarization.extract.common import rx
from slipstream.tasks.summarization.model import Finding, Place, Severity, Tally

PLACES = 1000
"""Other places of one finding that are kept; more are counted."""

_MISSING = (
    r"(?i)no such file|file not found|cannot find|can't find|could not find|not found|no module"
    r"|cannot open|unresolved import|does not exist|unable to resolve|could not resolve"
)
"""What one thing that is missing looks like: errors that follow in the same tool come of it."""


def rank(findings: Sequence[Finding], tallies: Sequence[Tally] = ()) -> list[Finding]:
    """Merge repeated findings, mark the root cause and its cascades, and put all in order.

    Order: severity (fatal before error before warning before info), the root cause before all of
    its severity, cascades after the rest, verdicts of builds after what they are about, guesses
    after what a format tells, and then the order of the log.
    """
    merged = merge(findings)
    marked = _mark_roles(merged)
    return sorted(marked, key=_order)


def _order(finding: Finding) -> tuple[int, int, int, int, int]:
    return (
        0 if finding.role == "root" else 1,
        -max(finding.severity, Severity.WARNING - 1) if finding.role != "cascade" else -Severity.ERROR,
        1 if finding.role == "cascade" else 0,
        0 if finding.weight >= 10 else 1 if finding.weight >= 2 else 2,
        finding.span[0],
    )


def normal(message: str) -> str:
    """The message with what differs from run to run folded: numbers, addresses, times, paths."""
    message = rx(r"0x[0-9a-fA-F]+|\b[0-9a-f]{7,64}\b").sub("#", message)
    message = rx(r"\d+").sub("#", message)
    return rx(r"\s+").sub(" ", message).strip()


def digest(finding: Finding) -> str:
    """Name of a finding that stays the same from run to run: what it says, not where it stands."""
    parts = (finding.tool, finding.code, finding.name, normal(finding.message))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for what was reported several times.

    The same failure of a test told twice (its block, and a line of the closing list) is one
    finding, the heavier one. Findings that say the same, numbers aside, are one with a count and
    every other place; a different file, line or code makes them different.
    """
    by_name: dict[tuple[str, str], int] = {}
    by_text: dict[tuple[object, ...], int] = {}
    kept: list[Finding] = []
    for finding in findings:
        if finding.name:
            at = by_name.setdefault((finding.tool, finding.name), len(kept))
            if at < len(kept):
                old = kept[at]
                if old.span != finding.span and old.weight != finding.weight:
                    kept[at] = max(old, finding, key=lambda f: f.weight)
                    continue
        key = (
            finding.severity, finding.tool, finding.file, finding.line, finding.column,
            finding.code, finding.name, normal(finding.message),
        )  # fmt: skip
        at = by_text.setdefault(key, len(kept))
        if at == len(kept):
            kept.append(finding)
            continue
        old = kept[at]
        place = Place(finding.file, finding.line, finding.column, finding.span[0])
        places = (*old.places, place) if len(old.places) < PLACES else old.places
        kept[at] = old._replace(count=old.count + 1, places=places)
    return kept


_VERDICTS = {"build", "ci"}


def _mark_roles(findings: list[Finding]) -> list[Finding]:
    """Mark the root cause, and what follows from it.

    The root cause is the first error that a format tells and that is not itself a build's
    verdict about another tool's failure. What builds and CI say after it follows from it, and so
    do later errors of the same compiler when the root is something missing.
    """
    errors = [f for f in findings if f.severity >= Severity.ERROR]
    sure = [f for f in errors if f.weight >= 10]
    if not sure:
        return findings
    concrete = [f for f in sure if f.kind not in _VERDICTS and f.tool != "ci"]
    fatal = [f for f in concrete if f.severity == Severity.FATAL]
    pool = concrete or sure
    root = min(pool, key=lambda f: f.span)
    if fatal and root.severity < Severity.FATAL and fatal[0].tool == root.tool:
        root = min(fatal, key=lambda f: f.span)
    missing = root.kind == "compiler" and bool(rx(_MISSING).search(root.message))
    result = []
    for finding in findings:
        role = ""
        if finding is root:
            role = "root"
        elif finding.severity >= Severity.ERROR and finding.span > root.span:
            verdict = finding.kind in _VERDICTS or finding.tool == "ci"
            if concrete and verdict:
                role = "cascade"
            elif missing and finding.tool == root.tool and finding.severity < Severity.FATAL:
                role = "cascade"
        result.append(finding._replace(role=role) if role != finding.role else finding)
    return result
