"""Go panics, deadlocks, races."""

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.stack_go import RULES
from slipstream.tasks.summarization.model import Finding, Severity

PANIC = """\
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x45]

goroutine 1 [running]:
runtime.gopanic({0x466480, 0x48aa20})
\t/usr/local/go/src/runtime/panic.go:884 +0x212
main.(*Cart).Total(...)
\t/srv/cart.go:12
main.main()
\t/srv/main.go:20 +0x1d

goroutine 5 [chan receive]:
main.wait()
\t/srv/wait.go:3 +0x25
created by main.main
\t/srv/main.go:9 +0x1d
exit status 2
next
"""


def _all(text: str) -> list[Finding]:
    return findings_of(text, rules=RULES)[0]


def test_a_panic_reaches_over_all_goroutines_to_the_exit_status() -> None:
    (found,) = _all(PANIC)
    assert found.severity is Severity.FATAL
    assert found.span == (1, 17)
    assert [f.function for f in found.stack] == [
        "runtime.gopanic",
        "main.(*Cart).Total",
        "main.main",
    ]
    assert (found.file, found.line) == ("/srv/cart.go", 12)


def test_a_deadlock_is_a_fatal_error_too() -> None:
    (found,) = _all("""\
fatal error: all goroutines are asleep - deadlock!

goroutine 1 [semacquire]:
main.main()
\t/srv/main.go:4 +0x9f
""")
    assert found.message == "fatal error: all goroutines are asleep - deadlock!"
    assert found.span == (1, 5)


def test_a_compiler_s_fatal_error_is_left_to_its_own_rules() -> None:
    assert _all("a.c:1:10: fatal error: x.h: No such file or directory\n") == []


def test_a_data_race_reaches_to_the_closing_rule() -> None:
    (found,) = _all("""\
==================
WARNING: DATA RACE
Read at 0x00c000 by goroutine 7:
  main.add()
      /srv/race.go:8 +0x3e

Previous write at 0x00c000 by goroutine 6:
  main.add()
      /srv/race.go:8 +0x54
==================
""")
    assert found.span == (1, 10)
    assert (found.file, found.line) == ("/srv/race.go", 8)
