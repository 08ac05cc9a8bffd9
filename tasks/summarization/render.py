"""A summary as text: header, findings, evidence, footer; never more than its limit."""

from __future__ import annotations

from collections.abc import Sequence

from slipstream.tasks.summarization.analyse import Analysis
from slipstream.tasks.summarization.detect import Detected
from slipstream.tasks.summarization.evidence import weigh
from slipstream.tasks.summarization.excerpt import line_text, size
from slipstream.tasks.summarization.fit import fit
from slipstream.tasks.summarization.model import Limits, Log, Outcome, Severity, Tally


def verdict(failed: bool | None, outcome: Outcome) -> str:
    """The result in a word or two."""
    if outcome.timed_out is not None:
        return f"TIMED OUT after {outcome.timed_out:g} s"
    if outcome.out_of_memory:
        return "KILLED: out of memory"
    if outcome.signal:
        return f"KILLED by {outcome.signal}"
    return {True: "FAILED", False: "passed", None: "no failure seen"}[failed]


def header(detected: Detected, tallies: Sequence[Tally], failed: bool | None, outcome: Outcome) -> str:
    tools = " → ".join(detected.tools[:4]) or "output"
    parts = [f"# {verdict(failed, outcome)}: {tools}"]
    if outcome.exit_status is not None:
        parts.append(f"exit status {outcome.exit_status}")
    if outcome.duration is not None and outcome.duration >= 1:
        parts.append(f"{outcome.duration:.0f} s")
    lines = [", ".join(parts)]
    for tally in tallies[-4:]:
        counts = ", ".join(f"{count} {name}" for name, count in tally.counts)
        time = f" in {tally.duration:g} s" if tally.duration is not None else ""
        said = ": ".join(part for part in (tally.tool, counts + time or tally.note) if part)
        if said not in lines:
            lines.append(said)
    return "\n".join(lines)


def footer(log: Log, outcome: Outcome, left: Sequence[str], notes: Sequence[str]) -> str:
    lines = [*left, *notes]
    if log.warning:
        lines.append(f"warning: {log.warning}")
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


def render(
    analysis: Analysis,
    log: Log,
    outcome: Outcome,
    limits: Limits,
) -> str:
    """The summary as text of at most `limits.max_bytes` bytes of UTF-8.

    Args:
        analysis: What the log says.
        log: The stored log.
        outcome: How the command ended.
        limits: How much may be shown.
    """
    doc, findings, notes = analysis.document, analysis.findings, analysis.notes
    head = header(analysis.detected, analysis.tallies, analysis.failed, outcome)
    foot = footer(log, outcome, ["x" * 200], notes)
    room = limits.max_bytes - size(head) - size(foot) - 200
    errors = [f for f in findings if f.severity >= Severity.ERROR]
    worth = weigh(doc, errors, analysis.guesses, analysis.failing, bool(analysis.failed))
    fitted = fit(doc, findings, worth, room - 100, limits, log.id)
    extra = fitted.evidence
    parts = [head]
    for title, items, left_out in (
        ("Errors", fitted.errors, fitted.left_errors),
        ("Warnings", fitted.warnings, fitted.left_warnings),
        ("Information", fitted.infos, fitted.left_infos),
    ):
        if items:
            parts.append(f"\n## {title} ({len(items) + len(left_out)})")
            parts += [item.text for item in items]
    if extra:
        parts.append("\n## Other lines that may tell why" if analysis.failed else "\n## Lines")
        parts.append("```")
        before = None
        for i in extra:
            number = doc.numbers[i]
            if before is not None and number > before + 1:
                parts.append(f"… {before + 1}-{number - 1}")
            parts.append(line_text(doc, i))
            before = number
        parts.append("```")
    left = []
    for title, some in (("errors", fitted.left_errors), ("warnings", fitted.left_warnings)):
        if some:
            lines = f"{min(f.span[0] for f in some)}:{max(f.span[1] for f in some)}"
            left.append(f"{len(some)} more {title} are not shown: slip log {log.id} --lines {lines}")
    parts.append("\n---\n" + footer(log, outcome, left, notes))
    return "\n".join(parts)
