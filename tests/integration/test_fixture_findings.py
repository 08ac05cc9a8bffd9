"""What the pipeline finds in each stored log is what a person sees in it (tests/fixtures)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from slipstream.tasks.summarization.analyse import Analysis, analyse
from slipstream.tasks.summarization.model import Finding, Limits, Log, Outcome, Severity
from slipstream.tasks.summarization.produce import command_words
from slipstream.tasks.summarization.render import render
from slipstream.tasks.summarization.rules import Ruleset, ruleset
from slipstream.tasks.summarization.scan import Scanner

LOGS = sorted((Path(__file__).parents[1] / "fixtures" / "logs").glob("*/*.log"))
LOG = Log("0123456789ab", "0" * 64, 0, 0, True)
SURE = 10
"""Weight from which a rule knows a format, rather than guessing by words."""

WORDS = {
    "pass": "passed", "passing": "passed",
    "fail": "failed", "fails": "failed", "failing": "failed", "failures": "failed",
    "timed out": "failed", "error": "errors", "insertions": "added", "deletions": "deleted",
    "skips": "skipped", "pending": "skipped", "ignored": "skipped", "excluded": "skipped",
    "tests": "total", "tests run": "total", "examples": "total", "runs": "total",
    "tests completed": "total",
}  # fmt: skip
"""Tools' words for what they count to those of our tallies."""
SEVERITIES = {
    "errors": Severity.ERROR, "fatal": Severity.FATAL, "critical": Severity.FATAL,
    "warn": Severity.WARNING, "warning": Severity.WARNING, "warnings": Severity.WARNING,
}  # fmt: skip
UNCOUNTED = {"assertions", "files", "unexpected"}
"""Counts that a tool prints beside the ones that matter."""


class Case(NamedTuple):
    """A fixture and what the pipeline makes of it."""

    sidecar: dict[str, Any]
    outcome: Outcome
    analysis: Analysis


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Ruleset:
    return ruleset(tmp_path_factory.mktemp("rules"))


@pytest.fixture(params=LOGS, ids=lambda path: f"{path.parent.name}/{path.stem}", scope="module")
def case(request: pytest.FixtureRequest, rules: Ruleset) -> Case:
    """Each fixture, read as `slip run` would.

    As a file, where its command ended well but the log shows a failure (`cat report.xml`).
    """
    path: Path = request.param
    sidecar = json.loads(path.with_suffix(".json").read_text("utf-8"))
    status: int | None = sidecar["exit_status"]
    if (status == 0) != (sidecar["expect"]["result"] == "passed"):
        status = None
    outcome = Outcome(status)
    scanner = Scanner(rules.rules, rules.engine)
    scanner.feed(path.read_bytes())
    scanned = scanner.finish(command_words(sidecar["command"] or ""), status)
    return Case(sidecar, outcome, analyse(scanned, rules, outcome))


def test_no_rule_fails_on_it(case: Case) -> None:
    assert not [note for note in case.analysis.notes if "rules for" in note]


def test_every_failure_that_a_person_sees_is_a_finding(case: Case) -> None:
    missed = [
        expected
        for expected in case.sidecar["expect"]["findings"]
        if not any(_tells(finding, *expected) for finding in case.analysis.findings)
    ]
    assert not missed, _list(case.analysis.findings)


def test_the_result_is_told_right(case: Case) -> None:
    assert case.analysis.failed is (case.sidecar["expect"]["result"] == "failed") or (
        case.analysis.failed is None and case.sidecar["expect"]["result"] == "passed"
    )


def test_what_the_tool_counts_is_counted(case: Case) -> None:
    said = [dict(tally.counts) for tally in case.analysis.tallies if tally.counts]
    said = [{"total": sum(counts.values())} | counts for counts in said]
    expected: dict[str, int] = {}
    for word, number in case.sidecar["expect"]["counts"].items():
        name = WORDS.get(word.lower(), word.lower())
        if name not in UNCOUNTED:
            expected[name] = expected.get(name, 0) + number
    wrong = [
        name
        for name, number in expected.items()
        if all(counts.get(name, 0) != number for counts in said)
        and _reported(case.analysis, name) < number
    ]
    assert not wrong, said


def _reported(analysis: Analysis, name: str) -> int:
    """How many findings there are of what a tool counts; where it prints no counts, as a logger."""
    severity = SEVERITIES.get(name, Severity.INFO)
    return sum(f.count for f in analysis.findings if f.severity == severity)


def test_a_run_that_passed_has_no_errors(case: Case) -> None:
    expect = case.sidecar["expect"]
    if expect["result"] == "passed" and not expect["findings"]:
        errors = [f for f in case.analysis.findings if f.severity >= Severity.ERROR]
        assert not errors, _list(errors)


def test_a_summary_of_any_size_shows_the_root_cause_and_ends_with_the_footer(case: Case) -> None:
    text = _summary(case, 10_240)
    plain = "".join(text.split())
    for finding in case.analysis.findings:
        if finding.role == "root":
            lines = {
                "".join(line.split())
                for n in range(finding.span[0], finding.span[1] + 1)
                if (i := case.analysis.document.index(n)) is not None
                and (line := case.analysis.document.texts[i])
            }
            assert any(line[:120] in plain for line in lines if _says(line, finding)), text
    for part in case.sidecar["expect"].get("shown", ()):
        assert part in text
    small = _summary(case, 1_024)
    assert len(small.encode()) <= 1_024
    assert small.endswith(text.rpartition("\n")[2])
    assert small.splitlines()[0] == text.splitlines()[0]


def _summary(case: Case, size: int) -> str:
    return render(case.analysis, LOG, case.outcome, Limits(max_bytes=size))


def _says(line: str, finding: Finding) -> bool:
    """Whether a line (without blanks) holds the beginning of the message, or the name."""
    texts = (*(part for part in finding.message.split(": ")), finding.name, finding.code)
    return any(text and "".join(text.split())[:40] in line for text in texts)


@cache
def _severity(word: str) -> tuple[Severity, ...]:
    """What the ends of a process and of a build are called is a matter of taste."""
    return {
        "info": (Severity.INFO,),
        "warning": (Severity.WARNING,),
    }.get(word, (Severity.ERROR, Severity.FATAL))


def _tells(finding: Finding, file: str, line: int | None, severity: str, part: str) -> bool:
    """Whether a finding, or one of its causes, says `part` and stands at the place."""
    if finding.severity not in _severity(severity):
        return False
    texts = [finding.name, *_wordings(finding.code, finding.message)]
    places = [(finding.file, finding.line), *((p.file, p.line) for p in finding.places)]
    places += [(f.file, f.line) for f in finding.stack]
    for cause in finding.causes:
        texts += _wordings(cause.code, cause.message)
        places += [(f.file, f.line) for f in cause.stack]
    said = any(part.lower() in text.lower() for text in texts)
    return said and any(
        _same_file(at, file) and (line is None or number == line) for at, number in places
    )


def _same_file(at: str, file: str) -> bool:
    return not file or at == file or at.endswith("/" + file) or file.endswith("/" + at)


def _wordings(code: str, message: str) -> list[str]:
    """A message as tools print it with its code."""
    return [message, f"{code}: {message}", f"[{code}] {message}", f"{message} ({code})"]


def _list(findings: tuple[Finding, ...] | list[Finding]) -> str:
    return "\n".join(
        f"{f.severity.name} {f.tool} {f.file}:{f.line} {f.span} {f.code!r} {f.name!r} {f.message!r}"
        for f in findings
    )
