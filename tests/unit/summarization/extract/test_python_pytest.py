"""pytest: blocks, styles of tracebacks, summary lines, crashes."""

from __future__ import annotations

from slipstream.tasks.summarization.extract import python_pytest, python_pytest_run
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Severity, Tally

RULES = python_pytest.RULES + python_pytest_run.RULES


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=RULES)


LONG = """\
=================================== FAILURES ===================================
_____________________________ TestCart.test_load[a b] __________________________

    def test_load():
        try:
>           find("a")

tests/test_cart.py:9:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

    def find(key):
>       return {}[key]
E       KeyError: 'a'

shop/cart.py:3: KeyError

The above exception was the direct cause of the following exception:

    def test_load():
>           raise RuntimeError("cannot load") from error
E           RuntimeError: cannot load

tests/test_cart.py:11: RuntimeError
----------------------------- Captured stdout call -----------------------------
ValueError: only printed
=========================== short test summary info ============================
FAILED tests/test_cart.py::TestCart::test_load[a b] - RuntimeError: cannot load
========================= 1 failed, 2 passed in 1.50s ==========================
"""


def test_a_block_gives_the_last_exception_and_the_others_as_causes() -> None:
    (block, summary), (tally,) = read(LONG)
    assert (block.name, block.message) == ("TestCart.test_load[a b]", "RuntimeError: cannot load")
    assert (block.file, block.line, block.code) == ("tests/test_cart.py", 11, "RuntimeError")
    assert [(c.relation, c.code, c.message) for c in block.causes] == [
        ("cause", "KeyError", "KeyError: 'a'")
    ]
    assert block.causes[0].stack[-1].file == "shop/cart.py"
    assert block.span == (2, 25)
    assert summary.name == block.name
    assert summary.weight < block.weight
    assert (tally.failed, tally.counts, tally.duration) == (
        True,
        (("failed", 1), ("passed", 2)),
        1.5,
    )


def test_a_line_of_the_summary_stands_for_a_test_without_a_block() -> None:
    (found,), _ = read("FAILED tests/a_test.py::test_x[p::q] - assert 1 == 2\n")
    assert (found.name, found.code, found.file) == (
        "test_x[p::q]",
        "AssertionError",
        "tests/a_test.py",
    )


def test_progress_of_xdist_weighs_less_than_the_summary() -> None:
    (found,), _ = read("[gw0] [ 50%] FAILED tests/a_test.py::test_x\n")
    assert (found.name, found.weight) == ("test_x", 8)


def test_an_internal_error_is_fatal_and_names_its_exception() -> None:
    (found,), _ = read("""\
INTERNALERROR> Traceback (most recent call last):
INTERNALERROR>   File "/src/conftest.py", line 4, in pytest_runtest_setup
INTERNALERROR>     raise OSError("no disk")
INTERNALERROR> OSError: no disk
""")
    assert (found.severity, found.message) == (Severity.FATAL, "OSError: no disk")
    assert (found.file, found.line, found.span) == ("/src/conftest.py", 4, (1, 4))


def test_a_run_without_tests_failed() -> None:
    _, (tally,) = read("==== 18 deselected in 0.07s ====\n")
    assert (tally.failed, tally.note) == (True, "no tests ran")


def test_coverage_below_the_limit_is_an_error() -> None:
    (found,), _ = read("FAIL Required test coverage of 90% not reached. Total coverage: 80.00%\n")
    assert found.severity == Severity.ERROR


def test_a_title_without_a_reason_is_no_failure() -> None:
    assert read("_____ summary _____\n  py311: commands succeeded\n")[0] == []
