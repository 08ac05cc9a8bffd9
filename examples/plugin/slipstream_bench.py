"""The output of a hardware test bench of one's own, for Slipstream.

    [bench 03] voltage of the 5 V rail ....... OK
    [bench 04] current at idle ............... NOT OK
        measured 18 mA
        allowed  12 mA
    bench: 2 checks, 1 not ok

This is the example of docs/plugins.md. A module with `RULES` is all that a plugin is.
"""

from __future__ import annotations

import re

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.model import Finding, Rule, Severity, Tally


def failed(doc: Document, i: int, rule: Rule) -> Finding | None:
    """A failed check, with the indented lines below it."""
    check = re.search(r"\[bench (\d+)\] (.+?) \.+ NOT OK$", doc.texts[i])
    if not check:
        return None
    last, said = i, []
    for at, text in doc.forward(i + 1, 20):
        if not text.startswith("    "):
            break
        last = at
        said.append(text.strip())
    return Finding(
        Severity.ERROR,
        f"{check[2]}: {', '.join(said)}",
        rule.tool,
        rule.kind,
        (doc.numbers[i], doc.numbers[last]),
        code=check[1],
        name=check[2],
        weight=rule.weight,
    )


def counts(doc: Document, i: int, rule: Rule) -> Tally | None:
    """What the bench counts itself."""
    found = re.search(r"bench: (\d+) checks, (\d+) not ok", doc.texts[i])
    if not found:
        return None
    total, bad = int(found[1]), int(found[2])
    counted = (("failed", bad), ("passed", total - bad))
    return Tally(rule.tool, rule.kind, doc.numbers[i], bad > 0, counted)


RULES = (
    Rule(
        "bench.failed",
        r"\[bench \d+\] .* NOT OK$",
        tool="bench",
        kind="test",
        extract=failed,
        weight=20,
        examples=("[bench 04] current at idle ............... NOT OK",),
    ),
    Rule(
        "bench.counts",
        r"bench: \d+ checks, \d+ not ok",
        tool="bench",
        kind="test",
        severity=None,
        extract=counts,
        weight=30,
        examples=("bench: 2 checks, 1 not ok",),
    ),
)
