"""pytest's run as a whole: counts, warnings, usage, time-outs, crashes of pytest itself."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import (
    SGR,
    blamed,
    block,
    counts,
    focus,
    frames,
    tally,
)
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.python_pytest import (
    ENDS,
    SECTION,
    exception_of,
    stack_entries,
)
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity


def pytest_usage(doc: Document, i: int, rule: Rule) -> Extracted:
    """A command line that pytest does not take; the reason stands below its usage."""
    for k, text in doc.forward(i, 40):
        if m := rx(r"\berror: (.*)|ERROR: (?!usage)(.*)").search(text):
            message = m[1] or m[2]
            missing = rx(r"not found: (\S+?)(?:::.*)?$").search(message)
            return finding(
                doc, rule, i, k, message, file=missing[1] if missing else "", focus=focus(doc, k)
            )  # fmt: skip
    return None


_PYTEST_WORDS = {
    "failed": "failed", "passed": "passed", "error": "errors", "errors": "errors",
    "skipped": "skipped", "deselected": "deselected", "xfailed": "xfailed", "xpassed": "xpassed",
    "warning": "warnings", "warnings": "warnings", "rerun": "rerun", "subtests": "subtests",
}  # fmt: skip


def pytest_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """The last line of a run: counts and duration."""
    m = rx(
        r"(?:^|[ =|])(?:=+ )?(?P<counts>(?:\d+ [a-z]+(?: [a-z]+)?(?:, |(?= in )))+|no tests ran) ?in "
        r"(?P<time>[\d.]+) ?s(?:econds)?\b(?: \([\d:]+\))?(?: =+)?\s*$"
    ).search(doc.texts[i])
    if not m:
        return None
    found = counts(m["counts"], _PYTEST_WORDS)
    if not found and m["counts"] != "no tests ran":
        return None
    ran = any(name not in ("deselected", "warnings") for name, _ in found)
    if not ran:  # pytest exits with 5
        return tally(doc, i, rule, found, m["time"], failed=True, note="no tests ran")
    return tally(doc, i, rule, found, m["time"])


def pytest_internal(doc: Document, i: int, rule: Rule) -> Extracted:
    """pytest itself failed: a traceback in lines that all carry its mark."""
    prefix = doc.texts[i].partition("INTERNALERROR>")[0]
    lines = block(doc, i, r"^(?!INTERNALERROR>)", prefix, limit=600)
    body = [(k, t.removeprefix("INTERNALERROR>").removeprefix(" ")) for k, t in lines]
    exception = exception_of(body) or (lines[-1][0], "", body[-1][1].strip())
    found = frames(body, "python")
    blame = blamed(found, last=True)
    return finding(
        doc, rule, i, lines[-1][0], exception[2] or "pytest failed internally",
        code=exception[1], stack=tuple(f for _, f in found),
        file=blame[1].file if blame else "", line=blame[1].line if blame else None,
        focus=focus(doc, i, exception[0], blame[0] if blame else None),
    )  # fmt: skip


def pytest_conftest(doc: Document, i: int, rule: Rule) -> Extracted:
    """A conftest.py that cannot be imported: nothing ran."""
    m = rx(r"(?<!\w)\w+ while loading conftest '(?P<file>[^']+)'").search(doc.texts[i])
    if not m:
        return None
    lines = block(doc, i, r"^$|" + ENDS, doc.texts[i][: m.start()], limit=200)
    exception = exception_of(lines) or (i, "", m[0])
    entries = stack_entries(lines)
    blame = blamed(entries, last=True)
    return finding(
        doc, rule, i, lines[-1][0], exception[2], code=exception[1],
        file=blame[1].file if blame else m["file"], line=blame[1].line if blame else None,
        stack=tuple(f for _, f in entries),
        focus=focus(doc, i, exception[0], blame[0] if blame else None),
    )  # fmt: skip


def pytest_warnings(doc: Document, i: int, rule: Rule) -> Extracted:
    """The warnings summary: one finding for each of its entries."""
    m = rx(r"=+ warnings summary").search(doc.texts[i])
    if not m:
        return None
    lines = block(doc, i, rf"^-- Docs: |{SECTION}", doc.texts[i][: m.start()], limit=2000)
    found: list[Finding] = []
    start = None
    for k, text in lines[1:]:
        if not text.strip():
            start = None
            continue
        start = k if start is None else start
        where = rx(
            r"^  (?P<file>\S.*?):(?P<line>\d+): (?P<text>(?P<code>\w+(?:Warning|Deprecation\w*)).*)$"
        ).match(text)
        if where:
            end = k
            for j, after in lines[k - i + 1 : k - i + 6]:
                if not after.startswith("    "):
                    break
                end = j
            found.append(finding(
                doc, rule, max(start, k - 3), end, where["text"], code=where["code"],
                file=where["file"], line=number(where["line"]),
                focus=focus(doc, *range(k, end + 1)),
            ))  # fmt: skip
            if len(found) == 100:
                break
    return found


def pytest_timeout(doc: Document, i: int, rule: Rule) -> Extracted:
    """pytest-timeout's dump of all stacks, after which the process ends."""
    m = rx(r"\+{5,} Timeout \+{5,}").search(doc.texts[i])
    if not m:
        return None
    lines = block(doc, i, r"^\+{5,} Timeout \+{5,}", doc.texts[i][: m.start()], limit=400)
    found = frames(lines, "python")
    end = lines[-1][0]
    if end + 1 < len(doc) and "Timeout +" in doc.texts[end + 1]:
        end += 1
    blame = blamed(found, last=True)
    where = f" in {blame[1].function} ({blame[1].file}:{blame[1].line})" if blame else ""
    return finding(
        doc, rule, i, end, f"Timeout{where}", code="Timeout", stack=tuple(f for _, f in found),
        file=blame[1].file if blame else "", line=blame[1].line if blame else None,
        name=blame[1].function if blame else "", focus=focus(doc, i, blame[0] if blame else None),
    )  # fmt: skip


_COUNT = (
    r"(?:passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?|rerun|ran|collected)"
)

RULES = (
    Rule(
        "pytest.session", r"=+ test session starts =+", "pytest", "test", None,
        examples=("============================= test session starts ==============================",),
    ),
    Rule(
        "pytest.tally", _COUNT + SGR + r" in [0-9.]+ ?s", "pytest", "test",
        Severity.INFO, pytest_tally, 30,
        examples=(
            "==================== 1 failed, 2 passed in 0.12s ====================",
            "3 passed, 1 warning in 0.01 seconds",
            "============================ no tests ran in 0.01s ============================",
        ),
    ),
    Rule(
        "pytest.internal", r"INTERNALERROR> ", "pytest", "test", Severity.FATAL, pytest_internal, 25,
        examples=("INTERNALERROR> Traceback (most recent call last):",),
    ),
    Rule(
        "pytest.usage",
        r"(?:ERROR: file or directory not found|ERROR: not found: |ERROR: found no collectors"
        r"|ERROR: usage: |py(?:test)?: error: )",
        "pytest", "test", Severity.ERROR, pytest_usage, 20,
        examples=("ERROR: file or directory not found: tests/test_b.py",),
    ),
    Rule(
        "pytest.conftest", r"\w+ while loading conftest '", "pytest", "test", Severity.ERROR,
        pytest_conftest, 25, examples=("ImportError while loading conftest '/src/conftest.py'.",),
    ),
    Rule(
        "pytest.warnings", r"=+ warnings summary", "pytest", "test", Severity.WARNING,
        pytest_warnings, 20,
        examples=("=============================== warnings summary ===============================",),
    ),
    Rule(
        "pytest.timeout", r"\+{5,} Timeout \+{5,}", "pytest", "test", Severity.ERROR,
        pytest_timeout, 20,
        examples=("+++++++++++++++++++++++++++++++++++ Timeout +++++++++++++++++++++++++++++++++++",),
    ),
    Rule(
        "pytest.worker", r"(?:worker '?gw[0-9]+'? crashed while running|node down: Not properly)",
        "pytest", "test", Severity.ERROR, None, 15,
        examples=("worker 'gw0' crashed while running 'tests/test_a.py::test_b'",),
    ),
    Rule(
        "pytest.coverage",
        r"(?:Required test coverage of [0-9.]+% not reached|Coverage failure: total of )",
        "pytest", "test", Severity.ERROR, None, 20,
        examples=("FAIL Required test coverage of 90% not reached. Total coverage: 80.00%",),
    ),
    Rule(
        "pytest.stopped", r"!{3,} (?:Interrupted: |_pytest\.outcomes\.Exit|KeyboardInterrupt)",
        "pytest", "test", Severity.ERROR, None, 11,
        examples=("!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!",),
    ),
)  # fmt: skip
