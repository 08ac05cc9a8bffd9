"""SARIF: the JSON report that many analysers write. Each result is one object with a `ruleId`.

A result is read by itself, by its indentation, so that a report of any size and a report cut by
other output are read alike; a report on one line is read as a whole.
"""

from __future__ import annotations

import json
from typing import Any

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, rx
from slipstream.tasks.summarization.extract.located import severity_of
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity

RESULT_LINES = 400
"""Lines that one result may take."""


def result(doc: Document, i: int, rule: Rule) -> Extracted:
    """The result object around the line with its `ruleId`."""
    text = doc.texts[i]
    if text.count('"ruleId"') > 1 or '"results"' in text or rx(r'^\s*\{.*"locations"').match(text):
        return _whole(doc, i, rule)
    indent = len(text) - len(text.lstrip())
    first = i
    for j, above in doc.back(i - 1, RESULT_LINES):
        if len(above) - len(above.lstrip()) < indent and above.strip():
            first = j
            break
    lines = ["{"]
    last = i
    width = len(doc.texts[first]) - len(doc.texts[first].lstrip())
    for j, below in doc.forward(first + 1, RESULT_LINES):
        last = j
        if len(below) - len(below.lstrip()) <= width and below.strip():
            lines.append("}")
            break
        lines.append(below)
    try:
        data = json.loads("\n".join(lines))
    except ValueError:
        return None
    made = _finding(doc, rule, first, last, data)
    return made if made else None


def _whole(doc: Document, i: int, rule: Rule) -> list[Finding] | None:
    """All results of a report, or of one result, that stands on one line."""
    text = doc.texts[i].strip().rstrip(",")
    try:
        data = json.loads(text)
    except ValueError:
        return None
    if not isinstance(data, dict):
        return None
    runs = data.get("runs")
    results = [data]
    if isinstance(runs, list):
        results = [r for run in runs if isinstance(run, dict) for r in run.get("results") or []]
    found = (_finding(doc, rule, i, i, r) for r in results)
    return [f for f in found if f]


def _finding(doc: Document, rule: Rule, first: int, last: int, data: Any) -> Finding | None:
    if not isinstance(data, dict) or not isinstance(data.get("message"), dict):
        return None
    level = data.get("level", "warning")  # the standard's default
    if level == "none" or data.get("kind") in ("pass", "notApplicable", "informational"):
        level = "note"
    message = data["message"].get("text") or data["message"].get("markdown") or ""
    physical: Any = {}
    locations = data.get("locations")
    if isinstance(locations, list) and locations and isinstance(locations[0], dict):
        physical = locations[0].get("physicalLocation") or {}
    region = physical.get("region") or {}
    place = physical.get("artifactLocation") or {}
    line, column = region.get("startLine"), region.get("startColumn")
    return finding(
        doc, rule, first, last, " ".join(str(message).split()), severity=severity_of(str(level)) or Severity.INFO,
        file=str(place.get("uri", "")).removeprefix("file://"),
        line=line if isinstance(line, int) else None,
        column=column if isinstance(column, int) else None, code=str(data.get("ruleId", "")),
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule(
        "sarif.result", r'"ruleId"\s*:\s*"', "sarif", "lint", Severity.WARNING, result, 20,
        examples=('          "ruleId": "no-unused-vars",',),
    ),
)  # fmt: skip
