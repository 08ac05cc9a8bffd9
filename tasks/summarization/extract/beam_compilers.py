"""Elixir's, Erlang's and Gleam's compilers, rebar3, and credo's list."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import COLOR, is_gutter, severity_of
from slipstream.tasks.summarization.model import Extracted, Rule, Severity


def elixir_frame(doc: Document, i: int, rule: Rule) -> Extracted:
    """`error: undefined variable "x"`, a frame of │, and its end `└─ lib/a.ex:3:5: A.f/0`."""
    at = rx(r"└─ (\S+?):(\d+)(?::(\d+))?(?::|$)").search(doc.texts[i])
    if at is None:
        return None
    first = None
    for j, text in doc.back(i - 1, 30):
        head = rx(r"^\s*(?:\*\* \((\w+)\) )?(?:(error|warning|info|hint): )?(\S.*)$").match(text)
        if head and (head[1] or head[2]):
            first = j
            break
        if not is_gutter(text) and not rx(r"\s").match(text):
            break
    if first is None or head is None:
        return None
    severity = severity_of(head[2]) if head[2] else Severity.ERROR
    return finding(
        doc, rule, first, i, head[3], severity=severity, file=at[1], line=number(at[2]),
        column=number(at[3]), code=head[1] or "",
    )  # fmt: skip


def elixir_error(doc: Document, i: int, rule: Rule) -> Extracted:
    """`** (CompileError) lib/a.ex:3: undefined function f/0`, and its frame, if any."""
    m = rx(
        r"\*\* \(((?:Compile|Syntax|TokenMissing|MismatchedDelimiter)Error|EEx\.SyntaxError)\) (?:(.*?) )?(?:on )?([\w./-]+\.\w+):(?:(\d+)(?::(\d+))?:?)? ?(.*)$"
    ).search(doc.texts[i])
    if m is None:
        return None
    first, last, message = i, i, m[6] or m[2] or ""
    above = doc.texts[i - 1] if i else ""
    if above.startswith("== Compilation error in file"):
        first = i - 1
    for j, text in doc.forward(i + 1, 24):
        said = rx(r"\s*(?:error|\^|│ \^+ )?: ?(.+)$").match(text)
        if not (is_gutter(text) or rx(r"\s{2,}(?:error|hint|│|└|\d+ )|\s+└").match(text)):
            break
        if said and not message:
            message = said[1]
        last = j
    return finding(
        doc,
        rule,
        first,
        last,
        message.rstrip(":"),
        file=m[3],
        line=number(m[4]),
        column=number(m[5]),
        code=m[1],
    )


def old_warning(doc: Document, i: int, rule: Rule) -> Extracted:
    """`warning: variable "x" is unused` and, on the next line, `  lib/a.ex:3: A.f/0`."""
    m = rx(r"^\s*(warning|error): (.+)$").match(doc.texts[i])
    if m is None:
        return None
    for j, text in doc.forward(i + 1, 12):
        at = rx(
            r"\s+([\w./-]+\.(?:exs?|erl|hrl|l?eex|heex|xrl|yrl)):(\d+)(?::(\d+))?(?::.*)?$"
        ).match(text)
        if at:
            return finding(
                doc, rule, i, j, m[2], severity=severity_of(m[1]), file=at[1], line=number(at[2]),
                column=number(at[3]),
            )  # fmt: skip
        if not text.strip() or not text.startswith(" "):
            return None
    return None


def rebar_frame(doc: Document, i: int, rule: Rule) -> Extracted:
    """rebar3's `┌─ src/a.erl:`, the source, and `╰── syntax error before: 'x'`."""
    at = rx(r"┌─+ (\S+?):?$").search(doc.texts[i])
    if at is None:
        return None
    line, message, last = None, "", i
    for j, text in doc.forward(i + 1, 30):
        if rx(r"\s*┌─").match(text) or (text.strip() and not rx(r"[\s│╰%\d]").match(text)):
            break
        numbered = rx(r"\s*(\d+) [│|]").match(text)
        said = rx(r".*╰─+ (?:(Warning|Error): )?(.+)$").match(text)
        if numbered and not message:
            line = number(numbered[1])
        if text.strip():
            last = j
        if said:
            message = message or said[2]
            warning = said[1] == "Warning"
            return finding(
                doc, rule, i, last, message, tool="erlc", file=at[1], line=line,
                severity=Severity.WARNING if warning else Severity.ERROR,
            )  # fmt: skip
    return None


def credo(doc: Document, i: int, rule: Rule) -> Extracted:
    """credo: `┃ [W] ↗ message` and, below it, `┃       lib/a.ex:7:8 #(A.f)`."""
    m = rx(r"[┃|] \[([A-Z])\] [^\w\s]* ?(.+)$").search(doc.texts[i])
    if m is None:
        return None
    for j, text in doc.forward(i + 1, 6):
        at = rx(r"[┃|]\s+(\S+\.exs?):(\d+)(?::(\d+))?").search(text)
        if at:
            return finding(
                doc, rule, i, j, m[2], severity=Severity.WARNING, file=at[1], line=number(at[2]),
                column=number(at[3]), code=m[1], tool="credo", kind="lint",
            )  # fmt: skip
    return None


RULES: tuple[Rule, ...] = (
    Rule("elixir.frame", r"└─ \S+:[0-9]", "elixir", "compiler", Severity.ERROR, elixir_frame, 22,
         examples=("    └─ lib/a.ex:3:5: A.f/0",)),
    Rule("elixir.error", r"\*\* \((?:(?:Compile|Syntax|TokenMissing|MismatchedDelimiter)Error|EEx\.SyntaxError)\) ", "elixir", "compiler",
         Severity.ERROR, elixir_error, 23, examples=("** (CompileError) lib/a.ex:3: undefined function f/0",)),
    Rule("elixir.warning", rf"^\s*{COLOR}(?:warning|error):{COLOR} \S", "elixir", "compiler", Severity.WARNING, old_warning, 13,
         examples=('warning: variable "x" is unused',)),
    Rule("rebar.frame", rf"┌─+{COLOR} \S+\.\w+:?\r?$", "erlc", "compiler", Severity.ERROR, rebar_frame, 21,
         examples=("   ┌─ src/a.erl:",)),
    Rule("credo.issue", rf"(?:┃|\|) {COLOR}\[[A-Z]\] \S", "credo", "lint", Severity.WARNING, credo, 20,
         examples=("┃ [W] ↗ There should be no calls to IO.inspect/1.",)),
)  # fmt: skip
