"""hspec, tasty, Alcotest, clojure.test, ERT, testthat."""

from __future__ import annotations

from slipstream.tasks.summarization.extract import functional_tests, numbered
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Tally


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=functional_tests.RULES + numbered.RULES)


def test_hspec_puts_the_place_above_the_title() -> None:
    (found,), _ = read("""\
Failures:

  test/Spec.hs:12:5:
  1) Shop.sum adds
       expected: 4
        but got: 3

  To rerun use: --match "/Shop/sum/adds/"

Randomized with seed 42
""")
    assert (found.tool, found.name, found.file, found.line) == (
        "hspec",
        "Shop.sum adds",
        "test/Spec.hs",
        12,
    )
    assert (found.message, found.span) == ("expected 4, got 3", (3, 6))


def test_tasty_gives_the_path_of_groups() -> None:
    (found,), (tally,) = read("""\
Tests
  sums
    empty:  OK
    adds:   FAIL (0.01s)
      test/Spec.hs:12:
      expected: 4
       but got: 3
  texts
    joins:  OK

1 out of 3 tests failed (0.02s)
""")
    assert (found.name, found.line, found.span) == ("Tests.sums.adds", 12, (4, 7))
    assert (tally.counts, tally.duration) == ((("failed", 1), ("passed", 2)), 0.02)


def test_clojure_gives_expected_and_actual() -> None:
    (found,), (tally,) = read("""\
FAIL in (adds) (shop_test.clj:12)
two numbers
expected: (= 4 (sum [1 2]))
  actual: (not (= 4 3))

Ran 3 tests containing 4 assertions.
1 failures, 0 errors.
""")
    assert (found.name, found.file, found.line) == ("adds", "shop_test.clj", 12)
    assert found.message == "expected (= 4 (sum [1 2])), got (not (= 4 3))"
    assert tally.failed


def test_ert_testthat_and_alcotest() -> None:
    (ert, line, r, ocaml), _ = read("""\
Test shop-adds condition:
    (ert-test-failed
     ((should
       (= 4 3))))
   FAILED  3/5  shop-adds (0.001 sec)

Ran 5 tests, 4 results as expected, 1 unexpected
   FAILED  shop-adds
   FAILED  4/5  shop-removes (0.001 sec)
\u2500\u2500 Failure (test-shop.R:3:3): adds \u2500\u2500\u2500\u2500\u2500\u2500
sum(1:2) not equal to 4.
1/1 mismatches
[ FAIL 1 | WARN 0 | SKIP 0 | PASS 3 ]
\u250c\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2510
\u2502 [FAIL]        shop          0   adds.       \u2502
\u2514\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2518
ASSERT adds
FAIL adds

   Expected: `4'
   Received: `3'
 \u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500
""")
    assert (ert.name, ert.span) == ("shop-adds", (1, 5))
    assert line.name == "shop-removes"
    assert (r.tool, r.file, r.line, r.message) == (
        "testthat",
        "test-shop.R",
        3,
        "sum(1:2) not equal to 4.",
    )
    assert (ocaml.tool, ocaml.name) == ("alcotest", "shop adds")


def test_r_cmd_check_shows_the_last_lines_it_printed() -> None:
    (found,), _ = read("""\
* checking tests ...
  Running \u2018testthat.R\u2019
 ERROR
Running the tests in \u2018tests/testthat.R\u2019 failed.
Last 13 lines of output:
  > library('testthat')
  Error in library("testthat") : there is no package called 'testthat'
  Execution halted
* checking PDF version of manual ... OK
""")
    assert found.span == (2, 8)
    assert found.message.startswith('Error in library("testthat")')
