"""What a scanned log says: findings extracted and ranked, types detected, the result known."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from slipstream.tasks.summarization.detect import Detected, detect
from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.excerpt import merge_ranges
from slipstream.tasks.summarization.extract import boundaries
from slipstream.tasks.summarization.extract.diff import CONTENT
from slipstream.tasks.summarization.extract.driver import extract
from slipstream.tasks.summarization.group import recount
from slipstream.tasks.summarization.levels import logged
from slipstream.tasks.summarization.model import Finding, Outcome, Rule, Severity, Tally
from slipstream.tasks.summarization.rank import by_words, rank
from slipstream.tasks.summarization.rules import Ruleset
from slipstream.tasks.summarization.scan import Scanned

SURE = 10
"""Weight from which a rule knows a format; below it, it guesses by words."""


class Analysis(NamedTuple):
    """What a log says, before it is decided how much of it is shown."""

    document: Document
    findings: tuple[Finding, ...]
    """All that a format told, ranked."""
    guesses: tuple[Finding, ...]
    """Lines that look like a failure by their words alone."""
    tallies: tuple[Tally, ...]
    detected: Detected
    failing: tuple[tuple[int, int], ...]
    """First and last log line of each step that a CI system calls failed."""
    failed: bool | None
    """None where neither an exit status nor a tool tells."""
    notes: tuple[str, ...]
    """Sentences about what a reader must know: problems, limits that were met."""


def analyse(
    scanned: Scanned, rules: Ruleset, outcome: Outcome, *, type: str = "", seconds: float = 5.0
) -> Analysis:
    """Read the findings of a scanned log and put them in order. Never raises on any input.

    Args:
        scanned: The kept lines and the matches.
        rules: The rules that the matches refer to.
        outcome: How the command ended.
        type: A kind or tool whose rules alone are to be used, besides the guesses.
        seconds: Time limit of the rules of one tool.
    """
    doc = scanned.document
    signatures = []
    weights = [-rule.weight for rule in rules.rules]
    heaviest = weights.__getitem__
    hits: list[tuple[int, list[Rule]]] = []
    for i, matched in scanned.hits:
        some = [rules.rules[at] for at in sorted(matched, key=heaviest)]
        if type:
            some = [r for r in some if type in (r.kind, r.tool) or r.weight < SURE]
        signatures += [
            (r.tool, r.kind, doc.numbers[i])
            for r in some
            if r.severity is None and r.extract is None  # one that extracts speaks for itself
        ]
        hits.append((i, some))
    found, tallies, problems = extract(doc, hits, seconds)
    sure = [f for f in found if f.weight >= SURE]
    failing = _failing(sure, [line for tool, _kind, line in signatures if tool == boundaries.TOOL])
    guesses = [f for f in found if f.weight < SURE]
    if outcome.exit_status:
        told = by_words(sure, guesses)
        sure = sorted([*sure, *told], key=lambda f: f.span)
        guesses = [f for f in guesses if f not in told]
    findings = rank(sure, failing)
    if scanned.skipped:
        findings = recount(findings, doc, scanned.alike)
    detected = detect(findings, tallies, _outside(signatures, found), doc.command)
    failed = _failed(findings, tallies, outcome)
    detected, levels = logged(scanned, rules.rules, findings, detected)
    return Analysis(
        doc, tuple(findings), tuple(guesses), (*tallies, *((levels,) if levels else ())),
        detected, tuple(failing), failed,
        (*problems, *rules.problems, *_notes(scanned)),
    )  # fmt: skip


def nothing(command: Sequence[str], outcome: Outcome) -> Analysis:
    """The analysis of an output of no bytes."""
    doc = Document([], command=command, exit_status=outcome.exit_status)
    detected = detect((), (), (), command)
    return Analysis(doc, (), (), (), detected, (), _failed((), (), outcome), ())


def _outside(
    signatures: Sequence[tuple[str, str, int]], found: Sequence[Finding]
) -> list[tuple[str, str, int]]:
    """The signatures that do not stand in other files' text, as a diff holds it."""
    content = merge_ranges(f.span for f in found if f.weight >= CONTENT)
    starts = [first for first, _ in content]
    return [
        one for one in signatures
        if not (at := bisect_right(starts, one[2])) or content[at - 1][1] < one[2]
    ]  # fmt: skip


def _failing(findings: Sequence[Finding], begins: Sequence[int]) -> list[tuple[int, int]]:
    """The steps that ended with a CI system's verdict, where it tells where steps begin."""
    steps = []
    for finding in findings:
        if finding.tool == "ci" and finding.severity >= Severity.ERROR and begins:
            end = finding.span[1]
            steps.append((max((line for line in begins if line < end), default=1), end))
    return steps


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
    if scanned.encoding != "utf-8":
        notes.append(f"The output is {scanned.encoding.upper()}.")
    if scanned.skipped:
        notes.append(
            f"{scanned.skipped} more lines matched; they are counted, not read one by one."
        )
    if scanned.long_lines:
        notes.append(
            f"{scanned.long_lines} very long lines were searched at their two ends only "
            f"({scanned.cut} bytes between)."
        )
    return notes
