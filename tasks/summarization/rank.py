"""Findings in the order of what matters: merged, root cause first, cascades last."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from slipstream.tasks.summarization.extract.common import rx
from slipstream.tasks.summarization.group import merge, normal
from slipstream.tasks.summarization.model import Finding, Severity

TOOL_WEIGHT = 20
"""Weight from which a rule knows the tool, not only a format that many share."""

_MISSING = (
    r"(?i)no such file|file not found|cannot find|can't find|could not find|not found|no module"
    r"|cannot open|unresolved import|does not exist|unable to resolve|could not resolve"
)
"""What one thing that is missing looks like: errors that follow in the same tool come of it."""


def rank(findings: Sequence[Finding], failing: Sequence[tuple[int, int]] = ()) -> list[Finding]:
    """Merge repeated findings, mark the root cause and its cascades, and put all in order.

    Order: the root cause; severity (fatal before error before warning before info), cascades after
    the other errors; then findings of the failing step, what a tool's own
    format tells before what is only logged, and the order of the log.

    Args:
        findings: In the order of the log.
        failing: First and last line of each step that a CI system calls failed.
    """
    merged = merge(findings)
    tiers = {id(f): _tier(f, failing) for f in merged}
    root = _root(merged, tiers)
    roles = _roles(merged, root)
    place = {
        id(f): (*_class(f, role), tiers[id(f)], f.span[0])
        for f, role in zip(merged, roles, strict=True)
    }
    order = sorted(range(len(merged)), key=lambda i: place[id(merged[i])])
    return [merged[i]._replace(role=roles[i]) for i in order]


def _class(finding: Finding, role: str) -> tuple[int, int]:
    if role == "root":
        return -Severity.FATAL - 1, 0
    severity = Severity.ERROR if role == "cascade" else finding.severity
    return -severity, 1 if role == "cascade" else 0


def _tier(finding: Finding, failing: Sequence[tuple[int, int]]) -> int:
    """How near a finding is to why the command failed; smaller is nearer."""
    outside = bool(failing) and not any(a <= finding.span[0] <= b for a, b in failing)
    logged = finding.kind == "log" and finding.weight < TOOL_WEIGHT
    return 4 * outside + 2 * logged + (finding.weight < TOOL_WEIGHT)


def digest(finding: Finding) -> str:
    """Name of a finding that stays the same from run to run: what it says, not where it stands."""
    parts = (finding.tool, finding.code, finding.name, normal(finding.message))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def _is_verdict(finding: Finding) -> bool:
    """Whether a build or a CI system says that something else failed."""
    return finding.kind == "build" and (
        finding.tool in ("ci", "make", "ninja") or finding.weight < TOOL_WEIGHT
    )


def _root(findings: Sequence[Finding], tiers: dict[int, int]) -> Finding | None:
    """The first error of the nearest kind that is not itself a verdict about another failure."""
    errors = [f for f in findings if f.severity >= Severity.ERROR]
    pool = [f for f in errors if not _is_verdict(f)] or errors
    if not pool:
        return None
    return min(pool, key=lambda f: (tiers[id(f)], f.span))


def _roles(findings: Sequence[Finding], root: Finding | None) -> list[str]:
    """The role of each finding: "root", "cascade" or nothing.

    What builds and CI systems say after the root cause follows from it, and so do later errors of
    the same compiler when the root is something that is missing.
    """
    if root is None:
        return [""] * len(findings)
    missing = root.kind == "compiler" and bool(rx(_MISSING).search(root.message))
    roles = []
    for finding in findings:
        role = ""
        if finding is root:
            role = "root"
        elif finding.severity >= Severity.ERROR and finding.span > root.span:
            same = missing and finding.tool == root.tool and finding.severity < Severity.FATAL
            if same or (_is_verdict(finding) and not _is_verdict(root)):
                role = "cascade"
        roles.append(role)
    return roles
