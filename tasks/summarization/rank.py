"""Findings in the order of what matters: merged, root cause first, cascades last."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from re import IGNORECASE

from slipstream.tasks.summarization.extract.common import rx
from slipstream.tasks.summarization.group import merge, normal
from slipstream.tasks.summarization.model import Finding, Severity

TOOL_WEIGHT = 20
"""Weight from which a rule knows the tool, not only a format that many share."""

EXPLAINING = ("compiler", "test", "lint")
"""Kinds that say why a build fails; what the build says after them is their consequence."""

SOON = 200
"""Lines within which what a build says is taken to follow from the errors before."""

_MISSING = (
    r"no such file|file not found|(?:cannot|can't|could not) find (?:module|crate|package|-l)"
    r"|no module|cannot open|unresolved (?:import|module)|package \S+ does not exist"
    r"|(?:unable to|could not|cannot) (?:resolve|import)|not in std\b"
)
"""What one thing that is missing looks like."""
_UNKNOWN = (
    r"undeclared|not declared|unresolved|unknown type|not defined|not in (?:this )?scope"
    r"|undefined (?:name|type|variable|function|symbol|reference|identifier)"
    r"|cannot find (?:symbol|type|name|value|function|namespace)|does not name a type"
    r"|incomplete type|could not be found"
)
"""What follows in the same compiler where something is missing: names that nobody knows."""
_QUOTED = r"[‘'`\"]([A-Za-z_][\w.:]*)[’'`\"]"
"""A name as compilers quote it."""
_ANNOUNCED = (
    r"(?:[\w./ -]{0,40}: )?(?:(?:fatal|uncaught|unhandled)[ :]*)*(?:\w*error|fatal|failure)\b"
    r"(?: \[?\w+\]?)?: ?\S|[a-z][\w./-]*: .*: [A-Z][a-z]"
)
"""How a program announces why it gives up: `error: …`, `ls: cannot access …: No such file`."""
BELIEVED = 5

_OUTCOME = (
    r"\bexit(?:ed)?(?: with)?(?: code| status)?:? \d|command failed|non-zero (?:code|exit)"
    r"|\bELIFECYCLE\b|lifecycle script|execution failed for task|there were failing tests"
    r"|failed to execute goal|could not build wheels"
)
"""How builds say that something which they ran has failed."""


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


def by_words(findings: Sequence[Finding], guesses: Sequence[Finding]) -> list[Finding]:
    """The guesses that stand for the errors of a command that failed, where no format tells any.

    A script that prints "error: no templates" and leaves has told its reason; only a few such
    lines are believed.
    """
    if any(f.severity >= Severity.ERROR and not _is_verdict(f) for f in findings):
        return []
    announced = rx(_ANNOUNCED, IGNORECASE).match
    loud = [g for g in guesses if g.severity >= Severity.ERROR and announced(g.message)]
    return loud if len({normal(g.message) for g in loud}) <= BELIEVED else []


def digest(finding: Finding) -> str:
    """Name of a finding that stays the same from run to run: what it says, not where it stands."""
    parts = (finding.tool, finding.code, finding.name, normal(finding.message))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def _is_verdict(finding: Finding) -> bool:
    """Whether a build or a CI system says that something else failed."""
    return finding.kind == "build" and (
        finding.tool in ("ci", "make", "ninja")
        or rx(_OUTCOME, IGNORECASE).search(finding.message) is not None
    )


def _root(findings: Sequence[Finding], tiers: dict[int, int]) -> Finding | None:
    """The first error of the nearest kind that is not itself a verdict about another failure."""
    errors = [f for f in findings if f.severity >= Severity.ERROR]
    told = min((f.span for f in errors if f.kind in EXPLAINING), default=None)
    pool = [
        f for f in errors
        if not _is_verdict(f)
        and not (f.kind == "build" and (f.weight < TOOL_WEIGHT or (told and f.span > told)))
    ] or errors  # fmt: skip
    if not pool:
        return None
    return min(pool, key=lambda f: (tiers[id(f)], f.span))


def _roles(findings: Sequence[Finding], root: Finding | None) -> list[str]:
    """The role of each finding: "root", "cascade" or nothing.

    What builds and CI systems say soon after the root cause follows from it. So do names that the
    same compiler does not know, where the root is something that is missing, or the same name.
    """
    if root is None:
        return [""] * len(findings)
    compiler = root.kind == "compiler"
    missing = compiler and bool(rx(_MISSING, IGNORECASE).search(root.message))
    unknown = compiler and bool(rx(_UNKNOWN, IGNORECASE).search(root.message))
    quoted = rx(_QUOTED).search(root.message)
    name = quoted[1] if quoted and (missing or unknown) else ""
    explained = root.span[1] if root.kind in EXPLAINING else None
    roles = []
    for finding in findings:
        role = ""
        if finding is root:
            role = "root"
        elif finding.severity >= Severity.ERROR and (
            finding.span > root.span or finding.tool == "ninja"  # it names the target first
        ):
            same = finding.tool == root.tool and finding.severity < Severity.FATAL
            same = same and bool(rx(f"{_MISSING}|{_UNKNOWN}", IGNORECASE).search(finding.message))
            same = same and bool(missing or name in rx(_QUOTED).findall(finding.message))
            verdict = _is_verdict(finding) and not _is_verdict(root)
            soon = finding.kind == "build" and explained and finding.span[0] - explained < SOON
            if same or verdict or soon:
                role = "cascade"
        if explained and finding.severity >= Severity.ERROR and finding.kind in EXPLAINING:
            explained = max(explained, finding.span[1])
        roles.append(role)
    return roles
