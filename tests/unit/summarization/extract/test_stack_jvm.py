"""Java, Kotlin and Scala stacks."""

from slipstream.tasks.summarization.extract.application_log import RULES as LOG_RULES
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.stack_jvm import RULES
from slipstream.tasks.summarization.model import Finding, Severity

STACK = """\
Exception in thread "main" java.lang.IllegalArgumentException: outer
\tat shop.Main.main(Main.java:5)
Caused by: java.lang.RuntimeException: middle
of two lines
\tat shop.Cart.load(Cart.java:40)
\t... 1 more
\tSuppressed: java.io.IOException: close failed
\t\t... 2 more
Caused by: java.lang.NullPointerException: prices is null
\tat java.base/java.util.Objects.requireNonNull(Objects.java:233)
\tat shop.Prices.get(Prices.java:3)
\t... 2 more
done
"""


def _all(text: str) -> list[Finding]:
    return findings_of(text, rules=(*RULES, *LOG_RULES))[0]


def test_causes_are_read_and_the_place_is_the_own_frame_of_the_deepest() -> None:
    (found,) = _all(STACK)
    assert found.severity is Severity.FATAL
    assert found.span == (1, 12)
    assert [(c.relation, c.code.rpartition(".")[2]) for c in found.causes] == [
        ("cause", "RuntimeException"),
        ("inner", "IOException"),
        ("cause", "NullPointerException"),
    ]
    assert (found.file, found.line) == ("Prices.java", 3)
    assert [f.own for f in found.causes[-1].stack] == [False, True]


def test_the_focus_holds_the_header_and_the_deepest_cause() -> None:
    shown = {n for a, b in _all(STACK)[0].focus for n in range(a, b + 1)}
    assert {1, 9, 11} <= shown


def test_a_prefix_on_every_line_changes_nothing() -> None:
    text = "".join("[job] " + line + "\n" for line in STACK.splitlines())
    assert _all(text) == _all(STACK)


def test_the_log_entry_above_an_exception_belongs_to_it() -> None:
    (found,) = _all("""\
10:00:00.000 [main] ERROR shop.Orders - cannot write
java.io.IOException: disk
    at shop.Writer.write(Writer.kt:42) ~[app.jar:?]
10:00:01.000 [main] INFO shop.Orders - on
""")
    assert found.span == (1, 3)
    assert found.code == "java.io.IOException"


def test_an_uncaught_error_without_frames_is_still_a_finding() -> None:
    (found,) = _all('Exception in thread "main" java.lang.NoClassDefFoundError: shop/Cart\n')
    assert found.severity is Severity.FATAL
