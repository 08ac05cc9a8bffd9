"""Unified and context diffs: per file what was added and deleted, and the hunks."""

from __future__ import annotations

from collections.abc import Iterator

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.stack import bare, block, ranges
from slipstream.tasks.summarization.extract.step import MARKER
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity, Tally

_HUNK = r"^@@@* -(\d+)(?:,(\d+))? (?:-\d+(?:,\d+)? )*\+(\d+)(?:,(\d+))? @@"
_META = (
    r"^(?:index |new file|deleted file|old mode|new mode|similarity |dissimilarity |rename |copy |"
    r"Binary files|GIT binary|Only in |\\ No newline|diff |=== |Index: |={20,}|--- |\+\+\+ )"
)
CONTENT = 40
"""Weight of what holds other files' text: no rule is to read it, not even a tool's verdict."""
_LINES = 10_000_000
"""A diff is read to its end."""


class _File:
    """One file's part of a diff while it is read."""

    __slots__ = ("added", "cut", "deleted", "first", "hunks", "last", "line", "name")

    def __init__(self, name: str, at: int) -> None:
        self.name, self.first, self.last = name, at, at
        self.added = self.deleted = 0
        self.hunks: list[int] = []
        self.line: int | None = None
        self.cut = False


def _name(line: str) -> str:
    """The file's name in a header, without `a/`, `b/` and the time stamp."""
    if match := rx(r"^diff --(?:git|cc|combined) (?:\"?a/.+? )?\"?(?:b/)?(.+?)\"?$").match(line):
        return match[1]
    name = line[4:].split("\t")[0].strip().strip('"')
    return name[2:] if name[:2] in ("a/", "b/") else name


def unified(doc: Document, i: int, rule: Rule) -> Extracted:
    """The file of a diff whose part begins at line `i`; with the first one, the totals."""
    text = doc.texts[i]
    at = rx(r"diff --|--- ").search(text)
    prefix = text[: at.start()] if at else ""
    if prefix.strip() and not rx(r"[\])|:Z]\s*$").search(prefix):
        return None
    part = next(_files(block(doc, i, prefix, _LINES)), None)
    if not part or not (part.hunks or text.startswith("diff --", len(prefix))):
        return None
    result: list[Finding | Tally] = [_finding(doc, rule, part, _failing(doc, part.last, prefix))]
    before = bare(doc.texts[i - 1], prefix) if i else ""
    if len(doc) == doc.total and not (
        before and rx(r"^(?:[ +\\-]|Binary|GIT|\d+[acd])").match(before)
    ):
        files = list(_files(block(doc, i, prefix, _LINES)))
        counts = (
            ("files", len(files)),
            ("added", sum(f.added for f in files)),
            ("deleted", sum(f.deleted for f in files)),
        )
        result.append(Tally(rule.tool, rule.kind, doc.numbers[i], None, counts))
    return result


def _files(lines: Iterator[tuple[int, str]]) -> Iterator[_File]:
    """The parts of a diff, each when it is complete; ends with the first line of another kind."""
    part: _File | None = None
    old = new = 0
    named = False
    for k, line in lines:
        if old > 0 or new > 0:
            sign = line[:1]
            assert part is not None
            if sign not in (" ", "+", "-", "\\", "", "\t"):
                break
            part.added += sign == "+"
            part.deleted += sign == "-"
            old -= sign not in ("+", "\\")
            new -= sign not in ("-", "\\")
        elif part and (hunk := rx(_HUNK).match(line)):
            old, new = int(hunk[2] or 1), int(hunk[4] or 1)
            part.line = part.line or number(hunk[3])
            part.hunks.append(k)
        elif line.startswith("diff --") or (line.startswith("--- ") and not named):
            if part:
                yield part
            part, named = _File(_name(line), k), line.startswith("diff --")
        elif part and line.startswith("+++ ") and not part.hunks:
            if not line.startswith("+++ /dev/null"):
                part.name = _name(line)
        elif not part or not rx(_META).match(line):
            break
        named = named and not line.startswith("+++ ")
        part.last = k
    if part:
        part.cut = old > 0 or new > 0
        yield part


def normal(doc: Document, i: int, rule: Rule) -> Extracted:
    """`3c3`, `< old`, `---`, `> new`: all changes of one file."""
    hunks, added, deleted, last = 0, 0, 0, i
    for k, line in doc.forward(i, _LINES):
        if rx(r"^\d+(?:,\d+)?[acd]\d+(?:,\d+)?$").match(line):
            hunks += 1
        elif line.startswith("> "):
            added += 1
        elif line.startswith("< "):
            deleted += 1
        elif line not in ("---", "<", ">") and not line.startswith("\\ No newline"):
            break
        last = k
    if not added + deleted:
        return None
    above = rx(r"^diff (?:-\S+ )*(\S+) (\S+)$").match(doc.texts[i - 1]) if i else None
    name = above[2] if above else ""
    return finding(
        doc, rule, i - 1 if above else i, last, f"{name}: +{added} -{deleted}".lstrip(": "),
        name=name, file=name, severity=Severity.ERROR if _failing(doc, last, "") else None,
    )  # fmt: skip


def _finding(doc: Document, rule: Rule, part: _File, failing: bool) -> Finding:
    hunks = len(part.hunks)
    message = f"{part.name}: +{part.added} -{part.deleted}"
    if not hunks:
        message = f"{part.name}: no text changed (binary, mode or name)"
    if part.cut:
        message += " or more"
    if hunks > 1:
        message += f" in {hunks} hunks"
    shown = [(part.hunks[0], min(part.hunks[0] + 12, part.last))] if part.hunks else []
    return finding(
        doc, rule, part.first, part.last, message, name=part.name, file=part.name,
        line=part.line, severity=Severity.ERROR if failing else Severity.INFO,
        focus=ranges(doc, shown),
    )  # fmt: skip


def _failing(doc: Document, last: int, prefix: str) -> bool:
    """Whether a check failed because of the diff: a failed step's marker follows it."""
    for _, line in block(doc, last + 1, prefix, 8):
        if rx(_META).match(line):
            return False
        if rx(MARKER).search(line) and "exited with 0" not in line:
            return True
    return False


RULES: tuple[Rule, ...] = (
    Rule(
        "diff.git", r"(?:^|[\s|\]])(?:\x1b\[[0-9;]*m)*diff --(?:git|cc|combined) ", "diff", "diff", Severity.INFO, unified, CONTENT,
        examples=("diff --git a/x.py b/x.py",),
    ),
    Rule(
        "diff.unified", r"(?:^|[|\]Z] )(?:\x1b\[[0-9;]*m)*--- [^\s-]", "diff", "diff", Severity.INFO, unified, 18,
        examples=("--- a/x.py", "--- x.py\t2024-01-01 10:00:00"),
    ),
    Rule(
        "diff.normal", r"^\d+(?:,\d+)?[acd]\d+(?:,\d+)?$", "diff", "diff", Severity.INFO, normal, 12,
        examples=("3c3", "4,5d3"),
    ),
)  # fmt: skip
