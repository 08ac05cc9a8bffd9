"""What of a ranked list of findings fits the limit.

Shares of the room: errors at least 60 %, warnings at least 30 %, the rest for information; what a
class does not use goes down the order, and what is left over goes to the evidence of a failure.
An item is shown whole or not at all. One that is longer than the limit of an item is shown by its
most telling lines; where room is left over it is shown in full. One tool gets at most the limit of
a section while others wait. Of errors that do not fit the names or places are listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.evidence import evidence_size, take
from slipstream.tasks.summarization.excerpt import block, choose, fence, shorten, size
from slipstream.tasks.summarization.group import last_line
from slipstream.tasks.summarization.model import Finding, Limits, Severity
from slipstream.tasks.summarization.text import printable
from slipstream.tasks.summarization.times import stamp

ERROR_SHARE, WARNING_SHARE = 0.6, 0.3
EVIDENCE_SHARE = 0.25
"""Of the errors' room, at the least, for evidence that is good."""
CERTAIN, GOOD, LEAST = 7.5, 2.5, 0.0
"""Worth from which evidence is shown although all failures are explained; from which it comes
before warnings; from which it is shown at all."""
BRIEF = 160
"""Bytes of a finding in brief."""
NAMES_BYTES = 1_500
"""Bytes for the names or places of errors that are not shown."""
SMALLEST_ITEM = 320
"""Bytes of an item that is cut, at the least."""
AT_MOST = 100
"""Warnings and informations that are looked at."""


class Item(NamedTuple):
    """A finding as it is shown."""

    finding: Finding
    text: str
    lines: tuple[int, ...]
    """Document indices of the lines in the text."""
    cut: bool


class Fitted(NamedTuple):
    """What is shown of each class, and what is not."""

    errors: list[Item]
    warnings: list[Item]
    infos: list[Item]
    left_errors: list[Finding]
    left_warnings: list[Finding]
    left_infos: list[Finding]
    evidence: list[int]
    """Document indices of further lines that help to see why the command failed."""
    names: str
    """Names or places of errors that are not shown, as many as fit."""


def fit(
    doc: Document,
    findings: Sequence[Finding],
    worth: dict[int, float],
    room: int,
    limits: Limits,
    log_id: str,
    explained: bool = False,
) -> Fitted:
    """Choose what is shown of the ranked findings, and of the lines besides, in `room` bytes.

    Args:
        doc: The kept lines.
        findings: Ranked.
        worth: What the lines outside of findings are worth as evidence of a failure, by index;
            evidence counts to the share of the errors.
        room: Bytes.
        limits: Limits of one item, and how many errors are shown.
        log_id: For the markers where lines are left out.
        explained: The tools count as many failures as were found: nothing is to be guessed, and
            only what stands right before a failing step's verdict is added.
    """
    errors = [f for f in findings if f.severity >= Severity.ERROR]
    warnings = [f for f in findings if f.severity == Severity.WARNING]
    infos = [f for f in findings if f.severity == Severity.INFO]

    item_bytes = min(limits.item_bytes, max(SMALLEST_ITEM, room * 2 // 3))

    def items(some: Sequence[Finding]) -> list[Item]:
        return [item(doc, f, item_bytes, log_id) for f in some]

    error_items = items(
        errors[: max(limits.max_errors, sum(f.severity == Severity.FATAL for f in errors))]
    )
    warning_items, info_items = items(warnings[:AT_MOST]), items(infos[:AT_MOST])
    for_warnings = min(_size(warning_items), int(room * WARNING_SHARE))
    for_infos = min(_size(info_items), int(room * (1 - ERROR_SHARE - WARNING_SHARE)))
    left = room - for_warnings - for_infos
    for_names = min(names_size(errors), NAMES_BYTES) if _size(error_items) > left else 0
    left -= for_names
    good, least = (CERTAIN, CERTAIN) if explained else (GOOD, LEAST)
    for_evidence = min(evidence_size(doc, worth, good), int(left * EVIDENCE_SHARE))
    shown_errors, left = _take(error_items, left - for_evidence, limits.section_bytes)
    left_errors = _left(errors, shown_errors)
    names = names_of(left_errors, for_names)
    shown_errors, left = _lengthen(doc, shown_errors, left + for_names - size(names), log_id)
    shown = {i for one in shown_errors for i in one.lines}
    evidence, left = take(doc, worth, shown, left + for_evidence, good)
    shown_warnings, left = _take(warning_items, left + for_warnings, limits.section_bytes)
    shown_infos, left = _take(info_items, left + for_infos, limits.section_bytes)
    shown_warnings, left = _lengthen(doc, shown_warnings, left, log_id)
    shown_infos, left = _lengthen(doc, shown_infos, left, log_id)
    for one in (*shown_warnings, *shown_infos):
        shown.update(one.lines)
    more, left = take(doc, worth, shown.union(evidence), left, least)
    return Fitted(
        shown_errors, shown_warnings, shown_infos,
        left_errors, _left(warnings, shown_warnings), _left(infos, shown_infos),
        sorted({*evidence, *more}), names,
    )  # fmt: skip


def name_of(finding: Finding) -> str:
    """The failed test or target, else the place, else the line of the log."""
    if finding.name:
        return printable(finding.name)
    if finding.file and finding.line:
        return printable(f"{finding.file}:{finding.line}")
    return f"line {finding.span[0]}"


def names_size(findings: Sequence[Finding]) -> int:
    """Bytes of the names of all findings."""
    return sum(size(name_of(finding)) + 2 for finding in findings)


def names_of(findings: Sequence[Finding], room: int) -> str:
    """Names of findings in one paragraph of at most `room` bytes."""
    names: list[str] = []
    for name in dict.fromkeys(name_of(finding) for finding in findings):
        room -= size(name) + 2
        if room < 0:
            break
        names.append(name)
    return ", ".join(names)


def _size(items: Sequence[Item]) -> int:
    return sum(size(one.text) + 1 for one in items)


def _left(findings: Sequence[Finding], shown: Sequence[Item]) -> list[Finding]:
    kept = {id(one.finding) for one in shown}
    return [f for f in findings if id(f) not in kept]


def _take(items: Sequence[Item], room: int, section: int) -> tuple[list[Item], int]:
    """The items that fit, the first first, and the bytes that are left.

    At first no tool gets more than `section` bytes, so that one does not crowd out the others;
    then what is left of the room is shared by rank. The root cause and what is fatal are shown in
    brief where they do not fit otherwise.
    """
    shown: dict[int, Item] = {}
    used: dict[str, int] = {}
    for one_tool_at_most in (section, room):
        for at, one in enumerate(items):
            if at in shown:
                continue
            finding = one.finding
            cost = size(one.text) + 1
            fits = cost <= room and used.get(finding.tool, 0) + cost <= one_tool_at_most
            needed = finding.role == "root" or finding.severity == Severity.FATAL
            if needed and not fits:
                one = brief(finding)
                cost = size(one.text) + 1
                fits = cost <= room
            if fits:
                shown[at] = one
                used[finding.tool] = used.get(finding.tool, 0) + cost
                room -= cost
    return [shown[at] for at in sorted(shown)], room


def brief(finding: Finding) -> Item:
    """A finding as one short line, for where its own lines do not fit."""
    first, last = finding.span
    lines = f"line {first}" if first == last else f"lines {first}-{last}"
    where = f"{finding.file}:{finding.line}" if finding.file and finding.line else finding.file
    code = "" if finding.code in finding.message else finding.code
    said = " ".join(part for part in (where, finding.name, code, finding.message) if part)
    return Item(finding, f"- {_role(finding)}{lines}: {shorten(printable(said), BRIEF)}", (), False)


def _lengthen(doc: Document, items: list[Item], room: int, log_id: str) -> tuple[list[Item], int]:
    """Show cut items in full, the first first, as far as room is left."""
    result = []
    for one in items:
        if one.cut and room > 100:
            longer = item(doc, one.finding, size(one.text) + room - 100, log_id)
            more = size(longer.text) - size(one.text)
            if 0 < more <= room:
                room -= more
                one = longer
        result.append(one)
    return result, room


def item(doc: Document, finding: Finding, limit: int, log_id: str) -> Item:
    """The finding as text of at most about `limit` bytes: a line, or a heading and a block."""
    first, last = finding.span
    if first == last:
        i = doc.index(first)
        chosen = [] if i is None else [i]
    else:
        chosen = choose(doc, finding, limit - 160)
    more = _times(doc, finding)
    role = _role(finding)
    if len(chosen) == 1 and first == last:
        text = block(doc, chosen, finding.span, log_id)[0].strip()
        return Item(finding, f"- {role}line {first}{more}: {text}", tuple(chosen), False)
    lines = block(doc, chosen, finding.span, log_id)
    heading = f"- {role}lines {first}-{last}{more}{_title(finding)}"
    text = "\n".join([heading, *fence(lines)])
    cut = any(line.startswith("… ") for line in lines)
    return Item(finding, text, tuple(chosen), cut)


def _times(doc: Document, finding: Finding) -> str:
    """How often it was reported, and where and when last."""
    if finding.count == 1:
        return ""
    last = last_line(finding)
    if last == finding.span[0]:
        return f" (×{finding.count})"
    at = doc.index(last)
    when = stamp(doc.texts[at]).rpartition(" ")[2] if at is not None else ""
    return f" (×{finding.count}, last line {last}{f' at {when}' if when else ''})"


def _role(finding: Finding) -> str:
    return {"root": "root cause, ", "cascade": "follows, "}.get(finding.role, "")


def _title(finding: Finding) -> str:
    parts = [finding.tool]
    if finding.name:
        parts.append(finding.name)
    if finding.file:
        where = finding.file + (f":{finding.line}" if finding.line else "")
        parts.append(where)
    return ": " + " · ".join(parts)[:160]
