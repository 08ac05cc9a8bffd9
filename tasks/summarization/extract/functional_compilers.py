"""ghc, OCaml, Elm and PureScript: compilers whose messages are blocks of many lines."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import HEAD
from slipstream.tasks.summarization.extract.common import block_end, finding, number, rx
from slipstream.tasks.summarization.extract.located import (
    COLOR,
    is_caret,
    is_gutter,
    severity_of,
    starts_line,
    view,
)
from slipstream.tasks.summarization.model import Extracted, Rule, Severity, Tally

_GHC = (
    r"(?<![^\s>])((?:[A-Za-z]:)?[^\s:>]+\.l?hs(?:c|-boot)?):(?:\((\d+),(\d+)\)(?:-\(\d+,\d+\))?|(\d+):(\d+)(?:-\d+)?):"
    r"\s*(?:((?i:error|warning|fatal))\b:?)?\s*((?:\[[\w-]+(?:=[^\]]*)?(?:, ?[\w-]+)*\]\s*)*)(.*)$"
)


def ghc(doc: Document, i: int, rule: Rule) -> Extracted:
    """`A.hs:3:5: error: [GHC-88464]`, the indented message with its bullets, and the excerpt."""
    m = rx(_GHC).search(doc.texts[i])
    if m is None:
        return None
    before = doc.texts[i][: m.start()]
    if not starts_line(before) and not rx(r"[\w.-]+\s*> $").search(before):
        return None
    plain, at = view(doc, i, before)
    last = at
    parts: list[str] = [m[8]] if m[8] else []
    for j, text in plain.forward(at + 1, 80):
        if not text.strip() or not (rx(r"\s").match(text) or is_gutter(text)):
            break
        if not is_gutter(text) and len(parts) < 2 and not is_caret(text):
            parts.append(text.strip().lstrip("•* "))
        last = j
    if last == at and not m[8] and not m[6]:
        return None
    codes = rx(r"\[([\w=-]+)").findall(m[7])
    code = next((c for c in codes if c.startswith("GHC-")), codes[0] if codes else "")
    if rx(r"(?:Suggestion|Error|Warning|Ignore): ").match(m[8]):
        return None  # hlint's
    return finding(
        plain, rule, at, last, parts[0] if parts else (m[6] or "error"), severity=severity_of(m[6] or "error"),
        file=m[1], line=number(m[2] or m[4]), column=number(m[3] or m[5]), code=code,
    )  # fmt: skip


def ocaml(doc: Document, i: int, rule: Rule) -> Extracted:
    """`File "a.ml", line 1, characters 2-3:`, the excerpt, `Error: message` or `Warning 26: …`."""
    at = rx(r'^(.*?)File "([^"]+)", lines? (\d+)(?:-\d+)?(?:, characters (\d+)-\d+)?:?$').match(
        doc.texts[i]
    )
    if at is None:
        return None
    plain, here = view(doc, i, at[1])
    for j, text in plain.forward(here + 1, 16):
        m = rx(
            r"(Error|Warning|Alert)(?: (\d+))?(?: \[([\w-]+)\]| (\w+)(?=:))?(?: \(([^)]*)\))?: (.+)$"
        ).match(text)
        if m:
            last = j
            for k, below in plain.forward(j + 1, 30):
                if not rx(r"\s+\S").match(below):
                    break
                last = k
            column = number(at[4])
            alert = m[1] == "Alert"
            return finding(
                plain, rule, here, last, m[6], severity=Severity.WARNING if alert else severity_of(m[1]),
                file=at[2], line=number(at[3]), column=None if column is None else column + 1,
                code=m[3] or m[2] or m[4] or m[5] or "",
            )  # fmt: skip
        if not (rx(r"\s|\d+ \||\.+").match(text)):
            break
    return None


def elm(doc: Document, i: int, rule: Rule) -> Extracted:
    """`-- TYPE MISMATCH ------ src/Main.elm` and everything up to the next such line."""
    m = rx(
        r"^(.*?)(?:--|──) ([A-Z][A-Z ?!'-]+?)(?: in)? [-─ ]*\s*([^\s─]+\.\w+)?(?::(\d+):(\d+))?(?: ─+)?$"
    ).match(doc.texts[i])
    if m is None:
        return None
    plain, at = view(doc, i, m[1])
    last = at
    line = number(m[4])
    message = ""
    for j, text in plain.forward(at + 1, 70):
        if rx(
            r"(?:--|──) [A-Z ]+[ -─]|Detected \d+|Compilation failed|\d+ errors? and|[A-Za-z]+! "
        ).match(text):
            break
        if (
            rx(r"\S").match(text)
            and j > at + 2
            and not rx(r"\d+[|│]|[A-Z#(`\"']|[a-z]").match(text)
        ):
            break
        numbered = rx(r"\s*(\d+)[|│](>?)").match(text)
        if numbered and (line is None or numbered[2]):
            line = number(numbered[1])
        elif text.strip() and not message:
            message = text.strip()
        if text.strip():
            last = j
    if last == at:
        return None
    return finding(
        plain, rule, at, last, message or m[2].strip(), tool="elm" if (m[3] or "elm").endswith("elm") else "compiler",
        file=m[3] or "", line=line, column=number(m[5]), code=m[2].strip(),
    )  # fmt: skip


def purescript(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Error found:`, `at src/Main.purs:3:5 - 3:10 (line 3, …)`, a blank line, the message."""
    at = rx(r"(?:at |\] )(\S+\.purs):(\d+):(\d+)").search(doc.texts[i])
    if at is None:
        return None
    first, severity, code = i, Severity.ERROR, ""
    for j, text in doc.back(i, 4):
        head = rx(r"(?:.*\s)?(Error|Warning)(?: found| \d+ of \d+)|\[\d+/\d+ (\w+)\]").match(text)
        if head:
            first = j
            severity = Severity.WARNING if head[1] == "Warning" else Severity.ERROR
            code = head[2] or ""
            break
    last, message = i, ""
    for j, text in doc.forward(i + 1, 40):
        if text.strip() and not rx(r"\s{2,}\S|\d+ \s").match(text):
            break
        if text.strip():
            message = message or text.strip()
            last = j
    for j, text in doc.forward(last + 1, 30):
        named = rx(r"See \S+/errors/(\w+)\.md").match(text)
        if named:
            last, code = j, code or named[1]
            break
        if rx(r"(?:Error|Warning)\b|\[\d+/\d+").match(text):
            break
    return finding(
        doc, rule, first, last, message, severity=severity, file=at[1], line=number(at[2]),
        column=number(at[3]), code=code,
    )  # fmt: skip


def cabal(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Error: [Cabal-7107]`, `Error: [S-7282]`, `cabal: Could not resolve dependencies:`."""
    m = rx(
        r"^(?:.*?\s)?(?:Error: (?:\[((?:Cabal|S)-\d+)\]|(cabal|stack): )|(cabal|stack(?:-\S+)?): )\s*(.*)$"
    ).match(doc.texts[i])
    if m is None:
        return None
    last = block_end(doc, i, 40)
    message = m[4] or (doc.texts[i + 1].strip() if last > i else "")
    tool = "stack" if (m[1] or m[2] or m[3]).lower().startswith("s") else "cabal"
    return finding(doc, rule, i, last, message, tool=tool, kind="build", code=m[1] or "")


def dune(doc: Document, i: int, rule: Rule) -> Extracted:
    """Elm's closing `Detected 3 errors in 2 modules.`"""
    m = rx(r"Detected (\d+) (errors?|problems?)").search(doc.texts[i])
    if m is None:
        return None
    return Tally(rule.tool, rule.kind, doc.numbers[i], True, (("errors", int(m[1][:9])),))


RULES: tuple[Rule, ...] = (
    Rule(
        "ghc.diagnostic", rf"\.l?hs(?:c|-boot)?{COLOR}:{COLOR}(?:[0-9]+:[0-9]+(?:-[0-9]+)?|\([0-9]+,[0-9]+\)(?:-\([0-9]+,[0-9]+\))?){COLOR}:", "ghc", "compiler",
        Severity.ERROR, ghc, 20, examples=("src/A.hs:3:5: error: [GHC-88464]", "A.hs:(3,5)-(4,6): warning: [-Wunused-matches]"),
    ),
    Rule(
        "ocaml.location", r"File \x22[^\x22]{1,300}\x22, lines? [0-9]+(?:-[0-9]+)?(?:, characters [0-9]+-[0-9]+)?:?\r?$", "ocaml", "compiler",
        Severity.ERROR, ocaml, 20, examples=('File "bin/main.ml", line 3, characters 8-11:',),
    ),
    Rule(
        "elm.block", rf"{HEAD}(?:--|──) [A-Z][A-Z ?!'-]{{2,60}}(?: -{{3,}}| in \S| ─{{2,}}|─)", "elm", "compiler", Severity.ERROR, elm, 20,
        examples=("-- TYPE MISMATCH ---------------- src/Main.elm",),
    ),
    Rule("elm.count", r"^Detected [0-9]+ (?:error|problem)", "elm", "compiler", None, dune, 30, examples=("Detected 3 errors in 2 modules.",)),
    Rule(
        "purs.position", rf"(?:{HEAD}at |\] )\S+\.purs:[0-9]+:[0-9]+", "purs", "compiler", Severity.ERROR, purescript, 20,
        examples=("at src/Main.purs:3:5 - 3:10 (line 3, column 5 - line 3, column 10)", "[1/2 TypesDoNotUnify] src/Main.purs:12:5"),
    ),
    Rule(
        "cabal.error", rf"{HEAD}Error: {COLOR}\[(?:Cabal|S)-[0-9]+\]|{HEAD}Error: (?:cabal|stack): |^cabal(?:-[0-9.]+)?: [A-Z]", "cabal", "build", Severity.ERROR, cabal, 19,
        examples=("Error: [Cabal-7107]", "cabal: Could not resolve dependencies:"),
    ),
)  # fmt: skip
