"""The lines of a log that are kept in memory for extraction, with their numbers.

A small log is kept whole. Of a large one the lines around each match, the head and the tail are
kept, so the numbers can jump: `forward` and `back` stop at such a gap.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence


class Document:
    """Lines of text, decoded and free of escape sequences, by ascending log line number.

    Attributes:
        numbers: 1-based number in the log of each kept line.
        texts: The line as a terminal would show it: no line end, no ANSI, what follows the last CR.
        total: Lines in the whole log.
        command: The command line that printed the log, if known.
        exit_status: The command's exit status, if known.
    """

    __slots__ = ("command", "exit_status", "numbers", "texts", "total")

    def __init__(
        self,
        texts: Sequence[str],
        numbers: Sequence[int] | None = None,
        *,
        total: int | None = None,
        command: Sequence[str] = (),
        exit_status: int | None = None,
    ) -> None:
        self.texts = texts
        self.numbers: Sequence[int] = range(1, len(texts) + 1) if numbers is None else numbers
        self.total = len(texts) if total is None else total
        self.command = tuple(command)
        self.exit_status = exit_status

    def __len__(self) -> int:
        return len(self.texts)

    def index(self, number: int) -> int | None:
        """Index of log line `number`, or None where it is not kept."""
        i = bisect_left(self.numbers, number)
        return i if i < len(self.numbers) and self.numbers[i] == number else None

    def forward(self, start: int, limit: int) -> Iterator[tuple[int, str]]:
        """Yield (index, text) from `start` on: at most `limit` lines, up to the next gap."""
        stop = min(len(self.texts), start + limit)
        number = self.numbers[start] if start < len(self.texts) else 0
        for i in range(start, stop):
            if self.numbers[i] != number:
                return
            yield i, self.texts[i]
            number += 1

    def back(self, start: int, limit: int) -> Iterator[tuple[int, str]]:
        """Yield (index, text) from `start` backwards: at most `limit` lines, up to the last gap."""
        stop = max(-1, start - limit)
        number = self.numbers[start] if start >= 0 else 0
        for i in range(start, stop, -1):
            if self.numbers[i] != number:
                return
            yield i, self.texts[i]
            number -= 1
