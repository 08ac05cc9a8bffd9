"""pytest: titled blocks of failed tests, the short summary, what stands for them."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import (
    HEAD,
    SGR,
    Lines,
    blamed,
    block,
    first,
    focus,
    frames,
)
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.stack import bare
from slipstream.tasks.summarization.model import (
    Cause,
    Extracted,
    Finding,
    Frame,
    Rule,
    Severity,
)

_TITLE = r"_+ (?P<name>[^ _\d].*|_?[A-Za-z\d]\S*) _+\s*$"
SECTION = r"^(?:=+ .+ =+|={30,}|!+ .+ !+|\+{5,} Timeout \+{5,})\s*$"
ENDS = rf"{SECTION}|^{_TITLE}"
_CHAINED = r"^(?:E +)?(?:The above exception was the direct (cause)|During handling of the above (exception))"
_LOCATION = (
    r"^(?P<file>(?:[A-Za-z]:)?[^\s:][^:]*?\.\w+):(?P<line>\d+): ?"
    r"(?:in (?P<name>.+)|(?P<code>[A-Za-z_][\w.]*))?$"
)
EXCEPTION = r"^(?P<code>[A-Za-z_][\w.]*)(?:: (?P<text>.*)|:?$)"
_CLASS = (
    r"(?:Error|Exception|Exit|Interrupt|Warning|Failed|Failure|Skipped|Timeout|Group|Iteration)$"
)


def _reasons(lines: Lines) -> list[tuple[int, str]]:
    """The lines that pytest marks with E, without the mark."""
    found = []
    for i, text in lines:
        if m := rx(r"^E(?:$| {3} *(.*))").match(text):
            found.append((i, (m[1] or "").rstrip()))
    return found


def stack_entries(lines: Lines) -> list[tuple[int, Frame]]:
    """Frames of pytest's own traceback styles, and those of native ones."""
    found: list[tuple[int, Frame]] = []
    function = ""
    for i, text in lines:
        if text.startswith("_ _ _"):
            function = ""
        elif not function and (m := rx(r"^[> ] +(?:async )?def (\w+)").match(text)):
            function = m[1]
        elif (m := rx(_LOCATION).match(text)) and not text.startswith("E "):
            name = m["name"] or function or ""
            found += [
                (i, f) for _, f in frames([(i, f'File "{m["file"]}", line {m["line"]}')], "python")
            ]
            if found:
                found[-1] = (i, found[-1][1]._replace(function=name))
        else:
            found += frames([(i, text)], "python")
    return found[:50]


def exception_of(lines: Lines) -> tuple[int, str, str] | None:
    """Index, class and message of the exception of one traceback, in any style."""
    reasons = [(i, t) for i, t in _reasons(lines) if t and not t.startswith(("File ", "Traceback"))]
    if reasons:
        code = ""
        if m := rx(EXCEPTION).match(reasons[0][1]):
            code = m["code"] if rx(_CLASS).search(m["code"]) or m["text"] is not None else ""
        for i, text in reasons[1:] if not code else ():
            if (m := rx(EXCEPTION).match(text)) and rx(_CLASS).search(m["code"]):
                return i, m["code"], text
        if reasons[0][1].startswith("assert "):
            code = "AssertionError"
        text = reasons[0][1]
        if text.rstrip(":") == code and len(reasons) > 1:  # the message starts on the next line
            text = f"{code}: {reasons[1][1].strip()}"
        return reasons[0][0], code, text
    if group := first(lines, r"^ *(?:\| )([A-Za-z_][\w.]*Group): .*"):
        return group[0], group[1][1], group[1][0].strip(" |")
    for k in range(len(lines) - 1, -1, -1):
        i, text = lines[k]
        if (m := rx(EXCEPTION).match(text)) and k and lines[k - 1][1].startswith(" "):
            return i, m["code"], text.strip()
    return None


def chained(lines: Lines) -> list[tuple[str, Lines]]:
    """Tracebacks of a chain, each with its relation to the next: "cause" or "context"."""
    parts: list[tuple[str, Lines]] = []
    start = 0
    for k, (_, text) in enumerate(lines):
        if m := rx(_CHAINED).match(text):
            parts.append(("cause" if m[1] else "context", lines[start:k]))
            start = k + 1
    return [*parts, ("", lines[start:])]


def _without_captured(lines: Lines) -> Lines:
    hit = first(
        lines, r"^-+ (?:Captured|Live log|>> begin captured|Hypothesis|generated xml|coverage)"
    )
    return [pair for pair in lines if pair[0] < hit[0]] if hit else lines


def _causes(parts: list[tuple[str, Lines]]) -> tuple[Cause, ...]:
    found = []
    for relation, lines in parts:
        if exception := exception_of(lines):
            stack = tuple(f for _, f in stack_entries(lines))
            found.append(Cause(relation, exception[1], exception[2], stack))
    return tuple(reversed(found))


def group_members(lines: Lines) -> tuple[Cause, ...]:
    """Members of an exception group, whose tracebacks are printed after bars."""
    found: list[Cause] = []
    stack: list[Frame] = []
    inside = False
    for i, text in lines:
        if rx(r"^\s*(?:E +)?[|+ -]*\+-+ \d+ -+").match(text):
            inside, stack = True, []
        elif inside and (got := frames([(i, text)], "python")):
            stack.append(got[0][1])
        elif (
            inside
            and (m := rx(r"^\s*(?:E +)?(?:\| )+([A-Za-z_][\w.]*)(?:: (.*))?$").match(text))
            and rx(_CLASS).search(m[1])
        ):
            found.append(Cause("inner", m[1], m[2] or "", tuple(stack)))
            inside = False
    return tuple(found)


def pytest_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """A titled block of pytest's FAILURES or ERRORS section."""
    m = rx(_TITLE).search(doc.texts[i])
    if not m:
        return None
    prefix, name = doc.texts[i][: m.start()], m["name"]
    lines = block(doc, i, ENDS, prefix, limit=1500)
    body = _without_captured(lines)[1:]
    parts = chained(body)
    exception = exception_of(parts[-1][1])
    entries = stack_entries(parts[-1][1])
    if doctest := first(body, r"^Expected(?: nothing|:)?$|^UNEXPECTED EXCEPTION: (.+)"):
        return _pytest_doctest(doc, rule, lines, name, doctest[0], entries)
    if exception is None:
        plain = first(
            body, r"^\[XPASS\(strict\)\]|^Unexpected success|^\S+: .+|^Fixture .+|^file .+"
        )
        if not (plain or entries):
            return None
        index = plain[0] if plain else entries[-1][0]
        exception = index, "", bare(doc.texts[index], prefix).strip()
    at, code, message = exception
    last = rx(_LOCATION).match(body[-1][1]) if body else None
    if last and last["code"] and not code:
        code = last["code"]
    blame = blamed(entries, last=True)
    arrow = [k for k, text in parts[-1][1] if text.startswith(">")][-1:]
    more = [k for k, text in _reasons(parts[-1][1])][:8]
    file, line = (blame[1].file, blame[1].line) if blame else ("", None)
    name = rx(r"^(?:ERROR at (?:setup|teardown) of |ERROR collecting )").sub("", name)
    if not blame and name.endswith(".py"):
        file = name
    elif not blame and (defined := first(body, r"^file (\S.*), line (\d+)$")):
        file, line = defined[1][1], number(defined[1][2])
    return finding(
        doc, rule, i, lines[-1][0], message, code=code, name=name, file=file, line=line,
        stack=tuple(f for _, f in entries), causes=_causes(parts[:-1]) + group_members(body),
        focus=focus(doc, i, at, *arrow, *more, blame[0] if blame else None),
    )  # fmt: skip


def _pytest_doctest(
    doc: Document, rule: Rule, lines: Lines, name: str, at: int, entries: list[tuple[int, Frame]]
) -> Finding:
    text = dict(lines)
    got = first(lines, r"^Got(?: nothing)?:?$")
    message = text[at].strip()
    if message.startswith("Expected"):
        wanted = " ".join(t.strip() for k, t in lines if got and at < k < got[0])
        actual = text.get(got[0] + 1, "").strip() if got else ""
        message = f"expected {wanted or 'nothing'}, got {actual or 'nothing'}"
    blame = blamed(entries, last=True)
    return finding(
        doc, rule, lines[0][0], lines[-1][0], message, code="DocTestFailure",
        name=name.removeprefix("[doctest] "), file=blame[1].file if blame else "",
        line=blame[1].line if blame else None,
        focus=focus(doc, lines[0][0], *range(at - 1, min(at + 5, lines[-1][0] + 1)), lines[-1][0]),
    )  # fmt: skip


def pytest_reason(doc: Document, i: int, rule: Rule) -> Extracted:
    """Lines marked with E whose title was not kept, or of a style without titles."""
    m = rx(r"E {3} *\S").search(doc.texts[i])
    if not m:
        return None
    prefix = doc.texts[i][: m.start()]
    if prefix.strip() and prefix.rstrip()[-1].isalnum() and not prefix.rstrip().endswith("Z"):
        return None
    lines: Lines = []
    last, file, line = i, "", None
    chain = True
    for k, text in block(doc, i, ENDS, prefix, limit=60):
        where = rx(_LOCATION).match(text) or rx(r"^(?P<file>\S+\.py):(?P<line>\d+): \S").match(text)
        if where and not text.startswith("E "):
            last, file, line = k, where["file"], number(where["line"])
            break
        if text.startswith("E"):
            if not chain:
                break
            last = k
        elif text and not text.startswith((" ", "-")) and not rx(_CHAINED).match(text):
            break
        chain = text.startswith("E") or bool(rx(_CHAINED).match(text)) or (chain and not text)
        lines.append((k, text))
    parts = chained(lines)
    exception = exception_of(parts[-1][1]) or exception_of(parts[0][1])
    if exception is None:
        return None
    return finding(
        doc, rule, i, last, exception[2], code=exception[1], file=file, line=line,
        causes=_causes(parts[:-1]),
    )  # fmt: skip


def pytest_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """A failure in one line: `--tb=line`."""
    m = rx(
        r"(?<![^\s:])(?P<file>(?:[A-Za-z]:)?[^\s:]+\.py):(?P<line>\d+): (?P<text>(?P<code>[A-Za-z_][\w.]*).*)$"
    ).search(doc.texts[i])
    if not m:
        return None
    return finding(
        doc, rule, i, i, m["text"], code="AssertionError" if m["code"] == "assert" else m["code"],
        file=m["file"], line=number(m["line"]),
    )  # fmt: skip


def pytest_summary(doc: Document, i: int, rule: Rule) -> Extracted:
    """A line of the short test summary: the test's name, and the reason behind a dash."""
    m = rx(
        r"(?:FAILED|ERROR|SUBFAILED(?P<sub>\([^)]*\)|\[[^\]]*\])?|SUBFAIL) (?P<id>(?P<file>[^:]+?\.(?:py|ipynb|rst|txt|md))"
        r"(?:::(?P<name>.+?))?)(?: - (?P<text>.*))?\s*$"
    ).search(doc.texts[i])
    if not m:
        return None
    name = (
        m["name"].replace("::", ".", m["name"].split("[")[0].count("::"))
        if m["name"]
        else m["file"]
    )
    if m["sub"]:
        name = f"{name} {m['sub']}"
    text = (m["text"] or "").strip()
    code = rx(EXCEPTION).match(text)
    progress = not text and not doc.texts[i].lstrip().startswith(("FAILED", "ERROR", "SUB"))
    return finding(
        doc, rule, i, i, text or doc.texts[i][m.start() :].strip(), name=name, file=m["file"],
        weight=8 if progress else rule.weight,
        code="AssertionError" if text.startswith("assert ")
        else code["code"] if code and rx(_CLASS).search(code["code"]) else "",
    )  # fmt: skip


def pytest_progress(doc: Document, i: int, rule: Rule) -> Extracted:
    """A verbose progress line; it matters when the run died before its report."""
    m = rx(r"(?<![^\s:])(?P<file>[^\s:]+\.py)::(?P<name>.+?) (?P<what>FAILED|ERROR)\b").search(
        doc.texts[i]
    )
    if not m:
        return None
    name = m["name"].replace("::", ".", m["name"].split("[")[0].count("::"))
    return finding(doc, rule, i, i, f"{name} {m['what']}", name=name, file=m["file"])


RULES = (
    Rule(
        "pytest.block", r"(?:^|[ m])_+ [^ _].* _+(?:\x1b\[[0-9;]*m)*\s*$", "pytest", "test",
        Severity.ERROR, pytest_block, 22,
        examples=(
            "____________________ test_add ____________________",
            "\x1b[31m\x1b[1m___________ TestA.test_b[1-2] ___________\x1b[0m",
            "_______________ ERROR collecting tests/test_a.py _______________",
        ),
    ),
    Rule(
        "pytest.reason", r"(?:^|[ m])E {3} *\S", "pytest", "test", Severity.ERROR, pytest_reason, 15,
        examples=("E       assert 1 == 2", "\x1b[1m\x1b[31mE   ValueError: no\x1b[0m"),
    ),
    Rule(
        "pytest.line",
        HEAD + r"[^ :]+\.py:[0-9]+: (?:[A-Za-z_.]*(?:Error|Exception|ExceptionGroup|Failed|Exit|Interrupt)\b|assert )",
        "pytest", "test", Severity.ERROR, pytest_line, 14,
        examples=("/src/test_a.py:3: AssertionError: no", "/src/test_a.py:3: assert 1 == 2"),
    ),
    Rule(
        "pytest.summary",
        HEAD + r"(?:FAILED|ERROR|SUBFAILED|SUBFAIL)(?:\([^)]*\)|\[[^\]]*\])?"
        + SGR + r" [^ :]+\.(?:py|ipynb|rst|txt|md)(?:\s*$|::| - )",
        "pytest", "test", Severity.ERROR, pytest_summary, 12,
        examples=(
            "FAILED tests/test_a.py::TestA::test_b[1-2] - assert 1 == 2",
            "ERROR tests/test_a.py - ImportError: no",
            "\x1b[31mFAILED\x1b[0m tests/test_a.py::\x1b[1mtest_b\x1b[0m - ValueError",
        ),
    ),
    Rule(
        "pytest.progress", r" (?:\x1b\[[0-9;]*m)*(?:FAILED|ERROR)(?:\x1b\[[0-9;]*m)*(?: +(?:\x1b\[[0-9;]*m)*\[|\s*$)", "pytest", "test",
        Severity.ERROR, pytest_progress, 8,
        examples=("tests/test_a.py::test_b FAILED             [ 50%]",),
    ),
)  # fmt: skip
