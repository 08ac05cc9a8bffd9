"""Python tracebacks."""

from slipstream.tasks.summarization.extract.application_log import RULES as LOG_RULES
from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.stack_python import RULES
from slipstream.tasks.summarization.model import Finding, Severity

CHAINED = """\
starting
Traceback (most recent call last):
  File "/srv/shop/cart.py", line 4, in total
    return prices[name]
           ~~~~~~^^^^^^
KeyError: 'tea'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/shop/main.py", line 20, in <module>
    main()
  File "/srv/shop/main.py", line 12, in main
    total(cart)
  File "/usr/lib/python3.11/contextlib.py", line 81, in inner
    return func(*args, **kwds)
RuntimeError: cannot sum
  the cart
bye
"""


def _one(text: str) -> Finding:
    findings, _ = findings_of(text, rules=(*RULES, *LOG_RULES))
    assert len(findings) == 1, findings
    return findings[0]


def test_a_chain_is_one_finding_with_the_last_exception_and_the_first_as_its_cause() -> None:
    found = _one(CHAINED)
    assert found.message == "RuntimeError: cannot sum"
    assert found.code == "RuntimeError"
    assert found.span == (2, 18)
    assert [(c.relation, c.code, c.message) for c in found.causes] == [
        ("cause", "KeyError", "'tea'")
    ]
    assert (found.file, found.line) == ("/srv/shop/main.py", 12)
    assert [f.own for f in found.stack] == [True, True, False]


def test_the_focus_shows_the_first_exception_and_the_deepest_own_frame() -> None:
    shown = {n for a, b in _one(CHAINED).focus for n in range(a, b + 1)}
    assert {2, 3, 6, 13, 14, 17, 18} <= shown


def test_a_prefix_on_every_line_changes_nothing_but_the_lines() -> None:
    plain = _one(CHAINED)
    for prefix in ("2024-01-02T03:04:05.1234567Z ", "web_1  | ", "[build] ", "    "):
        text = "".join(prefix + line + "\n" for line in CHAINED.splitlines())
        assert _one(text) == plain


def test_an_exception_group_lists_its_members_as_inner_causes() -> None:
    found = _one("""\
  + Exception Group Traceback (most recent call last):
  |   File "/srv/a.py", line 9, in <module>
  |     raise ExceptionGroup("all failed", errors)
  | ExceptionGroup: all failed (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/a.py", line 3, in load
    |     open(path)
    | FileNotFoundError: no file
second line of that message
    +---------------- 2 ----------------
    | TimeoutError: too slow
    +------------------------------------
after
""")
    assert found.message == "ExceptionGroup: all failed (2 sub-exceptions)"
    assert [c.code for c in found.causes] == ["FileNotFoundError", "TimeoutError"]
    assert {c.relation for c in found.causes} == {"inner"}
    assert found.span == (1, 13)


def test_a_syntax_error_without_a_traceback_names_file_and_line() -> None:
    found = _one("""\
  File "app.py", line 3
    def f(:
          ^
SyntaxError: invalid syntax
""")
    assert (found.file, found.line, found.code, found.span) == ("app.py", 3, "SyntaxError", (1, 4))


def test_folded_recursion_is_part_of_the_stack() -> None:
    found = _one("""\
Traceback (most recent call last):
  File "a.py", line 3, in f
    return f()
  [Previous line repeated 990 more times]
RecursionError: maximum recursion depth exceeded
""")
    assert found.span == (1, 5)
    assert found.code == "RecursionError"


def test_a_message_of_several_lines_is_read_to_its_end() -> None:
    found = _one("""\
Traceback (most recent call last):
  File "a.py", line 3, in <module>
    User(id="x")
pydantic_core.ValidationError: 1 validation error for User
id
  Input should be a valid integer [type=int_parsing]
    For further information visit the manual
done
""")
    assert found.span == (1, 7)


def test_the_log_entry_above_a_traceback_belongs_to_it() -> None:
    found = _one("""\
2024-01-02 03:04:05,678 - shop - ERROR - request failed
Traceback (most recent call last):
  File "a.py", line 3, in f
    g()
ValueError: bad
2024-01-02 03:04:06,000 - shop - INFO - next
""")
    assert found.span == (1, 5)
    assert found.message == "ValueError: bad"


def test_a_crash_of_the_interpreter_is_fatal() -> None:
    found = _one("""\
Fatal Python error: Segmentation fault

Current thread 0x00007f5cb5c5fb80 (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "/srv/a.py", line 21 in <module>

after
""")
    assert found.severity is Severity.FATAL
    assert (found.file, found.line, found.span) == ("/srv/a.py", 21, (1, 5))


def test_ruby_s_reversed_backtrace_is_not_taken_for_python() -> None:
    findings, _ = findings_of(
        "Traceback (most recent call last):\n\t1: from a.rb:7:in `<main>'\n"
        "a.rb:3:in `f': boom (RuntimeError)\n",
        rules=RULES,
    )
    assert findings == []
