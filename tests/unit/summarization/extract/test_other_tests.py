"""busted, Robot Framework, Automake, Meson, Vader, cucumber-js, behave, QUnit."""

from __future__ import annotations

from slipstream.tasks.summarization.extract import numbered, other_tests
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Tally


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=other_tests.RULES + numbered.RULES)


def test_busted_in_both_styles() -> None:
    (plain, style), (tally,) = read("""\
3 successes / 1 failure / 1 error / 0 pending : 0.05 seconds

Failure \u2192 spec/shop_spec.lua @ 12
shop adds
spec/shop_spec.lua:13: Expected objects to be equal.
Passed in:
(number) 3
Expected:
(number) 4


[  ERROR   ] spec/cart_spec.lua @ 5: cart loads
spec/cart_spec.lua:6: attempt to index a nil value

stack traceback:
\tspec/cart_spec.lua:6: in function <spec/cart_spec.lua:5>

[  PASSED  ] 3 tests.
""")
    assert (plain.name, plain.file, plain.line) == ("shop adds", "spec/shop_spec.lua", 13)
    assert plain.message == "Expected objects to be equal. expected (number) 4, got (number) 3"
    assert (style.name, style.line, style.span) == ("cart loads", 6, (12, 16))
    assert dict(tally.counts) == {"passed": 3, "failed": 1, "errors": 1, "skipped": 0}


def test_robot_tells_tests_from_suites() -> None:
    (found,), (tally,) = read(f"""\
Adds                                                                  | FAIL |
3 != 4
{"-" * 78}
Shop                                                                  | FAIL |
3 tests, 2 passed, 1 failed
{"=" * 78}
""")
    assert (found.name, found.message) == ("Adds", "3 != 4")
    assert dict(tally.counts) == {"total": 3, "passed": 2, "failed": 1}


def test_automake_meson_vader_and_plain_verdicts() -> None:
    findings, _ = read("""\
FAIL: tests/adds.sh
FAIL: sums.test 3 - three
 3/10 core / adds        FAIL             0.01s   exit status 1
    (1/2) [EXECUTE] (X) Assertion failure: 3 != 4

text-objects/lexer                            FAIL
""")
    assert [(f.tool, f.name) for f in findings] == [
        ("automake", "tests/adds.sh"),
        ("automake", "sums.test 3 - three"),
        ("meson", "core / adds"),
        ("vader", "Assertion failure: 3 != 4"),
        ("tests", "text-objects/lexer"),
    ]


def test_cucumber_js_behave_and_qunit() -> None:
    (scenario, step, qunit), _ = read("""\
1) Scenario: adding # features/shop.feature:3
   \u2714 Given a shop # features/steps.js:1
   \u2716 Then the sum is 4 # features/steps.js:5
       AssertionError [ERR_ASSERTION]: 3 == 4

1 scenario (1 failed)
    Then the sum is 4  # features/steps/shop.py:8 0.001s
      Assertion Failed: 3 != 4

Module Failed: shop
  Test Failed: adds
    Assertion Failed: failed, expected 4
      Expected: 4, Actual: 3

""")
    assert (scenario.name, scenario.line) == ("adding", 3)
    assert scenario.message == "AssertionError [ERR_ASSERTION]: 3 == 4"
    assert (step.file, step.line) == ("features/steps/shop.py", 8)
    assert (qunit.name, qunit.message) == ("adds", "failed, expected 4")
