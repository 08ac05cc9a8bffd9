"""A comparison, and the history of a metric, for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from slipstream.tasks.benchmarking.compare.model import (
    Change,
    Compared,
    Comparison,
    Outcome,
    Severity,
    Trend,
)
from slipstream.tasks.benchmarking.reports import chart, view
from slipstream.tasks.benchmarking.reports.view import DEFAULT, Options, Section, clean

Style: TypeAlias = Callable[[str, str], str]
"""Puts text into a terminal's style: `style("bad", "31")`."""

BOLD, RED, GREEN, YELLOW = "1", "31", "32", "33"
WIDTH = 80  # of a terminal that does not say
_HEADERS = ("severity", "metric", "base", "candidate", "change", "95% interval", "p", "seen from")
_LEFT = ("severity", "metric")


def plain(text: str, code: str) -> str:
    """No style."""
    del code
    return text


def render(comparison: Comparison, options: Options = DEFAULT, style: Style = plain) -> str:
    """A comparison as text: what differs first, then what changed, the recommendation last."""
    lines = [
        style(view.headline(comparison), BOLD),
        f"base: {clean(view.side_line(comparison.base))}",
        *(style(f"warning: {clean(warning)}", YELLOW) for warning in comparison.warnings),
    ]
    for compared in comparison.candidates:
        lines += _compared(compared, options, style)
    lines += ["", view.rules(comparison)]
    if comparison.recommendation:
        lines += ["", style(clean(comparison.recommendation), BOLD)]
    return "\n".join(lines) + "\n"


def render_trend(
    trend: Trend, style: Style = plain, width: int = WIDTH, ascii: bool = False
) -> str:
    """The history of a metric as a chart, and in sentences.

    Args:
        trend: The history.
        style: Of the terminal.
        width: Of the terminal, in characters.
        ascii: Nothing but ASCII in the chart.
    """
    lines = [
        style(f"{clean(view.trend_name(trend))} ({trend.unit}), {clean(trend.suite)}, "
              f"{clean(trend.model)}: {view.counted(len(trend.points), 'run')}", BOLD)
    ]  # fmt: skip
    if trend.points:
        lines += chart.lines(
            [point.value for point in trend.points],
            [change.place for change in trend.changes],
            lambda value: view.figure(value, trend.unit),
            width=width,
            ascii=ascii,
        )
        first, last = trend.points[0], trend.points[-1]
        lines.append(
            f"{view.day(first.at_ns)} ({first.run}) to {view.day(last.at_ns)} ({last.run})"
        )
    lines += [clean(sentence) for sentence in view.trend_sentences(trend)]
    return "\n".join(lines) + "\n"


def _compared(compared: Compared, options: Options, style: Style) -> Iterator[str]:
    yield ""
    yield style(f"candidate: {clean(view.side_line(compared.side))}", BOLD)
    for difference in compared.differences:
        yield style(f"differs: {clean(difference)}", YELLOW)
    for section in view.sections(compared, options):
        yield ""
        if section.listed:
            yield style(f"{section.title} ({len(section.changes)})", BOLD) + f": {section.meaning}"
            yield from _table(section, style)
            yield from (f"  {clean(note)}" for note in view.notes(section.changes))
        else:
            count = view.counted(len(section.changes), "metric")
            yield f"{section.title}: {count}. {section.meaning}"
    if said := view.methods(compared):
        yield ""
        yield from said


def _table(section: Section, style: Style) -> Iterator[str]:
    """An aligned table; a column of which no row has anything is left out."""
    rows = [_HEADERS, *map(_row, section.changes)]
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    for number, row in enumerate(zip(*columns, strict=True)):
        cells = [
            cell.ljust(width) if column[0] in _LEFT else cell.rjust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ]
        code = _colour(section.changes[number - 1]) if number else BOLD
        line = "  ".join(cells).rstrip()
        yield style(line, code) if code else line


def _row(change: Change) -> tuple[str, ...]:
    return (
        str(change.severity),
        clean(change.name),
        view.figure(change.base, change.unit),
        view.figure(change.candidate, change.unit),
        view.difference(change),
        view.interval(change),
        view.chance(change.p_corrected),
        view.detectable(change) if change.outcome is Outcome.CANNOT_TELL else "",
    )


def _colour(change: Change) -> str:
    if change.outcome is Outcome.IMPROVEMENT:
        return GREEN
    if change.outcome is Outcome.REGRESSION:
        return RED if change.severity.rank >= Severity.MAJOR.rank else YELLOW
    return ""
