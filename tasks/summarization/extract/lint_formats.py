"""Diagnostics in the formats that most linters and compilers share, whatever the tool.

`file:line:column: severity: message [code]` and its relatives are read here once. A severity next
to a position is proof enough; a bare position is believed only where the line starts with it, for
application logs, stack frames and addresses name positions too.
"""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import block_end, finding, number, rx
from slipstream.tasks.summarization.extract.located import (
    COLOR,
    Diagnosis,
    code_of,
    diagnosis,
    excerpt_end,
    notes_end,
    or_error,
    severity_of,
    starts_line,
    view,
)
from slipstream.tasks.summarization.extract.toolnames import command_tool, known_extension, tool_of
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity

_SEARCHERS = frozenset({"grep", "rg", "ag", "ack", "egrep", "fgrep", "git", "cat", "sed", "awk"})
"""Commands whose output names positions without complaining about them."""

_TALK = (
    r"(?:(?:in|at) [`'<\w]|in$|\w+(?:\.\w+)*(?:Error|Exception|Failure)$|\[?(?:INFO|DEBUG|TRACE)\b|PASS|ok\b|\+0x|\(\w+\)$|[\w.:?!]+/\d+$|anonymous fn|Failed$|[=*-]{3}"
    r"|SKIP|xfail|\d+ (?:passed|failed)|Pulling|digest)"
)
"""What stands after a position in stack frames, logs and test listings."""

_PYTHON_WARNING = r"(\w*Warning): (.+)"


def located(doc: Document, i: int, rule: Rule) -> Extracted:
    """`file:line:column: severity: message`: a severity stands beside the position."""
    found = diagnosis(doc.texts[i])
    if found is None or found.severity is None or not found.message:
        return None
    if rx(r"\d\d:\d\d:\d\d[,. ](?!.*Z )").search(found.before):
        return None  # an application's log, which names where it was written
    if not (
        starts_line(found.before)
        or rx(r"(?i)(?:error|warn\w*|note|info|\be|\bw)\W*(?:in )?$").search(found.before)
    ):
        return None
    return _made(doc, i, rule, found)


_EXTENSIONS = (
    "rb|py|pyi|pyx|ipynb|js|mjs|cjs|jsx|ts|tsx|vue|svelte|go|rs|c|cc|cpp|cxx|h|hpp|m|mm|d|s|S|asm|"
    "java|kt|kts|groovy|gradle|scala|sbt|swift|php|pl|pm|lua|sh|bash|ps1|bat|css|scss|less|sass|"
    "html|haml|slim|erb|hbs|twig|pug|j2|md|rst|adoc|tex|yml|yaml|json|toml|ini|cfg|conf|properties|"
    "env|xml|proto|graphql|sql|tf|ex|exs|erl|hrl|hs|ml|mli|re|res|elm|purs|clj|cljs|el|vim|r|R|jl|"
    "dart|cs|vb|fs|pp|txt|cmake|mk|coffee|nim|zig|cr|sol|robot|feature|bzl|star|v|sv|vhd|f90|adb|ads"
)
_POSITION = (
    "|".join(rf"[A-Za-z_]:[0-9]{{{digits}}}:[0-9]" for digits in range(1, 6))
    + rf"|\.(?:{_EXTENSIONS}){COLOR}:{COLOR}[0-9]"
)
"""Of fixed lengths and with literals: a repetition here would cost as much as 200 other rules."""


def bare_position(doc: Document, i: int, rule: Rule) -> Extracted:
    """`file:line:column: message`: nothing says how bad it is, so the line must start with it."""
    text = doc.texts[i]
    if doc.command and doc.command[0].rpartition("/")[2] in _SEARCHERS:
        return None
    found = diagnosis(text)
    if found is None or len(found.message) < 4 or not starts_line(found.before):
        return None
    above = doc.texts[i - 1] if i else ""
    if rx(r"\[ *SKIPPED *\]|\bSKIP\b|\bPending (?:→|->)").search(above):
        return None  # why a test was skipped
    if rx(_TALK).match(found.message) or rx(r"://|\d+:\d+:\d+").search(
        text[: len(found.before) + 12]
    ):
        return None
    if found.column is None:
        if "/" not in found.file and not known_extension(found.file):
            return None
        if found.file.endswith("_test.go"):
            return None  # what a test logs
        if rx(r"[a-z]:\d+[^\s:]").match(text[len(found.before) :]):
            return None
    return _made(doc, i, rule, found)


def _made(doc: Document, i: int, rule: Rule, found: Diagnosis) -> Finding:
    code, message, severity = found.code, found.message.removeprefix("[*] "), found.severity
    unix = rx(r"(Error|Warning)/(.+)").match(code)
    if unix:
        severity, code = severity_of(unix[1]), unix[2]
    warning = rx(_PYTHON_WARNING).match(message)
    if warning or (code.endswith("Warning") and severity is None):
        code = warning[1] if warning else code
        message = warning[2] if warning else message
        severity = Severity.WARNING
    rated = rx(r"(LOW|MEDIUM|HIGH): |.*\b[Ss]everity: ?(\w+)").match(message)
    if severity is None and rated:
        severity = severity_of(rated[1] or rated[2])
    if severity is None and rx(r"W\d{3}$").match(code):
        severity = Severity.WARNING
    tool, kind = tool_of(doc, found.file, code, message)
    if tool == "pylint":
        severity = severity_of({"E": "error", "F": "fatal", "I": "info"}.get(code[0], "warning"))
    plain, at = view(doc, i, found.before)
    last = excerpt_end(plain, at)
    if last + 1 < len(plain) and plain.texts[last + 1].startswith("Found:"):
        last, tool, kind = block_end(plain, last + 1), "hlint", "lint"  # before and after
    elif severity != Severity.INFO:
        last = notes_end(plain, last, same=None if kind == "compiler" else (found.file, found.line))
        last = max(last, _details_end(plain, at, last))
    return finding(
        plain, rule, at, last, message, severity=or_error(severity), tool=tool, kind=kind,
        file=found.file, line=found.line, column=found.column, code=code,
    )  # fmt: skip


def _details_end(doc: Document, i: int, last: int) -> int:
    """Index of the end of the lines below a finding that are indented deeper than it."""
    width = len(doc.texts[i]) - len(doc.texts[i].lstrip())
    for j, text in doc.forward(last + 1, 16):
        if not text.strip() or len(text) - len(text.lstrip()) < width + 2:
            break
        last = j
    return last


def bracketed(doc: Document, i: int, rule: Rule) -> Extracted:
    """`file[12, 3]: message` of tslint, with or without `ERROR: ` before it."""
    m = rx(r"^\s*(?:(\w+):\s+)?([^\s:\[]+)\[(\d+), ?(\d+)\]: (.+)").search(doc.texts[i])
    if m is None or "." not in m[2]:
        return None
    return finding(
        doc, rule, i, i, m[5], severity=severity_of(m[1] or "") or Severity.ERROR, tool="tslint",
        file=m[2], line=number(m[3]), column=number(m[4]),
    )  # fmt: skip


def worded(doc: Document, i: int, rule: Rule) -> Extracted:
    """`file: line 2, col 10, Error - message (rule)` of eslint compact, jshint and csslint."""
    m = rx(
        r"^\s*(\S.*?): line (\d+), (?:col|column|char|character) (\d+)[,:]?\s+(?:(\w+)\s+-\s+)?(.+)"
    ).search(doc.texts[i])
    if m is None:
        return None
    code, message = code_of(m[5])
    severity = severity_of(m[4] or "") or Severity.ERROR
    tool = command_tool(doc) or ("eslint" if m[4] else "jshint")
    return finding(
        doc, rule, i, i, message, severity=severity, tool=tool, file=m[1], line=number(m[2]),
        column=number(m[3]), code=code,
    )  # fmt: skip


def quoted(doc: Document, i: int, rule: Rule) -> Extracted:
    """`"file", line 12: message` of old Unix compilers, and `file "x", line 3`."""
    m = rx(
        r"^\s*(?:\w+: )?[Ff]?i?l?e? ?\"([^\"]+)\", line (\d+)(?:[.,](?: col(?:umn)? )?(\d+))?: (.+)"
    ).search(doc.texts[i])
    if m is None:
        return None
    word = rx(r"(?i)(?:\d+-\d+ \(\w\) )?(error|warning|note)\b:?\s*").match(m[4])
    severity = severity_of(word[1]) if word else None
    tool, kind = tool_of(doc, m[1], "")
    return finding(
        doc, rule, i, excerpt_end(doc, i), m[4], severity=or_error(severity), tool=tool,
        kind=kind, file=m[1], line=number(m[2]), column=number(m[3]),
    )  # fmt: skip


def trailing_line(doc: Document, i: int, rule: Rule) -> Extracted:
    """`file - ERROR: message on line 7`, with or without the severity."""
    m = rx(
        r"^\s*(?:(?:\[\w+\]|\w+):? )?([^\s:./]*[./][^\s:]*)(?: -|:) (?:(\w+): )?(.+?),? (?:on|at|near) line (\d+)"
        r"(?:,? col(?:umn)?:? (\d+))?\.?$"
    ).search(doc.texts[i])
    if m is None:
        return None
    severity = severity_of(m[2] or "")
    if severity is None and m[2] and not rx(r"(?i)error|invalid|fail").search(m[2] + m[3]):
        return None
    tool, kind = tool_of(doc, m[1], "")
    return finding(
        doc, rule, i, i, m[3], severity=or_error(severity), tool=tool, kind=kind,
        file=m[1], line=number(m[4]), column=number(m[5]),
    )  # fmt: skip


def attributes(doc: Document, i: int, rule: Rule) -> Extracted:
    """`error file=x message=y line=6 column=7` of scalastyle, and CI workflow commands."""
    text = doc.texts[i]
    m = rx(r"::(error|warning|notice) ([^:]*(?::[^:]+)*?)::(.*)").search(text)
    if m:
        fields = dict(rx(r"(\w+)=([^,]*)").findall(m[2]))
        message, word = m[3].replace("%0A", " ").replace("%25", "%"), m[1]
        again = diagnosis(message)
        if again and fields.get("file", "").endswith(again.file) and not again.before:
            message = f"{again.code} {again.message}" if again.code else again.message
    else:
        m = rx(
            r"^\s*(error|warning|info) file=(\S+) message=(.*?)(?: line=(\d+))?(?: column=(\d+))?$"
        ).search(text)
        if m is None:
            return None
        return finding(
            doc, rule, i, i, m[3], severity=severity_of(m[1]), tool="scalastyle", file=m[2],
            line=number(m[4]), column=number(m[5]),
        )  # fmt: skip
    titled = rx(r"^(?:(\w+) \()?([\w./@-]+)\)?$").match(fields.get("title", ""))
    code, message = code_of(message)
    code = titled[2] if titled else code
    tool, kind = tool_of(doc, fields.get("file", ""), code, message)
    return finding(
        doc, rule, i, i, message, severity=severity_of(word), tool=tool, kind=kind,
        file=fields.get("file", ""), line=number(fields.get("line")),
        column=number(fields.get("col")), code=code,
    )  # fmt: skip


_SEVERE = r"(?:(?:fatal |internal compiler |internal |syntax )?error|warning|fatal|critical)"
_MILD = (
    r"(?:note|info|hint|style|performance|portability|convention|refactor|remark|suggestion|notice"
    r"|information)"
)
"""As compilers and linters write them: in capitals, after a time, they begin the ordinary lines of
application logs, of which none may match."""

RULES: tuple[Rule, ...] = (
    Rule(
        "located.severity",
        rf"[0-9]{COLOR}[:)\]]?{COLOR}[\s-]{{1,3}}{COLOR}[\[(]?{_SEVERE}\b|[0-9]:{_SEVERE}\b",
        "lint", "lint", Severity.ERROR, located, 12, True,
        ("src/a.c:3:5: error: expected ';'", "a.yml:1:1: [warning] missing document start",
         "src/a.ts:3:5 - error TS2322: no", "main.php:80:8:error - Undefined"),
    ),
    Rule(
        "located.mild",
        rf"[0-9]{COLOR}(?:[:)]{COLOR}\s{{1,3}}| - |  ){COLOR}[\[(]?{_MILD}\b|[0-9]:{_MILD}\b",
        "lint", "lint", Severity.INFO, located, 12,
        examples=("x.py:12: note: see", "src/a.py:3:5 - information: no", "  3:5  info  no"),
    ),
    Rule(
        "located.before",
        r"(?:error|warning|ERROR|WARNING|Error|Warning|\be|\bw): ?(?:in )?[^\s:]+:[0-9]{1,6}[:\s]",
        "lint", "lint", Severity.ERROR, located, 12,
        examples=("ERROR: /app/BUILD:12:5: no such target", "error:a.py:1:3:cannot format"),
    ),
    Rule(
        "located.bare",
        _POSITION,
        "lint", "lint", Severity.ERROR, bare_position, 10,
        examples=("x.lua:5:17: trailing whitespace", "[a.proto:1:1] File name should be lower",
                  ".env:1 Leading space detected", "views/a.haml:33 [W] ImplicitDiv: no"),
    ),
    Rule(
        "located.bracketed", r"\w\[[0-9]{1,6}, ?[0-9]{1,5}\]: ", "tslint", "lint", Severity.ERROR,
        bracketed, 12, examples=("src/a.ts[418, 38]: ' should be \"",),
    ),
    Rule(
        "located.worded", r": line [0-9]+, (?:col|char)", "eslint", "lint", Severity.ERROR, worded, 14,
        examples=("/a.js: line 2, col 10, Error - 'x' is unused. (no-unused-vars)",),
    ),
    Rule(
        "located.quoted", r"\", line [0-9]+(?:[.,][0-9 col]+)?: ", "compiler", "compiler",
        Severity.ERROR, quoted, 10, examples=('"a.c", line 12: syntax error',),
    ),
    Rule(
        "located.trailing", r" (?:on|at|near) line [0-9]+(?:,? col(?:umn)?:? [0-9]+)?\.?\r?$", "lint", "lint",
        Severity.ERROR, trailing_line, 10,
        examples=("manifests/a.pp - ERROR: a not in autoload module layout on line 7",),
    ),
    Rule(
        "located.attributes", r"::(?:error|warning|notice) \w+=|(?:error|warning) file=\S+ message=", "lint", "lint",
        Severity.ERROR, attributes, 14,
        examples=("::error file=a.js,line=1,col=5::Missing semicolon",
                  "warning file=a.scala message=no line=6 column=7"),
    ),
)  # fmt: skip
