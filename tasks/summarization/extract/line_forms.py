r"""Tools whose whole diagnostic is one line in a form of its own, as data: a pattern for each.

A form's named groups are file, line, column, severity, code and message; what a form does not say
is an error. Source and caret lines below belong to the finding.
"""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import (
    code_of,
    excerpt_end,
    or_error,
    severity_of,
)
from slipstream.tasks.summarization.extract.toolnames import command_tool
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

_FILE = r"(?<![^\s:\"'`(),\[\]])(?P<file>(?:[A-Za-z]:[\\/])?[^\s:\"'`(),\[\]]+)"
_AT = rf"{_FILE}:(?P<line>\d+)(?::(?P<column>\d+))?"

LENGTH = 1500
"""Characters of a line that are read; none of these tools prints a longer one."""

_SCAN: dict[str, tuple[str, str, str, str, str]] = {
    # name: (pattern of the scan, form, tool, kind, example)
    "verilator": (
        r"%(?:Error|Warning)(?:-[A-Z0-9]+)?: \S+:[0-9]",
        rf"%(?P<severity>Error|Warning)(?:-(?P<code>\w+))?: {_AT}: (?P<message>.+)",
        "verilator", "compiler", "%Warning-WIDTH: top.v:12:5: Operator ADD expects 8 bits",
    ),
    "modelsim": (
        r"\*\* (?:Error|Warning|Fatal)(?: \([\w -]+\))?: ",
        rf"\*\* (?P<severity>Error|Warning|Fatal)(?: \([\w -]+\))?: (?:\((?P<code>[\w-]+)\) )?(?:{_FILE}\((?P<line>\d+)\): )?(?P<message>.+)",
        "modelsim", "compiler", "** Error: top.v(12): near \"end\": syntax error",
    ),
    "vivado": (
        r"(?:ERROR|WARNING): \[\w+ [0-9]+-[0-9]+\] ",
        r"(?P<severity>ERROR|CRITICAL WARNING|WARNING): \[(?P<code>\w+ \d+-\d+)\] (?P<message>.+?)(?: \[(?P<file>[^\[\]:]+):(?P<line>\d+)\])?$",
        "vivado", "compiler", "ERROR: [Synth 8-439] module 'fifo' not found [/src/top.v:12]",
    ),
    "quartus": (
        r"(?:Error|Warning) \([0-9]{4,6}\): ",
        rf"(?P<severity>Error|Warning) \((?P<code>\d+)\): (?P<message>.+? at {_FILE}\((?P<line>\d+)\).*)",
        "quartus", "compiler", "Error (10170): Verilog HDL syntax error at top.v(12) near text",
    ),
    "iverilog": (
        r"\.(?:s?v|vhdl?|svh):[0-9]+: (?:syntax error|error|sorry)",
        rf"{_AT}: (?P<message>syntax error.*|error: .+|sorry: .+)",
        "iverilog", "compiler", "top.v:3: syntax error",
    ),
    "haxe": (
        r"\.hx:[0-9]+: (?:characters|lines?) [0-9]+",
        rf"(?:\[(?P<severity>\w+)\] )?{_FILE}:(?P<line>\d+): (?:characters|lines?) (?P<column>\d+)(?:-\d+)?\s?:?\s?(?P<message>.*)",
        "haxe", "compiler", "src/Main.hx:3: characters 5-8 : Type not found : Foo",
    ),
    "dart.analyzer": (
        r"(?:error|warning|info) (?:•|-) .{1,300} (?:•|-) \S+:[0-9]+:[0-9]+",
        rf"(?P<severity>error|warning|info) (?:•|-) (?P<message>.+?) (?:•|-) {_AT} (?:•|-) (?P<code>\w+)",
        "dart", "lint", "  error • Undefined name 'x' • lib/a.dart:3:5 • undefined_identifier",
    ),
    "dart.analyze": (
        r"(?:error|warning|info) - \S+:[0-9]+:[0-9]+ - ",
        rf"(?P<severity>error|warning|info) - {_AT} - (?P<message>.+) - (?P<code>\w+)$",
        "dart", "lint", "  error - lib/a.dart:3:5 - Undefined name 'x'. - undefined_identifier",
    ),
    "kotlinc.script": (
        r"\b[ew]: (?:file://)?\S+:(?: \([0-9]+, [0-9]+\):|[0-9]+:[0-9]+:?) ",
        r"(?P<severity>[ew]): (?:file://)?(?P<file>(?:/?[A-Za-z]:)?[^:]+):(?: \((?P<line>\d+), (?P<column>\d+)\):|(?P<line2>\d+):(?P<column2>\d+):?) (?P<message>.+)",
        "kotlinc", "compiler", "e: file:///src/A.kt:3:5 Unresolved reference: foo",
    ),
    "kotlinc.plain": (
        r"^(?:> Task \S+ )?[ew]: [a-zA-Z]",
        r"(?P<severity>[ew]): (?!(?:file://)?\S+:(?:\d|\s\())(?P<message>[a-zA-Z].+)", "kotlinc", "compiler", "e: java.lang.IllegalStateException: Backend failed",
    ),
    "thrift": (
        r"\[(?:ERROR|WARNING|FAILURE):\S+:[0-9]+\]",
        rf"\[(?P<severity>ERROR|WARNING|FAILURE):{_FILE}:(?P<line>\d+)\] (?P<message>.+)", "thrift", "compiler",
        "[ERROR:/src/a.thrift:12] (last token was 'x')",
    ),
    "lua.syntax": (
        r"\blua[c0-9.]*(?:jit)?: \S+:[0-9]+: ",
        rf"\blua\S*: {_AT}: (?P<message>.+)", "lua", "compiler", "lua: x.lua:3: '=' expected near 'y'",
    ),
    "xmllint": (
        r"[0-9]: (?:parser|namespace|validity|Schemas validity) (?:error|warning) : ",
        rf"{_FILE}:(?P<line>\d+): (?:(?:element|attribute) \S+: )?(?:parser|namespace|validity|Schemas validity) (?P<severity>error|warning) : (?P<message>.+)",
        "xmllint", "lint", "a.xml:3: parser error : Opening and ending tag mismatch",
    ),
    "psql": (
        r"psql:\S+:[0-9]+: ", rf"psql:{_FILE}:(?P<line>\d+): (?P<severity>ERROR|FATAL|WARNING|NOTICE): +(?P<message>.+)",
        "psql", "compiler", "psql:schema.sql:12: ERROR:  relation \"users\" does not exist",
    ),
    "mysql": (
        r"ERROR [0-9]{4} \([0-9A-Z]{5}\)", r"ERROR (?P<code>\d{4} \(\w{5}\))(?: at line (?P<line>\d+))?(?: in file: '(?P<file>[^']+)')?: (?P<message>.+)",
        "mysql", "compiler", "ERROR 1064 (42000) at line 12: You have an error in your SQL syntax",
    ),
    "sqlite": (
        r"(?:Error|Parse error|Runtime error):? near line [0-9]+: ", r"(?:Error|Parse error|Runtime error):? near line (?P<line>\d+): (?P<message>.+)",
        "sqlite", "compiler", "Parse error near line 3: no such table: users",
    ),
    "nginx": (
        r"nginx: \[(?:emerg|crit|alert|error|warn)\] ", r"nginx: \[(?P<severity>\w+)\] (?P<message>.+?)(?: in (?P<file>/\S+):(?P<line>\d+))?$",
        "nginx", "lint", 'nginx: [emerg] unknown directive "srver" in /etc/nginx/nginx.conf:12',
    ),
    "dockerfile": (
        r"[Dd]ockerfile parse error", r"(?P<message>[Dd]ockerfile parse error (?:on )?line (?P<line>\d+): .+)",
        "docker", "build", "dockerfile parse error on line 3: unknown instruction: RUNN",
    ),
    "tslint.verbose": (
        r"(?:ERROR|WARNING): (?:\([\w-]+\) )?\S+\[[0-9]+, [0-9]+\]: ",
        rf"(?P<severity>ERROR|WARNING): (?:\((?P<code>[\w-]+)\) )?{_FILE}\[(?P<line>\d+), (?P<column>\d+)\]: (?P<message>.+)",
        "tslint", "lint", "ERROR: (semicolon) src/a.ts[3, 5]: Missing semicolon",
    ),
    "brakeman": (
        r"\.rb\s+[0-9]+\s+[A-Z].{0,400}\s(?:High|Medium|Weak)\b",
        r"(?<!\S)(?P<file>\S+\.rb)\s+(?P<line>\d+)\s+(?:(?P<code>[A-Z][\w -]{1,40}?)\s{2,30})?(?P<message>\S.{0,400}?) (?P<severity>High|Medium|Weak)\b",
        "brakeman", "lint", "app/a.rb   13      Command Injection       General Possible command injection near line 13: x   High",
    ),
    "cpplint": (
        r":[0-9]+:  .{1,300}  \[[\w/+]+\] \[[0-9]\]", rf"{_FILE}:(?P<line>\d+):  (?P<message>.+?)  \[(?P<code>[\w/+]+)\] \[\d\]",
        "cpplint", "lint", "a.cc:12:  Missing space before {  [whitespace/braces] [5]",
    ),
    "cppcheck.old": (
        r"^\[\S+:[0-9]+\](?: -> \[\S+:[0-9]+\])*: \((?:error|warning|style|performance|portability|information)",
        rf"\[{_FILE}:(?P<line>\d+)\](?: -> \[[^\]]+\])*: \((?P<severity>\w+)(?:, \w+)?\) (?P<message>.+)",
        "cppcheck", "lint", "[a.c:12]: (error) Memory leak: p",
    ),
    "checkmake": (
        r"^\[(?:ERROR|WARN|INFO)\] \S+:[0-9]+(?::[0-9]+)?: .{1,400} \[\w+\]",
        rf"\[(?P<severity>ERROR|WARN|INFO)\] {_AT}: (?P<message>.+) \[(?P<code>\w+)\]$",
        "checkstyle", "lint", "[ERROR] /src/A.java:12:5: Missing a Javadoc comment. [JavadocVariable]",
    ),
    "pmd": (
        r"\.(?:java|apex|cls|jsp):[0-9]+:\t", r"(?<!\S)(?P<file>\S+):(?P<line>\d+):\t(?:(?P<code>\w+):\t)?(?P<message>.+)",
        "pmd", "lint", "/src/A.java:12:\tUnusedLocalVariable:\tAvoid unused local variables such as 'x'.",
    ),
    "spotbugs": (
        r"\b[HML] [A-Z] \w+: .{1,400} At \S+:\[lines? [0-9]+",
        r"(?P<severity>[HML]) [A-Z] (?P<code>\w+): (?P<message>.+?)\s+At (?P<file>[^\s:]+):\[lines? (?P<line>\d+)",
        "spotbugs", "lint", "M D DLS_DEAD_LOCAL_STORE: Dead store to x in A.f()  At A.java:[line 12]",
    ),
    "detekt.old": (
        r"\t?\w+ - \[.{1,200}\] at \S+:[0-9]+:[0-9]+", rf"\b(?P<code>\w{{1,60}}) - \[(?P<message>[^\]]+)\] at {_AT}",
        "detekt", "lint", "\tMagicNumber - [f] at /src/A.kt:12:5",
    ),
    "dialyzer": (
        r"\.(?:erl|ex|exs|hrl):[0-9]+:(?:[0-9]+:)?(?:[a-z_]+|(?: \w+)? (?:Function|The (?:call|pattern|variable|return)|Invalid type|Callback|Unknown|Expression produces|Guard test))",
        rf"{_AT}:(?: ?(?P<message>[A-Z].+)|(?P<code>[a-z_]+)$)", "dialyzer", "lint",
        "src/a.erl:12: Function f/0 has no local return",
    ),
    "dotenv": (
        r"\.env\S*:[0-9]+ \w+: ", rf"{_FILE}:(?P<line>\d+) (?P<code>\w+): (?P<message>.+)", "dotenv-linter", "lint",
        ".env:3 IncorrectDelimiter: The FOO-BAR key has incorrect delimiter",
    ),
    "hadolint": (
        r"[0-9] (?:DL|SC)[0-9]{4}\b", rf"{_FILE}:(?P<line>\d+) (?P<code>(?:DL|SC)\d{{4}}) (?:(?P<severity>error|warning|info|style): )?(?P<message>.+)",
        "hadolint", "lint", "Dockerfile:3 DL3008 warning: Pin versions in apt get install",
    ),
    "markdownlint": (
        r":[0-9]+(?::[0-9]+)? (?:error |warning )?MD[0-9]{3}/", rf"{_AT} (?:(?P<severity>error|warning) )?(?P<code>MD\d{{3}}/[\w/-]+) (?P<message>.+)",
        "markdownlint", "lint", "README.md:12:81 MD013/line-length Line length [Expected: 80; Actual: 120]",
    ),
    "asciidoctor": (
        r"asciidoctor: (?:ERROR|WARNING|FAILED|INFO): ", rf"asciidoctor: (?P<severity>\w+): (?:{_FILE}: line (?P<line>\d+): )?(?P<message>.+)",
        "asciidoctor", "compiler", "asciidoctor: ERROR: a.adoc: line 12: invalid part",
    ),
    "sphinx": (
        r": \(?(?:WARNING|ERROR|CRITICAL|SEVERE)(?:/[0-9]\))?:",
        r"(?<!\S)(?P<file>(?:[A-Za-z]:)?[^\s:]+\.(?:rst|md|py|txt)):(?:docstring of [\w.]+:)?(?:(?P<line>\d+):)? \(?(?P<severity>WARNING|ERROR|CRITICAL|SEVERE)(?:/\d\))?: ?(?P<message>.+)",
        "sphinx", "compiler", "/docs/index.rst:12: WARNING: Title underline too short.",
    ),
    "solhint": (
        r"(?:Error|Warning|ParserError|TypeError|DeclarationError): .{1,300}\.sol:[0-9]", r"(?<!\S)(?P<file>\S+\.sol):(?P<line>\d+):(?P<column>\d+): (?P<severity>\w*Error|Warning): (?P<message>.+)",
        "solc", "compiler", "TypeError: a.sol:3:5: TypeError: Member not found",
    ),
    "prettier": (
        r"\[(?:warn|error)\] \S+\.\w+(?::|\r?$)", rf"\[(?P<severity>warn|error)\] {_FILE}(?:: (?P<message>.+?)(?: \((?P<line>\d+):(?P<column>\d+)\))?)?$",
        "prettier", "lint", "[warn] src/a.js",
    ),
    "jq": (
        r"parse error: .{1,200} at line [0-9]+, column [0-9]+", r"(?P<message>parse error: .+) at line (?P<line>\d+), column (?P<column>\d+)",
        "jq", "lint", "jq: parse error: Expected separator between values at line 3, column 5",
    ),
    "yamlerror": (
        r"(?:error (?:parsing|converting)|parse error|yaml): .{0,200}(?:yaml: )?line [0-9]+: ",
        r"(?:(?:error parsing|parse error on) (?P<file>[^\s:]+\.\w+): )?(?P<message>(?:error converting YAML to JSON: )?yaml: .{0,80}?line (?P<line>\d+): .+)",
        "yaml", "lint", "error: error parsing a.yaml: error converting YAML to JSON: yaml: line 12: did not find expected key",
    ),
    "helm.template": (
        r"template: \S+:[0-9]+(?::[0-9]+)?: ", rf"template: {_AT}: (?P<message>.+)", "helm", "lint",
        "Error: template: app/templates/a.yaml:12:5: executing \"a\" at <.Values.x>: nil pointer",
    ),
    "rubocop.syntax": (
        r"[0-9]: syntax errors? found", rf"{_FILE}:(?P<line>\d+): (?P<message>syntax errors? found.*)", "ruby", "compiler",
        "a.rb:3: syntax errors found",
    ),
    "groovyc": (
        r" @ line [0-9]+, column [0-9]+\.", rf"{_FILE}: \d+: (?P<message>.+?) @ line (?P<line>\d+), column (?P<column>\d+)\.", "groovyc", "compiler",
        "/src/A.groovy: 12: unexpected token: } @ line 12, column 1.",
    ),
    "xcpretty": (
        r"(?:❌|⚠️)\s+/", rf"(?P<severity>❌|⚠️)\s+{_AT}: (?P<message>.+)", "xcodebuild", "compiler",
        "❌  /src/A.swift:3:5: cannot find 'x' in scope",
    ),
    "tapsvlint": (
        r"^vint: |\.vim:[0-9]+:[0-9]+: ", r"(?<!\S)(?P<file>\S+\.vim):(?P<line>\d+):(?P<column>\d+): (?P<message>.+)", "vint", "lint",
        "a.vim:3:5: Undefined variable: foo (see :help E738)",
    ),
}  # fmt: skip

_SEVERITIES = {
    "e": "error", "w": "warning", "H": "error", "M": "warning", "L": "info", "Weak": "low",
    "emerg": "fatal", "crit": "error", "alert": "error", "FAILED": "error", "❌": "error", "⚠️": "warning",
    "CRITICAL WARNING": "warning",
}  # fmt: skip


def form(doc: Document, i: int, rule: Rule) -> Extracted:
    """Read the line in the form that the rule's name stands for."""
    m = rx(_SCAN[rule.name.removeprefix("form.")][1]).search(doc.texts[i][:LENGTH])
    if m is None:
        return None
    said = m.groupdict()
    code = said.get("code") or ""
    message = (said.get("message") or code or "").strip()
    if not message and said.get("severity") == "warn":
        message = "not formatted"
    if not code:
        code, message = code_of(message)
    word = said.get("severity") or ""
    severity = or_error(severity_of(_SEVERITIES.get(word, word)))
    last = excerpt_end(doc, i)
    return finding(
        doc, rule, i, last, message, severity=severity, file=said.get("file") or "",
        line=number(said.get("line") or said.get("line2")),
        column=number(said.get("column") or said.get("column2")), code=code,
        tool=command_tool(doc) if rule.kind == "lint" and command_tool(doc) else rule.tool,
    )  # fmt: skip


RULES: tuple[Rule, ...] = tuple(
    Rule(f"form.{name}", pattern, tool, kind, Severity.ERROR, form, 18, examples=(example,))
    for name, (pattern, _, tool, kind, example) in _SCAN.items()
)
