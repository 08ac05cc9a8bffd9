"""Read, scan, extract, rank, fit, render: the stages of a summary, in this order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from slipstream.tasks.summarization.detect import Detected, detect
from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.evidence import evidence, take
from slipstream.tasks.summarization.excerpt import block, size
from slipstream.tasks.summarization.extract.driver import extract
from slipstream.tasks.summarization.fit import Fitted, Item, fit
from slipstream.tasks.summarization.model import Finding, Severity, Tally
from slipstream.tasks.summarization.options import Options
from slipstream.tasks.summarization.rank import rank
from slipstream.tasks.summarization.render import Log, Outcome, footer, header
from slipstream.tasks.summarization.rules import Ruleset
from slipstream.tasks.summarization.scan import Scanned


class Summary(NamedTuple):
    """A summary and what it was made of."""

    text: str
    failed: bool | None
    detected: Detected
    findings: tuple[Finding, ...]
    """All of them, ranked; guesses by words are not among them."""
    tallies: tuple[Tally, ...]
    notes: tuple[str, ...]


def summarise(
    scanned: Scanned,
    rules: Ruleset,
    log: Log,
    outcome: Outcome,
    options: Options,
    prepare: Callable[[str], str] = str,
) -> Summary:
    """Make the summary of a scanned log. Never raises on any input."""
    doc = scanned.document
    signatures = []
    hits = []
    for i, matched in scanned.hits:
        some = [rules.rules[at] for at in matched]
        signatures += [(r.tool, r.kind, doc.numbers[i]) for r in some if r.severity is None]
        hits.append((i, some))
    found, tallies, problems = extract(doc, hits, options.strategy_seconds)
    sure = [f for f in found if f.weight >= 10]
    guesses = [f for f in found if f.weight < 10]
    findings = rank(sure, tallies)
    detected = detect(findings, tallies, signatures, doc.command)
    failed = _failed(findings, tallies, outcome)
    notes = [*problems, *rules.problems, *_notes(scanned)]
    text = _render(doc, findings, guesses, tallies, detected, failed, log, outcome, options, notes, prepare)
    return Summary(text, failed, detected, tuple(findings), tuple(tallies), tuple(notes))


def _failed(findings: Sequence[Finding], tallies: Sequence[Tally], outcome: Outcome) -> bool | None:
    """Whether the command failed: by its exit status, else by what its tools say."""
    if outcome.signal or outcome.timed_out is not None or outcome.out_of_memory:
        return True
    if outcome.exit_status is not None:
        return outcome.exit_status != 0
    said = [t.failed for t in tallies if t.failed is not None]
    if any(said) or any(f.severity >= Severity.ERROR for f in findings):
        return True
    return False if said else None


def _notes(scanned: Scanned) -> list[str]:
    notes = []
    if scanned.binary:
        notes.append("The output holds binary data.")
    if scanned.skipped:
        notes.append(f"{scanned.skipped} more lines matched than are read one by one.")
    if scanned.long_lines:
        notes.append(
            f"{scanned.long_lines} very long lines were searched at their two ends only "
            f"({scanned.cut} bytes between)."
        )
    return notes


def _render(doc: Document, findings: Sequence[Finding], guesses: Sequence[Finding],
            tallies: Sequence[Tally], detected: Detected, failed: bool | None, log: Log,
            outcome: Outcome, options: Options, notes: Sequence[str],
            prepare: Callable[[str], str]) -> str:  # fmt: skip
    head = header(detected, tallies, failed, outcome)
    foot = footer(log, outcome, ["x" * 200], notes)
    room = options.max_bytes - size(head) - size(foot) - 200
    fitted = fit(doc, findings, room, options, log.id, prepare)
    shown = {i for item in (*fitted.errors, *fitted.warnings, *fitted.infos) for i in item.lines}
    verdicts = [f for f in findings if f.kind in ("build", "ci") and f.severity >= Severity.ERROR]
    runs = evidence(doc, guesses, verdicts, bool(failed))
    extra = take(doc, runs, shown, fitted.room - 100)
    parts = [head]
    for title, items, left in (
        ("Errors", fitted.errors, fitted.left_errors),
        ("Warnings", fitted.warnings, fitted.left_warnings),
        ("Information", fitted.infos, fitted.left_infos),
    ):
        if items:
            parts.append(f"\n## {title} ({len(items) + len(left)})")
            parts += [item.text for item in items]
    if extra:
        parts.append("\n## Other lines that may tell why" if failed else "\n## Lines")
        parts.append("```")
        before = None
        for i in extra:
            number = doc.numbers[i]
            if before is not None and number > before + 1:
                parts.append(f"… {before + 1}-{number - 1}")
            parts.append(prepare(block(doc, [i], (number, number), log.id, str)[0]))
            before = number
        parts.append("```")
    left = []
    for title, some in (("errors", fitted.left_errors), ("warnings", fitted.left_warnings)):
        if some:
            lines = f"{min(f.span[0] for f in some)}:{max(f.span[1] for f in some)}"
            left.append(f"{len(some)} more {title} are not shown: slip log {log.id} --lines {lines}")
    parts.append("\n---\n" + footer(log, outcome, left, notes))
    return "\n".join(parts)
