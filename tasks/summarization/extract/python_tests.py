"""unittest and what prints like it (nose, Django, trial), doctest, and tox and nox around them."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import (
    Lines,
    block,
    first,
    focus,
    frames,
    labelled,
    tally,
)
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.python_pytest import EXCEPTION, chained, group_members
from slipstream.tasks.summarization.extract.stack import bare
from slipstream.tasks.summarization.model import Cause, Extracted, Finding, Rule, Severity

_RULER = r"[=-]{50,}\s*$"


def unittest_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """A block between rulers: `FAIL: test_x (module.Class)`, as unittest, nose and Django print."""
    m = rx(r"(?:^|(?<=\s))(?:FAIL|ERROR|UNEXPECTED SUCCESS): (?P<name>\S.*)$").search(doc.texts[i])
    if not m:
        return None
    prefix = doc.texts[i][: m.start()]
    ruled = i > 0 and rx(r"={50,}\s*$").match(bare(doc.texts[i - 1], prefix))
    head = block(doc, i, _RULER, prefix, limit=12)
    start = head[-1][0] + 1
    if start >= len(doc) or not rx(r"-{50,}\s*$").match(bare(doc.texts[start], prefix)):
        if not ruled:
            return None
        start = i
    lines = head + block(doc, start, rf"{_RULER}|^Ran \d+ tests? in ", prefix, limit=600)
    name = rx(r" \[\d+\]$").sub("", m["name"].strip())
    return _traced(doc, rule, i, lines, rx(r"^(\w+) \((\S+?)\.\1\)").sub(r"\1 (\2)", name))


def _traced(doc: Document, rule: Rule, i: int, lines: Lines, name: str) -> Finding:
    """A finding of a block whose traceback is Python's own."""
    hit = first(lines, r"^-+ ?>> begin captured|^(?:Stdout|Stderr):$|^-+ Captured ")
    body = [pair for pair in lines if not hit or pair[0] < hit[0]]
    parts = chained(body)
    at, code, message = _last_exception(parts[-1][1]) or (i, "", name)
    found = frames(parts[-1][1], "python")
    tested = [
        pair for pair in found if rx(r"^(?:test|it_|should|setUp|tearDown)").match(pair[1].function)
    ]
    own = [pair for pair in found if pair[1].own]
    blame = own[-1] if own else tested[-1] if tested else None
    last = lines[-1][0]
    return finding(
        doc, rule, i, last, message, code=code, name=name,
        file=blame[1].file if blame else "", line=blame[1].line if blame else None,
        stack=tuple(f for _, f in found), causes=_causes_native(parts[:-1]) + group_members(body),
        focus=focus(
            doc, i, *range(at, min(at + 6, body[-1][0] + 1)),
            *((blame[0], min(blame[0] + 1, last)) if blame else ()),
        ),
    )  # fmt: skip


def _last_exception(lines: Lines) -> tuple[int, str, str] | None:
    """The exception below the last frame: the first unindented line after it."""
    found = frames(lines, "python")
    below = found[-1][0] if found else lines[0][0] if lines else 0
    for i, text in lines:
        if i > below and text and not text[0].isspace() and (m := rx(EXCEPTION).match(text)):
            return i, m["code"], text.strip()
    return None


def _causes_native(parts: list[tuple[str, Lines]]) -> tuple[Cause, ...]:
    found = []
    for relation, lines in parts:
        if exception := _last_exception(lines):
            stack = tuple(f for _, f in frames(lines, "python"))
            found.append(Cause(relation, exception[1], exception[2], stack))
    return tuple(reversed(found))


def unittest_tally(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Ran 3 tests in 0.1s`, and the verdict that stands two lines below."""
    m = rx(r"Ran (?P<count>\d+) tests? in (?P<time>[\d.]+)s").search(doc.texts[i])
    if not m:
        return None
    prefix = doc.texts[i][: m.start()]
    for k, text in block(doc, i, r"^\b$", prefix, limit=12):
        v = rx(r"^(?P<what>FAILED|OK|PASSED|NO TESTS RAN)\b ?(?:\((?P<counts>.*)\))?").match(text)
        if v and k > i:
            names = {
                "failures": "failed", "errors": "errors", "skipped": "skipped", "skips": "skipped",
                "failed": "failed", "successes": "passed", "failure": "failed", "error": "errors",
                "expected failures": "xfailed", "unexpected successes": "failed",
            }  # fmt: skip
            found = labelled(v["counts"] or "", names)
            found = (*found, ("total", int(m["count"])))
            return tally(doc, i, rule, found, m["time"], failed=v["what"] == "FAILED")
    return tally(doc, i, rule, (("total", int(m["count"])),), m["time"], failed=None)


def unittest_progress(doc: Document, i: int, rule: Rule) -> Extracted:
    """A verbose progress line: `test_x (module.Class) ... FAIL`."""
    m = rx(
        r"(?<!\w)(?P<name>\w+ \([\w.]+\)(?: [\[(].*[\])])?).* \.\.\. (?P<what>FAIL|ERROR)$"
    ).search(doc.texts[i].rstrip())
    if not m:
        return None
    name = rx(r"^(\w+) \((\S+?)\.\1\)").sub(r"\1 (\2)", m["name"])
    return finding(doc, rule, i, i, f"{name} {m['what']}", name=name)


def trial_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """Twisted's trial: `[FAIL]` below a ruler, the names of the tests at the block's end."""
    prefix = doc.texts[i][: doc.texts[i].index("[")]
    if not i or not rx(r"={50,}\s*$").match(bare(doc.texts[i - 1], prefix)):
        return None
    lines = block(doc, i, _RULER, prefix, limit=400)
    return _traced(doc, rule, i, lines, lines[-1][1].strip())


def doctest_block(doc: Document, i: int, rule: Rule) -> Extracted:
    """A failed example of Python's doctest, between rows of asterisks."""
    prefix = doc.texts[i][: doc.texts[i].index("Failed example:")]
    start, where = i, None
    for k, text in doc.back(i, 4):
        if where := rx(r'File "(?P<file>[^"]+)", line (?P<line>\d+|\?), in (?P<name>\S+)').search(
            text
        ):
            start = k
            break
    lines = block(doc, i, r"\*{50,}|={50,}|-{50,}|^\d+ items? had failures", prefix, limit=100)
    texts = [text.strip() for _, text in lines]
    message = f"failed example: {texts[1] if len(texts) > 1 else ''}"
    if "Got:" in texts and "Expected:" in texts:
        expected = texts[texts.index("Expected:") + 1 : texts.index("Got:")]
        actual = texts[texts.index("Got:") + 1 :]
        message += f": expected {' '.join(expected[:2])}, got {' '.join(actual[:2])}"
    return finding(
        doc, rule, start, lines[-1][0], message, code="DocTestFailure",
        name=where["name"] if where else "", file=where["file"] if where else "",
        line=number(where["line"]) if where else None,
    )  # fmt: skip


def environment(doc: Document, i: int, rule: Rule) -> Extracted:
    """A failed environment of tox or session of nox."""
    text = doc.texts[i].strip()
    m = rx(
        r"(?<![\w.,-])(?P<name>[\w.,-]+): (?:FAIL\b.*|commands failed|failed.*|could not .*|parseargs)|Session (?P<nox>\S+) "
    ).search(text)
    name = (m["name"] or m["nox"] or "") if m else ""
    return finding(doc, rule, i, i, text, name=name)


RULES = (
    Rule(
        "unittest.block", r"(?:^|[ \t])(?:FAIL|ERROR|UNEXPECTED SUCCESS): [\w<(]", "unittest", "test",
        Severity.ERROR, unittest_block, 22,
        examples=("FAIL: test_add (test_a.TestA.test_add)", "ERROR: test_a.test_b"),
    ),
    Rule(
        "unittest.progress", r"\([\w.]+\).* \.\.\. (?:\x1b\[[0-9;]*m)*(?:FAIL|ERROR)\b", "unittest", "test",
        Severity.ERROR, unittest_progress, 8, examples=("test_add (test_a.TestA) ... FAIL",),
    ),
    Rule(
        "unittest.tally", r"Ran [0-9]+ tests? in [0-9.]+s", "unittest", "test", Severity.INFO,
        unittest_tally, 30, examples=("Ran 3 tests in 0.001s",),
    ),
    Rule(
        "trial.block", r"(?:^|\s)\[(?:FAIL|ERROR)\]\s*$", "trial", "test", Severity.ERROR, trial_block,
        22, examples=("[FAIL]",),
    ),
    Rule(
        "doctest.block", r"(?:^|\s)Failed example:\s*$", "doctest", "test", Severity.ERROR,
        doctest_block, 20, examples=("Failed example:",),
    ),
    Rule(
        "tox.environment", r"(?:^\s+[\w.,-]+: FAIL code|ERROR: +[\w.,-]+: (?:commands failed|could not |parseargs))",
        "tox", "test", Severity.ERROR, environment, 12,
        examples=("  py311: FAIL code 1 (3.20=setup[1.10]+cmd[2.10] seconds)", "ERROR:   py38: commands failed"),
    ),
    Rule(
        "nox.session", r"nox > (?:Session [^ ]+ (?:failed|aborted)|Command .* failed with exit code)",
        "nox", "test", Severity.ERROR, environment, 12,
        examples=("nox > Session tests-3.11 failed.", "nox > Command pytest failed with exit code 1"),
    ),
)  # fmt: skip
