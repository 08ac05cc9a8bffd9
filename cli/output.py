"""How commands print: data on standard output, everything else on standard error.

A table is aligned in a terminal and tab-separated when piped. What comes from outside (command
lines, paths) loses its control characters, so that it cannot write to somebody's terminal.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from slipstream.storage.errors import UsageError

Cell: TypeAlias = str | int | float | None


class Options(NamedTuple):
    """What the options that stand before a command say."""

    quiet: bool = False
    verbose: bool = False
    debug: bool = False


options = Options()


def set_options(chosen: Options) -> None:
    """Set the options for this process."""
    global options
    options = chosen


def prepare_streams() -> None:
    """Print UTF-8 whatever the locale, and never fail on a byte that is none.

    One that was closed (`>&-`) goes nowhere: else the next file that is opened would take its
    number, and what a child process prints would go into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - it stays
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def note(text: str) -> None:
    """Say on standard error what is going on; `-q` silences it."""
    if not options.quiet:
        print(f"slip: {printable(text)}", file=sys.stderr)


def warn(text: str) -> None:
    """Say on standard error what is wrong while the command goes on; `-q` silences it."""
    if not options.quiet:
        print(f"slip: warning: {printable(text)}", file=sys.stderr)


def fail(text: str) -> None:
    """Say on standard error why the command failed. Never silenced."""
    print(f"slip: {printable(text)}", file=sys.stderr)


def print_json(value: Any) -> None:
    """Print a value as JSON; a lone surrogate comes out as its JSON escape."""
    import json

    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[Cell]], right: str | Sequence[str] = ""
) -> None:
    """Print rows under headers.

    Args:
        headers: One for each column.
        rows: Cells; None prints as nothing.
        right: Names of the columns that are aligned to the right; in one text separated by
            spaces.
    """
    texts = [[printable("" if cell is None else str(cell)) for cell in row] for row in rows]
    if not is_terminal():
        for row in [list(headers), *texts]:
            print("\t".join(row))
        return
    widths = [max(map(len, column)) for column in zip(headers, *texts, strict=True)]
    named = right.split() if isinstance(right, str) else right
    to_right = [header in named for header in headers]
    for number, row in enumerate([list(headers), *texts]):
        cells = (
            cell.rjust(width) if after else cell.ljust(width)
            for cell, width, after in zip(row, widths, to_right, strict=True)
        )
        line = "  ".join(cells).rstrip()
        print(line if number else style(line, "1"))


def is_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


def style(text: str, code: str) -> str:
    """Text in a terminal's style (`1` bold, `31` red …), where that is wanted."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not is_terminal()
    return text if plain else f"\x1b[{code}m{text}\x1b[0m"


def printable(text: str) -> str:
    """Text with control characters written out; one line stays one line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xD800 <= code < 0xE000 or code > 0xFFFF:  # a byte of a file name, or beyond the fonts
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def bytes_text(count: int) -> str:
    """A number of bytes for people: `512 B`, `1.5 KiB`, `2.0 GiB`."""
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1024 or unit == "TiB":
            break
    return f"{value:.1f} {unit}"


def time_text(at_ns: int) -> str:
    """A moment in nanoseconds since 1970 as local time: `2026-01-31 12:00:00`."""
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ns / 1e9))


def confirm(question: str, *, force: bool) -> bool:
    """Ask before something is destroyed.

    Raises:
        UsageError: Nobody can be asked, and `--force` was not given.
    """
    if force:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody can be asked here; add --force to do it.")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
