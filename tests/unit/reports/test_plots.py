"""Plots: the same everywhere, from numbers of any kind, without a trace beside our folder."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from slipstream.tasks.benchmarking.compare.model import Distribution
from slipstream.tasks.benchmarking.reports import loads, plots
from slipstream.tasks.benchmarking.reports.svg import Sheet, fit
from tests import comparisons
from tests.comparisons import change

TWO = [
    (name, comparisons.distribution("chat", "concurrency=8", "ttft", at, random.Random(1)))
    for name, at in (("base", 50.0), ("latest", 60.0))
]
DRAW = """\
import sys
from slipstream.tasks.benchmarking.reports import plots
from tests import comparisons
sys.stdout.write(plots.history(comparisons.trend()).svg)
assert "matplotlib.pyplot" not in sys.modules
"""


def drawn(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A plot from a process of its own, in a folder."""
    root = Path(__file__).resolve().parents[3]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("COV", "MPL"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(root), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", DRAW], cwd=folder, env=environment | variables, check=True,
        capture_output=True, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip


def test_nothing_is_written_beside_our_folder_and_nothing_read_of_the_users(tmp_path: Path) -> None:
    """The list of fonts is in our cache; settings of matplotlib that lie about have no effect."""
    user = tmp_path / "user"
    user.mkdir()
    (tmp_path / "matplotlibrc").write_text("figure.facecolor: red\nfont.size: 40\n")
    done = drawn(
        tmp_path, HOME=str(user), XDG_CONFIG_HOME=str(user), XDG_CACHE_HOME=str(user),
        SLIPSTREAM_HOME=str(tmp_path / "ours"),
    )  # fmt: skip
    assert done.stderr == ""
    assert list(user.iterdir()) == []
    assert (tmp_path / "ours" / "cache" / "matplotlib").is_dir()
    assert done.stdout == plots.history(comparisons.trend()).svg


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    """What stands in its place is a file."""
    (tmp_path / "ours").write_text("")
    done = drawn(tmp_path, HOME=str(tmp_path), SLIPSTREAM_HOME=str(tmp_path / "ours"))
    assert done.stderr == ""
    assert done.stdout.startswith("<?xml")


def test_a_distribution_says_in_words_and_numbers_what_it_shows() -> None:
    plot = plots.distribution(TWO)
    assert plot.title == "Distribution of ttft"
    assert "base: median 50." in plot.description
    assert sum(int(row[1]) for row in plot.rows) == sum(TWO[0][1].counts)
    assert plot.headers == ("ms", "base", "latest")
    slow = TWO[0][1]._replace(counts=(*TWO[0][1].counts[:-1], 3))
    assert plots.distribution([("base", slow)]).rows[-1] == ("88.0 and more", "3")
    assert "base: 50." in plot.svg  # as text, not as shapes


def test_percentiles_have_their_table() -> None:
    plot = plots.percentiles(TWO)
    assert [row[0] for row in plot.rows] == ["0", "5", "10", "25", "50", "75", "90", "95", "99",
                                             "100"]  # fmt: skip
    assert "slowest in a hundred from" in plot.description


def test_equal_values_can_be_drawn() -> None:
    """No width, no height, no difference."""
    one = Distribution("b", "l", "m", "ms", (5.0,) * 101, (5.0, 5.0), (9,))
    for plot in (plots.distribution([("base", one)] * 2), plots.percentiles([("base", one)] * 2)):
        assert "<svg" in plot.svg
    flat = comparisons.trend(4, None)
    flat = flat._replace(points=tuple(p._replace(value=0.0, low=None) for p in flat.points))
    assert "<svg" in plots.history(flat).svg


def test_loads_are_read_from_labels() -> None:
    """With and without a prompt's length; one load alone is no sweep."""

    def at(label: str, metric: str, statistic: str, value: float) -> object:
        return change(metric, statistic, value, value * 2, label=label)

    made = comparisons.comparison(*(
        at(label, metric, statistic, 10.0 + number)
        for number, label in enumerate(
            ("concurrency=1", "concurrency=16", "concurrency=4", "prompt=128 rate=0.5/s",
             "prompt=128 rate=2/s", "prompt=512 rate=1/s", "cold")
        )
        for metric, statistic in (("requests", "value"), ("e2e", "p50"))
    ))  # type: ignore[arg-type]  # fmt: skip
    found = list(loads.sweeps(made))
    assert [(sweep.benchmark, sweep.axis) for sweep in found] == [
        ("chat", "concurrency"),
        ("chat prompt=128", "rate"),
    ]
    assert [load.load for load in found[0].sides[0][1]] == [1.0, 4.0, 16.0]
    assert found[0].sides[1][1][1] == loads.Load(4.0, 24.0, 24.0)
    plot = plots.throughput(found[0])
    assert plot.description.startswith("From concurrency 1 to 16: base delivers 12.0")
    assert len(plot.rows) == 6


def test_a_metric_that_only_one_side_has_is_not_drawn() -> None:
    base, other = TWO[0][1], TWO[1][1]
    found = plots.by_metric([base], [("n", [other, other._replace(metric="e2e")])])
    assert list(found) == [("chat", "concurrency=8", "ttft")]
    assert plots.by_metric([base._replace(counts=())], [("n", [other])]) == {}


def test_what_is_put_into_a_page_has_its_colours_and_no_styles() -> None:
    """Titles are escaped; a plot shrinks to less than half."""
    sheet = Sheet(plots.COLOURS)
    plot = plots.percentiles(TWO)
    text = fit(plot.svg, "p1", "<b>", "&", sheet)
    assert "style=" not in text
    assert "#fe00" not in text + sheet.css()
    assert "var(--s1)" in sheet.css()
    assert '<title id="p1-t">&lt;b&gt;</title>' in text
    assert len(text) < len(plot.svg) / 2


@pytest.mark.parametrize("style", ["", "font-family: x; stroke-linecap: butt"])
def test_a_style_of_which_nothing_is_wanted_gives_no_class(style: str) -> None:
    sheet = Sheet({})
    assert sheet.name(style) == ""
    assert sheet.css() == ""
