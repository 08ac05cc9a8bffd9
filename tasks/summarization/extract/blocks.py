"""What the families of test runners share: prefixed lines, blocks, stacks, durations, counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import number, own, rx
from slipstream.tasks.summarization.extract.stack import bare
from slipstream.tasks.summarization.model import Frame, Rule, Tally

Lines = list[tuple[int, str]]
"""Document index and text of consecutive lines, without the prefix of a CI system."""

SGR = r"(?:\x1b\[[0-9;]*m)*"
"""Colours, for patterns of the scan: it sees the raw bytes."""

HEAD = r"(?:^|[ \]|\t]|\x1b\[[0-9;]*m)"
"""Where a tool's own line starts in a raw line: at its start, or after a prefix or a colour."""


def block(
    doc: Document, start: int, stop: str, prefix: str = "", *, limit: int = 300, blanks: int = 0
) -> Lines:
    """Lines from `start` up to the one before the next that `stop` matches at its beginning.

    Args:
        doc: The kept lines.
        start: Index of the block's first line, which is never tested against `stop`.
        stop: Pattern of the line that ends the block.
        prefix: What stands before the tool's own text on the first line.
        limit: Most lines that are read.
        blanks: That many blank lines in a row end the block as well; 0 for never.

    Returns:
        At least the first line; no blank lines at the end.
    """
    found: Lines = []
    empty = 0
    ends = rx(stop)
    for i, text in doc.forward(start, limit):
        text = bare(text, prefix)
        if i > start and ends.match(text):
            break
        if text.strip():
            empty = 0
        else:
            empty += 1
            if empty == blanks:
                break
        found.append((i, text))
    while len(found) > 1 and not found[-1][1].strip():
        found.pop()
    return found


def first(lines: Iterable[tuple[int, str]], pattern: str) -> tuple[int, re.Match[str]] | None:
    """The first line in which the pattern is found, and the match."""
    search = rx(pattern).search
    for i, text in lines:
        if match := search(text):
            return i, match
    return None


def focus(doc: Document, *indices: int | None) -> tuple[tuple[int, int], ...]:
    """Ranges of log lines for document indices; neighbours are merged."""
    ranges: list[tuple[int, int]] = []
    for line in sorted({doc.numbers[i] for i in indices if i is not None}):
        if ranges and ranges[-1][1] + 1 >= line:
            ranges[-1] = (ranges[-1][0], line)
        else:
            ranges.append((line, line))
    return tuple(ranges)


_PYTHON = r'^\s*(?:[|+E] *)*\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<name>.+))?'
_JAVASCRIPT = (
    r"^\s*(?:[|│]\s*)?at (?:async )?(?:(?P<name>.+?) \()?(?:file://)?"
    r"(?P<file>(?:[A-Za-z]:[\\/])?[^():]*?[^():\s]):(?P<line>\d+)(?::\d+)?\)?$"
)
_FIREFOX = r"^\s*(?P<name>[^\s@]*)@(?P<file>\S+?):(?P<line>\d+):\d+$"
_JVM = (
    r"^(?:\[\w+\]\s?|//)?\s*(?:\[\w+\]\s*)?at (?:[\w.-]*/{1,2})?(?P<name>[\w$.<>]+)"
    r"\((?:(?P<file>[^():\s]+)(?::(?P<line>\d+))?|Native Method|Unknown Source)\)"
)
_DOTNET = r"^\s*(?:at|bei|à) (?P<name>[^\s(].*\)) (?:in|bei|dans) (?P<file>.+):(?:line|Zeile|ligne) (?P<line>\d+)"
_RUBY = r"^\s*(?:# |from )?(?P<file>[^\s:'\"]+\.(?:rb|rake|erb|ru|gemspec)):(?P<line>\d+)(?::in [`'](?P<name>[^']+)')?"
_PHP = r"^\s*(?:#\d+ |at |\d+\s+)?(?P<file>(?:[A-Za-z]:)?[^\s:()]+\.(?:php|phpt|inc))[:(](?P<line>\d+)\)?(?:: (?P<name>\S+\(.*))?"
_ELIXIR = r"^\s*(?:\([\w-]+ ?[\w.+-]*\) )?(?P<file>[\w./-]+\.(?:exs?|erl|yrl|eex)):(?P<line>\d+): (?P<name>\S+.*)"
_LUA = r"^\s*(?P<file>[^\s:]+\.(?:lua|moon|fnl)):(?P<line>\d+): in (?P<name>.+)"
_GO = r"^\t\s*(?P<file>\S+\.(?:go|s)):(?P<line>\d+)(?: \+0x[0-9a-f]+)?(?P<name>)"
_RUST = r"^\s+at (?P<file>\S+\.rs):(?P<line>\d+)(?::\d+)?(?P<name>)$"
_NUMBERED = r"^\s*\d+: +(?:0x[0-9a-f]+ - )?(.+)"

STACKS = {
    "python": _PYTHON,
    "javascript": _JAVASCRIPT,
    "firefox": _FIREFOX,
    "jvm": _JVM,
    "dotnet": _DOTNET,
    "ruby": _RUBY,
    "php": _PHP,
    "elixir": _ELIXIR,
    "lua": _LUA,
    "go": _GO,
    "rust": _RUST,
}
"""One line of a stack, by language, with the groups file, line and name."""

_JVM_LIBRARY = (
    "java.", "javax.", "jdk.", "sun.", "com.sun.", "kotlin.", "kotlinx.", "scala.", "groovy.",
    "org.junit.", "junit.", "org.testng.", "org.hamcrest.", "org.assertj.", "org.mockito.",
    "org.apache.maven.", "org.gradle.", "org.scalatest.", "org.specs2.", "io.kotest.", "sbt.",
    "org.codehaus.groovy.", "org.spockframework.", "clojure.", "com.google.common.truth.",
    "worker.org.gradle.", "android.", "androidx.test.", "org.robolectric.", "org.opentest4j.",
)  # fmt: skip
_PHP_LIBRARY = ("/vendor/", "phpunit", "phar://")


def stack(lines: Iterable[tuple[int, str]], language: str) -> tuple[Frame, ...]:
    """The frames among the lines, in the order of the log; at most 50."""
    return tuple(f for _, f in frames(lines, language))


def frames(lines: Iterable[tuple[int, str]], language: str) -> list[tuple[int, Frame]]:
    """The frames among the lines with their document index; at most 50."""
    found: list[tuple[int, Frame]] = []
    match = rx(STACKS[language]).match
    above = ""
    for i, text in lines:
        if m := match(text):
            file, name = m["file"] or "", (m["name"] or "").strip()
            if language == "rust" and (called := rx(_NUMBERED).match(above)):
                name = called[1]
            mine = bool(file) and own(file)
            if language == "jvm":
                mine = mine and not name.startswith(_JVM_LIBRARY)
            elif language == "php":
                mine = mine and not any(part in file for part in _PHP_LIBRARY)
            found.append((i, Frame(name, file, number(m["line"]), mine)))
            if len(found) == 50:
                break
        above = text
    return found


def blamed(found: Sequence[tuple[int, Frame]], *, last: bool = False) -> tuple[int, Frame] | None:
    """The user's own frame nearest to the failure, else the nearest of all.

    Args:
        found: Frames in the order of the log.
        last: True where the innermost frame is printed last, as Python does.
    """
    order = list(reversed(found)) if last else list(found)
    return next((f for f in order if f[1].own), order[0] if order else None)


def seconds(text: str | None) -> float | None:
    """A duration as tools print it, in seconds: "1.2s", "350 ms", "2m 3.5s", "0:01:02.5", "1,234"."""
    if not text:
        return None
    text = text.strip()
    if clock := rx(r"^(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)$").match(text):
        return int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3])
    units = {"h": 3600.0, "m": 60.0, "min": 60.0, "s": 1.0, "sec": 1.0, "ms": 1e-3, "µs": 1e-6}
    units |= {"us": 1e-6, "ns": 1e-9, "": 1.0}
    total, seen = 0.0, False
    for value, unit in rx(r"(\d+(?:[.,]\d+)?)\s*([a-zµ]*)").findall(text.lower()):
        unit = unit if unit in units else unit.rstrip("s")
        unit = {"hour": "h", "hr": "h", "minute": "m", "second": "s", "millisecond": "ms"}.get(
            unit, unit
        )
        if unit not in units:
            return None
        total, seen = total + float(value.replace(",", ".")) * units[unit], True
    return round(total, 6) if seen else None


def counts(text: str, names: dict[str, str]) -> tuple[tuple[str, int], ...]:
    """Counts such as "3 failed, 97 passed", in the text's order.

    Args:
        text: The tool's summary line.
        names: The tool's words, lower case, to ours: passed, failed, errors, skipped, ...
    """
    found: dict[str, int] = {}
    for value, word in rx(r"(\d{1,9}) +([A-Za-z]+)").findall(text):
        if name := names.get(word.lower()):
            found[name] = found.get(name, 0) + int(value)
    return tuple(found.items())


def labelled(text: str, names: dict[str, str]) -> tuple[tuple[str, int], ...]:
    """Counts such as "Tests run: 4, Failures: 1", in the text's order."""
    found: dict[str, int] = {}
    for word, value in rx(
        r"\b([A-Za-z]{1,20}(?: [a-z]{1,20})?) {0,20}[:=] {0,20}(\d{1,9})"
    ).findall(text):
        if name := names.get(word.lower()):
            found[name] = found.get(name, 0) + int(value)
    return tuple(found.items())


def tally(
    doc: Document, i: int, rule: Rule, found: Sequence[tuple[str, int]], duration: str | None = None,
    *, failed: bool | None = None, note: str = "",
) -> Tally:  # fmt: skip
    """A tally; it failed when it counts failures or errors, unless the tool says otherwise."""
    if failed is None and found:
        failed = any(n for name, n in found if name in ("failed", "errors"))
    return Tally(
        rule.tool, rule.kind, doc.numbers[i], failed, tuple(found), seconds(duration), note
    )
