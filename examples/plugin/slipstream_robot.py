"""Robot Framework's output for Slipstream: failed tests, and what the run counts.

This is the example of docs/plugins.md. A module with `RULES` is all that a plugin is.
"""

from __future__ import annotations

import re

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.model import Finding, Rule, Severity, Tally

COUNTS = r"^\d+ tests?, \d+ passed, \d+ failed"


def failed(doc: Document, i: int, rule: Rule) -> Finding | None:
    """A failed test with the message below it; the same mark stands behind failed suites."""
    said = []
    for _, text in doc.forward(i + 1, 40):
        if re.match(r"[-=]{20}", text):
            break
        said.append(text)
    if not said or re.match(COUNTS, said[-1]):
        return None  # a suite, whose failures are its tests
    name = doc.texts[i].split(" | FAIL |")[0].strip()
    last = doc.numbers[i] + len(said)
    return Finding(
        Severity.ERROR, f"{name}: {said[0].strip()}", rule.tool, rule.kind,
        (doc.numbers[i], last), name=name, weight=rule.weight,
    )  # fmt: skip


def counts(doc: Document, i: int, rule: Rule) -> Tally:
    """What a suite counts; the last one is the whole run."""
    found = [(word, int(n)) for n, word in re.findall(r"(\d+) (tests?|\w+)", doc.texts[i])]
    return Tally(
        rule.tool, rule.kind, doc.numbers[i], dict(found).get("failed", 0) > 0, tuple(found[1:])
    )


RULES = (
    Rule(
        "robot.failed",
        r" \| FAIL \|\s*$",
        tool="robot",
        kind="test",
        extract=failed,
        weight=20,
        examples=("Wrong Password                          | FAIL |",),
    ),
    Rule(
        "robot.counts",
        COUNTS,
        tool="robot",
        kind="test",
        severity=None,
        extract=counts,
        weight=30,
        examples=("2 tests, 1 passed, 1 failed",),
    ),
)
