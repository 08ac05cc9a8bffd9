"""JavaScript and TypeScript stacks: node, browsers, causes, aggregates, rejected promises."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, frame, number, own, rx
from slipstream.tasks.summarization.extract.stack import (
    STACK_LINES,
    bare,
    block,
    deepest_own,
    log_header,
    ranges,
)
from slipstream.tasks.summarization.model import Cause, Extracted, Frame, Rule, Severity

_NODE = r"^\s*at (?:(.+?) \()?((?:[A-Za-z]:)?[^\s()][^()]*?):(\d+):\d+\)?,?(?: \{)?$"
_SPECIAL = r"^\s*at (?:.+ \((?:<anonymous>|native|index \d+|anonymous|eval at .+)\)|<anonymous>|new Promise.*|async .+)(?: \{)?$"
_BROWSER = r"^\s*((?:[\w$.<>/\[\]*][\w$.<>/\[\] *]*)?)@((?:https?|file|webpack|resource)?:?[^\s@]+?):(\d+):\d+$"
_ERROR = (
    r"(?:^|[\s(:\]>✖×✗⨯])((?:[A-Z]\w*)?(?:Error|Exception|Warning|Rejection)(?: \[[A-Z][A-Z0-9_]+\])?)"
    r"(?:: (.*)|$)"
)
_UNCAUGHT = r"^\s*(?:Uncaught|Unhandled|\[?UnhandledPromiseRejection)"
_MESSAGE_LINES = 30
"""Lines of a message above its first frame."""


def _frame(text: str) -> Frame | None:
    match = rx(_NODE).match(text) or rx(_BROWSER).match(text)
    if match:
        return frame(match[1] or "<anonymous>", match[2].removeprefix("file://"), match[3])
    return None


def _is_frame(text: str) -> bool:
    return bool(rx(_NODE).match(text) or rx(_SPECIAL).match(text) or rx(_BROWSER).match(text))


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _head(doc: Document, i: int, prefix: str) -> int:
    """Index of the line that names the error whose first frame is line `i`."""
    depth = _indent(bare(doc.texts[i], prefix))
    before = i - 1
    for k, line in doc.back(i - 1, _MESSAGE_LINES) if i else ():
        text = bare(line, prefix)
        if k < i - 1 and not text.strip() and k < i - 6:
            break
        if rx(_ERROR).search(text) or rx(_UNCAUGHT).match(text):
            return k
        if _is_frame(text):
            break
        if k == i - 1 and _indent(text) > depth:
            break
        before = min(before, k) if text.strip() and k == i - 1 else before
    return before if before >= 0 and bare(doc.texts[before], prefix).strip() else i


def stack(doc: Document, i: int, rule: Rule) -> Extracted:
    """The error whose first frame is line `i`: its message above, causes and properties below."""
    text = doc.texts[i]
    at = text.find("    at ")
    prefix = text[:at] if at > 0 and text[:at].strip() else ""
    if not _is_frame(bare(text, prefix)):
        return None
    for k, line in doc.back(i - 1, STACK_LINES) if i else ():
        if not _is_frame(bare(line, prefix)):
            break
        i = k
    head = _head(doc, i, prefix)
    message = bare(doc.texts[head], prefix).strip()
    frames: list[tuple[int, Frame]] = []
    causes: list[tuple[str, int, str, list[tuple[int, Frame]]]] = []
    last, opened = i, 0
    if whole := _aggregate(doc, head, prefix):
        causes.append(("inner", head, message, []))
        head, opened = head - 2, 2
        message = whole
    named = rx(_ERROR).search(message)
    for k, line in block(doc, i, prefix):
        body = line.strip()
        if _is_frame(line):
            if found := _frame(line):
                (causes[-1][3] if causes else frames).append((k, found))
            opened += body.endswith(" {")
        elif match := rx(r"^\s*(?:\[?(cause|errors)\]?: |Caused by: )(.*)$").match(line):
            causes.append(("cause" if match[1] != "errors" else "inner", k, match[2] or "", []))
            opened += body.endswith(("[", "{")) and not body.endswith("[]")
        elif body.startswith("... ") and rx(r"^\.\.\. \d+ (?:more|lines matching)").match(body):
            opened += body.endswith("{")
        elif opened and body:
            nested = rx(r"^\s*(?:\w*(?:Error|Exception))(?: \[\w+\])?: (.*)$").match(line)
            if nested:
                causes.append(("inner", k, body, []))
            opened -= body in ("}", "]", "},", "],")
            opened += body.endswith(("{", "["))
        elif rx(r"^From previous event:$|^Emitted '\w+' event |^\s*-{3,}$|^----").match(body):
            pass
        else:
            break
        last = k
    if head == i and len(frames) < 2:
        return None
    excerpt_at = _excerpt(doc, head, prefix)
    first = log_header(doc, excerpt_at)
    deepest = deepest_own(frames or [f for c in causes for f in c[3]], last_first=True)
    file, line_number = (deepest[1].file, deepest[1].line) if deepest else ("", None)
    if not deepest and (importer := rx(r" imported from (\S+\.\w+)$").search(message)):
        file = importer[1]
    if not deepest and excerpt_at < head:
        at_file, _, digits = bare(doc.texts[excerpt_at], prefix).strip().rpartition(":")
        if own(at_file):
            file, line_number = at_file, number(digits)
    shown = [(head, min(i, head + 12))]
    if first < head:
        shown.append((first, head))
    if deepest:
        shown.append((deepest[0], deepest[0]))
    shown += [(k, k + 1 if k < last else k) for _, k, _, _ in causes[:6]]
    uncaught = first < head or rx(_UNCAUGHT).match(message) is not None
    return finding(
        doc, rule, first, last, message, code=named[1] if named else "",
        stack=tuple(f for _, f in frames),
        causes=tuple(
            Cause(relation, *_split(said), tuple(f for _, f in inner))
            for relation, _, said, inner in causes if said and said not in ("[", "{")
        ),
        file=file, line=line_number,
        focus=ranges(doc, shown), weight=rule.weight + uncaught,
    )  # fmt: skip


def _aggregate(doc: Document, head: int, prefix: str) -> str:
    """What an error of several is called, where `head` is the first of its `[errors]: [`."""
    if head < 2 or bare(doc.texts[head - 1], prefix).strip() != "[errors]: [":
        return ""
    match = rx(r"^\s*\[?(\w*Error\b.*?)\]? \{$").match(bare(doc.texts[head - 2], prefix))
    return match[1] if match else ""


def _split(message: str) -> tuple[str, str]:
    named = rx(_ERROR).search(message)
    return (named[1], named[2] or "") if named else ("", message)


def _excerpt(doc: Document, head: int, prefix: str) -> int:
    """Start of node's excerpt `file:line`, source, caret, blank line, if it stands above."""
    for k, line in doc.back(head - 1, 6) if head else ():
        text = bare(line, prefix)
        if rx(r"^(?:(?:[A-Za-z]:)?[\w./\\@:-]+|\S+):\d+$").match(text):
            return k
        if _is_frame(text):
            break
    return head


def excerpt(doc: Document, i: int, rule: Rule) -> Extracted:
    """An uncaught syntax error or thrown non-error: `file:line`, source, caret, message, no `at`."""
    match = rx(r"(?:^|\s)(/?[^\s:]+\.[cm]?[jt]sx?):(\d+)$").search(doc.texts[i])
    if not match:
        return None
    prefix = doc.texts[i][: match.start(1)]
    caret = head = 0
    for k, text in block(doc, i + 1, prefix, 12):
        if rx(r"^\s*\^+\s*$").match(text):
            caret = k
        elif caret and text.strip():
            head = k
            break
    if not head:
        return None
    message = bare(doc.texts[head], prefix).strip()
    if head + 1 < len(doc) and _is_frame(bare(doc.texts[head + 1], prefix)):
        return None  # the frames' own rule reads all of it
    named = rx(_ERROR).search(message)
    return finding(
        doc, rule, i, head, message, code=named[1] if named else "",
        file=match[1], line=number(match[2]),
    )  # fmt: skip


def rejection(doc: Document, i: int, rule: Rule) -> Extracted:
    """`UnhandledPromiseRejectionWarning: Error: …` as node printed it before version 15."""
    if i + 1 < len(doc) and rx(r"^\s+at ").match(doc.texts[i + 1]):
        return None
    at = doc.texts[i].find("UnhandledPromiseRejection")
    return finding(doc, rule, i, i, doc.texts[i][at:].strip())


RULES: tuple[Rule, ...] = (
    Rule(
        "javascript.frame", r"\bat \S.*[A-Za-z>_)]:\d+:\d+\)?,?(?: \{)?\s*$",
        "javascript", "log", extract=stack, weight=18,
        examples=("    at fn (/srv/app.js:10:11)", "    at async file:///srv/app.mjs:1:2",
                  "    at https://example.org/app.js:1:200"),
    ),
    Rule(
        "javascript.browser", r"[\w$>\])]?@(?:https?://|webpack|file://|node_modules/)[^\s]+:\d+:\d+\s*$",
        "javascript", "log", extract=stack, weight=18,
        examples=("onload@https://example.org/app.js:1:200",),
    ),
    Rule(
        "javascript.excerpt", r"\.[cm]?[jt]sx?:\d+\s*$", "javascript", "log",
        extract=excerpt, weight=18,
        examples=("/srv/app.js:10",),
    ),
    Rule(
        "javascript.rejection", r"UnhandledPromiseRejection", "javascript", "log", Severity.ERROR,
        extract=rejection, weight=15,
        examples=("(node:12) UnhandledPromiseRejectionWarning: Error: x",),
    ),
)  # fmt: skip
