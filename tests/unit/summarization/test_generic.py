"""Words of failure are guesses, unless the line says that nothing failed."""

from __future__ import annotations

import pytest

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.generic import RULES
from slipstream.tasks.summarization.model import Severity


def guessed(line: str) -> Severity | None:
    findings, _ = findings_of(f"{line}\n", rules=RULES)
    return findings[0].severity if findings else None


@pytest.mark.parametrize(
    "line",
    [
        "ERROR: no space left on device",
        "fatal: not a repository",
        "Error: Cannot find module 'x'",
        "error: no such option: -z",
        "myscript failed: 3",
        "FAILED to start",
        "Segmentation fault (core dumped)",
        "panic: oh no",
        "!! ERROR !!",
        "unhandled rejection",
        "[error] it broke",
    ],
)
def test_a_strong_word_is_an_error(line: str) -> None:
    assert guessed(line) == Severity.ERROR


@pytest.mark.parametrize(
    "line",
    ["could not do it", "the file was not found", "connection refused", "unexpected token"],
)
def test_a_weak_word_is_worth_a_look(line: str) -> None:
    assert guessed(line) == Severity.INFO


@pytest.mark.parametrize("line", ["warning: odd", "[WARN] old", "Warnings: 3"])
def test_a_warning_is_a_warning(line: str) -> None:
    assert guessed(line) == Severity.WARNING


@pytest.mark.parametrize(
    "line",
    [
        "0 errors",
        "no errors found",
        "Errors: 0",
        "failed=0 errors=0",
        "error: null",
        "Errors: no",
        "without failures",
        "test_error.py",
        "compiling error.c",
        "cc -Werror -c x.c",
        "error: none",
        "lib_error_handling",
        "error_test ... ok",
        "test_failure PASSED",
        "✓ fails when the input is bad",
        "checking for errors... yes",
        "",
        "FAIL: 0 ok",
        "all fine",
    ],
)
def test_a_line_that_says_that_nothing_failed_is_no_guess(line: str) -> None:
    assert guessed(line) is None


def test_a_harmless_word_does_not_hide_another() -> None:
    assert guessed("0 errors, but error: the disk is full") == Severity.ERROR
