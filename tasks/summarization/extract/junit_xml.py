"""JUnit XML, read line by line: no parser, so no entities are expanded and memory is bounded."""

from __future__ import annotations

import re

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.blocks import Lines, blamed, focus, frames, tally
from slipstream.tasks.summarization.extract.common import finding, number, rx
from slipstream.tasks.summarization.model import Extracted, Finding, Rule, Severity, Tally

_ATTRIBUTE = r"""(?<![\w:.-])([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')"""
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_LIMIT = 400
"""Lines of one failure's text that are read."""


def unescape(text: str) -> str:
    """The five entities that XML predefines, and characters by number; others stay as they are."""

    def replaced(m: re.Match[str]) -> str:
        name = m[1]
        if name.startswith("#"):
            code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
            return chr(code) if 9 <= code < 0xD800 or 0xDFFF < code < 0x110000 else ""
        return _NAMED.get(name, str(m[0]))

    return rx(r"&(#[xX][0-9a-fA-F]{1,6}|#\d{1,7}|\w{2,4});").sub(replaced, text)


def attributes(tag: str) -> dict[str, str]:
    """Attributes of a start tag; of repeated ones the first."""
    found: dict[str, str] = {}
    for name, double, single in rx(_ATTRIBUTE).findall(tag):
        found.setdefault(name, unescape(double or single))
    return found


def _tag(doc: Document, i: int, at: int) -> str:
    """The start tag that begins at column `at` of line `i`; it may go on over some lines."""
    text = doc.texts[i][at:]
    for _, more in doc.forward(i + 1, 20):
        if (
            rx(r"^<[^>\"']*(?:\"[^\"]*\"[^>\"']*|'[^']*'[^>\"']*)*>").match(text)
            or len(text) > 8000
        ):
            break
        text += "\n" + more
    m = rx(r"^<(?:[^>\"']|\"[^\"]*\"|'[^']*')*>").match(text)
    return m[0] if m else text[:2000]


def failure(doc: Document, i: int, rule: Rule) -> Extracted:
    """Failures and errors that begin on this line, and on the lines on which those end."""
    found: list[Finding] = []
    counted = suite(doc, i, rule) if "<testsuite" in doc.texts[i] else None
    at = 0
    while len(found) < 200:
        m = rx(r"<(failure|error)(?=[\s>/])").search(doc.texts[i], at)
        if not m:
            break
        one = _failure(doc, i, rule, m.start(), m[1])
        at = m.end()
        if one is None:
            continue
        found.append(one)
        end = doc.index(one.span[1])
        if end is not None and end > i:
            i, at = end, doc.texts[end].rfind(f"</{m[1]}>") + 1 if m[1] in doc.texts[end] else 0
    return [*found, *([counted] if isinstance(counted, Tally) else [])] or None


def _failure(doc: Document, i: int, rule: Rule, at: int, kind: str) -> Finding | None:
    case = _case(doc, i, at)
    if case is None:
        return None
    start, about = case
    tag = _tag(doc, i, at)
    own = attributes(tag)
    lines = [] if tag.endswith("/>") else _text(doc, i, at + len(tag.split("\n")[0]), kind)
    cls, test = about.get("classname", ""), about.get("name", "")
    message = own.get("message", "").strip()
    said = [text.strip() for _, text in lines if text.strip()]
    if len(said) > 1 and said[0].endswith(f"::{test}"):
        said = said[1:]
    if not message and not said:
        lines = _output(doc, i)
        said = [text for _, text in lines]
    reasons = [text[4:].strip() for text in said if text.startswith("E   ")]
    if reasons:  # pytest's message repeats the source around it
        message = reasons[0]
    elif not message:
        message = said[0] if said else f"{test} failed without a message"
    message = next((line.strip() for line in message.splitlines() if line.strip()), message)
    stack = next(
        (
            s
            for lang in ("python", "javascript", "jvm", "dotnet", "php", "ruby", "elixir")
            if (s := frames(lines, lang))
        ),
        [],
    )
    blame = blamed(stack, last=any(t.lstrip().startswith("File ") for _, t in lines))
    file, line = (
        (blame[1].file, blame[1].line)
        if blame
        else (about.get("file", ""), number(about.get("line")))
    )
    if not blame and (
        place := rx(r"(?:^|❯ )(?P<file>[^\s:]+\.\w+):(?P<line>\d+)").search(
            said[-1] if said else ""
        )
    ):
        file, line = place["file"], number(place["line"])
    last = lines[-1][0] if lines else i
    return finding(
        doc, rule, start, last, message, code=own.get("type", "") or ("" if kind == "failure" else kind),
        name=f"{cls}.{test}" if cls else test, weight=20, file=file, line=line, stack=tuple(f for _, f in stack),
        focus=focus(doc, start, i, blame[0] if blame else None),
    )  # fmt: skip


def _case(doc: Document, i: int, at: int) -> tuple[int, dict[str, str]] | None:
    """The nearest test case above, if it is still open."""
    for k, text in doc.back(i, 300):
        text = text[:at] if k == i else text
        opened = text.rfind("<testcase")
        if opened >= 0:
            if "</testcase>" in text[opened:]:
                return None
            return k, attributes(_tag(doc, k, opened))
        if "</testcase>" in text:
            return None
    return None


def _text(doc: Document, i: int, at: int, kind: str) -> Lines:
    """Text of an element that starts at column `at`, up to its end tag."""
    found: Lines = []
    for k, text in doc.forward(i, _LIMIT):
        text = text[at:] if k == i else text
        text, end, _ = text.partition(f"</{kind}>")
        text = text.replace("<![CDATA[", "").replace("]]>", "")
        if text.strip() or end:
            found.append((k, unescape(text)))
        if end:
            break
    return found


def _output(doc: Document, i: int) -> Lines:
    """What the test printed, where the report has nothing else to say."""
    found: Lines = []
    for k, text in doc.forward(i + 1, 60):
        body = unescape(rx(r"<!\[CDATA\[|\]\]>|</?system-(?:out|err)>").sub("", text)).strip()
        found.append((k, body))
        if "</testcase>" in text or "</system-out>" in text:
            break
    return [pair for pair in found if pair[1] and not pair[1].startswith("</")]


def suite(doc: Document, i: int, rule: Rule) -> Extracted:
    """Counts of a suite; of nested ones the outermost that has any."""
    for at in rx(r"<testsuites?(?=[\s>])").finditer(doc.texts[i]):
        own = attributes(_tag(doc, i, at.start()))
        if "tests" in own:
            break
    else:
        return None
    if at[0] == "<testsuite":
        for _, text in doc.back(i - 1, 3) if i else ():
            if "<testsuites" in text and "tests=" in text:
                return None
    found = [
        (name, int(own[key]))
        for key, name in (
            ("failures", "failed"),
            ("errors", "errors"),
            ("skipped", "skipped"),
            ("tests", "total"),
        )
        if own.get(key, "").isdigit() and len(own[key]) < 10
    ]
    time = own.get("time", "").replace(",", "")
    return tally(
        doc,
        i,
        rule,
        found,
        time if rx(r"^[\d.]+$").match(time) else None,
        note=own.get("name", "")[:80],
    )


RULES = (
    Rule(
        "junitxml.failure", r"<(?:failure|error)[ />\t]", "junit xml", "test", Severity.ERROR, failure, 31,
        examples=('<failure message="1 != 2" type="AssertionError">',),
    ),
    Rule(
        "junitxml.suite", r"<testsuites?[ \t]", "junit xml", "test", Severity.INFO, suite, 30,
        examples=('<testsuite name="a" tests="3" failures="1" errors="0" skipped="0" time="0.1">',),
    ),
)  # fmt: skip
