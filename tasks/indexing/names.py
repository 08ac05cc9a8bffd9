"""Finding definitions by name: as it is written, in another case, its beginning, its words, a slip.

A query of several parts (`Scope.name`, `scope::name`, `package.Class.method`) asks for definitions
in that scope or path.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from slipstream.tasks.indexing import terms
from slipstream.tasks.indexing.filters import Filter
from slipstream.tasks.indexing.segment import Segment
from slipstream.tasks.indexing.view import View

# How a name fits a query; smaller is better.
EXACT, OTHER_CASE, PREFIX, WORDS, SUBSTRING, SLIP = range(6)

KIND_ORDER = (
    ("class", "interface", "struct", "trait", "enum", "type", "namespace", "module"),
    ("function", "constructor", "macro", "table"),
    ("method", "property"),
    ("constant", "variable", "field"),
    ("heading",),
)
"""Of several definitions of one name, these come first."""

SHORT = 2  # characters; so short a query finds names that are it or begin with it alone
SLIPS_FROM = 4  # characters; shorter names are all near each other
TWO_SLIPS_FROM = 8
LONGEST_QUERY = 1000  # characters; names that are like a word of the rest are not looked for

_KIND_RANK = {kind: rank for rank, kinds in enumerate(KIND_ORDER) for kind in kinds}
_SEPARATOR = re.compile(r"::|->|[.#/\\]")
_TEST = re.compile(r"(?:^|[/_.-])(?:tests?|specs?|testing)(?:[/_.-]|$)", re.IGNORECASE)


class Named(NamedTuple):
    """A definition that fits a query; sorted, the best comes first.

    Attributes:
        fit: `EXACT` to `SLIP`.
        rank: Orders definitions that fit alike.
        path: Of the file.
        line: First line of the definition.
        part: Number of the part of the view.
        symbol: Its row there.
    """

    fit: int
    rank: tuple[int, ...]
    path: str
    line: int
    part: int
    symbol: int


def find(view: View, query: str, only: Filter, least: int = SLIP) -> list[Named]:
    """Find definitions by name, the best first.

    Args:
        view: Where to look.
        query: A name, or parts of one, with or without what it stands in.
        only: What may be found.
        least: How well it must fit. Slips are looked for where nothing else is found.
    """
    *scope, name = [part for part in _SEPARATOR.split(query.strip()) if part] or [""]
    name = name.removesuffix("()").strip()
    if not name:
        return []
    found = _all(view, name, scope, only, range(min(least, SUBSTRING) + 1))
    if not found and least >= SLIP:
        found = _all(view, name, scope, only, (SLIP,))
    return sorted(found)


def near(view: View, query: str, most: int = 3) -> tuple[str, ...]:
    """List names that are like the longest word of a query and are not it, the nearest first."""
    word = max(re.findall(r"\w+", query[:LONGEST_QUERY]), key=len, default="")
    if len(word) < SLIPS_FROM:
        return ()
    texts = (
        tables.names.text(tables.symbol_name[one.symbol])
        for one in find(view, word, Filter())
        for tables in [view.parts[one.part].segment]
    )
    return tuple(islice((text for text in dict.fromkeys(texts) if text != query.strip()), most))


def is_test(path: str) -> bool:
    """Whether a path looks like that of a test."""
    return _TEST.search(path) is not None


def _all(view: View, name: str, scope: list[str], only: Filter, fits: Iterable[int]) -> list[Named]:
    found: list[Named] = []
    for number, part in enumerate(view.parts):
        tables, files, kinds = part.segment, only.files(part), only.kinds(part)
        for row, fit in _rows(tables, name, fits).items():
            begin, end = tables.name_first[row : row + 2]
            text = tables.names.text(row)
            for symbol in tables.name_symbols[begin:end]:
                kind = tables.symbol_kind[symbol]
                file = tables.file_of_symbol(symbol)
                if (kinds is not None and kind not in kinds) or not files(file):
                    continue
                path = tables.paths.text(file)
                if scope and not _stands_in(tables, symbol, path, scope):
                    continue
                rank = (
                    abs(len(text) - len(name)) if fit >= PREFIX else 0,
                    is_test(path),
                    _KIND_RANK.get(tables.kinds.text(kind), len(KIND_ORDER)),
                )
                line = tables.symbol_start[symbol]
                found.append(Named(fit, rank, path, line, number, symbol))
    return found


def _rows(tables: Segment, name: str, allowed: Iterable[int]) -> dict[int, int]:
    """Row of each name that fits → how well."""
    fits: dict[int, int] = {}
    lower = name.lower()
    for fit in allowed:
        if fit <= PREFIX or len(name) > SHORT:
            for row in _WAYS[fit](tables, name, lower):
                fits.setdefault(row, fit)
    return fits


def _exact(tables: Segment, name: str, _lower: str) -> Iterable[int]:
    row = tables.names.row(name)
    return () if row < 0 else (row,)


def _other_case(tables: Segment, _name: str, lower: str) -> Iterable[int]:
    row = tables.lowers.row(lower)
    return () if row < 0 else _written(tables, row)


def _prefix(tables: Segment, _name: str, lower: str) -> Iterator[int]:
    for row in tables.lowers.rows_from(lower):
        yield from _written(tables, row)


def _substring(tables: Segment, _name: str, lower: str) -> Iterator[int]:
    for row in tables.lowers.rows_with(lower):
        yield from _written(tables, row)


def _words(tables: Segment, name: str, _lower: str) -> Iterator[int]:
    """Names whose words begin with the query's, in their order: `PaHe`, `parse header`."""
    wanted = [word.lower() for part in re.findall(r"\w+", name) for word in terms.words(part)]
    if not wanted:
        return

    def fits(name: str) -> bool:
        words = iter(terms.words(name))
        return all(any(word.lower().startswith(one) for word in words) for one in wanted)

    for row in tables.lowers.rows_with(max(wanted, key=len)):
        yield from (one for one in _written(tables, row) if fits(tables.names.text(one)))


def _slip(tables: Segment, _name: str, lower: str) -> Iterator[int]:
    """Names that are few edits away.

    However one edit changes a text that is cut in two, one piece stays; so names with a piece are
    looked at. It is cut in two ways, since a swap at the one cut is within a piece of the other.
    """
    most = 0 if len(lower) < SLIPS_FROM else 1 if len(lower) < TWO_SLIPS_FROM else 2
    if not most or any(map(str.isspace, lower)):
        return
    size = len(lower) // (most + 1)
    pieces = {
        lower[cut * size + shift * (cut > 0) : (cut + 1) * size + shift if cut < most else None]
        for shift in (0, 1)
        for cut in range(most + 1)
    }
    lowers = tables.lowers
    near = {row for piece in pieces for row in lowers.rows_with(piece)}
    for row in sorted(near):
        other = lowers.text(row)
        if abs(len(other) - len(lower)) <= most and _distance(lower, other, most) <= most:
            yield from _written(tables, row)


_WAYS = (_exact, _other_case, _prefix, _words, _substring, _slip)


def _written(tables: Segment, lower: int) -> Iterable[int]:
    """Names whose lower case is that of a row."""
    begin, end = tables.lower_first[lower : lower + 2]
    return tables.lower_names[begin:end]


def _stands_in(tables: Segment, symbol: int, path: str, wanted: list[str]) -> bool:
    """Whether what is wanted is in the path and the scope of a definition, in that order.

    Something may be between: `package.Class` is defined in a module of the package.
    """
    scope = tables.scopes.text(tables.symbol_scope[symbol])
    folders, _, file = path.rpartition("/")
    stem = file.partition(".")[0]
    module = [*folders.split("/"), *([] if stem in ("__init__", "index", "mod") else [stem])]
    around = iter([*module, *(part for part in _SEPARATOR.split(scope) if part)])
    return all(any(one.lower() == part.lower() for part in around) for one in wanted)


def _distance(one: str, other: str, most: int) -> int:
    """Edits (insert, delete, replace, swap two neighbours) between texts; above `most`: more."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        row, before, older = [i], row, before
        for j, against in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != against))
            if i > 1 and j > 1 and char == other[j - 2] and one[i - 2] == against:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            break
    return row[-1]
