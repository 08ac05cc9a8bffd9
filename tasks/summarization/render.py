"""A summary as text: header, findings, evidence, footer; never more than its limit.

Markdown that reads well as plain text. The footer's last line is for machines:

    [slip exit=1 bytes=5140 lines=103 complete=yes log=c883a4c588e2 sha256=c883…]

`exit` is a number or "unknown"; `log` is the id for `slip log`, or "-" where it could not be kept;
`complete` is "no" where a byte of the output is, or may be, missing from the stored log.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from slipstream.tasks.summarization import levels
from slipstream.tasks.summarization.analyse import Analysis
from slipstream.tasks.summarization.changed import changed
from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.evidence import weigh
from slipstream.tasks.summarization.excerpt import fence, line_text, marker, shorten, size
from slipstream.tasks.summarization.fit import Fitted, Item, fit, smaller
from slipstream.tasks.summarization.model import Finding, Limits, Log, Outcome, Severity, Tally
from slipstream.tasks.summarization.repeated import repeated
from slipstream.tasks.summarization.text import printable

FEW_GAPS = 3
"""Gaps between lines up to which each says the command that shows it."""
TALLIES = 4
"""Closing lines of tools that the header repeats, the last ones."""
HEADER_LINE, NOTE_LINE = 200, 160
"""Bytes of one line of the header and of one note."""
SMALL_LINE = 100
"""The same in a summary of less than 2 KiB, which has one line of what tools counted, one note."""
NOTES = 4
REPEATED = 2_500
"""Bytes for the templates of an application log."""


def render(analysis: Analysis, log: Log, outcome: Outcome, limits: Limits) -> str:
    """The summary as text of at most `limits.max_bytes` bytes of UTF-8.

    Args:
        analysis: What the log says.
        log: The stored log.
        outcome: How the command ended.
        limits: How much may be shown; `max_bytes` is 960 or more.
    """
    doc, findings = analysis.document, analysis.findings
    small = limits.max_bytes < 2048
    head = header(analysis, outcome, small)
    foot = footer(log, outcome, analysis.notes, small)
    room = limits.max_bytes - size(head) - size(foot) - RESERVED
    ordinary: list[str] = []
    if _is_log(analysis) and len(doc) == doc.total and not small:
        ordinary = repeated(doc, findings, min(REPEATED, room // 4))
    elif not small:
        ordinary = changed(doc, findings, room, room // 3)
    room -= sum(size(line) + 1 for line in ordinary)
    errors = [f for f in findings if f.severity >= Severity.ERROR]
    worth = weigh(
        doc, errors, analysis.guesses, analysis.failing, analysis.failed,
        any(tally.tool != levels.TOOL for tally in analysis.tallies),
        bool(ordinary) and not outcome.exit_status, room,
    )  # fmt: skip
    fitted = fit(doc, findings, worth, room, limits, log.id, explained(analysis))
    while True:
        text = "\n".join([head, *_body(fitted, analysis, ordinary, log.id), foot])
        over = size(text) - limits.max_bytes
        less = smaller(fitted, doc, worth, over) if over > 0 else None
        if less is None:
            return text if over <= 0 else _within(text, foot, limits.max_bytes)
        fitted = less


def _body(fitted: Fitted, analysis: Analysis, ordinary: Sequence[str], log_id: str) -> list[str]:
    """What stands between header and footer."""
    parts: list[str] = []
    for title, items, left in (
        ("Errors", fitted.errors, fitted.left_errors),
        ("Warnings", fitted.warnings, fitted.left_warnings),
        ("Information", fitted.infos, fitted.left_infos),
    ):
        if items is fitted.infos:
            parts += ordinary
        parts += _section(title, items, left, log_id, fitted.names if title == "Errors" else "")
    if fitted.evidence:
        title = "Other lines that may tell why" if analysis.failed else "Output"
        parts += _excerpt(title, analysis.document, fitted.evidence, log_id)
    return parts


def explained(analysis: Analysis) -> bool:
    """Whether as many failures were found as the tools count, in a log of these tools alone.

    The log of a CI job holds more steps than the tools that count.
    """
    counted = [tally for tally in analysis.tallies if tally.failed and tally.counts]
    if not counted or any(tool == CI for tool in analysis.detected.tools):
        return False
    found = Counter(f.tool for f in analysis.findings if f.severity >= Severity.ERROR)
    wanted: Counter[str] = Counter()
    for tally in counted:
        counts = dict(tally.counts)
        wanted[tally.tool] += counts.get("failed", 0) + counts.get("errors", 0)
    return wanted.total() > 0 and all(found[tool] >= count for tool, count in wanted.items())


CI = "ci"
RESERVED = 320
"""Bytes for the titles of sections and for what says that findings are left out."""


def header(analysis: Analysis, outcome: Outcome, small: bool = False) -> str:
    """The result, the types, the exit status, the duration; then what the tools counted."""
    command = analysis.document.command
    tools = " → ".join(analysis.detected.tools[:4]) or (
        printable(os.path.basename(command[0])) if command else "output"
    )
    parts = [f"# {verdict(analysis, outcome)}: {tools}"]
    if outcome.exit_status is not None:
        parts.append(f"exit status {outcome.exit_status}")
    if outcome.duration is not None and outcome.duration >= 1:
        parts.append(f"{outcome.duration:.0f} s")
    said = dict.fromkeys(filter(None, (_said(tally) for tally in analysis.tallies)))
    lines = [", ".join(parts), *list(said)[-1 if small else -TALLIES :]]
    limit = SMALL_LINE if small else HEADER_LINE
    return "\n".join(shorten(printable(line), limit) for line in lines)


def verdict(analysis: Analysis, outcome: Outcome) -> str:
    """The result in a few words. What passed is not called passed without the errors it told."""
    if outcome.timed_out is not None:
        return f"TIMED OUT after {outcome.timed_out:g} s"
    if outcome.out_of_memory:
        return "KILLED: out of memory"
    if outcome.signal:
        return f"KILLED by {outcome.signal}"
    logged = _is_log(analysis)
    errors = levels.errors(analysis.tallies) if logged else 0
    errors = errors or sum(f.count for f in analysis.findings if f.severity >= Severity.ERROR)
    told = f"{errors} error{'s' if errors > 1 else ''} {'logged' if logged else 'reported'}"
    if errors and analysis.failed is False:
        return f"passed, {told}"
    if errors and logged and outcome.exit_status is None:
        return told  # a log tells what happened, not how the program ended
    return {True: "FAILED", False: "passed", None: "no failure seen"}[analysis.failed]


def _is_log(analysis: Analysis) -> bool:
    return analysis.detected.tools[:1] == (levels.TOOL,)


def _said(tally: Tally) -> str:
    """What a tool counted, in its own words; nothing where it counted nothing."""
    if tally.tool == levels.TOOL:
        return f"{tally.tool}: {'; '.join(filter(None, (levels.said(tally.counts), tally.note)))}"
    counts = ", ".join(
        f"{count} {name.removesuffix('s') if count == 1 else name}" for name, count in tally.counts
    )
    time = f"in {tally.duration:g} s" if tally.duration is not None else ""
    ended = {True: "failed", False: "passed", None: ""}[tally.failed] if time else ""
    words = " ".join(part for part in (counts or tally.note or ended, time) if part)
    return f"{tally.tool}: {words}" if words else ""


def _section(
    title: str, items: Sequence[Item], left: Sequence[Finding], log_id: str, names: str
) -> list[str]:
    if not items and not left:
        return []
    total = len(items) + len(left)
    every = sum(f.count for f in (*(item.finding for item in items), *left))
    how_many = f"{total}" if every == total else f"{total} different, {every} in all"
    parts = [f"\n## {title} ({how_many})", *(item.text for item in items)]
    if left:
        first, last = min(f.span[0] for f in left), max(f.span[1] for f in left)
        where = f": slip log {log_id} --lines {first}:{last}" if log_id else ""
        parts.append(f"… {len(left)} of {total} are not shown{where}")
        if names:
            parts.append(f"  {names}")
    return parts


def _excerpt(title: str, doc: Document, chosen: Sequence[int], log_id: str) -> list[str]:
    """Lines as they stand, with the numbers of those left out between them."""
    gaps = {
        i: (doc.numbers[before] + 1, doc.numbers[i] - 1)
        for before, i in pairwise(chosen)
        if doc.numbers[before] + 1 < doc.numbers[i]
    }
    blank = {i for i, gap in gaps.items() if _blank(doc, i, gap)}
    few = len(gaps) - len(blank) <= FEW_GAPS
    lines: list[str] = []
    for i in chosen:
        if i in blank:
            lines.append("")
        elif i in gaps and few:
            lines.append(marker(log_id, *gaps[i]))
        elif i in gaps:
            first, last = gaps[i]
            lines.append(f"… {last - first + 1} lines ({first}:{last})")
        lines.append(line_text(doc, i))
    how = "" if few or not log_id else f" (gaps: slip log {log_id} --lines A:B)"
    return [f"\n## {title}{how}", *fence(lines)]


def _blank(doc: Document, i: int, gap: tuple[int, int]) -> bool:
    """Whether the lines of the gap before line `i` are kept, and hold nothing."""
    first, last = gap
    start = i - (last - first + 1)
    return doc.index(first) == start and not "".join(doc.texts[start:i]).strip()


def footer(log: Log, outcome: Outcome, notes: Sequence[str], small: bool = False) -> str:
    """What a reader must know of the full log, and how to read it."""
    limit = SMALL_LINE if small else NOTE_LINE
    lines = ["\n---"]
    lines += [shorten(printable(note), limit) for note in notes[: 1 if small else NOTES]]
    if log.warning:
        lines.append(f"warning: {shorten(printable(log.warning), limit)}")
    if log.id:
        whole = "complete" if log.complete else "INCOMPLETE"
        lines.append(
            f"Full log ({whole}, {log.lines} lines, {log.size} bytes): slip log {log.id} "
            "[--lines A:B | --grep RE -C 3 | --tail N]"
        )
    status = "unknown" if outcome.exit_status is None else outcome.exit_status
    lines.append(
        f"[slip exit={status} bytes={log.size} lines={log.lines} "
        f"complete={'yes' if log.complete else 'no'} log={log.id or '-'} sha256={log.sha256}]"
    )
    return "\n".join(lines)


def _within(text: str, foot: str, limit: int) -> str:
    """The text without the last lines before its footer, as far as the limit wants it.

    Only where header, root cause and footer alone are too long, which takes sizes that no log has.
    """
    lines = text.removesuffix(foot).split("\n")
    while len(lines) > 2 and size("\n".join(lines)) + size(foot) > limit:
        del lines[-2]
    return "\n".join(lines) + foot
