"""One pass over the bytes of a log: which lines matter, and enough of them to say why.

A small log is kept whole; of a large one the lines around matches, the head and the tail are kept,
within fixed limits, so that memory does not grow with the log. Lines alike but for their digits
keep their surroundings only the first few times, and where most lines match, only lines that are
not alike are matched at all.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.engine import Engine
from slipstream.tasks.summarization.model import Rule, Severity
from slipstream.tasks.summarization.read import Blocks
from slipstream.tasks.summarization.text import clean

WHOLE = 4 << 20
"""Bytes up to which a log is kept whole."""
HEAD, TAIL = 500, 2000
"""Lines kept of a large log's beginning and end."""
BEFORE, AFTER = 60, 120
"""Lines kept around a match in a large log."""
FAMILIAR = 8
"""So many lines alike but for their digits keep their surroundings; later ones stand alone."""
FIRST_BYTES, LAST_BYTES = 6 << 20, 3 << 20
"""Bytes of surroundings kept: the first ones, and the newest ones in a ring."""
RECENT_BYTES = 4 << 20
"""Bytes of blocks that wait for what comes after them, where their lines are very long."""
FIRST_HITS, LAST_HITS = 15_000, 5_000
"""Matched lines that are read one by one, of each combination of rules; the ones between are
counted. One rule that matches everywhere so takes no room from the others."""
ALL_HITS, FEW_HITS = 45_000, 500
"""Past so many in all, a combination gets only a few."""
TEMPLATES, TEMPLATE_BYTES = 50_000, 16 << 20
"""Distinct lines, digits aside, that are remembered, and their bytes."""
KEY = 250
"""Bytes of a line by which it is told whether its like was there before."""
_DIGITS = b"0123456789"


class Scanned(NamedTuple):
    """What the pass leaves behind."""

    document: Document
    hits: list[tuple[int, tuple[int, ...]]]
    """(index into the document, rule indices), ascending."""
    size: int
    """Bytes fed."""
    lines: int
    skipped: int
    """Matched lines that were counted but not read, because there were too many."""
    encoding: str
    binary: bool
    long_lines: int
    cut: int
    """Bytes in the middle of very long lines that were not searched."""


class Scanner:
    """Takes the bytes of one log and ends in a `Scanned`.

    Attributes:
        size: Bytes fed so far.
        lines: Lines scanned so far.
        errors: Matched lines so far whose rules know a format and call it an error.
    """

    def __init__(self, rules: Sequence[Rule], engine: Engine) -> None:
        self.size = self.lines = self.errors = 0
        self._known = [rule.weight >= 10 for rule in rules]
        self._error = [
            rule.weight >= 10 and rule.severity is not None and rule.severity >= Severity.ERROR
            for rule in rules
        ]
        self._engine = engine
        self._blocks = Blocks()
        self._whole: list[tuple[bytes, int, dict[int, tuple[int, ...]]]] | None = []
        """While small: each block with the number of its first line and its matches."""
        self._binary = False
        self._keep = _Keeper()
        self._sure, self._guesses = _Bounded(), _Bounded()
        self._familiar: dict[bytes, int] = {}
        self._dense = False
        self._templates: dict[bytes, tuple[int, ...]] = {}
        self._template_bytes = 0
        self._counted: tuple[bytes, int, set[int], int] | None = None
        """The newest block, where lines of it were only counted: its bytes, the number of its
        first line, the lines that were read, and how many were counted."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if data:
            for block in self._blocks.feed(data):
                self._block(block)
            self.size += len(data)

    def lines_so_far(self) -> int:
        """Lines including those that are not scanned for good yet."""
        return self.lines + self._blocks.pending().count(b"\n")

    def errors_so_far(self) -> int:
        """Errors including those in what is not scanned for good yet; for the live status."""
        pending = self._blocks.pending()
        matches = self._matches(pending, 0).values() if pending else ()
        return self.errors + sum(any(self._error[r] for r in rules) for rules in matches)

    def finish(self, command: Sequence[str] = (), exit_status: int | None = None) -> Scanned:
        """Scan what is left and build the document."""
        for block in self._blocks.finish():
            self._block(block)
        self._read_newest()
        if self._whole is not None:
            runs: Iterable[tuple[int, bytes]] = [(1, b"".join(b for b, _, _ in self._whole))]
        else:
            runs = self._keep.runs()
        document = _document(runs, self.lines, command, exit_status)
        matched = dict(self._guesses.items())
        for line, rules in self._sure.items():
            matched[line] = rules
        hits = []
        for line in sorted(matched):
            at = document.index(line)
            if at is not None:
                hits.append((at, matched[line]))
        skipped = self._sure.dropped + self._guesses.dropped + len(matched) - len(hits)
        return Scanned(
            document, hits, self.size, self.lines, skipped, self._blocks.encoding or "utf-8",
            self._binary, self._blocks.long_lines, self._blocks.cut,
        )  # fmt: skip

    def _block(self, block: bytes) -> None:
        first = self.lines + 1
        count = block.count(b"\n") + (not block.endswith(b"\n"))
        self._binary = self._binary or (first == 1 and b"\0" in block[:8192])
        counted, self._counted = self._sure.dropped, None
        matches = self._dense_matches(block, first) if self._dense else None
        if matches is None:
            matches = self._matches(block, first)
        counted = self._sure.dropped - counted
        if counted:
            self._counted = (block, first, set(matches), counted)
        many = (len(matches) + counted) * 4 > count
        self._dense = many and self._sure.full + self._guesses.full > 0
        self._add(matches)
        self.errors += sum(any(self._error[r] for r in rules) for rules in matches.values())
        self.lines += count
        if self._whole is not None:
            self._whole.append((block, first, matches))
            if sum(len(b) for b, _, _ in self._whole) > WHOLE:
                kept, self._whole = self._whole, None
                for old in kept:
                    self._retain(*old)
        else:
            self._retain(block, first, matches)

    def _add(self, matches: dict[int, tuple[int, ...]]) -> None:
        for line, rules in matches.items():
            (self._sure if any(self._known[r] for r in rules) else self._guesses).add(line, rules)

    def _read_newest(self) -> None:
        """Read the matches of the last block where they were counted: the end tells the most."""
        if self._counted is not None:
            block, first, read, counted = self._counted
            self._sure.dropped -= counted
            matches = self._matches(block, first)
            self._add({line: rules for line, rules in matches.items() if line not in read})

    def _matches(self, block: bytes, first: int) -> dict[int, tuple[int, ...]]:
        """Rules that matched, by line number."""
        found: list[tuple[int, int]] = []
        add = found.append
        self._engine.scan(block, lambda rule, end: add((end, rule)))
        if not found:
            return {}
        found.sort()
        lines: dict[int, tuple[int, ...]] = {}
        at, line = 0, first
        for end, rule in found:
            if end != at:
                line += block.count(b"\n", at, end)
                at = end
            rules = lines.get(line)
            if rules is None:
                lines[line] = (rule,)
            elif rule not in rules:
                lines[line] = (*rules, rule)
        return lines

    def _dense_matches(self, block: bytes, first: int) -> dict[int, tuple[int, ...]] | None:
        """Matches of the lines that are unlike all that matched before; the others are counted.

        Where most lines match, the callback for each match would be the bottleneck. None where
        most lines differ, so that nothing would be won.
        """
        templates = self._templates
        keys = block.translate(None, _DIGITS).split(b"\n")
        alike = Counter(keys)
        new = [key for key in alike if key not in templates]
        more = sum(map(len, new))
        room = len(templates) + len(new) <= TEMPLATES
        if len(new) * 2 > len(keys) or not room or self._template_bytes + more > TEMPLATE_BYTES:
            return None
        self._template_bytes += more
        for key, count in alike.items():
            if rules := templates.get(key):
                self._sure.dropped += count
                self.errors += count * any(self._error[rule] for rule in rules)
        # A line may match by its digits alone, so those whose like did not match are scanned again.
        unknown = [at for at, key in enumerate(keys) if not templates.get(key)]
        lines = block.split(b"\n")
        found = self._matches(b"\n".join([lines[at] for at in unknown]), 0)
        templates.update(dict.fromkeys(new, ()))
        for i, rules in found.items():
            templates[keys[unknown[i]]] = rules
        return {first + unknown[i]: rules for i, rules in found.items()}

    def _retain(self, block: bytes, first: int, matches: dict[int, tuple[int, ...]]) -> None:
        """Keep the surroundings of the matches of a block of a large log."""
        spans: list[tuple[int, int]] = []
        lines: list[bytes] | None = None
        familiar = self._familiar
        if matches:
            lines = block.split(b"\n")
            for line in matches:
                key = lines[line - first][:KEY].translate(None, _DIGITS)
                seen = familiar.get(key, 0)
                if seen or len(familiar) < TEMPLATES:
                    familiar[key] = seen + 1
                near = seen < FAMILIAR
                spans.append((line - BEFORE, line + AFTER) if near else (line, line + 2))
        self._keep.block(block, first, lines, spans)


class _Bounded:
    """The first and the newest matched lines of each combination of rules; others are counted."""

    def __init__(self) -> None:
        self.first: dict[int, tuple[int, ...]] = {}
        self.dropped = 0
        self.full = False
        """Whether a combination has all the first ones that it gets."""
        self._counts: Counter[tuple[int, ...]] = Counter()
        self._last: dict[tuple[int, ...], deque[int]] = {}

    def add(self, line: int, rules: tuple[int, ...]) -> None:
        count = self._counts[rules]
        limit = FIRST_HITS if len(self.first) < ALL_HITS else FEW_HITS
        if count < limit:
            self.first[line] = rules
            self._counts[rules] = count + 1
            return
        self.full = True
        last = self._last.get(rules)
        if last is None:
            size = LAST_HITS if len(self.first) < ALL_HITS else FEW_HITS
            last = self._last[rules] = deque(maxlen=size)
        self.dropped += len(last) == last.maxlen
        last.append(line)

    def items(self) -> Iterable[tuple[int, tuple[int, ...]]]:
        yield from self.first.items()
        for rules, lines in self._last.items():
            yield from ((line, rules) for line in lines)


class _Keeper:
    """Runs of lines of a large log: its head, its tail, and the surroundings of matches."""

    def __init__(self) -> None:
        self._first: list[tuple[int, bytes]] = []
        self._last: deque[tuple[int, bytes]] = deque()
        self._first_left = FIRST_BYTES
        self._last_size = 0
        self._until = HEAD
        """Lines up to this one are wanted because of what came before them."""
        self._kept = 0
        """The last line that is kept."""
        self._recent: deque[tuple[int, bytes]] = deque()
        self._recent_lines: deque[int] = deque()
        self._recent_size = 0

    def block(
        self, block: bytes, first: int, lines: list[bytes] | None, spans: list[tuple[int, int]]
    ) -> None:
        """Take a block, whose line numbers begin with `first`, and the spans wanted of it."""
        if not block.endswith(b"\n"):
            block += b"\n"
        count = len(lines) - 1 if lines is not None else block.count(b"\n")
        last = first + count - 1
        if self._until >= first:
            spans = [(first, self._until), *spans]
        if spans:
            if spans[-1][0] < first or any(start < first for start, _ in spans):
                self._from_recent(min(start for start, _ in spans), first)
            lines = block.split(b"\n") if lines is None else lines
            for start, end in spans:
                start = max(start, self._kept + 1, first)
                stop = min(end, last)
                if start <= stop:
                    self._add(start, b"\n".join(lines[start - first : stop - first + 1]), stop)
                self._until = max(self._until, end)
        self._recent.append((first, block))
        self._recent_lines.append(count)
        self._recent_size += len(block)
        while len(self._recent) > 1 and (
            self._recent_size > RECENT_BYTES
            or sum(self._recent_lines) - self._recent_lines[0] >= TAIL
        ):
            self._recent_size -= len(self._recent.popleft()[1])
            self._recent_lines.popleft()

    def runs(self) -> list[tuple[int, bytes]]:
        """All that is kept, the tail included, ascending: (number of the first line, lines)."""
        if self._recent:
            last = self._recent[-1][0] + self._recent_lines[-1] - 1
            self._from_recent(last - TAIL + 1, last + 1)
        return [*self._first, *self._last]

    def _from_recent(self, start: int, stop: int) -> None:
        """Keep lines from `start` up to before `stop` of the blocks that just went by."""
        start = max(start, self._kept + 1)
        for (first, block), count in zip(self._recent, self._recent_lines, strict=True):
            end = min(stop, first + count)
            if (begin := max(start, first)) < end:
                lines = block.split(b"\n")
                self._add(begin, b"\n".join(lines[begin - first : end - first]), end - 1)
                start = end

    def _add(self, start: int, data: bytes, stop: int) -> None:
        self._kept = stop
        if self._first_left > 0:
            self._first.append((start, data))
            self._first_left -= len(data)
            return
        self._last.append((start, data))
        self._last_size += len(data)
        while self._last_size > LAST_BYTES and len(self._last) > 1:
            self._last_size -= len(self._last.popleft()[1])


def _document(
    runs: Iterable[tuple[int, bytes]], total: int, command: Sequence[str], exit_status: int | None
) -> Document:
    numbers: list[int] | None = []
    texts: list[str] = []
    runs = list(runs)
    if len(runs) == 1 and runs[0][0] == 1:
        texts = clean(runs[0][1].decode("utf-8", "replace"))[:total]
        numbers = None
    else:
        for first, data in runs:
            lines = clean(data.decode("utf-8", "replace"))
            texts += lines
            numbers += range(first, first + len(lines))  # type: ignore[operator]
    return Document(texts, numbers, total=total, command=command, exit_status=exit_status)
