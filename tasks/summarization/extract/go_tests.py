"""go test, plain and -json, with testify, gotestsum, Ginkgo and gocheck."""

from __future__ import annotations

import json

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import (
    HEAD,
    SGR,
    Lines,
    block,
    first,
    focus,
    tally,
)
from slipstream.tasks.summarization.extract.common import finding, frame, number, rx
from slipstream.tasks.summarization.extract.stack import bare
from slipstream.tasks.summarization.model import Extracted, Finding, Frame, Rule, Severity

_FAIL = r"--- FAIL: (?P<name>\S+)(?: \((?P<time>[\d.]+)s\))?"
_PLACE = r"^\s*(?P<file>[^\s:]+\.go):(?P<line>\d+): ?(?P<text>.*)$"
_ENDS = (
    r"^\s*(?:--- (?:FAIL|PASS|SKIP|BENCH): |=== (?:RUN|PAUSE|CONT|NAME|FAIL|SKIP) )|^(?:FAIL|PASS|ok  |exit status|\?   )"
    r"|^(?:panic: |goroutine \d+ \[|coverage: |make: |make\[\d+\]: |npm |The command )"
)
_TESTIFY = r"^\s*(?P<key>Error Trace|Error|Test|Messages):\s*(?P<text>.*)$"


def go_fail(doc: Document, i: int, rule: Rule) -> Extracted:
    """`--- FAIL: TestName`; what the test logged stands below it, or above it with -v."""
    m = rx(_FAIL).search(doc.texts[i])
    if not m or '"Action":' in doc.texts[i]:
        return None
    head = doc.texts[i][: m.start()]
    prefix = "" if not head.strip() else head
    start, name = i, m["name"]
    while True:  # a parent that says nothing of its own is shown with its first failed subtest
        lines = block(doc, i, _ENDS, prefix, limit=300)
        sub = _subtest(doc, lines[-1][0] + 1, name, prefix) if len(lines) == 1 else None
        if sub is None:
            break
        i, name = sub
    body = _said(lines[1:])
    if not body:
        body = _logged(doc, start, name, prefix)
    if not body:
        after = bare(doc.texts[i + 1], prefix) if i + 1 < len(doc) else ""
        if after.startswith("panic: "):  # the panic is a finding of its own, with its stack
            return finding(doc, rule, start, i, f"{name}: {after}", name=name, weight=12)
    near = [pair for pair in body if abs(pair[0] - start) <= 300]
    first_line = min(start, near[0][0]) if near else start
    last = max(i, near[-1][0]) if near else i
    return _found(doc, rule, first_line, last, near, name, i)


def _subtest(doc: Document, start: int, name: str, prefix: str) -> tuple[int, str] | None:
    """The first failed subtest among the verdicts that stand right below its parent's."""
    for k, text in doc.forward(start, 200):
        text = bare(text, prefix)
        if not rx(r"^\s+--- (?:FAIL|PASS|SKIP): ").match(text):
            return None
        m = rx(_FAIL).search(text)
        if m and m["name"].startswith(name + "/"):
            return k, m["name"]
    return None


def _said(lines: Lines) -> Lines:
    """Lines below a verdict that belong to it: up to the first that is not indented."""
    kept: Lines = []
    for pair in lines:
        text = pair[1]
        unindented = text and not text[0].isspace()
        if unindented and kept and not rx(r"^(?:\.\.\. |\S+\.go:\d+)").match(text):
            break
        if unindented and not kept and not rx(_PLACE).match(text):
            break
        kept.append(pair)
    while kept and not kept[-1][1].strip():
        kept.pop()
    return kept


def _logged(doc: Document, i: int, name: str, prefix: str) -> Lines:
    """With -v the log of a test stands above its verdict, below RUN, NAME or CONT and its name."""
    kept: Lines = []
    part: Lines = []
    for k, text in doc.back(i - 1, 3000) if i else ():
        text = bare(text, prefix)
        if m := rx(r"^\s*=== (?P<what>RUN|CONT|NAME|PAUSE)\s+(?P<name>\S+)").match(text):
            if m["name"] == name:
                kept += part
                if m["what"] == "RUN":
                    break
            part = []
        elif rx(r"^\s*--- (?:PASS|FAIL|SKIP)|^(?:ok  |FAIL\b|PASS$)").match(text):
            part = []
        else:
            part.append((k, text))
    kept.reverse()
    marked = [n for n, (_, text) in enumerate(kept) if rx(_PLACE).match(text)]
    if len(kept) > 60 and marked:
        kept = kept[min(marked[0], max(0, marked[-1] - 20)) :]
    return kept[-120:]


def _found(
    doc: Document, rule: Rule, start: int, last: int, body: Lines, name: str, verdict: int
) -> Finding:
    places = [(k, m) for k, text in body if (m := rx(_PLACE).match(text))]
    testify = {
        m["key"]: (k, m["text"]) for k, text in reversed(body) if (m := rx(_TESTIFY).match(text))
    }
    stack: list[Frame] = []
    file, line, message, at = "", None, name, verdict
    if places:
        at, place = places[0]
        loud = next(
            (
                p
                for p in places
                if rx(
                    r"(?i)expected|got\b|want|fail|error|unexpected|mismatch|panic|race detected"
                ).search(p[1]["text"])
            ),
            None,
        )
        if loud:
            at, place = loud
        file, line, message = place["file"], number(place["line"]), place["text"].strip() or message
    if "Error" in testify:
        at, message = testify["Error"]
        parts = [
            t.strip()
            for k, t in body
            if at < k <= at + 3 and rx(r"^\s+(?:expected|actual)\s*:").match(t)
        ]
        if parts:
            message = f"{message.strip()} {', '.join(parts)}"
        if "Error Trace" in testify:
            index = testify["Error Trace"][0]
            for k, text in body:
                if index <= k < at and (t := rx(r"(\S+\.go):(\d+)").search(text)):
                    stack.append(frame("", t[1], t[2]))
            own = next((f for f in stack if f.own), None)
            if own:
                file, line = own.file, own.line
    elif message == name and body:
        say = next(((k, t.strip()) for k, t in body if t.strip()), None)
        if say:
            at, message = say
    elif places and not places[0][1]["text"].strip() and len(body) > 1:
        message = next((t.strip() for k, t in body if k > at and t.strip()), message)
    return finding(
        doc, rule, start, last, message, name=name, file=file, line=line, stack=tuple(stack),
        focus=focus(doc, verdict, *range(at, min(at + 4, last + 1)), *(k for k, _ in places[:3])),
    )  # fmt: skip


def gotestsum_fail(doc: Document, i: int, rule: Rule) -> Extracted:
    """gotestsum: `=== FAIL: package TestName (0.00s)` over the test's log."""
    m = rx(r"=== FAIL: (?P<package>\S+)(?: (?P<name>\S+))?(?: \([\d.]+s\))?").search(doc.texts[i])
    if not m:
        return None
    prefix = doc.texts[i][: m.start()]
    lines = block(doc, i, r"^(?:=== |DONE \d+ |\s*--- (?:PASS|SKIP))", prefix, limit=300)
    body = [pair for pair in lines[1:] if not rx(r"^\s*(?:--- FAIL|=== )").match(pair[1])]
    return _found(doc, rule, i, lines[-1][0], body, m["name"] or m["package"], i)


def go_package(doc: Document, i: int, rule: Rule) -> Extracted:
    """`FAIL package 0.1s`, or why its tests could not be built."""
    m = rx(
        r"FAIL\s+(?P<name>[\w./~-]+)(?:\s+(?P<what>\[.+\])|\s+\(?(?P<time>[\d.]+)s\)?|\s*$)"
    ).search(doc.texts[i])
    if not m:
        return None
    if m["what"]:
        if m["what"] not in ("[build failed]", "[setup failed]"):
            return None
        return finding(
            doc, rule, i, i, f"{m['name']} {m['what']}", name=m["name"], code=m["what"].strip("[]"),
            weight=12,
        )  # fmt: skip
    if m["time"]:
        return tally(doc, i, rule, (), m["time"] + "s", failed=True, note=m["name"])
    return None


def go_json(doc: Document, i: int, rule: Rule) -> Extracted:
    """A fail event of `go test -json`; the output events of the same test stand above it."""
    start = doc.texts[i].find("{")
    event = _event(doc.texts[i][start:])
    if event is None or event.get("Action") not in ("fail", "build-fail"):
        return None
    test, package = (
        str(event.get("Test", "")),
        str(event.get("Package", event.get("ImportPath", ""))),
    )
    said: Lines = []
    for k, text in doc.back(i - 1, 3000) if i else ():
        if f'"{test or package}"' not in text:
            continue
        other = _event(text[max(0, text.find("{")) :])
        if not other or other.get("Package", package) != package or other.get("Test", "") != test:
            continue
        if other.get("Action") in ("run", "start"):
            break
        if isinstance(other.get("Output"), str):
            said.append((k, str(other["Output"]).rstrip("\n")))
        if len(said) == 200:
            break
    said.reverse()
    said = [
        p
        for p in said
        if not rx(r"^\s*(?:=== (?:RUN|CONT|PAUSE|NAME)|--- FAIL)|^FAIL\b|^exit status|^$").match(
            p[1]
        )
    ]
    if test and not said:
        return finding(doc, rule, i, i, f"{test} failed", name=test, weight=8)
    if not test:
        seconds = event.get("Elapsed")
        return tally(
            doc,
            i,
            rule,
            (),
            f"{seconds}s" if isinstance(seconds, (int, float)) else None,
            failed=True,
            note=package,
        )
    near = said if i - said[0][0] <= 200 else [p for p in said if i - p[0] <= 200] or said[-1:]
    return _found(doc, rule, near[0][0], i, near, test, i)


def _event(text: str) -> dict[str, object] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def ginkgo_fail(doc: Document, i: int, rule: Rule) -> Extracted:
    """Ginkgo's summary: `[Fail] Suite [It] does` over the place."""
    m = rx(r"\[(?:Fail|FAIL|Panic!|PANICKED!|Timeout\.\.\.)\] (?P<name>.+?)\s*$").search(
        doc.texts[i]
    )
    if not m:
        return None
    lines = block(doc, i, r"^\[|^$", doc.texts[i][: m.start()], limit=3)
    place = first(lines, r"(?<!\S)(?P<file>\S+\.go):(?P<line>\d+)")
    return finding(
        doc, rule, i, lines[-1][0], m["name"], tool="ginkgo", name=m["name"],
        file=place[1]["file"] if place else "", line=number(place[1]["line"]) if place else None,
    )  # fmt: skip


def ginkgo_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """Ginkgo's report of one failed spec, up to the ruler."""
    m = rx(r"•! ?(?:Failure|Panic)|• \[(?:FAILED|PANICKED)\]|• (?:Failure|Panic)").search(
        doc.texts[i]
    )
    if not m:
        return None
    lines = block(
        doc, i, r"^-{20,}|^• ?[.\[]|^Summarizing \d+ |^S+ \[", doc.texts[i][: m.start()], limit=150
    )
    body = lines[1:]
    place = first(body, r"(?<!\S)(?P<file>\S+_test\.go):(?P<line>\d+)")
    name = next((t.strip() for _, t in body if t.strip()), m[0])
    say = first(
        body, r"^\s*(?:\[FAILED\]|Expected|Unexpected error|Timed out|Test Panicked|panic).*"
    )
    return finding(
        doc, rule, i, lines[-1][0], say[1][0].strip() if say else name, tool="ginkgo", name=name,
        file=place[1]["file"] if place else "", line=number(place[1]["line"]) if place else None,
        focus=focus(doc, i, i + 1 if body else None, *(range(say[0], min(say[0] + 4, lines[-1][0] + 1)) if say else ()), place[0] if place else None),
    )  # fmt: skip


def gocheck_fail(doc: Document, i: int, rule: Rule) -> Extracted:
    """gocheck: `FAIL: file.go:12: Suite.TestName` over the assertion."""
    m = rx(r"(?:FAIL|PANIC): (?P<file>\S+\.go):(?P<line>\d+): (?P<name>\S+)").search(doc.texts[i])
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^-{50,}|^(?:FAIL|PASS|PANIC|OOPS|START|SKIP|MISS)\b",
        doc.texts[i][: m.start()],
        limit=80,
    )
    place = first(lines[1:], r"^(?P<file>\S+\.go):(?P<line>\d+):\s*$")
    say = [t.strip() for _, t in lines if t.startswith("... ")]
    return finding(
        doc, rule, i, lines[-1][0], ", ".join(t[4:] for t in say[:2]) or m[0], tool="gocheck", name=m["name"],
        file=(place[1] if place else m)["file"], line=number((place[1] if place else m)["line"]),
    )  # fmt: skip


_E = Severity.ERROR

RULES = (
    Rule(
        "gotest.fail", r"--- FAIL: ", "go test", "test", _E, go_fail, 20,
        examples=("--- FAIL: TestAdd (0.00s)", "    --- FAIL: TestAdd/two (0.00s)"),
    ),
    Rule(
        "gotest.package", HEAD + SGR + r"FAIL" + SGR + r"\s+[\w./~-]+(?:\s+\[|\s+\(?[0-9.]+s)", "go test", "test", _E, go_package, 30,
        examples=("FAIL\texample.com/a\t0.003s", "FAIL\texample.com/a [build failed]"),
    ),
    Rule(
        "gotest.json", r'"Action":"(?:build-)?fail"', "go test", "test", _E, go_json, 20,
        examples=('{"Action":"fail","Package":"example.com/a","Test":"TestAdd","Elapsed":0}',),
    ),
    Rule(
        "gotest.ok", r"^ok  \t", "go test", "test", None, examples=("ok  \texample.com/a\t0.003s",),
    ),
    Rule(
        "gotestsum.fail", r"=== FAIL: ", "go test", "test", _E, gotestsum_fail, 21,
        examples=("=== FAIL: example.com/a TestAdd (0.00s)",),
    ),
    Rule(
        "ginkgo.block", r"• ?(?:!|\[)? ?(?:\[?FAILED\]|\[?PANICKED\]|Failure|Panic)", "ginkgo", "test", _E, ginkgo_block, 20,
        examples=("• [FAILED] [0.001 seconds]", "• Failure [0.001 seconds]"),
    ),
    Rule(
        "ginkgo.summary", r"\[(?:Fail|FAIL|Panic!|PANICKED!)\] .*\[It\]", "ginkgo", "test", _E, ginkgo_fail, 12,
        examples=("[Fail] Adder [It] adds two numbers",),
    ),
    Rule(
        "gocheck.fail", r"(?:FAIL|PANIC): [^ ]+\.go:[0-9]+: ", "gocheck", "test", _E, gocheck_fail, 20,
        examples=("FAIL: a_test.go:12: S.TestAdd",),
    ),
)  # fmt: skip
