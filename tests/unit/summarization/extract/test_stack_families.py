"""What holds for every rule that reads stacks, builds, CI, git, diffs and application logs."""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Rule

_FAMILIES = (
    "application_log", "bazel", "ci", "cmake", "containers", "diff", "git", "jvm_builds", "make",
    "npm", "packages", "python_packages", "shell", "stack_beam", "stack_dotnet", "stack_go",
    "stack_javascript", "stack_jvm", "stack_native", "stack_php", "stack_python", "stack_ruby",
    "stack_rust", "stack_scripting",
)  # fmt: skip
_CONTINUATIONS = (
    "", "    at f (/srv/app.js:1:2)", "\tat com.acme.A.f(A.java:3)", '  File "a.py", line 1, in f',
    "    x = 1", "ValueError: bad", "Caused by: java.io.IOException: no", "goroutine 1 [running]:",
    "main.f(...)", "\t/srv/a.go:3 +0x1d", "stack backtrace:", "   0: app::f",
    "             at ./src/main.rs:3:5", "#0 /srv/a.php(3): f()", "    #0 0x5 in f /srv/a.c:3",
    "\tfrom a.rb:3:in `f'", "    (app 0.1.0) lib/a.ex:3: A.f/1", "make[1]: *** [a] Error 2",
    "[ERROR] more", "  indented", "* Try:", "------", " > [2/3] RUN x", "+ CategoryInfo : x",
    "@@ -1,2 +1,2 @@", "-a", "+b", " c", "hint: pull first", "\tmodified:   a.py",
    "npm ERR! more", "  | ValueError: x", "  +-+---- 1 ----", "{", "}", "[", "...", "^",
    "\t", "x" * 300,
)  # fmt: skip


def _module(name: str) -> ModuleType:
    return import_module(f"slipstream.tasks.summarization.extract.{name}")


_RULES: tuple[Rule, ...] = tuple(rule for name in _FAMILIES for rule in _module(name).RULES)
_EXAMPLES = tuple(example for rule in _RULES for example in rule.examples)


@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: str(rule.name))
def test_a_rule_matches_its_examples_and_reads_them_alone(rule: Rule) -> None:
    assert rule.examples
    for example in rule.examples:
        assert re.search(rule.pattern, example, re.IGNORECASE if rule.caseless else 0)
        findings_of(example, rules=[rule])


def test_the_names_of_the_rules_are_unique() -> None:
    names = [rule.name for rule in _RULES]
    assert len(names) == len(set(names))


def _check(finding: Finding, lines: int) -> None:
    first, last = finding.span
    assert 1 <= first <= last <= lines
    assert finding.message
    previous = 0
    for begin, end in finding.focus:
        assert first <= begin <= end <= last
        assert begin > previous
        previous = end


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.sampled_from(_EXAMPLES) | st.sampled_from(_CONTINUATIONS) | st.text(max_size=30),
        min_size=1, max_size=25,
    ),
    st.sampled_from(["", "", "2024-01-02T03:04:05.1234567Z ", "web_1  | ", "[job] ", "    "]),
)  # fmt: skip
def test_any_mix_of_lines_gives_findings_whose_spans_and_focus_lie_in_the_log(
    lines: list[str], prefix: str
) -> None:
    text = "\n".join(prefix + line.replace("\n", " ").replace("\r", " ") for line in lines)
    findings, tallies = findings_of(text, rules=_RULES)
    count = len(text.split("\n"))
    for finding in findings:
        _check(finding, count)
    for tally in tallies:
        assert 1 <= tally.line <= count


def test_a_passing_run_with_failure_words_in_names_has_no_failure() -> None:
    text = """\
2024-03-04 05:06:07,123 - app - INFO - 0 errors, error_rate=0.0
test_error.py::test_raises_value_error PASSED
  ok error handling works
Compiling errors.c
make[1]: Nothing to be done for 'all'.
Finished: SUCCESS
BUILD SUCCESSFUL in 3s
The command "make test" exited with 0.
INFO: Build completed successfully, 3 total actions
[INFO] BUILD SUCCESS
GET /error/500 200 12ms
Tests: 12 passed, 0 failed
warning: 0 failures
"""
    findings, tallies = findings_of(text, rules=_RULES)
    assert findings == []
    assert not any(tally.failed for tally in tallies)
