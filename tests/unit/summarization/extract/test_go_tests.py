"""go test in its styles: plain, -v, -json, testify, gotestsum, Ginkgo, gocheck."""

from __future__ import annotations

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.go_tests import RULES
from slipstream.tasks.summarization.model import Finding, Tally


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=RULES)


def test_a_parent_that_says_nothing_is_shown_with_its_subtest() -> None:
    (found,), (tally,) = read("""\
--- FAIL: TestRows (0.00s)
    --- PASS: TestRows/row_1 (0.00s)
    --- FAIL: TestRows/row_2 (0.00s)
        rows_test.go:23: row 2 is wrong
            second line
FAIL
FAIL\texample.com/rows\t0.004s
""")
    assert (found.name, found.message) == ("TestRows/row_2", "row 2 is wrong")
    assert (found.file, found.line, found.span) == ("rows_test.go", 23, (1, 5))
    assert (tally.failed, tally.note, tally.duration) == (True, "example.com/rows", 0.004)


def test_with_v_the_log_stands_above_the_verdict() -> None:
    (found,), _ = read("""\
=== RUN   TestSum
    sum_test.go:8: adding
    sum_test.go:10: got 3, want 4
--- FAIL: TestSum (0.00s)
=== RUN   TestNext
--- PASS: TestNext (0.00s)
""")
    assert (found.message, found.line, found.span) == ("got 3, want 4", 10, (2, 4))


def test_testify_gives_error_values_and_trace() -> None:
    (found,), _ = read("""\
--- FAIL: TestSum (0.00s)
    sum_test.go:12:\x20
        \tError Trace:\t/src/check.go:7
        \t            \t/src/sum_test.go:12
        \tError:      \tNot equal:\x20
        \t            \texpected: 4
        \t            \tactual  : 3
        \tTest:       \tTestSum
        \tMessages:   \tthe sum
FAIL
""")
    assert found.message == "Not equal: expected: 4, actual  : 3"
    assert [f.file for f in found.stack] == ["/src/check.go", "/src/sum_test.go"]


def test_json_events_are_read_once() -> None:
    (found,), (tally,) = read("""\
{"Action":"run","Package":"a","Test":"TestSum"}
{"Action":"output","Package":"a","Test":"TestSum","Output":"    sum_test.go:10: got 3, want 4\\n"}
{"Action":"output","Package":"a","Test":"TestSum","Output":"--- FAIL: TestSum (0.00s)\\n"}
{"Action":"fail","Package":"a","Test":"TestSum","Elapsed":0.01}
{"Action":"fail","Package":"a","Elapsed":0.02}
""")
    assert (found.name, found.message, found.span) == ("TestSum", "got 3, want 4", (2, 4))
    assert (tally.note, tally.duration) == ("a", 0.02)


def test_a_package_that_does_not_build_is_an_error() -> None:
    (found,), _ = read("FAIL\texample.com/a [build failed]\n")
    assert (found.name, found.code) == ("example.com/a", "build failed")


def test_gotestsum_ginkgo_and_gocheck() -> None:
    (first, second, third), _ = read("""\
=== FAIL: example.com/a TestSum (0.00s)
    sum_test.go:10: got 3, want 4

DONE 3 tests, 1 failure in 0.1s
[Fail] Cart [It] adds
/src/cart_test.go:12

----------------------------------------------------------------------
FAIL: cart_test.go:11: CartSuite.TestAdds

cart_test.go:14:
    c.Assert(add(1, 1), Equals, 3)
... obtained int = 2
... expected int = 3
""")
    assert (first.name, first.line) == ("TestSum", 10)
    assert (second.tool, second.file, second.line) == ("ginkgo", "/src/cart_test.go", 12)
    assert (third.tool, third.line) == ("gocheck", 14)
    assert third.message == "obtained int = 2, expected int = 3"
