"""CTest and the test libraries of C and C++."""

from __future__ import annotations

from slipstream.tasks.summarization.extract.ctest import RULES
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Tally


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=RULES)


def test_the_output_of_a_failed_test_belongs_to_it() -> None:
    (line, listed), (tally,) = read("""\
1/2 Test #1: adds .............................***Failed    0.01 sec
starting
check.c:13: error: expected 6, got -6

    Start 2: runs
2/2 Test #2: runs .............................   Passed    0.01 sec

50% tests passed, 1 tests failed out of 2

Total Test time (real) =   0.02 sec

The following tests FAILED:
\t  1 - adds (Failed)
Errors while running CTest
""")
    assert line.name == listed.name == "adds"
    assert (line.span, line.message) == (
        (1, 3),
        "adds Failed: check.c:13: error: expected 6, got -6",
    )
    assert (tally.counts, tally.duration) == ((("failed", 1), ("passed", 1)), 0.02)


def test_googletest_joins_place_values_and_name() -> None:
    (found, listed), (tally,) = read("""\
[ RUN      ] Cart.Adds
/src/cart_test.cc:12: Failure
Expected equality of these values:
  add(1, 1)
    Which is: 2
  3
[  FAILED  ] Cart.Adds (0 ms)
[==========] 2 tests from 1 test suite ran. (5 ms total)
[  PASSED  ] 1 test.
[  FAILED  ] 1 test, listed below:
[  FAILED  ] Cart.Adds
""")
    assert found.name == listed.name == "Cart.Adds"
    assert (found.file, found.line, found.span) == ("/src/cart_test.cc", 12, (2, 7))
    assert found.message == "Expected equality of these values: add(1, 1) Which is: 2 3"
    assert dict(tally.counts) == {"total": 2, "passed": 1, "failed": 1}


def test_catch_doctest_boost_unity_check_and_qt() -> None:
    dashes = "-" * 79
    findings, _ = read(f"""\
{dashes}
adding
{dashes}
cart.cpp:3
...............................................................................

cart.cpp:5: FAILED:
  REQUIRE( add(1, 1) == 3 )
with expansion:
  2 == 3

===============================================================================
cart.cpp:8: ERROR: CHECK( add(1, 1) == 3 ) is NOT correct!
  values: CHECK( 2 == 3 )

cart.cpp(12): error: in "cart/adds": check add(1, 1) == 3 has failed
cart.c:14:test_add:FAIL: Expected 3 Was 2
cart.c:15:F:core:test_add:0: Assertion 'add(1, 1) == 3' failed
FAIL!  : TestCart::adds() Compared values are not the same
   Actual   (add(1, 1)): 2
   Expected (3)        : 3
   Loc: [cart.cpp(17)]
""")
    assert [(f.tool, f.line) for f in findings] == [
        ("catch2", 5),
        ("doctest", 8),
        ("boost test", 12),
        ("unity", 14),
        ("check", 15),
        ("qtest", 17),
    ]
    assert findings[0].name == "adding"
    assert findings[0].message.endswith("with expansion 2 == 3")
