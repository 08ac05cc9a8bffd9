"""JavaScript and TypeScript stacks."""

from slipstream.tasks.summarization.extract.driver import findings_of
from slipstream.tasks.summarization.extract.stack_javascript import RULES
from slipstream.tasks.summarization.model import Finding

UNCAUGHT = """\
/srv/app.js:3
    throw new ConfigError('no port', { cause: error });
    ^

ConfigError: no port
second line
    at load (/srv/app.js:3:11)
    at Object.<anonymous> (/srv/app.js:9:1)
    ... 5 lines matching cause stack trace ...
    at node:internal/main/run_main_module:28:49 {
  code: 'E_PORT',
  [cause]: SyntaxError: Unexpected end of JSON input
      at JSON.parse (<anonymous>)
      at read (/srv/config.js:7:15)
}

Node.js v20.0.0
"""


def _all(text: str) -> list[Finding]:
    return findings_of(text, rules=RULES)[0]


def test_an_uncaught_error_is_one_finding_from_the_excerpt_to_the_closing_brace() -> None:
    (found,) = _all(UNCAUGHT)
    assert found.message == "ConfigError: no port"
    assert found.span == (1, 15)
    assert (found.file, found.line) == ("/srv/app.js", 3)
    assert [(c.code, c.message) for c in found.causes] == [
        ("SyntaxError", "Unexpected end of JSON input")
    ]
    assert found.causes[0].stack[-1].file == "/srv/config.js"


def test_time_stamps_before_every_line_do_not_hide_it() -> None:
    stamp = "2024-01-02T03:04:05.1234567Z "
    (found,) = _all("".join(stamp + line + "\n" for line in UNCAUGHT.splitlines()))
    assert found == _all(UNCAUGHT)[0]


def test_the_members_of_an_aggregate_are_inner_causes() -> None:
    (found,) = _all("""\
AggregateError: several
    at main (/srv/a.js:5:34) {
  [errors]: [
    Error: one
        at main (/srv/a.js:5:54)
    TypeError: two
        at main (/srv/a.js:5:71)
  ]
}
""")
    assert [c.code for c in found.causes] == ["Error", "TypeError"]
    assert found.span == (1, 9)


def test_library_frames_are_not_the_user_s_own() -> None:
    (found,) = _all("""\
TypeError: x is not a function
    at call (/srv/node_modules/lib/index.js:2:3)
    at async run (file:///srv/main.mjs:8:5)
""")
    assert [f.own for f in found.stack] == [False, True]
    assert (found.file, found.line) == ("/srv/main.mjs", 8)


def test_a_browser_s_stack_is_read() -> None:
    (found,) = _all("""\
Error: no element
render@https://example.org/app.js:10:5
@https://example.org/app.js:20:1
""")
    assert found.message == "Error: no element"
    assert [f.function for f in found.stack] == ["render", "<anonymous>"]


def test_a_thrown_string_is_read_by_its_excerpt() -> None:
    (found,) = _all(
        "node:internal/process:1\n/srv/a.js:7\nthrow 'boom';\n^\nboom\n(Use `node` ...)\n"
    )
    assert (found.message, found.file, found.line) == ("boom", "/srv/a.js", 7)


def test_a_lone_frame_without_an_error_is_only_where_something_was_printed() -> None:
    assert _all("  console.log\n    hello\n\n      at Object.log (test/a.test.js:3:11)\n") == []


def test_a_time_of_day_is_not_a_frame() -> None:
    assert _all("started at 2024-01-02 10:20:30\n") == []
