"""scalac, dotty and sbt: blocks whose lines each carry `[error]`, and Scala 3's framed ones."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import COLOR, is_caret, severity_of
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

_MARK = r"^(.*?\[(error|warn|info)\] )"


def sbt(doc: Document, i: int, rule: Rule) -> Extracted:
    """`[error] /src/A.scala:6:10: message`, more of it, the source and the caret."""
    m = rx(
        _MARK
        + r"(?:## )?((?:[A-Za-z]:)?/?[^\s:\[\]]+\.(?:scala|java|sc|sbt|kt|groovy|py))(?::(\d+)(?::(\d+))?)?: (\S.*)$"
    ).match(doc.texts[i])
    if m is None:
        return None
    last = _marked_end(doc, i, m[1]) if m[4] else i
    severity = severity_of(m[2])
    style = rx(
        r"(?i)does not match the regular expression|length|magic|whitespace|header|public method"
    ).search(m[6])
    return finding(
        doc, rule, i, last, m[6], severity=severity, file=m[3], line=number(m[4]), column=number(m[5]) or _column(doc, i, last, m[1]),
        tool="scalastyle" if style and last == i else "javac" if m[3].endswith("java") else "scalac",
        kind="lint" if style and last == i else "compiler",
    )  # fmt: skip


def _marked_end(doc: Document, i: int, mark: str) -> int:
    """Index of the caret line below `i`, all lines carrying the same mark; `i` without a caret."""
    last = i
    for j, text in doc.forward(i + 1, 30):
        if not text.startswith(mark.rstrip()):
            break
        body = text[len(mark) :]
        if rx(
            r"\S+\.\w+:\d+|(?:\d+|one|two|three|four) (?:error|warning)s? found|\(|Total time|-- "
        ).match(body):
            break
        last = j
        if is_caret(body):
            return j
    return last


def _column(doc: Document, i: int, last: int, mark: str) -> int | None:
    """Scala 2 says the column only by its caret."""
    body = doc.texts[last][len(mark) :]
    return body.index("^") + 1 if last > i and body.strip() == "^" else None


def plain(doc: Document, i: int, rule: Rule) -> Extracted:
    """`A.scala:6: error: message`, more of it, the source and the caret."""
    m = rx(r"^\s*([^\s:]+\.(?:scala|sc)):(\d+): (error|warning): (.+)$").match(doc.texts[i])
    if m is None:
        return None
    last = i
    column = None
    for j, text in doc.forward(i + 1, 20):
        if rx(r"\S+\.\w+:\d+|\S+ (?:error|warning)s? found").match(text):
            break
        last = j
        if is_caret(text):
            column = text.find("^") + 1 or None
            break
    return finding(
        doc, rule, i, last if column else i, m[4], severity=severity_of(m[3]), file=m[1],
        line=number(m[2]), column=column,
    )  # fmt: skip


def dotty(doc: Document, i: int, rule: Rule) -> Extracted:
    """`-- [E007] Type Mismatch Error: src/A.scala:3:15 ----`, the frame `3 |  val x`, the message."""
    m = rx(
        r"^(.*?)-- (?:\[(E\d+)\] )?(.*?)(Error|Warning|Info)?: (\S+?\.\w+):(\d+):(\d+) -*$"
    ).match(doc.texts[i])
    if m is None:
        return None
    last, message = i, ""
    for j, text in doc.forward(i + 1, 40):
        body = text[len(m[1]) :] if text.startswith(m[1].rstrip()) else text
        if not body.strip() or body.startswith("-- "):
            break
        said = rx(r"\s*\|\s*(\S.*)$").match(body)
        if said and not message and not rx(r"[\^|]").match(said[1]):
            message = said[1].strip()
        elif not rx(r"\s*\d* *\|").match(body) and not rx(r"\s").match(body):
            break
        last = j
    column = number(m[7])
    return finding(
        doc, rule, i, last, f"{m[3]}{m[4] or ''}: {message}".rstrip(": "), severity=severity_of(m[4] or "error"),
        file=m[5], line=number(m[6]), column=column + 1 if column is not None else None, code=m[2] or "",
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule(
        "sbt.position",
        rf"\[{COLOR}(?:error|warn){COLOR}\]{COLOR} {COLOR}(?:## )?\S{{1,300}}\.(?:scala|java|sc|sbt|kt|groovy|py)(?::[0-9]+)?(?::[0-9]+)?: ",
        "scalac", "compiler", Severity.ERROR, sbt, 20, examples=("[error] /src/A.scala:6:10: not found: value x",),
    ),
    Rule(
        "scalac.error", rf"\.(?:scala|sc){COLOR}:[0-9]+: {COLOR}(?:error|warning){COLOR}: ", "scalac", "compiler", Severity.ERROR, plain, 20,
        examples=("A.scala:6: error: missing argument list for method error",),
    ),
    Rule(
        "scalac.frame", r"-- (?:\[E[0-9]+\] )?.{0,80}(?:Error|Warning|Info)?: \S+:[0-9]+:[0-9]+ -", "scalac", "compiler", Severity.ERROR, dotty, 21,
        examples=("-- [E007] Type Mismatch Error: src/A.scala:3:15 -----------",),
    ),
)  # fmt: skip
