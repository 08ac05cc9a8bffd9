"""A comparison as Markdown for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from slipstream.tasks.benchmarking.compare.model import Change, Compared, Comparison, Outcome, Trend
from slipstream.tasks.benchmarking.reports import view
from slipstream.tasks.benchmarking.reports.view import DEFAULT, Options, Section

LARGEST = 60_000  # characters; GitHub refuses a comment of more than 65,536
_SPECIAL = str.maketrans(
    {c: f"\\{c}" for c in "\\`*_{}[]()#|~!"}
    | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "@\u200b"}
)  # an @ would call somebody


def render(comparison: Comparison, options: Options = DEFAULT) -> str:
    """A comparison as Markdown; tables are cut where a comment could not hold them."""
    for most in (10_000, 100, 30, 10, 3):
        text = "\n".join(_parts(comparison, options, most)) + "\n"
        if len(text) <= LARGEST:
            break
    return text[:LARGEST]


def render_trend(trend: Trend) -> str:
    """The history of a metric as Markdown."""
    places = {change.place for change in trend.changes}
    rows = [
        f"| {_code(point.run)} | {view.day(point.at_ns)} | {view.figure(point.value, trend.unit)} "
        f"| {_code(point.commit[:12])} | {'changed' if place in places else ''} |"
        for place, point in enumerate(trend.points)
    ]
    parts = [
        f"## History of {_code(view.trend_name(trend))}",
        "",
        *(f"{_text(sentence)}  " for sentence in view.trend_sentences(trend)),
        "",
        "| run | day | value | commit | |",
        "| --- | --- | ---: | --- | --- |",
        *rows,
    ]
    return "\n".join(parts) + "\n"


def _parts(comparison: Comparison, options: Options, most: int) -> Iterator[str]:
    yield f"## {view.headline(comparison)}"
    yield ""
    yield f"Base: {_text(view.side_line(comparison.base))}"
    for warning in comparison.warnings:
        yield ""
        yield f"> **Warning:** {_text(warning)}"
    for compared in comparison.candidates:
        yield from _compared(compared, options, most)
    yield ""
    yield _text(view.rules(comparison))
    if comparison.recommendation:
        yield ""
        yield f"**{_text(comparison.recommendation)}**"


def _compared(compared: Compared, options: Options, most: int) -> Iterator[str]:
    yield ""
    yield f"### Candidate: {_text(view.side_line(compared.side))}"
    if compared.differences:
        yield ""
        yield from (f"- **Differs:** {_text(difference)}" for difference in compared.differences)
    for section in view.sections(compared, options):
        yield ""
        count = view.counted(len(section.changes), "metric")
        if not section.listed:
            yield f"**{section.title}:** {count}. {section.meaning}"
            continue
        yield f"#### {section.title} ({len(section.changes)})"
        yield ""
        yield section.meaning
        yield ""
        yield from _table(section, most)
        notes = view.notes(section.changes)
        if notes:
            yield ""
            yield from (f"- {_text(note)}" for note in notes[:most])
    if said := view.methods(compared):
        yield ""
        yield from (f"{_text(sentence)}  " for sentence in said)


def _table(section: Section, most: int) -> Iterator[str]:
    cannot = any(change.outcome is Outcome.CANNOT_TELL for change in section.changes)
    sure = "seen from" if cannot else "p"
    yield f"| metric | base | candidate | change | 95% interval | {sure} | severity |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
    yield from (_row(change, cannot) for change in section.changes[:most])
    if (left := len(section.changes) - most) > 0:
        yield ""
        yield f"{left:,} more are left out here; `slip compare` in a terminal shows all."


def _row(change: Change, cannot: bool) -> str:
    cells = (
        _code(change.name),
        view.figure(change.base, change.unit),
        view.figure(change.candidate, change.unit),
        view.difference(change),
        view.interval(change),
        view.detectable(change) if cannot else _text(view.chance(change.p_corrected)),
        change.severity,
    )
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """Data as code, in which nothing is Markdown; in tables `|` is even there."""
    clean = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{clean}`" if clean else ""


def _text(text: str) -> str:
    """Sentences in which there is data."""
    return " ".join(text.split()).translate(_SPECIAL)
