"""Rust: panics in the old and the new form, backtraces, chains of causes, aborts."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, frame, number, rx
from slipstream.tasks.summarization.extract.stack import (
    block,
    deepest_own,
    log_header,
    ranges,
)
from slipstream.tasks.summarization.model import Cause, Extracted, Frame, Rule, Severity

_NEW = r"thread '([^']*)'(?: \(\d+\))? panicked at ([^\s'][^:]*(?::\\[^:]*)?):(\d+):(\d+):\s*$"
_OLD = r"thread '([^']*)'(?: \(\d+\))? panicked at '(.*?)(?:', ([^:]+):(\d+)(?::(\d+))?)?$"
_RUNTIME = (
    "std::", "core::", "alloc::", "rust_begin_unwind", "_start", "__", "<core::", "<std::",
    "<alloc::", "test::", "main", "start_thread", "clone", "tokio::", "rust_panic", "backtrace::",
    "panic_unwind", "<unknown>", "color_eyre::", "anyhow::",
)  # fmt: skip
_MESSAGE_LINES = 40
_AFTER = ("note: run with ", "stack backtrace:")
"""What ends a panic's message."""


def panic(doc: Document, i: int, rule: Rule) -> Extracted:
    """A panic with its message, note and backtrace."""
    text = doc.texts[i]
    at = text.find("thread '")
    new = rx(_NEW).search(text)
    old = None if new else rx(_OLD).search(text)
    if not new and not old:
        return None
    lines = list(block(doc, i + 1, text[:at], 600))
    last, message = i, ""
    file, line, column = "", None, None
    if new:
        file, line, column = new[2], number(new[3]), number(new[4])
        closed = any(said.startswith(_AFTER) for _, said in lines[:_MESSAGE_LINES])
        for k, said in lines[:_MESSAGE_LINES]:
            if said.startswith((*_AFTER, "thread '")) or not (closed or said.strip()):
                break
            if message and not closed and not said[0].isspace():
                break
            message, last = message or said.strip(), k
        message = message or text[at:].strip()
    elif old:
        message, file, line, column = old[2], old[3] or "", number(old[4]), number(old[5])
        if not old[3]:
            for k, said in lines[:_MESSAGE_LINES]:
                if place := rx(r"', ([^:']+):(\d+)(?::(\d+))?$").search(said):
                    file, line, column, last = place[1], number(place[2]), number(place[3]), k
                    break
    frames, last = _backtrace(lines, last)
    deepest = deepest_own(frames, last_first=True)
    first = log_header(doc, i)
    message_end = min(last, i + 10)
    shown = [(first, message_end)]
    if deepest:
        shown.append((deepest[0], deepest[0] + 1))
    main = (new or old or ["", ""])[1] == "main"
    return finding(
        doc, rule, first, last, message, code="panic", file=file, line=line, column=column,
        severity=Severity.FATAL if main else None, stack=tuple(f for _, f in frames),
        focus=ranges(doc, shown),
    )  # fmt: skip


def _backtrace(lines: list[tuple[int, str]], last: int) -> tuple[list[tuple[int, Frame]], int]:
    """Frames of the backtrace behind index `last`, if there is one, and its last index."""
    frames: list[tuple[int, Frame]] = []
    named: tuple[int, str] | None = None
    started = False
    for k, text in lines:
        if k <= last:
            continue
        body = text.strip()
        if match := rx(r"^\s*\d+:\s+(?:0x[0-9a-f]+ - )?(.+)$").match(text):
            if named:
                frames.append((named[0], _frame(named[1], "", None)))
            named, started = (k, match[1]), True
        elif match := rx(r"^\s+at (.+?):(\d+)(?::\d+)?$").match(text):
            if named:
                frames.append((named[0], _frame(named[1], match[1], match[2])))
            named = None
        elif not body.startswith(("note: ", "stack backtrace:", "[... omitted")):
            if started or body or k > last + 1:
                break
            continue
        last = k
    if named:
        frames.append((named[0], _frame(named[1], "", None)))
    return frames, last


def _frame(function: str, file: str, line: str | None) -> Frame:
    made = frame(rx(r"::h[0-9a-f]{16}$").sub("", function), file, line)
    return made._replace(own=made.own and not function.startswith(_RUNTIME))


def chain(doc: Document, i: int, rule: Rule) -> Extracted:
    """`Error: …` returned from main, with the `Caused by:` list of anyhow and eyre."""
    if not doc.texts[i].rstrip().endswith("Caused by:"):
        return None
    prefix = doc.texts[i][: doc.texts[i].index("Caused by:")]
    head = next(
        (k for k, text in doc.back(i - 1, 4) if rx(r"(?:^|\s)(?:Error|error): ").search(text)), None
    ) if i else None  # fmt: skip
    if head is None:
        return None
    causes: list[str] = []
    last = i
    for k, text in block(doc, i + 1, prefix, 30):
        if not text.strip() or not text[0].isspace():
            break
        causes.append(rx(r"^\s*(?:\d+: )?").sub("", text).strip())
        last = k
    if not causes:
        return None
    return finding(
        doc, rule, head, last, doc.texts[head].strip(),
        causes=tuple(Cause("cause", "", said) for said in causes),
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule(
        "rust.panic", r"thread '[^']*'(?: \(\d+\))? panicked at ", "rust", "log",
        extract=panic, weight=20,
        examples=("thread 'main' panicked at src/main.rs:2:5:",
                  "thread 'main' panicked at 'boom', src/main.rs:2:5"),
    ),
    Rule(
        "rust.chain", r"(?:^|\s)Caused by:\s*$", "rust", "log", extract=chain, weight=14,
        examples=("Caused by:",),
    ),
    Rule(
        "rust.abort", r"thread '[^']*'(?: \(\d+\))? has overflowed its stack|fatal runtime error: ",
        "rust", "log", Severity.FATAL, weight=20,
        examples=("thread 'main' has overflowed its stack", "fatal runtime error: stack overflow"),
    ),
)  # fmt: skip
