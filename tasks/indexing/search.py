"""Search: one query, one of four ways, one ranked list of places with their lines.

`symbol` finds definitions by name, then where the name is used. `text` and `regex` look at every
line of every file. `hybrid` fuses definitions, full text and, where there are any, vectors.
"""

import re
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing import lines, matching, names, terms
from slipstream.tasks.indexing.filters import Filter
from slipstream.tasks.indexing.lines import Read
from slipstream.tasks.indexing.matching import Found
from slipstream.tasks.indexing.model import SearchHit
from slipstream.tasks.indexing.place import Place, hit
from slipstream.tasks.indexing.ranking import VALUES, Prior, bm25, fuse
from slipstream.tasks.indexing.view import View

VERSION = 2
"""Bump when the same index would answer otherwise. It goes into the key of cached results."""

Mode: TypeAlias = Literal["hybrid", "symbol", "text", "regex"]

Vectors: TypeAlias = Callable[[str], Sequence[tuple[str, int]]]
"""Query → path and chunk's number in its file, the nearest first."""

LIMIT = 20  # hits
CONTEXT = 2  # lines before and after

# How much each list counts in the fusion.
EXACT_WEIGHT = 3.0  # definitions of just that name
NAME_WEIGHT = 1.2  # definitions of similar names
TEXT_WEIGHT = 1.0
VECTOR_WEIGHT = 1.0
CANDIDATES = 50  # from each list
WEIGHED = 4  # times as many places are looked at before those are chosen by what they are, too


def search(
    view: View,
    query: str,
    *,
    read: Read,
    mode: Mode = "hybrid",
    path_glob: str = "",
    language: str = "",
    kind: str = "",
    limit: int = LIMIT,
    context: int = CONTEXT,
    vectors: Vectors | None = None,
) -> Found:
    """Search the files of a view; the best hits first, in the order of path and line where equal.

    Args:
        view: What to search.
        query: A name, words, a text or a regular expression, as the mode takes it.
        read: Reads contents by name.
        mode: How to search.
        path_glob: Only files whose path fits (see `Filter`).
        language: Only files in it, such as `python`.
        kind: Only definitions of it, such as `function`, and what is in them.
        limit: Most hits.
        context: Lines before and after each hit.
        vectors: Finds chunks by meaning; for `hybrid` alone.

    Raises:
        UsageError: The query is empty, or not a regular expression that can be used; or the glob.
    """
    if not query.strip():
        raise UsageError("The query is empty; give a name, some words or an expression.")
    if limit < 1 or context < 0:
        raise UsageError("The number of hits must be above 0, that of lines around them not below.")
    only = Filter(path_glob, language, kind)
    if mode in ("text", "regex"):
        matcher = lines.substring(query) if mode == "text" else lines.expression(query)
        wanted = matching.pairs(view, only)
        return matching.search(view, wanted, matcher, only, limit, context, read)
    if mode == "symbol":
        named = names.find(view, query, only)
        places = [_of_symbol(view, one, 1 / rank) for rank, one in enumerate(named[:limit], 1)]
        hits = _with_lines(view, places, "", only, read, context)
        used = bool(named) and named[0].fit <= names.OTHER_CASE
        if not used or len(hits) == limit:
            return Found(hits, len(named), len({one.path for one in named}), not used)
        found = matching.references(view, named, only, limit - len(hits), context, read)
        hits += found.hits
        total, paths = len(named) + found.total, {one.path for one in hits}
        return Found(hits, total, len(paths), found.whole)
    places = _hybrid(view, query, only, limit, vectors)
    hits = _with_lines(view, places, query, only, read, context)
    return Found(hits, len(hits), len({one.path for one in hits}))


def _hybrid(
    view: View, query: str, only: Filter, limit: int, vectors: Vectors | None
) -> list[Place]:
    most = max(limit, CANDIDATES)
    named = names.find(view, query, only, names.WORDS)
    if not named and len(query.split()) == 1:  # words are looked for in the text
        named = names.find(view, query, only)
    symbol_of: dict[tuple[int, int], names.Named] = {}
    exact: list[tuple[int, int]] = []
    similar: list[tuple[int, int]] = []
    for one in named[:most]:
        tables = view.parts[one.part].segment
        chunk = tables.chunk_of_line(tables.file_of_symbol(one.symbol), one.line)
        if (one.part, chunk) not in symbol_of:
            symbol_of[one.part, chunk] = one
            (exact if one.fit <= names.OTHER_CASE else similar).append((one.part, chunk))
    allowed = [only.chunks(part) for part in view.parts]
    hashes = [terms.term_hash(term) for term in terms.query_terms(query)]
    prior = Prior(view, query)
    # Of those that fit somewhat worse, some may be likelier.
    worth = {
        (one.part, one.chunk): one.score * prior(one.part, one.chunk)
        for one in bm25(view, hashes, allowed, WEIGHED * most)
    }
    text = sorted(worth, key=lambda one: (-worth[one], *_position(view, *one)))[:most]
    near = [
        place
        for place in (_chunk(view, *one) for one in (vectors(query) if vectors else ()))
        if place is not None and ((mask := allowed[place[0]]) is None or mask[place[1]])
    ][:most]
    fused = fuse(
        ((EXACT_WEIGHT, exact), (NAME_WEIGHT, similar), (TEXT_WEIGHT, text), (VECTOR_WEIGHT, near))
    )
    in_text, in_near = set(text), set(near)
    for place in (symbol_of.keys() | in_near) & fused.keys():  # the others were weighed above
        fused[place] *= prior(*place)
    order = sorted(fused, key=lambda one: (-fused[one], *_position(view, *one)))
    places = []
    for place in order[:limit]:
        ways = [(symbol_of, "symbol"), (in_text, "text"), (in_near, "vector")]
        why = "+".join(way for found, way in ways if place in found)
        if place in symbol_of:
            places.append(_of_symbol(view, symbol_of[place], fused[place])._replace(why=why))
        else:
            places.append(_of_chunk(view, *place, fused[place], why))
    return places


def _position(view: View, part: int, chunk: int) -> tuple[str, int]:
    tables = view.parts[part].segment
    return tables.paths.text(tables.file_of_chunk(chunk)), tables.chunk_start[chunk]


def _chunk(view: View, path: str, number: int) -> tuple[int, int] | None:
    """Part and row of a file's chunk; None: it is not there (any more)."""
    if (place := view.locate(path)) is None:
        return None
    part, file = place
    first, end = view.parts[part].segment.file_chunks[file : file + 2]
    return (part, first + number) if 0 <= number < end - first else None


def _of_symbol(view: View, one: names.Named, score: float) -> Place:
    tables = view.parts[one.part].segment
    file, end = tables.file_of_symbol(one.symbol), tables.symbol_end[one.symbol]
    return Place(one.part, file, one.line, one.line, end, one.symbol, score, "symbol")


def _of_chunk(view: View, part: int, chunk: int, score: float, why: str) -> Place:
    """A chunk; which line of it is looked at first is chosen when its lines are read."""
    tables = view.parts[part].segment
    start, end = tables.chunk_start[chunk], tables.chunk_end[chunk]
    symbol = tables.chunk_symbol[chunk]
    return Place(part, tables.file_of_chunk(chunk), 0, start, end, symbol, score, why)


def _with_lines(
    view: View, places: Sequence[Place], query: str, only: Filter, read: Read, context: int
) -> list[SearchHit]:
    """Read the lines of places; a content that cannot be had gives a hit without any."""
    paths = [view.parts[place.part].segment.paths.text(place.file) for place in places]
    pairs = [(path, view.files[path]) for path in dict.fromkeys(paths)]
    texts = {path: lines.text_lines(data) for path, _, data in read(pairs)}
    wanted = [word.lower().encode() for word in re.findall(r"\w+", query)]
    hits: list[SearchHit] = []
    for place, path in zip(places, paths, strict=True):
        text = texts.get(path, [])
        chosen = place if place.line else _look_at(view, place, text, wanted, only)
        hits.append(hit(view, chosen, path, text, context))
    return hits


def _look_at(
    view: View, place: Place, text: Sequence[bytes], wanted: Sequence[bytes], only: Filter
) -> Place:
    """Choose where to look: at the definition, or else the line, with most of the words in it."""
    tables = view.parts[place.part].segment

    def count(first: int, last: int) -> int:
        lower = b"\n".join(text[first - 1 : last]).lower()
        return sum(word in lower for word in wanted)

    kinds = only.kinds(view.parts[place.part])
    spans = [
        (tables.symbol_start[one], min(place.end, tables.symbol_end[one]), one)
        for one in tables.symbols_of_chunk(tables.chunk_of_line(place.file, place.start))
        if tables.symbol_start[one] >= place.start
        and (kinds is None or tables.symbol_kind[one] in kinds)
    ]
    if spans:
        # Of a class and a method with the same words, the method says more precisely where.
        best = max(spans, key=lambda span: (count(span[0], span[1]), span[0] - span[1]))
        line, end, symbol = best
        # A text about something else may begin with the macro that keeps it from being read twice.
        said = tables.kinds.text(tables.symbol_kind[symbol]) not in VALUES or count(line, end)
        if said or kinds is not None:
            return place._replace(line=line, start=line, end=end, symbol=symbol)
        place = place._replace(symbol=-1)
    line = max(range(place.start, place.end + 1), key=lambda line: count(line, line))
    return place._replace(line=line)
