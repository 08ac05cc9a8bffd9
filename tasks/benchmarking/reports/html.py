"""A comparison as one HTML file: no script, no request to anywhere, under a megabyte."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from slipstream.tasks.benchmarking.compare.model import (
    Comparison,
    Distribution,
    Outcome,
    Severity,
    Trend,
)
from slipstream.tasks.benchmarking.reports import plots, view
from slipstream.tasks.benchmarking.reports.loads import Sweep, sweeps
from slipstream.tasks.benchmarking.reports.plots import Plot
from slipstream.tasks.benchmarking.reports.svg import Sheet, fit
from slipstream.tasks.benchmarking.reports.view import DEFAULT, Options

if TYPE_CHECKING:
    from jinja2 import Environment

LARGEST = 1_000_000  # bytes of the page
MOST_DRAWN = 24  # groups of plots: each takes 70 ms
MOST_SWEEPS = 6
LONGEST = 300  # characters of a text from the data
_HERE = Path(__file__).parent

Key: TypeAlias = tuple[str, str, str]
"""A benchmark, a label and a metric."""


class Cut(NamedTuple):
    """How much of the tables is left out.

    Attributes:
        rows: Most rows of each table.
        others: Whether figures that were not tested are listed.
    """

    rows: int
    others: bool


# The first that leaves room for some plots is taken.
_CUTS = (Cut(100_000, True), Cut(100_000, False), Cut(500, False), Cut(100, False), Cut(10, False))
_FOR_PLOTS = 250_000  # bytes
_FOR_SHEET = 20_000  # bytes


class Figure(NamedTuple):
    """A plot, made fit for the page."""

    key: str
    plot: Plot
    svg: str


class Group(NamedTuple):
    """Plots of the same.

    Attributes:
        key: Unique in the page.
        title: What they are of.
        figures: The plots.
    """

    key: str
    title: str
    figures: tuple[Figure, ...]


class Wanted(NamedTuple):
    """Plots that can be drawn.

    Attributes:
        title: What they are of.
        draw: Draws them.
        of: The metric that they show; None: none alone.
    """

    title: str
    draw: Callable[[], Sequence[Plot]]
    of: Key | None = None


def render(comparison: Comparison, trends: Sequence[Trend] = (), options: Options = DEFAULT) -> str:
    """A comparison as a page.

    Args:
        comparison: What is shown.
        trends: Histories that are drawn as well.
        options: What of the tables is shown.
    """
    for cut in _CUTS:
        bare = _page(comparison, options, cut)
        if _bytes(bare) + _FOR_PLOTS <= LARGEST:
            break
    sheet = Sheet(plots.COLOURS)
    room = LARGEST - _bytes(bare) - _FOR_SHEET
    groups: list[Group] = []
    drawn: dict[Key, str] = {}
    wanted = list(_wanted(comparison, trends))
    for number, one in enumerate(wanted[:MOST_DRAWN]):
        group = _group(f"plot{number}", one, sheet)
        room -= _bytes(_environment().get_template("group.html").render(group=group))
        if room < 0:
            break
        groups.append(group)
        if one.of:
            drawn[one.of] = group.key
    left = len(wanted) - len(groups)
    return _page(comparison, options, cut, groups, drawn, left, sheet.css())


def _page(
    comparison: Comparison,
    options: Options,
    cut: Cut,
    groups: Sequence[Group] = (),
    drawn: dict[Key, str] | None = None,
    left: int = 0,
    classes: str = "",
) -> str:
    shown = options._replace(every=True)
    return _rendered(
        "report.html",
        classes,
        comparison=comparison,
        sections=[view.sections(compared, shown) for compared in comparison.candidates],
        folded=() if options.every else (view.UNCHANGED, view.OTHERS),
        state=_state(comparison),
        cut=cut,
        groups=groups,
        drawn=drawn or {},
        left=left,
    )


def render_trend(trend: Trend) -> str:
    """The history of a metric as a page."""
    sheet = Sheet(plots.COLOURS)
    title = view.trend_name(trend)
    group = None
    if len(trend.points) > 1:
        group = _group("plot", Wanted(title, partial(_history, [trend])), sheet)
    return _rendered("trend.html", sheet.css(), trend=trend, group=group)


def _rendered(template: str, classes: str, **values: object) -> str:
    """A page whose policy allows its own style sheet and nothing else."""
    css = (_HERE / "report.css").read_text(encoding="utf-8") + classes
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return _environment().get_template(template).render(css=css, digest=digest, **values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["view"] = view
    made.filters["clip"] = _clip
    return made


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _clip(text: str) -> str:
    """Text from the data: no control characters, and not without end."""
    return view.clean(text if len(text) <= LONGEST else text[:LONGEST] + "…")


def _state(comparison: Comparison) -> str:
    """How the verdict looks: `bad`, `unsure`, `good`."""
    if comparison.worst is not Severity.NONE:
        return "bad"
    found = {c.outcome for side in comparison.candidates for c in side.changes if c.primary}
    unsure = {Outcome.SUSPECTED_REGRESSION, Outcome.CANNOT_TELL, Outcome.GONE}
    return "unsure" if found & unsure or not found else "good"


def _group(key: str, wanted: Wanted, sheet: Sheet) -> Group:
    figures = []
    for number, plot in enumerate(wanted.draw()):
        name = f"{key}-{number}"
        title = f"{plot.title}, {wanted.title}" if wanted.of else plot.title
        svg = fit(plot.svg, name, _clip(title), _clip(plot.description), sheet)
        figures.append(Figure(name, plot, svg))
    return Group(key, wanted.title, tuple(figures))


def _wanted(comparison: Comparison, trends: Sequence[Trend]) -> Iterator[Wanted]:
    """All that can be drawn: loads, histories, distributions; those that changed most first."""
    if swept := list(islice(sweeps(comparison), MOST_SWEEPS)):
        yield Wanted("Throughput against latency", partial(_throughput, swept))
    if histories := [trend for trend in trends if len(trend.points) > 1]:
        yield Wanted("History", partial(_history, histories))
    sides = plots.by_metric(
        comparison.base_distributions,
        [(compared.side.name, compared.distributions) for compared in comparison.candidates],
    )
    rank: dict[Key, tuple[int, float]] = {}
    for compared in comparison.candidates:
        for change in compared.changes:
            key = (change.benchmark, change.label, change.metric)
            found = (change.severity.rank, view.size(change))
            rank[key] = max(rank.get(key, (0, 0.0)), found)
    for key in sorted(sides, key=lambda key: rank.get(key, (0, 0.0)), reverse=True):
        yield Wanted(" ".join(filter(None, key)), partial(_spread, sides[key]), key)


def _throughput(found: Sequence[Sweep]) -> list[Plot]:
    return [plots.throughput(sweep) for sweep in found]


def _history(trends: Sequence[Trend]) -> list[Plot]:
    return [plots.history(trend) for trend in trends]


def _spread(sides: Sequence[tuple[str, Distribution]]) -> list[Plot]:
    return [plots.distribution(sides), plots.percentiles(sides)]
