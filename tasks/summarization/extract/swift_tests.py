"""XCTest through xcodebuild, swift test and xcpretty, and Swift Testing."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import block, focus, tally
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity


def _name(name: str) -> str:
    """`-[Module.Class test]` and `Class.test` as `Class.test`."""
    if m := rx(r"^-\[(?:[\w]+\.)?(?P<cls>\S+) (?P<test>\S+)\]$").match(name.strip()):
        return f"{m['cls']}.{m['test']}"
    parts = name.strip().split(".")
    return ".".join(parts[-2:])


def xctest_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """`/src/A.swift:12: error: -[Module.Class test] : XCTAssertEqual failed: ...`."""
    m = rx(
        r"(?<![^\s:])(?P<file>(?:[A-Za-z]:)?[\\/][^:]*|[^\s:]+):(?P<line>\d+): error: (?P<name>-\[[^\]]+\]|[\w.]+\.\w+) ?: ?(?P<text>.*)$"
    ).search(doc.texts[i])
    if not m:
        return None
    prefix = doc.texts[i][: m.start()]
    lines = block(
        doc,
        i,
        r"^(?:Test Case|Test Suite|/\S+:\d+: |<unknown>:|\t Executed|\s*Executed )|^\s*$",
        prefix,
        limit=30,
    )
    more = " ".join(t.strip() for _, t in lines[1:4])
    text = m["text"].strip()
    code = rx(r"^(XCT\w+|Asynchronous wait|failed)").match(text)
    return finding(
        doc, rule, i, lines[-1][0], f"{text} {more}".strip() if text.endswith((":", "(")) or not text else text,
        name=_name(m["name"]), file=m["file"].strip(), line=number(m["line"]), code=code[1] if code else "",
    )  # fmt: skip


def xctest_case(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Test Case '-[Module.Class test]' failed (0.01 seconds)`."""
    m = rx(r"Test [Cc]ase '(?P<name>[^']+)' failed").search(doc.texts[i])
    if not m:
        return None
    name = _name(rx(r"^(\w+)/(\w+)").sub(r"\1.\2", m["name"].removesuffix("()")))
    return finding(doc, rule, i, i, f"{name} failed", name=name)


def xctest_crash(doc: Document, i: int, rule: Rule) -> Extracted:
    """xcodebuild's list of failed tests at the end."""
    found: list[Finding] = []
    for k, text in doc.forward(i + 1, 200):
        m = rx(r"^\s+(?P<name>-\[[^\]]+\]|[\w]+[./][\w./]+(?:\(\))?)\s*(?P<rest>.*)$").match(text)
        if not m:
            if text.strip() and found:
                break
            continue
        found.append(
            finding(
                doc,
                rule,
                k if found else i,
                k,
                text.strip(),
                name=_name(m["name"].replace("/", ".").removesuffix("()")),
            )
        )
    return found


def xctest_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Executed 3 tests, with 1 failure (0 unexpected) in 0.01 (0.02) seconds`; the outermost is last."""
    m = rx(
        r"Executed (?P<n>\d+) tests?, with (?:(?P<s>\d+) tests? skipped and )?(?P<f>\d+) failures? \((?P<u>\d+) unexpected\) in (?P<t>[\d.]+)"
    ).search(doc.texts[i])
    if not m:
        return None
    above = doc.texts[i - 1] if i else ""
    if "Test Suite '" in above and not rx(r"'(?:All|Selected) tests'").search(above):
        return None
    found = [("total", int(m["n"])), ("failed", int(m["f"]))]
    if m["s"]:
        found.append(("skipped", int(m["s"])))
    return tally(doc, i, rule, found, m["t"] + "s")


def xcpretty_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """xcpretty's running report: a cross, the name, a comma and the reason."""
    m = rx(r"(?:^|\s)✗ (?P<name>\w[\w()]*), (?P<text>.+)$").search(doc.texts[i])
    return finding(doc, rule, i, i, m["text"].strip(), name=m["name"], tool="xctest") if m else None


def xcpretty_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """xcpretty's final report: class, name and reason, place, source between back quotes."""
    m = rx(r"^\s*(?P<file>/.*\.(?:swift|mm?|cpp)):(?P<line>\d+)\s*$").match(doc.texts[i])
    if not m or not i:
        return None
    above = [(k, t) for k, t in doc.back(i - 1, 12) if t.strip()]
    case = next((n for n, (_, t) in enumerate(above) if rx(r"^\s+\w[\w()]*, \S").match(t)), None)
    if case is None:
        return None
    start, said = (
        above[case][0],
        rx(r"^\s+(?P<name>\w[\w()]*), (?P<text>.*)$").match(above[case][1]),
    )
    cls = (
        above[case + 1]
        if len(above) > case + 1 and rx(r"^\S+$").match(above[case + 1][1])
        else None
    )
    last = i
    fence = 0
    for k, text in doc.forward(i + 1, 60):
        if text.strip().startswith("```"):
            fence += 1
            last = k
            if fence == 2:
                break
        elif not fence and text.strip():
            break
    return finding(
        doc, rule, cls[0] if cls else start, last, said["text"].strip() if said else "", tool="xctest",
        name=said["name"] if said else "", file=m["file"], line=number(m["line"]),
        focus=focus(doc, cls[0] if cls else None, start, i),
    )  # fmt: skip


def swift_testing(doc: Document, i: int, rule: Rule) -> Extracted:
    """Swift Testing: `✘ Test name recorded an issue at A.swift:12:5: Expectation failed: ...`."""
    m = rx(
        r"Test (?P<name>.+?) recorded an issue(?: with .*?)? at (?P<file>[^\s:]+):(?P<line>\d+):(?P<col>\d+): (?P<text>.*)$"
    ).search(doc.texts[i])
    if not m:
        return None
    lines = (
        block(doc, i, r"^(?!↳|\s*↳)", doc.texts[i][: m.start()].rstrip("✘ "), limit=10)
        if i + 1 < len(doc) and "↳" in doc.texts[i + 1]
        else [(i, "")]
    )
    return finding(
        doc, rule, i, lines[-1][0], m["text"].strip(), tool="swift testing", name=m["name"].strip('"'),
        file=m["file"], line=number(m["line"]), column=number(m["col"]),
    )  # fmt: skip


def swift_testing_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Test run with 3 tests failed after 0.001 seconds with 1 issue.`"""
    m = rx(
        r"Test run with (?P<n>\d+) tests?(?: in \d+ suites?)? (?P<what>passed|failed) after (?P<t>[\d.]+) seconds(?: with (?P<f>\d+) issues?)?"
    ).search(doc.texts[i])
    if not m:
        return None
    found = (("total", int(m["n"])), ("issues", int(m["f"] or 0)))
    return tally(doc, i, rule, found, m["t"] + "s", failed=m["what"] == "failed")


_E = Severity.ERROR
_I = Severity.INFO

RULES = (
    Rule(
        "xctest.line", r"[0-9]: error: (?:-\[|[\w.]+\.test\w* ?:|[\w.]+\.\w+ : )", "xctest", "test", _E, xctest_line, 22,
        examples=(
            '/src/A.swift:12: error: -[Mod.AdderTests testAdd] : XCTAssertEqual failed: ("1") is not equal to ("2")',
            '/src/A.swift:12: error: AdderTests.testAdd : XCTAssertEqual failed: ("1") is not equal to ("2") - ',
        ),
    ),
    Rule(
        "xctest.case", r"Test [Cc]ase '.*' failed", "xctest", "test", _E, xctest_case, 8,
        examples=("Test Case '-[Mod.AdderTests testAdd]' failed (0.001 seconds).",),
    ),
    Rule(
        "xctest.list", r"^Failing tests:", "xctest", "test", _E, xctest_crash, 12, examples=("Failing tests:",),
    ),
    Rule(
        "xctest.tally", r"Executed [0-9]+ tests?, with ", "xctest", "test", _I, xctest_tally, 30,
        examples=("\t Executed 3 tests, with 1 failure (0 unexpected) in 0.010 (0.020) seconds",),
    ),
    Rule(
        "xcpretty.line", r"(?:^|[ \t]|\x1b\[[0-9;]*m)✗" + r"(?:\x1b\[[0-9;]*m)* \w+(?:\(\))?, ", "xctest", "test", _E, xcpretty_line, 12,
        examples=("    ✗ testAdd, ((1) equal to (2)) failed",),
    ),
    Rule(
        "xcpretty.block", r"^\s*(?:\x1b\[[0-9;]*m)*\s*/.*\.(?:swift|mm?):[0-9]+(?:\x1b\[[0-9;]*m)*\s*$", "xctest", "test", _E, xcpretty_block, 20,
        examples=("  /src/AdderTests.swift:12",),
    ),
    Rule(
        "swifttesting.issue", r" recorded an issue", "swift testing", "test", _E, swift_testing, 20,
        examples=("✘ Test adds() recorded an issue at A.swift:12:5: Expectation failed: (1) == 2",),
    ),
    Rule(
        "swifttesting.tally", r"Test run with [0-9]+ tests?", "swift testing", "test", _I, swift_testing_tally, 30,
        examples=("✘ Test run with 3 tests failed after 0.001 seconds with 1 issue.",),
    ),
)  # fmt: skip
