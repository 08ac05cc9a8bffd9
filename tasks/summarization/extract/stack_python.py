"""Python tracebacks: chained exceptions, exception groups, syntax errors, interpreter crashes."""

from __future__ import annotations

from typing import NamedTuple

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, frame, number, rx
from slipstream.tasks.summarization.extract.stack import (
    STACK_LINES,
    Lines,
    bare,
    block,
    deepest_own,
    log_header,
    nearest,
    ranges,
)
from slipstream.tasks.summarization.model import Cause, Extracted, Frame, Rule, Severity

_HEADER = "Traceback (most recent call last):"
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"
_FRAME = r'^\s+File "([^"]+)", line (\d+)(?:, in (.+))?$'
_NAMED = r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?::\s*(.*))?$"
_ART = r"^\s*(?:[|]|[+](?=[ -]))(?: |-+(?: \d+ |[^\s\d])?-*)?"
_ANNOUNCED = (
    r"^(?:Task exception was never retrieved|future: <|Exception in |Exception ignored in|"
    r"Unhandled exception in|Error in |Internal Server Error: |ERROR conda)"
)
_NEW_ENTRY = r"\d\d:\d\d:\d\d|\d{4}-\d\d-\d\d|^(?:[$+#>] |##\[|::|make\S*: |The command |\w+:\w+:)"
"""What cannot be a further line of a message."""
_CONTINUED = 40
"""Lines of one exception's message that are looked at."""


class _Part(NamedTuple):
    """One traceback of a chain."""

    first: int
    exception: int
    last: int
    frames: list[tuple[int, Frame]]
    text: str
    relation: str
    """How this exception led to the next one: "cause", "context", or "" for the last."""


def _message_end(lines: Lines, at: int) -> tuple[int, str]:
    """Position of the last line of the exception at `at`, and the relation that follows it."""
    last, end = at, min(len(lines), at + 1 + _CONTINUED)
    for k in range(at + 1, end):
        text = lines[k][1]
        if text in (_CAUSE, _CONTEXT):
            return k - 1, "cause" if text == _CAUSE else "context"
        if _HEADER in text:
            break
    for k in range(at + 1, end):
        text = lines[k][1]
        following = lines[k + 1][1] if k + 1 < len(lines) else ""
        heading = rx(r"^[\w.\[\]-]+$").match(text) and following.startswith("  ")
        listed = lines[at][1].endswith(":") and k <= at + 10 and not rx(_NEW_ENTRY).search(text)
        if not text.strip() or not (text[0] in " \t" or heading or listed):
            break
        last = k
    return last, ""


def _part(lines: Lines, start: int) -> tuple[_Part, int] | None:
    """The traceback whose header is at position `start`, and the position after it."""
    frames: list[tuple[int, Frame]] = []
    k = start + 1
    while k < len(lines):
        index, text = lines[k]
        if match := rx(_FRAME).match(text):
            frames.append((index, frame(match[3] or "<module>", match[1], match[2])))
        elif text and text[0] not in " \t":
            break
        elif not text.strip() and not (k + 1 < len(lines) and lines[k + 1][1].startswith("  ")):
            return None
        k += 1
    if k >= len(lines) or (not frames and k > start + 1):
        return None
    last, relation = _message_end(lines, k)
    text = lines[k][1].strip()
    part = _Part(lines[start][0], lines[k][0], lines[last][0], frames, text, relation)
    if not relation:
        return part, last + 1
    after = last + 2
    while after < len(lines) and not lines[after][1].strip():
        after += 1
    return part, after


def _chain(lines: Lines) -> list[_Part]:
    parts: list[_Part] = []
    k = 0
    while k < len(lines) and lines[k][1].strip() == _HEADER and (found := _part(lines, k)):
        parts.append(found[0])
        k = found[1]
        if not found[0].relation:
            break
    return parts


def _split(text: str) -> tuple[str, str]:
    named = rx(_NAMED).match(text)
    return (named[1], (named[2] or "").strip()) if named else ("", text)


def _shown(part: _Part) -> list[tuple[int, int]]:
    """The deepest own frame with its source line, and the exception."""
    shown = [(part.exception, min(part.last, part.exception + 8))]
    deepest = nearest(part.frames, last_first=False)
    if deepest:
        shown.append((deepest[0], min(deepest[0] + 1, part.exception)))
    return shown


def _announced(doc: Document, i: int, prefix: str) -> int:
    """Index of the line above that says in which thread, task or request it happened."""
    first = log_header(doc, i)
    for k, line in doc.back(i - 1, 3) if i and first == i else ():
        if not rx(_ANNOUNCED).match(bare(line, prefix)):
            break
        first = k
    return first


def traceback(doc: Document, i: int, rule: Rule) -> Extracted:
    """The chain of tracebacks whose first header is line `i`."""
    header = doc.texts[i]
    prefix = header[: header.index(_HEADER)] if _HEADER in header else ""
    if not header.rstrip().endswith(_HEADER):
        return None
    parts: list[_Part] = []
    for limit in (120, STACK_LINES):
        lines = [(k, t if k > i else _HEADER) for k, t in block(doc, i, prefix, limit)]
        parts = _chain(lines)
        if parts and parts[-1].last < lines[-1][0] - _CONTINUED:
            break
    if not parts:
        return None
    final = parts[-1]
    first = _announced(doc, i, prefix)
    code, _ = _split(final.text)
    shown = [pair for part in dict.fromkeys((0, len(parts) - 1)) for pair in _shown(parts[part])]
    deepest = nearest(final.frames, last_first=False)
    causes = tuple(
        Cause(part.relation, *_split(part.text), tuple(f for _, f in part.frames))
        for part in reversed(parts[:-1])
    )
    return finding(
        doc, rule, first, final.last, final.text,
        code=code, stack=tuple(f for _, f in final.frames), causes=causes,
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, [(first, i), *shown]),
    )  # fmt: skip


def group(doc: Document, i: int, rule: Rule) -> Extracted:
    """An exception group, drawn with `|` and `+-`; its members become inner causes."""
    text = doc.texts[i]
    mark = text.find("+ Exception Group " + _HEADER)
    if mark < 0:
        return None
    prefix = text[:mark].rstrip(" ")
    lines: list[tuple[int, str]] = []
    drawn = list(block(doc, i, prefix))
    for at, (k, line) in enumerate(drawn):
        if not rx(r"^\s+[|+]").match(line):
            # Only the first line of a message is drawn with its bar.
            if not any(rx(r"^\s+[|+]").match(more) for _, more in drawn[at + 1 : at + 6]):
                break
            continue
        lines.append((k, _unart(line)))
    members: list[tuple[int, str]] = []
    frames: list[tuple[int, Frame]] = []
    stacks: list[list[tuple[int, Frame]]] = []
    expecting = False
    for k, line in lines:
        if line.endswith(_HEADER):
            expecting, frames = True, []
        elif match := rx(_FRAME).match(line):
            frames.append((k, frame(match[3] or "<module>", match[1], match[2])))
        elif (
            line
            and line[0] not in " \t+-"
            and (expecting or rx(r"^[\w.]+(?:Error|Exception|Exit|Warning)\b").match(line))
        ):
            members.append((k, line.strip()))
            stacks.append(frames)
            expecting, frames = False, []
    if not members:
        return None
    first = log_header(doc, i)
    deepest = deepest_own(stacks[0], last_first=False)
    return finding(
        doc, rule, first, lines[-1][0], members[0][1],
        code=_split(members[0][1])[0], stack=tuple(f for _, f in stacks[0]),
        causes=tuple(
            Cause("inner", *_split(member), tuple(f for _, f in stack))
            for (_, member), stack in zip(members[1:], stacks[1:], strict=True)
        ),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, [(first, i), *((k, k) for k, _ in members),
                           *((stack[-1][0], stack[-1][0] + 1) for stack in stacks if stack)]),
    )  # fmt: skip


def _unart(line: str) -> str:
    """The line without the bars and rules that draw a group's tree."""
    while match := rx(_ART).match(line):
        line = line[match.end() :]
    return line


def syntax_error(doc: Document, i: int, rule: Rule) -> Extracted:
    """`  File "x.py", line 3`, its source and caret, and the SyntaxError without a traceback."""
    match = rx(r'^(.*?)(?:\*\*\* )?File "([^"]+)", line (\d+)$').match(doc.texts[i].rstrip())
    if not match:
        return None
    for k, text in block(doc, i + 1, match[1].rstrip(" "), 8):
        error = rx(r"^\s*(?:Sorry: )?((?:Syntax|Indentation|Tab)Error|SyntaxWarning): .+").match(
            text
        )
        if error:
            return finding(
                doc, rule, i, k, text.strip(),
                code=error[1], file=match[2], line=number(match[3]),
            )  # fmt: skip
    return None


def crash(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Fatal Python error: …` with the stacks that faulthandler prints, most recent call first."""
    text = doc.texts[i]
    at = text.index("Fatal Python error:") if "Fatal Python error:" in text else 0
    last, frames = i, list[tuple[int, Frame]]()
    for k, line in block(doc, i + 1, text[:at], 400):
        if match := rx(r'^\s+File "([^"]+)", line (\d+) in (.+)$').match(line):
            frames.append((k, frame(match[3], match[1], match[2])))
        elif line.strip() and not rx(
            r"^(?:Current thread|Thread 0x|Python runtime|Extension modules|\s+<|\s+\.\.\.)"
        ).match(line):
            break
        last = k if line.strip() else last
    deepest = deepest_own(frames, last_first=True)
    return finding(
        doc, rule, i, last, bare(text, text[:at]).strip(),
        severity=Severity.FATAL, stack=tuple(f for _, f in frames),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, [(i, i), *([(deepest[0], deepest[0])] if deepest else [])]),
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule(
        "python.group", r"\+ Exception Group Traceback \(most recent call last\):", "python", "log",
        extract=group, weight=21,
        examples=("  + Exception Group Traceback (most recent call last):",),
    ),
    Rule(
        "python.traceback", r"Traceback \(most recent call last\):", "python", "log",
        extract=traceback, weight=20,
        examples=("Traceback (most recent call last):",),
    ),
    Rule(
        "python.syntax", r'File "[^"]+", line \d+\s*$', "python", "log",
        extract=syntax_error, weight=19,
        examples=('  File "app.py", line 3',),
    ),
    Rule(
        "python.crash", r"Fatal Python error: ", "python", "log", Severity.FATAL,
        extract=crash, weight=20,
        examples=("Fatal Python error: Segmentation fault",),
    ),
    Rule(
        "python.start", r"python[\d.]*(?:\.exe)?: (?:No module named |can't open file |Error while finding module )",
        "python", "log", weight=15,
        examples=("/usr/bin/python3: No module named pytest",),
    ),
)  # fmt: skip
