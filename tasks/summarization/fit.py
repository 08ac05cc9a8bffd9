"""What of a ranked list of findings fits the limit.

Shares of the room: errors at least 60 %, warnings at least 30 %, the rest for information; what a
class does not use goes down the order, and what is left over goes to the evidence of a failure.
An item is shown whole or not at all. One that is longer than the limit of an item is shown by its
most telling lines; where room is left over it is shown in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.excerpt import block, choose, size
from slipstream.tasks.summarization.model import Finding, Limits, Severity

ERROR_SHARE, WARNING_SHARE = 0.6, 0.3


class Item(NamedTuple):
    """A finding as it is shown."""

    finding: Finding
    text: str
    lines: tuple[int, ...]
    """Document indices of the lines in the text."""
    cut: bool


class Fitted(NamedTuple):
    """What is shown, and how many of each class are not."""

    errors: list[Item]
    warnings: list[Item]
    infos: list[Item]
    left_errors: list[Finding]
    left_warnings: list[Finding]
    left_infos: list[Finding]
    room: int
    """Bytes that are left for evidence."""


def fit(
    doc: Document,
    findings: Sequence[Finding],
    room: int,
    limits: Limits,
    log_id: str,
) -> Fitted:
    """Choose what is shown of the ranked findings in `room` bytes."""
    errors = [f for f in findings if f.severity >= Severity.ERROR]
    warnings = [f for f in findings if f.severity == Severity.WARNING]
    infos = [f for f in findings if f.severity == Severity.INFO]

    def items(some: Sequence[Finding], limit: int) -> list[Item]:
        return [item(doc, f, limit, log_id) for f in some]

    warning_items = items(warnings[:100], limits.item_bytes)
    info_items = items(infos[:100], limits.item_bytes)
    need_warnings = sum(size(i.text) + 1 for i in warning_items)
    need_infos = sum(size(i.text) + 1 for i in info_items)
    reserved = min(need_warnings, int(room * WARNING_SHARE))
    reserved += min(need_infos, int(room * (1 - ERROR_SHARE - WARNING_SHARE)))
    fatal = sum(f.severity == Severity.FATAL for f in errors)
    shown_errors, left_errors, left = _take(
        items(errors[: max(limits.max_errors, fatal)], limits.item_bytes), room - reserved
    )
    left_errors += errors[max(limits.max_errors, fatal):]
    left += reserved
    shown_warnings, left_warnings, left_w = _take(warning_items, min(left, max(int(room * WARNING_SHARE), left - need_infos)))
    left_warnings += warnings[100:]
    left -= sum(size(i.text) + 1 for i in shown_warnings)
    shown_infos, left_infos, left = _take(info_items, left)
    left_infos += infos[100:]
    shown_errors, left = _lengthen(doc, shown_errors, left, log_id)
    return Fitted(
        shown_errors, shown_warnings, shown_infos, left_errors, left_warnings, left_infos, left
    )


def _take(items: list[Item], room: int) -> tuple[list[Item], list[Finding], int]:
    shown, left_out = [], []
    for one in items:
        cost = size(one.text) + 1
        if cost <= room:
            shown.append(one)
            room -= cost
        else:
            left_out.append(one.finding)
    return shown, left_out, room


def _lengthen(
    doc: Document, items: list[Item], room: int, log_id: str
) -> tuple[list[Item], int]:
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


def item(
    doc: Document, finding: Finding, limit: int, log_id: str
) -> Item:
    """The finding as text of at most about `limit` bytes: a line, or a heading and a block."""
    first, last = finding.span
    if first == last:
        i = doc.index(first)
        chosen = [] if i is None else [i]
    else:
        chosen = choose(doc, finding, limit - 160)
    more = f" (×{finding.count})" if finding.count > 1 else ""
    role = {"root": "root cause, ", "cascade": "follows, "}.get(finding.role, "")
    if len(chosen) == 1 and first == last:
        text = block(doc, chosen, finding.span, log_id)[0].strip()
        return Item(finding, f"- {role}line {first}{more}: {text}", tuple(chosen), False)
    lines = block(doc, chosen, finding.span, log_id)
    fence = "```"
    while any(line.lstrip().startswith(fence) for line in lines):
        fence += "`"
    title = _title(finding)
    text = f"- {role}lines {first}-{last}{more}{title}\n{fence}\n" + "\n".join(lines) + f"\n{fence}"
    cut = any(line.startswith("… ") for line in lines)
    return Item(finding, text, tuple(chosen), cut)


def _title(finding: Finding) -> str:
    parts = [finding.tool]
    if finding.name:
        parts.append(finding.name)
    if finding.file:
        where = finding.file + (f":{finding.line}" if finding.line else "")
        parts.append(where)
    return ": " + " · ".join(parts)[:160]
