"""Bytes of a terminal's output to lines of text: decoding, escape sequences, overprinting."""

from __future__ import annotations

import re
from functools import cache

from slipstream.tasks.summarization.extract.common import LINE_LIMIT, rx

# CSI, OSC (ended by BEL or ST), other two- and three-byte escapes: ECMA-48, sections 5.3 to 5.6.
_ESCAPE = (
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[PX^_][^\x1b\n]*(?:\x1b\\)?"
    r"|[ -/]+[0-~]|[0-~])?|\x9b[0-?]*[ -/]*[@-~]"
)
_ERASE = ("\r\x1b[K", "\r\x1b[0K", "\r\x1b[2K")
OVERPRINTED = 4
"""Parts between carriage returns that are kept when they all differ."""
_CONTROL = dict.fromkeys((*range(9), *range(10, 32), 127, *range(0x80, 0xA0)), None)
"""Control characters but the tab."""


def clean(text: str) -> list[str]:
    """Lines as a terminal would leave them: without escapes, after the last carriage return.

    Lines are cut at LINE_LIMIT characters. The number of lines is that of `text.split("\\n")`.
    """
    if "\r\x1b[" in text:
        text = "\n".join(_erased(line) if "\r\x1b[" in line else line for line in text.split("\n"))
    if "\x1b" in text or "\x9b" in text:
        text = rx(_ESCAPE).sub("", text)
    lines = text.split("\n")
    if "\r" in text or "\x08" in text:
        lines = [_overprinted(line) if "\r" in line or "\x08" in line else line for line in lines]
    if len(text) > LINE_LIMIT:
        lines = [line if len(line) <= LINE_LIMIT else line[:LINE_LIMIT] for line in lines]
    return lines


def without_escapes(data: bytes) -> bytes:
    """UTF-8 without its escape sequences; the line feeds stay."""
    return _byte_escapes().sub(b"", data)


@cache
def _byte_escapes() -> re.Pattern[bytes]:
    # The 8-bit CSI is left out: in UTF-8 its byte is part of other characters.
    return re.compile(_ESCAPE.rpartition("|")[0].encode())


def _erased(line: str) -> str:
    """What is left of a line that was erased: after a carriage return and EL (`ESC [ K`)."""
    ends = [line.rfind(code) + len(code) for code in _ERASE if code in line]
    return line[max(ends) :] if ends else line


def _overprinted(line: str) -> str:
    """What is worth reading of a line with carriage returns and backspaces.

    Of a progress display, whose parts are alike, the last; a few parts that differ are all kept,
    since a terminal's overprinting is not worth losing a message for.
    """
    whole = line
    parts = [part for part in line.split("\r") if part.strip()]
    alike = {rx(r"[\W\d_]+").sub("", part) for part in parts}
    if 1 < len(parts) <= OVERPRINTED and len(alike) == len(parts):
        line = " ".join([parts[0].rstrip(), *(part.strip() for part in parts[1:])])
    else:
        line = parts[-1] if parts else ""
        indent = len(whole) - len(whole.lstrip(" \t"))
        if parts and not line[:1].isspace():
            line = whole[:indent] + line
    if "\x08" in line:
        first, *rest = line.split("\x08")
        left = list(first)
        for part in rest:  # a backspace takes one character; in one pass, however many there are
            del left[-1:]
            left += part
        line = "".join(left)
    return line


def printable(line: str) -> str:
    """The line without control characters and lone surrogates, fit for UTF-8 and a terminal."""
    if line.isprintable():
        return line
    return line.translate(_CONTROL).encode("utf-8", "replace").decode()
