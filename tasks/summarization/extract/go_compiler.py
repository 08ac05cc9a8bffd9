"""go build and go vet, and the linters that print like them: golangci-lint, staticcheck, revive."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import HEAD
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import (
    COLOR,
    code_of,
    excerpt_end,
    severity_of,
    starts_line,
    view,
)
from slipstream.tasks.summarization.extract.toolnames import tool_of
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

_LINE = r"(?<!\S)(?:(vet|compile|build|typecheck): )?((?:[A-Za-z]:)?[^\s:\"'()\[\]]+\.(?:go|s)):(\d+)(?::(\d+))?: (\S.*)$"
_LOG = r"(?:INFO|DEBUG|WARN|TRACE|\[|\d{4}[-/])"


def diagnostic(doc: Document, i: int, rule: Rule) -> Extracted:
    """`./main.go:3:5: undefined: x`, its tab-indented details, the `# package` above."""
    text = doc.texts[i]
    m = rx(_LINE).search(text)
    if m is None or not starts_line(text[: m.start()]) or rx(_LOG).match(m[5]):
        return None
    if m[2].endswith("_test.go") and not m[4] and text[: m.start()].endswith(("    ", "\t")):
        return None  # what a test logs
    plain, at = view(doc, i, text[: m.start()])
    word = rx(r"(error|warning|info|note): ").match(m[5])
    severity = severity_of(word[1]) if word else Severity.ERROR
    code, message = code_of(m[5][word.end() :] if word else m[5])
    rated = rx(r"Severity:(\w+)").search(m[5])
    if rated:
        severity = severity_of(rated[1])
    tool, kind = tool_of(doc, m[2], code)
    header = at and rx(r"# [\w./\[\] -]+$").match(plain.texts[at - 1])
    if m[1] == "vet" or (header and at > 1 and rx(r"# \[").match(plain.texts[at - 1])):
        tool = "go vet"
    last = excerpt_end(plain, at)
    if last == at:
        for j, text in plain.forward(at + 1, 12):
            if not rx(r"\t+\S| {8,}\S").match(text):
                break
            last = j
    return finding(
        plain, rule, at - 1 if header else at, last, message, severity=severity, tool=tool, kind=kind,
        file=m[2], line=number(m[3]), column=number(m[4]), code=code,
    )  # fmt: skip


def module(doc: Document, i: int, rule: Rule) -> Extracted:
    """`go: module x: not found`, `package x is not in std`, `import cycle not allowed`."""
    text = doc.texts[i].strip()
    m = rx(
        r"(?:^|\s)(?:go: (?!downloading|finding|extracting|creating|to add|found|added|upgraded|warning)(.+)"
        r"|((?:package|imports?|no required module provides package|build constraints exclude) .+))"
    ).search(text)
    if m is None:
        return None
    message = m[1] or m[2]
    bad = rx(
        r"(?i)error|not |cannot|can't|no |invalid|unknown|missing|mismatch|fail|cycle|exclude|malformed|inconsistent|disabled|outside|updates"
    ).search(message)
    if not bad:
        return None
    at = rx(r"(?<![^\s:])([^\s:]+\.(?:go|mod|work|sum)):(\d+)(?::(\d+))?: ").search(doc.texts[i])
    last = i
    for j, below in doc.forward(i + 1, 10):
        if not rx(r"\s+\S").match(below):
            break
        last = j
    return finding(
        doc, rule, i, last, message, file=at[1] if at else "", line=number(at[2]) if at else None,
        column=number(at[3]) if at else None,
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule(
        "go.diagnostic", rf"\.(?:go|s){COLOR}:{COLOR}[0-9]+{COLOR}(?::{COLOR}[0-9]+{COLOR})?: {COLOR}\S", "go", "compiler", Severity.ERROR,
        diagnostic, 18, examples=("./main.go:3:5: undefined: x", "vet: ./a.go:7:2: x declared and not used"),
    ),
    Rule(
        "go.modules",
        rf"{HEAD}go: (?:[a-z./-]+@|[a-z-]+ |errors? |cannot |module |updates |inconsistent|go\.mod)"
        r"|^\s*package \S+ is not in |no required module provides package|import cycle not allowed|build constraints exclude all Go files|cannot find package \x22",
        "go", "compiler", Severity.ERROR, module, 17,
        examples=("go: module example.com/x: not found", "package foo/bar is not in std (/usr/lib/go/src/foo/bar)",
                  "main.go:4:2: no required module provides package example.com/x; to add it:"),
    ),
)  # fmt: skip
