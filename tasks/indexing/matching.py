"""Every line that matches, in the order of path and line; past the limit they are only counted.

To count costs as much as to search for what is not there. It ends some thousand files after the
limit was reached: where it ends depends on what is there, never on the clock.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from slipstream.tasks.indexing import lines, names, terms
from slipstream.tasks.indexing.filters import Filter
from slipstream.tasks.indexing.lines import Read
from slipstream.tasks.indexing.model import SearchHit
from slipstream.tasks.indexing.place import Place, hit
from slipstream.tasks.indexing.view import View

COUNTED = 10_000
"""Files that are looked into after the limit was reached, to count what is left out."""


class Found(NamedTuple):
    """What a search found.

    Attributes:
        hits: The best first, or in the order of path and line.
        total: How many there are, with those past the limit; of a ranking, as many as `hits`.
        files: In how many files they are.
        whole: Whether all files were looked into; if not, there may be more.
        near: Where nothing was found: names of definitions that are like the query.
    """

    hits: list[SearchHit]
    total: int
    files: int
    whole: bool = True
    near: tuple[str, ...] = ()


def pairs(view: View, only: Filter) -> list[tuple[str, str]]:
    """Path and content name of the files that may be found, in order."""
    found = []
    for part in view.parts:
        allowed, paths = only.files(part), part.segment.paths.texts()
        found += [path for file, path in enumerate(paths) if allowed(file)]
    return [(path, view.files[path]) for path in sorted(found)]


def search(
    view: View,
    wanted: Sequence[tuple[str, str]],
    matcher: lines.Matcher,
    only: Filter,
    limit: int,
    context: int,
    read: Read,
    why: str = "text",
    passed: frozenset[tuple[str, int]] = frozenset(),
    beyond: int = COUNTED,
) -> Found:
    """Find the lines that match.

    Args:
        view: Where.
        wanted: Path and content name of the files to look into, in order.
        matcher: What to look for.
        only: Its kind of definition is that of what a line stands in.
        limit: Most hits; all others are counted.
        context: Lines before and after each hit.
        read: Reads contents by name.
        why: What is said to have found them.
        passed: Path and line of what is no hit.
        beyond: Files to look into after the limit was reached.
    """
    hits: list[SearchHit] = []
    total = files = 0
    end = len(wanted)
    for at, found in lines.search(wanted, matcher, read):
        if at >= end:
            break
        path, rows, data = found
        place = view.locate(path)
        if place is None:
            continue
        part, file = place
        tables, kinds = view.parts[part].segment, only.kinds(view.parts[part])
        if passed:
            rows = [row for row in rows if (path, row + 1) not in passed]
        if kinds is not None:
            symbols = ((row, tables.symbol_of_line(file, row + 1)) for row in rows)
            rows = [row for row, one in symbols if one >= 0 and tables.symbol_kind[one] in kinds]
        total += len(rows)
        files += bool(rows)
        if len(hits) == limit or not rows:
            continue
        text = lines.split(data)
        for row in rows[: limit - len(hits)]:
            line, symbol = row + 1, tables.symbol_of_line(file, row + 1)
            one = Place(part, file, line, line, line, symbol, 1 / (len(hits) + 1), why)
            hits.append(hit(view, one, path, text, context))
        if len(hits) == limit:
            end = at + 1 + beyond
    return Found(hits, total, files, end >= len(wanted))


def references(
    view: View,
    named: Sequence[names.Named],
    only: Filter,
    limit: int,
    context: int,
    read: Read,
) -> Found:
    """Find where files that refer to a name have it in a line, definitions left out."""
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
    wanted = [(path, view.files[path]) for path in sorted(using)]
    patterns = [rf"\b{re.escape(name)}\b" for name in sorted(written)]
    matcher = lines.expression("|".join(patterns))
    defined = frozenset((one.path, one.line) for one in best)
    return search(view, wanted, matcher, only, limit, context, read, "reference", defined, beyond=0)
