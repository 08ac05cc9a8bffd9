"""cargo test and nextest."""

from __future__ import annotations

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.rust_tests import RULES


def test_a_block_gives_the_panic_its_place_and_its_stack() -> None:
    (progress, found), (tally,) = findings_of(
        """\
test tests::adds ... FAILED

failures:

---- tests::adds stdout ----
thread 'tests::adds' panicked at src/lib.rs:20:9:
assertion `left == right` failed: wrong
  left: 6
 right: 7
stack backtrace:
   0: core::panicking::panic_fmt
             at /rustc/abc/library/core/src/panicking.rs:75:14
   1: ledger::tests::adds
             at ./src/lib.rs:20:9


failures:
    tests::adds

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.05s
""",
        rules=RULES,
    )
    assert progress.name == found.name == "tests::adds"
    assert progress.weight < found.weight
    assert (found.file, found.line, found.code) == ("src/lib.rs", 20, "panic")
    assert found.message.endswith("wrong: left: 6, right: 7")
    assert [(f.function, f.own) for f in found.stack] == [
        ("core::panicking::panic_fmt", False),
        ("ledger::tests::adds", True),
    ]
    assert tally.counts == (("passed", 2), ("failed", 1), ("skipped", 1))
    assert tally.duration == 0.05


def test_the_old_form_of_a_panic_has_its_place_behind_the_message() -> None:
    (found,), _ = findings_of(
        "---- a stdout ----\nthread 'a' panicked at 'no such row', src/a.rs:3:5\n", rules=RULES
    )
    assert (found.message, found.file, found.line) == ("no such row", "src/a.rs", 3)


def test_a_doctest_that_does_not_compile_gives_the_compilers_error() -> None:
    (found,), _ = findings_of(
        """\
---- src/lib.rs - add (line 3) stdout ----
error[E0425]: cannot find value `x` in this scope
 --> src/lib.rs:4:1
  |
Couldn't compile the test.
""",
        rules=RULES,
    )
    assert (found.code, found.line, found.span) == ("E0425", 4, (1, 5))


def test_nextest_prints_the_output_under_a_ruler_or_under_the_verdict() -> None:
    (first, second), (tally,) = findings_of(
        """\
        FAIL [   0.005s] ledger tests::one
  stderr \u2500\u2500\u2500

    thread 'tests::one' panicked at src/lib.rs:3:9:
    negative

        PASS [   0.007s] ledger tests::two
\u2500\u2500\u2500\u2500 STDERR:             ledger tests::three
thread 'tests::three' panicked at src/lib.rs:4:9:
zero
\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500
     Summary [   0.010s] 3 tests run: 1 passed, 2 failed, 0 skipped
""",
        rules=RULES,
    )
    assert (first.name, first.message, first.line) == ("ledger tests::one", "negative", 3)
    assert (second.name, second.message, second.line) == ("ledger tests::three", "zero", 4)
    assert dict(tally.counts)["failed"] == 2
