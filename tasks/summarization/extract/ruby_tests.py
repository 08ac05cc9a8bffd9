"""Test runners of Ruby: RSpec, minitest, test-unit, Rails' own, cucumber."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import (
    SGR,
    Lines,
    blamed,
    block,
    counts,
    first,
    focus,
    frames,
    tally,
)
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.model import Cause, Extracted, Finding, Rule, Severity

_PLACE = r"\[(?P<file>[^\]\s]+):(?P<line>\d+)\]"


def _found(
    doc: Document, rule: Rule, start: int, lines: Lines, name: str, message: str, at: int, *,
    code: str = "", tool: str, place: tuple[str, int | None] | None = None,
    causes: tuple[Cause, ...] = (), more: tuple[int, ...] = (),
) -> Finding:  # fmt: skip
    stack = frames([pair for pair in lines if pair[0] > start], "ruby")
    blame = blamed(stack)
    if place is None:
        place = (blame[1].file, blame[1].line) if blame else ("", None)
    return finding(
        doc, rule, start, lines[-1][0], message, tool=tool, name=name, code=code,
        file=place[0], line=place[1], stack=tuple(f for _, f in stack), causes=causes,
        focus=focus(doc, start, at, *more, blame[0] if blame else None),
    )  # fmt: skip


def rspec_numbered(doc: Document, i: int, rule: Rule, lines: Lines, title: str) -> Extracted:
    """RSpec: title, Failure/Error: with the source, the reason, and the stack after `#`."""
    if rx(r"^\w+:\w+").match(title) and "::" not in title:
        from slipstream.tasks.summarization.extract.beam_tests import eunit_numbered

        return eunit_numbered(doc, i, rule, lines, title)
    if not first(lines, r"^\s+(?:Failure/Error:|Got \d+ failures)"):
        return None  # a pending example
    return _rspec(doc, i, rule, lines, title)


def _rspec(doc: Document, i: int, rule: Rule, lines: Lines, title: str) -> Finding:
    source = first(lines, r"^\s*Failure/Error: ?(.*)")
    at, message, code = source[0] if source else i, title, ""
    if source:
        message = source[1][1].strip() or title
        rest = [p for p in lines if p[0] > at and p[1].strip() and not rx(r"^\s*# ").match(p[1])]
        for k, (_, text) in enumerate(rest):
            text = text.strip()
            if m := rx(r"^([A-Z]\w*(?:::\w+)*):$").match(text):
                code = m[1]
                message = f"{code}: {rest[k + 1][1].strip()}" if k + 1 < len(rest) else code
                break
            if rx(r"^(?:expected|Expected|got|undefined|The |Unable)").match(text):
                got = next((t.strip() for _, t in rest[k + 1 : k + 4] if "got:" in t), "")
                message = f"{text}, {got}" if got and text.startswith("expected:") else text
                break
    causes = tuple(
        Cause("cause", m[1], m[2].strip())
        for k, text in lines
        if (
            m := rx(r"^\s*# ([A-Z]\w*(?:::\w+)*):$").match(text)
            or rx(r"^\s*#\s+Caused by: ?(\S*) ?(.*)").match(text)
        )
        and m.lastindex == 2
    )
    near = tuple(k for k, text in lines if at <= k <= at + 8 and not text.lstrip().startswith("#"))
    return _found(
        doc, rule, i, lines, title, message, at, code=code, tool="rspec", causes=causes, more=near
    )


def rspec_outside(doc: Document, i: int, rule: Rule) -> Extracted:
    """An error outside of examples: a file that cannot be loaded, a hook of the suite."""
    m = rx(r"An error occurred (?:while loading |in an? )(?P<file>\S+?)[.]?(?: - .*)?$").search(
        doc.texts[i].rstrip()
    )
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^(?:An error occurred|Run options|Finished in|\d+ examples?,|No examples found|Top \d+)",
        doc.texts[i][: m.start()],
        limit=80,
    )
    found = _rspec(doc, i, rule, lines, m["file"])
    return found._replace(file=found.file if found.line else m["file"])


def rspec_summary(doc: Document, i: int, rule: Rule) -> Extracted:
    """A line of the list of failed examples."""
    m = rx(
        r"rspec (?:'(?P<id>[^']+)'|(?P<file>\S+?)(?::(?P<line>\d+)|\[[\d:,]+\])?) *(?:# (?P<name>.*))?$"
    ).search(doc.texts[i].rstrip())
    if not m:
        return None
    file = (m["file"] or m["id"] or "").split("[")[0]
    return finding(
        doc,
        rule,
        i,
        i,
        m["name"] or doc.texts[i].strip(),
        name=m["name"] or "",
        file=file,
        line=number(m["line"]),
    )


def rspec_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`10 examples, 1 failure, 2 pending`."""
    words = {
        "examples": "total", "example": "total", "failures": "failed", "failure": "failed",
        "pending": "skipped", "errors": "errors", "error": "errors",
    }  # fmt: skip
    found = counts(doc.texts[i].replace(" occurred outside of examples", ""), words)
    return tally(doc, i, rule, found, _finished(doc, i))


def _finished(doc: Document, i: int) -> str | None:
    above = first(doc.back(i, 4), r"Finished in (.+?)(?: \(files|, |$)")
    return above[1][1] if above else None


def minitest_numbered(doc: Document, i: int, rule: Rule, lines: Lines, title: str) -> Extracted:
    """minitest: `1) Failure:` over `Class#test [file:line]:` and the reason."""
    return _minitest(doc, i, rule, lines)


def minitest_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Failure:` without a number, as Rails and some reporters print it."""
    text = doc.texts[i]
    m = rx(r"(?:Failure|Error):\s*$").search(text)
    if not m or i + 1 >= len(doc):
        return None
    prefix = text[: m.start()]
    if prefix.rstrip().endswith(")"):
        return None
    lines = block(
        doc, i, r"^(?:rails test |bin/rails test |Finished in )", prefix, limit=120, blanks=2
    )
    cut = first(lines[1:], r"^\s*(?:Failure|Error|Skipped):\s*$")
    if cut:
        lines = [pair for pair in lines if pair[0] < cut[0]]
    if len(lines) < 3 or not rx(r"^[A-Z][\w:]*#\S|^\w+\(\S+\)").match(lines[1][1]):
        return None
    return _minitest(doc, i, rule, _until_blank(lines))


def _until_blank(lines: Lines) -> Lines:
    """Up to the blank line before the next test; a diff in the reason may hold blank ones."""
    for k in range(3, len(lines)):
        if not lines[k - 1][1].strip() and rx(r"^(?:rails test |\S+#|[.EFS]+$|\d+ )").match(
            lines[k][1]
        ):
            lines = lines[: k - 1]
            break
    while len(lines) > 1 and not lines[-1][1].strip():
        lines = lines[:-1]
    return lines


def _minitest(doc: Document, i: int, rule: Rule, lines: Lines) -> Finding | None:
    if len(lines) < 2:
        return None
    m = rx(r"^(?P<name>.+?)(?: +" + _PLACE + r")?:?\s*$").match(lines[1][1].strip())
    if not m:
        return None
    place = (m["file"], number(m["line"])) if m["file"] else None
    body = [pair for pair in lines[2:] if pair[1].strip()]
    at, message = (body[0][0], body[0][1].strip()) if body else (lines[1][0], m["name"])
    code = ""
    if e := rx(r"^([A-Z]\w*(?:::\w+)*): ?(.*)$").match(message):
        code = "" if e[1] in ("Expected", "Actual") else e[1]
    if message.startswith("Expected:") and len(body) > 1 and "Actual:" in body[1][1]:
        message = f"{message}, {body[1][1].strip()}"
    near = tuple(k for k, _ in lines if k <= at + 6)
    return _found(
        doc,
        rule,
        i,
        lines,
        m["name"].rstrip(":"),
        message,
        at,
        code=code,
        tool="minitest",
        place=place,
        more=near,
    )


def minitest_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`10 runs, 12 assertions, 1 failures, 0 errors, 0 skips`; test-unit says `tests`."""
    words = {
        "runs": "total", "tests": "total", "failures": "failed", "errors": "errors",
        "skips": "skipped", "pendings": "skipped", "omissions": "skipped",
        "run": "total", "failure": "failed", "error": "errors", "test": "total",
    }  # fmt: skip
    return tally(doc, i, rule, counts(doc.texts[i], words), _finished(doc, i))


def testunit_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """test-unit: `Failure: test_x(TestClass)` between rulers."""
    m = rx(
        r"(?:^|(?<=\s))(?P<what>Failure|Error): (?P<name>\w[\w?! ]*\([\w:]+\))(?P<rest>.*)$"
    ).search(doc.texts[i])
    if not m:
        return None
    lines = block(doc, i, r"^={50,}|^Finished in ", doc.texts[i][: m.start()], limit=120)
    body = [
        pair
        for pair in lines[1:]
        if pair[1].strip() and not rx(r"^\s+(?:=> )?\d+:|^\S+:\d+:in ").match(pair[1])
    ]
    inline = m["rest"].strip(" :.")
    at, message = (
        (i, inline) if inline else (body[0][0], body[0][1].strip()) if body else (i, m["name"])
    )
    code = rx(r"^([A-Z]\w*(?:::\w+)*): ").match(message)
    return _found(
        doc, rule, i, lines, m["name"], message, at, code=code[1] if code else "", tool="test-unit",
        more=tuple(k for k, _ in body[:4]),
    )  # fmt: skip


def reporter_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """minitest-reporters: ` FAIL TestClass#test_x (0.01s)` over an indented reason."""
    m = rx(
        r"(?:FAIL|ERROR)(?:\[\"(?P<quoted>[^\"]+)\", #?<?(?P<suite>[\w:]+)| +(?P<name>\S.*?)(?: \(\d+[\d.:]*s?\))?\s*$)"
    ).search(doc.texts[i])
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^\s*(?:(?:FAIL|ERROR|PASS|SKIP|test_\S+ +(?:PASS|FAIL|ERROR|SKIP))\b|Finished in)",
        doc.texts[i][: m.start()],
        limit=60,
        blanks=1,
    )
    body = [pair for pair in lines[1:] if pair[1].strip()]
    if not body or not first(body, r"\.rb:\d+"):
        return None
    name = f"{m['suite']}#{m['quoted']}" if m["quoted"] else m["name"]
    return _found(
        doc,
        rule,
        i,
        lines,
        name,
        body[0][1].strip(),
        body[0][0],
        tool="minitest",
        more=tuple(k for k, _ in body[:4]),
    )


def cucumber_list(doc: Document, i: int, rule: Rule) -> Extracted:
    """The list of failed scenarios: of cucumber, and of behave and Behat."""
    found: list[Finding] = []
    for k, text in doc.forward(i + 1, 60):
        m = rx(
            r"^\s*(?:cucumber (?:-p \S+ )*)?(?P<file>\S+\.feature):(?P<line>\d+)(?:\s+#?\s*(?P<name>.*))?$"
        ).match(text)
        if m:
            name = rx(r"^Scenario(?: Outline)?: ").sub("", (m["name"] or "").strip())
            found.append(finding(
                doc, rule, i if not found else k, k, name or text.strip(), name=name,
                file=m["file"], line=number(m["line"]),
            ))  # fmt: skip
        elif text.strip():
            break
    return found


def cucumber_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`3 scenarios (1 failed, 2 passed)`."""
    words = {
        "scenarios": "total", "scenario": "total", "failed": "failed", "passed": "passed",
        "undefined": "undefined", "skipped": "skipped", "pending": "pending", "ambiguous": "ambiguous",
    }  # fmt: skip
    time = first(doc.forward(i, 4), r"^(?P<t>\d+m[\d.]+s)")
    return tally(
        doc, i, rule, counts(doc.texts[i].replace("(", ""), words), time[1]["t"] if time else None
    )


_E = Severity.ERROR
_I = Severity.INFO

RULES = (
    Rule(
        "rspec.outside", r"An error occurred (?:while loading|in an?) ", "rspec", "test", _E, rspec_outside, 20,
        examples=("An error occurred while loading ./spec/a_spec.rb.",),
    ),
    Rule(
        "rspec.summary", r"(?:^|[ \t]|\x1b\[[0-9;]*m)rspec '?\./[^ ]+(?::[0-9]+|\[[0-9:,]+\])", "rspec", "test", _E,
        rspec_summary, 12, examples=("rspec ./spec/a_spec.rb:12 # Adder adds",),
    ),
    Rule(
        "rspec.tally", r"(?:^|[ \t]|\x1b\[[0-9;]*m)[0-9]+ examples?, [0-9]+ failures?", "rspec", "test", _I, rspec_tally, 30,
        examples=("10 examples, 1 failure, 2 pending",),
    ),
    Rule(
        "minitest.block", r"(?:^|[ \t]|\x1b\[[0-9;]*m)(?:Failure|Error):" + SGR + r"\s*$", "minitest", "test", _E, minitest_block, 18,
        examples=("Failure:", "\x1b[31mError:"),
    ),
    Rule(
        "minitest.reporter", r"(?:FAIL|ERROR)" + SGR + r"(?:\[\"| +" + SGR + r"[A-Z][\w:]*#\w)", "minitest", "test", _E, reporter_block, 18,
        examples=(" FAIL TestAdder#test_add (0.01s)", " FAIL[\"test_add\", TestAdder, 0.01]"),
    ),
    Rule(
        "testunit.block", r"(?:^|[ \t]|\x1b\[[0-9;]*m)(?:Failure|Error): \w[^(]*\([\w:]+\)", "test-unit", "test", _E, testunit_block, 20,
        examples=("Failure: test_add(TestAdder)", "Error: test_add(TestAdder): NameError: no"),
    ),
    Rule(
        "minitest.tally", r"[0-9]+ (?:runs|tests), [0-9]+ assertions, [0-9]+ failures", "minitest", "test", _I, minitest_tally, 30,
        examples=("10 runs, 12 assertions, 1 failures, 0 errors, 0 skips",),
    ),
    Rule(
        "cucumber.list", r"(?:^|[ \t-]|\x1b\[[0-9;]*m)Fail(?:ing|ed) [Ss]cenarios:", "cucumber", "test", _E, cucumber_list, 12,
        examples=("Failing Scenarios:", "Failing scenarios:", "--- Failed scenarios:"),
    ),
    Rule(
        "cucumber.tally", r"[0-9]+ scenarios? \(", "cucumber", "test", _I, cucumber_tally, 30,
        examples=("3 scenarios (1 failed, 2 passed)",),
    ),
)  # fmt: skip
