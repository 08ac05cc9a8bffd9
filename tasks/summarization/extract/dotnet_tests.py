"""Test runners of .NET: dotnet test (VSTest and the new platform), xUnit, NUnit, MSTest."""

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
    labelled,
    tally,
)
from slipstream.tasks.summarization.extract.common import finding, frame, number, rx
from slipstream.tasks.summarization.extract.stack import bare
from slipstream.tasks.summarization.model import Cause, Extracted, Finding, Rule, Severity

_HEADS = r"^\s*(?:Error Message|Stack Trace|Standard (?:Output|Error)(?: Messages)?|Message|Expected result|EXPECT):?\s*$"
_ENDS = r"^\s*(?:(?:Failed|Passed|Skipped) \S|(?:failed|passed|skipped) \S.*\(\d|Failed!  -|Passed!  -|Test Run (?:Failed|Successful)|Total tests: |Results File:|Test run for )|^\[xUnit\.net "


def _read(doc: Document, rule: Rule, i: int, lines: Lines, name: str, tool: str) -> Finding:
    """A finding of a reason and a stack of .NET."""
    cut = first(lines[1:], r"^\s*Standard (?:Output|Error)(?: Messages)?:|^\s*Output:\s*$")
    body = [pair for pair in lines[1:] if not cut or pair[0] < cut[0]]
    stack = frames(body, "dotnet")
    for k, text in () if stack else body:
        if m := rx(
            r"^\s*(?P<file>\S.*?\.(?:cs|fs|vb))\((?P<line>\d+),\d+\): at (?P<name>.+)$"
        ).match(text):
            stack.append((k, frame(m["name"], m["file"], m["line"])))
    ends = first(body, r"^\s*Stack Trace:\s*$|^\s+at \S+\(")
    said = [
        (k, t.strip()) for k, t in body
        if t.strip() and (not ends or k < ends[0]) and not rx(_HEADS).match(t) and not rx(r"^-{3,}> |^\s*[↑↓(]").match(t)
    ]  # fmt: skip
    at, message = said[0] if said else (i, name)
    code = ""
    if m := rx(
        r"^(?P<code>(?:[A-Z]\w*\.)+[A-Z]\w*(?:Exception|Error)?|\w+Exception) : ?(?P<text>.*)|^(?P<plain>(?:\w+\.)*\w*Exception): "
    ).match(message):
        code = m["code"] or m["plain"]
    wanted = first(said, r"^(?:Expected|expected):?\s+(.*)")
    got = first(said, r"^(?:Actual|But was|actual):?\s+(.*)")
    if wanted and got:
        head = "" if wanted[0] == at else f"{message.rstrip(':')}: "
        message = f"{head}expected {wanted[1][1].strip()}, actual {got[1][1].strip()}"
    causes = tuple(
        Cause("inner", m["code"], m["text"].strip())
        for _, t in body
        if (m := rx(r"^\s*-{3,}> (?P<code>[\w.]+)\s?: (?P<text>.*)").match(t))
    )
    blame = blamed(stack)
    return finding(
        doc, rule, i, lines[-1][0], message, tool=tool, name=name, code=code,
        file=blame[1].file if blame else "", line=blame[1].line if blame else None,
        stack=tuple(f for _, f in stack), causes=causes,
        focus=focus(doc, i, *(k for k, _ in said[:8]), blame[0] if blame else None),
    )  # fmt: skip


def vstest_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Failed Name [12 ms]` over `Error Message:` and `Stack Trace:`."""
    m = rx(
        r"(?:^|(?<=\s))(?:Failed|X) +(?P<name>\S.*?)(?: \[(?:< )?[\d.,]+ ?(?:ms|s|m|h)[^\]]*\])?\s*$"
    ).search(doc.texts[i])
    if not m or i + 1 >= len(doc):
        return None
    prefix = doc.texts[i][: m.start()]
    prefix = prefix if prefix.strip() else ""
    if not rx(_HEADS).match(bare(doc.texts[i + 1], prefix)):
        return None
    lines = block(doc, i, _ENDS, prefix, limit=300)
    return _read(doc, rule, i, lines, m["name"], "dotnet test")


def platform_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """The new test platform: `failed Name (12ms)` over an indented reason."""
    m = rx(r"(?:^|(?<=\s))failed (?P<name>\S.*?) \((?:\d+\w+ ?)+\)\s*$").search(doc.texts[i])
    if not m:
        return None
    lines = block(doc, i, r"^\S", doc.texts[i][: m.start()], limit=200)
    return _read(doc, rule, i, lines, m["name"], "dotnet test") if len(lines) > 1 else None


def xunit_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """xUnit's own runner: `Name [FAIL]` over an indented reason."""
    m = rx(
        r"^(?P<prefix>\[xUnit\.net [\d:.]+\] )?(?P<indent> *)(?P<name>\S.*?) \[FAIL\]\s*$"
    ).search(doc.texts[i])
    if not m:
        return None
    adapter = m["prefix"] is not None
    lines: Lines = [(i, doc.texts[i])]
    for k, text in doc.forward(i + 1, 200):
        inner = rx(r"^(.*?)\[xUnit\.net [\d:.]+\] (?P<text>.*)$").match(text) if adapter else None
        text = inner["text"] if inner else text
        if (adapter and not inner) or (
            len(text) - len(text.lstrip()) <= len(m["indent"]) and text.strip()
        ):
            break
        lines.append((k, text))
    while len(lines) > 1 and not lines[-1][1].strip():
        lines.pop()
    found = _read(doc, rule, i, lines, m["name"], "dotnet test")
    return found._replace(weight=18 if len(lines) > 1 else 12) if adapter else found


def nunit_numbered(doc: Document, i: int, rule: Rule, lines: Lines, title: str) -> Extracted:
    """NUnit's console: `1) Failed : Name` over the reason."""
    traced = False
    for n, (_, text) in enumerate(lines):
        if traced and not text.strip():
            lines = lines[:n]
            break
        traced = traced or text.lstrip().startswith("at ")
    return _read(doc, rule, i, lines, title.partition(" : ")[2].strip(), "nunit")


def dotnet_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Failed!  - Failed: 1, Passed: 2, Skipped: 0, Total: 3, Duration: 12 ms`."""
    text = doc.texts[i]
    words = {
        "failed": "failed", "passed": "passed", "skipped": "skipped", "total": "total", "errors": "errors",
        "succeeded": "passed", "inconclusive": "inconclusive", "warnings": "warnings",
    }  # fmt: skip
    time = rx(r"[Dd]uration: (?P<t>[\d.,]+ ?(?:ms|s|m(?: \d+ s)?|h))").search(text)
    return tally(doc, i, rule, labelled(text, words), time["t"] if time else None)


def vstest_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Total tests: 3` with one count a line below."""
    found = []
    time = None
    words = {"Total tests": "total", "Passed": "passed", "Failed": "failed", "Skipped": "skipped"}
    for _, text in doc.forward(i, 6):
        for key, value in rx(r"(Total tests|Passed|Failed|Skipped): (\d+)").findall(text):
            found.append((words[key], int(value)))
        if m := rx(r"Total time: ([\d.,]+ \w+)").search(text):
            time = m[1]
    return tally(doc, i, rule, found, time)


def pester_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """Pester: `[-] name 12ms` over the reason and `at <ScriptBlock>, file: line 3`."""
    m = rx(r"\[-\] (?P<name>\S.*?)(?: [\d.,]+m?s(?: \([^)]*\))?)?\s*$").search(doc.texts[i])
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^\s*\[[-+!?]\] |^\s*(?:Describing|Context) |^Tests (?:completed|Passed)",
        doc.texts[i][: m.start()],
        limit=60,
    )
    body = [pair for pair in lines[1:] if pair[1].strip()]
    place = first(body, r"(?:, |at )(?P<file>[^\s,][^,]*\.ps1):\s?(?:line )?(?P<line>\d+)")
    if not body:
        return None
    return finding(
        doc, rule, i, lines[-1][0], body[0][1].strip(), tool="pester", name=m["name"],
        file=place[1]["file"] if place else "", line=number(place[1]["line"]) if place else None,
    )  # fmt: skip


def pester_report(doc: Document, i: int, rule: Rule) -> Extracted:
    """A failure of Pester told in fields: Description, Name, message, stack-trace."""
    start, name = i, ""
    for k, text in doc.back(i - 1, 3) if i else ():
        m = rx(r"^(?:Description|Name): +(?P<text>.*)$").match(text)
        if not m:
            break
        start, name = k, name or m["text"].strip()
    lines = block(doc, i, r"^(?:Description|Name): |^\d+ tests? in |^At .*:\d+ char", limit=60)
    trace = first(lines, r"^stack-trace:")
    if not trace:
        return None
    message = next((t.strip() for _, t in lines[1:] if t.strip()), name)
    place = first(lines, r"(?:, |at )(?P<file>[^\s,][^,]*\.ps1): line (?P<line>\d+)")
    return finding(
        doc, rule, start, lines[-1][0], message, tool="pester", name=name,
        file=place[1]["file"] if place else "", line=number(place[1]["line"]) if place else None,
    )  # fmt: skip


def pester_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Tests Passed: 5, Failed: 2, Skipped: 1, ...`."""
    words = {
        "tests passed": "passed",
        "passed": "passed",
        "failed": "failed",
        "skipped": "skipped",
        "pending": "pending",
    }
    above = first(doc.back(i, 2), r"Tests completed in (?P<t>[\d.]+ ?m?s)")
    return tally(
        doc,
        i,
        rule,
        labelled(doc.texts[i].replace("Tests Passed", "Passed"), words),
        above[1]["t"] if above else None,
    )


def nunit_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """NUnit's console: `Test Count: 3, Passed: 2, Failed: 1`."""
    words = {
        "test count": "total",
        "count": "total",
        "passed": "passed",
        "failed": "failed",
        "skipped": "skipped",
        "inconclusive": "inconclusive",
    }
    return tally(doc, i, rule, labelled(doc.texts[i], words) or counts(doc.texts[i], words))


_E = Severity.ERROR
_I = Severity.INFO

RULES = (
    Rule(
        "vstest.block", r"(?:^|[ \t]|\x1b\[[0-9;]*m)(?:Failed|X)" + SGR + r" +" + SGR + r"[\w<\"].*[\w\])\"]\s*" + SGR + r"\s*$", "dotnet test", "test", _E, vstest_block, 20,
        examples=("  Failed Example.AdderTests.Adds [12 ms]",),
    ),
    Rule(
        "mtp.block", r"(?:^|[ \t]|\x1b\[[0-9;]*m)failed" + SGR + r" [\w<].* \((?:[0-9]+\w+ ?)+\)\s*" + SGR + r"\s*$", "dotnet test", "test", _E, platform_block, 20,
        examples=("failed Example.AdderTests.Adds (12ms)",),
    ),
    Rule(
        "xunit.block", r"[^ ] \[FAIL\]\s*" + SGR + r"\s*$", "dotnet test", "test", _E, xunit_block, 20,
        examples=("    Example.AdderTests.Adds [FAIL]", "[xUnit.net 00:00:00.51]     Example.AdderTests.Adds [FAIL]"),
    ),
    Rule(
        "dotnet.tally", r"(?:(?:Failed|Passed)!  - Failed: |[Tt]otal: [0-9]+,? +(?:Errors|[Ff]ailed|[Ss]ucceeded): )", "dotnet test", "test", _I, dotnet_tally, 30,
        examples=("Failed!  - Failed:     1, Passed:     2, Skipped:     0, Total:     3, Duration: 12 ms - a.dll (net8.0)", "   Example  Total: 3, Errors: 0, Failed: 1, Skipped: 0, Time: 0.1s"),
    ),
    Rule(
        "vstest.tally", r"^Total tests: [0-9]+", "dotnet test", "test", _I, vstest_tally, 30, examples=("Total tests: 3",),
    ),
    Rule(
        "nunit.tally", r"Test Count: [0-9]+, Passed: [0-9]+", "nunit", "test", _I, nunit_tally, 30,
        examples=("  Test Count: 3, Passed: 2, Failed: 1, Warnings: 0, Inconclusive: 0, Skipped: 0",),
    ),
    Rule(
        "pester.line", r"(?:^|[ \t]|\x1b\[[0-9;]*m)\[-\] [^ ]", "pester", "test", _E, pester_line, 18,
        examples=("    [-] adds two numbers 12ms",),
    ),
    Rule(
        "pester.report", r"^message:\s*$", "pester", "test", _E, pester_report, 20, examples=("message:",),
    ),
    Rule(
        "pester.tally", r"Tests Passed: [0-9]+, Failed: [0-9]+", "pester", "test", _I, pester_tally, 30,
        examples=("Tests Passed: 5, Failed: 2, Skipped: 1, Pending: 0, Inconclusive: 0",),
    ),
)  # fmt: skip
