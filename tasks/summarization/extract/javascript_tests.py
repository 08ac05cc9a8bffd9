"""Test runners of JavaScript: jest, vitest, mocha, jasmine, karma, AVA, node --test, Playwright, ..."""

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
from slipstream.tasks.summarization.extract.stack import bare
from slipstream.tasks.summarization.model import Cause, Extracted, Finding, Frame, Rule, Severity

_ERROR = r"^(?:Uncaught )?(?P<code>[A-Z][\w.]*(?:Error|Exception)|[A-Z]\w+ \[[A-Z_]+\]|Error)(?: \[\w+\])?: ?(?P<text>.*)"
_FRAME = r"^\s*(?:at |❯ |› )\S|^\s*[^\s@]*@\S+:\d+:\d+$"
_POINTED = r"^\s*(?:›|❯|at) (?:.*\(|[^\s()]+ )?(?P<file>(?:[A-Za-z]:)?[^\s:()]+\.\w+):(?P<line>\d+)(?::\d+)?\)?$"


def _read(
    doc: Document,
    rule: Rule,
    start: int,
    lines: Lines,
    body: Lines,
    name: str,
    tool: str,
    file: str = "",
) -> Finding:
    """A finding of a block whose body is a message followed by a JavaScript stack."""
    reason = [pair for pair in body if pair[1].strip()]
    at, message = (reason[0][0], reason[0][1].strip()) if reason else (start, name)
    code = ""
    if m := rx(_ERROR).match(message):
        code = m["code"].split(" ")[0]
    if (
        message.endswith(":")
        and len(reason) > 1
        and not rx(_FRAME + r"|^\s*[+-] ").match(reason[1][1])
    ):
        message = f"{message} {reason[1][1].strip()}"
    wanted = first(body, r"^\s*(?:Expected\b.*?|expected):\s*(\S.*)$")
    got = first(body, r"^\s*(?:Received\b.*?|received|actual|Actual):\s*(\S.*)$")
    plain = message.startswith("expect(") and not (wanted and got) and len(reason) > 1
    if plain and not rx(r"^\s*(?:[-+>|{}]|\d+ \||Expected|Received (?!promise))").match(
        reason[1][1]
    ):
        message = f"{message}: {reason[1][1].strip()}"
    if wanted and got and wanted[0] != at and not wanted[1][0].endswith(","):
        message = (
            f"{message.rstrip(':')}: expected {wanted[1][1].strip()}, received {got[1][1].strip()}"
        )
    found = frames(body, "javascript") or frames(body, "firefox") or _pointers(body)
    blame = blamed(found)
    if file and blame and not blame[1].own:
        blame = None
    causes = []
    for k, text in body:
        if m := rx(r"^\s*(?:\[cause\]:|Caused by:|Cause:) *(?:(\w+): )?(.*)").match(text):
            causes.append(Cause("cause", m[1] or "", m[2].strip(" {")))
            found = [pair for pair in found if pair[0] < k] or found
    near = [k for k, _ in body if at <= k <= at + 10]
    pointed = first(body, r"^\s*>\s*\d+ \|")
    line = blame[1].line if blame else None
    if not blame and not file and (told := rx(r" \((/[^()\s]+\.\w+)\)$").search(message)):
        file = told[1]
    if not blame and file:
        named = rx(r"(?:^|[\s/])" + file.replace(".", r"\.") + r":.* \((\d+):\d+\)").search(message)
        line = number(named[1]) if named else None
    if pointed and line is None:
        line = number(pointed[1][0].strip(" >|"))
    return finding(
        doc, rule, start, lines[-1][0], message, tool=tool, name=name, code=code,
        file=blame[1].file if blame else file, line=line,
        stack=tuple(f for _, f in found), causes=tuple(causes),
        focus=focus(doc, start, *near, pointed[0] if pointed else None, blame[0] if blame else None),
    )  # fmt: skip


def _pointers(body: Lines) -> list[tuple[int, Frame]]:
    found: list[tuple[int, Frame]] = []
    for k, text in body:
        if m := rx(_POINTED).match(text):
            found += [
                (k, f) for _, f in frames([(k, f"at {m['file']}:{m['line']}:1")], "javascript")
            ]
    return found


_JEST_ENDS = (
    r"^\s*(?:● |PASS |FAIL |RUNS |Test Suites: |Tests: |Snapshots: |Time: |Summary of all failing|-+\|-+|"
    r"›? ?\d+ snapshots? |Snapshot Summary|Jest did not exit|Jest: |A worker process has failed|Force exiting|=+ Coverage|"
    r"Ran all test suites|npm (?:ERR!|error) |error Command failed|\[\d+/\d+\])"
)


def jest_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """A failed test of jest, marked with a dot; its suite is named above by FAIL."""
    head, _, title = doc.texts[i].partition("● ")
    title = title.strip()
    if head.strip().endswith(":") or rx(r"^(?:Console|Deprecation Warning|\d+ )").match(title):
        return None
    prefix = head.rstrip(" ") if head.strip() else ""
    lines = block(doc, i, _JEST_ENDS, prefix, limit=500)
    body = lines[1:]
    if not body:
        return None
    suite = next(
        (
            m
            for k, t in doc.back(i, 400)
            if (m := rx(r"^\s*FAIL (?:.* )?(\S+\.\w+)").match(bare(t, prefix)))
        ),
        None,
    )
    file = suite[1] if suite else ""
    name = file if title.startswith("Test suite failed to run") and file else title
    return _read(doc, rule, i, lines, body, name, "jest", file)


def vitest_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """A failed test or suite of vitest; jest's FAIL lines are left to its blocks."""
    m = rx(r"(?P<indent>^|(?<=\s)) ?FAIL +(?P<title>\S.*)$").search(doc.texts[i])
    if not m or not (" > " in m["title"] or rx(r"\[ .* \]$").search(m["title"])):
        return None
    prefix = doc.texts[i][: m.start()].rstrip(" ")
    lines = block(doc, i, r"^\s*(?:⎯{5,}|FAIL +\S|Test Files +\d)", prefix, limit=400)
    body = lines[1:]
    if not body:  # several tests that failed alike: the error stands below the last of them
        body = block(doc, i, r"^\s*(?:⎯{5,}|Test Files +\d)", prefix, limit=400)
        body = [pair for pair in body if not rx(r"^\s*FAIL +\S").match(pair[1])]
    name = m["title"].split(" [ ")[0].strip()
    return _read(doc, rule, i, lines, body, name, "vitest", name.split(" > ")[0])


def mocha_numbered(doc: Document, i: int, rule: Rule, lines: Lines, title: str) -> Extracted:
    """mocha (and Cypress, WebdriverIO): the name over one or several lines, up to a colon."""
    parts = [title]
    rest = lines[1:]
    while not parts[-1].endswith(":") and rest and len(parts) < 12:
        parts.append(rest[0][1].strip())
        rest = rest[1:]
    if not parts[-1].endswith(":"):
        return None
    name = " ".join(part for part in parts if part).removesuffix(":")
    return _read(doc, rule, i, lines, rest, name, "mocha")


def jasmine_numbered(doc: Document, i: int, rule: Rule, lines: Lines, title: str) -> Extracted:
    """jasmine: the name, then Message: and Stack:."""
    body = [pair for pair in lines[1:] if pair[1].strip() not in ("Message:", "Stack:")]
    return _read(doc, rule, i, lines, body, title, "jasmine")


def playwright_numbered(doc: Document, i: int, rule: Rule, lines: Lines, title: str) -> Extracted:
    """Playwright Test: project, place and name in the title, padded with a rule."""
    m = rx(
        r"^(?:\[[^\]]*\] › )?(?P<file>[^\s:]+):(?P<line>\d+):\d+ › (?P<name>.*?)(?: ─+)?$"
    ).match(title)
    found = _read(doc, rule, i, lines, lines[1:], m["name"].strip() if m else title, "playwright")
    if m and found.line is None:
        return found._replace(file=m["file"], line=number(m["line"]))
    return found


def vitest_unhandled(doc: Document, i: int, rule: Rule) -> Extracted:
    """An error outside of any test, which vitest caught during the run."""
    prefix = doc.texts[i][: doc.texts[i].index("⎯")].rstrip(" ")
    lines = block(doc, i, r"^\s*(?:⎯{5,}|Test Files +\d)", prefix, limit=200)
    return _read(doc, rule, i, lines, lines[1:], "", "vitest") if len(lines) > 1 else None


def karma_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """karma: `Browser version (OS) name FAILED` over an indented message and stack."""
    m = rx(r"(?<!\w)(?<!\w )(?P<browser>\w[\w ]* [\d.]+ \([^)]*\)) (?P<name>.+) FAILED$").search(
        doc.texts[i].rstrip()
    )
    if not m or "Executed" in m["name"]:
        return None
    lines = block(doc, i, r"^\S", doc.texts[i][: m.start()], limit=300)
    return _read(doc, rule, i, lines, lines[1:], m["name"], "karma")


def karma_error(doc: Document, i: int, rule: Rule) -> Extracted:
    """karma: a browser that was lost, or an error outside of any test."""
    m = rx(r"(?<!\w)(?<!\w )(?P<browser>\w[\w ]* [\d.]+ \([^)]*\)) ERROR$").search(
        doc.texts[i].rstrip()
    )
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^(?!.* DISCONNECTED|\w[\w ]* [\d.]+ \([^)]*\) ERROR$)[^\s{}]",
        doc.texts[i][: m.start()],
        limit=60,
    )
    return _read(doc, rule, i, lines, lines[1:], m["browser"], "karma")


def ava_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """AVA: title, blank, place, blank, source and difference."""
    m = rx(r"^\s*(?P<file>\S+\.[cm]?[jt]sx?):(?P<line>\d+)\s*$").match(doc.texts[i])
    above = [(k, t) for k, t in doc.back(i - 1, 3)] if i else []
    if not m or len(above) < 2 or above[0][1].strip() or not above[1][1].strip():
        return None
    start, title = above[1][0], above[1][1].strip().removeprefix("✖ ").removeprefix("✘ ")
    lines = block(
        doc, i, r"^\s*(?:─+$|\d+ tests? (?:failed|passed)|\d+ uncaught)", limit=150, blanks=3
    )
    body = [
        pair for pair in lines[1:] if pair[1].strip() and not rx(r"^\s*\d+:( |$)").match(pair[1])
    ]
    if not first(
        body,
        r"^\s*(?:Difference|Value|Rejected|Error thrown|Values are|[A-Z]\w*Error|› |at |Expected|Test )",
    ):
        return None
    found = _read(doc, rule, start, lines, body, title, "ava")
    return found._replace(file=m["file"], line=number(m["line"]))


def node_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """node --test, spec reporter: `test at file:line:column` over the failed test."""
    m = rx(r"test at (?P<file>.+?):(?P<line>\d+):\d+\s*$").search(doc.texts[i])
    if not m:
        return None
    lines = block(doc, i, r"^test at |^[ℹ✖✔] \S|^\S", doc.texts[i][: m.start()], limit=3)
    rest = (
        block(
            doc, lines[-1][0] + 1, r"^(?:test at |ℹ |[✖✔] )", doc.texts[i][: m.start()], limit=200
        )
        if (lines[-1][0] + 1 < len(doc))
        else []
    )
    if not rest or not rest[0][1].lstrip().startswith(("✖", "▶")):
        return None
    name = rx(r" \([\d.]+ms\)$").sub("", rest[0][1].strip()[2:])
    found = _read(doc, rule, i, rest, rest[1:], name, "node --test")
    return found if found.file else found._replace(file=m["file"], line=number(m["line"]))


def node_inline(doc: Document, i: int, rule: Rule) -> Extracted:
    """node --test, spec reporter: the running report, which the list at the end repeats."""
    m = rx(r"✖ (?P<name>\S.*) \([\d.]+ms\)").search(doc.texts[i])
    if not m:
        return None
    depth = len(doc.texts[i]) - len(doc.texts[i].lstrip())
    lines = block(doc, i, rf"^ {{0,{depth + 1}}}\S", limit=200)
    found = _read(doc, rule, i, lines, lines[1:] or lines, m["name"], "node --test")
    return found if len(lines) > 1 else found._replace(weight=12)


def deno_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """deno test: `name => file:line:column` over `error: ...`."""
    m = rx(r"^(?P<name>.+) => (?P<file>\S+?):(?P<line>\d+):\d+\s*$").match(doc.texts[i])
    if not m:
        return None
    lines = block(doc, i, r"^.+ => \S+:\d+:\d+$| (?:FAILURES|ERRORS) |^FAILED \|", limit=200)
    if len(lines) < 2 or not lines[1][1].startswith("error: "):
        return finding(doc, rule, i, i, doc.texts[i].strip(), name=m["name"], weight=8, tool="deno")
    body = [(k, t.removeprefix("error: ")) for k, t in lines[1:]]
    return _read(doc, rule, i, lines, body, m["name"], "deno", m["file"])


def bun_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """bun test: `(fail) name` stands below the source excerpt and the error."""
    name = rx(r" \[[\d.]+m?s\]$").sub("", doc.texts[i].partition("(fail) ")[2].strip())
    start = i
    for k, text in doc.back(i - 1, 60) if i else ():
        if rx(r"^\((?:pass|fail|skip|todo)\) |^\S+\.\w+:$|^bun test").match(text):
            break
        start = k
    lines = [(k, t) for k, t in doc.forward(start, i - start + 1)]
    body = [
        (k, t.removeprefix("error: ")) for k, t in lines if not rx(r"^\s*\d+ \||^\s*\^$").match(t)
    ]
    return _read(doc, rule, start, lines, body[:-1], name, "bun")


_WORDS = {
    "failed": "failed", "passed": "passed", "skipped": "skipped", "todo": "todo", "total": "total",
    "failing": "failed", "passing": "passed", "pending": "skipped", "fail": "failed",
    "pass": "passed", "failures": "failed", "failure": "failed", "specs": "total", "spec": "total",
    "flaky": "flaky", "success": "passed", "expect": "", "tests": "total", "cancelled": "cancelled",
    "errors": "errors", "error": "errors",
}  # fmt: skip


def jest_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """jest's `Tests:` line and the time two lines below; vitest's likewise."""
    m = rx(
        r"(?:^|\s)Tests:? +(?P<counts>\d+ (?:failed|passed|skipped|todo|total|pending|\|).*)$"
    ).search(doc.texts[i])
    if not m:
        return None
    time = first(list(doc.forward(i, 8)), r"(?:Time: |Duration) +(?P<t>[\d.]+ ?m?s(?:ec)?)")
    suites = first(list(doc.back(i, 3)), r"Test (?:Suites:|Files) +(?P<n>\d+) failed")
    unhandled = first(doc.forward(i, 4), r"^\s*Errors +(?P<n>\d+) error")
    found = counts(m["counts"], _WORDS)
    if unhandled:
        found = (*found, ("errors", int(unhandled[1]["n"])))
    if suites:
        found = (*found, ("failed suites", int(suites[1]["n"])))
    return tally(
        doc, i, rule, found, time[1]["t"] if time else None,
        failed=bool(dict(found).get("failed") or suites or unhandled),
    )._replace(tool="jest" if ":" in m[0] else "vitest")  # fmt: skip


def mocha_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """mocha's `2 passing (10ms)`, with the failing and pending below."""
    text = " ".join(
        t for _, t in doc.forward(i, 4) if rx(r"^\D*\d+ (?:passing|failing|pending)\b").match(t)
    )
    time = rx(r"passing \((?P<t>[^)]+)\)").search(text)
    found = counts(text, _WORDS)
    return tally(doc, i, rule, found, time["t"] if time else None) if found else None


def line_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """Counts in one line: jasmine's specs, karma's TOTAL, deno's and bun's verdicts."""
    text = doc.texts[i]
    found = counts(text.replace("SUCCESS", "success").replace("FAILED", "failed"), _WORDS)
    time = rx(r"\((?P<t>[\d.]+ ?m?s)\)|in (?P<s>[\d.]+ ?m?s)|\((?P<k>[\d.]+ (?:sec|min)s?)").search(
        text
    )
    return tally(doc, i, rule, found, (time["t"] or time["s"] or time["k"]) if time else None)


def karma_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """karma's running count, when all are executed."""
    m = rx(r"Executed (?P<done>\d+) of (?P<all>\d+)(?P<rest>.*)$").search(doc.texts[i])
    if not m or (m["done"] != m["all"] and "DISCONNECTED" not in m["rest"]):
        return None
    failed = rx(r"\((\d+) FAILED\)").search(m["rest"])
    skipped = rx(r"\(skipped (\d+)\)").search(m["rest"])
    time = rx(r"\((?P<t>[\d.]+ (?:secs?|mins?))").search(m["rest"])
    found = [("total", int(m["all"])), ("failed", int(failed[1]) if failed else 0)]
    if skipped:
        found.append(("skipped", int(skipped[1])))
    bad = bool(failed) or "DISCONNECTED" in m["rest"] or " ERROR" in m["rest"]
    return tally(doc, i, rule, found, time["t"] if time else None, failed=bad)


def node_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """node --test: one count a line, `ℹ tests 3`."""
    found = []
    time = None
    for _, text in doc.forward(i, 9):
        if m := rx(r"ℹ (tests|pass|fail|cancelled|skipped|todo) (\d+)").search(text):
            found.append((_WORDS[m[1]] if m[1] in _WORDS else m[1], int(m[2])))
        elif m := rx(r"ℹ duration_ms ([\d.]+)").search(text):
            time = f"{m[1]}ms"
    return tally(doc, i, rule, found, time)


_E = Severity.ERROR
_I = Severity.INFO

RULES = (
    Rule(
        "jest.block", r"(?:^|[ \t]|\x1b\[[0-9;]*m)● " + SGR + r"[^ ]", "jest", "test", _E, jest_block, 20,
        examples=("  ● adds › two numbers", "  \x1b[1m\x1b[31m● Test suite failed to run\x1b[39m"),
    ),
    Rule(
        "vitest.block", r"(?:^|[ \t]|\x1b\[[0-9;]*m)FAIL " + SGR + r" +" + SGR + r"[^ ].*(?: > | \[ )", "vitest",
        "test", _E, vitest_block, 20, examples=(" FAIL  src/a.test.ts > adds > two numbers",),
    ),
    Rule(
        "vitest.unhandled", r"⎯ (?:Uncaught Exception|Unhandled Rejection|Unhandled Error) " + SGR + r"⎯", "vitest", "test", _E,
        vitest_unhandled, 20, examples=("⎯⎯⎯⎯⎯ Uncaught Exception ⎯⎯⎯⎯⎯",),
    ),
    Rule(
        "karma.block", r"[0-9.]+ \([^)]*\) [^(].* FAILED" + SGR + r"\s*$", "karma", "test", _E, karma_block, 20,
        examples=("Chrome 75.0.3770 (Linux 0.0.0) Adder adds FAILED",),
    ),
    Rule(
        "karma.error", r"[0-9.]+ \([^)]*\) ERROR" + SGR + r"\s*$", "karma", "test", _E, karma_error, 20,
        examples=("Chrome 75.0.3770 (Linux 0.0.0) ERROR",),
    ),
    Rule(
        "ava.block", r"^\s+" + SGR + r"[^ :]+\.[cm]?[jt]sx?:[0-9]+" + SGR + r"\s*$", "ava", "test", _E, ava_block, 15,
        examples=("  test.js:5",),
    ),
    Rule(
        "node.block", r"(?:^|[ \t])test at .+:[0-9]+:[0-9]+\s*$", "node --test", "test", _E, node_block, 20,
        examples=("test at a.test.js:5:1",),
    ),
    Rule(
        "node.inline", r"✖ [^ ].* \([0-9.]+ms\)", "node --test", "test", _E, node_inline, 19,
        examples=("✖ adds (1.2ms)",),
    ),
    Rule(
        "deno.block", r" => (?:\x1b\[[0-9;]*m)*[^ ]+:[0-9]+:[0-9]+" + SGR + r"\s*$", "deno", "test", _E, deno_block, 20,
        examples=("adds => ./a_test.ts:3:6",),
    ),
    Rule(
        "bun.block", r"^" + SGR + r"\(fail\) ", "bun", "test", _E, bun_line, 20,
        examples=("(fail) adds > two numbers [1.20ms]",),
    ),
    Rule(
        "jest.empty", r"^" + SGR + r"No test(?:s| files) found, exiting with code [1-9]|^Error: No test files found",
        "jest", "test", _E, None, 15, examples=("No tests found, exiting with code 1",),
    ),
    Rule(
        "jest.tally", r"Tests" + SGR + r":?" + SGR + r" +" + SGR + r"[0-9]+ (?:failed|passed|skipped|todo|total|pending)",
        "jest", "test", _I, jest_tally, 30,
        examples=("Tests:       1 failed, 2 passed, 3 total", "      Tests  1 failed | 1 passed (2)"),
    ),
    Rule(
        "mocha.tally", r"(?:^|[ \t]|\x1b\[[0-9;]*m)[0-9]+ passing" + SGR + r"(?: |\s*$)", "mocha", "test", _I, mocha_tally, 30,
        examples=("  2 passing (10ms)",),
    ),
    Rule(
        "jasmine.tally", r"(?:^|[ \t]|\x1b\[[0-9;]*m)[0-9]+ specs?, [0-9]+ failures?", "jasmine", "test", _I, line_tally, 30,
        examples=("13 specs, 0 failures",),
    ),
    Rule(
        "karma.tally", r"Executed [0-9]+ of [0-9]+", "karma", "test", _I, karma_tally, 30,
        examples=("Chrome 75.0 (Linux): Executed 5 of 5 (1 FAILED) (0.1 secs / 0.05 secs)",),
    ),
    Rule(
        "karma.total", r"TOTAL: [0-9]+ (?:FAILED|SUCCESS)", "karma", "test", _I, line_tally, 30,
        examples=("TOTAL: 1 FAILED, 4 SUCCESS",),
    ),
    Rule(
        "node.tally", r"ℹ tests [0-9]+", "node --test", "test", _I, node_tally, 30, examples=("ℹ tests 3",),
    ),
    Rule(
        "deno.tally", r"(?:FAILED|ok)" + SGR + r" \| [0-9]+ passed", "deno", "test", _I, line_tally, 30,
        examples=("FAILED | 1 passed | 1 failed (5ms)",),
    ),
)  # fmt: skip
