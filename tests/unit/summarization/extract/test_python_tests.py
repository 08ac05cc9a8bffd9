"""unittest, nose, trial, doctest, tox."""

from __future__ import annotations

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.python_tests import RULES

RULER, DASHES = "=" * 70, "-" * 70


def test_a_block_of_unittest_ends_before_the_next_ruler() -> None:
    (found,), (tally,) = findings_of(
        f"""\
{RULER}
ERROR: test_load (test_cart.CartTest.test_load)
Loads what was saved.
{DASHES}
Traceback (most recent call last):
  File "/src/test_cart.py", line 8, in test_load
    load("a")
  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode
    raise JSONDecodeError("Expecting value", s, err.value)
json.decoder.JSONDecodeError: Expecting value

{DASHES}
Ran 3 tests in 0.010s

FAILED (errors=1, skipped=1)
""",
        rules=RULES,
    )
    assert found.name == "test_load (test_cart.CartTest)"
    assert (found.file, found.line) == ("/src/test_cart.py", 8)
    assert found.code == "json.decoder.JSONDecodeError"
    assert found.span == (2, 10)
    assert (tally.failed, tally.counts) == (True, (("errors", 1), ("skipped", 1), ("total", 3)))


def test_nose_names_the_test_by_its_path() -> None:
    (found,), _ = findings_of(
        f"""\
{RULER}
FAIL: tests.cart_tests.test_total
{DASHES}
Traceback (most recent call last):
  File "/src/tests/cart_tests.py", line 5, in test_total
    assert total() == 4, "wrong"
AssertionError: wrong
-------------------- >> begin captured logging << --------------------
cart: ERROR: nothing
--------------------- >> end captured logging << ---------------------
""",
        rules=RULES,
    )
    assert (found.name, found.message) == ("tests.cart_tests.test_total", "AssertionError: wrong")


def test_other_lines_that_begin_with_error_are_left_alone() -> None:
    assert findings_of("ERROR: no certificate\nmore text\n", rules=RULES)[0] == []


def test_trial_prints_the_name_last() -> None:
    (found,), _ = findings_of(
        f"""\
{"=" * 79}
[FAIL]
Traceback (most recent call last):
  File "/src/test_a.py", line 6, in test_a
    self.assertEqual(1, 2)
twisted.trial.unittest.FailTest: 1 != 2

test_a.ATest.test_a
{"-" * 79}
""",
        rules=RULES,
    )
    assert (found.name, found.line) == ("test_a.ATest.test_a", 6)
    assert found.message == "twisted.trial.unittest.FailTest: 1 != 2"


def test_a_failed_example_of_doctest_says_what_came_instead() -> None:
    (found,), _ = findings_of(
        f"""\
{"*" * 70}
File "/src/a.py", line 3, in a.double
Failed example:
    double(2)
Expected:
    5
Got:
    4
{"*" * 70}
""",
        rules=RULES,
    )
    assert (found.file, found.line, found.name) == ("/src/a.py", 3, "a.double")
    assert found.message == "failed example: double(2): expected 5, got 4"


def test_a_failed_environment_of_tox_is_named() -> None:
    (found,), _ = findings_of(
        "  py311: FAIL code 1 (3.20=setup[1.10]+cmd[2.10] seconds)\n", rules=RULES
    )
    assert found.name == "py311"
