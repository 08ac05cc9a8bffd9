"""Which lines of a large log stay in memory: its head, its tail, the surroundings of matches.

What an error needs and what anything else needs have limits of their own, so that a hundred
thousand warnings cannot push one error out. Of each, the first lines are kept, and the newest in a
ring.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from slipstream.tasks.summarization.excerpt import merge_ranges

HEAD, TAIL = 500, 2000
"""Lines kept of the beginning and of the end."""
RECENT_BYTES = 4 << 20
"""Bytes of blocks that wait for what comes after them, where their lines are very long."""
ERRORS, OTHERS = (5 << 20, 2 << 20), (1 << 20, 1 << 20)
"""Bytes kept for errors, and for what else matched: the first ones, and the newest in a ring."""

Range = tuple[int, int]


class Keeper:
    """Runs of lines of a large log, taken block by block.

    Attributes:
        roomy: Whether there is room for wide surroundings of errors.
    """

    def __init__(self) -> None:
        self._errors, self._others = _Store(*ERRORS), _Store(*OTHERS)
        self._until = {True: 0, False: HEAD}
        """Lines up to these are wanted because of what came before them."""
        self._kept = 0
        """The last line that is kept."""
        self._recent: deque[tuple[int, bytes, int]] = deque()
        """Blocks that just went by: number of the first line, bytes, lines."""
        self._recent_lines = self._recent_size = 0

    @property
    def roomy(self) -> bool:
        """Whether a third of the room for errors is still free."""
        return self._errors.left > ERRORS[0] // 3

    def block(
        self,
        block: bytes,
        first: int,
        count: int,
        lines: Sequence[bytes] | None,
        errors: Iterable[Range],
        others: Iterable[Range],
    ) -> None:
        """Take a block whose lines are numbered from `first`.

        Args:
            block: Whole lines.
            first: Number of its first line.
            count: Its lines.
            lines: The block split at line feeds, where the caller has that already.
            errors: Ranges of line numbers wanted for errors; they may begin before the block and
                end behind it.
            others: The same for what else matched.
        """
        if not block.endswith(b"\n"):
            block += b"\n"
            lines = None if lines is None else [*lines, b""]
        last = first + count - 1
        important = merge_ranges([*errors, (first, self._until[True])])
        rest = merge_ranges([*others, (first, self._until[False])])
        self._until = {
            True: max((end for _, end in important), default=0),
            False: max((end for _, end in rest), default=0),
        }
        pieces = [(start, end, True) for start, end in important if start <= end]
        pieces += [(start, end, False) for start, end in _without(rest, important)]
        for start, end, for_errors in sorted(pieces):
            start = max(start, self._kept + 1)
            if start < first:
                self._from_recent(start, min(end, first - 1), for_errors)
                start = first
            end = min(end, last)
            if start <= end:
                lines = block.split(b"\n") if lines is None else lines
                self._add(start, end, lines[start - first : end - first + 1], for_errors)
        self._recent.append((first, block, count))
        self._recent_lines += count
        self._recent_size += len(block)
        while len(self._recent) > 1 and (
            self._recent_size > RECENT_BYTES or self._recent_lines - self._recent[0][2] >= TAIL
        ):
            _, old, lines_of_old = self._recent.popleft()
            self._recent_size -= len(old)
            self._recent_lines -= lines_of_old

    def runs(self) -> list[tuple[int, bytes]]:
        """All that is kept, the tail included, ascending: (number of the first line, lines)."""
        tail = _Store(1 << 62, 0)
        if self._recent:
            first, _, count = self._recent[-1]
            last = first + count - 1
            self._errors, kept = tail, self._errors
            self._from_recent(max(last - TAIL + 1, self._kept + 1), last, True)
            self._errors = kept
        return sorted([*self._errors.runs(), *self._others.runs(), *tail.runs()])

    def _from_recent(self, start: int, end: int, for_errors: bool) -> None:
        """Keep lines `start` to `end` of the blocks that just went by, as far as they are there."""
        for first, block, count in self._recent:
            begin, stop = max(start, first), min(end, first + count - 1)
            if begin <= stop:
                lines = block.split(b"\n")
                self._add(begin, stop, lines[begin - first : stop - first + 1], for_errors)

    def _add(self, start: int, end: int, lines: Sequence[bytes], for_errors: bool) -> None:
        self._kept = max(self._kept, end)
        (self._errors if for_errors else self._others).add(start, b"\n".join(lines))


class _Store:
    """The first runs up to a number of bytes, and the newest ones in a ring."""

    def __init__(self, first: int, newest: int) -> None:
        self.left = first
        self._first: list[tuple[int, bytes]] = []
        self._newest: deque[tuple[int, bytes]] = deque()
        self._limit, self._size = newest, 0

    def add(self, start: int, data: bytes) -> None:
        if self.left > 0:
            self._first.append((start, data))
            self.left -= len(data)
            return
        self._newest.append((start, data))
        self._size += len(data)
        while self._size > self._limit and len(self._newest) > 1:
            self._size -= len(self._newest.popleft()[1])

    def runs(self) -> Iterable[tuple[int, bytes]]:
        yield from self._first
        yield from self._newest


def _without(ranges: Iterable[Range], others: Sequence[Range]) -> Iterable[Range]:
    """The parts of ascending ranges that are in none of the other ascending ranges."""
    at = 0
    for start, end in ranges:
        while at < len(others) and others[at][1] < start:
            at += 1
        behind = at
        while behind < len(others) and others[behind][0] <= end:
            first, last = others[behind]
            if start < first:
                yield start, first - 1
            start = last + 1
            behind += 1
        if start <= end:
            yield start, end
