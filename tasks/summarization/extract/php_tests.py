"""Test runners of PHP: PHPUnit, Pest, phpt (run-tests.php), phpspec, Codeception."""

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
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.model import Cause, Extracted, Finding, Rule, Severity


def phpunit_numbered(doc: Document, i: int, rule: Rule, lines: Lines, title: str) -> Extracted:
    """PHPUnit: `1) Class::test with data set`, the reason, a difference, the places."""
    body = [pair for pair in lines[1:] if pair[1].strip()]
    if not body or rx(r"^(?:This test did not perform|Skipped|Incomplete)").match(body[0][1]):
        return None
    section = first(
        doc.back(i, 400), r"^(?:There (?:was|were) \d+ (?P<what>[a-z ]+)|[FE](?:AILURES|RRORS)!)"
    )
    skipped = section and section[1]["what"] and rx(r"skipped|incomplete").match(section[1]["what"])
    message = body[0][1].strip()
    code = rx(
        r"^([A-Z][\w\\]*(?:Exception|Error|Failure|Warning)\b|[A-Z]\w+(?:\\\w+)+)(?::|$)"
    ).match(message)
    if message.endswith(":") and len(body) > 1:
        message = f"{message} {body[1][1].strip()}"
    found = frames(body, "php")
    blame = blamed(found, last=False)
    causes = tuple(
        Cause("cause", body[k + 1][1].split(":")[0].strip(), body[k + 1][1].strip())
        for k, (_, text) in enumerate(body[:-1])
        if text.strip() == "Caused by"
    )
    severity = Severity.INFO if skipped else Severity.ERROR
    return finding(
        doc, rule, i, lines[-1][0], message, tool="phpunit", severity=severity, name=title,
        code=code[1] if code else "", file=blame[1].file if blame else "",
        line=blame[1].line if blame else None, stack=tuple(f for _, f in found), causes=causes,
        focus=focus(doc, *(k for k, _ in lines[:10]), blame[0] if blame else None),
    )  # fmt: skip


def testdox_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """PHPUnit --testdox: a cross and the name over a bar with the reason."""
    m = rx(r"✘ (?P<name>\S.*?)(?: \[[\d.]+ ms\])?\s*$").search(doc.texts[i])
    if not m:
        return None
    lines = block(doc, i, r"^\s*[^\s│┐├┴┊╵╷┤|]", doc.texts[i][: m.start()].rstrip(" "), limit=120)
    body = [(k, rx(r"^\s*[│┐├┴┊╵╷┤|] ?").sub("", t)) for k, t in lines[1:]]
    body = [(k, t) for k, t in body if t.strip()]
    if not body:
        return None
    suite = first(doc.back(i, 200), r"^(?P<name>[A-Z][\w (\\).]*)$")
    found = phpunit_numbered(doc, i, rule, [lines[0], *body], m["name"])
    if not isinstance(found, Finding):
        return None
    name = f"{suite[1]['name']}: {m['name']}" if suite else m["name"]
    return found._replace(span=(doc.numbers[i], doc.numbers[body[-1][0]]), name=name)


def phpunit_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Tests: 3, Assertions: 4, Failures: 1.` or `OK (3 tests, 4 assertions)`."""
    text = doc.texts[i]
    words = {
        "tests": "total", "failures": "failed", "errors": "errors", "skipped": "skipped",
        "incomplete": "incomplete", "risky": "risky", "warnings": "warnings", "test": "total",
        "deprecations": "deprecations", "failed": "failed", "passed": "passed",
    }  # fmt: skip
    found = counts(text.replace("(", " "), words) if "OK (" in text else labelled(text, words)
    time = first(doc.back(i, 60), r"^Time: (?P<t>[^,]+)")
    return tally(doc, i, rule, found, time[1]["t"] if time else None)


def pest_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """Pest: `FAILED  Tests\\Unit\\AdderTest > it adds` over the reason and `at file:line`."""
    m = rx(r"FAILED {1,2}(?P<name>\S.* > .*?)(?:(?<! ) {3,}(?P<code>\w+))?(?:(?<!\s)\s+)?$").search(
        doc.texts[i]
    )
    if not m:
        return None
    lines = block(
        doc, i, r"^\s*(?:FAILED {1,2}\S|─{5,}|Tests: )", doc.texts[i][: m.start()], limit=120
    )
    body = [pair for pair in lines[1:] if pair[1].strip()]
    place = first(body, r"^\s*(?:at |\d+ +)?(?P<file>\S+\.php):(?P<line>\d+)")
    return finding(
        doc, rule, i, lines[-1][0], body[0][1].strip() if body else m["name"], tool="pest",
        name=m["name"], code=m["code"] or "", file=place[1]["file"] if place else "",
        line=number(place[1]["line"]) if place else None, stack=tuple(f for _, f in frames(body, "php")),
        focus=focus(doc, i, *(k for k, _ in body[:6]), place[0] if place else None),
    )  # fmt: skip


def phpt_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """run-tests.php: `FAIL name [file.phpt]` below the difference of its output."""
    m = rx(r"\b(?:FAIL|LEAK|BORK)(?:&\w+)* (?P<name>.*)\[(?P<file>[^\]]+\.phpt)\]").search(
        doc.texts[i]
    )
    if not m or rx(r"\bXFAIL\b").search(doc.texts[i][: m.start("name")]):
        return None
    start = i
    for k, text in doc.back(i - 1, 600) if i else ():
        if text.startswith("========DIFF"):
            start = k
            break
        if rx(r"^(?:PASS|FAIL|SKIP|XFAIL|BORK|WARN) ").match(text):
            break
    changes = [(k, t) for k, t in doc.forward(start, i - start) if rx(r"^\d{3,}[+-]").match(t)]
    message = changes[0][1].strip() if changes else f"FAIL {m['name'].strip()}"
    return finding(
        doc, rule, start, i, message, tool="phpt", name=m["name"].strip() or m["file"], file=m["file"],
        focus=focus(doc, *(k for k, _ in changes[:12]), i),
    )  # fmt: skip


def phpt_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """run-tests.php's table of results."""
    names = {
        "skipped": "skipped", "failed": "failed", "passed": "passed", "bork": "errors",
        "warned": "warnings",
    }  # fmt: skip
    total = rx(r"(\d+)").search(doc.texts[i])
    found = [("total", int(total[1]))] if total else []
    time = None
    for _, text in doc.forward(i, 16):
        if m := rx(r"^Tests +(\w+) +: +(\d+)").match(text.strip()):
            if m[1] in names:
                found.append((names[m[1]], int(m[2])))
        elif m := rx(r"^Time taken +: +([\d.]+) seconds").match(text.strip()):
            time = f"{m[1]}s"
    return tally(doc, i, rule, found, time)


def phpspec_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """phpspec: `12  ✘ does something` over the reason."""
    m = rx(r"(?<!\d)(?P<line>\d+) +[✘!] (?P<name>.+?)\s*$").search(doc.texts[i])
    if not m:
        return None
    lines = block(doc, i, r"^\s*\d+ +[✔✘!?] |^\S", doc.texts[i][: m.start()], limit=40, blanks=2)
    body = [pair for pair in lines[1:] if pair[1].strip()]
    if not body:
        return None
    return finding(
        doc,
        rule,
        i,
        lines[-1][0],
        body[0][1].strip(),
        tool="phpspec",
        name=m["name"],
        line=number(m["line"]),
    )


_E = Severity.ERROR
_I = Severity.INFO

RULES = (
    Rule(
        "phpunit.tally",
        r"(?:Tests: [0-9]+" + SGR + r", " + SGR + r"Assertions: [0-9]+|OK \([0-9]+ tests?, [0-9]+ assertions?\))",
        "phpunit", "test", _I, phpunit_tally, 30,
        examples=("Tests: 3, Assertions: 4, Failures: 1.", "OK (3 tests, 4 assertions)"),
    ),
    Rule(
        "phpunit.testdox", r"(?:^|[ \t]|\x1b\[[0-9;]*m)✘" + SGR + r" " + SGR + r"[^ ]", "phpunit", "test", _E, testdox_block, 18,
        examples=(" ✘ Adds two numbers",),
    ),
    Rule(
        "pest.block", r"FAILED" + SGR + r" +" + SGR + r"[A-Z][^ ]* " + SGR + r">", "pest", "test", _E, pest_block, 20,
        examples=("   FAILED  Tests\\Unit\\AdderTest > it adds",),
    ),
    Rule(
        "phpt.fail", r"(?:FAIL|LEAK|BORK)(?:&[A-Z]+)* .*\[[^\]]+\.phpt\]", "phpt", "test", _E, phpt_line, 20,
        examples=("FAIL Bug #1 (it adds) [Zend/tests/bug1.phpt]",),
    ),
    Rule(
        "phpt.tally", r"^Number of tests : +[0-9]+", "phpt", "test", _I, phpt_tally, 30,
        examples=("Number of tests : 14025             10000",),
    ),
    Rule(
        "phpspec.block", r"^\s+" + SGR + r"[0-9]+" + SGR + r"\s+" + SGR + r"(?:✘|!) ", "phpspec", "test", _E, phpspec_block, 15,
        examples=("      12  ✘ adds two numbers",),
    ),
)  # fmt: skip
