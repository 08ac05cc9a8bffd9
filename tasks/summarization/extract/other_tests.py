"""Test runners that are one of a kind: busted, Robot Framework, Automake, Meson, Vader, cucumber-js."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import (
    HEAD,
    SGR,
    Lines,
    block,
    counts,
    first,
    focus,
    frames,
    tally,
)
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity


def _lua(
    doc: Document, rule: Rule, i: int, lines: Lines, name: str, file: str, line: str
) -> Finding:
    """busted's reason: `file:line: message`, what was passed and expected, a stack."""
    body = [pair for pair in lines[1:] if pair[1].strip() and pair[1].strip() != name]
    _, message = (body[0][0], body[0][1].strip()) if body else (i, name)
    place = rx(r"^(?P<file>\S+?\.(?:lua|moon)):(?P<line>\d+): (?P<text>.*)$").match(message)
    if place:
        message, file, line = place["text"], place["file"], place["line"]
    values = {}
    for k, (_, text) in enumerate(body[:-1]):
        if text.strip() in ("Passed in:", "Expected:"):
            values[text.strip()] = body[k + 1][1].strip()
    if len(values) == 2:
        message = f"{message} expected {values['Expected:']}, got {values['Passed in:']}"
    return finding(
        doc, rule, i, lines[-1][0], message, tool="busted", name=name, file=file, line=number(line),
        stack=tuple(f for _, f in frames(body, "lua")), focus=focus(doc, i, *(k for k, _ in body[:6])),
    )  # fmt: skip


def busted_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """busted: `Failure → file @ 12` over the name and the reason."""
    m = rx(r"(?:Failure|Error) (?:→|->) (?P<file>\S+) @ (?P<line>\d+)\s*$").search(doc.texts[i])
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^(?:Failure|Error|Pending) (?:→|->) ",
        doc.texts[i][: m.start()],
        limit=80,
        blanks=2,
    )
    name = lines[1][1].strip() if len(lines) > 1 else m["file"]
    return _lua(doc, rule, i, lines, name, m["file"], m["line"])


def busted_gtest(doc: Document, i: int, rule: Rule) -> Extracted:
    """busted in googletest's style: `[  FAILED  ] file @ 12: name` over the reason."""
    m = rx(
        r"\[  ?(?:FAILED|ERROR) +\] (?P<file>\S+) @ (?P<line>\d+): (?P<name>.*?)(?:: [\d.]+ ms)?\s*$"
    ).search(doc.texts[i])
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^\[[ -=]|^\s*\d+ (?:FAILED|ERROR|SKIPPED)|^(?:make|ninja|CMake)",
        doc.texts[i][: m.start()],
        limit=80,
        blanks=3,
    )
    return _lua(doc, rule, i, lines, m["name"], m["file"], m["line"]) if len(lines) > 1 else None


def busted_inline(doc: Document, i: int, rule: Rule) -> Extracted:
    """busted's running report: `[ RUN      ] file @ 12: name: 1.2 ms FAIL` over the reason."""
    m = rx(
        r"\[ RUN +\] (?:(?P<file>\S+) @ (?P<line>\d+): )?(?P<name>.*?): (?:[\d.]+ ms )?(?:FAIL|ERR)\s*$"
    ).search(doc.texts[i])
    if not m:
        return None
    lines = block(doc, i, r"^\[[ -=]", doc.texts[i][: m.start()], limit=80, blanks=3)
    return (
        _lua(doc, rule, i, lines, m["name"], m["file"] or "", m["line"] or "")
        if len(lines) > 1
        else None
    )


def busted_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`10 successes / 1 failure / 0 errors / 0 pending : 0.05 seconds`."""
    words = {
        "successes": "passed",
        "success": "passed",
        "failures": "failed",
        "failure": "failed",
        "errors": "errors",
        "error": "errors",
        "pending": "skipped",
    }
    time = rx(r": ([\d.]+ seconds)").search(doc.texts[i])
    return tally(doc, i, rule, counts(doc.texts[i], words), time[1] if time else None)


def robot_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """Robot Framework: `Name   | FAIL |` over the reason, up to a ruler."""
    m = rx(r"^\s*(?P<name>\S.*?)(?<! ) +\| FAIL \|\s*$").search(doc.texts[i])
    if not m:
        return None
    lines = block(
        doc, i, r"^[-=]{20,}|.*\| (?:PASS|FAIL|SKIP) \|\s*$", doc.texts[i][: m.start()], limit=60
    )
    body = [t.strip() for _, t in lines[1:] if t.strip()]
    summary = not body or rx(r"^\d+ (?:critical )?tests?, \d+").match(body[0])
    if summary:
        return None
    return finding(
        doc, rule, i, lines[-1][0], body[0], tool="robot", name=m["name"].split(" :: ")[0]
    )


def robot_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`3 tests, 2 passed, 1 failed`; the last one is the whole run's."""
    words = {
        "tests": "total",
        "test": "total",
        "passed": "passed",
        "failed": "failed",
        "skipped": "skipped",
    }
    text = doc.texts[i]
    return tally(doc, i, rule, counts(text, words)) if text[:1].isdigit() else None


def automake_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """Automake's `FAIL: name`, as many other small harnesses print it."""
    m = rx(
        r"^(?P<what>FAIL|ERROR|XPASS): (?P<name>[\w./+-]+)(?P<rest>(?: \d+)?(?: - .*)?| \(exit status: \d+\)| +\([\d.]+s\))?\s*$"
    ).match(doc.texts[i])
    if not m:
        return None
    rest = (m["rest"] or "").strip()
    return finding(
        doc,
        rule,
        i,
        i,
        doc.texts[i].strip(),
        tool="automake",
        name=f"{m['name']} {rest}".strip(),
        code=m["what"],
    )


def automake_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """Automake's `# TOTAL: 3` and the counts below."""
    words = {
        "TOTAL": "total",
        "PASS": "passed",
        "SKIP": "skipped",
        "XFAIL": "xfailed",
        "FAIL": "failed",
        "XPASS": "failed",
        "ERROR": "errors",
    }
    found: dict[str, int] = {}
    for _, text in doc.forward(i, 8):
        if m := rx(r"^# (TOTAL|PASS|SKIP|XFAIL|FAIL|XPASS|ERROR): +(\d+)").match(text):
            found[words[m[1]]] = found.get(words[m[1]], 0) + int(m[2])
    return tally(doc, i, rule, tuple(found.items()))


def meson_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """Meson: ` 3/10 suite / name   FAIL   0.01s   exit status 1`."""
    m = rx(
        r"^\s*(?:\d+/\d+ )(?P<name>\S.*?)\s+(?P<what>FAIL|ERROR|TIMEOUT|UNEXPECTEDPASS)\s+(?P<t>[\d.]+ ?s)(?P<rest>.*)$"
    ).match(doc.texts[i])
    if not m:
        return None
    return finding(
        doc,
        rule,
        i,
        i,
        f"{m['name']} {m['what']} {m['rest'].strip()}".strip(),
        tool="meson",
        name=m["name"],
        code=m["what"],
    )


def meson_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """Meson's `Ok: 9` and the counts below."""
    words = {
        "Ok": "passed",
        "Expected Fail": "xfailed",
        "Fail": "failed",
        "Unexpected Pass": "failed",
        "Skipped": "skipped",
        "Timeout": "failed",
    }
    found: dict[str, int] = {}
    for _, text in doc.forward(i, 8):
        if m := rx(r"^(Ok|Expected Fail|Fail|Unexpected Pass|Skipped|Timeout): +(\d+)").match(text):
            found[words[m[1]]] = found.get(words[m[1]], 0) + int(m[2])
    return tally(doc, i, rule, tuple(found.items())) if len(found) > 1 else None


def vader_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """Vader: `(1/2) [EXECUTE] (X) reason`."""
    m = rx(r"\(\s*\d+/\d+\) \[\s*(?P<kind>\w+)\] \(X\) (?P<text>.*)$").search(doc.texts[i])
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^\s*(?:\(\s*\d+/\d+\) \[|Success/Total|Starting Vader)|^\s*$",
        doc.texts[i][: m.start()],
        limit=30,
    )
    place = first(lines, r"(?<!\S)(?P<file>\S+\.vader):(?P<line>\d+)")
    return finding(
        doc, rule, i, lines[-1][0], m["text"].strip(), tool="vader", name=m["text"].strip(),
        file=place[1]["file"] if place else "", line=number(place[1]["line"]) if place else None,
    )  # fmt: skip


def vader_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Success/Total: 1/2 (assertions: 3/4)`."""
    m = rx(r"Success/Total: (\d+)/(\d+)").search(doc.texts[i])
    if not m:
        return None
    return tally(doc, i, rule, (("passed", int(m[1])), ("failed", int(m[2]) - int(m[1]))))


def cucumber_js_numbered(doc: Document, i: int, rule: Rule, lines: Lines, title: str) -> Extracted:
    """cucumber-js: `1) Scenario: name # file:3` over its steps, the failed one crossed."""
    m = rx(r"^Scenario: (?P<name>.*?)(?: \(.*\))? # (?P<file>[^\s:]+):(?P<line>\d+)").match(title)
    step = first(lines, r"✖ (?P<step>.*)")
    error = first(
        (p for p in lines if step and p[0] > step[0]),
        r"^\s+(?P<text>\S.*(?:Error|rror:|expected).*)$",
    )
    return finding(
        doc, rule, i, lines[-1][0], error[1]["text"].strip() if error else step[1]["step"] if step else title,
        tool="cucumber", name=m["name"] if m else title, file=m["file"] if m else "",
        line=number(m["line"]) if m else None, focus=focus(doc, i, step[0] if step else None, error[0] if error else None),
    )  # fmt: skip


def behave_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """behave: `Assertion Failed: ...` below the step; the step names its place after `#`."""
    for k, text in doc.back(i - 1, 3) if i else ():
        if m := rx(
            r"^\s*(?P<step>(?:Given|When|Then|And|But|\*) .*?) +(?:\.\.\. failed|# (?P<file>\S+?):(?P<line>\d+))"
        ).match(text):
            lines = block(
                doc,
                i,
                r"^\s*(?:Scenario|Feature|@|Given|When|Then|And|But|Failing)\b|^\s*$",
                limit=30,
            )
            return finding(
                doc, rule, k, lines[-1][0], doc.texts[i].strip(), tool="behave", name=m["step"],
                file=m["file"] or "", line=number(m["line"]),
            )  # fmt: skip
    return None


def verdict_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """`path/name   FAIL`: what home-made harnesses print for each test."""
    m = rx(r"^(?P<name>[\w.+-]+[/:][\w.+:/-]*[\w+/-])[ .:\t]+(?P<what>FAIL|FAILED|ERROR)$").match(
        doc.texts[i].strip()
    )
    return (
        finding(doc, rule, i, i, doc.texts[i].strip(), tool="tests", name=m["name"]) if m else None
    )


def qunit_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """QUnit through PhantomJS runners: `Test Failed: name` over `Assertion Failed: reason`."""
    m = rx(r"Test Failed: (?P<name>\S.*)$").search(doc.texts[i])
    if not m:
        return None
    start = i - 1 if i and "Module Failed:" in doc.texts[i - 1] else i
    lines = block(doc, i, r"^\s*$|^\s*(?:Module|Test) Failed:", limit=60)
    reason = first(lines, r"Assertion Failed: (?P<text>.*)")
    return finding(
        doc, rule, start, lines[-1][0], reason[1]["text"].strip() if reason else m[0], tool="qunit", name=m["name"].strip(),
    )  # fmt: skip


_E = Severity.ERROR
_I = Severity.INFO

RULES = (
    Rule(
        "busted.block", r"(?:Failure|Error)" + SGR + r" (?:→|->) .* @ " + SGR + r"[0-9]+", "busted", "test", _E, busted_block, 20,
        examples=("Failure → spec/adder_spec.lua @ 12",),
    ),
    Rule(
        "busted.gtest", r"\[  ?(?:FAILED|ERROR) +\]" + SGR + r" .* @ " + SGR + r"[0-9]+", "busted", "test", _E, busted_gtest, 21,
        examples=("[  FAILED  ] spec/adder_spec.lua @ 12: adder adds",),
    ),
    Rule(
        "busted.inline", r"\[ RUN +\].*: .*(?:FAIL|ERR)" + SGR + r"\s*$", "busted", "test", _E, busted_inline, 18,
        examples=("[ RUN      ] spec/adder_spec.lua @ 12: adder adds: 1.20 ms FAIL",),
    ),
    Rule(
        "busted.tally", r"[0-9]+ success(?:es)? / [0-9]+ failures?", "busted", "test", _I, busted_tally, 30,
        examples=("10 successes / 1 failure / 0 errors / 0 pending : 0.05 seconds",),
    ),
    Rule(
        "robot.line", r"\| " + SGR + r"FAIL" + SGR + r" \|\s*$", "robot", "test", _E, robot_line, 18,
        examples=("Adds Two Numbers                                            | FAIL |",),
    ),
    Rule(
        "robot.tally", r"[0-9] (?:critical )?tests?, [0-9]+ passed, [0-9]+ failed", "robot", "test", _I, robot_tally, 30,
        examples=("3 tests, 2 passed, 1 failed",),
    ),
    Rule(
        "automake.line", HEAD + r"(?:FAIL|XPASS|ERROR): [\w./+-]+(?: [0-9]+| \(exit| +\([0-9.]+s\)|\s*$)", "automake", "test", _E, automake_line, 11,
        examples=("FAIL: tests/adds.sh", "FAIL: adds.test 3 - sums"),
    ),
    Rule(
        "automake.tally", r"^# TOTAL: +[0-9]+", "automake", "test", _I, automake_tally, 30, examples=("# TOTAL: 3",),
    ),
    Rule(
        "meson.line", r"^ *[0-9]+/[0-9]+ .* (?:FAIL|ERROR|TIMEOUT) +[0-9.]+ ?s", "meson", "test", _E, meson_line, 12,
        examples=(" 3/10 core / adds        FAIL             0.01s   exit status 1",),
    ),
    Rule(
        "meson.tally", r"^Ok: +[0-9]+", "meson", "test", _I, meson_tally, 30, examples=("Ok:                 9   ",),
    ),
    Rule(
        "vader.line", r"\] \(X\) ", "vader", "test", _E, vader_line, 18, examples=("  (1/2) [EXECUTE] (X) Assertion failure",),
    ),
    Rule(
        "vader.tally", r"Success/Total: [0-9]+/[0-9]+", "vader", "test", _I, vader_tally, 30,
        examples=("Success/Total: 1/2 (assertions: 3/4)",),
    ),
    Rule(
        "behave.block", r"^\s*Assertion Failed: ", "behave", "test", _E, behave_block, 20, examples=("      Assertion Failed: expected 1",),
    ),
    Rule(
        "tests.verdict", r"[\w.+-]+[/:][\w./+:-]+[ .:\t]+" + SGR + r"(?:FAIL|FAILED|ERROR)" + SGR + r"\s*$", "tests", "test", _E, verdict_line, 9,
        examples=("text-objects/lexer                            FAIL",),
    ),
    Rule(
        "qunit.block", r"(?:^|\s)Test Failed: [^ ]", "qunit", "test", _E, qunit_block, 20, examples=("  Test Failed: adds two numbers",),
    ),
)  # fmt: skip
