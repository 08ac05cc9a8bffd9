"""Python's linters where they leave the common form: black, isort, pydocstyle, bandit, mypy notes."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import HEAD
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import (
    COLOR,
    code_of,
    diagnosis,
    excerpt_end,
    is_caret,
    notes_end,
    severity_of,
    starts_line,
    view,
)
from slipstream.tasks.summarization.extract.toolnames import command_tool
from slipstream.tasks.summarization.model import Extracted, Rule, Severity, Tally


def mypy(doc: Document, i: int, rule: Rule) -> Extracted:
    """`a.py:12: error: message  [code]`, the excerpt of --pretty, and the notes of the same line."""
    found = diagnosis(doc.texts[i])
    if found is None or found.severity is None or not starts_line(found.before):
        return None
    if not rx(r"\.(?:pyi?|ipynb)$").search(found.file):
        return None
    pyright = " - " in doc.texts[i] or rx(r"report[A-Z]").match(found.code)
    plain, at = view(doc, i, found.before)
    message, code = found.message, found.code
    last = _wrapped(plain, at)
    if last > at:
        code, message = code_of(
            " ".join([message, *(t.strip() for t in plain.texts[at + 1 : last + 1])])
        )
    last = excerpt_end(plain, last)
    for j, text in plain.forward(last + 1, 12):  # pretty mypy wraps, pyright indents reasons
        if not rx(r"\s{4,}\S").match(text) or diagnosis(text):
            break
        last = j
    reason = rx(r"\((report\w+)\)$").search(plain.texts[last])
    code = code or (reason[1] if reason else "")
    if found.severity != Severity.INFO:
        last = notes_end(plain, last, same=(found.file, found.line))
    tool = command_tool(doc) or ("pyright" if pyright else "mypy")
    about = at and rx(r"\S+: note: (?:In|At) [\w ]+").match(plain.texts[at - 1])
    return finding(
        plain, rule, at - 1 if about else at, last, message, severity=found.severity, tool=tool,
        file=found.file, line=found.line, column=found.column, code=code,
    )  # fmt: skip


def _wrapped(doc: Document, i: int) -> int:
    """Index of the last line of a message that --pretty wrapped: flush left, before the excerpt."""
    for j, text in doc.forward(i + 1, 6):
        if is_caret(doc.texts[j + 1] if j + 1 < len(doc) else "") and j > i + 1:
            return j - 1
        if (
            not rx(r"[^\s]").match(text)
            or diagnosis(text)
            or rx(r"Found \d|\S+: note:").match(text)
        ):
            return i
        if rx(r"\[[\w-]+\]$").search(text):
            return j
    return i


def formatter(doc: Document, i: int, rule: Rule) -> Extracted:
    """`would reformat a.py`, `error: cannot format a.py: Cannot parse: 1:3: jan~20`."""
    text = doc.texts[i].strip()
    m = rx(r"[Ww]ould reformat:? (.+)$").search(text)
    if m:
        return finding(
            doc, rule, i, i, "would reformat", file=m[1].strip(), tool=command_tool(doc) or "black"
        )
    m = rx(
        r"cannot format (.+?): (.+?)(?: (?:for target version \S+)?:? ?(\d+):(\d+): (.+))?$"
    ).search(text)
    if m is None:
        return None
    return finding(
        doc, rule, i, i, f"cannot format: {m[2].rstrip(':')}{': ' + m[5] if m[5] else ''}", file=m[1],
        line=number(m[3]), column=number(m[4]), tool="black",
    )  # fmt: skip


def formatted(doc: Document, i: int, rule: Rule) -> Extracted:
    """`2 files would be reformatted, 1 file would fail to reformat.`"""
    counts = []
    for n, words in rx(
        r"(\d{1,9}) files? (would be reformatted|would fail|failed|reformatted|left unchanged|already formatted|would be left unchanged)"
    ).findall(doc.texts[i]):
        counts.append((words.replace("would be ", ""), int(n)))
    bad = any(n and name in ("reformatted", "would fail", "failed") for name, n in counts)
    dry = "would" in doc.texts[i]
    return Tally(
        command_tool(doc) or "black",
        rule.kind,
        doc.numbers[i],
        (bad and dry) or "fail" in doc.texts[i],
        tuple(counts),
    )


def isort(doc: Document, i: int, rule: Rule) -> Extracted:
    """`ERROR: a.py Imports are incorrectly sorted and/or formatted.`"""
    before, word, after = doc.texts[i].partition("Imports are incorrectly sorted")
    file = before.rpartition("ERROR: ")[2].strip()
    return finding(doc, rule, i, i, word + after, file=file, tool="isort") if file else None


def pydocstyle(doc: Document, i: int, rule: Rule) -> Extracted:
    """`a.py:18 in public class `x`:` and, on the next line, `D101: Docstring missing`."""
    m = rx(r"(?<!\S)([^\s:]+):(\d+) (?:at|in) .{1,300}:$").search(doc.texts[i])
    if m is None or i + 1 >= len(doc):
        return None
    said = rx(r".*?\b(D\d{3}): (.+)$").match(doc.texts[i + 1])
    if said is None:
        return None
    return finding(
        doc, rule, i, i + 1, said[2], tool="pydocstyle", file=m[1], line=number(m[2]), code=said[1]
    )


def bandit(doc: Document, i: int, rule: Rule) -> Extracted:
    """`>> Issue: [B404:blacklist] …`, then severity, location and the numbered source."""
    m = rx(r"^.*?>> Issue: \[(\w+):[^\]]*\] (.+)$").match(doc.texts[i])
    if m is None:
        return None
    last, severity, file, line, column = i, None, "", None, None
    for j, text in doc.forward(i + 1, 14):
        rated = rx(r"\s*Severity: (\w+)").match(text)
        at = rx(r"\s*Location: (.+?):(\d+)(?::(\d+))?$").match(text)
        if rated:
            severity = severity_of(rated[1])
        elif at:
            file, line, column = at[1], number(at[2]), number(at[3])
        elif text.startswith("----"):
            break
        if text.strip():
            last = j
    return finding(
        doc, rule, i, last, m[2], severity=severity or Severity.WARNING, tool="bandit", file=file,
        line=line, column=column, code=m[1],
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule(
        "mypy.line",
        rf"[0-9]{COLOR}(?::| -) {COLOR}(?:error|warning|note|info(?:rmation)?){COLOR}:", "mypy",
        "lint", Severity.ERROR, mypy, 20,
        examples=("a.py:12: error: Incompatible types  [assignment]",
                  "  /src/a.py:1:2 - error: \"x\" is not defined (reportUndefinedVariable)"),
    ),
    Rule(
        "black.file", rf"[Ww]ould reformat(?: |:)|{COLOR}cannot format {COLOR}\S", "black", "lint", Severity.ERROR, formatter, 20,
        examples=("would reformat src/a.py", "error: cannot format a.py: Cannot parse: 1:3: jan~20"),
    ),
    Rule(
        "black.count", r"[0-9] files? (?:would be reformatted|would fail|reformatted|left unchanged|already formatted)", "black", "lint", None,
        formatted, 30, examples=("2 files would be reformatted, 1 file would fail to reformat.",),
    ),
    Rule(
        "isort.file", r"Imports are incorrectly sorted", "isort", "lint", Severity.ERROR, isort, 20,
        examples=("ERROR: /app/main.py Imports are incorrectly sorted and/or formatted.",),
    ),
    Rule(
        "pydocstyle.entry", r"[0-9] (?:at|in) [a-z ]+(?:level|module|package|class|method|function|script)\b.{0,200}:\r?$", "pydocstyle", "lint",
        Severity.ERROR, pydocstyle, 20, examples=("a.py:1 at module level:", "a.py:27 in public function `get_user`:"),
    ),
    Rule(
        "bandit.issue", rf"(?:{HEAD}|m)>> Issue: \[", "bandit", "lint", Severity.ERROR, bandit, 20,
        examples=(">> Issue: [B404:blacklist] Consider possible security implications",),
    ),
)  # fmt: skip
