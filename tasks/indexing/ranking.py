"""Ranking: how well a chunk fits the words of a query, and one order from several.

BM25 as Robertson and Zaragoza define it ("The Probabilistic Relevance Framework: BM25 and Beyond",
2009), with the weights of names, docs and paths already in the counts of terms, and the logarithm
that is never negative. Reciprocal rank fusion as Cormack, Clarke and Büttcher define it (2009).

Scores are added in the order of the query's terms, so that they are the same to the last bit
whatever segments a view is made of.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nlargest
from math import log
from typing import NamedTuple, TypeVar

from slipstream.tasks.indexing.view import View

SATURATION = 0.9  # k1: how soon further occurrences of a term stop to count
LENGTH_SHARE = 0.5  # b: how much a long chunk is held against it, 0 to 1

FUSION = 60  # k: the larger, the less the first places differ from the next

T = TypeVar("T")


class Scored(NamedTuple):
    """A chunk of a part of a view, and its score."""

    score: float
    part: int
    chunk: int


def bm25(
    view: View, terms: Sequence[int], allowed: Callable[[int, int], bool] | None, limit: int
) -> list[Scored]:
    """Find the chunks that fit terms best, the best first.

    Args:
        view: Where to look.
        terms: Hashes of the terms, each once.
        allowed: Whether a chunk of a part may be found; the figures are over all chunks anyway.
        limit: How many to find; more where the last ones are equal.
    """
    if not view.chunks:
        return []
    totals: list[dict[int, float]] = [{} for _ in view.parts]
    constant = SATURATION * (1 - LENGTH_SHARE)
    slope = SATURATION * LENGTH_SHARE * view.chunks / max(1, view.length)
    for term in terms:
        found = [part.postings(term) for part in view.parts]
        holding = sum(len(chunks) for chunks, _ in found)
        if not holding:
            continue
        weight = log(1 + (view.chunks - holding + 0.5) / (holding + 0.5))
        for part, total, (chunks, times) in zip(view.parts, totals, found, strict=True):
            lengths = part.segment.chunk_length
            before = total.get
            for chunk, count in zip(chunks, times, strict=True):
                fit = weight * count / (count + constant + slope * lengths[chunk])
                total[chunk] = before(chunk, 0.0) + fit
    return _best(
        [
            Scored(score, part, chunk)
            for part, total in enumerate(totals)
            for chunk, score in total.items()
            if allowed is None or allowed(part, chunk)
        ],
        limit,
    )


def _best(scored: list[Scored], limit: int) -> list[Scored]:
    """The best ones, and those equal to the last of them: whoever cuts has to break ties."""
    if len(scored) > limit:
        least = nlargest(limit, [one.score for one in scored])[-1]
        scored = [one for one in scored if one.score >= least]
    return scored


def fuse(lists: Iterable[tuple[float, Sequence[T]]]) -> Mapping[T, float]:
    """Give each thing the sum of `weight / (FUSION + rank)` over the lists it is in.

    Args:
        lists: Weight and things, the best first, each once.
    """
    scores: dict[T, float] = {}
    for weight, things in lists:
        for rank, thing in enumerate(things, 1):
            scores[thing] = scores.get(thing, 0.0) + weight / (FUSION + rank)
    return scores
