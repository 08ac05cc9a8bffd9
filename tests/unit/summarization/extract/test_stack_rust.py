"""Rust panics."""

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.stack_rust import RULES
from slipstream.tasks.summarization.model import Finding, Severity


def _all(text: str) -> list[Finding]:
    return findings_of(text, rules=RULES)[0]


def test_the_new_form_with_a_backtrace() -> None:
    (found,) = _all("""\

thread 'main' (24148) panicked at src/main.rs:3:30:
index out of bounds: the len is 1
but the index is 7
stack backtrace:
   0: rust_begin_unwind
             at /rustc/abc/library/std/src/panicking.rs:689:5
   1: app::price::h0123456789abcdef
             at ./src/main.rs:3:30
   2: app::main
             at ./src/main.rs:9:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
after
""")
    assert found.severity is Severity.FATAL
    assert found.message == "index out of bounds: the len is 1"
    assert (found.file, found.line, found.column, found.span) == ("src/main.rs", 3, 30, (2, 12))
    assert [(f.function, f.own) for f in found.stack][1] == ("app::price", True)
    assert not found.stack[0].own


def test_the_old_form_names_the_place_after_the_message() -> None:
    (found,) = _all("thread '<unnamed>' panicked at 'it's over', src/lib.rs:20:9\n")
    assert (found.message, found.file, found.line) == ("it's over", "src/lib.rs", 20)
    assert found.severity is Severity.ERROR


def test_the_old_form_with_a_message_of_several_lines() -> None:
    (found,) = _all("""\
thread 'main' panicked at 'assertion failed: `(left == right)`
  left: `1`,
 right: `2`', src/lib.rs:4:5
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
""")
    assert (found.file, found.line, found.span) == ("src/lib.rs", 4, (1, 4))


def test_an_error_returned_from_main_lists_its_causes() -> None:
    (found,) = _all("""\
Error: cannot start

Caused by:
    0: cannot read config
    1: No such file or directory (os error 2)
""")
    assert found.message == "Error: cannot start"
    assert [c.message for c in found.causes][-1].startswith("No such file")
