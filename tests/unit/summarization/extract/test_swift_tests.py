"""XCTest, xcpretty, Swift Testing."""

# ruff: noqa: E501 -- lines of logs are as long as the tools print them

from __future__ import annotations

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.swift_tests import RULES
from slipstream.tasks.summarization.model import Finding, Tally


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=RULES)


def test_xctest_names_the_assertion_and_the_case_alike() -> None:
    (found, case), (tally,) = read("""\
/src/Tests/Cart Tests.swift:9: error: -[ShopTests.CartTests testAdds] : XCTAssertEqual failed: ("3") is not equal to ("4") - wrong
Test Case '-[ShopTests.CartTests testAdds]' failed (0.003 seconds).
Test Suite 'CartTests' failed at 2026-11-22 09:38:52.340.
\t Executed 4 tests, with 1 failure (0 unexpected) in 0.005 (0.006) seconds
Test Suite 'All tests' failed at 2026-11-22 09:38:52.340.
\t Executed 4 tests, with 1 failure (0 unexpected) in 0.005 (0.007) seconds
""")
    assert found.name == case.name == "CartTests.testAdds"
    assert (found.file, found.line, found.code) == (
        "/src/Tests/Cart Tests.swift",
        9,
        "XCTAssertEqual",
    )
    assert (tally.line, tally.counts) == (6, (("total", 4), ("failed", 1)))


def test_xcpretty_shows_the_source_between_back_quotes() -> None:
    (found,), _ = read("""\
ShopTests.CartTests
  testAdds, ((3) equal to (4)) failed: ("3") is not equal to ("4")
  /src/Tests/CartTests.swift:9
  ```
        XCTAssertEqual(sum, 4)
  ```

""")
    assert (found.name, found.line, found.span) == ("testAdds", 9, (1, 6))


def test_swift_testing_records_issues() -> None:
    (found,), (tally,) = read("""\
\u2718 Test "adds" recorded an issue at CartTests.swift:7:5: Expectation failed: (total \u2192 3) == 4
\u21b3 wrong sum
\u2718 Test run with 2 tests failed after 0.002 seconds with 1 issue.
""")
    assert (found.name, found.line, found.column, found.span) == ("adds", 7, 5, (1, 2))
    assert (tally.failed, tally.duration) == (True, 0.002)
