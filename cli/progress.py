"""How far a long command is, on standard error: one line that changes, or now and then a line.

Nothing is shown of what is soon done.
"""

import sys
import time

from slipstream.cli import output

FIRST_LIVE, LIVE = 0.5, 0.1  # seconds before the first, and between two updates in a terminal
FIRST_LINE, LINES = 3.0, 10.0  # the same for lines elsewhere


class Progress:
    """Shows `done` of `total` for one piece of work, for the length of a block.

    Args:
        what: What is going on, as in `indexing`.
        unit: What is counted, as in `files`.
    """

    def __init__(self, what: str, unit: str) -> None:
        self._what = what
        self._unit = unit
        self._live = sys.stderr.isatty()
        self._next = time.monotonic() + (FIRST_LIVE if self._live else FIRST_LINE)
        self._shown = 0  # characters of the line that stands there

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        """Take the changing line away; what follows stands where it stood."""
        if self._shown:
            print(f"\r{' ' * self._shown}\r", end="", file=sys.stderr, flush=True)
            self._shown = 0

    def __call__(self, done: int, total: int) -> None:
        """Say how far it is; a total of 0 is not known."""
        now = time.monotonic()
        if now < self._next or output.options.quiet:
            return
        if done == total and not self._live:
            return
        of = f" of {total:,}" if total else ""
        line = f"slip: {self._what}: {done:,}{of} {self._unit}"
        if self._live:
            self._next = now + LIVE
            print(f"\r{line.ljust(self._shown)}", end="", file=sys.stderr, flush=True)
            self._shown = len(line)
        else:
            self._next = now + LINES
            print(line, file=sys.stderr, flush=True)
