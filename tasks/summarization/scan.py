"""One pass over the bytes of a log: which lines matter, and enough of them to say why.

A small log is kept whole; of a large one the lines around matches, the head and the tail are kept,
within fixed limits, so that memory does not grow with the log. Lines alike but for their digits
keep their surroundings only the first few times, and where most lines match, only lines that are
not alike are matched at all.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from slipstream.tasks.summarization.document import Document
from slipstream.tasks.summarization.engine import Engine
from slipstream.tasks.summarization.keep import Keeper
from slipstream.tasks.summarization.model import Rule, Severity
from slipstream.tasks.summarization.read import Blocks
from slipstream.tasks.summarization.text import clean, without_escapes

WHOLE = 4 << 20
"""Bytes up to which a log is kept whole."""
WIDE = (60, 120)
"""Lines kept before and after an error in a large log that is unlike those before."""
NARROW, SURE, GUESS, ALIKE = (2, 8), (2, 8), (3, 5), (0, 2)
"""The same for an error where room is short, for what else a format tells, for a guess by words,
and for a line that is like others."""
FAMILIAR = 8
"""So many lines alike but for their digits keep their surroundings; later ones stand alone."""
FIRST_HITS, LAST_HITS = 8_000, 2_000
"""Matched lines that are read one by one, of each combination of rules; the ones between are
counted. One rule that matches everywhere so takes no room from the others."""
ALL_HITS, FEW_HITS = 24_000, 500
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
    matched: Mapping[tuple[int, ...], int] = {}
    """How many lines of the whole log matched, by the rules that they matched."""
    alike: Mapping[bytes, int] = {}
    """Where not all matched lines were read: how many were alike, by `digitless`."""


class Scanner:
    """Takes the bytes of one log and ends in a `Scanned`.

    Attributes:
        size: Bytes fed so far.
        lines: Lines scanned so far.
    """

    def __init__(self, rules: Sequence[Rule], engine: Engine) -> None:
        self.size = self.lines = 0
        self._known = [rule.weight >= 10 for rule in rules]
        self._error = [
            rule.weight >= 10 and rule.severity is not None and rule.severity >= Severity.ERROR
            for rule in rules
        ]
        self._engine = engine
        self._blocks = Blocks()
        self._whole: list[tuple[bytes, int, int, dict[int, tuple[int, ...]]]] | None = []
        """While small: each block with the number of its first line, its lines and its matches."""
        self._binary = False
        self._keep = Keeper()
        self._sure, self._guesses = _Bounded(), _Bounded()
        self._matched: Counter[tuple[int, ...]] = Counter()
        self._unread: Counter[bytes] = Counter()
        """Lines that were only counted, by what they are like."""
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

    @property
    def errors(self) -> int:
        """Matched lines so far whose rules know a format and call it an error."""
        return self._errors_of(self._matched)

    def _errors_of(self, matched: Mapping[tuple[int, ...], int]) -> int:
        return sum(n for rules, n in matched.items() if any(self._error[r] for r in rules))

    def lines_so_far(self) -> int:
        """Lines including those that are not scanned for good yet."""
        return self.lines + self._blocks.pending().count(b"\n")

    def errors_so_far(self) -> int:
        """Errors including those in what is not scanned for good yet; for the live status."""
        pending = self._blocks.pending()
        matches = self._matches(pending, 0)[0] if pending else {}
        return self.errors + self._errors_of(Counter(matches.values()))

    def finish(self, command: Sequence[str] = (), exit_status: int | None = None) -> Scanned:
        """Scan what is left and build the document."""
        for block in self._blocks.finish():
            self._block(block)
        self._read_newest()
        if self._whole is not None:
            runs: Iterable[tuple[int, bytes]] = [(1, b"".join(one[0] for one in self._whole))]
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
            self._binary, self._blocks.long_lines, self._blocks.cut, self._matched,
            self._alike() if skipped else {},
        )  # fmt: skip

    def _block(self, block: bytes) -> None:
        first = self.lines + 1
        self._binary = self._binary or (first == 1 and b"\0" in block[:8192])
        counted, self._counted = self._sure.dropped, None
        found = self._dense_matches(block, first) if self._dense else None
        matches, count = found or self._matches(block, first)
        count += not block.endswith(b"\n")
        counted = self._sure.dropped - counted
        if counted:
            self._counted = (block, first, set(matches), counted)
        many = (len(matches) + counted) * 4 > count
        self._dense = many and self._sure.full + self._guesses.full > 0
        self._add(matches)
        self._matched.update(matches.values())
        self.lines += count
        if self._whole is not None:
            self._whole.append((block, first, count, matches))
            if sum(len(one[0]) for one in self._whole) > WHOLE:
                kept, self._whole = self._whole, None
                for old in kept:
                    self._retain(*old)
        else:
            self._retain(block, first, count, matches)

    def _add(self, matches: dict[int, tuple[int, ...]]) -> None:
        for line, rules in matches.items():
            (self._sure if any(self._known[r] for r in rules) else self._guesses).add(line, rules)

    def _read_newest(self) -> None:
        """Read the matches of the last block where they were counted: the end tells the most."""
        if self._counted is not None:
            block, first, read, counted = self._counted
            self._sure.dropped -= counted
            matches, _count = self._matches(block, first)
            self._add({line: rules for line, rules in matches.items() if line not in read})

    def _matches(self, block: bytes, first: int) -> tuple[dict[int, tuple[int, ...]], int]:
        """Rules that matched, by line number, and how many line feeds there are."""
        found: list[tuple[int, int]] = []
        add = found.append
        if b"\x1b" in block:
            block = without_escapes(block)
        self._engine.scan(block, lambda rule, end: add((end, rule)))
        if not found:
            return {}, block.count(b"\n")
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
        return lines, line - first + block.count(b"\n", at)

    def _dense_matches(
        self, block: bytes, first: int
    ) -> tuple[dict[int, tuple[int, ...]], int] | None:
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
                self._matched[rules] += count
                self._unread[key[:KEY]] += count
        # A line may match by its digits alone, so those whose like did not match are scanned again.
        unlike = {key for key in alike if key and not templates.get(key)}
        unknown = [at for at, key in enumerate(keys) if key in unlike] if unlike else []
        lines = block.split(b"\n")
        found, _count = self._matches(b"\n".join([lines[at] for at in unknown]), 0)
        templates.update(dict.fromkeys(new, ()))
        for i, rules in found.items():
            templates[keys[unknown[i]]] = rules
        return {first + unknown[i]: rules for i, rules in found.items()}, len(keys) - 1

    def _retain(
        self, block: bytes, first: int, count: int, matches: dict[int, tuple[int, ...]]
    ) -> None:
        """Keep the surroundings of the matches of a block of a large log."""
        errors: list[tuple[int, int]] = []
        others: list[tuple[int, int]] = []
        lines: list[bytes] | None = None
        familiar = self._familiar
        if matches:
            lines = block.split(b"\n")
            wide = WIDE if self._keep.roomy else NARROW
            for line, rules in matches.items():
                alike = digitless(lines[line - first])
                seen = familiar.get(alike, 0)
                if seen or len(familiar) < TEMPLATES:
                    familiar[alike] = seen + 1
                is_error = any(self._error[rule] for rule in rules)
                if seen >= FAMILIAR:
                    before, after = ALIKE
                elif is_error:
                    before, after = wide
                else:
                    before, after = SURE if any(self._known[rule] for rule in rules) else GUESS
                (errors if is_error else others).append((line - before, line + after))
        self._keep.block(block, first, count, lines, errors, others)

    def _alike(self) -> Counter[bytes]:
        """How many matched lines were alike."""
        alike = self._unread + Counter(self._familiar)
        for block, first, _count, matches in self._whole or ():
            lines = block.split(b"\n")
            alike.update(digitless(lines[line - first]) for line in matches)
        return alike


def digitless(line: bytes) -> bytes:
    """What lines have in common that are alike but for their digits."""
    return line.translate(None, _DIGITS)[:KEY]


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
