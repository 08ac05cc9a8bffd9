"""PHP: fatal errors, uncaught exceptions with their traces, and the console's error boxes."""

from __future__ import annotations

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import finding, frame, number, rx
from slipstream.tasks.summarization.extract.stack import block, deepest_own, ranges
from slipstream.tasks.summarization.model import Cause, Extracted, Frame, Rule, Severity

_HEAD = (
    r"(?:PHP )?((?:Recoverable )?[Ff]atal error|Parse error|Warning|Notice|Deprecated|"
    r"Catchable fatal error|Core error|Compile Error): +(.*?)(?: in (\S+\.\w+|\S+)(?::(\d+)| on line (\d+)))?$"
)
_FRAME = r"^\s*#(\d+) (?:(\S+?)\((\d+)\): (.+)|(\{main\}|\[internal function\].*))$"
_NEXT = r"^(?:Next )((?:\w+\\)*\w+): (.*?)(?: in (\S+):(\d+))?$"


def fatal(doc: Document, i: int, rule: Rule) -> Extracted:
    """`PHP Fatal error:  Uncaught X: msg in file:line` with its stack trace."""
    head = rx(_HEAD).search(doc.texts[i])
    if not head:
        return None
    prefix = doc.texts[i][: head.start()]
    if prefix.strip() and not rx(r"[\])|:Z+-]\s*$").search(prefix):
        return None
    frames: list[tuple[int, Frame]] = []
    causes: list[Cause] = []
    file, line = head[3] or "", number(head[4] or head[5])
    said, last = head[2], i
    for k, text in block(doc, i + 1, prefix, 400):
        if match := rx(_FRAME).match(text):
            if match[2]:
                frames.append((k, frame(match[4], match[2], match[3])))
        elif match := rx(r"^\s*thrown in (\S+) on line (\d+)").match(text):
            last, file, line = k, match[1], number(match[2])
            break
        elif match := rx(_NEXT).match(text):
            # What was printed until here is the previous exception, the cause of this one.
            raised = (Frame("", file, line),) if file else ()
            causes.append(Cause("cause", *_split(said), (*raised, *(f for _, f in frames))))
            said, frames = f"{match[1]}: {match[2]}", []
            file, line = match[3] or "", number(match[4])
        elif text.strip() not in ("Stack trace:", ""):
            if frames or not _traced(doc, k, prefix):
                break
            if place := rx(r" in (\S+):(\d+)$").search(text):
                file, line = file or place[1], line or number(place[2])
        elif not text.strip() and not _traced(doc, k, prefix):
            break
        last = k
    uncaught = rx(r"^Uncaught (?:exception ')?((?:\w+\\)*\w+)").match(head[2])
    deepest = deepest_own(frames, last_first=True)
    severity = Severity.FATAL if "fatal" in head[1].lower() else Severity.ERROR
    if head[1] in ("Warning", "Notice", "Deprecated"):
        severity = Severity.WARNING
    shown = [(i, min(last, i + 2))]
    if deepest:
        shown.append((deepest[0], deepest[0]))
    return finding(
        doc, rule, i, last, said if causes else head[0].strip(), severity=severity,
        code=_split(said)[0] or (uncaught[1] if uncaught else head[1]), stack=tuple(f for _, f in frames),
        causes=tuple(reversed(causes)), file=file, line=line, focus=ranges(doc, shown),
    )  # fmt: skip


def _traced(doc: Document, i: int, prefix: str) -> bool:
    """Whether the message goes on at `i`: `Stack trace:` or `Next` follows soon."""
    return any(
        text.startswith(("Stack trace:", "Next ")) or rx(_FRAME).match(text)
        for _, text in block(doc, i + 1, prefix, 10)
    )


def _split(said: str) -> tuple[str, str]:
    match = rx(r"^(?:Uncaught )?((?:\w+\\)*\w+): (.*)$").match(said)
    return (match[1], match[2]) if match else ("", said)


def console(doc: Document, i: int, rule: Rule) -> Extracted:
    """A console's box: `In File.php line 12:` or `[RuntimeException]`, then indented lines."""
    match = rx(r"(?:^|\s)(?:In (\S+\.php) line (\d+):|\[((?:\w+\\)*\w+(?:Exception|Error))\])\s*$").search(
        doc.texts[i]
    )  # fmt: skip
    if not match:
        return None
    last, message, blank = i, "", 0
    for k, text in block(doc, i + 1, doc.texts[i][: match.start()], 30):
        if text.strip() and not text.startswith("  "):
            break
        blank = 0 if text.strip() else blank + 1
        if blank > 2:
            break
        if text.strip():
            message, last = message or text.strip(), k
    if not message:
        return None
    code = match[3] or ""
    return finding(
        doc, rule, i, last, f"{code}: {message}" if code else message, code=code,
        file=match[1] or "", line=number(match[2]),
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule(
        "php.error",
        r"(?:PHP )?(?:(?:Recoverable |Catchable )?[Ff]atal error|Parse error): +(?:Uncaught |.* in \S+)",
        "php", "log", extract=fatal, weight=19,
        examples=("PHP Fatal error:  Uncaught Exception: boom in /srv/a.php:3",
                  "Parse error: syntax error, unexpected '}' in /srv/a.php on line 3"),
    ),
    Rule(
        "php.warning", r"PHP (?:Warning|Notice|Deprecated):  |^(?:Warning|Notice|Deprecated): .* in \S+ on line \d+", "php", "log", Severity.WARNING,
        extract=fatal, weight=14,
        examples=("PHP Warning:  Undefined variable $x in /srv/a.php on line 3",),
    ),
    Rule(
        "php.console", r"In \S+\.php line \d+:\s*|\[[\w\\]*(?:Exception|Error)\]\s*(?:\x1b\[[0-9;]*m)*\s*$", "php", "log",
        extract=console, weight=16,
        examples=("In Application.php line 12:", "  [RuntimeException]  "),
    ),
)  # fmt: skip
