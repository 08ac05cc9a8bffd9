"""What a log says as a whole: whether it failed, of what types it is, what a reader must know."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipstream.tasks.summarization import scan
from slipstream.tasks.summarization.analyse import Analysis, analyse, nothing
from slipstream.tasks.summarization.model import Limits, Log, Outcome, Severity
from slipstream.tasks.summarization.render import render
from slipstream.tasks.summarization.rules import Ruleset, ruleset

GCC = "a.c:3:5: error: expected ';' before '}' token\n"
PYTEST = """\
=== short test summary info ===
FAILED t.py::test_a - assert 1 == 2
=== 1 failed, 2 passed in 0.10s ===
"""
LOG = Log("c883a4c588e2", "0" * 64, 10, 10, True)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Ruleset:
    return ruleset(tmp_path_factory.mktemp("cache"))


def analysed(
    rules: Ruleset,
    text: str | bytes,
    outcome: Outcome,
    command: tuple[str, ...] = (),
    type: str = "",
) -> Analysis:
    scanner = scan.Scanner(rules.rules, rules.engine)
    scanner.feed(text if isinstance(text, bytes) else text.encode())
    return analyse(scanner.finish(command, outcome.exit_status), rules, outcome, type=type)


@pytest.mark.parametrize(
    ("text", "outcome", "failed"),
    [
        ("fine\n", Outcome(0), False),
        ("fine\n", Outcome(1), True),
        ("fine\n", Outcome(), None),
        ("fine\n", Outcome(-9, "SIGKILL"), True),
        ("fine\n", Outcome(0, timed_out=2.0), True),
        ("fine\n", Outcome(0, out_of_memory=True), True),
        (GCC, Outcome(), True),
        (GCC, Outcome(0), False),
        (PYTEST, Outcome(), True),
        ("=== 3 passed in 0.10s ===\n", Outcome(), False),
        ("=== 3 passed in 0.10s ===\n", Outcome(2), True),
    ],
)
def test_it_failed_by_its_exit_status_or_else_by_what_tools_say(
    rules: Ruleset, text: str, outcome: Outcome, failed: bool | None
) -> None:
    assert analysed(rules, text, outcome).failed is failed


def test_an_output_of_no_bytes_is_judged_by_its_command_and_status() -> None:
    assert nothing(("pytest",), Outcome(1)).failed is True
    assert nothing(("pytest",), Outcome(0)).failed is False
    assert nothing(("pytest",), Outcome(0)).detected.tools == ("pytest",)


@pytest.mark.parametrize("status", [1, 2, 127, 137, -11])
def test_a_failure_without_any_match_is_shown_by_its_end(rules: Ruleset, status: int) -> None:
    """And is called a failure (F6)."""
    text = "".join(f"step {n} went by\n" for n in range(1, 3_001))
    outcome = Outcome(status)
    analysis = analysed(rules, text, outcome)
    assert analysis.findings == ()
    for limit in (1_024, 10_240):
        shown = render(analysis, LOG, outcome, Limits(limit))
        assert shown.startswith("# FAILED")
        assert f"exit status {status}" in shown
        assert "step 3000 went by" in shown
        assert "step 2998 went by" in shown


def test_an_exit_status_of_0_is_no_failure_whatever_words_there_are(rules: Ruleset) -> None:
    """The words are guesses, not errors (F7)."""
    text = (
        "test_error.py::test_failure PASSED\n0 errors\nerror: this is a test of the error log\n" * 9
    )
    analysis = analysed(rules, text, Outcome(0))
    assert analysis.failed is False
    assert [f for f in analysis.findings if f.severity >= Severity.ERROR] == []
    assert render(analysis, LOG, Outcome(0), Limits()).startswith("# passed")


def test_one_stream_can_hold_several_types(rules: Ruleset) -> None:
    analysis = analysed(rules, GCC + PYTEST, Outcome(1))
    assert {"gcc", "pytest"} <= {f.tool for f in analysis.findings} | set(analysis.detected.tools)
    assert analysis.detected.kind in ("test", "compiler")


def test_a_type_that_is_asked_for_leaves_the_others_out(rules: Ruleset) -> None:
    found = analysed(rules, GCC + PYTEST, Outcome(1), type="test")
    assert {f.kind for f in found.findings if f.weight >= 10} == {"test"}
    assert not [
        f for f in analysed(rules, GCC, Outcome(1), type="default").findings if f.tool == "gcc"
    ]


def test_the_command_tells_the_type_before_the_content(rules: Ruleset) -> None:
    analysis = analysed(rules, "nothing to see\n", Outcome(0), ("sudo", "pytest", "-q"))
    assert (analysis.detected.kind, analysis.detected.tools) == ("test", ("pytest",))
    assert analysis.detected.reasons == ("the command names pytest",)


def test_a_reader_is_told_what_was_odd_about_the_input(rules: Ruleset) -> None:
    notes = analysed(rules, b"\0\1binary\n", Outcome(0)).notes
    assert "The output holds binary data." in notes
    notes = analysed(rules, "fine\n".encode("utf-16"), Outcome(0)).notes
    assert "The output is UTF-16." in notes
    (note,) = analysed(rules, b"x" * (3 << 20) + b"\n", Outcome(0)).notes
    assert note.startswith("1 very long")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.binary(max_size=80) | st.sampled_from([GCC, PYTEST]).map(str.encode), max_size=20),
    st.sampled_from([Outcome(), Outcome(0), Outcome(1)]),
)  # fmt: skip
def test_findings_stand_in_the_log_and_are_the_same_each_time(
    rules: Ruleset, pieces: list[bytes], outcome: Outcome
) -> None:
    data = b"\n".join(pieces)
    analysis = analysed(rules, data, outcome)
    lines = data.count(b"\n") + (not data.endswith(b"\n") and data != b"")
    for one in analysis.findings:
        assert 1 <= one.span[0] <= one.span[1] <= lines
        assert all(one.span[0] <= first <= last <= one.span[1] for first, last in one.focus)
    again = analysed(rules, data, outcome)
    assert again[1:] == analysis[1:]
