"""The plots of a report, drawn by matplotlib as SVG.

Nothing of `matplotlib.pyplot` is used, and nothing of the user's own settings of matplotlib: the
same numbers give the same bytes. Colours are those of `COLOURS`, which the page replaces by its
own, light or dark; sides differ in dashes and markers as well.
"""

from __future__ import annotations

import atexit
import io
import logging
import math
import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from slipstream.storage import paths
from slipstream.storage.errors import StorageError
from slipstream.tasks.benchmarking.compare.model import Distribution, Trend
from slipstream.tasks.benchmarking.reports import view
from slipstream.tasks.benchmarking.reports.loads import Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for the page's: no figure has them by chance.
TEXT, GRID, ACCENT = "#fe0001", "#fe0002", "#fe0003"
SERIES = ("#fe0011", "#fe0012", "#fe0013", "#fe0014")
COLOURS = {
    TEXT: "var(--faint)",
    GRID: "var(--line)",
    ACCENT: "var(--mark)",
    **{colour: f"var(--s{number})" for number, colour in enumerate(SERIES)},
}
_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
_MARKERS = ("o", "s", "^", "D")

_DRAWING = threading.Lock()  # settings of matplotlib, and filters of warnings, are the process's

SIZE = (5.0, 3.1)  # inches: 360 x 223 points, as wide as a phone
MOST_SERIES = len(SERIES)
TAIL = (0, 50, 75, 90, 95, 99)  # percentiles at the axis
LISTED = (0, 5, 10, 25, 50, 75, 90, 95, 99, 100)  # percentiles in the table
LONGEST = 10  # characters of a name in a plot
RIGHTWARDS = 0.6  # medians left of this have their names at their right; of the axis
NAMED = 0.75  # where axes end that have names at their right; of the width
MOST_DATES = 4
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 11,
    "font.family": "sans-serif",
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": GRID,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": TEXT,
    "ytick.labelcolor": TEXT,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "text.parse_math": False,  # names are not formulas
}


class Plot(NamedTuple):
    """A plot with what it shows in words and in numbers.

    Attributes:
        title: What it is.
        description: What is to be seen in it.
        svg: As matplotlib wrote it.
        headers: Of the table of its numbers.
        rows: The table.
    """

    title: str
    description: str
    svg: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def distribution(sides: Sequence[tuple[str, Distribution]]) -> Plot:
    """Histograms of a metric on several sides, over each other; shares of each side's values."""
    first = sides[0][1]
    with _figure(f"distribution {first}") as (figure, axes):
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        tallest = 0.0
        for number, (_, found) in enumerate(sides):
            shares = [count / (sum(found.counts) or 1) for count in found.counts]
            tallest = max(tallest, *shares)
            axes.stairs(shares, found.edges, fill=not number, alpha=0.25 if not number else None,
                        color=SERIES[number], linewidth=1.6, linestyle=_DASHES[number])  # fmt: skip
            if not number:
                axes.stairs(shares, found.edges, color=SERIES[0], linewidth=1.6)
        axes.set_xlim(first.edges[0], first.edges[-1])
        axes.set_ylim(0, tallest * (1.1 + 0.14 * len(sides)) or 1)
        _name_medians(axes, sides)
        axes.set_xlabel(view.clean(f"{first.metric} ({first.unit}); lines: medians"))
        svg = _svg(figure)
    last = len(first.counts) - 1
    rows = tuple(
        (
            # The last bin holds what is beyond it, too.
            f"{view.number(low)} {'and more' if place == last else f'to {view.number(high)}'}",
            *(str(found.counts[place]) for _, found in sides),
        )
        for place, (low, high) in enumerate(zip(first.edges, first.edges[1:], strict=False))
        if any(found.counts[place] for _, found in sides)
    )
    return Plot(
        f"Distribution of {first.metric}",
        "How many requests took how long; "
        + ", ".join(f"{n}: median {view.figure(of.quantiles[50], of.unit)}" for n, of in sides)
        + ".",
        svg,
        (first.unit, *(name for name, _ in sides)),
        rows,
    )


def percentiles(sides: Sequence[tuple[str, Distribution]]) -> Plot:
    """The percentiles of a metric on several sides; the axis gives the slowest most room."""
    first = sides[0][1]
    with _figure(f"percentiles {first}", right=NAMED) as (figure, axes):
        for number, (_, found) in enumerate(sides):
            axes.plot([_tail(q) for q in range(100)], found.quantiles[:100], color=SERIES[number],
                      linewidth=1.6, linestyle=_DASHES[number], marker=_MARKERS[number],
                      markersize=4, markevery=list(TAIL), clip_on=False)  # fmt: skip
        axes.set_xticks([_tail(q) for q in TAIL], [str(q) for q in TAIL])
        axes.set_xlim(0, _tail(99))
        axes.set_xlabel("percentile")
        axes.set_ylabel(view.clean(f"{first.metric} ({first.unit})"))
        _name_ends(axes, [(name, found.quantiles[99]) for name, found in sides])
        svg = _svg(figure)
    return Plot(
        f"Percentiles of {first.metric}",
        _spread(sides),
        svg,
        ("percentile", *(f"{name} ({first.unit})" for name, _ in sides)),
        tuple((str(q), *(view.number(found.quantiles[q]) for _, found in sides)) for q in LISTED),
    )


def throughput(sweep: Sweep) -> Plot:
    """What a server delivers against how long it takes, from load to load."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    sides, (rate, unit), (latency, of) = sweep.sides[:MOST_SERIES], sweep.rate, sweep.latency
    rates = [load.rate for _, loads in sides for load in loads]
    with _figure(f"throughput {sweep}", right=NAMED) as (figure, axes):
        for number, (_, loads) in enumerate(sides):
            axes.plot([x.rate for x in loads], [x.latency for x in loads], color=SERIES[number],
                      linewidth=1.6, linestyle=_DASHES[number], marker=_MARKERS[number],
                      markersize=5)  # fmt: skip
        for load in sides[0][1]:
            axes.annotate(f"{load.load:g}", (load.rate, load.latency), (0, 5),
                          textcoords="offset points", ha="center", color=TEXT,
                          fontsize=9)  # fmt: skip
        if min(rates) > 0 and max(rates) > 10 * min(rates):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(rates) < 1000 * min(
                rates) else (1,)))  # fmt: skip
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.set_ylim(0, 1.15 * max(load.latency for _, loads in sides for load in loads) or 1)
        axes.set_xlabel(view.clean(f"{rate} ({unit}); numbers: {sweep.axis}"))
        axes.set_ylabel(view.clean(f"{latency} ({of})"))
        _name_ends(axes, [(name, loads[-1].latency) for name, loads in sides])
        svg = _svg(figure)
    rows = tuple(
        (name, f"{x.load:g}", view.figure(x.rate, unit), view.figure(x.latency, of))
        for name, loads in sides
        for x in loads
    )
    most = "; ".join(
        f"{name} delivers {view.figure(max(x.rate for x in loads), unit)} at the most"
        for name, loads in sides
    )
    return Plot(
        f"Throughput against {latency}, {sweep.benchmark}",
        f"From {sweep.axis} {sides[0][1][0].load:g} to {sides[0][1][-1].load:g}: {most}.",
        svg,
        ("side", sweep.axis, rate, latency),
        rows,
    )


def history(trend: Trend) -> Plot:
    """The history of a metric, with its change points and the medians between them."""
    points = trend.points
    with _figure(f"history {trend}") as (figure, axes):
        whole = [p.low is not None and p.high is not None for p in points]
        if all(whole):
            axes.fill_between(
                range(len(points)), [p.low or 0 for p in points], [p.high or 0 for p in points],
                color=SERIES[0], alpha=0.2, linewidth=0,
            )  # fmt: skip
        axes.plot([p.value for p in points], color=SERIES[0], linewidth=1.4)
        environments = list(dict.fromkeys(p.environment for p in points))
        for number, name in enumerate(environments):
            places = [i for i, p in enumerate(points) if p.environment == name]
            axes.plot(places, [points[i].value for i in places], color=SERIES[0], linestyle="",
                      marker=_MARKERS[number % len(_MARKERS)], markersize=4)  # fmt: skip
        bounds = [0, *(change.place for change in trend.changes), len(points)]
        medians = [*(c.before for c in trend.changes[:1]), *(c.after for c in trend.changes)]
        for number, median in enumerate(medians):
            axes.hlines(median, bounds[number] - 0.5, bounds[number + 1] - 0.5, color=ACCENT,
                        linewidth=1.4, linestyle=_DASHES[1])  # fmt: skip
        for change in trend.changes:
            axes.axvline(change.place - 0.5, color=ACCENT, linewidth=1)
            left = change.place < len(points) / 2
            axes.annotate(view.relative(change.relative, trend.unit), (change.place - 0.5, 1.0),
                          (4 if left else -4, 0), xycoords=axes.get_xaxis_transform(),
                          textcoords="offset points", color=ACCENT, va="top",
                          ha="left" if left else "right")  # fmt: skip
        axes.margins(y=0.15)
        step = max(1, math.ceil(len(points) / MOST_DATES))
        places = list(range(0, len(points), step))
        axes.set_xticks(places, _moments([points[i].at_ns for i in places]))
        axes.set_xlabel("run")
        axes.set_ylabel(view.clean(f"{trend.metric} ({trend.unit})"))
        svg = _svg(figure)
    marked = {change.place for change in trend.changes}
    rows = tuple(
        (
            p.run,
            view.day(p.at_ns),
            view.figure(p.value, trend.unit),
            "changed" if i in marked else "",
        )
        for i, p in enumerate(points)
    )
    return Plot(
        f"History of {view.trend_name(trend)}",
        " ".join(view.trend_sentences(trend)),
        svg,
        ("run", "day", "value", ""),
        rows,
    )


def by_metric(
    base: Sequence[Distribution], candidates: Sequence[tuple[str, Sequence[Distribution]]]
) -> dict[tuple[str, str, str], list[tuple[str, Distribution]]]:
    """Distributions of the same metric of the same cell, the base's first."""
    found: dict[tuple[str, str, str], list[tuple[str, Distribution]]] = {}
    for name, distributions in (("base", base), *candidates):
        for of in distributions:
            if of.edges and sum(of.counts) and len(of.quantiles) > 100:
                found.setdefault((of.benchmark, of.label, of.metric), []).append((name, of))
    return {key: sides[:MOST_SERIES] for key, sides in found.items() if len(sides) > 1}


def _spread(sides: Sequence[tuple[str, Distribution]]) -> str:
    return " ".join(
        f"{name}: median {view.figure(of.quantiles[50], of.unit)}, "
        f"90% between {view.figure(of.quantiles[5], of.unit)} and "
        f"{view.figure(of.quantiles[95], of.unit)}, "
        f"slowest in a hundred from {view.figure(of.quantiles[99], of.unit)}."
        for name, of in sides
    )


def _tail(percentile: float) -> float:
    """Its place on an axis that gives each tenth of what is left the same room."""
    return -math.log10(1 - percentile / 100)


def _name_medians(axes: Axes, sides: Sequence[tuple[str, Distribution]]) -> None:
    """Draw each side's median as a line with its name, each in a row, across no other's line."""
    first, last = sides[0][1].edges[0], sides[0][1].edges[-1]
    order = sorted(range(len(sides)), key=lambda number: sides[number][1].quantiles[50])
    highest = sides[order[-1]][1].quantiles[50]
    rightwards = (highest - first) / ((last - first) or 1) < RIGHTWARDS
    for row, number in enumerate(order if rightwards else reversed(order)):
        name, found = sides[number]
        median, height = found.quantiles[50], 0.94 - 0.1 * row
        axes.axvline(median, ymax=height, color=SERIES[number], linewidth=1,
                     linestyle=_DASHES[number])  # fmt: skip
        axes.annotate(f"{_short(name)}: {view.figure(median, found.unit)}", (median, height),
                      (4 if rightwards else -4, 0), xycoords=axes.get_xaxis_transform(),
                      textcoords="offset points", color=SERIES[number],
                      ha="left" if rightwards else "right", va="center")  # fmt: skip


def _moments(at_ns: Sequence[int]) -> list[str]:
    """Days, `26-01-31`; of one day the times."""
    moments = [view.moment(at) for at in at_ns]
    same = len({moment[:10] for moment in moments}) == 1
    return [moment[11:16] if same else moment[2:10] for moment in moments]


def _name_ends(axes: Axes, ends: Sequence[tuple[str, float]]) -> None:
    """Write each line's name at its right end, far enough from each other."""
    low, high = axes.get_ylim()
    places = sorted(((y - low) / (high - low or 1), n) for n, (_, y) in enumerate(ends))
    lowest = 0.0
    for place, number in places:
        lowest = max(lowest, min(place, 1 - 0.11 * (len(ends) - 1)))
        axes.text(1.03, lowest, _short(ends[number][0]), transform=axes.transAxes,
                  color=SERIES[number], va="center")  # fmt: skip
        lowest += 0.11


def _short(name: str) -> str:
    name = view.clean(name)
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


@contextmanager
def _figure(salt: str, right: float = 0.96) -> Iterator[tuple[Figure, Axes]]:
    """A figure with one pair of axes, under settings of our own."""
    _prepare()
    import matplotlib
    from matplotlib.figure import Figure

    with _DRAWING, matplotlib.rc_context(), warnings.catch_warnings():
        # Equal values give an axis without a width, names have characters without a glyph: the
        # first is widened, the second are the reader's fonts' matter.
        warnings.simplefilter("ignore")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS | {"svg.hashsalt": salt})
        figure = Figure(figsize=SIZE)
        axes = figure.add_axes((0.14, 0.19, right - 0.14, 0.76))
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        yield figure, axes


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(out, format="svg", transparent=True, metadata=nothing)
    return out.getvalue()


def _prepare() -> None:
    """Have matplotlib keep its list of fonts in our cache folder, not in the user's own."""
    # That its list of fonts takes a moment, or that a setting is unknown, is of no use to anybody.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    if "MPLCONFIGDIR" in os.environ:
        return
    try:
        folder = paths.make_private(paths.subfolder(paths.CACHE) / "matplotlib")
        writable = os.access(folder, os.W_OK)
    except StorageError:
        writable = False
    if not writable:
        folder = Path(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["MPLCONFIGDIR"] = str(folder)
