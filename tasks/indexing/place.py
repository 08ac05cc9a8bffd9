"""A place in the index, and the hit that is made of it once its lines are read."""

from collections.abc import Sequence
from typing import NamedTuple

from slipstream.tasks.indexing import lines
from slipstream.tasks.indexing.model import SearchHit
from slipstream.tasks.indexing.view import View


class Place(NamedTuple):
    """A hit without its lines; `symbol` is -1 outside definitions, `line` 0 when not chosen yet."""

    part: int
    file: int
    line: int
    start: int
    end: int
    symbol: int
    score: float
    why: str


def hit(view: View, place: Place, path: str, text: Sequence[bytes], context: int) -> SearchHit:
    """Make the hit; lines that its file has not got are empty."""
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
