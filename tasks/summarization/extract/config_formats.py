"""Checkers of configuration and queries: terraform, ansible, PostgreSQL, YAML and Crystal's blocks."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import HEAD
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import COLOR, is_caret, is_gutter, severity_of
from slipstream.tasks.summarization.model import Extracted, Rule, Severity


def terraform(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Error: Unsupported argument`, `on main.tf line 12, in …:`, the source, the explanation."""
    m = rx(r"^(.*?)(Error|Warning): (.+)$").match(doc.texts[i])
    if m is None:
        return None
    framed = "│" in m[1]
    first, last, at = i, i, None
    if framed and i and doc.texts[i - 1].strip().endswith("╷"):
        first = i - 1
    for j, text in doc.forward(i + 1, 40):
        bare = text.replace("│", "", 1) if framed else text
        at = at or rx(r"\s*(?:with .*, )?on (\S+) line (\d+)").match(bare)
        if framed:
            if "│" in text:
                last = j
                continue
            last = j if text.strip().endswith("╵") else last
            break
        if rx(r"(?:Error|Warning): ").match(text) or (j > i + 2 and at is None):
            break
        if text.strip():
            last = j
        elif j > i + 8:
            break
    if at is None and not framed:
        return None
    return finding(
        doc, rule, first, last, m[3], severity=severity_of(m[2]), file=at[1] if at else "",
        line=number(at[2]) if at else None,
    )  # fmt: skip


def ansible(doc: Document, i: int, rule: Rule) -> Extracted:
    """`The error appears to be in '/a.yml': line 12, column 5`, the message above, the source below."""
    at = rx(r"appears? to (?:be|have been) in '([^']+)': line (\d+), column (\d+)").search(
        doc.texts[i]
    )
    if at is None:
        return None
    first, message = i, ""
    for j, text in doc.back(i - 1, 10):
        said = rx(r"(?:.*?\s)?(?:ERROR!|\[ERROR\]:|fatal: .*?=>|ERROR:) ?(.+)$").match(text)
        if said:
            first, message = j, said[1]
            break
    last = i
    for j, text in doc.forward(i + 1, 14):
        if text.strip():
            last = j
        if rx(r"\s+\^ here").match(text):
            break
    return finding(
        doc,
        rule,
        first,
        last,
        message or doc.texts[i].strip(),
        file=at[1],
        line=number(at[2]),
        column=number(at[3]),
    )


def postgres(doc: Document, i: int, rule: Rule) -> Extracted:
    """`ERROR:  relation "x" does not exist`, `LINE 1: …`, the caret, DETAIL and HINT."""
    m = rx(
        r"^(.*?)(?:psql:([^\s:]+):(\d+): )?(ERROR|FATAL|PANIC|WARNING): {1,3}(?:([0-9A-Z]{5}): )?(\S.*)$"
    ).match(doc.texts[i])
    if m is None:
        return None
    last = i
    follows = r"(?:.*?\s)?(?:LINE \d+: |DETAIL: |HINT: |CONTEXT: |QUERY: |STATEMENT: |LOCATION: |SQL state: |Character: )"
    for j, text in doc.forward(i + 1, 10):
        if not (rx(follows).match(text) or (j > i + 1 and is_caret(text))):
            break
        last = j
    if (
        last == i
        and not m[2]
        and not rx(
            r"at (?:or near|character)|(?:relation|column|function|role|database|type|schema|constraint) \"|syntax error"
        ).search(m[6])
    ):
        return None
    line = m[3]
    for text in doc.texts[i + 1 : last + 1]:
        within = rx(r".*?LINE (\d+): ").match(text)
        line = line or (within[1] if within else None)
    return finding(
        doc, rule, i, last, m[6], severity=severity_of("fatal" if m[4] == "PANIC" else m[4]),
        file=m[2] or "", line=number(line), code=m[5] or "",
    )  # fmt: skip


def yaml(doc: Document, i: int, rule: Rule) -> Extracted:
    """`in "a.yml", line 3, column 5` of PyYAML, and the exception or the reason above."""
    at = rx(r'in "([^"]+)", line (\d+), column (\d+)').search(doc.texts[i])
    if at is None:
        return None
    first = i
    message = ""
    for j, text in doc.back(i - 1, 8):
        if rx(r"\S").match(text):
            first = j
            message = message or text.strip()
            if rx(r"[\w.]+(?:Error|Exception)?: ").match(text):
                break
        elif not text.strip():
            break
    last = i
    for j, text in doc.forward(i + 1, 8):
        if not (
            is_caret(text)
            or rx(r"\s+\S|(?:expected|could not|found|mapping|while|did not) ").match(text)
        ):
            break
        last = j
        again = rx(r'in "([^"]+)", line (\d+), column (\d+)').search(text)
        at = again or at
    return finding(
        doc,
        rule,
        first,
        last,
        message or doc.texts[i].strip(),
        file=at[1],
        line=number(at[2]),
        column=number(at[3]),
    )


def crystal(doc: Document, i: int, rule: Rule) -> Extracted:
    """Crystal: `In src/a.cr:3:5`, the excerpt, then `Error: undefined method 'foo'`."""
    at = rx(r"^\s*(?:In|in|Showing last frame.*) (\S+?):(\d+):(\d+)$").match(doc.texts[i])
    if at is None:
        return None
    for j, text in doc.forward(i + 1, 16):
        m = rx(r"\s*(Error|Warning|Syntax error)(?::| in .*?:) (.+)$").match(text)
        if m:
            last = j
            for k, below in doc.forward(j + 1, 12):
                if not below.strip() and k > j + 1:
                    break
                if rx(r"\s*(?:In|Error)\b").match(below):
                    break
                last = k if below.strip() else last
            bad = m[1] != "Warning"
            return finding(
                doc, rule, i, last, m[2], severity=Severity.ERROR if bad else Severity.WARNING, file=at[1],
                line=number(at[2]), column=number(at[3]),
            )  # fmt: skip
        if text.strip() and not is_gutter(text) and not is_caret(text) and not text.startswith(" "):
            break
    return None


RULES: tuple[Rule, ...] = (
    Rule(
        "terraform.block", rf"(?:│ {COLOR}|^{COLOR}\s?)(?:Error|Warning): {COLOR}\S", "terraform", "compiler", Severity.ERROR, terraform, 18,
        examples=("│ Error: Unsupported argument", "Error: Invalid reference"),
    ),
    Rule(
        "ansible.position", r"appears? to (?:be|have been) in '[^']+': line [0-9]+", "ansible", "compiler", Severity.ERROR, ansible, 20,
        examples=("The error appears to be in '/a.yml': line 12, column 5, but may",),
    ),
    Rule(
        "postgres.error", rf"(?:{HEAD}|[0-9]: )(?:ERROR|FATAL|PANIC):  \S", "psql", "compiler", Severity.ERROR, postgres, 19,
        examples=('ERROR:  relation "users" does not exist', 'psql:a.sql:12: ERROR:  syntax error at or near "x"'),
    ),
    Rule(
        "yaml.position", r'in "[^"]{1,300}", line [0-9]+, column [0-9]+', "yaml", "lint", Severity.ERROR, yaml, 17,
        examples=('  in "a.yml", line 3, column 5',),
    ),
    Rule(
        "crystal.position", rf"{HEAD}In {COLOR}\S+\.cr:[0-9]+:[0-9]+\s*\r?$", "crystal", "compiler", Severity.ERROR, crystal, 20,
        examples=("In src/a.cr:3:5",),
    ),
)  # fmt: skip
