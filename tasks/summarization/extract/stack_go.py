"""Go: panics, fatal errors, goroutine dumps and the race detector."""

from __future__ import annotations

from itertools import pairwise

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, frame, rx
from slipstream.tasks.summarization.extract.stack import (
    STACK_LINES,
    bare,
    block,
    deepest_own,
    log_header,
    ranges,
)
from slipstream.tasks.summarization.model import Cause, Extracted, Frame, Rule, Severity

_PLACE = r"^\s+((?:[A-Za-z]:)?[^\s:][^:]*\.(?:go|s|c|cgo)):(\d+)(?: \+0x[0-9a-f]+)?(?: fp=.*)?$"
_CALL = r"^(?:created by )?\s*([\w./*()\[\]{}·\-~%…]+?)(?:\((?:[^()]|\.\.\.)*\)|\(\.\.\.\))?(?: in goroutine \d+)?$"
_ROUTINE = r"^\s*goroutine \d+(?: gp=\S+)?.* ?\[.+\]:$"
_RUNTIME = (
    "runtime.",
    "runtime/",
    "testing.",
    "panic",
    "reflect.",
    "net/http.",
    "sync.",
    "syscall.",
)


def _frames(lines: list[tuple[int, str]]) -> list[tuple[int, Frame]]:
    frames: list[tuple[int, Frame]] = []
    for (at, call), (_, place) in pairwise(lines):
        match = rx(_PLACE).match(place)
        named = match and rx(_CALL).match(call)
        if match and named:
            made = frame(named[1], match[1], match[2])
            library = named[1].startswith(_RUNTIME) or "/go/pkg/mod/" in match[1]
            library = library or match[1].endswith("_testmain.go")
            frames.append((at, made._replace(own=made.own and not library)))
    return frames


def panic(doc: Document, i: int, rule: Rule) -> Extracted:
    """A panic or fatal error: its message, the signal, and the goroutines that follow."""
    found = rx(r"(?:^|\s)((?:panic|fatal error|runtime): .*|SIG[A-Z]+: .*)$").search(doc.texts[i])
    if not found:
        return None
    prefix = doc.texts[i][: found.start(1)]
    lines = list(block(doc, i, prefix, STACK_LINES))
    routine = next((n for n, (_, text) in enumerate(lines[:60]) if rx(_ROUTINE).match(text)), None)
    if routine is None:
        alone = not prefix.strip() and found[1].startswith("panic: ")
        return finding(doc, rule, i, i, found[1].strip(), code="panic") if alone else None
    end = routine
    for n in range(routine + 1, len(lines)):
        text = lines[n][1]
        if text.strip():
            known = (
                rx(_PLACE).match(text) or rx(_ROUTINE).match(text)
                or text.startswith(("created by ", "...additional frames elided"))
                or rx(r"^(?:exit status \d+|r[a-z0-9]{1,6}\s+0x[0-9a-f]+|PC=0x.*)$").match(text)
                or (n + 1 < len(lines) and rx(_PLACE).match(lines[n + 1][1]))
            )  # fmt: skip
            if not known:
                break
            end = n
            if text.startswith("exit status"):
                break
        elif n - end > 2:
            break
    first_end = next((n for n in range(routine + 1, end + 1) if not lines[n][1].strip()), end + 1)
    frames = _frames(lines[routine + 1 : first_end])
    # Where a limit of time or a deadlock ends the process, another goroutine runs the user's code.
    deepest = deepest_own(frames, True) or deepest_own(_frames(lines[routine + 1 : end + 1]), True)
    first = log_header(doc, i)
    shown = [(first, lines[min(routine, 8)][0])]
    if deepest:
        shown.append((deepest[0], deepest[0] + 1))
    message, causes = _panics(found[1].strip(), [text for _, text in lines[1:routine]])
    code = "panic" if message.startswith("panic") else message.partition(":")[0]
    return finding(
        doc, rule, first, lines[end][0], message, code=code, causes=causes,
        stack=tuple(f for _, f in frames),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, shown),
    )  # fmt: skip


def _panics(message: str, below: list[str]) -> tuple[str, tuple[Cause, ...]]:
    """The panic that ended the process, and those that it was raised in; a repeated one is one."""
    panics = [message]
    for text in below:
        if match := rx(r"^\t+(panic: .*)$").match(text):
            panics.append(match[1].strip())
    said = dict.fromkeys(rx(r" \[recovered(?:, repanicked)?\]$").sub("", text) for text in panics)
    *before, last = said
    return last, tuple(Cause("context", "", text) for text in reversed(before))


def race(doc: Document, i: int, rule: Rule) -> Extracted:
    """`WARNING: DATA RACE` up to the closing rule of `=` signs."""
    at = doc.texts[i].find("WARNING: DATA RACE")
    prefix = doc.texts[i][:at]
    lines = list(block(doc, i, prefix, 200))
    end = next((n for n, (_, text) in enumerate(lines) if text.startswith("======")), None)
    if end is None:
        end = next((n for n, (_, t) in enumerate(lines) if n and not t.strip()), len(lines)) - 1
    lines = lines[: end + 1]
    frames = _frames(lines)
    deepest = deepest_own(frames, last_first=True)
    opened = i > 0 and bare(doc.texts[i - 1], prefix).startswith("======")
    return finding(
        doc, rule, i - 1 if opened else i, lines[-1][0], doc.texts[i][at:].strip(), code="race",
        stack=tuple(f for _, f in frames),
        file=deepest[1].file if deepest else "", line=deepest[1].line if deepest else None,
        focus=ranges(doc, [(i, lines[min(3, len(lines) - 1)][0])]),
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule(
        "go.panic", r"\bpanic: .|\bfatal error: [a-z]|\bSIGQUIT: quit|\bSIGABRT: abort", "go", "log",
        Severity.FATAL, extract=panic, weight=20,
        examples=("panic: runtime error: index out of range [5] with length 3",
                  "fatal error: all goroutines are asleep - deadlock!"),
    ),
    Rule(
        "go.race", r"WARNING: DATA RACE", "go", "log", extract=race, weight=20,
        examples=("WARNING: DATA RACE",),
    ),
)  # fmt: skip
