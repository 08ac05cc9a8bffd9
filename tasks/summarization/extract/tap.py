"""The Test Anything Protocol, Perl's diagnostics, prove's report, and bats."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import Lines, block, first, focus, frames, tally
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.stack import bare
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

_LINE = r"(?:^|(?<=[\s|]))not ok\b(?: (?P<number>\d+))?(?: ?- | )?(?P<name>.*)$"
_TODO = r"(?:^|[^\\])# *(?:TODO|SKIP|known breakage)"
_PLACE = (
    r"(?:at (?:line )?|in test file |in file |from |location: '?\"?|at: )"
    r"(?P<file>[^\s,'\"():]+)(?: line |, line |:)(?P<line>\d+)"
)


def not_ok(doc: Document, i: int, rule: Rule) -> Extracted:
    """A failed test point with the YAML or the comments that stand below it."""
    m = rx(_LINE).search(doc.texts[i])
    if not m or rx(_TODO).search(doc.texts[i]):
        return None
    head = doc.texts[i][: m.start()]
    if rx(r"(?:^|\s)ok \d").search(head):
        return None
    prefix = head if head.strip() else ""
    indent = len(head) if not prefix else 0
    lines = block(
        doc,
        i,
        r"^(?!\s*#|\s|$)|^\s*(?:not )?ok\b|^\s*# (?:Subtest|tests|pass|fail|failed)\b",
        prefix,
        limit=200,
    )
    lines = _diagnostics(lines, indent)
    name = rx(r" # time=.*$|\s+#\s*$").sub("", m["name"]).strip() or f"test {m['number']}"
    body = lines[1:]
    yaml = _yaml(body)
    place = first(body, _PLACE)
    file, line = (
        (place[1]["file"].removeprefix("file://"), number(place[1]["line"]))
        if place
        else ("", None)
    )
    stack = tuple(f for _, f in frames(body, "javascript"))
    own = next((f for f in stack if f.own), None)
    if own and (not place or yaml.get("stack")):
        file, line = own.file, own.line
    at, message = _reason(body, yaml, name, i)
    weight = rule.weight if len(lines) > 1 else 12  # the reason may stand with the diagnostics
    role = "cascade" if yaml.get("failureType", "").strip("'\"") == "subtestsFailed" else ""
    return finding(
        doc, rule, i, lines[-1][0], message, name=name, file=file, line=line, stack=stack, role=role,
        weight=weight, code=yaml.get("name", "").strip("'\"") or yaml.get("code", "").strip("'\""),
        focus=focus(doc, i, *range(at, min(at + 4, lines[-1][0] + 1)), place[0] if place else None),
    )  # fmt: skip


def _diagnostics(lines: Lines, indent: int) -> Lines:
    """The test point, its YAML block and the comments right below it."""
    kept = lines[:1]
    yaml = False
    for pair in lines[1:]:
        text = pair[1].strip()
        if text == "---":
            yaml = True
        elif not yaml and not text.startswith("#") and not pair[1].startswith(" " * (indent + 2)):
            break
        kept.append(pair)
        if yaml and text == "...":
            yaml = False
    while len(kept) > 1 and not kept[-1][1].strip():
        kept.pop()
    return kept


def _yaml(body: Lines) -> dict[str, str]:
    """Top-level keys of the YAML block; of a block scalar its first line."""
    found: dict[str, str] = {}
    for k, (_, text) in enumerate(body):
        if m := rx(r"^\s*([a-zA-Z_]+): ?(.*)$").match(text):
            value = m[2].strip()
            if value in ("|-", "|", ">", ">-", "") and k + 1 < len(body):
                value = body[k + 1][1].strip()
            found.setdefault(m[1], value)
    return found


def _reason(body: Lines, yaml: dict[str, str], name: str, i: int) -> tuple[int, str]:
    """Line and text of why the point failed."""
    for key in ("error", "message"):
        if value := yaml.get(key, "").strip("'\""):
            hit = first(body, rf"^\s*{key}:")
            return (hit[0] if hit else i), value
    wanted, got = _value(yaml, "expected", "wanted"), _value(yaml, "actual", "got", "found")
    if wanted or got:
        hit = first(body, r"^\s*(?:expected|wanted|actual|got|found):")
        return (hit[0] if hit else i), f"{name}: expected {wanted}, got {got}"
    if first(body, r"# +Failed test|\(?in test file") or first(body, r"#\s+(?:got|expected): "):
        return _perl(body) or (i, name)
    plain = [(k, t.strip()) for k, t in body if t.strip() and not t.strip().startswith("#")]
    if plain and plain[0][1] != "---":  # mocha prints the error as it is
        return plain[0]
    return i, name


def _value(yaml: dict[str, str], *keys: str) -> str:
    return next((yaml[key].strip("'\"") for key in keys if yaml.get(key)), "")


def _perl(body: Lines) -> tuple[int, str] | None:
    """The reason among comments: got and expected, or what is left without the place."""
    texts = [(k, text.strip().lstrip("#").strip()) for k, text in body]
    got = first(texts, r"^got: (.*)")
    wanted = first(texts, r"^expected: (.*)")
    if got and wanted:
        return got[0], f"got {got[1][1]}, expected {wanted[1][1]}"
    for k, text in texts:
        if text and not rx(r"^(?:Failed test|at |\(in test file|in test file|---)").match(text):
            return k, text
    return None


def perl_failed(doc: Document, i: int, rule: Rule) -> Extracted:
    """`#   Failed test 'name'` of Perl's Test::More, when the test point is elsewhere."""
    m = rx(
        r"# +Failed (?:\(TODO\) )?test(?: \(| )?(?P<quote>['\"])?(?P<name>.*?)(?P=quote)?\)?\s*$"
    ).search(doc.texts[i]) or rx(r"# +Failed test (?P<name>.*)$").search(doc.texts[i])
    if not m or "(TODO)" in m[0]:
        return None
    prefix = doc.texts[i][: m.start()]
    lines = block(
        doc,
        i,
        r"^(?!\s*#)|^\s*# +Failed test|^\s*# Looks like",
        prefix if prefix.strip() else "",
        limit=60,
    )
    place = first(lines, r"at (?P<file>\S+) line (?P<line>\d+)")
    reason = _perl(lines[1:])
    name = m["name"].strip(" '\"") or "test"
    return finding(
        doc, rule, i, lines[-1][0], f"Failed test '{name}': {reason[1]}" if reason else f"Failed test '{name}'", name=name,
        file=place[1]["file"] if place else "", line=number(place[1]["line"]) if place else None,
        focus=focus(doc, i, place[0] if place else None, *(range(reason[0], min(reason[0] + 2, lines[-1][0] + 1)) if reason else ())),
    )  # fmt: skip


def prove_file(doc: Document, i: int, rule: Rule) -> Extracted:
    """prove: a test file that is dubious, and how many of its tests failed."""
    m = rx(r"(?<!\S)(?P<file>\S+)\s+\.{2,}\s*(?P<what>.*)$").search(doc.texts[i])
    start, name = (i, m["file"]) if m else (i, "")
    if not m and i:
        above = rx(r"(?<!\S)(?P<file>\S+)\s+\.{2,}\s*$").search(doc.texts[i - 1])
        if above:
            start, name = i - 1, above["file"]
    if not name:
        named = first(doc.back(i, 300), r"^(?P<file>\S+)\s+\.\.\s*$")
        name = named[1]["file"] if named else ""
    last = i
    for k, text in doc.forward(i + 1, 3):
        if not rx(
            r"^\s*(?:Failed \d+/\d+ subtests|No subtests run|All \d+ subtests passed|\(less \d+)"
        ).search(text):
            break
        last = k
    found = rx(r"(?:Dubious|Failed \d+/\d+ subtests|No subtests run).*").search(doc.texts[i])
    message = found[0].strip() if found else doc.texts[i].strip()
    previous = doc.texts[start - 1].strip() if start else ""
    if looked := rx(r"^# Looks like (?P<said>you planned .*|your test exited .*)$").match(previous):
        start, message = start - 1, f"{looked['said']} {message}"
    return finding(doc, rule, start, last, message, tool="prove", name=name, file=name)


def prove_report(doc: Document, i: int, rule: Rule) -> Extracted:
    """A file in prove's Test Summary Report."""
    m = rx(r"(?<!\S)(?P<file>\S+) +\(Wstat: (?P<wstat>\d+)[^)]*Failed: (?P<failed>\d+)\)").search(
        doc.texts[i]
    )
    if not m or (m["wstat"] == "0" and m["failed"] == "0"):
        return None
    prefix = doc.texts[i][: m.start()]
    lines = block(doc, i, r"^(?!  )", prefix, limit=12)
    reason = " ".join(text.strip() for _, text in lines[1:3])
    return finding(
        doc, rule, i, lines[-1][0], reason or m[0], tool="prove", name=m["file"], file=m["file"]
    )


def prove_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Files=1, Tests=2, 0 wallclock secs` and the verdict below."""
    m = rx(r"Files=(?P<files>\d+), Tests=(?P<tests>\d+), +(?P<time>[\d.]+) ?wallclock").search(
        doc.texts[i]
    )
    if not m:
        return None
    verdict = first(doc.forward(i, 3), r"Result: (?P<v>\w+)")
    failed = verdict[1]["v"] != "PASS" and verdict[1]["v"] != "NOTESTS" if verdict else None
    return tally(
        doc,
        i,
        rule,
        (("files", int(m["files"])), ("total", int(m["tests"]))),
        m["time"],
        failed=failed,
    )


def tap_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`# tests 3`, `# pass 2`, `# fail 1`: tape and node --test."""
    m = rx(r"(?:^|(?<=\s))# tests +(?P<tests>\d+)\s*$").search(doc.texts[i])
    if not m:
        return None
    names = {
        "tests": "total",
        "pass": "passed",
        "fail": "failed",
        "skipped": "skipped",
        "todo": "todo",
        "cancelled": "cancelled",
    }
    found, time = [], None
    for _, text in doc.forward(i, 9):
        text = bare(text, doc.texts[i][: m.start()])
        if n := rx(r"^# (tests|pass|fail|skipped|todo|cancelled) +(\d+)\s*$").match(text):
            found.append((names[n[1]], int(n[2])))
        elif n := rx(r"^# duration_ms ([\d.]+)").match(text):
            time = f"{n[1]}ms"
    return tally(doc, i, rule, found, time)


def bats_pretty(doc: Document, i: int, rule: Rule) -> Extracted:
    """bats with its pretty formatter: a cross and the name, the place and command below."""
    m = rx(r"(?:^|\s)✗ (?P<name>\S.*)$").search(doc.texts[i].rstrip())
    if not m or i + 1 >= len(doc):
        return None
    lines = block(doc, i, r"^ [✓✗-] |^\d+ tests?, ", doc.texts[i][: m.start()], limit=60, blanks=1)
    place = first(lines[1:3], r"\(in (?:test file|\S+ \S+ file) (?P<file>\S+), line (?P<line>\d+)")
    if not place and not first(lines[1:4], r"\((?:in|from) .*line \d+"):
        return None
    reason = next(
        (t.strip() for k, t in lines[1:] if "' failed" in t or "`" in t), lines[-1][1].strip()
    )
    return finding(
        doc, rule, i, lines[-1][0], reason, tool="bats",
        name=rx(r" \[?\d+(?:ms|s)?\]?$").sub("", m["name"]),
        file=place[1]["file"] if place else "", line=number(place[1]["line"]) if place else None,
    )  # fmt: skip


_E = Severity.ERROR
_I = Severity.INFO

RULES = (
    Rule(
        "tap.not_ok", r"(?:^|[ \t|]|\x1b\[[0-9;]*m)not ok(?: |\s*$)", "tap", "test", _E, not_ok, 20,
        examples=("not ok 2 - adds two numbers", "    not ok 1 - sub"),
    ),
    Rule(
        "tap.diagnostic", r"# +Failed test ", "tap", "test", _E, perl_failed, 18,
        examples=("#   Failed test 'adds'", "#   Failed test 2 (t/a.t at line 5)"),
    ),
    Rule(
        "tap.plan", r"# Looks like (?:you planned|your test exited)", "tap", "test", _E, None, 14,
        examples=("# Looks like you planned 3 tests but ran 1.",),
    ),
    Rule(
        "prove.file", r"(?:Dubious, test returned|\.\. *Failed [0-9]+/[0-9]+ subtests)", "prove", "test", _E, prove_file, 15,
        examples=("t/a.t .. Dubious, test returned 1 (wstat 256, 0x100)", "t/a.t .. Failed 1/2 subtests"),
    ),
    Rule(
        "prove.report", r"\(Wstat: [0-9]+.*Failed: [0-9]+\)", "prove", "test", _E, prove_report, 12,
        examples=("t/a.t (Wstat: 256 (exited 1) Tests: 2 Failed: 1)",),
    ),
    Rule(
        "prove.tally", r"Files=[0-9]+, Tests=[0-9]+,", "prove", "test", _I, prove_tally, 30,
        examples=("Files=1, Tests=2,  0 wallclock secs ( 0.01 usr  0.00 sys +  0.02 cusr  0.00 csys =  0.03 CPU)",),
    ),
    Rule(
        "tap.tally", r"(?:^|[ \t])# tests +[0-9]+\s*$", "tap", "test", _I, tap_tally, 30, examples=("# tests 3",),
    ),
    Rule(
        "bats.pretty", r"(?:^|[ \t]|\x1b\[[0-9;]*m)✗ " + r"[^ ]", "bats", "test", _E, bats_pretty, 15,
        examples=(" ✗ adds two numbers",),
    ),
)  # fmt: skip
