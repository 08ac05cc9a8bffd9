"""A comparison as CSV: one line for each change."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from slipstream.tasks.benchmarking.compare.model import Change, Comparison, Point, Trend
from slipstream.tasks.benchmarking.reports.view import DEFAULT, Options, sections

_CHANGE = tuple(name for name in Change._fields if name != "sizes")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with these a spreadsheet takes text for a formula


def render(comparison: Comparison, options: Options = DEFAULT) -> str:
    """Every change as a line, unless the options choose some."""
    headers = ["side", *_CHANGE, "base_size", "candidate_size"]
    return _lines(
        headers,
        (
            (compared.side.name, *(getattr(c, name) for name in _CHANGE), *c.sizes)
            for compared in comparison.candidates
            for section in sections(compared, options)
            for c in section.changes
        ),
    )


def render_trend(trend: Trend) -> str:
    """Every run as a line; `changed` marks the first one after a change."""
    places = {change.place for change in trend.changes}
    rows = ((*point, place in places) for place, point in enumerate(trend.points))
    return _lines([*Point._fields, "changed"], rows)


def _lines(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(headers)
    writer.writerows([_text(cell) for cell in row] for row in rows)
    return out.getvalue()


def _text(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    return f"'{cell}" if cell.startswith(_FORMULA) else str(cell)
