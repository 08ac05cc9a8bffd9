"""surefire, Gradle, JUnit's runners, ScalaTest, sbt, TestNG."""

# ruff: noqa: E501 -- lines of logs are as long as the tools print them

from __future__ import annotations

from slipstream.tasks.summarization.extract import jvm_tests, numbered
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Tally


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=jvm_tests.RULES + numbered.RULES)


def test_surefire_names_block_and_summary_alike_and_gives_the_causes() -> None:
    (block, summary), (tally,) = read("""\
[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.05 s <<< FAILURE! -- in shop.web.CartTest
[ERROR] shop.web.CartTest.loads -- Time elapsed: 0.01 s <<< ERROR!
java.lang.IllegalStateException: cannot load
\tat org.acme.Reader.read(Reader.java:5)
\tat shop.web.Prices.load(Prices.java:22)
\tat shop.web.CartTest.loads(CartTest.java:11)
Caused by: java.lang.NumberFormatException: For input string: "12x"
\tat shop.web.Prices.parse(Prices.java:20)
\t... 4 more

[ERROR] Errors:\x20
[ERROR]   CartTest.loads:11 \u00bb IllegalState cannot load
[INFO]\x20
[ERROR] Tests run: 2, Failures: 0, Errors: 1, Skipped: 0
""")
    assert block.name == summary.name == "CartTest.loads"
    assert (block.file, block.line) == ("Prices.java", 22)
    assert block.span == (1, 9)
    assert [(c.code, c.message) for c in block.causes] == [
        ("java.lang.NumberFormatException", 'For input string: "12x"')
    ]
    assert tally.counts == (("total", 2), ("failed", 0), ("errors", 1), ("skipped", 0))


def test_the_old_form_of_surefire_has_a_message_over_several_lines() -> None:
    (found,), _ = read("""\
adds(shop.CartTest)  Time elapsed: 0.02 sec  <<< FAILURE!
java.lang.AssertionError:\x20
Expecting message:
 <"one">
but was:

 <"two">
\tat org.junit.Assert.fail(Assert.java:88)
\tat shop.CartTest.adds(CartTest.java:7)

Running shop.OtherTest
""")
    assert found.name == "CartTest.adds"
    assert (found.file, found.line, found.span) == ("CartTest.java", 7, (1, 9))
    assert found.message == 'java.lang.AssertionError: Expecting message: <"one"> but was:'


def test_gradle_ends_a_block_at_the_next_unindented_line() -> None:
    (found,), (tally,) = read("""\
shop.CartTest > adds() FAILED
    org.opentest4j.AssertionFailedError: expected: <4> but was: <3>
        at org.junit.jupiter.api.Assertions.assertEquals(Assertions.java:5)
        at shop.CartTest.adds(CartTest.java:18)

shop.CartTest > later() SKIPPED

10 tests completed, 1 failed, 1 skipped
""")
    assert (found.name, found.line, found.span) == ("shop.CartTest > adds()", 18, (1, 4))
    assert [f.own for f in found.stack] == [False, True]
    assert dict(tally.counts) == {"total": 10, "failed": 1, "skipped": 1}


def test_scalatest_reads_the_place_in_the_reason() -> None:
    (found,), (tally,) = read("""\
[info] CartSpec:
[info] - should add *** FAILED ***
[info]   2 did not equal 3 (CartSpec.scala:10)
[info] - should remove
[info] Tests: succeeded 1, failed 1, canceled 0, ignored 0, pending 0
[info] *** 1 TEST FAILED ***
""")
    assert (found.name, found.file, found.line) == ("should add", "CartSpec.scala", 10)
    assert tally.failed


def test_sbt_junit_and_testng() -> None:
    (sbt, junit, testng), _ = read("""\
[error] Test shop.CartTest.adds failed: java.lang.AssertionError: expected:<3> but was:<2>, took 0.01 sec
[error]     at shop.CartTest.adds(CartTest.java:7)
There was 1 failure:
1) adds(shop.CartTest)
java.lang.AssertionError: expected:<3> but was:<2>
\tat org.junit.Assert.fail(Assert.java:88)
\tat shop.CartTest.adds(CartTest.java:8)

FAILURES!!!
Tests run: 2,  Failures: 1

FAILED: removes
java.lang.AssertionError: no
\tat shop.CartTest.removes(CartTest.java:9)

""")
    assert (sbt.name, sbt.line) == ("shop.CartTest.adds", 7)
    assert (junit.name, junit.line) == ("CartTest.adds", 8)
    assert (testng.name, testng.line) == ("removes", 9)
