"""Ruby and PHP."""

from slipstream.tasks.summarization.extract import stack_php, stack_ruby
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.model import Finding, Severity


def _all(text: str) -> list[Finding]:
    return findings_of(text, rules=(*stack_ruby.RULES, *stack_php.RULES))[0]


def test_ruby_s_exception_and_its_cause_in_both_quotations() -> None:
    for quote in "`'":
        (found,) = _all(f"""\
app.rb:2:in {quote}rescue in load': cannot load (RuntimeError)
\tfrom app.rb:2:in {quote}load'
\tfrom app.rb:9:in {quote}<main>'
lib/rows.rb:1:in {quote}parse': bad row (ArgumentError)
of two lines
\tfrom app.rb:2:in {quote}load'
after
""")
        assert found.code == "RuntimeError"
        assert found.span == (1, 6)
        assert [(c.code, c.message) for c in found.causes] == [("ArgumentError", "bad row")]
        assert (found.file, found.line) == ("app.rb", 2)


def test_ruby_s_reversed_backtrace_begins_at_its_header() -> None:
    (found,) = _all("""\
Traceback (most recent call last):
\t1: from a.rb:7:in `<main>'
a.rb:3:in `f': boom (RuntimeError)
""")
    assert found.span == (1, 3)


def test_rake_tells_the_message_and_the_task() -> None:
    (found,) = _all("""\
rake aborted!
NoMethodError: undefined method `x' for nil:NilClass
/srv/Rakefile:3:in `block in <top (required)>'
Tasks: TOP => default => build
(See full trace by running task with --trace)
""")
    assert found.message == "rake aborted! NoMethodError: undefined method `x' for nil:NilClass"
    assert (found.name, found.span, found.file) == (
        "TOP => default => build",
        (1, 5),
        "/srv/Rakefile",
    )


def test_php_s_uncaught_exception_with_the_one_before_it() -> None:
    (found,) = _all("""\
PHP Fatal error:  Uncaught InvalidArgumentException: bad in /srv/a.php:2
Stack trace:
#0 /srv/a.php(3): low()
#1 {main}

Next RuntimeException: cannot load in /srv/a.php:4
Stack trace:
#0 /srv/a.php(5): mid()
#1 {main}
  thrown in /srv/a.php on line 4
after
""")
    assert found.severity is Severity.FATAL
    assert found.message == "RuntimeException: cannot load"
    assert [c.code for c in found.causes] == ["InvalidArgumentException"]
    assert (found.file, found.line, found.span) == ("/srv/a.php", 4, (1, 10))


def test_php_s_parse_error_and_warning() -> None:
    error, warning = _all(
        "PHP Parse error:  syntax error, unexpected '}' in /srv/a.php on line 3\n"
        "PHP Warning:  Undefined variable $x in /srv/b.php on line 4\n"
    )
    assert (error.severity, error.line) == (Severity.ERROR, 3)
    assert (warning.severity, warning.line) == (Severity.WARNING, 4)


def test_a_console_s_box_is_read() -> None:
    (found,) = _all("""\

In Application.php line 690:

  Command "migrat" is not defined.

list [--raw]
""")
    assert found.message == 'Command "migrat" is not defined.'
    assert (found.file, found.line) == ("Application.php", 690)
