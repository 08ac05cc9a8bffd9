"""ExUnit, EUnit, Common Test."""

from __future__ import annotations

from slipstream.tasks.summarization.extract import beam_tests, numbered
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Tally


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=beam_tests.RULES + numbered.RULES)


def test_exunit_gives_both_sides_and_the_line_of_the_assertion() -> None:
    (found,), (tally,) = read("""\
  1) test adds (ShopTest)
     test/shop_test.exs:6
     Assertion with == failed
     code:  assert Shop.sum([1, 2]) == 4
     left:  3
     right: 4
     stacktrace:
       (shop 0.1.0) lib/shop.ex:3: Shop.sum/1
       test/shop_test.exs:7: (test)

.....

Finished in 0.02 seconds
2 doctests, 4 tests, 1 failure
""")
    assert found.name == "test adds (ShopTest)"
    assert (found.file, found.line) == ("test/shop_test.exs", 7)
    assert found.message == "Assertion with == failed: left: 3, right: 4"
    assert found.span == (1, 9)
    assert (tally.counts, tally.duration) == ((("total", 6), ("failed", 1)), 0.02)


def test_eunit_reads_the_values_out_of_the_term() -> None:
    (found,), (tally,) = read("""\
shop_tests: sum_test...*failed*
in function shop_tests:'-sum_test/0-fun-0-'/0 (test/shop_tests.erl, line 5)
**error:{assertEqual,[{module,shop_tests},
              {line,5},
              {expression,"shop : sum ( [ 1 , 2 ] )"},
              {expected,4},
              {value,3}]}
  output:<<"">>

  Failed: 1.  Skipped: 0.  Passed: 3.
""")
    assert (found.name, found.file, found.line) == (
        "shop_tests: sum_test",
        "test/shop_tests.erl",
        5,
    )
    assert found.message == "assertEqual: expected 4, got 3"
    assert dict(tally.counts) == {"failed": 1, "skipped": 0, "passed": 3}


def test_rebar_prints_eunit_in_the_style_of_rspec() -> None:
    (found,), _ = read("""\
  1) shop_tests:sum_test/0
     Failure/Error: ?assertEqual(4, shop:sum([1, 2]))
       expected: 4
            got: 3
     %% /src/test/shop_tests.erl:5:in `shop_tests:-sum_test/0-fun-0-/0`
     Output:
""")
    assert (found.tool, found.line) == ("eunit", 5)


def test_common_test_in_both_styles() -> None:
    ruler = "- " * 39 + "-"
    (plain, rebar), (tally,) = read(f"""\
{ruler}
shop_SUITE:adds failed on line 12
Reason: badmatch
{ruler}
Testing tests.shop_SUITE: TEST COMPLETE, 1 ok, 1 failed, 4 skipped of 6 test cases
%%% shop_SUITE ==> removes: FAILED
%%% shop_SUITE ==>
{{{{badmatch,3}},[{{shop_SUITE,removes,1,[{{file,"/src/shop_SUITE.erl"}},{{line,20}}]}}]}}

""")
    assert (plain.name, plain.line, plain.message) == ("shop_SUITE:adds", 12, "badmatch")
    assert (rebar.name, rebar.line) == ("shop_SUITE:removes", 20)
    assert dict(tally.counts) == {"passed": 1, "failed": 1, "skipped": 4}
