"""Test runners of the JVM: surefire, failsafe, Gradle, JUnit's console, sbt, ScalaTest, TestNG."""

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
from slipstream.tasks.summarization.model import Cause, Extracted, Finding, Frame, Rule, Severity

_EXCEPTION = r"^\s*(?:\[\w+\] *)?(?P<code>(?:[a-z_][\w$]*\.)+[A-Z][\w$]*|[A-Z]\w*(?:Error|Exception|Failure))(?::\s*(?P<text>.*)|\s*)$"
_TAG = r"^(?:\[(?:ERROR|INFO|WARNING|error|info|warn)\] ?)"


def _simple(name: str) -> str:
    """`test(pkg.Class)` and `pkg.Class.test` as `Class.test`, the form of surefire's summary."""
    if m := rx(r"^(?P<test>.+?)\((?P<cls>[\w.$]+)\)$").match(name):
        return f"{m['cls'].split('.')[-1]}.{m['test']}"
    parts = name.split("[")[0].split("(")[0].split(".")
    tail = name[len(".".join(parts)) :].removesuffix("()")
    return ".".join(parts[-2:]) + tail if len(parts) > 2 else name.removesuffix("()")


def _project(stack: list[tuple[int, Frame]], cls: str) -> list[tuple[int, Frame]]:
    """Frames of the test's own project: those that share the first two parts of its package."""
    simple = cls.split(".")[-1]
    tested = [pair for pair in stack if simple and f"{simple}." in f".{pair[1].function}"]
    if not tested:
        return [pair for pair in stack if pair[1].own]
    package = ".".join(tested[0][1].function.split(f"{simple}.")[0].split(".")[:2])
    own = [pair for pair in stack if pair[1].own and pair[1].function.startswith(package)]
    return own or tested


def _read(
    doc: Document,
    rule: Rule,
    start: int,
    lines: Lines,
    body: Lines,
    name: str,
    tool: str,
    cls: str = "",
) -> Finding:
    """A finding of an exception, its stack and its causes."""
    parts: list[tuple[int, Lines]] = [(-1, [])]
    for k, text in body:
        if rx(r"^\s*(?:\[\w+\] *)?Caused by:").match(text):
            parts.append((k, []))
        parts[-1][1].append((k, text))
    top = parts[0][1]
    stack = frames(top, "jvm")
    said = [
        (k, rx(_TAG).sub("", t).strip())
        for k, t in top
        if t.strip() and (not stack or k < stack[0][0])
    ]
    _, message, code = (said[0][0], said[0][1], "") if said else (start, name, "")
    if m := rx(_EXCEPTION).match(message):
        code = m["code"]
        if not (m["text"] or "").strip() and len(said) > 1:
            message = f"{code}: {' '.join(t for _, t in said[1:4])}"
    elif m := rx(r"^(?P<code>[\w.$]+) at (?P<file>\w+\.\w+):(?P<line>\d+)$").match(message):
        code = m["code"]
    causes = []
    for _, lines_of in parts[1:]:
        head = " ".join(text.strip() for _, text in lines_of[:2])
        m = rx(r"Caused by: (?P<code>[\w.$]+)(?:: (?P<text>.*?)(?: at \S+\(.*)?$)?").search(head)
        if m:
            causes.append(
                Cause(
                    "cause",
                    m["code"],
                    m["text"] or "",
                    tuple(f for _, f in frames(lines_of, "jvm")),
                )
            )
    blame = blamed(_project(stack, cls)) or blamed(stack)
    file, line = (blame[1].file, blame[1].line) if blame else ("", None)
    if not file and (
        place := rx(r"\((?P<file>\w+\.(?:scala|kt|java|groovy)):(?P<line>\d+)\)").search(
            " ".join(t for _, t in said)
        )
    ):
        file, line = place["file"], number(place["line"])
    elif not file and (short := rx(r" at (?P<file>\w+\.\w+):(?P<line>\d+)$").search(message)):
        file, line = short["file"], number(short["line"])
    last = lines[-1][0]
    deepest = parts[-1][0] if len(parts) > 1 else None
    return finding(
        doc, rule, start, last, message, tool=tool, name=name, code=code, file=file, line=line,
        stack=tuple(f for _, f in stack), causes=tuple(causes),
        focus=focus(doc, start, *(k for k, _ in said[:8]), blame[0] if blame else None, deepest),
    )  # fmt: skip


def surefire_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """surefire: `test(Class)  Time elapsed: 0.02 s  <<< FAILURE!` over the exception."""
    text = doc.texts[i]
    if "Tests run:" in text:
        return _surefire_class(doc, i, rule)
    elapsed = r"(?P<name>[^\s<|][^<|]*?)(?: --)?(?<! ) +Time elapsed: .*<<< (?:FAILURE|ERROR)!"
    m = rx(r"\[ERROR\] +" + elapsed).search(text) or rx(
        r"(?:^|(?<=\| )|(?<=\dZ ))" + elapsed
    ).search(text)
    if not m:
        return None
    prefix = text[: m.start()]
    stop = r"^\s*$|^(?:\[\w+\] +)?.*<<< (?:FAILURE|ERROR)!|^(?:\[\w+\] )?(?:Tests run:|Running |Results)"
    lines = block(doc, i, stop, prefix, limit=600)
    if (
        len(lines) > 1
        and lines[-1][0] + 2 < len(doc)
        and not first(lines, r"^\s*(?:\[\w+\] *)?at ")
    ):
        lines = block(doc, i, stop.replace(r"^\s*$|", ""), prefix, limit=600, blanks=2)
        lines = _through_stack(lines)
    above = i - 1
    start = above if i and "Tests run:" in doc.texts[above] and "<<<" in doc.texts[above] else i
    name = _simple(m["name"].strip())
    found = _read(doc, rule, i, lines, lines[1:], name, "surefire", name.split(".")[0])
    return found._replace(span=(doc.numbers[start], found.span[1]))


def _through_stack(lines: Lines) -> Lines:
    """Up to the end of the last stack: the message may hold blank lines, what follows not."""
    stacks = [
        n
        for n, (_, t) in enumerate(lines)
        if rx(r"^\s*(?:\[\w+\] *)?(?:at \S+\(|\.\.\. \d+ )").match(t)
    ]
    return lines[: stacks[-1] + 1] if stacks else lines[:2]


def _surefire_class(doc: Document, i: int, rule: Rule) -> Extracted:
    """The result of one class; its failures stand right below and say more."""
    if i + 1 < len(doc) and "<<<" in doc.texts[i + 1]:
        found = surefire_block(doc, i + 1, rule)
        return found if isinstance(found, Finding) else None
    m = rx(r"(?: in |Running )(?P<name>[\w.$]+)\s*$").search(doc.texts[i])
    return finding(doc, rule, i, i, doc.texts[i].strip(), name=m["name"] if m else "", weight=8)


def surefire_summary(doc: Document, i: int, rule: Rule) -> Extracted:
    """The list under `Failures:`, `Errors:`, `Failed tests:` or `Tests in error:`."""
    m = rx(
        r"(?P<tag>\[ERROR\] )?(?P<what>Failures|Errors|Failed tests|Tests in error): *(?P<inline>.*)$"
    ).search(doc.texts[i])
    if not m or (not m["tag"] and m["what"] in ("Failures", "Errors")):
        return None
    prefix = doc.texts[i][: m.start()]
    found: list[Finding] = []
    rows = [(i, m["inline"])] if m["inline"] else []
    rows += [
        (k, rx(_TAG).sub("", t))
        for k, t in block(
            doc,
            i,
            r"^\s*$|^\[INFO\]|^(?:\[ERROR\] )?(?:Failures|Errors|Tests run|Tests in error|Failed tests|Flakes)",
            prefix,
            limit=300,
        )[1:]
    ]
    for k, text in rows:
        row = rx(
            r"^\s*(?:(?P<cls>[\w$.]+)\.(?P<test>[\w$ ]+)(?P<par>\[[^\]]*\]|\{[^}]*\}|\([^)]*\))?(?:(?:->[\w$.]+)?:(?P<line>\d+)(?:->\S+?:\d+)*)?"
            r"|(?P<old>\w+\([\w.$]+\))):?(?P<text>\s.*)?$"
        ).match(text)
        if not row or not (row["old"] or row["line"] or row["text"]):
            if found:  # the rest of a message over several lines
                found[-1] = found[-1]._replace(span=(found[-1].span[0], doc.numbers[k]))
            continue
        name = (
            _simple(row["old"])
            if row["old"]
            else f"{row['cls'].split('.')[-1]}.{row['test']}{row['par'] or ''}"
        )
        name = name.removesuffix("()")
        message = (row["text"] or "").strip() or text.strip()
        code = rx(r"^» (\w+)").match(message)
        found.append(finding(
            doc, rule, k, k, message, name=name, line=number(row["line"]), code=code[1] if code else "",
        ))  # fmt: skip
    if found:
        found[0] = found[0]._replace(span=(doc.numbers[i], found[0].span[1]))
    return found


def surefire_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Tests run: 3, Failures: 1, ...` of a whole module; those of one class name a time."""
    text = doc.texts[i]
    if "Time elapsed" in text:
        return None
    words = {
        "tests run": "total", "failures": "failed", "errors": "errors", "skipped": "skipped",
        "skips": "skipped", "ignored": "skipped", "flakes": "flaky", "passes": "passed", "run": "total",
    }  # fmt: skip
    return tally(doc, i, rule, labelled(text, words))


def gradle_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """Gradle: `Class > test FAILED` over the indented exception."""
    m = rx(r"(?:^|(?<=\s))(?P<name>[\w.$]+(?:\[[^\]]*\])? > .+?) FAILED\s*$").search(doc.texts[i])
    if not m:
        return None
    lines = block(doc, i, r"^\S", doc.texts[i][: m.start()], limit=400)
    cut = first(lines[1:], r"^\s{4}(?:Standard(?:Out|_OUT)|STANDARD_(?:OUT|ERROR))")
    body = [pair for pair in lines[1:] if not cut or pair[0] < cut[0]]
    return _read(doc, rule, i, lines, body, m["name"], "gradle", m["name"].split(" > ")[0])


def gradle_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`10 tests completed, 1 failed, 2 skipped`."""
    words = {"tests": "total", "test": "total", "failed": "failed", "skipped": "skipped"}
    found = counts(doc.texts[i], words)
    return tally(doc, i, rule, found) if found else None


def junit_numbered(doc: Document, i: int, rule: Rule, lines: Lines, title: str) -> Extracted:
    """JUnit 4's own runner: `1) test(Class)` over the exception."""
    return _read(
        doc, rule, i, lines, lines[1:], _simple(title), "junit", title.partition("(")[2].rstrip(")")
    )


def console_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """JUnit 5's console launcher: `JUnit Jupiter:Class:test()` over `=> exception`."""
    m = rx(r"JUnit (?:Jupiter|Vintage|Platform Suite):(?P<name>\S.*?)\s*$").search(doc.texts[i])
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^\s*JUnit (?:Jupiter|Vintage)|^Test run finished|^\S",
        doc.texts[i][: m.start()],
        limit=120,
    )
    body = [(k, t.replace("=> ", "", 1)) for k, t in lines[1:] if "Source [" not in t]
    return _read(doc, rule, i, lines, body, m["name"], "junit") if body else None


def scalatest_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """ScalaTest: `- adds *** FAILED ***` over the indented reason."""
    m = rx(
        r"^(?P<tag>\[\w+\] )?(?P<indent> *)(?:- )?(?P<name>\S.*?) \*\*\* (?:FAILED|ABORTED) \*\*\*(?P<rest>.*)$"
    ).search(doc.texts[i])
    if not m or rx(r"^\d+ (?:TESTS?|SUITES?)").match(m["name"]):
        return None
    prefix = doc.texts[i][: m.start()]
    depth = len(m["indent"])
    lines = block(
        doc,
        i,
        rf"^(?:\[\w+\] {{1,{depth + 1}}}\S|(?!\[\w+\] ) {{0,{depth}}}\S)",
        prefix,
        limit=200,
        blanks=1,
    )
    body = [(k, rx(_TAG).sub("", t)) for k, t in lines[1:]]
    body = [
        (
            k,
            f"    at {t.strip()}"
            if rx(r"^\s*(?:at )?[\w.$]+\(\w+\.\w+:\d+\)").match(t)
            and not t.strip().startswith("at ")
            else t,
        )
        for k, t in body
    ]
    return _read(
        doc, rule, i, lines, body or [(i, m["rest"])], m["name"].removeprefix("- "), "scalatest"
    )


def sbt_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """sbt: a JUnit test that failed, or a munit test marked with ==> X."""
    m = rx(
        r"Test (?P<name>[\w.$]+(?:\([^)]*\))?) failed: (?P<text>.*?)(?:, took [\d.]+ sec)?$|==> X (?P<munit>[\w.$]+\.\S.*?)  +[\d.]+m?s (?P<why>.*)$"
    ).search(doc.texts[i].rstrip())
    if not m:
        return None
    prefix = rx(r"^.*?\[error\] ?").match(doc.texts[i])
    lines = (
        block(doc, i, r"^(?!\[error\]\s{2,}|    at |\s{4,})", "", limit=100)
        if prefix
        else block(doc, i, r"^(?!\s{2,}|\d+:|\[error\]\s{2,})", limit=60)
    )
    body = [(i, m["text"] or m["why"] or ""), *((k, rx(_TAG).sub("", t)) for k, t in lines[1:])]
    found = _read(doc, rule, i, lines, body, m["name"] or m["munit"], "sbt")
    place = rx(r"(?<![^\s:])(?P<file>[^\s:]+\.(?:scala|java|kt)):(?P<line>\d+)").search(
        m["why"] or ""
    )
    return found._replace(file=place["file"], line=number(place["line"])) if place else found


def specs2_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """specs2: `[error]   x adds` or `!` over the reason with its place in parentheses."""
    m = rx(r"\[error\] +(?P<mark>[x!]) (?P<name>\S.*)$").search(doc.texts[i])
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^(?!\[error\])|^\[error\] +[x!+] |^\[error\]\s*$",
        doc.texts[i][: m.start()],
        limit=60,
    )
    body = [(k, rx(_TAG).sub("", t)) for k, t in lines[1:]]
    return _read(doc, rule, i, lines, body, m["name"], "specs2") if body else None


def scalatest_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Tests: succeeded 3, failed 1, canceled 0, ...`."""
    words = {
        "succeeded": "passed",
        "failed": "failed",
        "canceled": "cancelled",
        "ignored": "skipped",
        "pending": "pending",
    }
    pairs = rx(r"(?<!\w)(\w+) (\d+)").findall(doc.texts[i].partition("Tests:")[2])
    return tally(doc, i, rule, tuple((words[w], int(n)) for w, n in pairs if w in words))


def sbt_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """sbt: `Failed: Total 3, Failed 1, Errors 0, Passed 2`."""
    words = {
        "Total": "total",
        "Failed": "failed",
        "Errors": "errors",
        "Passed": "passed",
        "Skipped": "skipped",
        "Ignored": "skipped",
    }
    pairs = rx(r"(?<!\w)(\w+) (\d+)").findall(doc.texts[i])
    return tally(doc, i, rule, tuple((words[w], int(n)) for w, n in pairs if w in words))


def testng_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """TestNG: `FAILED: test` over the exception."""
    m = rx(r"(?:^|(?<=\s))FAILED(?: CONFIGURATION)?: (?P<name>\S.*)$").search(doc.texts[i])
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^(?:FAILED|PASSED|SKIPPED)(?: CONFIGURATION)?: |^={20,}|^\s*$",
        doc.texts[i][: m.start()],
        limit=200,
    )
    if not frames(lines, "jvm"):
        return None
    return _read(doc, rule, i, lines, lines[1:], m["name"].strip(), "testng")


_E = Severity.ERROR
_I = Severity.INFO

RULES = (
    Rule(
        "surefire.block", r"<<< (?:FAILURE|ERROR)!", "surefire", "test", _E, surefire_block, 20,
        examples=(
            "adds(com.example.AdderTest)  Time elapsed: 0.02 sec  <<< FAILURE!",
            "[ERROR] com.example.AdderTest.adds -- Time elapsed: 0.01 s <<< ERROR!",
        ),
    ),
    Rule(
        "surefire.summary", r"(?:\[ERROR\]" + SGR + r" " + SGR + r"(?:Failures|Errors):|(?:^|[ \t])(?:Failed tests|Tests in error):)", "surefire", "test", _E, surefire_summary, 12,
        examples=("[ERROR] Failures: ", "Failed tests: "),
    ),
    Rule(
        "surefire.tally", r"Tests run: *" + SGR + r"[0-9]+, +" + SGR + r"(?:Failures|Passes|Passed)", "surefire", "test", _I, surefire_tally, 30,
        examples=("[ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 0",),
    ),
    Rule(
        "gradle.block", r"[\w$\])] > .+ " + SGR + r"FAILED" + SGR + r"\s*$", "gradle", "test", _E, gradle_block, 20,
        examples=("com.example.AdderTest > adds() FAILED", "AdderTest > nested > adds FAILED"),
    ),
    Rule(
        "gradle.tally", r"[0-9]+ tests? completed", "gradle", "test", _I, gradle_tally, 30,
        examples=("10 tests completed, 1 failed, 2 skipped",),
    ),
    Rule(
        "junit.console", r"JUnit (?:Jupiter|Vintage|Platform Suite):[^ ]", "junit", "test", _E, console_block, 20,
        examples=("  JUnit Jupiter:AdderTest:adds()",),
    ),
    Rule(
        "scalatest.block", r"\*\*\* (?:FAILED|ABORTED) \*\*\*", "scalatest", "test", _E, scalatest_block, 20,
        examples=("[info] - should add *** FAILED ***",),
    ),
    Rule(
        "scalatest.tally", r"Tests: succeeded [0-9]+, failed [0-9]+", "scalatest", "test", _I, scalatest_tally, 30,
        examples=("[info] Tests: succeeded 3, failed 1, canceled 0, ignored 0, pending 0",),
    ),
    Rule(
        "sbt.test", r"(?:\] ?" + SGR + r"Test .+ failed: |==> X )", "sbt", "test", _E, sbt_line, 20,
        examples=("[error] Test com.example.AdderTest.adds failed: java.lang.AssertionError: no, took 0.01 sec", "==> X com.example.AdderSuite.adds  0.01s munit.FailException: /src/A.scala:3"),
    ),
    Rule(
        "sbt.tally", r"(?:Failed|Passed|Error): Total [0-9]+, Failed [0-9]+", "sbt", "test", _I, sbt_tally, 30,
        examples=("[error] Failed: Total 3, Failed 1, Errors 0, Passed 2",),
    ),
    Rule(
        "specs2.line", r"\[" + SGR + r"error" + SGR + r"\] +" + SGR + r"[x!] [^ ]", "specs2", "test", _E, specs2_line, 20,
        examples=("[error]   x adds two numbers",),
    ),
    Rule(
        "testng.block", r"(?:^|[ \t])FAILED(?: CONFIGURATION)?: [^ ]", "testng", "test", _E, testng_block, 20,
        examples=("FAILED: adds",),
    ),
)  # fmt: skip
