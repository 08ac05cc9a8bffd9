"""What readers of builds share: blocks of lines, verdicts, durations, locations."""

from __future__ import annotations

from typing import Any

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import block_end, finding, number, rx
from slipstream.tasks.summarization.model import Finding, Rule, Tally

MARKER = (
    r"\*\*\* (?:\[|No rule|Error code)|The command .* exited with|Process completed with exit code|"
    r"##\[error\]|ERROR: Job failed|Exited with code|exit status \d+\s*$|BUILD FAILED|BUILD FAILURE|"
    r"npm (?:ERR!|error)|ELIFECYCLE|returned a non-zero code|build stopped|rake aborted!|"
    r"Command exited with code|make\S*: (?:Leaving|Entering|Target)|Done\. Your build exited"
)
"""Lines that say only that a step failed; what explains it stands above them."""


def verdict(
    doc: Document, i: int, rule: Rule, failed: bool, duration: str | None = None, note: str = ""
) -> Tally:
    """What a build says about its whole run."""
    return Tally(rule.tool, rule.kind, doc.numbers[i], failed, (), seconds(duration), note)


def seconds(text: str | None) -> float | None:
    """A duration such as `1m 3.5s`, `01:02 min`, `2.34 s`, `350ms`, `1h 2m`, in seconds."""
    if not text:
        return None
    if clock := rx(r"^\s*(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)").match(text):
        value = int(clock[2]) * 60 + float(clock[3])
        # maven prints `01:02 min` and `01:02 h`, the latter being hours and minutes.
        if not clock[1] and rx(r"\bh\b").search(text):
            value *= 60
        return int(clock[1] or 0) * 3600 + value
    total, found = 0.0, False
    for amount, unit in rx(r"(?<!\d)(\d+(?:[.,]\d+)?)\s*(ms|milli\w*|h\w*|m\w*|s\w*)\b").findall(
        text
    ):
        scale = 0.001 if unit.startswith(("ms", "milli")) else {"h": 3600, "m": 60, "s": 1}[unit[0]]
        total += float(amount.replace(",", ".")) * scale
        found = True
    return round(total, 3) if found else None


def paragraph(doc: Document, i: int, rule: Rule) -> Finding:
    """The line and what follows it up to a blank line, at most 20 lines."""
    return finding(
        doc, rule, i, block_end(doc, i, 20), doc.texts[i].strip(), **located(doc.texts[i])
    )


def indented(doc: Document, i: int, rule: Rule) -> Finding:
    """The line and the deeper indented lines below it; blank lines may stand between them."""
    text = doc.texts[i]
    depth = len(text) - len(text.lstrip())
    last = i
    for k, line in doc.forward(i + 1, 40):
        body = line.lstrip()
        if body and len(line) - len(body) <= depth:
            break
        if not body and k > last + 1:
            break
        last = k if body else last
    return finding(doc, rule, i, last, text.strip(), **located(text))


def failed(doc: Document, i: int, rule: Rule) -> Tally:
    """A line in which a build says that it failed as a whole."""
    return verdict(doc, i, rule, True, _duration(doc.texts[i]), doc.texts[i].strip())


def passed(doc: Document, i: int, rule: Rule) -> Tally:
    """A line in which a build says that it succeeded as a whole."""
    return verdict(doc, i, rule, False, _duration(doc.texts[i]), doc.texts[i].strip())


def _duration(text: str) -> str | None:
    found = rx(r"\b(?:in|time:|after|took)\s+(.*)$").search(text)
    return found[1] if found else None


def located(text: str) -> dict[str, Any]:
    """The file and line that a line names, as arguments of a finding."""
    found = rx(
        r"(?:^|[\s'\"(])([\w./\\@~+-]+\.\w{1,10}|[\w./-]*(?:Dockerfile|Makefile|Rakefile|BUILD|Gemfile))(?::(\d+)(?::(\d+))?|,? line:? (\d+))"
    ).search(text)
    if not found:
        return {}
    return {"file": found[1], "line": number(found[2] or found[4]), "column": number(found[3])}
