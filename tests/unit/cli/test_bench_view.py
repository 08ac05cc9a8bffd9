"""How figures of benchmarks are shown, and what is said beside them."""

from __future__ import annotations

import pytest

from slipstream.cli import bench_view
from slipstream.cli.bench_view import Told, cautions, faults, number
from slipstream.storage.bench import CellRecord, MetricRow

CELL = CellRecord(1, 0, "b", "latency", "concurrency=2", {})
GOOD = Told({"server"}, 0, 0)


def row(name: str, statistic: str, value: float, size: int = 10) -> MetricRow:
    return MetricRow(name, statistic, "ms", "lower", value, None, None, size)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.1234, "0.12"), (12.345, "12.3"), (1234.56, "1235"), (0.0, "0.00")]
)
def test_figures_have_as_many_digits_as_mean_something(value: float, shown: str) -> None:
    assert number(row("ttft", "p50", value)) == shown
    assert number(None) is None


def test_there_is_nothing_to_say_of_sound_figures() -> None:
    rows = [row("ttft", "mean", 50), row("ttft", "sd", 5), row("ttft", "outliers", 1),
            row("ttft", "p50", 50), row("loop_lag", "p99", 1)]  # fmt: skip
    assert cautions(CELL, rows, GOOD) == []


@pytest.mark.parametrize(
    ("rows", "told", "words"),
    [
        ([row("e2e", "mean", 50), row("e2e", "sd", 30)], GOOD, "e2e varies much (deviation 60%"),
        ([row("ttft", "outliers", 3, 20)], GOOD, "3 of 20 requests are outliers in ttft"),
        ([row("ttft", "p50", 50), row("loop_lag", "p99", 9)], GOOD, "late itself (p99 9.0 ms)"),
        ([], Told({"estimate"}, 0, 0), "tokens were estimated"),
        ([], Told({"tokenizer"}, 0, 0), "counted by a tokenizer"),
        ([], Told({"server"}, 2, 8), "count other tokens in 2 of 10 answers"),
    ],
)
def test_each_caution_is_one_sentence_with_its_place(
    rows: list[MetricRow], told: Told, words: str
) -> None:
    (said,) = cautions(CELL, rows, told)
    assert said.startswith("b, concurrency=2: ")
    assert words in said
    assert said.endswith(".")


def test_why_figures_are_withheld_comes_first() -> None:
    cell = CELL._replace(withheld="figures are withheld: too much")
    assert cautions(cell, [], GOOD) == ["b, concurrency=2: figures are withheld: too much"]


def test_faults_are_told_the_most_frequent_first() -> None:
    assert [line[:12] for line in faults({"html": 1, "empty": 30})] == [
        "30 × empty: ",
        "1 × html: A ",
    ]


def test_elsewhere_than_in_a_terminal_there_are_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_view, "LINES", 0.0)
    live = bench_view.Live()
    live.note("begun")
    live.ended(CELL._replace(withheld="x", reason="Why."), [])
    live.ended(CELL, [tuple(row("ttft", "p50", 50.0))])
    said = capsys.readouterr().err
    assert "slip: begun\n" in said
    assert "withheld (Why.)" in said
    assert "ttft 50.0 ms, itl - ms" in said
