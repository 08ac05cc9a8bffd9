"""RSpec, minitest, test-unit, cucumber."""

from __future__ import annotations

from slipstream.tasks.summarization.extract import numbered, ruby_tests
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Tally


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=ruby_tests.RULES + numbered.RULES)


def test_rspec_gives_the_reason_and_leaves_pending_examples_alone() -> None:
    (block, summary), (tally,) = read("""\
Pending: (Failures listed here are expected and do not affect your suite's status)

  1) Shop later
     # not yet
     # ./spec/shop_spec.rb:20

Failures:

  1) Shop adds
     Failure/Error: expect(sum).to eq(4)

       expected: 4
            got: 3

       (compared using ==)
     # ./spec/shop_spec.rb:3:in `block (2 levels) in <top (required)>'

Finished in 1 minute 2.5 seconds (files took 0.1 seconds to load)
3 examples, 1 failure, 1 pending

Failed examples:

rspec ./spec/shop_spec.rb:2 # Shop adds
""")
    assert block.name == summary.name == "Shop adds"
    assert (block.message, block.line) == ("expected: 4, got: 3", 3)
    assert block.span == (9, 16)
    assert (tally.duration, tally.failed) == (62.5, True)


def test_rspec_names_the_class_of_an_error() -> None:
    (found,), _ = read("""\
  1) Shop prices
     Failure/Error: raise "no price"

     RuntimeError:
       no price for pear
     # ./lib/shop.rb:4:in `price'
     # ./spec/shop_spec.rb:12:in `block'
""")
    assert (found.code, found.message) == ("RuntimeError", "RuntimeError: no price for pear")
    assert (found.file, found.line) == ("./lib/shop.rb", 4)


def test_minitest_with_and_without_numbers() -> None:
    (first, second), (tally,) = read("""\
  1) Failure:
ShopTest#test_sum [test/shop_test.rb:7]:
Expected: 4
  Actual: 3

\x1b[31mError:
ShopTest#test_key:
KeyError: key not found: :pear
    lib/shop.rb:15:in `fetch'
    test/shop_test.rb:15:in `test_key'\x1b[0m

rails test test/shop_test.rb:14

5 runs, 4 assertions, 1 failures, 1 errors, 1 skips
""")
    assert (first.name, first.message) == ("ShopTest#test_sum", "Expected: 4, Actual: 3")
    assert (first.file, first.line) == ("test/shop_test.rb", 7)
    assert (second.name, second.code, second.span) == ("ShopTest#test_key", "KeyError", (6, 10))
    assert tally.counts == (("total", 5), ("failed", 1), ("errors", 1), ("skipped", 1))


def test_testunit_and_cucumber() -> None:
    (unit, scenario), (tally,) = read(f"""\
{"=" * 79}
Failure: test_sum(ShopTest)
/src/test_shop.rb:5:in `test_sum'
     4:   def test_sum
  => 5:     assert_equal 4, sum
<4> expected but was
<3>
{"=" * 79}
Failing Scenarios:
cucumber features/shop.feature:3 # Scenario: adding

3 scenarios (1 failed, 2 passed)
9 steps (1 failed, 8 passed)
0m0.050s
""")
    assert (unit.tool, unit.name, unit.line) == ("test-unit", "test_sum(ShopTest)", 5)
    assert unit.message == "<4> expected but was"
    assert (scenario.name, scenario.file, scenario.line) == ("adding", "features/shop.feature", 3)
    assert tally.duration == 0.05
