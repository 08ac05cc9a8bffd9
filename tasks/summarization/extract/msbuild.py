"""`file(12,30): error CS0103: message [project]`: MSBuild, csc, MSVC, tsc, and what imitates them.

Also the linker's and the project's own form without a position, `a.obj : error LNK2019: message`,
and the counts that close a build.
"""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import seconds
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import (
    CI_PREFIX,
    COLOR,
    excerpt_end,
    notes_end,
    severity_of,
    view,
)
from slipstream.tasks.summarization.extract.toolnames import tool_of
from slipstream.tasks.summarization.model import Extracted, Rule, Severity, Tally

_LEVEL = r"(fatal error|[Ff]atal|FATAL|[Ee]rror|ERROR|[Ww]arning|WARNING|[Nn]ote|[Hh]int|[Ii]nfo(?:rmation)?|[Mm]essage|remark|Style)"
_POSITION = (
    rf"\((\d{{1,7}})(?:[,:]\s?(\d{{1,5}}))?(?:[,-]\s?\d+)*\)\s?:?\s*(?:- )?{_LEVEL}\b\s*"
    r"(?:#?([A-Z]{0,8}[\w-]*\d+)|\[(\w+)\])?\s?:?\s*(.*)$"
)


def positioned(doc: Document, i: int, rule: Rule) -> Extracted:
    """`file(line,column): severity CODE: message [project]`."""
    text = doc.texts[i]
    m = rx(_POSITION).search(text)
    if m is None or not m[6]:
        return None
    before = text[: m.start()]
    prefix = rx(CI_PREFIX + r"(?:\d+>)?\s*").match(before)
    assert prefix is not None  # every part of it is optional
    file = before[prefix.end() :]
    if not file or rx(r"[\"<>|]|: ").search(file):
        return None
    message = m[6]
    message = _without_project(message)[0]
    code = m[4] or m[5] or ""
    if rx(r"[CRWEFI]\d{4}$").match(code) and file.endswith(".py"):
        tool, kind = "pylint", "lint"
    else:
        tool, kind = tool_of(doc, file, code)
    plain, at = view(doc, i, prefix[0])
    last = _continued(plain, at, code)
    end = last
    if severity_of(m[3]) != Severity.INFO:
        last = notes_end(plain, last)
    return finding(
        plain, rule, at, last, message, severity=severity_of(m[3]), tool=tool, kind=kind, file=file,
        line=number(m[1]), column=number(m[2]), code=code,
        focus=((plain.numbers[at], plain.numbers[end]),) if last > end else (),
    )  # fmt: skip


def _without_project(message: str) -> tuple[str, str]:
    """The message without `[/src/App.csproj]` at its end, and the project."""
    head, bracket, tail = message.rpartition(" [")
    if bracket and tail.endswith("]") and rx(r"\.\w*proj\b|\.slnx?\b").search(tail):
        return head.rstrip(), tail[:-1]
    return message, ""


def _continued(doc: Document, i: int, code: str) -> int:
    """Index of the last line that carries on the message: tsc and MSVC indent it."""
    last = excerpt_end(doc, i)
    deep = {"T": r"\s{2,}\S", "C": r"\s{8,}\S"}.get(code[:1]) if not code.startswith("CS") else None
    if deep:
        for j, text in doc.forward(last + 1, 20):
            if not rx(deep).match(text) or rx(_POSITION).search(text):
                break
            last = j
    return last


def unpositioned(doc: Document, i: int, rule: Rule) -> Extracted:
    """`LINK : fatal error LNK1104: message`, `app.csproj : error NU1101: message [a.sln]`."""
    m = rx(
        r"^(?:\d{4}-\S+Z )?(?:\s*\d+>)?((?:\s*[A-Za-z]:)?[^:\"<>|]{0,300}): (?:Command line )?(fatal error|error|warning|message) ([A-Z]{1,8}\d{2,6})\s?: (.+)$"
    ).search(doc.texts[i])
    if m is None:
        m = rx(
            r"^()\s*(?:\w+>)?(fatal error|error|warning) ((?:CS|MSB|NU|NETSDK|LNK|FS|BC|CA|TS|AD|MC|RC|C)\d{3,6})\s?: (.+)$"
        ).search(doc.texts[i])
    if m is None:
        return None
    message, project = _without_project(m[4])
    tool = tool_of(doc, "", m[3])[0]
    file = m[1].strip() if "." in m[1] else ""
    if m[3].startswith("TS"):
        tool = "tsc"
    return finding(
        doc, rule, i, i, message, severity=severity_of(m[2]), tool=tool if tool != "lint" else "msbuild",
        kind="compiler", file=file, code=m[3], name=project,
    )  # fmt: skip


def count(doc: Document, i: int, rule: Rule) -> Extracted:
    """`    3 Error(s)` with `12 Warning(s)` above; `Build failed with 2 error(s) in 1.2s`."""
    text = doc.texts[i]
    counts = [
        (word.lower() + "s", int(n))
        for n, word in rx(r"(\d{1,9}) ([Ee]rror|[Ww]arning)\(s\)").findall(text)
    ]
    if len(counts) == 1 and counts[0][0] == "errors" and "Build" not in text:
        above = rx(r"(\d{1,9}) Warning\(s\)").search(doc.texts[i - 1]) if i else None
        if above:
            counts.append(("warnings", int(above[1])))
    if not counts or (counts[0][0] == "warnings" and "Build" not in text):
        return None
    duration = rx(r" in ([\d.]+ ?\w+)$").search(text)
    took = seconds(duration[1]) if duration else None
    for _, below in doc.forward(i + 1, 4):
        elapsed = rx(r"Time Elapsed (\S+)").search(below)
        if elapsed:
            took = seconds(elapsed[1])
    failed = dict(counts).get("errors", 0) > 0 or "failed" in text
    return Tally("dotnet", "compiler", doc.numbers[i], failed, tuple(counts), took)


RULES: tuple[Rule, ...] = (
    Rule(
        "msbuild.position",
        rf"[0-9]{COLOR}\){COLOR}\s?:?\s{{0,2}}(?:- )?{COLOR}(?:[Ff]atal|[Ee]rror|ERROR|[Ww]arning|WARNING|note|[Hh]int|info|message)\b",
        "msbuild", "compiler", Severity.ERROR, positioned, 20,
        examples=("src\\A.cs(229,30): warning CS0618: 'x' is obsolete [C:\\a\\A.csproj]",
                  "main.cpp(12): error C2065: 'x': undeclared identifier",
                  "a.ts(3,13): error TS7006: Parameter 'y' implicitly has an 'any' type.",
                  "a.nim(3, 5) Error: undeclared identifier: 'x'"),
    ),
    Rule(
        "msbuild.code",
        r": (?:Command line )?(?:fatal error|error|warning) [A-Z]{1,8}[0-9]{2,6}\s?: |^\s*(?:fatal error|error|warning) [A-Z]{1,6}[0-9]{3,6}: ",
        "msbuild", "compiler", Severity.ERROR, unpositioned, 18,
        examples=("LINK : fatal error LNK1104: cannot open file 'a.lib'",
                  "error TS18003: No inputs were found in config file",
                  "a.obj : error LNK2019: unresolved external symbol foo"),
    ),
    Rule(
        "msbuild.count", r"[0-9] (?:Error|Warning|error|warning)\(s\)", "dotnet", "compiler", None, count, 30,
        examples=("    3 Error(s)", "Build failed with 2 error(s) and 1 warning(s) in 1.2s"),
    ),
)  # fmt: skip
