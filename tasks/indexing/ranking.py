"""Ranking: how well a chunk fits the words of a query, and one order from several.

BM25 as Robertson and Zaragoza define it ("The Probabilistic Relevance Framework: BM25 and Beyond",
2009), with the weights of names, docs and paths already in the counts of terms, and the logarithm
that is never negative. Reciprocal rank fusion as Cormack, Clarke and Büttcher define it (2009).

Terms are added to a chunk's score in an order that depends on the files that are there alone, so
that it is the same to the last bit whatever segments a view is made of.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest
from math import log
from typing import NamedTuple, TypeVar

from slipstream.tasks.indexing.language import TEXT
from slipstream.tasks.indexing.names import is_test
from slipstream.tasks.indexing.view import View

SATURATION = 0.9  # k1: how soon further occurrences of a term stop to count
LENGTH_SHARE = 0.5  # b: how much a long chunk is held against it, 0 to 1

# What somebody who asks is likely to want, where two places fit alike: what does something, then
# what is said of it, then what merely holds the words, as logs, tables and recorded output do.
DEFINITION = 1.0  # of more than a value
CODE = 0.9  # other code, and single values
PROSE = 0.8
DATA = 0.6

IN_TEST = 0.75  # times that; unless it is tests that are asked for
IN_FIXTURE = 0.6  # what tests read, instead of that of tests

VALUES = frozenset(("constant", "field", "macro", "property", "variable"))
"""Kinds of definitions that hold one value."""
_PROSE_NAMES = (".adoc", ".md", ".mdx", ".org", ".rst", ".tex", ".txt")
_FIXTURE = re.compile(
    r"(?:^|/)_*(?:fixtures?|golden|goldens|mocks?|snapshots?|test[_-]?data)_*/", re.IGNORECASE
)
_OF_TESTS = frozenset(("fixture", "fixtures", "spec", "specs", "test", "testing", "tests"))

FUSION = 60  # k: the larger, the less the first places differ from the next

T = TypeVar("T")


class Scored(NamedTuple):
    """A chunk of a part of a view, and its score."""

    score: float
    part: int
    chunk: int


class Prior:
    """How likely a chunk is wanted, by what it is and where it stands alone: 0 to 1."""

    def __init__(self, view: View, query: str) -> None:
        self._view = view
        self._tests_too = not _OF_TESTS.isdisjoint(re.findall(r"[a-z]+", query.lower()))
        self._folders: dict[str, float] = {}

    def __call__(self, part: int, chunk: int) -> float:
        """Weigh a chunk of a part of the view."""
        tables = self._view.parts[part].segment
        file = tables.file_of_chunk(chunk)
        path = tables.paths.text(file)
        language = tables.languages.text(tables.file_language[file])
        if language == TEXT:
            worth = PROSE if path.lower().endswith(_PROSE_NAMES) else DATA
        elif language == "markdown":
            worth = PROSE
        else:
            kinds = tables.kinds.text
            begun = {kinds(tables.symbol_kind[one]) for one in tables.symbols_of_chunk(chunk)}
            worth = DEFINITION if begun - VALUES else CODE
        if path not in self._folders:
            self._folders[path] = self._of_folder(path)
        return worth * self._folders[path]

    def _of_folder(self, path: str) -> float:
        if self._tests_too:
            return 1.0
        return IN_FIXTURE if _FIXTURE.search(path) else IN_TEST if is_test(path) else 1.0


def bm25(
    view: View, terms: Iterable[int], allowed: Sequence[bytes | None], limit: int
) -> list[Scored]:
    """Find the chunks that fit terms best, in no order.

    The rarest terms are looked at first. Once no chunk with nothing but the terms that are left can
    be among the best, those terms are looked up for the best so far only ("MaxScore", Turtle and
    Flood, 1995): nothing is lost by it.

    Args:
        view: Where to look.
        terms: Hashes of the terms, each once.
        allowed: For each part, which of its chunks may be found (1 or 0); None: all. The figures
            are over all chunks anyway.
        limit: How many to find; there are more where the last ones are equal.
    """
    constant = SATURATION * (1 - LENGTH_SHARE)
    slope = SATURATION * LENGTH_SHARE * view.chunks / max(1, view.length)
    weighted = []
    for term in terms:
        found = [part.postings(term) for part in view.parts]
        if holding := sum(len(chunks) for chunks, _ in found):
            weight = log(1 + (view.chunks - holding + 0.5) / (holding + 0.5))
            weighted.append((-weight, term, found))
    weighted.sort(key=lambda one: one[:2])
    left = -sum(weight for weight, _, _ in weighted)  # more than what is left can add
    least = 0.0
    totals: list[dict[int, float]] = [{} for _ in view.parts]
    for negative, _, found in weighted:
        weight = -negative
        if len(totals[0]) + len(totals[-1]) > limit:
            least = _least(totals, limit)
        for at, (part, (chunks, times)) in enumerate(zip(view.parts, found, strict=True)):
            lengths, total, may = part.segment.chunk_length, totals[at], allowed[at]
            if least > left:
                rows = _rows(chunks, (one for one, had in total.items() if had + left >= least))
                chunks, times = [chunks[row] for row in rows], [times[row] for row in rows]
            before = total.get
            for chunk, count in zip(chunks, times, strict=True):
                if may is None or may[chunk]:
                    fit = weight * count / (count + constant + slope * lengths[chunk])
                    total[chunk] = before(chunk, 0.0) + fit
        left -= weight
    least = _least(totals, limit)
    return [
        Scored(score, part, chunk)
        for part, total in enumerate(totals)
        for chunk, score in total.items()
        if score >= least
    ]


def _least(totals: Iterable[Mapping[int, float]], limit: int) -> float:
    """The score of the last of the best; 0 when there are fewer."""
    best = nlargest(limit, [score for total in totals for score in total.values()])
    return best[-1] if len(best) == limit else 0.0


def _rows(ordered: Sequence[int], wanted: Iterable[int]) -> list[int]:
    """Where values stand in a list that is in order; those that are not in it are left out."""
    rows = []
    for value in wanted:
        row = bisect_left(ordered, value)
        if row < len(ordered) and ordered[row] == value:
            rows.append(row)
    return rows


def fuse(lists: Iterable[tuple[float, Sequence[T]]]) -> dict[T, float]:
    """Give each thing the sum of `weight / (FUSION + rank)` over the lists it is in.

    Args:
        lists: Weight and things, the best first, each once.
    """
    scores: dict[T, float] = {}
    for weight, things in lists:
        for rank, thing in enumerate(things, 1):
            scores[thing] = scores.get(thing, 0.0) + weight / (FUSION + rank)
    return scores
