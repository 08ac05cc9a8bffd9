"""Helpers that every family of rules uses: lazy patterns, locations, spans."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.model import Finding, Frame, Rule, Severity

LINE_LIMIT = 4096
"""Characters of a line that extraction looks at; lines are cut to it before any pattern runs, so
that even a quadratic pattern stays within milliseconds."""


@cache
def rx(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Compile on first use: compiling all at import would cost more than reading a 1 MB log."""
    return re.compile(pattern, flags)


def went_well(text: str) -> bool:
    """Whether a line only says that a test went well, or names one that runs: `… 3 ms OK`."""
    return rx(_WENT_WELL).search(text) is not None


_WENT_WELL = (
    r"^\s*(?:\[ *(?:RUN|OK|PASSED|SKIPPED)|ok \d|PASS\b|[\u2713\u2714\u221a] |test .* \.\.\. )"
    r"|\b(?:PASS(?:ED)?|[Oo][Kk]|XFAIL|SKIP(?:PED)?)\s*(?:\([\d.]+ ?m?s\)|\[ *\d+%\])?\s*$"
)


def number(text: str | None) -> int | None:
    """An integer of at most 9 digits, or None."""
    return int(text) if text and len(text) < 10 and text.isascii() and text.isdigit() else None


def span(doc: Document, first: int, last: int) -> tuple[int, int]:
    """Log line numbers of the document indices `first` and `last`, inclusive."""
    return doc.numbers[first], doc.numbers[last]


def block_end(doc: Document, start: int, limit: int = 40) -> int:
    """Index of the last line of the block that starts at `start`: up to a blank line or a gap."""
    last = start
    for i, text in doc.forward(start, limit):
        if not text.strip():
            break
        last = i
    return last


def finding(doc: Document, rule: Rule, first: int, last: int, message: str, **more: Any) -> Finding:
    """A finding of `rule` that was read from lines `first` to `last` (document indices)."""
    severity: Severity | None = more.pop("severity", None)
    if severity is None:  # not `or`: INFO is 0
        severity = rule.severity
    return Finding(
        Severity.INFO if severity is None else severity,
        message,
        more.pop("tool", rule.tool),
        more.pop("kind", rule.kind),
        span(doc, first, last),
        weight=more.pop("weight", rule.weight),
        **more,
    )


_LIBRARY = (
    "site-packages/", "dist-packages/", "/lib/python", "node_modules/", "node:", "internal/",
    "<frozen ", "/rustc/", "/.cargo/registry/", "/usr/lib/", "/usr/include/", "/usr/local/lib/",
    "/gems/", "/usr/share/", "/go/src/", "/usr/local/go/", "/pkg/mod/", "vendor/", "/.rustup/",
)  # fmt: skip


def own(file: str) -> bool:
    """Whether a frame's file is the user's own code rather than a library's or the runtime's."""
    path = file.replace("\\", "/")
    return not any(part in path for part in _LIBRARY)


def frame(function: str, file: str, line: str | None) -> Frame:
    """A frame from what a pattern matched."""
    return Frame(function.strip(), file, number(line), own(file))
