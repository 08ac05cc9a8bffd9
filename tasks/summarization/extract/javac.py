"""Java compilers: javac itself, and as maven, ant and Eclipse's compiler print it."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import (
    CI_PREFIX,
    COLOR,
    is_caret,
    severity_of,
    view,
)
from slipstream.tasks.summarization.model import Extracted, Rule, Severity

_DETAIL = r"\s+(?:symbol|location|required|found|reason|where|equality|lower|upper|inferred)\b.*"


def javac(doc: Document, i: int, rule: Rule) -> Extracted:
    """`A.java:11: error: cannot find symbol`, source, caret, `symbol:` and `location:` lines."""
    text = doc.texts[i]
    m = rx(
        r"(?:(?<![^\s\[\]])|^:\w+(?=/))((?:[A-Za-z]:)?[^\s:\[\]]+\.(?:java|groovy|kt)):(\d+): (error|warning|note): (.+)$"
    ).search(text)
    if m is None or not rx(CI_PREFIX).match(text[: m.start()]):
        return None
    lint = rx(r"^\[([\w-]+)\] (.+)").match(m[4])
    plain, at = view(doc, i, text[: m.start()])
    last = at
    marked = False
    for j, below in plain.forward(at + 1, 24):
        if is_caret(below):
            marked = True
        elif (marked and not rx(r"\s{2,}\S").match(below)) or (
            not marked and (j > at + 6 or rx(r"\S+\.java:\d+: |\d+ (?:error|warning)").match(below))
        ):
            break
        last = j
    if not marked:
        last = at
    return finding(
        plain, rule, at, last, lint[2] if lint else m[4], severity=severity_of(m[3]), file=m[1],
        line=number(m[2]), code=lint[1] if lint else "",
    )  # fmt: skip


def maven(doc: Document, i: int, rule: Rule) -> Extracted:
    """`[ERROR] /src/A.java:[12,5] cannot find symbol`, and the `symbol:` lines after it."""
    m = rx(
        r"(?<![^\s\[\]])(?:\[(\w+)\]\s{0,9})?((?:[A-Za-z]:)?[^\s:\[\]]+\.\w+):\[(\d+)(?:,(\d+))?\] (?:(error|warning): )?(.+)$"
    ).search(doc.texts[i])
    if m is None:
        return None
    last = i
    for j, below in doc.forward(i + 1, 12):
        if not rx(r"(?:.*\[\w+\])?" + _DETAIL).match(below):
            break
        last = j
    severity = severity_of(m[5] or m[1] or "error")
    lint = rx(r"^\[([\w-]+)\] (.+)").match(m[6])
    extension = m[2].rpartition(".")[2]
    tool = {"kt": "kotlinc", "scala": "scalac", "groovy": "groovyc"}.get(extension, "javac")
    return finding(
        doc, rule, i, last, lint[2] if lint else m[6], severity=severity, tool=tool, file=m[2],
        line=number(m[3]), column=number(m[4]), code=lint[1] if lint else "",
    )  # fmt: skip


def ecj(doc: Document, i: int, rule: Rule) -> Extracted:
    """Eclipse: `1. ERROR in /src/A.java (at line 12)`, source, carets, message."""
    m = rx(r"^.*?\d+\. (ERROR|WARNING) in (.+?) \(at line (\d+)\)$").match(doc.texts[i])
    if m is None:
        return None
    last, message = i, ""
    for j, text in doc.forward(i + 1, 8):
        if text.startswith("----"):
            break
        last, message = j, text.strip()
    return finding(
        doc,
        rule,
        i,
        last,
        message,
        severity=severity_of(m[1]),
        tool="ecj",
        file=m[2],
        line=number(m[3]),
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "javac.error", rf"\.(?:java|groovy){COLOR}:[0-9]+: {COLOR}(?:error|warning|note){COLOR}: ", "javac", "compiler", Severity.ERROR,
        javac, 20, examples=("src/shop/Cart.java:11: error: cannot find symbol",),
    ),
    Rule(
        "javac.maven", r"\.(?:java|kt|scala|groovy):\[[0-9]+(?:,[0-9]+)?\] ", "javac", "compiler", Severity.ERROR, maven, 20,
        examples=("[ERROR] /src/A.java:[12,5] cannot find symbol",),
    ),
    Rule(
        "ecj.error", r"[0-9]+\. (?:ERROR|WARNING) in .{1,300} \(at line [0-9]+\)", "ecj", "compiler", Severity.ERROR, ecj, 20,
        examples=("1. ERROR in /src/A.java (at line 12)",),
    ),
)  # fmt: skip
