"""What holds for every rule that reads the report of a test runner."""

# ruff: noqa: E501 -- lines of logs are as long as the tools print them

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Rule, Severity, Tally

FAMILIES = (
    "beam_tests", "ctest", "dotnet_tests", "functional_tests", "go_tests", "javascript_tests",
    "junit_xml", "jvm_tests", "numbered", "other_tests", "php_tests", "python_pytest",
    "python_pytest_run", "python_tests", "ruby_tests", "rust_tests", "swift_tests", "tap",
)  # fmt: skip
RULES: tuple[Rule, ...] = tuple(
    rule
    for name in FAMILIES
    for rule in import_module(f"slipstream.tasks.summarization.extract.{name}").RULES
)
EXAMPLES = tuple(example for rule in RULES for example in rule.examples)
LOGS = next(p for p in Path(__file__).parents if p.name == "tests") / "fixtures" / "logs"
RUNNERS = (
    "pytest unittest jest vitest mocha cargo nextest maven gradle rspec minitest phpunit "
    "tap prove exunit ctest swift dotnet junit"
).split()
FIXTURES = [path for name in RUNNERS for path in sorted((LOGS / name).glob("*.log"))]
GO = sorted((LOGS / "go").glob("test-*.log"))


def read(path: Path) -> tuple[list[Finding], list[Tally]]:
    return findings_of(path.read_text("utf-8", "replace"), rules=RULES)


def merged(findings: list[Finding]) -> list[Finding]:
    """As the ranking stage does: the heaviest of each tool and name stays."""
    best: dict[tuple[str, str], int] = {}
    for found in findings:
        if found.name:
            key = found.tool, found.name
            best[key] = max(best.get(key, 0), found.weight)
    return [f for f in findings if not f.name or f.weight == best[f.tool, f.name]]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_matches_its_examples_and_says_what_it_is(rule: Rule) -> None:
    assert rule.examples
    for example in rule.examples:
        assert re.search(rule.pattern, example), example
    assert rule.kind == "test"


def test_rule_names_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    "path",
    [p for p in FIXTURES if "expect" in json.loads(p.with_suffix(".json").read_text("utf-8"))],
    ids=lambda p: f"{p.parent.name}/{p.stem}",
)
def test_a_passing_run_has_no_failures_and_a_failing_one_has(path: Path) -> None:
    findings, tallies = read(path)
    expected = json.loads(path.with_suffix(".json").read_text("utf-8"))["expect"]
    if expected.get("result") == "passed":
        assert not [f for f in findings if f.severity >= Severity.ERROR]
        assert not [t for t in tallies if t.failed]
    elif findings or tallies:
        errors = [f for f in findings if f.severity >= Severity.ERROR]
        assert errors or any(tally.failed for tally in tallies)


@pytest.mark.parametrize("path", [*FIXTURES, *GO], ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_spans_and_focus_lie_in_the_log_and_no_failure_is_read_twice(path: Path) -> None:
    text = path.read_text("utf-8", "replace")
    findings, _ = findings_of(text, rules=RULES)
    lines = text.count("\n") + 1
    for found in findings:
        first, last = found.span
        assert 1 <= first <= last <= lines
        assert all(first <= a <= b <= last for a, b in found.focus)
        assert found.message.strip()
    heavy = [f.span for f in merged(findings) if f.weight >= 15]
    assert len(set(heavy)) == len(heavy)
    named = [(f.tool, f.name, f.message) for f in merged(findings) if f.name and f.weight >= 18]
    assert len(set(named)) == len(named)


@pytest.mark.parametrize(
    "path",
    [p for p in FIXTURES if p.stem in ("default", "failures", "test-failures", "spec")],
    ids=lambda p: f"{p.parent.name}/{p.stem}",
)
@pytest.mark.parametrize("prefix", ["2026-11-22T09:38:52.3401234Z ", "tests-1  | "])
def test_the_prefix_of_a_ci_system_hides_no_failure(path: Path, prefix: str) -> None:
    plain = [f.name for f in merged(read(path)[0]) if f.weight >= 20]
    text = "".join(f"{prefix}{line}\n" for line in path.read_text("utf-8").splitlines())
    marked = [f.name for f in merged(findings_of(text, rules=RULES)[0])]
    missing = [name for name in plain if name not in marked]
    assert not missing


NO_FAILURES = """\
test_error.py::test_error_is_raised PASSED                               [ 50%]
test_failed_login (app.LoginTest) ... ok
test tests::fails_on_error ... ok
ok 3 - not ok is shown as a failure
not ok 4 - later # TODO not written
--- PASS: TestFailure (0.00s)
  \u2713 shows FAILED when the build failed
[       OK ] Error.IsReported (0 ms)
Tests run: 4, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.1 s -- in a.FailureTest
com.example.FailureTest > failsOnError() PASSED
0 failed, 0 errors
  1) first do this
  2) then that
adds:    OK (0.01s)
<testcase classname="a.FailureTest" name="error" time="0.1"/>
ok      example.com/failure     0.003s
{"Action":"pass","Package":"a","Test":"TestFail","Elapsed":0}
"""


def test_names_of_passing_tests_are_no_failures() -> None:
    findings, _ = findings_of(NO_FAILURES, rules=RULES)
    assert findings == []


_LINES = st.one_of(
    st.sampled_from(EXAMPLES),
    st.sampled_from(
        (
            "", "    at f (/srv/app.js:1:2)", "\tat com.acme.A.f(A.java:3)", "E   ValueError: no",
            '  File "a.py", line 1, in f', "=" * 70, "-" * 70, "a.py:3: ValueError", "_ _ _ _ _",
            "  Message:", "  Stack:", "Expected:", "Got:", "  ---", "  ...", "# got: 1", "</failure>",
            "===== x =====", "  \u2502 text", "     test/a_test.exs:3", "Failures:", "  1 failing",
        )
    ),
    st.text(max_size=60),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_LINES, max_size=40))
def test_no_mixture_of_lines_makes_an_extractor_raise(lines: list[str]) -> None:
    text = "\n".join(lines)
    findings, _ = findings_of(text, rules=RULES)
    for found in findings:
        assert 1 <= found.span[0] <= found.span[1] <= text.count("\n") + 1
