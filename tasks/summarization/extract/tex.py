r"""TeX: errors that start with `!` and end at `l.12`, warnings, boxes, bibliographies, latexmk."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.model import Extracted, Rule, Severity, Tally

_OPEN_LINES = 400
"""Lines above an error within which the file that is being read is looked for."""


def error(doc: Document, i: int, rule: Rule) -> Extracted:
    r"""`! Undefined control sequence.` or `./a.tex:12: …`, then `l.12 \foo` and what follows it."""
    text = doc.texts[i]
    m = rx(
        r"^(?:.*?\s)?(?:! {0,2}(?:==> )?|(\S+\.(?:tex|sty|cls|ltx|bib|aux|toc|def)):(\d+): )(.*)$"
    ).match(text)
    if m is None:
        return None
    last, line = i, m[2]
    for j, below in doc.forward(i + 1, 24):
        at = rx(r"l\.(\d+) ?").match(below)
        last = j
        if at:
            line = at[1]
            if j + 1 < len(doc) and doc.texts[j + 1].strip():
                last = j + 1
            break
        if rx(r"! |\S+\.tex:\d+: |No pages of output|Here is how much|Output written").match(below):
            last = j - 1
            break
    else:
        last = i
    while last > i and not doc.texts[last].strip():
        last -= 1
    fatal = rx(r"Emergency stop|Fatal error|job aborted").search(m[3]) is not None
    message = m[3].strip().rstrip(".")
    named = rx(r"(?:LaTeX|Package \S+|Class \S+) Error: (.+)").match(message)
    return finding(
        doc, rule, i, last, named[1] if named else message, file=m[1] or _reading(doc, i), line=number(line),
        severity=Severity.FATAL if fatal else Severity.ERROR, code="",
        role="cascade" if fatal and "Fatal error occurred" in text else "",
    )  # fmt: skip


def _reading(doc: Document, i: int) -> str:
    """The file that TeX has open: the last `(file` above without its `)`."""
    depth = 0
    for _, text in doc.back(i - 1, _OPEN_LINES):
        tokens = rx(
            r"\((?:\"([^\"]+)\"|(\.{0,2}/?[^\s(){}]*\.(?:tex|sty|cls|ltx|def|cfg|aux|toc|bbl|fd|clo)))?|\)"
        ).findall(text)
        closing = rx(r"[()]").findall(text)
        if len(closing) > 200:
            return ""
        names = iter(reversed([quoted or plain for quoted, plain in tokens]))
        for bracket in reversed(closing):
            name = next(names, "")
            if bracket == ")":
                depth += 1
            elif depth:
                depth -= 1
            elif name:
                return name
    return ""


def warning(doc: Document, i: int, rule: Rule) -> Extracted:
    """`LaTeX Warning: Reference `x' on page 1 undefined on input line 12.`, wrapped at column 79."""
    m = rx(
        r"(?:^|\s)((?:LaTeX|pdfTeX|LaTeX Font|Package \S+|Class \S+) [Ww]arning)(?: \([^)]*\))?: (.+)$"
    ).search(doc.texts[i])
    if m is None:
        return None
    message, last = m[2], i
    for j, text in doc.forward(i + 1, 6):
        if not text.strip() or (
            len(doc.texts[j - 1]) < 79 and not rx(r"\(\w+\)\s{2,}").match(text)
        ):
            break
        message += rx(r"^\(\w+\)\s+").sub(" ", text)
        last = j
    line = rx(r"on input line (\d+)").search(message)
    return finding(
        doc, rule, i, last, message.strip(), severity=Severity.WARNING, file=_reading(doc, i),
        line=number(line[1]) if line else None, code=m[1].removesuffix(" Warning").removesuffix(" warning"),
    )  # fmt: skip


def box(doc: Document, i: int, rule: Rule) -> Extracted:
    r"""`Overfull \hbox (12.3pt too wide) in paragraph at lines 12--13`: taste, not trouble."""
    m = rx(
        r"((?:Over|Under)full \\[hv]box .+?) (?:in (?:paragraph|alignment) at|detected at) lines? (\d+)"
    ).search(doc.texts[i])
    if m is None:
        return None
    return finding(
        doc, rule, i, i, m[1], severity=Severity.INFO, file=_reading(doc, i), line=number(m[2]),
        code=m[1].split()[0],
    )  # fmt: skip


def bibliography(doc: Document, i: int, rule: Rule) -> Extracted:
    """`I couldn't open database file x.bib`, `Warning--I didn't find a database entry for "x"`."""
    text = doc.texts[i].strip()
    at = rx(r"---line (\d+) of file (\S+)|--line (\d+) of file (\S+)").search(text)
    bad = not text.startswith(("Warning--", "WARN"))
    return finding(
        doc, rule, i, i, text, severity=Severity.ERROR if bad else Severity.WARNING, tool="bibtex",
        file=(at[2] or at[4]) if at else "", line=number(at[1] or at[3]) if at else None,
    )  # fmt: skip


def output(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Output written on a.pdf (3 pages, 1234 bytes).` or `No pages of output.`"""
    text = doc.texts[i].strip()
    pages = rx(r"\((\d+) pages?").search(text)
    counts = (("pages", int(pages[1][:9])),) if pages else ()
    return Tally(rule.tool, rule.kind, doc.numbers[i], None if pages else True, counts, note=text)


RULES: tuple[Rule, ...] = (
    Rule(
        "latex.error", r"^(?:\[[^\]]{1,40}\] )?! [A-Z]|^!  ==> |\.(?:tex|sty|cls|ltx):[0-9]+: [A-Z]", "latex", "compiler", Severity.ERROR,
        error, 19, examples=("! Undefined control sequence.", "./a.tex:12: LaTeX Error: Environment foo undefined."),
    ),
    Rule(
        "latex.warning", r"(?:LaTeX|pdfTeX|Package \S{1,40}|Class \S{1,40})(?: Font)? [Ww]arning(?: \([^)]{1,40}\))?: ", "latex", "compiler",
        Severity.WARNING, warning, 19, examples=("LaTeX Warning: Reference `x' on page 1 undefined on input line 12.",),
    ),
    Rule(
        "latex.box", r"(?:Over|Under)full \\[hv]box ", "latex", "compiler", Severity.INFO, box, 19,
        examples=("Overfull \\hbox (12.3pt too wide) in paragraph at lines 12--13",),
    ),
    Rule(
        "bibtex.message", r"I couldn't open (?:database|style|auxiliary) file|^Warning--|^(?:ERROR|WARN) - .{1,300}(?:biber|bib|entry|file)|---line [0-9]+ of file ",
        "bibtex", "compiler", Severity.ERROR, bibliography, 18,
        examples=("I couldn't open database file x.bib", 'Warning--I didn\'t find a database entry for "x"'),
    ),
    Rule(
        "latex.output", r"Output written on .{1,200}\([0-9]+ pages?|^No pages of output\.", "latex", "compiler", None, output, 30,
        examples=("Output written on a.pdf (3 pages, 1234 bytes).", "No pages of output."),
    ),
)  # fmt: skip
