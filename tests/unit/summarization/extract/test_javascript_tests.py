"""jest, vitest, mocha, jasmine, karma, AVA, Playwright, deno, bun."""

from __future__ import annotations

from slipstream.tasks.summarization.extract import javascript_tests, numbered
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Tally


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=javascript_tests.RULES + numbered.RULES)


def test_mocha_joins_the_name_over_several_lines() -> None:
    (first, second), (tally,) = read("""\
  3 passing (11m)
  2 failing

  1)
       cart
         adds:

      AssertionError [ERR_ASSERTION]: 2 == 3
      + expected - actual

      -2
      +3

      at Context.<anonymous> (test/cart.js:11:14)
      at processImmediate (node:internal/timers:483:21)

  2) cart "after each" hook for "adds":
     Error: timeout of 2000ms exceeded.

npm ERR! Test failed.  See above for more details.
""")
    assert first.name == "cart adds"
    assert (first.file, first.line, first.code) == ("test/cart.js", 11, "AssertionError")
    assert first.span == (4, 15)
    assert second.message == "Error: timeout of 2000ms exceeded."
    assert dict(tally.counts) == {"passed": 3, "failed": 2}
    assert tally.duration == 660


def test_the_numbers_of_a_running_list_are_no_failures() -> None:
    assert read("  cart\n    1) adds\n    2) removes\n    \u2713 is empty\n")[0] == []


def test_jasmine_prints_message_and_stack() -> None:
    (found,), (tally,) = read("""\
Failures:
1) Cart adds
  Message:
    Expected 2 to be 3.
  Stack:
    Error: Expected 2 to be 3.
        at <Jasmine>
        at UserContext.<anonymous> (/src/spec/cart.spec.js:5:21)

3 specs, 1 failure
Finished in 0.011 seconds
""")
    assert (found.tool, found.message) == ("jasmine", "Expected 2 to be 3.")
    assert (found.file, found.line) == ("/src/spec/cart.spec.js", 5)
    assert tally.counts == (("total", 3), ("failed", 1))


def test_karma_prints_browser_and_name() -> None:
    (found,), (tally,) = read("""\
Chrome 75.0.3770 (Linux 0.0.0) Cart adds FAILED
\tExpected 2 to be 3.
\t    at <Jasmine>
\t    at UserContext.<anonymous> (src/cart.spec.js:5:21)
Chrome 75.0.3770 (Linux 0.0.0): Executed 5 of 5 (1 FAILED) (0.1 secs / 0.05 secs)
""")
    assert (found.name, found.message, found.span) == ("Cart adds", "Expected 2 to be 3.", (1, 4))
    assert (tally.failed, tally.duration) == (True, 0.1)


def test_playwright_gives_the_place_in_the_title() -> None:
    (found,), _ = read("""\
  1) [chromium] \u203a cart.spec.ts:3:5 \u203a cart \u203a adds \u2500\u2500\u2500\u2500

    Error: expect(received).toBe(expected) // Object.is equality

    Expected: 3
    Received: 2

      4 |   const n = add(1, 1);
    > 5 |   expect(n).toBe(3);
        |             ^

        at /src/tests/cart.spec.ts:5:13

  1 failed
    [chromium] \u203a cart.spec.ts:3:5 \u203a cart \u203a adds
""")
    assert (found.tool, found.name) == ("playwright", "cart \u203a adds")
    assert (found.file, found.line) == ("/src/tests/cart.spec.ts", 5)
    assert found.message.endswith("expected 3, received 2")


def test_ava_puts_the_title_above_the_place() -> None:
    (found,), _ = read("""\

  cart \u203a adds

  test/cart.js:5

   4:
   5:   t.is(add(1, 1), 3);
   6:

  Difference (- actual, + expected):

  - 2
  + 3

  \u203a file://test/cart.js:5:5

  1 test failed
""")
    assert (found.tool, found.name, found.file, found.line) == (
        "ava",
        "cart \u203a adds",
        "test/cart.js",
        5,
    )


def test_vitest_tells_a_suite_from_jest() -> None:
    (found,), _ = read("""\
 FAIL  tests/a.test.ts > cart > adds
AssertionError: expected 2 to be 3
 \u276f tests/a.test.ts:5:13
\u23af\u23af\u23af\u23af\u23af\u23af\u23af
FAIL tests/b.test.js
""")
    assert (found.tool, found.name) == ("vitest", "tests/a.test.ts > cart > adds")


def test_deno_and_bun_failures_have_their_error() -> None:
    (deno, bun), _ = read("""\
adds => ./cart_test.ts:3:6
error: AssertionError: Values are not equal.
    at adds (file:///src/cart_test.ts:4:3)

FAILED | 1 passed | 1 failed (5ms)
src/cart.test.ts:
error: expect(received).toBe(expected)

Expected: 3
Received: 2

      at <anonymous> (/src/cart.test.ts:5:13)
(fail) cart > adds [1.20ms]
""")
    assert (deno.tool, deno.line, deno.code) == ("deno", 4, "AssertionError")
    assert (bun.tool, bun.name, bun.line) == ("bun", "cart > adds", 5)


def test_console_output_of_jest_is_no_failure() -> None:
    assert read("  \u25cf Console\n\n    console.error\n      bad\n")[0] == []
