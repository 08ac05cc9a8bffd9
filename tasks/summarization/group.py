"""Findings that say the same, as one finding with a count and every other place."""

from __future__ import annotations

from collections.abc import Iterable

from slipstream.tasks.summarization.extract.common import rx
from slipstream.tasks.summarization.model import Finding, Place, Severity

PLACES = 1000
"""Other places of one finding that are kept, the newest always among them; more are counted."""
ALIKE = 4
"""Logged messages that differ in more than numbers are taken for one template from so many on."""
_VARIES = (
    r"\"[^\"]*\"|'[^']*'|`[^`]*`|\S*@\S+|(?<==)[^\s,;\])]+|(?<![\w.])/?[\w.-]+(?:/[\w.-]+)+"
    r"|\b\w*#\w*\b"
)
"""What differs from entry to entry of one template besides numbers: quoted text, addresses,
values of keys, paths, words with digits in them (numbers are `#` by then)."""


def normal(message: str) -> str:
    """The message with what differs from run to run folded: numbers, addresses, times."""
    message = rx(
        r"0x[0-9a-fA-F]+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{7,64}\b"
    ).sub("#", message)
    message = rx(r"\d+").sub("#", message)
    return rx(r"\s+").sub(" ", message).strip()


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for what was reported several times, where it was reported first.

    The same failure of a test told twice (its block, and a line of the closing list) is one
    finding, the heavier one. Findings that say the same, numbers aside, are one with a count and
    every other place; a different file, line or code makes them different. What is logged often
    with other names in it is one, too.
    """
    by_name: dict[tuple[str, str], int] = {}
    by_text: dict[tuple[object, ...], int] = {}
    groups: list[list[Finding]] = []
    folded: dict[int, tuple[object, ...]] = {}
    for finding in findings:
        if finding.name:
            at = by_name.setdefault((finding.tool, finding.name), len(groups))
            if at < len(groups):
                old = groups[at][0]
                if old.span != finding.span and old.weight != finding.weight:
                    groups[at][0] = max(old, finding, key=lambda f: f.weight)
                    continue
        key = (
            finding.severity, finding.tool, finding.file, finding.line, finding.column,
            finding.code, finding.name, normal(finding.message),
        )  # fmt: skip
        at = by_text.setdefault(key, len(groups))
        if at == len(groups):
            groups.append([finding])
            folded[at] = key
        else:
            groups[at].append(finding)
    return [_one(group) for group in _templates(groups, folded)]


def _templates(
    groups: list[list[Finding]], folded: dict[int, tuple[object, ...]]
) -> Iterable[list[Finding]]:
    """Join groups of logged messages of one template, where there are many of them."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for at, group in enumerate(groups):
        if group[0].kind == "log" and group[0].severity < Severity.FATAL:
            *rest, message = folded[at]
            template = rx(_VARIES).sub("#", str(message))
            alike.setdefault((*rest, template), []).append(at)
    joined: set[int] = set()
    for members in alike.values():
        if len(members) >= ALIKE:
            first, *others = members
            groups[first] = sorted(
                (finding for at in members for finding in groups[at]), key=lambda f: f.span
            )
            joined.update(others)
    return (group for at, group in enumerate(groups) if at not in joined)


def _one(group: list[Finding]) -> Finding:
    """The first of a group, with the number of all and the places of the others."""
    first, *others = group
    if not others:
        return first
    if len(others) > PLACES:
        others = [*others[: PLACES - 1], others[-1]]
    places = [Place(f.file, f.line, f.column, f.span[0]) for f in others]
    return first._replace(count=sum(f.count for f in group), places=tuple(places))


def last_line(finding: Finding) -> int:
    """The last line of the log at which the finding begins."""
    return max((place.log_line for place in finding.places), default=finding.span[0])
