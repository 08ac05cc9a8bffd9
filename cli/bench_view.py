"""How runs are shown: one line for each cell, what went wrong, what to be careful about."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from slipstream.cli import output
from slipstream.cli.output import Cell as Value
from slipstream.storage.bench import CellRecord, MetricRow, RunRecord
from slipstream.tasks.benchmarking.faults import MEANINGS, Fault

HEADERS = (
    "benchmark", "load", "n", "errors", "ttft p50", "ttft p95", "itl p50", "itl p95", "e2e p50",
    "e2e p95", "req/s", "tokens/s", "goodput", "client p95",
)  # fmt: skip
RIGHT = HEADERS[2:]
WITHHELD = "withheld"
FAMILIES = {"ready": "ms", "first_token": "ms", "encoding": "tokens/s", "batch": "ms"}
STATISTICS = ("mean", "p50", "p95", "min", "max")
LIVE, LINES = 0.2, 5.0  # seconds between two updates, in a terminal and elsewhere
FEWEST = 20  # requests from which on outliers are told: of fewer, chance makes some
HIGH_VARIATION = 0.3  # deviation as a share of the mean
LATE = 0.05  # of the time to first token: what the client's own delay may be
FIELDS = (
    ("ttft", "p50"), ("ttft", "p95"), ("itl", "p50"), ("itl", "p95"), ("e2e", "p50"),
    ("e2e", "p95"),
)  # fmt: skip


class Told(NamedTuple):
    """What the samples of a cell say of its figures.

    Attributes:
        sources: Who counted the tokens out.
        disagreeing: Requests in which a tokenizer and the server count differently.
        agreeing: Those in which they do not.
    """

    sources: set[str]
    disagreeing: int
    agreeing: int


def table(rows: Sequence[tuple[CellRecord, Sequence[MetricRow]]]) -> None:
    """Print the figures of cells; times are in ms, `client p95` is the client's own delay."""
    output.print_table(HEADERS, [_row(cell, metrics) for cell, metrics in rows], RIGHT)


def families(rows: Sequence[tuple[CellRecord, Sequence[MetricRow]]]) -> None:
    """Print what single families measure besides, where there is any of it."""
    found = [(cell, by_name(metrics)) for cell, metrics in rows]
    shown = [
        (cell.benchmark, cell.label, name, unit, *(number(of.get((name, s))) for s in STATISTICS))
        for cell, of in found
        for name, unit in FAMILIES.items()
        if (name, "p50") in of and not (cell.withheld and name != "ready")
    ]
    if shown:
        headers = ("benchmark", "load", "figure", "unit", *STATISTICS)
        output.print_table(headers, shown, " ".join(STATISTICS))


def _row(cell: CellRecord, metrics: Sequence[MetricRow]) -> list[Value]:
    found = by_name(metrics)
    errors = found.get(("error_rate", "value"))
    start: list[Value] = [
        cell.benchmark,
        cell.label,
        errors.size if errors else 0,
        f"{errors.value:.1%}" if errors and errors.value else None,
    ]
    if cell.withheld:
        return [*start, WITHHELD, *[None] * (len(HEADERS) - len(start) - 1)]
    shown: list[Value] = [number(found.get(key)) for key in FIELDS]
    rates = ("requests", "output_tokens", "goodput")
    shown += [number(found.get((name, "value"))) for name in rates]
    return [*start, *shown, number(found.get(("dispatch_lag", "p95")))]


def by_name(metrics: Sequence[MetricRow]) -> dict[tuple[str, str], MetricRow]:
    """Figures by their name and statistic."""
    return {(row.name, row.statistic): row for row in metrics}


def number(row: MetricRow | None) -> str | None:
    """A figure with as many digits as mean something."""
    if row is None:
        return None
    size = abs(row.value)
    return f"{row.value:.0f}" if size >= 1000 else f"{row.value:.1f}" if size >= 10 else (
        f"{row.value:.2f}"
    )  # fmt: skip


def faults(found: Mapping[str, int]) -> list[str]:
    """What went wrong, the most frequent first, each kind with its sentence."""
    return [
        f"{times} × {name}: {MEANINGS[Fault(name)].sentence}"
        for name, times in Counter(found).most_common()
    ]


def cautions(cell: CellRecord, metrics: Sequence[MetricRow], told: Told) -> list[str]:
    """What to be careful about in the figures of a cell, one sentence each."""
    found = by_name(metrics)
    place = f"{cell.benchmark}, {cell.label}"
    said = []
    if cell.state in ("failed", "skipped"):
        said.append(f"{place}: {cell.state}: {cell.reason}")
    if cell.withheld:
        said.append(f"{place}: {cell.withheld}")
    for name in ("ttft", "e2e"):
        mean, deviation = found.get((name, "mean")), found.get((name, "sd"))
        if mean and deviation and mean.value and deviation.value / mean.value > HIGH_VARIATION:
            share = deviation.value / mean.value
            said.append(
                f"{place}: {name} varies much (deviation {share:.0%} of the mean); "
                "measure more, or see what else the machine does."
            )
        far = found.get((name, "outliers"))
        if far and far.value and far.size >= FEWEST:
            said.append(
                f"{place}: {far.value:.0f} of {far.size} requests are outliers in {name}; they "
                "are in the figures, --without-outliers shows them without."
            )
    lag, ttft = found.get(("loop_lag", "p99")), found.get(("ttft", "p50"))
    if lag and ttft and lag.value > LATE * ttft.value:
        said.append(
            f"{place}: the client was late itself (p99 {lag.value:.1f} ms); close what else the "
            "machine is doing, and measure again."
        )
    if "estimate" in told.sources:
        said.append(f"{place}: the tokens were estimated: the server does not count them.")
    elif "tokenizer" in told.sources:
        said.append(f"{place}: the tokens were counted by a tokenizer, not by the server.")
    if told.disagreeing:
        said.append(
            f"{place}: the tokenizer and the server count other tokens in {told.disagreeing} "
            f"of {told.disagreeing + told.agreeing} answers; the server's count is used."
        )
    return said


def when(run: RunRecord) -> str:
    """When a run began."""
    return output.time_text(run.started_ns)


class Live:
    """What a run says while it goes on: a line that changes in a terminal, lines elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._every = LIVE if self._live else LINES
        self._shown = 0
        self._next = 0.0
        self._started = 0.0
        self._what = ""
        self._first = 0

    def note(self, text: str) -> None:
        """Say what is done."""
        self.clear()
        output.note(text)

    def begun(self, cell: Any, of: int) -> None:
        """A cell begins."""
        self._what = f"[{cell.position + 1}/{of}] {cell.benchmark.name} {cell.label}"
        self._started = time.monotonic()
        self._next = self._started + self._every
        self._first = -1

    def progress(self, how: Any) -> None:
        """A request ended: done, left, rate, the newest times, when it will be over."""
        now = time.monotonic()
        if self._first < 0:
            self._first = how.done - 1
        if now < self._next or output.options.quiet:
            return
        self._next = now + self._every
        seconds = now - self._started
        rate = (how.done - self._first) / seconds if seconds else 0.0
        left = (how.planned - how.done) / rate if rate else 0.0
        parts = [f"{how.done} of {how.planned}", f"{rate:.1f}/s"]
        if how.last.chunk_ns:
            parts.append(f"ttft {how.last.chunk_ns[0] / 1e6:.0f} ms")
        if how.failed:
            parts.append(f"{how.failed} failed")
        self._say(f"{self._what}: {', '.join(parts)}, {left:.0f} s left")

    def ended(self, cell: CellRecord, metrics: Sequence[Any]) -> None:
        """A cell ended."""
        self.clear()
        found = by_name([MetricRow(*metric) for metric in metrics])
        if cell.withheld:
            figures = "withheld"
        else:
            ttft, itl = number(found.get(("ttft", "p50"))), number(found.get(("itl", "p50")))
            rate = number(found.get(("output_tokens", "value")))
            figures = f"ttft {ttft or '-'} ms, itl {itl or '-'} ms, {rate or '-'} tokens/s"
        if right := found.get(("accuracy", "value")):
            figures = f"accuracy {right.value:.1%}, {figures}"
        reason = f" ({cell.reason})" if cell.reason else ""
        output.note(f"{self._what}: {figures}{reason}")

    def clear(self) -> None:
        """Take the changing line away."""
        if self._shown:
            print(f"\r{' ' * self._shown}\r", end="", file=sys.stderr, flush=True)
            self._shown = 0

    def _say(self, text: str) -> None:
        if not self._live:
            output.note(text)
            return
        line = output.printable(f"slip: {text}")
        print(f"\r{line.ljust(self._shown)}", end="", file=sys.stderr, flush=True)
        self._shown = len(line)
