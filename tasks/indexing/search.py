"""Search: one query, one of four ways, one ranked list of places with their lines.

`symbol` finds definitions by name, then where the name is used. `text` and `regex` look at every
line of every file. `hybrid` fuses definitions, full text and, where there are any, vectors.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing import lines, names, terms
from slipstream.tasks.indexing.filters import Filter
from slipstream.tasks.indexing.lines import Read
from slipstream.tasks.indexing.model import SearchHit
from slipstream.tasks.indexing.ranking import bm25, fuse
from slipstream.tasks.indexing.view import View

VERSION = 1
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

_NO_CHUNKS = 50  # lines of a file without chunks that count as one place


class _Place(NamedTuple):
    """A hit without its lines; `symbol` is -1 outside definitions, `line` 0 when not chosen yet."""

    part: int
    file: int
    line: int
    start: int
    end: int
    symbol: int
    score: float
    why: str


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
    root: str = "",
) -> list[SearchHit]:
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
        root: Folder in which the files lie, if they do; it makes `text` and `regex` quicker.

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
        found = lines.search(_pairs(view, only), matcher, read, root)
        return _line_hits(view, found, only, limit, context, "text")
    if mode == "symbol":
        named = names.find(view, query, only)
        places = [_of_symbol(view, one, 1 / rank) for rank, one in enumerate(named[:limit], 1)]
        hits = _with_lines(view, places, "", only, read, context)
        if len(hits) < limit and named and named[0].fit <= names.OTHER_CASE:
            hits += _references(view, named, only, limit - len(hits), context, read, root)
        return hits
    places = _hybrid(view, query, only, limit, vectors)
    return _with_lines(view, places, query, only, read, context)


def _hybrid(
    view: View, query: str, only: Filter, limit: int, vectors: Vectors | None
) -> list[_Place]:
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
    ranked = bm25(view, hashes, allowed, most)
    ranked.sort(key=lambda one: (-one.score, *_position(view, one.part, one.chunk)))
    text = [(one.part, one.chunk) for one in ranked[:most]]
    near = [
        place
        for place in (_chunk(view, *one) for one in (vectors(query) if vectors else ()))
        if place is not None and ((mask := allowed[place[0]]) is None or mask[place[1]])
    ][:most]
    fused = fuse(
        ((EXACT_WEIGHT, exact), (NAME_WEIGHT, similar), (TEXT_WEIGHT, text), (VECTOR_WEIGHT, near))
    )
    order = sorted(fused, key=lambda one: (-fused[one], *_position(view, *one)))
    in_text, in_near = set(text), set(near)
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


def _of_symbol(view: View, one: names.Named, score: float) -> _Place:
    tables = view.parts[one.part].segment
    file, end = tables.file_of_symbol(one.symbol), tables.symbol_end[one.symbol]
    return _Place(one.part, file, one.line, one.line, end, one.symbol, score, "symbol")


def _of_chunk(view: View, part: int, chunk: int, score: float, why: str) -> _Place:
    """A chunk; which line of it is looked at first is chosen when its lines are read."""
    tables = view.parts[part].segment
    start, end = tables.chunk_start[chunk], tables.chunk_end[chunk]
    symbol = tables.chunk_symbol[chunk]
    return _Place(part, tables.file_of_chunk(chunk), 0, start, end, symbol, score, why)


def _with_lines(
    view: View, places: Sequence[_Place], query: str, only: Filter, read: Read, context: int
) -> list[SearchHit]:
    """Read the lines of places; a content that cannot be had gives a hit without any."""
    paths = [view.parts[place.part].segment.paths.text(place.file) for place in places]
    pairs = [(path, view.files[path]) for path in dict.fromkeys(paths)]
    texts = {path: lines.text_lines(data) for path, _, data in read(pairs)}
    wanted = [word.lower().encode() for word in re.findall(r"\w+", query)]
    hits = []
    for place, path in zip(places, paths, strict=True):
        text = texts.get(path, [])
        chosen = place if place.line else _look_at(view, place, text, wanted, only)
        hits.append(_hit(view, chosen, path, text, context))
    return hits


def _look_at(
    view: View, place: _Place, text: Sequence[bytes], wanted: Sequence[bytes], only: Filter
) -> _Place:
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
        return place._replace(line=line, start=line, end=end, symbol=symbol)
    line = max(range(place.start, place.end + 1), key=lambda line: count(line, line))
    return place._replace(line=line)


def _hit(view: View, place: _Place, path: str, text: Sequence[bytes], context: int) -> SearchHit:
    tables = view.parts[place.part].segment
    kind = name = ""
    if place.symbol >= 0:
        scope = tables.scopes.text(tables.symbol_scope[place.symbol])
        own = tables.names.text(tables.symbol_name[place.symbol])
        name = f"{scope}.{own}" if scope else own
        kind = tables.kinds.text(tables.symbol_kind[place.symbol])
    at = place.line - 1
    return SearchHit(
        path,
        place.line,
        place.start,
        place.end,
        lines.shown(text[at]) if at < len(text) else "",
        tuple(map(lines.shown, text[max(0, at - context) : at])),
        tuple(map(lines.shown, text[at + 1 : at + 1 + context])),
        kind,
        name,
        tables.languages.text(tables.file_language[place.file]),
        round(place.score, 6),
        place.why,
    )


def _pairs(view: View, only: Filter) -> list[tuple[str, str]]:
    """Path and content name of the files that may be found, in order."""
    found = []
    for part in view.parts:
        allowed, paths = only.files(part), part.segment.paths.texts()
        found += [path for file, path in enumerate(paths) if allowed(file)]
    return [(path, view.files[path]) for path in sorted(found)]


def _line_hits(
    view: View,
    found: Iterable[lines.Matches],
    only: Filter,
    limit: int,
    context: int,
    why: str,
    passed: frozenset[tuple[str, int]] = frozenset(),
) -> list[SearchHit]:
    """The first matching line of each chunk, but those `passed`, in the order of path and line."""
    hits: list[SearchHit] = []
    for path, rows, text in found:
        place = view.locate(path)
        if place is None:
            continue
        part, file = place
        tables, kinds = view.parts[part].segment, only.kinds(view.parts[part])
        seen: set[int] = set()
        for row in rows:
            line = row + 1
            chunk = tables.chunk_of_line(file, line)
            group = chunk if chunk >= 0 else -1 - row // _NO_CHUNKS
            symbol = tables.symbol_of_line(file, line)
            fits = kinds is None or (symbol >= 0 and tables.symbol_kind[symbol] in kinds)
            if group in seen or not fits or (path, line) in passed:
                continue
            seen.add(group)
            one = _Place(part, file, line, line, line, symbol, 1 / (len(hits) + 1), why)
            hits.append(_hit(view, one, path, text, context))
            if len(hits) == limit:
                return hits
    return hits


def _references(
    view: View,
    named: Sequence[names.Named],
    only: Filter,
    limit: int,
    context: int,
    read: Read,
    root: str,
) -> list[SearchHit]:
    """Where files that refer to a name have it in a line, definitions left out."""
    best = [one for one in named if one.fit == named[0].fit]
    written = {
        tables.names.text(tables.symbol_name[one.symbol])
        for one in best
        for tables in [view.parts[one.part].segment]
    }
    using: list[str] = []
    for part in view.parts:
        tables, allowed = part.segment, only._replace(kind="").files(part)
        files = {file for name in written for file, _ in tables.uses(terms.name_hash(name))}
        using += [tables.paths.text(file) for file in files if allowed(file)]
    pairs = [(path, view.files[path]) for path in sorted(using)]
    patterns = [rf"\b{re.escape(name)}\b" for name in sorted(written)]
    found = lines.search(pairs, lines.expression("|".join(patterns)), read, root)
    defined = frozenset((one.path, one.line) for one in best)
    return _line_hits(view, found, only, limit, context, "reference", defined)
