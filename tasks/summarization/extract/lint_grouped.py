"""Linters that print a file once and its findings below it: eslint's stylish form and its relatives.

The heading is looked for above each entry; without one the entry is not believed.
"""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import HEAD
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import (
    COLOR,
    MARKS,
    code_of,
    excerpt_end,
    or_error,
    severity_of,
    view,
)
from slipstream.tasks.summarization.extract.toolnames import command_tool, tool_of
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

GROUP_LINES = 500
"""Lines above an entry within which its file's heading is looked for."""

_ENTRY = (
    r"^(.*?)(?<![\w.:/-])(?:(ERROR|WARNING|error|warning):\s+)?(\d{1,6}):(\d{1,5})(?:-\d+:\d+)?:?\s+"
    r"(?:(errors?|warnings?|warn|info|hint|suggestion|note|convention|refactor)\b:?|([✖✘×❌✗⚠‼ℹ])️?)?\s*(\S.*)$"
)


def entry(doc: Document, i: int, rule: Rule) -> Extracted:
    """`  2:10  error  message  rule` below the line that names the file."""
    m = rx(_ENTRY).match(doc.texts[i])
    if m is None:
        return None
    severity = severity_of(m[2] or m[5] or "")
    if severity is None and m[6]:
        severity = MARKS[m[6]]
    code, message = _rule_of(m[7].strip(), tslint=bool(m[2]))
    if severity is None and not rx(r"[A-Z]{1,5}\d{2,4}$|[a-z]+(?:[-:/][a-z]+)+$").match(code):
        return None
    plain, at = view(doc, i, m[1], back=GROUP_LINES, ahead=20)
    file = heading(plain, at)
    if not file:
        return None
    tool, kind = tool_of(doc, file, code, message)
    if tool in ("javascript", "tsc", "yaml", "markdown"):
        tool = {"yaml": "yamllint", "markdown": "remark"}.get(tool, "eslint")
    return finding(
        plain, rule, at, excerpt_end(plain, at), message, severity=or_error(severity),
        tool=tool, kind="lint" if kind == "compiler" else kind, file=file, line=number(m[3]),
        column=number(m[4]), code=code,
    )  # fmt: skip


def _rule_of(text: str, *, tslint: bool) -> tuple[str, str]:
    """The rule and the message: the last column, or a code before or after the message."""
    columns = [c for c in rx(r"\s{2,}").split(text) if c]
    if tslint and len(columns) == 2:
        return columns[0], columns[1]
    if len(columns) > 2 and columns[-1].startswith(("remark", "retext")):
        columns = columns[:-1]
    if len(columns) > 1 and " " not in columns[-1]:
        return columns[-1].strip("()[]"), "  ".join(columns[:-1])
    code, message = code_of(text)
    if code:
        return code, message.removeprefix("[*] ")
    tail = rx(r"^(.+) ([a-z]+(?:-[a-z]+)+) (?:remark-lint|retext-\w+|remark-[\w-]+)$").match(text)
    return (tail[2], tail[1].strip()) if tail else ("", text)


def heading(doc: Document, i: int) -> str:
    """The file named above the entry at `i`; "" when there is none."""
    for _, text in doc.back(i - 1, GROUP_LINES):
        if not text or text.isspace():
            return ""
        if text[0] in " \t0123456789" and (
            rx(r"\s*\d+:\d+").match(text) or not rx(r"\s{0,8}[^\s:]*[/.][^\s:]*$").match(text)
        ):
            continue
        if rx(_ENTRY).match(text) and rx(r"\s*(?:ERROR|WARNING|error|warning):").match(text):
            continue
        name = text.strip().removeprefix("File: ").rstrip(":").strip()
        name = rx(r"(?<!\s)\s+(?:\(\d+ \w+\)|-+ ?\d+ \w+|✖.*)$").sub("", name)
        if rx(r"[^:*?\"<>|]{1,300}$|[A-Za-z]:[\\/][^:*?\"<>|]+$").match(name) and rx(
            r"[/\\]|\.\w{1,12}$|^[A-Z]\w+file$|<(?:stdin|text)>"
        ).search(name):
            return name
        return ""
    return ""


def biome(doc: Document, i: int, rule: Rule) -> Extracted:
    """biome: `src/a.js:1:2 lint/style/useConst FIXABLE ━━━━`, then `  × message` and a frame."""
    m = rx(
        r"(?<!\S)([^\s:]+)(?::(\d+):(\d+))? ((?:lint|format|parse|assist|organizeImports|internalError|check|ci|suppressions)\S*)\s.{0,60}━{3,}"
    ).search(doc.texts[i])
    if m is None:
        return None
    plain, at = view(doc, i, doc.texts[i][: m.start()])
    last, message, severity = at, "", Severity.ERROR
    for j, text in plain.forward(at + 1, 60):
        if "━━━" in text or rx(r"\S").match(text):
            break
        said = rx(r"\s{0,4}([×✖⚠!ℹi])\s+(\S.*)").match(text)
        if said and not message:
            message = said[2]
            severity = MARKS.get(said[1], Severity.WARNING if said[1] == "!" else Severity.ERROR)
        if text.strip():
            last = j
    return finding(
        plain, rule, at, last, message or m[4], severity=severity, tool=command_tool(doc) or "biome",
        file=m[1], line=number(m[2]), column=number(m[3]), code=m[4],
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule(
        "grouped.entry",
        # The digit before the word is enough for the scan; the whole form took it four times as long.
        rf"[0-9]{COLOR}\s{{1,9}}{COLOR}(?:error|warning|warn|info|hint|suggestion)s?{COLOR}\s"
        rf"|[0-9]{COLOR}\s{{1,9}}{COLOR}(?:✖|✘|×|❌|✗|⚠|‼|ℹ)|^\s*[0-9]{{1,6}}:[0-9]{{1,5}} {{1,5}}[A-Z]{{1,5}}[0-9]{{2,4}} ",
        "eslint", "lint", Severity.ERROR, entry, 16,
        examples=("  2:10  error    'x' is defined but never used  no-unused-vars",
                  " 116:3   ✖  Unexpected longhand value   shorthand-property", "  1:8 F401 [*] `os` imported but unused"),
    ),
    Rule(
        "grouped.tslint", rf"{HEAD}(?:ERROR|WARNING): [0-9]+:[0-9]+ ", "tslint", "lint", Severity.ERROR, entry, 16,
        examples=("ERROR: 1:2   semicolon   Missing semicolon",),
    ),
    Rule(
        "biome.heading", r" (?:lint|format|parse|assist|organizeImports|check|ci|suppressions)[/\w]*[^━]{0,40}━━━", "biome", "lint", Severity.ERROR, biome, 20,
        examples=("src/a.js:1:2 lint/style/useConst  FIXABLE  ━━━━━━━━━━",),
    ),
)  # fmt: skip
