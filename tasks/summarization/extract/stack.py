"""What the readers of stack traces share: prefixes of lines, log headers, what to show first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import rx
from slipstream.tasks.summarization.model import Frame

STACK_LINES = 2000
"""Lines of one trace that are read; longer ones are cut there."""

LEVEL = (
    r"(?:\b(?:ERROR|FATAL|CRITICAL|SEVERE|PANIC|EMERG|ALERT|Error|Fatal|Critical|error|fatal|crit"
    r"|critical|fail|ERR|CRIT|EROR)\b|[\[\"](?:E|F|err)[\]\"])"
)
_TIME = r"\d\d:\d\d:\d\d|\d{4}[-/]\d\d[-/]\d\d|\[\d+\.\d+\]"

Lines = Sequence[tuple[int, str]]
"""Document index and text of consecutive lines, prefix removed."""


def bare(text: str, prefix: str) -> str:
    """A line without the prefix that its block's header has (a CI time stamp, a job's name).

    Digits of the prefix may differ from line to line; a line without the prefix stays as it is.
    """
    if not prefix:
        return text
    size = len(prefix)
    if text.startswith(prefix):
        return text[size:]
    if prefix.isspace():
        return text[min(size, len(text) - len(text.lstrip())) :]
    if len(text) <= size:
        trimmed = text.rstrip()
        return "" if trimmed and _shape(prefix).startswith(_shape(trimmed)) else text
    return text[size:] if _shape(text[:size]) == _shape(prefix) else text


def _shape(text: str) -> str:
    return rx(r"\d").sub("0", text)


def block(
    doc: Document, start: int, prefix: str = "", limit: int = STACK_LINES
) -> Iterator[tuple[int, str]]:
    """Lines from `start` on, up to the next gap, each without the prefix."""
    for i, text in doc.forward(start, limit):
        yield i, bare(text, prefix)


def is_log_header(text: str) -> bool:
    """Whether a line is the entry of a logger that a trace can follow."""
    return bool(
        rx(LEVEL).search(text)
        and (rx(_TIME).search(text) or rx(r"^(?:ERROR|CRITICAL):").match(text))
    )


def log_header(doc: Document, i: int) -> int:
    """Index of the log line that announces the trace beginning at `i`; `i` if there is none."""
    for k, line in doc.back(i - 1, 2) if i else ():
        if line.strip():
            return k if is_log_header(line) and doc.numbers[i] - doc.numbers[k] <= 2 else i
    return i


def deepest_own(frames: Sequence[tuple[int, Frame]], last_first: bool) -> tuple[int, Frame] | None:
    """The user's frame nearest to the raise: the last printed one when `last_first` is False."""
    order: Iterable[tuple[int, Frame]] = frames if last_first else reversed(frames)
    return next((pair for pair in order if pair[1].own), None)


def nearest(frames: Sequence[tuple[int, Frame]], last_first: bool) -> tuple[int, Frame] | None:
    """The user's frame nearest to the raise, or else the nearest of all."""
    if not frames:
        return None
    return deepest_own(frames, last_first) or frames[0 if last_first else -1]


def ranges(doc: Document, parts: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Document index ranges as ascending, merged ranges of log lines."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted((doc.numbers[a], doc.numbers[b]) for a, b in parts):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return tuple(merged)
