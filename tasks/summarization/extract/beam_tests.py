"""Test runners of the BEAM: ExUnit, EUnit, Common Test, also through rebar3."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import (
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
from slipstream.tasks.summarization.model import Cause, Extracted, Rule, Severity

_RULER = r"^(?:- ){10,}-?\s*$|^[-=%]{20,}\s*$"


def exunit_numbered(doc: Document, i: int, rule: Rule, lines: Lines, title: str) -> Extracted:
    """ExUnit: title, place, reason, code, left and right, stack trace."""
    lines = _exunit_end(lines)
    body = [pair for pair in lines[1:] if pair[1].strip()]
    place = first(body[:2], r"^\s+(?P<file>\S+\.\w+):(?P<line>\d+)\s*$")
    reason = [pair for pair in body if not place or pair[0] > place[0]]
    _, message = (reason[0][0], reason[0][1].strip()) if reason else (i, title)
    code = rx(r"^\*\* \((?P<code>[^)]+)\)").match(message)
    sides = [f"{m[1]} {m[2]}" for _, t in body if (m := rx(r"^\s+(left:|right:)\s+(.*)").match(t))]
    if sides and message.startswith(("Assertion", "match")):
        message = f"{message}: {', '.join(sides)}"
    trace = first(body, r"^\s*(?:\(?stacktrace\)?:|stacktrace:)")
    stack = frames([pair for pair in body if trace and pair[0] > trace[0]], "elixir")
    test = [pair for pair in stack if place and pair[1].file == place[1]["file"]]
    blame = blamed(test or stack)
    causes = tuple(
        Cause("cause", m[1], m[2].strip())
        for _, t in reason[1:]
        if (m := rx(r"^\s+\*\* \((?:EXIT\) .*?\*\* \()?([A-Z][\w.]+)\) (.*)").match(t))
    )
    file, line = (place[1]["file"], number(place[1]["line"])) if place else ("", None)
    if blame and blame[1].own:
        file, line = blame[1].file, blame[1].line
    elif (
        inline := first(
            reason[:4], r"^\s+(?:\*\* \(\w+\) )?(?P<file>[\w./-]+\.exs?):(?P<line>\d+):"
        )
    ) and not place:
        file, line = inline[1]["file"], number(inline[1]["line"])
    return finding(
        doc, rule, i, lines[-1][0], message, tool="exunit", name=title, code=code["code"] if code else "",
        file=file, line=line, stack=tuple(f for _, f in stack), causes=causes,
        focus=focus(doc, i, place[0] if place else None, *(k for k, _ in reason[:6]), blame[0] if blame else None),
    )  # fmt: skip


def _exunit_end(lines: Lines) -> Lines:
    """Blocks are indented by five: what is not, belongs to the next thing."""
    for n, (_, text) in enumerate(lines[1:], 1):
        if text and not text[0].isspace() and not rx(r"^[.*]+$").match(text):
            lines = lines[:n]
            break
    while len(lines) > 1 and not lines[-1][1].strip(" .*"):
        lines = lines[:-1]
    return lines


def exunit_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`2 doctests, 3 tests, 1 failure, 1 excluded`."""
    words = {
        "doctests": "total", "doctest": "total", "tests": "total", "test": "total", "properties": "total",
        "property": "total", "failures": "failed", "failure": "failed", "excluded": "skipped",
        "skipped": "skipped", "invalid": "errors", "errors": "errors",
    }  # fmt: skip
    above = first(doc.back(i, 4), r"Finished in (?P<t>[\d.]+ \w+)")
    return tally(doc, i, rule, counts(doc.texts[i], words), above[1]["t"] if above else None)


def eunit_numbered(doc: Document, i: int, rule: Rule, lines: Lines, title: str) -> Extracted:
    """rebar3 eunit: `1) module:test/0`, Failure/Error: and the place after `%%`."""
    place = first(lines, r"%% +(?P<file>\S+\.erl):(?P<line>\d+)")
    source = first(lines, r"^\s*Failure/Error: ?(?P<text>.*)")
    if not source:
        return None
    said = [
        t.strip()
        for k, t in lines
        if k > source[0] and rx(r"^\s+(?:expected|got|pattern|value)\b").match(t)
    ]
    return finding(
        doc, rule, i, lines[-1][0], ", ".join([source[1]["text"].strip(), *said[:2]]), tool="eunit", name=title,
        file=place[1]["file"] if place else "", line=number(place[1]["line"]) if place else None,
        focus=focus(doc, i, *range(source[0], min(source[0] + 4, lines[-1][0] + 1)), place[0] if place else None),
    )  # fmt: skip


def eunit_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """EUnit: `module:line: test...*failed*` over the stack and the error term."""
    m = rx(
        r"^\s*(?P<name>\S.*?)(?:(?<!\s)\s+)?\.{3}(?:\[[\d.]+ s\] ?)?\*(?P<what>failed|timed out|skipped)\*"
    ).search(doc.texts[i])
    if not m or m["what"] == "skipped":
        return None
    lines = block(
        doc,
        i,
        r"^\s*$|^=+|^.*\.\.\.(?:\[[\d.]+ s\] ?)?(?:ok|\*(?:failed|timed out|skipped)\*)",
        doc.texts[i][: m.start()],
        limit=120,
    )
    place = first(lines, r"\((?P<file>[^\s,()]+\.erl), line (?P<line>\d+)\)")
    error = first(lines, r"^\s*\*\*(?P<kind>\w+):(?P<text>.*)")
    values = rx(r"\{expected,(?P<expected>.*?)\},\s*\{value,(?P<value>.*?)\}\]").search(
        " ".join(t.strip() for _, t in lines)
    )
    text = error[1][0].strip() if error else doc.texts[i].strip()
    code = rx(r"^\*\*\w+:\{?(\w+)").match(text)
    if values:
        text = f"{code[1] if code else 'assertion'}: expected {values['expected']}, got {values['value']}"
    return finding(
        doc, rule, i, lines[-1][0], text, tool="eunit", name=m["name"].strip(), code=code[1] if code else "",
        file=place[1]["file"] if place else "", line=number(place[1]["line"]) if place else None,
        focus=focus(doc, i, place[0] if place else None, *range(error[0], min(error[0] + 6, lines[-1][0] + 1)) if error else ()),
    )  # fmt: skip


def eunit_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Failed: 1.  Skipped: 0.  Passed: 3.`"""
    m = rx(r"Failed: (\d+)\.\s+Skipped: (\d+)\.\s+Passed: (\d+)").search(doc.texts[i])
    if not m:
        return None
    return tally(
        doc, i, rule, (("failed", int(m[1])), ("skipped", int(m[2])), ("passed", int(m[3])))
    )


def ct_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """Common Test: `suite:case failed on line 12` over `Reason: ...`, between rulers."""
    m = rx(r"(?<!\w)(?P<name>(?P<suite>\w+):\w+) failed(?: on line (?P<line>\d+))?\s*$").search(
        doc.texts[i]
    )
    if not m:
        return None
    lines = block(doc, i, _RULER, doc.texts[i][: m.start()], limit=40)
    reason = first(lines, r"Reason: (?P<text>.*)")
    if not reason:
        return None
    return finding(
        doc, rule, i, lines[-1][0], reason[1]["text"].strip() or m[0], tool="common test", name=m["name"],
        file=f"{m['suite']}.erl" if m["line"] else "", line=number(m["line"]), focus=focus(doc, i, reason[0]),
    )  # fmt: skip


def ct_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """rebar3 ct: `%%% suite ==> case: FAILED` over the reason in lines of the same mark."""
    m = rx(r"%%% (?P<suite>\w+) ==> (?P<name>[^:]+): FAILED").search(doc.texts[i])
    if not m:
        return None
    head = f"%%% {m['suite']} ==> "
    prefix = doc.texts[i][: m.start()]
    lines = block(
        doc,
        i,
        r"^%%% \w+ ==> .*: (?:FAILED|OK|SKIPPED)|^\s*$|^(?:Failed|Skipped|All) ",
        prefix,
        limit=80,
    )
    text = [t.removeprefix(head).strip() for _, t in lines[1:] if t.strip()]
    place = rx(r"\{file,\"(?P<file>[^\"]+)\"\},\s*\{line,(?P<line>\d+)\}").search(" ".join(text))
    return finding(
        doc, rule, i, lines[-1][0], (text[0] if text else m[0])[:300], tool="common test", name=f"{m['suite']}:{m['name']}",
        file=place["file"] if place else "", line=number(place["line"]) if place else None,
    )  # fmt: skip


def ct_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`TEST COMPLETE, 1 ok, 1 failed, 4 skipped of 6 test cases`; rebar3: `Failed 1 tests. Passed 2 tests.`"""
    text = doc.texts[i]
    if m := rx(r"TEST COMPLETE, (?P<c>.*)").search(text):
        return tally(
            doc, i, rule, counts(m["c"], {"ok": "passed", "failed": "failed", "skipped": "skipped"})
        )
    found = rx(r"(Failed|Skipped|Passed) (\d+)").findall(text)
    return tally(doc, i, rule, tuple((word.lower(), int(n)) for word, n in found))


_E = Severity.ERROR
_I = Severity.INFO

RULES = (
    Rule(
        "exunit.tally", r"[0-9]+ (?:tests?|doctests?|properties|property), (?:[0-9]+ \w+, )*[0-9]+ failures?", "exunit", "test", _I, exunit_tally, 30,
        examples=("3 tests, 1 failure", "2 doctests, 3 tests, 0 failures, 1 skipped"),
    ),
    Rule(
        "eunit.block", r"\*(?:failed|timed out)\*", "eunit", "test", _E, eunit_block, 20,
        examples=("adder_tests: add_test...*failed*",),
    ),
    Rule(
        "eunit.tally", r"Failed: [0-9]+\. +Skipped: [0-9]+\. +Passed: [0-9]+", "eunit", "test", _I, eunit_tally, 30,
        examples=("  Failed: 1.  Skipped: 0.  Passed: 3.",),
    ),
    Rule(
        "ct.block", r"\w+:\w+ failed(?: on line [0-9]+)?\s*$", "common test", "test", _E, ct_block, 20,
        examples=("adder_SUITE:adds failed on line 12",),
    ),
    Rule(
        "ct.line", r"%%% \w+ ==> .*: FAILED", "common test", "test", _E, ct_line, 20, examples=("%%% adder_SUITE ==> adds: FAILED",),
    ),
    Rule(
        "ct.tally", r"(?:TEST COMPLETE, [0-9]+ ok|(?:Failed|Skipped) [0-9]+ (?:tests|\([0-9]+, [0-9]+\))?.*Passed [0-9]+ tests)", "common test", "test", _I, ct_tally, 30,
        examples=("Testing a.adder_SUITE: TEST COMPLETE, 1 ok, 1 failed, 4 skipped of 6 test cases", "Failed 1 tests. Passed 2 tests."),
    ),
)  # fmt: skip
