"""cargo test and cargo-nextest."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import (
    SGR,
    Lines,
    block,
    first,
    focus,
    frames,
    tally,
)
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity

_PANIC = (
    r"thread '(?P<thread>.*?)'(?: \(\d+\))? panicked at "
    r"(?:'(?P<old>.*)', (?P<oldfile>[^\s:]+):(?P<oldline>\d+)|(?P<file>\S+?):(?P<line>\d+):\d+:?$|'(?P<open>.*)$)"
)
_ENDS = r"^(?:---- .+ ----$|failures:$|test result: |error: |running \d+ tests?$|successes:$)"


def _read(doc: Document, rule: Rule, i: int, lines: Lines, name: str, tool: str) -> Finding:
    body = lines[1:]
    at, message, file, line = i, name, "", None
    code = ""
    panic = first(body, _PANIC)
    if panic:
        at, m = panic
        code = "panic"
        file, line = m["oldfile"] or m["file"] or "", number(m["oldline"] or m["line"])
        rest = [t for k, t in body if k > at][:12]
        if m["old"] is not None:
            message = m["old"].replace("\\n", " ")
        elif m["open"] is not None:
            end = next((e for t in rest if (e := rx(r"', (\S+?):(\d+)(?::\d+)?$").search(t))), None)
            message = " ".join([m["open"], *(t.strip() for t in rest[:3])])
            if end:
                file, line = end[1], number(end[2])
        else:
            said = [t.strip() for t in rest if t.strip() and not t.startswith("note: ")]
            message = said[0] if said else message
            sides = [t for t in said[1:3] if t.startswith(("left:", "right:"))]
            if sides:
                message = f"{message}: {', '.join(sides)}"
    elif broken := first(body, r"^(?:error(?:\[(?P<code>E\d+)\])?: .+|Error: .+)"):
        at, message, code = broken[0], broken[1][0], broken[1]["code"] or ""
        place = first(body, r"^\s*--> (?P<file>\S+?):(?P<line>\d+)")
        if place:
            file, line = place[1]["file"], number(place[1]["line"])
    elif body:
        at, message = body[-1][0], body[-1][1].strip()
    if not file and (
        doctest := rx(r"^(?P<file>\S+\.(?:rs|md)) - .*\(line (?P<line>\d+)\)$").match(name)
    ):
        file, line = doctest["file"], number(doctest["line"])
    return finding(
        doc, rule, i, lines[-1][0], message, tool=tool, name=name, code=code, file=file, line=line,
        stack=tuple(f for _, f in frames(body, "rust")),
        focus=focus(doc, i, *range(at, min(at + 5, lines[-1][0] + 1))),
    )  # fmt: skip


def cargo_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """`---- name stdout ----` and what the test printed."""
    m = rx(r"---- (?P<name>.+?) (?:stdout|stderr) ----").search(doc.texts[i])
    if not m:
        return None
    lines = block(doc, i, _ENDS, doc.texts[i][: m.start()], limit=400)
    if len(lines) > 1 and lines[1][1].startswith("error") and not first(lines, _PANIC):
        lines = block(doc, i, _ENDS.replace("error: |", ""), doc.texts[i][: m.start()], limit=400)
    return _read(doc, rule, i, lines, m["name"], "cargo test")


def cargo_progress(doc: Document, i: int, rule: Rule) -> Extracted:
    """`test name ... FAILED`; it matters when the block is missing."""
    m = rx(r"test (?P<name>\S.*?)(?: - should panic)? \.\.\. (?P<what>FAILED|failed)").search(
        doc.texts[i]
    )
    return finding(doc, rule, i, i, f"{m['name']} {m['what']}", name=m["name"]) if m else None


def cargo_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`test result: FAILED. 1 passed; 1 failed; ...`."""
    m = rx(r"test result: (?P<what>\w+)\. (?P<counts>.*)$").search(doc.texts[i])
    if not m:
        return None
    names = {"passed": "passed", "failed": "failed", "ignored": "skipped"}
    found = tuple(
        (names[w], int(n))
        for n, w in rx(r"(?<!\d)(\d+) (passed|failed|ignored)").findall(m["counts"])
    )
    time = rx(r"finished in ([\d.]+s)").search(m["counts"])
    return tally(doc, i, rule, found, time[1] if time else None, failed=m["what"] != "ok")


def nextest_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """nextest: captured output of a failed test under a ruler that names it."""
    m = rx(
        r"(?:─{4}|-{3}) (?P<what>STDERR|STDOUT):\s+(?:\(TRY \d+\)\s+)?(?P<name>\S.*?)(?:(?<!\s)\s*(?:(?<!-)-{3,}|(?<!─)─+))?(?:(?<!\s)\s+)?$"
    ).search(doc.texts[i])
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^(?:─{4}|-{3}) (?:STDERR|STDOUT):|^─{8,}|^\s*(?:PASS|FAIL|SIGABRT|SIGSEGV|TIMEOUT|Summary|Canceling|Cancelling|TRY \d+ \w+) \[",
        doc.texts[i][: m.start()],
        limit=400,
    )
    if not first(lines, rf"{_PANIC}|^error|^Error: ") and m["what"] == "STDOUT":
        return finding(
            doc,
            rule,
            i,
            lines[-1][0],
            f"{m['name']} failed",
            name=m["name"],
            weight=8,
            tool="nextest",
        )
    return _read(doc, rule, i, lines, m["name"], "nextest")


_NEXTEST_LINE = (
    r"(?P<what>FAIL|SIGABRT|SIGSEGV|SIGKILL|TIMEOUT|LEAK-FAIL) \[\s*[\d.]+s\] "
    r"(?:\(\s*\d+/\d+\) )?(?P<name>\S.*?)\s*$"
)


def nextest_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """nextest: `FAIL [   0.003s] crate test`, over its output as newer versions print it."""
    m = rx(_NEXTEST_LINE).search(doc.texts[i])
    if not m:
        return None
    code = m["what"] if m["what"] != "FAIL" else ""
    following = doc.texts[i + 1] if i + 1 < len(doc) else ""
    if rx(r"^\s+std(?:out|err) ─+").match(following):
        lines = block(
            doc, i, r"^\s*(?:[A-Z-]+ \[ *[>\d.]+s\]|─{8,}|Summary|error: )", "", limit=400
        )
        body = [(k, t.removeprefix("    ")) for k, t in lines[1:]]
        found = _read(doc, rule, i, [lines[0], *body], m["name"], "nextest")
        return found._replace(weight=20, code=code or found.code)
    return finding(doc, rule, i, i, f"{m['name']} {m['what']}", name=m["name"], code=code)


def nextest_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """nextest: `Summary [   0.005s] 3 tests run: 2 passed, 1 failed, 0 skipped`."""
    m = rx(r"Summary \[\s*(?P<time>[\d.]+)s\] .*tests? run: (?P<counts>.*)$").search(doc.texts[i])
    if not m:
        return None
    names = {"passed": "passed", "failed": "failed", "skipped": "skipped", "out": "failed"}
    found: dict[str, int] = {}
    for n, w in rx(r"(?<!\d)(\d+) (passed|failed|skipped|timed out)").findall(m["counts"]):
        key = names.get(w.split()[-1], w)
        found[key] = found.get(key, 0) + int(n)
    return tally(doc, i, rule, tuple(found.items()), m["time"])


_E = Severity.ERROR
_I = Severity.INFO

RULES = (
    Rule(
        "cargotest.block", r" (?:stdout|stderr) ----", "cargo test", "test", _E, cargo_block, 22,
        examples=("---- tests::adds stdout ----", "---- src/lib.rs - add (line 3) stdout ----"),
    ),
    Rule(
        "cargotest.progress", r" \.\.\. " + SGR + r"FAILED", "cargo test", "test", _E, cargo_progress, 8,
        examples=("test tests::adds ... FAILED",),
    ),
    Rule(
        "cargotest.tally", r"^[^ ]* ?" + SGR + r"test result: ", "cargo test", "test", _I, cargo_tally, 30,
        examples=("test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",),
    ),
    Rule(
        "nextest.block", r"(?:────|---) " + SGR + r"STD(?:OUT|ERR):", "nextest", "test", _E, nextest_block, 20,
        examples=("──── STDERR:             adder tests::adds", "--- STDERR:              adder tests::adds ---"),
    ),
    Rule(
        "nextest.line", r"(?:FAIL|SIGABRT|SIGSEGV|SIGKILL|TIMEOUT)" + SGR + r" \[ *[0-9.]+s\]", "nextest", "test", _E, nextest_line, 12,
        examples=("        FAIL [   0.003s] adder tests::adds",),
    ),
    Rule(
        "nextest.tally", r"Summary" + SGR + r" \[ *[0-9.]+s\]", "nextest", "test", _I, nextest_tally, 30,
        examples=("     Summary [   0.005s] 3 tests run: 2 passed, 1 failed, 0 skipped",),
    ),
)  # fmt: skip
