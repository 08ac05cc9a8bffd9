"""What of a ranked list of findings fits the limit.

Shares of the room: errors at least 60 %, warnings at least 30 %, the rest for information; what a
class does not use goes down the order, and what is left over goes to the evidence of a failure.
An item is shown whole or not at all. One that is longer than the limit of an item is shown by its
most telling lines; where room is left over it is shown in full. One tool gets at most the limit of
a section while others wait. Of errors that do not fit the names or places are listed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.evidence import evidence_size, lines_size, take
from slipstream.tasks.summarization.excerpt import (
    LINE_BYTES,
    SHORTEST,
    block,
    choose,
    fence,
    line_text,
    shorten,
    size,
)
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
BRIEF, BRIEFEST = 160, 90
"""Bytes of a finding in brief; the second where room is very short."""
TITLE, FENCES = 140, 12
"""Bytes of the title of a finding, and of the fences around its lines."""
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

    needed, left = _needed(items([f for f in errors if _is_needed(f)]), room)
    others = [f for f in errors if not _is_needed(f)]
    error_items = items(others[: max(0, limits.max_errors - len(errors) + len(others))])
    warning_items, info_items = items(warnings[:AT_MOST]), items(infos[:AT_MOST])
    for_warnings = min(_size(warning_items), int(room * WARNING_SHARE), left)
    left -= for_warnings
    for_infos = min(_size(info_items), int(room * (1 - ERROR_SHARE - WARNING_SHARE)), left)
    left -= for_infos
    for_names = 0
    if _size(error_items) > left:
        for_names = min(names_size(others), NAMES_BYTES, left // 4)
    left -= for_names
    good, least = (CERTAIN, CERTAIN) if explained else (GOOD, LEAST)
    for_evidence = min(evidence_size(doc, worth, good), int(left * EVIDENCE_SHARE))
    section = limits.section_bytes
    shown_errors, left = _take(error_items, left - for_evidence, section, needed)
    left_errors = _left(errors, shown_errors)
    names = names_of(left_errors, for_names)
    shown_errors, left = _lengthen(doc, shown_errors, left + for_names - size(names), log_id)
    shown = {i for one in shown_errors for i in one.lines}
    evidence, left = take(doc, worth, shown, left + for_evidence, good)
    shown_warnings, left = _take(warning_items, left + for_warnings, section)
    shown_infos, left = _take(info_items, left + for_infos, section)
    shown_warnings, left = _lengthen(doc, shown_warnings, left, log_id)
    shown_infos, left = _lengthen(doc, shown_infos, left, log_id)
    for one in (*shown_warnings, *shown_infos):
        shown.update(one.lines)
    told = shown.intersection(evidence)  # by a warning
    evidence = [i for i in evidence if i not in told]
    left += lines_size(doc, told)
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


def _is_needed(finding: Finding) -> bool:
    return finding.role == "root" or finding.severity == Severity.FATAL


def _needed(items: Sequence[Item], room: int) -> tuple[list[Item], int]:
    """The root cause and what is fatal: each in full where the others still fit in brief.

    The root cause is there whatever the room.
    """
    limit = BRIEF if room > 4 * BRIEF else BRIEFEST
    briefs = [brief(one.finding, limit) for one in items]
    later = _size(briefs)
    shown: list[Item] = []
    for one, short in zip(items, briefs, strict=True):
        cost, least = size(one.text) + 1, size(short.text) + 1
        later -= least
        if cost + later > room and cost > least:
            one, cost = short, least
        if cost <= room or one.finding.role == "root":
            shown.append(one)
            room = max(0, room - cost)
    return shown, room


def _take(
    items: Sequence[Item], room: int, section: int, before: Sequence[Item] = ()
) -> tuple[list[Item], int]:
    """What is shown already and the items that fit, the first first, and the bytes that are left.

    At first no tool gets more than `section` bytes, so that one does not crowd out the others;
    then what is left of the room is shared by rank.
    """
    shown: dict[int, Item] = {}
    used: dict[str, int] = {}
    for one in before:
        used[one.finding.tool] = used.get(one.finding.tool, 0) + size(one.text) + 1
    for at_most in (section, 1 << 62):
        for at, one in enumerate(items):
            tool, cost = one.finding.tool, size(one.text) + 1
            if at not in shown and cost <= room and used.get(tool, 0) + cost <= at_most:
                shown[at] = one
                used[tool] = used.get(tool, 0) + cost
                room -= cost
    return [*before, *(shown[at] for at in sorted(shown))], room


def smaller(fitted: Fitted, doc: Document, worth: dict[int, float], over: int) -> Fitted | None:
    """The same with less, for a summary that is `over` bytes too long; None where all is needed.

    The least telling goes first: evidence, names, information, warnings, errors.
    """
    if fitted.evidence:
        gone: set[int] = set()
        for i in sorted(fitted.evidence, key=lambda i: (worth.get(i, 0.0), -i)):
            if over <= 0:
                break
            gone.add(i)
            over -= size(line_text(doc, i)) + 1
        return fitted._replace(evidence=[i for i in fitted.evidence if i not in gone])
    if fitted.names:
        return fitted._replace(names="")
    if fitted.infos:
        *infos, last = fitted.infos
        return fitted._replace(infos=infos, left_infos=[last.finding, *fitted.left_infos])
    if fitted.warnings:
        *warnings, last = fitted.warnings
        return fitted._replace(
            warnings=warnings, left_warnings=[last.finding, *fitted.left_warnings]
        )
    if len(fitted.errors) > 1:
        *errors, last = fitted.errors
        return fitted._replace(errors=errors, left_errors=[last.finding, *fitted.left_errors])
    if fitted.errors and "\n" in fitted.errors[0].text:
        return fitted._replace(errors=[brief(fitted.errors[0].finding, BRIEFEST)])
    return None


def brief(finding: Finding, limit: int = BRIEF) -> Item:
    """A finding as one short line, for where its own lines do not fit."""
    first, last = finding.span
    lines = f"line {first}" if first == last else f"lines {first}-{last}"
    where = f"{finding.file}:{finding.line}" if finding.file and finding.line else finding.file
    code = "" if finding.code in finding.message else finding.code
    said = " ".join(part for part in (where, finding.name, code, finding.message) if part)
    return Item(finding, f"- {_role(finding)}{lines}: {shorten(printable(said), limit)}", (), False)


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
    """The finding as text of at most `limit` bytes, if that is 320 or more.

    It is a line, or a heading and a block.
    """
    first, last = finding.span
    place = f"line {first}" if first == last else f"lines {first}-{last}"
    heading = f"- {_role(finding)}{place}{_times(doc, finding)}"
    if first == last and (i := doc.index(first)) is not None:
        name = finding.file.replace("\\", "/").rpartition("/")[2]
        if name not in doc.texts[i]:  # it is told once, above several
            heading += f", {printable(finding.file)[-100:]}"
        text = line_text(doc, i, max(SHORTEST, min(LINE_BYTES, limit - size(heading) - 2)))
        return Item(finding, f"{heading}: {text.strip()}", (i,), False)
    heading += _title(finding)
    chosen, line_bytes = choose(doc, finding, limit - size(heading) - FENCES)
    lines = block(doc, chosen, finding.span, log_id, line_bytes)
    text = "\n".join([heading, *fence(lines)])
    return Item(finding, text, tuple(chosen), any(line.startswith("… ") for line in lines))


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
    if finding.kind == "diff" or (finding.kind == "git" and finding.severity < Severity.ERROR):
        return f": {printable(finding.message)[:160]}"  # counts, which no line of the log says
    parts = [finding.tool]
    if finding.name and finding.name != finding.file:
        parts.append(finding.name)
    if finding.file:
        where = finding.file + (f":{finding.line}" if finding.line else "")
        parts.append(where)
    return ": " + shorten(printable(" · ".join(parts)), TITLE)
