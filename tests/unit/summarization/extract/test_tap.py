"""TAP, Perl's diagnostics, prove, bats."""

from __future__ import annotations

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.tap import RULES
from slipstream.tasks.summarization.model import Finding, Tally


def read(text: str) -> tuple[list[Finding], list[Tally]]:
    return findings_of(text, rules=RULES)


def test_yaml_below_a_test_point_gives_reason_and_place() -> None:
    (found,), (tally,) = read("""\
TAP version 13
ok 1 - not ok is a word
not ok 2 - adds
  ---
  duration_ms: 1.2
  location: '/src/cart.test.js:7:1'
  failureType: 'testCodeFailure'
  error: |-
    Expected values to be strictly equal:

    2 !== 3
  code: 'ERR_ASSERTION'
  stack: |-
    TestContext.<anonymous> (file:///src/cart.test.js:8:10)
  ...
1..2
# tests 2
# pass 1
# fail 1
# duration_ms 50.5
""")
    assert (found.name, found.message) == ("adds", "Expected values to be strictly equal:")
    assert (found.file, found.line, found.code) == ("/src/cart.test.js", 7, "ERR_ASSERTION")
    assert found.span == (3, 15)
    assert (dict(tally.counts)["failed"], tally.duration) == (1, 0.0505)


def test_a_parent_of_failed_subtests_follows_from_them() -> None:
    (child, parent), _ = read("""\
    not ok 1 - child
      ---
      error: 'no'
      ...
not ok 1 - parent
  ---
  failureType: 'subtestsFailed'
  error: '1 subtest failed'
  ...
""")
    assert (child.role, parent.role) == ("", "cascade")


def test_todo_and_skip_are_no_failures() -> None:
    assert read("not ok 1 - later # TODO not written\nnot ok 2 # SKIP no network\n")[0] == []


def test_perl_says_what_it_got_and_where() -> None:
    (diagnostic, point), _ = read("""\
#   Failed test 'adds'
#   at t/cart.t line 5.
#          got: '2'
#     expected: '3'
not ok 2 - adds
""")
    assert diagnostic.message == "Failed test 'adds': got '2', expected '3'"
    assert (diagnostic.file, diagnostic.line) == ("t/cart.t", 5)
    assert point.name == diagnostic.name
    assert point.weight < diagnostic.weight


def test_comments_of_other_harnesses_are_shown_but_are_not_the_reason() -> None:
    (found,), _ = read("not ok 3 - push works\n#\t\n#\t\tgit push &&\n#\t\ttest_cmp a b\n#\t\n")
    assert (found.message, found.span[0]) == ("push works", 1)
    assert found.span[1] >= 4


def test_bats_and_prove() -> None:
    (tap, pretty, dubious), (tally,) = read("""\
not ok 1 adds
# (in test file test/cart.bats, line 3)
#   `[ 1 -eq 2 ]' failed
 \u2717 removes
   (in test file test/cart.bats, line 8)
     `false' failed

t/cart.t ..
Dubious, test returned 1 (wstat 256, 0x100)
Failed 1/5 subtests
Files=2, Tests=9,  3 wallclock secs ( 0.01 usr +  0.00 sys =  0.01 CPU)
Result: FAIL
""")
    assert (tap.file, tap.line, tap.message) == ("test/cart.bats", 3, "`[ 1 -eq 2 ]' failed")
    assert (pretty.name, pretty.line) == ("removes", 8)
    assert (dubious.name, dubious.span) == ("t/cart.t", (8, 10))
    assert (tally.failed, tally.duration) == (True, 3.0)
