"""The shell and the system."""

import pytest

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.shell import RULES
from slipstream.tasks.summarization.model import Finding, Severity


def _all(text: str) -> list[Finding]:
    return findings_of(text, rules=RULES)[0]


def test_a_script_s_error_names_file_and_line() -> None:
    (found,) = _all("./build.sh: line 12: absent: command not found\n")
    assert (found.file, found.line) == ("./build.sh", 12)


@pytest.mark.parametrize(
    "line",
    [
        "bash: absent: command not found",
        "x.sh: 3: absent: not found",
        "open.sh: line 4: syntax error: unexpected end of file",
        "a.sh: line 2: TARGET: unbound variable",
        "cp: cannot stat 'x': No such file or directory",
        "curl: (6) Could not resolve host: example.org",
        "write error: No space left on device",
    ],
)
def test_errors_of_the_shell_are_findings(line: str) -> None:
    (found,) = _all(line + "\n")
    assert found.message == line


@pytest.mark.parametrize(
    "line",
    [
        "Killed",
        "Out of memory: Killed process 12 (node)",
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
    ],
)
def test_what_is_killed_is_fatal(line: str) -> None:
    (found,) = _all(line + "\n")
    assert found.severity is Severity.FATAL


def test_a_refused_argument_has_its_usage() -> None:
    (found,) = _all(
        "usage: shop [-h] [--count N]\nshop: error: argument --count: invalid int value: 'x'\n"
    )
    assert found.span == (1, 2)


def test_killed_inside_a_sentence_is_not_a_kill() -> None:
    assert _all("Killed 3 mutants, 0 survived\nwe were Killed by it\n") == []


def test_a_test_named_after_a_condition_is_no_failure() -> None:
    assert (
        _all(
            "[ RUN      ] writes: No space left on device\n"
            "ok 3 - Connection refused is retried\n"
            "tests/net_test.py::test_connection_refused PASSED\n"
            "test disk No space left on device ... ok\n"
        )
        == []
    )
