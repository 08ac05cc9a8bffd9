"""PHPUnit, Pest, phpt."""

# ruff: noqa: E501 -- lines of logs are as long as the tools print them

from __future__ import annotations

from slipstream.tasks.summarization.extract import numbered, php_tests
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Severity, Tally


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=php_tests.RULES + numbered.RULES)


def test_phpunit_tells_failures_from_skipped_tests() -> None:
    (failed, skipped), (tally,) = read("""\
Time: 00:00.016, Memory: 6.00 MB

There was 1 failure:

1) ShopTest::testSum with data set "one" (1)
Failed asserting that two strings are equal.
--- Expected
+++ Actual
@@ @@
-'a'
+'b'

/src/vendor/phpunit/Assert.php:3
/src/tests/ShopTest.php:10

--

There was 1 skipped test:

1) ShopTest::testLater
not today

/src/tests/ShopTest.php:20

FAILURES!
\x1b[37;41mTests: 3\x1b[0m\x1b[37;41m, Assertions: 4\x1b[0m\x1b[37;41m, Failures: 1, Skipped: 1.\x1b[0m
""")
    assert failed.name == 'ShopTest::testSum with data set "one" (1)'
    assert (failed.file, failed.line, failed.span) == ("/src/tests/ShopTest.php", 10, (5, 14))
    assert skipped.severity == Severity.INFO
    assert dict(tally.counts) == {"total": 3, "failed": 1, "skipped": 1}
    assert tally.failed


def test_phpunit_gives_the_class_of_an_exception_and_its_cause() -> None:
    (found,), _ = read("""\
1) ShopTest::testPrice
RuntimeException: no price

/src/Shop.php:7
/src/tests/ShopTest.php:20

Caused by
LogicException: no shop

/src/Shop.php:3
""")
    assert (found.code, found.line) == ("RuntimeException", 7)
    assert [(c.code, c.message) for c in found.causes] == [
        ("LogicException", "LogicException: no shop")
    ]


def test_phpt_shows_the_difference_above_the_verdict() -> None:
    (found,), _ = read("""\
PASS something [Zend/tests/a.phpt]
========DIFF========
001+ ERROR: timed out
001- OK.
========DONE========
FAIL Bug #1 (hangs) [ext/tests/bug1.phpt]
""")
    assert (found.name, found.file, found.span) == ("Bug #1 (hangs)", "ext/tests/bug1.phpt", (2, 6))
    assert found.message == "001+ ERROR: timed out"


def test_pest_names_file_and_line() -> None:
    (found,), _ = read("""\
   FAILED  Tests\\Unit\\CartTest > it adds
  Failed asserting that 2 is identical to 3.

  at tests/Unit/CartTest.php:4

  Tests:    1 failed, 2 passed (3 assertions)
""")
    assert (found.name, found.file, found.line) == (
        "Tests\\Unit\\CartTest > it adds",
        "tests/Unit/CartTest.php",
        4,
    )
