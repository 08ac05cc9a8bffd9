"""Where a diagnostic points, how bad it calls itself, and which lines around it belong to it.

Most compilers and linters print a variation of `file:line:column: severity: message [code]`, so
one reader serves them all; the families add what is particular to a tool.
"""

from __future__ import annotations

from typing import NamedTuple

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.extract.common import number, rx
from slipstream.tasks.summarization.extract.stack import bare
from slipstream.tasks.summarization.model import Severity

COLOR = r"(?:\x1b\[[0-9;]*[mK])*"
"""For rule patterns: the escape sequences a tool may print between two tokens."""

NOTE_LINES = 60
"""Lines of notes and excerpts that are read after a diagnostic; longer ones are template dumps."""

PREFIX_LENGTH = 160
"""Longest prefix, in characters, that a CI system puts before a line."""

SEVERITIES: dict[str, Severity] = {
    "fatal error": Severity.FATAL, "fatal": Severity.FATAL,
    "internal compiler error": Severity.FATAL, "internal error": Severity.FATAL,
    "catastrophic error": Severity.FATAL,
    "error": Severity.ERROR, "err": Severity.ERROR,
    "critical": Severity.ERROR, "blocker": Severity.ERROR, "major": Severity.ERROR,
    "high": Severity.ERROR, "failure": Severity.ERROR, "severe": Severity.ERROR,
    "warning": Severity.WARNING, "warn": Severity.WARNING, "medium": Severity.WARNING,
    "minor": Severity.WARNING, "low": Severity.WARNING, "style": Severity.WARNING,
    "convention": Severity.WARNING, "refactor": Severity.WARNING,
    "performance": Severity.WARNING, "portability": Severity.WARNING,
    "note": Severity.INFO, "info": Severity.INFO, "information": Severity.INFO,
    "hint": Severity.INFO, "remark": Severity.INFO, "notice": Severity.INFO,
    "suggestion": Severity.INFO, "message": Severity.INFO,
}  # fmt: skip
_LETTERS = {
    "F": Severity.FATAL, "E": Severity.ERROR, "W": Severity.WARNING, "C": Severity.WARNING,
    "R": Severity.WARNING, "I": Severity.INFO, "N": Severity.INFO, "D": Severity.WARNING,
    "S": Severity.WARNING,
}  # fmt: skip
MARKS = {
    "✖": Severity.ERROR, "✘": Severity.ERROR, "×": Severity.ERROR, "❌": Severity.ERROR,
    "✗": Severity.ERROR, "⚠": Severity.WARNING, "‼": Severity.WARNING, "ℹ": Severity.INFO,
}  # fmt: skip
_WORD = "|".join(sorted((w.replace(" ", r"\s+") for w in SEVERITIES), key=len, reverse=True))

# A path has no blank, colon or quote in it; a blank is given back by `_whole_path`.
PATH = r"(?:<[\w. -]{1,30}>|(?:[A-Za-z]:(?=[\\/]))?[^\s:\"'`<>|*?]{1,400})"
_SPOT = (
    rf"(?<![^\s\[(\"'`])({PATH}):(\d{{1,7}})(?:[:.](\d{{1,5}}))?"
    r"(?:-\d{1,7}(?:[:.]\d{1,5})?)?(?=[:\s,;\])]|$)"
)
_AFTER = (
    rf"[\s:\])–—-]*(?:[\[(]\s*)?(?:({_WORD})\b|([FEWCRINDS])(?=[\]:]))(?:\s*[\])])?"
    r"(?:\s*\[([^\]\s]{1,80})\]|\s*\(([^)\s]{1,80})\)(?=\s*:)|\s+([A-Z]+[0-9][\w-]*))?\s*[:–—-]*\s*"
)
_LEADING = (
    r"(?:\[([A-Z][\w/-]{1,60})\]"
    r"|([A-Z]{1,8}-?\d{2,6}(?:/[\w-]+)?)(?:\[\w+\])?(?=[:\s])"
    r"|([A-Z][A-Za-z]+(?:/[A-Z][A-Za-z]+)+)(?=:)"
    r"|([A-Z][a-z]+[A-Z][A-Za-z]*)(?=:))[:\s]\s*"
)
_TRAILING = (
    r"(?:\[((?!http)[\w@-][\w@./:+,=-]*)\]|\(((?:[a-z@][\w@./:-]*|[A-Z]+\d+))\)"
    r"|\(Rule:(\w+),[^)]*\))$"
)
_TRAILING_LINK = r"\[?https?://\S+$"
CI_PREFIX = (
    r"\s*(?:(?:\d{4}-\d\d-\d\dT[\d:.]+Z|\[[^\[\]]{1,40}\]|##\[\w+\]|[\w.-]{1,40}\s*\|"
    r"|#\d+ \d+\.\d+(?=\s)|✖|✘|×|❌|⚠️?|-|\*|❗)\s*)*"
)


class Spot(NamedTuple):
    """A position in a source file that a line of the log names."""

    file: str
    line: int | None
    column: int | None
    before: str
    """What stands before the path."""
    after: str
    """What stands after the position."""


class Diagnosis(NamedTuple):
    """A diagnostic, read from one line."""

    file: str
    line: int | None
    column: int | None
    severity: Severity | None
    """None where the line does not say."""
    code: str
    message: str
    before: str


def severity_of(word: str) -> Severity | None:
    """How bad a word, a letter or a mark of a tool is; None when it is none of those."""
    plain = " ".join(word.lower().split())
    return SEVERITIES.get(plain, SEVERITIES.get(plain.rstrip("s")))


def or_error(severity: Severity | None) -> Severity:
    """What does not say how bad it is, is an error: such tools print nothing else."""
    return Severity.ERROR if severity is None else severity


def spot(text: str) -> Spot | None:
    """The first `file:line[:column]` of a line."""
    for match in rx(_SPOT).finditer(text):
        file = match[1]
        if file[0] in "[(" and "])"["[(".index(file[0])] not in file:
            file = file[1:]
        if not _is_path(file):
            continue
        before = text[: match.end(1) - len(file)]
        file, before = _whole_path(before, file)
        return Spot(file, number(match[2]), number(match[3]), before, text[match.end() :])
    return None


def _is_path(file: str) -> bool:
    """Whether a token before `:12` is a file: not a time, a host, an address or a name with ::."""
    if not rx(r"[A-Za-z_]").search(file) or rx(r"\d{4}-\d\d-\d\dT\d\d$").search(file):
        return False
    if file.startswith(("//", "http", "0x", "[", "sha256")) and "/" not in file[2:]:
        return False
    name = file.replace("\\", "/").rpartition("/")[2]
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if "/" not in file.lstrip("./") and extension in _DOMAINS:
        return False
    return "/" in file or "." in name or rx(r"[A-Z]\w*$|<|\w*makefile$").match(name) is not None


_DOMAINS = frozenset({"com", "org", "net", "io", "dev", "local", "internal", "edu", "gov", "app"})


def _whole_path(before: str, file: str) -> tuple[str, str]:
    """A path with blanks in it, given back what stands before its last blank."""
    if not before or before.isspace() or file.startswith("/"):
        return file, before
    near = before[-200:]
    start = rx(r"(?:^|\s)((?:[A-Za-z]:[\\/]|\.{0,2}/)[^:\"'`<>|]*)$").search(near)
    if start and not rx(rf"\b(?:{_WORD})\b", 2).search(start[1]):
        return start[1] + file, before[: len(before) - len(near) + start.start(1)]
    return file, before


def after_severity(after: str) -> tuple[Severity | None, str, str]:
    """Severity, code and message of what stands after a position."""
    match = rx(_AFTER, 2).match(after)
    letter = match[2] if match else None
    if match is None or (letter and not letter.isupper()):
        return None, *code_of(rx(r"[\s:\])–—-]*").sub("", after, count=1))
    severity = _LETTERS[letter] if letter else severity_of(match[1])
    code = match[3] or match[4] or match[5] or ""
    rest = after[match.end() :]
    if code:
        return severity, code, rest.strip()
    return severity, *code_of(rest)


def code_of(message: str) -> tuple[str, str]:
    """A rule's name at the start or at the end of a message, and the message without it."""
    message = rx(_TRAILING_LINK).sub("", message.strip()).rstrip()
    message = message.removeprefix("[Correctable] ").removeprefix("[Corrected] ")
    match = rx(_LEADING).match(message)
    if match and match.end() < len(message):
        return next(filter(None, match.groups())), message[match.end() :].strip()
    match = rx(_TRAILING).search(message)
    if match and match.start():
        return next(filter(None, match.groups())), message[: match.start()].strip()
    return "", message


def diagnosis(text: str) -> Diagnosis | None:
    """Read `[severity: ]file:line[:column][: severity][ code]: message [code]`."""
    place = spot(text)
    if place is None:
        return None
    severity, code, message = after_severity(place.after)
    if severity is None:
        word = rx(rf"(?:^|[\s\[])({_WORD}|e|w|i)\s*(?:\[[\w:-]+\])?[\]:]*\s*(?:in\s+)?$", 2).search(
            place.before[-40:]
        )
        if word:
            short = {"e": "error", "w": "warning", "i": "info"}
            severity = severity_of(short.get(word[1].lower(), word[1]))
    return Diagnosis(place.file, place.line, place.column, severity, code, message, place.before)


def starts_line(before: str) -> bool:
    """Whether nothing but a CI system's own prefix stands before the path."""
    before = before.rstrip("[(\"'`")
    if len(before) > PREFIX_LENGTH:
        return False
    return not before or rx(CI_PREFIX).fullmatch(before) is not None


_GUTTER = r"%?\s*(?:[>❱→]\s*)?(?:\d+\s*(?:\||│|┃|┆)|(?:\||│|┃|┆|·|╷|╵)(?:\s|$))"


def is_caret(text: str) -> bool:
    """Whether a line only points at the source line above it (with a remark, perhaps)."""
    body = text.lstrip(" \t0123456789|│·%")
    if body.startswith(("~", "-")):
        rest = body.lstrip("~- \t")
        return rest.startswith("^") or (not rest and "~" in body)
    return body.startswith("^")


def is_gutter(text: str) -> bool:
    """Whether a line is part of a source excerpt with a margin: `12 | code` or `   | ^^^`."""
    return rx(_GUTTER).match(text) is not None


def excerpt_end(doc: Document, i: int, limit: int = 14) -> int:
    """Index of the last line of the source excerpt below line `i`; `i` when there is none."""
    last = i
    lines = list(doc.forward(i + 1, limit))
    k = 0
    while k < len(lines):
        text = lines[k][1]
        follower = lines[k + 1][1] if k + 1 < len(lines) else ""
        if is_gutter(text) or is_caret(text):
            k += 1
        elif is_caret(follower) and spot(text) is None:
            k += 2
        elif k and is_caret(lines[k - 1][1]) and text.startswith("   ") and spot(text) is None:
            k += 1  # clang's fix-it, below the caret
        else:
            break
        last = lines[k - 1][0]
    return last


def indented_end(doc: Document, i: int, limit: int = 30) -> int:
    """Index of the last line below `i` that is indented deeper than it, blank lines between."""
    width = _indent(doc.texts[i])
    last = i
    for j, text in doc.forward(i + 1, limit):
        if not text.strip():
            continue
        if _indent(text) <= width:
            break
        last = j
    return last


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def view(
    doc: Document, i: int, prefix: str, back: int = 40, ahead: int = 120
) -> tuple[Document, int]:
    """The document around line `i` without the prefix that a CI system put before each line.

    Returns:
        A document that keeps the log's line numbers, and the index of line `i` in it; the same
        document where the prefix is blank, so that plain logs pay nothing.
    """
    if not prefix.strip():
        return doc, i
    first = max(0, i - back)
    last = min(len(doc), i + ahead)
    texts = [bare(text, prefix) for text in doc.texts[first:last]]
    plain = Document(
        texts, doc.numbers[first:last], total=doc.total, command=doc.command,
        exit_status=doc.exit_status,
    )  # fmt: skip
    return plain, i - first


def notes_end(doc: Document, last: int, *, same: tuple[str, int | None] | None = None) -> int:
    """Index of the last line of the notes that follow a diagnostic ending at `last`.

    Args:
        doc: The lines.
        last: Index of the diagnostic's last line so far.
        same: File and line that a note must name to belong to it; None takes every note.
    """
    begun = last
    while last - begun < NOTE_LINES:
        ahead = last + 1
        for j, text in doc.forward(last + 1, 6):
            if rx(_NOTE).search(text) or not rx(_INCLUDED).match(text):
                ahead = j
                break
        if ahead >= len(doc) or doc.numbers[ahead] - doc.numbers[last] != ahead - last:
            return last
        text = doc.texts[ahead]
        if not rx(_NOTE).search(text):
            return last
        if same is not None:
            found = diagnosis(text)
            if found is None or (found.file, found.line) != same:
                return last
        last = excerpt_end(doc, ahead)
    return last


_NOTE = r"(?i)[\d)>\]]:? *(?:- )?(?:note|remark|help|message)\b"
_INCLUDED = (
    r"(?:In file included from |\s+from .+[:,]$|In module imported |.*: (?:required (?:from|by)|recursively required)"
    r"|\s+(?:required from|inlined from) |.*:\s+(?:required from|\[ skipping)|.*: In (?:static |member |copy |"
    r"default |virtual |lambda )*(?:function|constructor|destructor|instantiation|substitution|lambda|program|"
    r"subroutine)|.*: At (?:global scope|top level)|.*:\s+in .*expansion of|While building module )"
)


def context_start(doc: Document, i: int, limit: int = 30) -> int:
    """Index of the first line of what leads up to a diagnostic: includes, instantiations."""
    start = i
    for j, text in doc.back(i - 1, limit):
        if rx(_INCLUDED).match(text):
            start = j
        elif not is_gutter(text):
            break
    return start
