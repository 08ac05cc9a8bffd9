"""Test runners of Haskell, OCaml, Clojure, Emacs Lisp and R."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import (
    SGR,
    Lines,
    block,
    counts,
    first,
    focus,
    tally,
)
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.model import Extracted, Rule, Severity


def _sides(lines: Lines) -> str:
    """expected and actual, as HUnit and clojure.test print them."""
    parts = []
    for pattern, word in (
        (r"^\s*expected: *(.*)", "expected"),
        (r"^\s*(?:but got|actual|got): *(.*)", "got"),
    ):
        if hit := first(lines, pattern):
            parts.append(f"{word} {hit[1][1].strip()}")
    return ", ".join(parts)


def hspec_numbered(doc: Document, i: int, rule: Rule, lines: Lines, title: str) -> Extracted:
    """hspec: place above, `1) path`, the reason, and how to rerun."""
    start, file, line = i, "", None
    for k, text in doc.back(i - 1, 2) if i else ():
        if m := rx(r"^\s+(?P<file>\S+\.l?hs):(?P<line>\d+):\d+:").match(text):
            start, file, line = k, m["file"], number(m["line"])
            break
    body = []
    for pair in lines[1:]:
        if rx(r"^\s*To rerun use:|^\s+\S+\.l?hs:\d+:\d+:\s*$").match(pair[1]):
            break
        body.append(pair)
    while body and not body[-1][1].strip():
        body.pop()
    said = [(k, t.strip()) for k, t in body if t.strip()]
    message = _sides(body) or (said[0][1] if said else title)
    last = body[-1][0] if body else i
    return finding(
        doc, rule, start, last, message, tool="hspec", name=title, file=file, line=line,
        focus=focus(doc, start, i, *(k for k, _ in said[:5])),
    )  # fmt: skip


def tasty_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """tasty: `name: FAIL (0.01s)` over what is indented deeper."""
    m = rx(r"^(?P<indent>\s*)(?P<name>\S.*?):\s+FAIL(?: \((?P<t>[\d.]+s)\))?\s*$").match(
        doc.texts[i]
    )
    if not m or m["name"].startswith("["):
        return None
    depth = len(m["indent"])
    lines: Lines = [(i, doc.texts[i])]
    for k, text in doc.forward(i + 1, 300):
        if text.strip() and len(text) - len(text.lstrip()) <= depth:
            break
        lines.append((k, text))
    while len(lines) > 1 and not lines[-1][1].strip():
        lines.pop()
    if len(lines) == 1 and not depth:
        return None
    path = [m["name"]]
    for _, text in doc.back(i - 1, 400) if i else ():
        indent = len(text) - len(text.lstrip())
        if text.strip() and indent < depth and rx(r"^\s*[\w(\"'][^:]*$").match(text):
            path.append(text.strip())
            depth = indent
            if not indent:
                break
    body = [pair for pair in lines[1:] if pair[1].strip(" -")]
    place = first(body, r"^\s+(?:Error, called at )?(?P<file>\S+\.l?hs):(?P<line>\d+)")
    reason = [pair for pair in body if not (place and pair[0] == place[0])]
    message = _sides(body) or (reason[0][1].strip() if reason else m["name"])
    return finding(
        doc, rule, i, lines[-1][0], message, tool="tasty", name=".".join(reversed(path)),
        file=place[1]["file"] if place else "", line=number(place[1]["line"]) if place else None,
        focus=focus(doc, *(k for k, _ in lines[:12])),
    )  # fmt: skip


def tasty_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`1 out of 30 tests failed (0.52s)` or `All 30 tests passed (0.1s)`."""
    m = rx(
        r"(?:(?<!\d)(?P<f>\d+) out of (?P<n>\d+) tests failed|All (?P<p>\d+) tests passed)(?: \((?P<t>[\d.]+s)\))?"
    ).search(doc.texts[i])
    if not m:
        return None
    failed, total = int(m["f"] or 0), int(m["n"] or m["p"])
    return tally(doc, i, rule, (("failed", failed), ("passed", total - failed)), m["t"])


def alcotest_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """Alcotest: a box with `[FAIL] suite 0 name.` and the output in it."""
    if "│" not in doc.texts[i]:
        return None
    cells = " ".join(doc.texts[i].partition("[FAIL]")[2].strip(" │").split())
    m = rx(r"^(?P<suite>\S.*?) (?P<n>\d+) (?P<name>.+)$").match(cells)
    if not m:
        return None
    lines = block(doc, i + 1, r"^ ?[─└]{3,}\s*$|^┌", limit=80)[1:] if i + 2 < len(doc) else []
    said = [pair for pair in lines if pair[1].strip()]
    loud = first(said, r"(?:FAIL|ERROR|ASSERT .*|Expected|expected|exception).*")
    place = first(said, r"File \"(?P<file>[^\"]+)\", line (?P<line>\d+)")
    return finding(
        doc, rule, max(0, i - 1), lines[-1][0] if lines else i, dict(said)[loud[0]].strip() if loud else m["name"],
        tool="alcotest", name=f"{m['suite']} {m['name'].rstrip('.')}",
        file=place[1]["file"] if place else "", line=number(place[1]["line"]) if place else None,
    )  # fmt: skip


def clojure_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """clojure.test: `FAIL in (name) (file.clj:12)` over expected: and actual:."""
    m = rx(
        r"(?P<what>FAIL|ERROR) in (?P<name>\([^)]*\)|\S+) \((?P<file>[^:()]+?):(?P<line>-?\d+)\)"
    ).search(doc.texts[i])
    if not m:
        return None
    prefix = doc.texts[i][: m.start()]
    lines = block(
        doc, i, r"^(?:FAIL|ERROR) in |^lein test |^Ran \d+ tests|^Testing |^\s*$", prefix, limit=150
    )
    sides = _sides(lines)
    error = first(lines, r"^\s*actual: (?P<code>[\w.$]+(?:Exception|Error)\S*?): (?P<text>.*)")
    message = f"{error[1]['code']}: {error[1]['text']}" if error else sides or lines[-1][1].strip()
    wanted = first(lines, r"^\s*expected:")
    return finding(
        doc, rule, i, lines[-1][0], message, tool="clojure.test", name=m["name"].strip("()"), file=m["file"],
        line=number(m["line"]), code=error[1]["code"] if error else "",
        focus=focus(doc, i, *(k for k, _ in lines if wanted and wanted[0] <= k <= wanted[0] + 3)),
    )  # fmt: skip


def clojure_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`1 failures, 0 errors.` below `Ran 3 tests containing 4 assertions.`"""
    above = first(doc.back(i, 3), r"Ran (?P<n>\d+) tests containing")
    if not above:
        return None
    found = counts(doc.texts[i], {"failures": "failed", "errors": "errors"})
    return tally(doc, i, rule, (*found, ("total", int(above[1]["n"]))))


def ert_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """ERT: `Test name condition:` over the condition, then FAILED."""
    m = rx(r"Test (?P<name>\S+) condition:\s*$").search(doc.texts[i])
    if not m:
        return None
    prefix = doc.texts[i][: m.start()]
    lines = block(doc, i, r"^Test \S+ (?:backtrace|condition)|^\s+passed\s+\d+/", prefix, limit=80)
    end = first(lines, r"^\s+FAILED\s+\d+/\d+")
    lines = [pair for pair in lines if not end or pair[0] <= end[0]]
    said = [t.strip() for _, t in lines[1:] if t.strip() and "FAILED" not in t]
    return finding(
        doc, rule, i, lines[-1][0], " ".join(said[:4])[:400] or m[0], tool="ert", name=m["name"]
    )


def ert_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """ERT: `FAILED  3/5  name`."""
    m = rx(
        r"^\s*(?:FAILED|ABORTED)\s+(?:\d+/\d+\s+)?(?P<name>[\w/+*!?<>=-]+)(?: \([\d.]+ sec\))?(?P<rest>.*)$"
    ).match(doc.texts[i])
    return finding(doc, rule, i, i, doc.texts[i].strip(), tool="ert", name=m["name"]) if m else None


def ert_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Ran 5 tests, 4 results as expected, 1 unexpected`."""
    m = rx(
        r"Ran (?P<n>\d+) tests, (?P<ok>\d+) results as expected(?:, (?P<bad>\d+) unexpected)?(?:, (?P<s>\d+) skipped)?"
    ).search(doc.texts[i])
    if not m:
        return None
    found = [("total", int(m["n"])), ("failed", int(m["bad"] or 0))]
    if m["s"]:
        found.append(("skipped", int(m["s"])))
    return tally(doc, i, rule, found)


def testthat_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """testthat: `── Failure (test-a.R:3:3): name ──` over the reason."""
    m = rx(
        r"(?:── ?|-- ?|\d+\. )(?P<what>Failure|Error):? *(?:\('?(?P<file>[^():']+)'?:(?P<line>\d+)(?::\d+)?'?\):? ?)?(?P<name>.*?)(?: \(@?(?P<f2>[\w.-]+)[#:](?P<l2>\d+)\))?[ ─-]*$"
    ).search(doc.texts[i])
    if not m:
        return None
    prefix = doc.texts[i][: m.start()]
    lines = block(
        doc,
        i,
        r"^(?:── |-- |══|==|\d+\. (?:Failure|Error)|\[ FAIL |Error: Test failures|Execution halted)",
        prefix,
        limit=80,
    )
    body = [pair for pair in lines[1:] if pair[1].strip()]
    return finding(
        doc, rule, i, lines[-1][0], body[0][1].strip() if body else m["name"] or m[0], tool="testthat",
        name=m["name"], file=m["file"] or m["f2"] or "", line=number(m["line"] or m["l2"]),
        focus=focus(doc, i, *(k for k, _ in body[:4])),
    )  # fmt: skip


def r_check(doc: Document, i: int, rule: Rule) -> Extracted:
    """R CMD check: tests, examples or vignettes that failed, with the last lines they printed."""
    start = i
    for k, text in doc.back(i - 1, 3) if i else ():
        if not rx(r"^\s*(?:ERROR|Running .*)$").match(text):
            break
        start = k
    lines = block(doc, i, r"^\* ", limit=80)
    reason = None
    for k, text in reversed(lines[1:]):
        if (
            rx(r"^\s*(?:Error\b|\d+\. (?:Failure|Error))").match(text)
            and "unit tests failed" not in text
        ):
            reason = k, text.strip()
    place = rx(
        r"\(at (?P<file>[\w.-]+)#(?P<line>\d+)\)|\((?P<f2>test[\w.-]+\.R):(?P<l2>\d+)"
    ).search(reason[1] if reason else "")
    return finding(
        doc, rule, start, lines[-1][0], reason[1] if reason else doc.texts[i].strip(), tool="R CMD check",
        file=(place["file"] or place["f2"]) if place else "",
        line=number(place["line"] or place["l2"]) if place else None,
        focus=focus(doc, i, *((reason[0], min(reason[0] + 1, lines[-1][0])) if reason else ())),
    )  # fmt: skip


def testthat_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`[ FAIL 1 | WARN 0 | SKIP 0 | PASS 3 ]`, or the older `OK: 3 SKIPPED: 0 FAILED: 1`."""
    text = doc.texts[i]
    words = {
        "FAIL": "failed",
        "WARN": "warnings",
        "SKIP": "skipped",
        "PASS": "passed",
        "OK": "passed",
        "SKIPPED": "skipped",
        "FAILED": "failed",
        "WARNINGS": "warnings",
    }
    pairs = rx(r"\b([A-Z]+):? (\d+)").findall(text)
    return tally(doc, i, rule, tuple((words[w], int(n)) for w, n in pairs if w in words))


_E = Severity.ERROR
_I = Severity.INFO

RULES = (
    Rule(
        "tasty.block", r": +" + SGR + r"FAIL" + SGR + r"(?: \([0-9.]+s\))?" + SGR + r"\s*$", "tasty", "test", _E, tasty_block, 20,
        examples=("      tables:    FAIL (0.06s)", "  adds: FAIL"),
    ),
    Rule(
        "tasty.tally", r"(?:[0-9]+ out of [0-9]+ tests failed|All [0-9]+ tests passed)", "tasty", "test", _I, tasty_tally, 30,
        examples=("1 out of 30 tests failed (0.52s)",),
    ),
    Rule(
        "alcotest.block", r"\[FAIL\] {2,}", "alcotest", "test", _E, alcotest_block, 20,
        examples=("│ [FAIL]        adder          0   adds.                        │",),
    ),
    Rule(
        "clojure.block", r"(?:FAIL|ERROR) in " + SGR + r"(?:\(|[\w.-]+/)", "clojure.test", "test", _E, clojure_block, 20,
        examples=("FAIL in (adds) (adder_test.clj:12)",),
    ),
    Rule(
        "clojure.tally", r"^[0-9]+ failures, [0-9]+ errors\.", "clojure.test", "test", _I, clojure_tally, 30,
        examples=("1 failures, 0 errors.",),
    ),
    Rule(
        "ert.block", r"Test [^ ]+ condition:\s*$", "ert", "test", _E, ert_block, 20, examples=("Test adder-adds condition:",),
    ),
    Rule(
        "ert.line", r"^\s*(?:FAILED|ABORTED) +[0-9]+/[0-9]+ +[^ ]", "ert", "test", _E, ert_line, 12,
        examples=("   FAILED  3/5  adder-adds (0.001 sec)",),
    ),
    Rule(
        "ert.tally", r"Ran [0-9]+ tests, [0-9]+ results as expected", "ert", "test", _I, ert_tally, 30,
        examples=("Ran 5 tests, 4 results as expected, 1 unexpected",),
    ),
    Rule(
        "testthat.block", r"(?:── ?|-- ?|[0-9]\. )(?:Failure|Error)(?:: | \()", "testthat", "test", _E, testthat_block, 20,
        examples=("── Failure (test-a.R:3:3): adds ─────", "1. Failure: adds (@test-a.R#3) -----"),
    ),
    Rule(
        "rcheck.tests", r"(?:Running the tests in |Running examples in |re-building .* failed)", "R CMD check", "test", _E, r_check, 21,
        examples=("Running the tests in ‘tests/testthat.R’ failed.",),
    ),
    Rule(
        "testthat.tally", r"(?:\[ FAIL [0-9]+ \| WARN|[0-9] SKIPPED: [0-9]+)", "testthat", "test", _I, testthat_tally, 30,
        examples=("[ FAIL 1 | WARN 0 | SKIP 0 | PASS 3 ]",),
    ),
)  # fmt: skip
