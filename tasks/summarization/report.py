"""A summary as data: the versioned JSON of `--json`, and the rows that are kept.

Schema history (`schema` holds the version):
    slipstream.summary/1    first
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipstream.tasks.summarization.model import Finding, Frame, Severity
from slipstream.tasks.summarization.rank import digest

if TYPE_CHECKING:
    import sqlite3

    from slipstream.storage.summaries import FindingRecord
    from slipstream.tasks.summarization.produce import Produced

SCHEMA = "slipstream.summary/1"
ROWS = 200
"""Findings that become rows of their own; the JSON holds all."""


def to_json(produced: Produced) -> dict[str, Any]:
    """The summary with all findings, those that did not fit the text included."""
    analysis, log, outcome = produced.analysis, produced.log, produced.outcome
    findings = analysis.findings
    return {
        "schema": SCHEMA,
        "id": produced.id,
        "type": analysis.detected.kind,
        "tools": list(analysis.detected.tools),
        "failed": analysis.failed,
        "exit_status": outcome.exit_status,
        "signal": outcome.signal or None,
        "timed_out": outcome.timed_out is not None,
        "out_of_memory": outcome.out_of_memory,
        "duration": outcome.duration,
        "counts": {
            severity.name.lower(): sum(f.count for f in findings if f.severity == severity)
            for severity in sorted(Severity, reverse=True)
        },
        "tallies": [
            {
                "tool": tally.tool,
                "kind": tally.kind,
                "line": tally.line,
                "failed": tally.failed,
                "counts": dict(tally.counts),
                "duration": tally.duration,
                "note": tally.note,
            }
            for tally in analysis.tallies
        ],
        "findings": [finding_json(f) for f in findings],
        "log": {
            "id": log.id or None,
            "sha256": log.sha256,
            "bytes": log.size,
            "lines": log.lines,
            "complete": log.complete,
        },
        "redacted": produced.redacted,
        "notes": [*analysis.notes, *produced.warnings, *([log.warning] if log.warning else [])],
        "text": produced.text,
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """One finding; `null` stands for what the tool did not say."""
    return {
        "severity": finding.severity.name.lower(),
        "message": finding.message,
        "tool": finding.tool,
        "kind": finding.kind,
        "file": finding.file or None,
        "line": finding.line,
        "column": finding.column,
        "code": finding.code or None,
        "name": finding.name or None,
        "role": finding.role or None,
        "span": list(finding.span),
        "count": finding.count,
        "places": [
            {"file": p.file or None, "line": p.line, "column": p.column, "log_line": p.log_line}
            for p in finding.places
        ],
        "stack": [_frame(frame) for frame in finding.stack],
        "causes": [
            {
                "relation": cause.relation,
                "code": cause.code or None,
                "message": cause.message,
                "stack": [_frame(frame) for frame in cause.stack],
            }
            for cause in finding.causes
        ],
        "digest": digest(finding),
    }


def _frame(frame: Frame) -> dict[str, Any]:
    return {"function": frame.function, "file": frame.file, "line": frame.line, "own": frame.own}


def save(connection: sqlite3.Connection, produced: Produced, command: tuple[str, ...]) -> None:
    """Keep the summary and its findings.

    Raises:
        sqlite3.Error: They could not be kept.
    """
    import json

    from slipstream.storage import summaries

    data = to_json(produced)
    findings = produced.analysis.findings
    record = summaries.SummaryRecord(
        produced.id,
        produced.log.sha256,
        data["type"],
        {True: "failed", False: "passed", None: "unknown"}[produced.analysis.failed],
        command,
        produced.outcome.exit_status,
        data["counts"]["fatal"] + data["counts"]["error"],
        data["counts"]["warning"],
        len(produced.text.encode()),
        json.dumps(data, ensure_ascii=False),
    )
    summaries.save(connection, record, [_row(finding) for finding in findings[:ROWS]])


def _row(finding: Finding) -> FindingRecord:
    from slipstream.storage.summaries import FindingRecord

    return FindingRecord(
        finding.severity.name.lower(), finding.message, finding.tool, finding.kind, finding.code,
        finding.name, finding.file, finding.line, finding.column, *finding.span, finding.count,
        finding.role,
    )  # fmt: skip
