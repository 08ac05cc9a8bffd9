"""XML reports of linters: checkstyle and its many imitators, PMD, cppcheck, Android lint, jslint."""

from __future__ import annotations

import re

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.extract.located import or_error, severity_of
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity

TAG_LINES = 20
"""Lines that one tag may take."""

_ITEM = r"<(error|violation|issue|location|file)\b([^<>]*?(?:\"[^\"]*\"[^<>\"]*?)*)(/?)>"
_PRIORITIES = {"1": "error", "2": "error", "3": "warning", "4": "warning", "5": "info"}


def items(doc: Document, i: int, rule: Rule) -> Extracted:
    """Every finding whose tag starts on line `i`; the tag may go on below."""
    text, last = doc.texts[i], i
    for j, more in doc.forward(i + 1, TAG_LINES):
        if text.count("<") <= text.count(">"):
            break
        text, last = f"{text} {more.strip()}", j
    file = _file_above(doc, i)
    found: list[Finding] = []
    for m in rx(_ITEM).finditer(text):
        tag, fields = m[1], _attributes(m[2])
        if tag == "file":
            file = fields.get("name", file)
            continue
        if tag == "location":
            continue
        message = fields.get("message") or fields.get("msg") or fields.get("reason") or ""
        if tag == "violation" and not message:
            message = _text_below(doc, last)
        if not message or (tag == "error" and not (file or fields.keys() & {"line", "id", "file"})):
            continue  # JUnit's reports have <error message="…"> as well
        place, end = fields, last
        if "line" not in fields and "beginline" not in fields:
            place, end = _location_below(doc, i, text, m.end(), last)
        word = fields.get("severity", "") or _PRIORITIES.get(fields.get("priority", ""), "")
        found.append(finding(
            doc, rule, i, end, message, severity=or_error(severity_of(word)),
            file=place.get("file", "") or fields.get("file", "") or file,
            line=number(place.get("line") or place.get("beginline")),
            column=number(place.get("column") or place.get("begincolumn") or place.get("char")),
            code=fields.get("source", "").rpartition(".")[2] or fields.get("rule", "") or fields.get("id", ""),
        ))  # fmt: skip
    return found


def _attributes(text: str) -> dict[str, str]:
    pairs = rx(r"(?<![\w:-])([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')").findall(text)
    return {name: _plain(double or single) for name, double, single in pairs}


def _plain(text: str) -> str:
    """A value without the five entities and numeric references of XML."""
    named = {"lt": "<", "gt": ">", "quot": '"', "apos": "'", "amp": "&"}

    def character(m: re.Match[str]) -> str:
        code = m[1]
        if code in named:
            return named[code]
        value = int(code[2:], 16) if code[1:2] in "xX" else int(code[1:])
        return chr(value) if 31 < value < 0xD800 else " "

    return rx(r"&(lt|gt|quot|apos|amp|#\d{1,6}|#[xX][0-9a-fA-F]{1,5});").sub(character, text)


def _file_above(doc: Document, i: int) -> str:
    for _, text in doc.back(i - 1, 500):
        m = rx(r"<file\b[^<>]*\bname\s*=\s*[\"']([^\"']+)").search(text)
        if m:
            return _plain(m[1])
        if "</file>" in text:
            return ""
    return ""


def _location_below(
    doc: Document, i: int, text: str, end: int, last: int
) -> tuple[dict[str, str], int]:
    """Attributes of the `<location>` inside the tag, and the index of the line where it ends."""
    inside = rx(r"<location\b([^<>]*)").search(text, end)
    if inside:
        return _attributes(inside[1]), last
    gathered = ""
    for j, more in doc.forward(last + 1, 12):
        gathered += " " + more.strip()
        m = rx(r"<location\b([^<>]*)>").search(gathered)
        if m:
            return _attributes(m[1]), j
        if rx(r"</(?:error|issue)>").search(gathered):
            break
    del i
    return {}, last


def _text_below(doc: Document, last: int) -> str:
    """PMD puts its message between the tags."""
    for _, text in doc.forward(last + 1, 4):
        if text.strip() and not text.strip().startswith("<"):
            return _plain(text.strip())
    return ""


RULES: tuple[Rule, ...] = (
    Rule(
        "xml.error", r"<error\s[^<>]{0,900}(?:message|msg)\s*=|<violation\s[^<>]{0,500}rule\s*=|<issue(?:\s*\r?$|\s[^<>]{0,500}(?:id|line)\s*=)",
        "checkstyle", "lint", Severity.ERROR, items, 20,
        examples=('<error line="12" column="5" severity="error" message="no" source="a.b.Rule"/>',
                  '<violation beginline="3" endline="4" rule="UnusedPrivateField" priority="3">', "    <issue"),
    ),
)  # fmt: skip
