"""Diagnostics that open with `error[code]: message` and point with an arrow: `--> file:3:5`.

rustc made the form, and libraries brought it to many tools: annotate-snippets (ruff, typos, ty),
codespan (`┌─ file:3:5`), miette and ariadne (`╭─[file:3:5]`, `,-[file:3:5]`).
"""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import (
    COLOR,
    code_of,
    is_gutter,
    severity_of,
    view,
)
from slipstream.tasks.summarization.extract.toolnames import command_tool, tool_of
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

_ARROW = r"^(.*?)(?:-->|╭─+\[?|┌─+|,-+\[|╭▸|╭╴|→)\s*((?:[A-Za-z]:[\\/])?[^\s:\[\]][^:\[\]]{0,300}?):(\d+)(?:[:.](\d+))?(?:-[\d:]+)?(?=\s|\]|$)"
_LEVEL = (
    r"^(.*?)(?<![\w/.-])(fatal|[Ee]rror|ERROR|[Ww]arning|WARNING|[Nn]ote|[Hh]int|[Hh]elp|[Ii]nfo|advice|[×✖⚠☞ℹ!])"
    r"(?:\[([^\]]+)\])?(?::| ?(?=\[)|(?<=[×✖⚠☞ℹ!]))\s*(\S.*)$"
)
_RULE_FIRST = (
    r"^(\s*)([A-Z]{1,5}\d{2,5}|[a-z]+[-(/][\w./()-]+|[a-z]+(?=:))(?: \[\*\])?:? (?:\[\*\] )?(.+)$"
)
HEAD_LINES = 12
"""Lines above the arrow within which the message stands."""


def arrow(doc: Document, i: int, rule: Rule) -> Extracted:
    """The arrow names the position; the message stands above, the excerpt and help below."""
    at = rx(_ARROW).match(doc.texts[i])
    if at is None:
        return None
    first, prefix, head = _head(doc, i, at[1])
    if head is None:
        return None
    severity, code, message = head
    plain, here = view(doc, i, prefix, back=HEAD_LINES + 2)
    top = here - (i - first)
    last, shown = _block_end(plain, here)
    message = " ".join(
        [message, *(t.strip() for t in plain.texts[top + 1 : here] if t.strip(" |│"))]
    )
    if not code:
        code, message = _lint_of(plain, here, last) or code_of(message)[0], message
    tool, kind = tool_of(doc, at[2], code, message)
    if at[2].endswith((".py", ".pyi", ".ipynb")):
        tool = "ty" if "-" in code and f"[{code}]" in doc.texts[first] else "ruff"
    focus = ((plain.numbers[top], plain.numbers[shown]),) if shown < last else ()
    return finding(
        plain, rule, top, last, message, severity=severity, tool=tool, kind=kind, file=at[2].strip(),
        line=number(at[3]), column=number(at[4]), code=code, focus=focus,
    )  # fmt: skip


def _lint_of(doc: Document, i: int, last: int) -> str:
    """rustc names a lint in a note: `#[warn(unused_imports)]`, clippy in its link."""
    for text in doc.texts[i : last + 1]:
        m = rx(
            r"#\[(?:warn|deny|forbid)\(([\w:]+)\)\]|rust-clippy/\S*#(\w+)|`-[DWF] ([\w:-]+)`"
        ).search(text)
        if m:
            return m[1] or (f"clippy::{m[2]}" if m[2] else m[3].replace("-", "_"))
    return ""


def _head(doc: Document, i: int, indent: str) -> tuple[int, str, tuple[Severity, str, str] | None]:
    """Index, prefix and (severity, code, message) of the line that opens the block."""
    for j, text in doc.back(i - 1, HEAD_LINES):
        m = rx(_LEVEL).match(text)
        if m:
            severity = severity_of(m[2]) or {"×": 2, "✖": 2, "⚠": 1}.get(m[2], 0)
            if m[2].lower() in ("help", "advice", "note") and i - j < 2 and not m[3]:
                return j, m[1], None
            return j, m[1], (Severity(severity), m[3] or "", m[4])
        m = rx(_RULE_FIRST).match(text)
        if m and j == i - 1:
            return j, m[1], (Severity.ERROR, m[2], m[3])
        if not text.strip() and j < i - 1:
            break
        if rx(_ARROW).match(text):
            break
    m = rx(r"^(\s*)(\S.*)$").match(doc.texts[i - 1]) if i else None
    if m and command_tool(doc):
        return i - 1, "", (Severity.ERROR, "", m[2])
    del indent
    return i, "", None


def _block_end(doc: Document, i: int) -> tuple[int, int]:
    """Indices of the block's last line, and of the end of its first excerpt.

    The excerpt, `= note:` lines and the notes and helps with excerpts of their own belong to it.
    """
    last = i
    shown: int | None = None
    for j, text in doc.forward(i + 1, 100):
        stripped = text.strip()
        if is_gutter(text) or rx(
            r"\s*(?:\d+ [│|]|= (?:note|help|warning)|\.\.\.$|[╰└`┴]|[╭┌]─?|,-|:::|::: )"
        ).match(text):
            last = j
            continue
        if rx(r"\s*-->|\s*:::").match(text):
            last = j
            continue
        if rx(r"\s*(?:note|help|suggestion|info|Help|Note|hint)(?:\[[^\]]+\])?:? \S").match(text):
            shown = last if shown is None else shown
            last = j
            continue
        if not stripped:
            following = doc.texts[j + 1] if j + 1 < len(doc) else ""
            if rx(r"\s*(?:note|help|Help|hint): \S|\s*(?:\d+ )?[|│]").match(following):
                continue
            break
        if not rx(r"\s{2,}\S").match(text):
            break
        last = j
    return last, last if shown is None else shown


RULES: tuple[Rule, ...] = (
    Rule(
        "snippet.arrow",
        rf"(?:-->|╭─+{COLOR}\[|┌─+|,-+{COLOR}\[){COLOR} ?{COLOR}[^\s:\[\]][^:\[\]]{{0,300}}:[0-9]{{1,7}}(?::[0-9]|[\]\s\x1b]|\r?$)",
        "rustc", "compiler", Severity.ERROR, arrow, 21,
        examples=("  --> src/main.rs:3:5", "   ┌─ src/a.move:3:5", "   ╭─[src/a.ts:3:5]", "   ,-[a.js:3:1]"),
    ),
)  # fmt: skip
