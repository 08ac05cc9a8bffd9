"""Findings that say the same, as one finding with a count and every other place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import rx
from slipstream.tasks.summarization.model import Finding, Place, Severity

PLACES = 1000
"""Other places of one finding that are kept, the newest always among them; more are counted."""
NEAR = 40
"""Lines within which a reason and its place, printed apart, are those of one failure."""
LOOK_BACK = 200
"""Reasons without a name that are compared with each name."""
ALIKE = 4
"""Logged messages that differ in more than numbers are taken for one template from so many on."""
KEPT = 400
"""Characters of a message by which it is told of which template it is."""
_VARIES = (
    r"\"[^\"]*\"|'[^']*'|`[^`]*`|[\w.+-]{1,64}@\S+|(?<==)[^\s,;\])]+|(?<![\w.-])/?[\w.-]{1,80}(?:/[\w.-]+)+"
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
    for finding in _told_once(list(findings)):
        if finding.name:
            at = by_name.setdefault((finding.tool, finding.name), len(groups))
            if at < len(groups):
                old = groups[at][0]
                if old.span != finding.span and old.weight != finding.weight:
                    groups[at][0] = _joined(*sorted((old, finding), key=lambda f: f.weight))
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


def _joined(lighter: Finding, heavier: Finding) -> Finding:
    """One finding of two that tell the same failure: the heavier, with what it does not say."""
    same = not heavier.file or not lighter.file
    return heavier._replace(
        file=heavier.file or lighter.file,
        line=heavier.line or (lighter.line if same else None),
        name=heavier.name or lighter.name,
    )


def _told_once(findings: list[Finding]) -> list[Finding]:
    """Join what two tools, or two parts of one report, tell of the same failure.

    Two tools do when message, file and line agree (pytest, and Python's own traceback in it). A
    test runner does when it prints the place and the reason first, and the test's name with the
    reason, perhaps cut short, in a list at the end.
    """
    kept: list[Finding | None] = []
    by_place: dict[tuple[object, ...], int] = {}
    unnamed: dict[str, list[int]] = {}
    for finding in findings:
        if finding.severity < Severity.ERROR or not finding.message:
            kept.append(finding)
            continue
        at = None
        if finding.file and finding.line:
            key = (finding.file, finding.line, finding.message)
            at = by_place.setdefault(key, len(kept))
            before = kept[at] if at < len(kept) else None
            if before is None or before.tool == finding.tool or before.name:
                at = None
        if finding.kind == "test" and at is None and (finding.line is None or not finding.name):
            at = _same_reason(finding, kept, unnamed.get(finding.tool, []))
        before = None if at is None else kept[at]
        if at is None or before is None:
            if finding.kind == "test" and not finding.name:
                unnamed.setdefault(finding.tool, []).append(len(kept))
            kept.append(finding)
        else:
            kept[at] = _joined(*sorted((finding, before), key=lambda f: (f.weight, -f.span[0])))
    return [finding for finding in kept if finding is not None]


def _same_reason(finding: Finding, kept: list[Finding | None], candidates: list[int]) -> int | None:
    """Which finding without a name gives the reason of this one, or its place."""
    said = finding.message.removesuffix("...")
    for at in candidates[-LOOK_BACK:]:
        other = kept[at]
        if other is None or other.name:
            continue
        told = said == other.message or (said != finding.message and other.message.startswith(said))
        near = finding.span[0] - other.span[1] < NEAR and not other.file
        if told and (finding.name or near):
            return at
    return None


def _templates(
    groups: list[list[Finding]], folded: dict[int, tuple[object, ...]]
) -> Iterable[list[Finding]]:
    """Join groups of logged messages of one template, where there are many of them."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for at, group in enumerate(groups):
        if group[0].kind == "log" and group[0].severity < Severity.FATAL:
            *rest, message = folded[at]
            template = rx(_VARIES).sub("#", str(message)[:KEPT])
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


def recount(
    findings: Sequence[Finding], doc: Document, alike: Mapping[bytes, int]
) -> list[Finding]:
    """Count in the lines that were not read one by one, where it is known whose they are.

    Args:
        findings: Merged.
        doc: The kept lines.
        alike: How many matched lines of the whole log are alike, by `scan.digitless`.
    """
    from slipstream.tasks.summarization.scan import digitless

    keys: list[set[bytes]] = []
    for finding in findings:
        lines = [finding.span[0], *(place.log_line for place in finding.places)]
        single = finding.span[0] == finding.span[1]
        at = [i for line in lines if single and (i := doc.index(line)) is not None]
        keys.append({digitless(doc.texts[i].encode()) for i in at})
    owners = Counter(key for some in keys for key in some)
    result = []
    for finding, some in zip(findings, keys, strict=True):
        known = sum(alike.get(key, 0) for key in some if owners[key] == 1)
        result.append(finding._replace(count=known) if known > finding.count else finding)
    return result


def last_line(finding: Finding) -> int:
    """The last line of the log at which the finding begins."""
    return max((place.log_line for place in finding.places), default=finding.span[0])
