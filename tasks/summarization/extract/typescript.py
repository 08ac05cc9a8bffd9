"""TypeScript's own forms and the checkers built on it: pretty blocks, summaries, vue-tsc, svelte-check.

The plain form, `file(3,13): error TS7006: …`, is read in `msbuild`.
"""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import HEAD
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import (
    COLOR,
    diagnosis,
    severity_of,
    starts_line,
    view,
)
from slipstream.tasks.summarization.model import Extracted, Rule, Severity, Tally


def pretty(doc: Document, i: int, rule: Rule) -> Extracted:
    """`src/a.ts:3:5 - error TS2322: …`, then the source with `~~~`, then related positions."""
    found = diagnosis(doc.texts[i])
    if found is None or not rx(r"TS\d+$").match(found.code) or not starts_line(found.before):
        return None
    plain, at = view(doc, i, found.before)
    last = shown = at
    marked = False
    for j, text in plain.forward(at + 1, 60):
        if not text.strip():
            following = plain.texts[j + 1] if j + 1 < len(plain) else ""
            if (marked and not following.startswith("  ")) or not (
                rx(r"\s*\d+ |\s{2,}\S").match(following)
            ):
                break
            continue
        if rx(r"\s*~+\s*$").match(text):
            shown = shown if marked else j
            marked = True
        elif not rx(r"\s{2,}\S|\d+ |\s+~").match(text):
            break
        last = j
    return finding(
        plain, rule, at, last, found.message, severity=found.severity, file=found.file,
        line=found.line, column=found.column, code=found.code,
        focus=((plain.numbers[at], plain.numbers[shown]),) if at < shown < last else (),
    )  # fmt: skip


def loader(doc: Document, i: int, rule: Rule) -> Extracted:
    """`TS2322: message` of ts-loader, angular and fork-ts-checker; the position is near it."""
    text = doc.texts[i]
    m = rx(r"(?:^|[\s\]:])(?:(error|warning) (?:in )?)?(TS\d{3,5}): (.+)$", 2).search(text)
    if m is None:
        return None
    near = [i - 1, i - 2, i, i + 1] if i else [i]
    for j in near:
        if not 0 <= j < len(doc):
            continue
        at = rx(
            r"(?:^|[\s\]])([^\s:()\[\]'\"]+\.\w+)(?::|\()(\d+)(?::|,)\s?(\d+)\)?|(?:in|ERROR) ([^\s:()]+\.\w+)$"
        ).search(doc.texts[j])
        if at:
            file, line, column, first = at[1] or at[4], at[2], at[3], min(i, j)
            break
    else:
        file, line, column, first = "", None, None, i
    last = i
    for j, below in doc.forward(i + 1, 20):
        if below.strip() and not rx(r"\s{2,}\S|\s*>? *\d+ \||\s+\|").match(below):
            break
        if below.strip():
            last = j
        elif last == i and j > i + 1:
            break
    return finding(
        doc, rule, first, last, m[3].strip(), severity=severity_of(m[1] or "error"), code=m[2], file=file,
        line=number(line), column=number(column),
    )  # fmt: skip


def found(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Found 3 errors in 2 files.` and its likes."""
    text = doc.texts[i]
    m = rx(r"[Ff]ound (\d+|no|No) (?:type )?(errors?|problems?|issues?|warnings?)").search(text)
    if m is None:
        return None
    n = number(m[1]) or 0
    counts = [(m[2].rstrip("s") + "s", n)]
    rest = rx(r"(\d{1,9}) (warnings?|hints?|errors?)").findall(text[m.end() :])
    counts += [(word.rstrip("s") + "s", int(value)) for value, word in rest]
    problems = any(n for name, n in counts if name in ("errors", "problems", "issues"))
    return Tally(rule.tool, rule.kind, doc.numbers[i], problems, tuple(counts))


RULES: tuple[Rule, ...] = (
    Rule(
        "tsc.pretty", rf"[0-9]{COLOR} - {COLOR}(?:error|warning|message|suggestion){COLOR} ?{COLOR} TS[0-9]", "tsc",
        "compiler", Severity.ERROR, pretty, 21,
        examples=("src/a.ts:3:5 - error TS2322: Type 'string' is not assignable to type 'number'.",),
    ),
    Rule(
        "tsc.loader", rf"(?:{HEAD}|\]|: )(?:error )?TS[0-9]{{3,5}}: ", "tsc", "compiler", Severity.ERROR, loader, 17,
        examples=("TS2304: Cannot find name 'x'.", "[tsl] ERROR in a.ts(3,5)\n      TS2322: no".split("\n")[1]),
    ),
    Rule(
        "tsc.found", rf"{HEAD}Found (?:[0-9]+|no|No) errors?(?: in [0-9]+ files\.| in the same file| in \S+:[0-9]|\. Watching)", "tsc", "compiler", None,
        found, 30, examples=("Found 3 errors in 2 files.", "Found 0 errors. Watching for file changes."),
    ),
)  # fmt: skip
