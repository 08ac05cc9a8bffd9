"""CTest, and the test libraries of C and C++ that it runs."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import HEAD, SGR, block, first, focus, tally
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.stack import bare
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity

_TOLD = r": Failure\s*$|\[ RUN      \]|\[  FAILED  \]|FAILED:\s*$|Traceback \(most|--- FAIL|ERROR: AddressSanitizer|error: in \"|^not ok "


def ctest_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """`3/10 Test #3: name ...***Failed 0.01 sec`; with --output-on-failure its output follows."""
    m = rx(
        r"Test +#(?P<number>\d+): (?P<name>\S+(?: \S+)*?) ?\.*(?P<how>[A-Z][a-z]+(?: [a-z]+){0,2})?\s?\*\*\*(?P<what>Failed|Exception: \S+|Exception|Timeout|Not Run(?: \([^)]*\))?)"
    ).search(doc.texts[i])
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^\s*(?:Start +\d+: |\d+/\d+ Test +#|\d+% tests passed|The following tests )",
        doc.texts[i].partition(m[0])[0] if m.start() > 14 else "",
        limit=80,
    )
    told = first(lines[1:], _TOLD)
    last = i if told else lines[-1][0]
    said = [] if told else [pair for pair in lines[1:] if pair[1].strip()]
    message = f"{m['name']} {m['how'] or m['what']}"
    loud = first(
        said, r"(?i)error|fail|assert|abort|exception|expected|cannot|not found|signal|terminate"
    )
    if loud:
        message = f"{message}: {dict(said)[loud[0]].strip()}"
    begin = i
    if m["what"].startswith("Not Run") and i and "Unable to find exec" in doc.texts[i - 1]:
        begin, message = i - 1, f"{message}: {doc.texts[i - 1].strip()}"
    return finding(
        doc, rule, begin, last, message, name=m["name"], code=m["what"],
        focus=focus(doc, begin, i, *([loud[0]] if loud else []), *(k for k, _ in said[-6:])),
    )  # fmt: skip


def ctest_list(doc: Document, i: int, rule: Rule) -> Extracted:
    """The list of failed tests at the end."""
    found: list[Finding] = []
    for k, text in doc.forward(i + 1, 300):
        m = rx(r"^.*?\s(?P<number>\d+) - (?P<name>\S.*?) \((?P<what>[^()]+)\)").match(text)
        if not m:
            if text.strip():
                break
            continue
        found.append(finding(
            doc, rule, k if found else i, k, f"{m['name']} ({m['what']})", name=m["name"], code=m["what"],
        ))  # fmt: skip
    return found


def ctest_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`90% tests passed, 1 tests failed out of 10`."""
    m = rx(r"(?<!\d)(?P<failed>\d+) tests? failed out of (?P<total>\d+)").search(doc.texts[i])
    if not m:
        return None
    time = first(doc.forward(i, 40), r"Total Test time \(real\) = +(?P<t>[\d.]+) sec")
    failed, total = int(m["failed"]), int(m["total"])
    return tally(
        doc,
        i,
        rule,
        (("failed", failed), ("passed", total - failed)),
        time[1]["t"] if time else None,
    )


_GTEST_ENDS = r"^\[(?: +(?:RUN|OK|FAILED|PASSED|SKIPPED|DISABLED)|[-=]{8})|.+(?::\d+: Failure|\(\d+\): error:)\s*$|^\d+/\d+ Test +#"


def gtest_failure(doc: Document, i: int, rule: Rule) -> Extracted:
    """googletest: `file:line: Failure` over what was expected."""
    m = rx(
        r"(?:^|(?<=\s))(?P<file>(?:[A-Za-z]:)?[^\s:(]+)(?::(?P<line>\d+): Failure|\((?P<msvc>\d+)\): error:)(?P<rest>.*)$"
    ).search(doc.texts[i])
    if not m:
        return None
    prefix = doc.texts[i][: m.start()]
    lines = block(doc, i, _GTEST_ENDS, prefix, limit=80)
    run = first(
        ((k, bare(t, prefix)) for k, t in doc.back(i, 300)), r"^\[ RUN      \] (?P<name>\S+)"
    )
    end = lines[-1][0] + 1
    verdict = (
        rx(r"^\[  FAILED  \] (?P<name>[^\s,]+)").match(bare(doc.texts[end], prefix))
        if end < len(doc)
        else None
    )
    if not run and not verdict and not m["line"]:
        return None
    said = [pair for pair in lines[1:] if pair[1].strip()]
    message = " ".join(text.strip() for _, text in said[:5]) or m["rest"].strip() or m[0]
    if (
        said
        and not said[0][1].rstrip().endswith((":", "of these values:"))
        and len(said[0][1]) > 40
    ):
        message = said[0][1].strip()
    name = verdict["name"] if verdict else run[1]["name"] if run else ""
    return finding(
        doc, rule, i, end if verdict else lines[-1][0], message, name=name, file=m["file"],
        line=number(m["line"] or m["msvc"]), focus=focus(doc, i, *(k for k, _ in said[:8])),
    )  # fmt: skip


def gtest_verdict(doc: Document, i: int, rule: Rule) -> Extracted:
    """`[  FAILED  ] Suite.Name`: behind the test, and in the list at the end."""
    text = doc.texts[i]
    m = rx(r"\[  FAILED  \] (?P<name>[\w/]+\.[\w/.-]+)(?:, where .*)?(?: \(\d+ ms\))?\s*$").search(
        text
    )
    if m:
        return finding(doc, rule, i, i, f"{m['name']} FAILED", name=m["name"])
    if m := rx(r"\[  FAILED  \] (?P<name>\w+)\s*$").search(text):  # cmocka
        above = [(k, t) for k, t in doc.back(i - 1, 4)] if i else []
        why = first(above, r"\[  ERROR   \] --- (?P<text>.*)")
        place = first(above, r"\[   LINE   \] --- (?P<file>\S+?):(?P<line>\d+)")
        start = min([k for k, _ in (why, place) if k is not None] or [i]) if why and place else i
        return finding(
            doc, rule, start, i, why[1]["text"] if why else f"{m['name']} FAILED", tool="cmocka", name=m["name"],
            file=place[1]["file"] if place else "", line=number(place[1]["line"]) if place else None,
        )  # fmt: skip
    return None


def gtest_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`[==========] 10 tests from 2 test suites ran. (5 ms total)` and the counts below."""
    m = rx(
        r"\[==========\] (?P<total>\d+) tests? from .* ran\.(?: \((?P<t>\d+ ms) total\))?"
    ).search(doc.texts[i])
    if not m:
        return None
    found = [("total", int(m["total"]))]
    for _, text in doc.forward(i, 60):
        if n := rx(r"\[  (PASSED|FAILED)  \] (\d+) tests?[.,]").search(text):
            found.append((n[1].lower(), int(n[2])))
    return tally(doc, i, rule, found, m["t"])


def catch_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """Catch2: `file:line: FAILED:` over the expression and its expansion."""
    m = rx(
        r"(?:^|(?<=\s))(?P<file>(?:[A-Za-z]:)?[^\s:(]+)(?::(?P<line>\d+)|\((?P<msvc>\d+)\)): FAILED:"
    ).search(doc.texts[i])
    if not m:
        return None
    prefix = doc.texts[i][: m.start()]
    lines = block(
        doc, i, r"^(?:-{50,}|={50,}|\.{50,})|^\S+:\d+: (?:FAILED|PASSED):", prefix, limit=40
    )
    start, name = _between_rulers(doc, i, prefix, r"-{50,}")
    text = [t.strip() for _, t in lines[1:] if t.strip()]
    message = text[0] if text else m[0]
    if "with expansion:" in text and text.index("with expansion:") + 1 < len(text):
        message += f" with expansion {text[text.index('with expansion:') + 1]}"
    return finding(
        doc, rule, start, lines[-1][0], message, tool="catch2", name=name, file=m["file"],
        line=number(m["line"] or m["msvc"]), focus=focus(doc, *(k for k, _ in lines[:8])),
    )  # fmt: skip


def _between_rulers(doc: Document, i: int, prefix: str, ruler: str) -> tuple[int, str]:
    """Start of the titled block above line `i`, and the title: its first line after a ruler."""
    above = [(k, bare(t, prefix)) for k, t in doc.back(i - 1, 14)] if i else []
    rulers = [n for n, (_, t) in enumerate(above) if rx(ruler).match(t)]
    if len(rulers) >= 2 and rulers[1] > 0:
        return above[rulers[1]][0], above[rulers[1] - 1][1].strip()
    return i, ""


def doctest_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """doctest: `file:line: ERROR: CHECK( a == b ) is NOT correct!` and the values."""
    m = rx(
        r"(?:^|(?<=\s))(?P<file>(?:[A-Za-z]:)?[^\s:(]+)(?::(?P<line>\d+)|\((?P<msvc>\d+)\)): (?:FATAL )?ERROR: (?P<text>.*)$"
    ).search(doc.texts[i])
    if not m:
        return None
    prefix = doc.texts[i][: m.start()]
    lines = block(
        doc, i, r"^={50,}|^\[doctest\]|^\S+:\d+: (?:FATAL )?ERROR:", prefix, limit=20, blanks=1
    )
    case = first(((k, bare(t, prefix)) for k, t in doc.back(i, 14)), r"^TEST CASE: +(?P<name>.*)")
    values = next(
        (t.strip() for _, t in lines[1:] if t.strip() and not t.strip().startswith("values:")), ""
    )
    return finding(
        doc, rule, case[0] if case else i, lines[-1][0], f"{m['text'].strip()} {values}".strip(), tool="doctest",
        name=case[1]["name"] if case else "", file=m["file"], line=number(m["line"] or m["msvc"]),
        focus=focus(doc, *(k for k, _ in lines)),
    ) if case or "NOT correct" in m["text"] or "CHECK" in m["text"] or "REQUIRE" in m["text"] else None  # fmt: skip


def one_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """Boost.Test, Unity, Check, CppUTest: place, name and reason in one line."""
    text = doc.texts[i]
    for tool, pattern in (
        (
            "boost test",
            r"(?<!\S)(?P<file>\S+?)[(:](?P<line>\d+)\)?: (?:fatal )?error:? in \"(?P<name>[^\"]+)\": (?P<text>.*)",
        ),
        ("unity", r"(?<!\S)(?P<file>\S+?):(?P<line>\d+):(?P<name>\w+):FAIL(?:: ?(?P<text>.*))?"),
        (
            "check",
            r"(?<!\S)(?P<file>\S+?):(?P<line>\d+):[FE]:(?P<name>[^:]*:[^:]*):\d+: (?P<text>.*)",
        ),
        (
            "cpputest",
            r"(?P<file>\S+?)[(:](?P<line>\d+)\)?: error: Failure in (?P<name>(?:IGNORE_)?TEST\([^)]*\))(?P<text>)",
        ),
    ):
        if m := rx(pattern).search(text):
            last = i
            message = (m["text"] or "").strip()
            if tool == "cpputest":
                lines = block(doc, i, r"^\S.*error: Failure in", limit=12, blanks=1)
                last = lines[-1][0]
                message = " ".join(t.strip() for _, t in lines[1:4])
            return finding(
                doc, rule, i, last, message or m["name"], tool=tool, name=m["name"], file=m["file"],
                line=number(m["line"]),
            )  # fmt: skip
    return None


def qtest_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """Qt Test: `FAIL!  : Class::test(row) reason` over the values and `Loc: [file(12)]`."""
    m = rx(r"FAIL!  : (?P<name>\S+\([^)]*\)) (?P<text>.*)$").search(doc.texts[i])
    if not m:
        return None
    lines = block(
        doc,
        i,
        r"^(?:PASS|FAIL!|SKIP|XFAIL|XPASS|QDEBUG|QWARN|Totals:)",
        doc.texts[i][: m.start()],
        limit=12,
    )
    place = first(lines, r"Loc: \[(?P<file>.+?)\((?P<line>\d+)\)\]")
    values = [t.strip() for _, t in lines[1:3] if "Loc:" not in t]
    return finding(
        doc, rule, i, lines[-1][0], " ".join([m["text"].strip(), *values]), tool="qtest", name=m["name"],
        file=place[1]["file"] if place else "", line=number(place[1]["line"]) if place else None,
    )  # fmt: skip


def library_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """Verdicts of Catch2, doctest, Check, Unity and Qt Test."""
    text = doc.texts[i]
    if m := rx(
        r"test cases: +(?P<total>\d+) \| +(?P<passed>\d+) passed \| +(?P<failed>\d+) failed"
    ).search(text):
        return tally(doc, i, rule, (("failed", int(m["failed"])), ("passed", int(m["passed"]))))
    if m := rx(
        r"Checks: (?P<total>\d+), Failures: (?P<failed>\d+), Errors: (?P<errors>\d+)"
    ).search(text):
        return tally(
            doc,
            i,
            rule,
            (
                ("total", int(m["total"])),
                ("failed", int(m["failed"])),
                ("errors", int(m["errors"])),
            ),
        )
    if m := rx(
        r"(?<!\d)(?P<total>\d+) Tests (?P<failed>\d+) Failures (?P<skipped>\d+) Ignored"
    ).search(text):
        return tally(
            doc,
            i,
            rule,
            (
                ("total", int(m["total"])),
                ("failed", int(m["failed"])),
                ("skipped", int(m["skipped"])),
            ),
        )
    if m := rx(
        r"Totals: (?P<passed>\d+) passed, (?P<failed>\d+) failed, (?P<skipped>\d+) skipped"
    ).search(text):
        return tally(
            doc,
            i,
            rule,
            (
                ("passed", int(m["passed"])),
                ("failed", int(m["failed"])),
                ("skipped", int(m["skipped"])),
            ),
        )
    return None


_E = Severity.ERROR
_I = Severity.INFO

RULES = (
    Rule(
        "ctest.line", r"\*\*\*(?:Failed|Exception|Timeout|Not Run)", "ctest", "test", _E, ctest_line, 15,
        examples=(" 3/10 Test  #3: adder ............................***Failed    0.01 sec", "4/9 Test #4: adder ....***Exception: SegFault  0.10 sec"),
    ),
    Rule(
        "ctest.list", r"The following tests FAILED:", "ctest", "test", _E, ctest_list, 12, examples=("The following tests FAILED:",),
    ),
    Rule(
        "ctest.tally", r"% tests passed, [0-9]+ tests? failed out of", "ctest", "test", _I, ctest_tally, 30,
        examples=("90% tests passed, 1 tests failed out of 10",),
    ),
    Rule(
        "gtest.failure", r"[0-9](?:: Failure|\): error:)\s*" + SGR + r"\s*$", "gtest", "test", _E, gtest_failure, 20,
        examples=("/src/a_test.cc:12: Failure", "a_test.cc(12): error:"),
    ),
    Rule(
        "gtest.verdict", r"\[  FAILED  \]" + SGR + r" [\w/]+(?:\.|\s*$)", "gtest", "test", _E, gtest_verdict, 12,
        examples=("[  FAILED  ] Adder.Adds (0 ms)",),
    ),
    Rule(
        "gtest.tally", r"\[==========\]" + SGR + r" [0-9]+ tests? from .* ran", "gtest", "test", _I, gtest_tally, 30,
        examples=("[==========] 10 tests from 2 test suites ran. (5 ms total)",),
    ),
    Rule(
        "catch2.block", r"(?::[0-9]+|\([0-9]+\)): " + SGR + r"FAILED:", "catch2", "test", _E, catch_block, 20, examples=("/src/a.cpp:12: FAILED:",),
    ),
    Rule(
        "doctest_cpp.block", r"(?::[0-9]+|\([0-9]+\)): " + SGR + r"(?:FATAL )?ERROR: ", "doctest", "test", _E, doctest_block, 20,
        examples=("/src/a.cpp:12: ERROR: CHECK( 1 == 2 ) is NOT correct!",),
    ),
    Rule(
        "cunit.line", r"(?:error:? in \"|:[0-9]+:\w+:FAIL|:[0-9]+:[FE]:[^:]*:[^:]*:[0-9]+: |error: Failure in (?:IGNORE_)?TEST\()", "unity", "test", _E, one_line, 20,
        examples=("a.cpp(12): error: in \"suite/adds\": check 1 == 2 has failed", "a.c:12:test_add:FAIL: Expected 1 Was 2", "a.c:12:F:core:test_add:0: Assertion '1 == 2' failed", "a.cpp:12: error: Failure in TEST(Adder, Adds)"),
    ),
    Rule(
        "qtest.block", r"FAIL!  : ", "qtest", "test", _E, qtest_block, 20, examples=("FAIL!  : TestAdder::adds() Compared values are not the same",),
    ),
    Rule(
        "c.tally", HEAD + SGR + r"(?:\[doctest\] )?(?:test cases: +[0-9]+|[0-9]+%: Checks: [0-9]+|[0-9]+ Tests [0-9]+ Failures|Totals: [0-9]+ passed)", "ctest", "test", _I, library_tally, 30,
        examples=("test cases: 3 | 2 passed | 1 failed", "50%: Checks: 2, Failures: 1, Errors: 0", "3 Tests 1 Failures 0 Ignored"),
    ),
)  # fmt: skip
