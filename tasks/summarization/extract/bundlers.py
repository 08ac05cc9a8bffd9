"""JavaScript's build tools: esbuild, vite, rollup, webpack, babel, swc, Next.js, parcel, sass."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import HEAD
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import COLOR, is_caret, is_gutter, starts_line
from slipstream.tasks.summarization.model import Extracted, Rule, Severity, Tally

_POSITION = r"(?:^|[\s(\[])(?:file://)?((?:[A-Za-z]:[\\/])?[^\s:()\[\]\"']+\.\w+)(?::(\d+)(?::(\d+))?| \((\d+):(\d+)\))"


def esbuild(doc: Document, i: int, rule: Rule) -> Extracted:
    """`✘ [ERROR] Could not resolve "x"`, a blank line, `    a.js:1:7:`, the excerpt."""
    m = rx(r"^(.*?)(?:[✘▲X>] )\[(ERROR|WARNING)\] (.+)$").match(doc.texts[i])
    if m is None:
        return None
    last = i
    at = None
    for j, text in doc.forward(i + 1, 40):
        if not text.strip():
            following = doc.texts[j + 1] if j + 1 < len(doc) else ""
            if not following.startswith("  "):
                break
            continue
        if not text.startswith("  "):
            break
        at = at or rx(r"\s+(\S.*?):(\d+):(\d+):$").match(text)
        last = j
    code = rx(r"^(.*) \[([\w-]+)\]$").match(m[3])
    return finding(
        doc, rule, i, last, code[1] if code else m[3], tool="esbuild", file=at[1] if at else "",
        severity=Severity.ERROR if m[2] == "ERROR" else Severity.WARNING,
        line=number(at[2]) if at else None, column=number(at[3]) if at else None,
        code=code[2] if code else "",
    )  # fmt: skip


def webpack(doc: Document, i: int, rule: Rule) -> Extracted:
    """`ERROR in ./src/a.js 3:8`, then the message and the excerpt or the importing modules."""
    m = rx(r"^(.*?)(ERROR|WARNING) in (.*)$").match(doc.texts[i])
    if (
        m is None
        or not starts_line(m[1])
        or not rx(r"\.{0,2}/|\S+[/.(]\S|\S+ (?:from|chunk)|multi |\[").match(m[3])
    ):
        return None
    at = rx(
        r"^(?:\[\w[^\]]*\] )?(\S+?)(?:[:(](\d+)[:,](\d+)\)?| (\d+):(\d+)(?:-[\d:]+)?)?(?:\s|$)"
    ).match(m[3])
    last = i
    message = ""
    gap = False
    for j, text in doc.forward(i + 1, 40):
        if rx(
            r"(?:.*\] )?(?:ERROR|WARNING) in |webpack (?:\d|compiled)|.* compiled with|Found \d+ error"
        ).match(text):
            break
        if not text.strip():
            if message and not _goes_on(doc, j + 1):
                break
            gap = True
            continue
        if gap and message and not _part(text):
            break
        message = message or text.strip()
        last = j
    if not message:
        message = m[3]
    code = rx(r"(TS\d+): (.*)").match(message)
    return finding(
        doc, rule, i, last, code[2] if code else message, tool="webpack",
        severity=Severity.ERROR if m[2] == "ERROR" else Severity.WARNING,
        file=at[1] if at and "." in at[1] else "",
        line=number(at[2] or at[4]) if at else None, column=number(at[3] or at[5]) if at else None,
        code=code[1] if code else "",
    )  # fmt: skip


def _part(text: str) -> bool:
    return is_gutter(text) or is_caret(text) or bool(rx(r"\s*(?:@ |\||>|\d+ |at )|  ").match(text))


def _goes_on(doc: Document, j: int) -> bool:
    return j < len(doc) and bool(doc.texts[j].strip()) and _part(doc.texts[j])


def syntax(doc: Document, i: int, rule: Rule) -> Extracted:
    """`SyntaxError: /src/a.js: Unexpected token (3:8)` of babel, and the frame below it."""
    m = rx(
        r"((?:[A-Z]\w*Error|Error|error|\[BABEL\]).{0,60}?):? (?:unknown: )?((?:[A-Za-z]:)?[^\s:]+\.\w+): (.+?) \((\d+):(\d+)\)"
    ).search(doc.texts[i])
    if m is None:
        return None
    return finding(
        doc, rule, i, _frame_end(doc, i), m[3], tool="babel", code=m[1].split()[-1].rstrip(":"), file=m[2],
        line=number(m[4]), column=number(m[5]),
    )  # fmt: skip


def _frame_end(doc: Document, i: int) -> int:
    """Index of the end of the code frame below `i`; blank lines may stand before it."""
    last = i
    for j, text in doc.forward(i + 1, 20):
        if is_gutter(text) or is_caret(text):
            last = j
        elif text.strip() or last > i:
            break
    return last


def rollup(doc: Document, i: int, rule: Rule) -> Extracted:
    """vite's and rollup's `error during build:` or `[!] (plugin x) Error: …` and what follows."""
    text = doc.texts[i].strip()
    first = i
    if rx(r"(?i)error during build:?$").search(text) and i + 1 < len(doc):
        i, text = i + 1, doc.texts[i + 1].strip()
    last, at = i, rx(_POSITION).search(text)
    for j, below in doc.forward(i + 1, 30):
        if not below.strip() or rx(r"\s+at .*[:)]").match(below):
            if rx(r"\s+at ").match(below) or not _goes_on(doc, j + 1):
                break
            continue
        at = at or rx(_POSITION).search(below)
        last = j
    message = rx(r"^(?:\[!\] ?|✗ Build failed.*|error during build:? ?)").sub("", text) or text
    return finding(
        doc, rule, first, last, message, tool="rollup", file=at[1] if at else "",
        line=number(at[2] or at[4]) if at else None, column=number(at[3] or at[5]) if at else None,
    )  # fmt: skip


def unresolved(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Module not found: Can't resolve './x'` of webpack and Next.js, the position above it."""
    text = doc.texts[i].strip()
    first = i
    at = None
    if i:
        at = rx(r"^\s*(?:⨯ )?(\.?[^\s:]*/[^\s:]+\.\w+)(?::(\d+):(\d+))?$").match(doc.texts[i - 1])
        first = i - 1 if at else i
    last = _frame_end(doc, i)
    return finding(
        doc, rule, first, last, text, tool="webpack", file=at[1] if at else "",
        line=number(at[2]) if at else None, column=number(at[3]) if at else None,
    )  # fmt: skip


def sass(doc: Document, i: int, rule: Rule) -> Extracted:
    """dart-sass: `Error: message`, the frame, then `  a.scss 3:5  root stylesheet`."""
    at = rx(r"^\s*(\S+\.(?:s[ac]ss|css)) (\d+):(\d+)\s+(?:root stylesheet|\S.*\(\)|@\w+)").match(
        doc.texts[i]
    )
    if at is None:
        return None
    for j, text in doc.back(i - 1, 14):
        m = rx(
            r"^\s*(?:\w+: )?(?:Sass)?(Error|DEPRECATION WARNING|WARNING|Deprecation Warning)\b.*?: (.+)"
        ).match(text)
        if m:
            bad = m[1] == "Error"
            return finding(
                doc, rule, j, i, m[2], severity=Severity.ERROR if bad else Severity.WARNING, tool="sass",
                file=at[1], line=number(at[2]), column=number(at[3]),
            )  # fmt: skip
    return None


def compiled(doc: Document, i: int, rule: Rule) -> Extracted:
    """`webpack 5.88.0 compiled with 3 errors and 1 warning in 1034 ms`."""
    text = doc.texts[i]
    counts = tuple((w + "s", int(n)) for n, w in rx(r"(\d{1,9}) (error|warning)s?").findall(text))
    took = rx(r"in ([\d.]+) (ms|s)").search(text)
    duration = float(took[1]) * (1e-3 if took[2] == "ms" else 1.0) if took else None
    failed = any(n for w, n in counts if w == "errors")
    return Tally(rule.tool, "build", doc.numbers[i], failed, counts, duration)


RULES: tuple[Rule, ...] = (
    Rule("esbuild.block", r"(?:✘|▲|X|>) \S{0,30}\[\S{0,30}(?:ERROR|WARNING)\S{0,30}\]", "esbuild", "build", Severity.ERROR, esbuild, 20,
         examples=('✘ [ERROR] Could not resolve "x"', '▲ [WARNING] Import "y" is undefined [import-is-undefined]')),
    Rule("webpack.block", rf"{HEAD}(?:ERROR|WARNING) in \S", "webpack", "build", Severity.ERROR, webpack, 20,
         examples=("ERROR in ./src/index.js 3:8", "[tsl] ERROR in a.ts(3,5)")),
    Rule("babel.syntax", r"Error: .{0,300}\.\w{1,6}: .{1,500} \([0-9]+:[0-9]+\)", "babel", "compiler", Severity.ERROR, syntax, 19,
         examples=("SyntaxError: /src/a.js: Unexpected token (3:8)",)),
    Rule("rollup.block", r"error during build:?\s*\r?$|^(?:\x1b\[[0-9;]*m)*\[!\] ?(?:\(|.{0,40}Error)", "rollup", "build", Severity.ERROR, rollup, 19,
         examples=("error during build:", "[!] (plugin typescript) Error: Unexpected token")),
    Rule("webpack.unresolved", rf"{HEAD}Module not found: ", "webpack", "build", Severity.ERROR, unresolved, 18,
         examples=("Module not found: Can't resolve './x' in '/app/src'",)),
    Rule("sass.position", r"\.(?:s[ac]ss|css) [0-9]+:[0-9]+\s+(?:root stylesheet|\S{1,60}\(\)|@)", "sass", "compiler", Severity.ERROR, sass, 20,
         examples=("  src/a.scss 3:5  root stylesheet",)),
    Rule("webpack.compiled", rf"compiled with {COLOR}[0-9]+ (?:error|warning)", "webpack", "build", None, compiled, 30,
         examples=("webpack 5.88.0 compiled with 3 errors and 1 warning in 1034 ms",)),
)  # fmt: skip
