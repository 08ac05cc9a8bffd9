"""What a person sees in a terminal while a command runs: one line that changes, or its output."""

from __future__ import annotations

import contextlib
import os
import select
import time

DELAY = 0.5
"""Seconds before the line first appears: short commands do not flicker."""
_STDERR = 2


def enabled() -> bool:
    """Whether standard error is a terminal that understands and wants such a line."""
    return (
        os.isatty(_STDERR)
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "") not in ("", "dumb")
    )


class StatusLine:
    """The elapsed time, the lines and the errors so far, on standard error.

    Does nothing where `enabled` is false. Call `update` from `Child.pump`'s `on_tick`, which keeps
    it to five times a second, and `clear` before anything else is printed.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._on = enabled()
        self._shown = False

    def update(self, lines: int, errors: int) -> None:
        """Show `lines` and `errors`; both are counts."""
        elapsed = time.monotonic() - self._began
        if not self._on or elapsed < DELAY:
            return
        text = f"slip: {_clock(elapsed)}, {_count(lines, 'line')}, {_count(errors, 'error')}"
        try:
            width = os.get_terminal_size(_STDERR).columns
        except OSError:
            width = 80
        _write(f"\r{text[: max(1, width - 1)]}\x1b[K".encode())
        self._shown = True

    def clear(self) -> None:
        """Take the line away again."""
        if self._shown:
            _write(b"\r\x1b[K")
            self._shown = False


def tee(data: bytes) -> None:
    """Copy `data` to standard error as it is; a reader that has gone away is no error."""
    _write(data)


def _write(data: bytes) -> None:
    rest = memoryview(data)
    with contextlib.suppress(OSError):
        while rest:
            try:
                rest = rest[os.write(_STDERR, rest) :]
            except BlockingIOError:  # somebody made the terminal non-blocking
                select.select([], [_STDERR], [])


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
