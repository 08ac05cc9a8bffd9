"""Runs the extractors over the lines that the scan found, heaviest rule first."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import number, rx, went_well
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity, Tally

_LOCATION = (
    r"(?:^|[\s\"'(\[<=])((?:[A-Za-z]:)?[\w.@+~/\\-]*[\w-]\.[A-Za-z]\w{0,11})"
    r"(?::(\d{1,7})(?::(\d{1,6}))?|\((\d{1,7})(?:,\s?(\d{1,6}))?\)|\"?,? line (\d{1,7}))"
)
"""A file with an extension and a line: `a.c:3:5`, `a.cs(3,5)`, `"a.py", line 3`."""

EXPLAINS = 5
"""Findings below this weight are guesses, dropped where one of at least this weight overlaps."""

_HANDS_DOWN = 8
"""Problems are noted at most so often per extraction, so that a broken rule cannot flood."""


def extract(
    doc: Document, hits: Iterable[tuple[int, Sequence[Rule]]], seconds: float = 5.0
) -> tuple[list[Finding], list[Tally], list[str]]:
    """Read findings and tallies around the matched lines.

    Args:
        doc: The kept lines.
        hits: (index into `doc`, rules that matched there, the heaviest first), ascending by index.
        seconds: Limit of the processor time of one tool's rules; past it they are skipped and named.

    Returns:
        Findings in the order of their spans, tallies in the order of the log, and sentences about
        rules that failed or were stopped.
    """
    kept: list[Finding] = []
    tallies: list[Tally] = []
    problems: dict[str, str] = {}
    spent: dict[str, float] = {}
    for i, rules in hits:
        line = doc.numbers[i]
        for rule in rules:
            if rule.extract is None and rule.severity is None:
                continue
            if rule.tool in problems or _covered(kept, line, rule.weight):
                continue
            started = time.thread_time()  # not the clock: a busy machine changes no result
            try:
                results = list(_results(doc, i, rule))
            except Exception as error:  # a rule of anybody's must never stop the summary
                if len(problems) < _HANDS_DOWN:
                    problems[rule.tool] = f"the rules for {rule.tool} failed ({error!r})"
                continue
            spent[rule.tool] = spent.get(rule.tool, 0.0) + time.thread_time() - started
            if spent[rule.tool] > seconds:
                problems[rule.tool] = f"the rules for {rule.tool} took more than {seconds:g} s"
            before = kept[-8:]  # the findings of one call, on one line of XML, stand side by side
            for result in results:
                if isinstance(result, Tally):
                    tallies.append(result)
                elif not (
                    _explained(kept, result)
                    if result.weight < EXPLAINS
                    else _covered(before, result.span[0], result.weight)
                ):
                    _absorb(kept, result)
            if any(r.span[0] <= line <= r.span[1] for r in results if isinstance(r, Finding)):
                break
            if any(isinstance(r, Tally) for r in results):
                break
    kept.sort(key=lambda f: f.span)
    return kept, tallies, list(problems.values())


def _covered(kept: list[Finding], line: int, weight: int) -> bool:
    """Whether a recent finding of at least this weight already explains the line."""
    for finding in kept[-1:-9:-1]:
        first, last = finding.span
        if first <= line <= last and finding.weight >= weight:
            return True
    return False


def _explained(kept: list[Finding], new: Finding) -> bool:
    """Whether something that knows more stands anywhere in the span of a guess."""
    first, last = new.span
    return any(
        f.span[0] <= last and first <= f.span[1] and f.weight >= max(EXPLAINS, new.weight)
        for f in kept[-32:]
    ) or _covered(kept, first, new.weight)


def _absorb(kept: list[Finding], new: Finding) -> None:
    """Add a finding; lighter ones inside its span are part of it."""
    first, last = new.span
    at = len(kept)
    while at and len(kept) - at < 64 and kept[at - 1].span[1] >= first:
        at -= 1
        old = kept[at]
        if first <= old.span[0] and old.span[1] <= last and old.weight < new.weight:
            del kept[at]
    kept.append(new)


def _results(doc: Document, i: int, rule: Rule) -> Iterator[Finding | Tally]:
    if rule.extract is None:
        if rule.severity is not None and (rule.kind == "test" or not went_well(doc.texts[i])):
            yield line_finding(doc, i, rule)
        return
    result: Extracted = rule.extract(doc, i, rule)
    if result is None:
        return
    if isinstance(result, (Finding, Tally)):
        yield result
    else:
        yield from result


def line_finding(doc: Document, i: int, rule: Rule) -> Finding:
    """A finding of the matched line alone, with the location that it names."""
    text = doc.texts[i].strip()
    found = rx(_LOCATION).search(text)
    file, line, column = "", None, None
    if found:
        file = found[1]
        line = number(found[2] or found[4] or found[6])
        column = number(found[3] or found[5])
    at = doc.numbers[i]
    return Finding(
        rule.severity or Severity.INFO, text, rule.tool, rule.kind, (at, at),
        file=file, line=line, column=column, weight=rule.weight,
    )  # fmt: skip


def findings_of(
    text: str,
    *,
    command: Sequence[str] = (),
    exit_status: int | None = None,
    rules: Sequence[Rule] | None = None,
) -> tuple[list[Finding], list[Tally]]:
    """What the rules find in a text, by Python's `re` instead of the scan; for tests.

    The patterns are searched in the raw lines and the extractors see them without ANSI, as in the
    pipeline. A rule that raises raises here.
    """
    if rules is None:
        from slipstream.tasks.summarization.rules import builtin_rules

        rules = builtin_rules()
    from slipstream.tasks.summarization.text import clean

    raw = text.split("\n")
    if raw and not raw[-1]:
        raw.pop()
    doc = Document(clean(text)[: len(raw)], command=command, exit_status=exit_status)
    compiled = [
        (rule, re.compile(rule.pattern, re.IGNORECASE if rule.caseless else 0)) for rule in rules
    ]
    hits = []
    for i, line in enumerate(raw):
        matched = [rule for rule, pattern in compiled if pattern.search(line.rstrip("\r"))]
        if matched:
            hits.append((i, sorted(matched, key=lambda rule: -rule.weight)))
    findings, tallies, problems = extract(doc, hits)
    if problems:
        raise AssertionError("; ".join(problems))
    return findings, tallies
