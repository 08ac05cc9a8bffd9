"""Comparisons as they come out of real runs, for tests of what shows them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from slipstream.tasks.benchmarking.compare.model import (
    Change,
    ChangePoint,
    Compared,
    Comparison,
    Distribution,
    Outcome,
    Point,
    Policy,
    Severity,
    Side,
    Trend,
)
from slipstream.tasks.benchmarking.model import Direction

DAY_NS = 86_400 * 10**9
START_NS = 1_800_000_000 * 10**9
LATENCIES = {"ttft": 50.0, "itl": 10.0, "e2e": 690.0}  # ms
STATISTICS = ("mean", "p50", "p90", "p95", "p99", "min", "max", "sd")
BINS = 30


def side(name: str = "baseline", runs: int = 5, model: str = "org/model-7b") -> Side:
    ids = tuple(f"{name[:1].encode().hex()}{number:010x}" for number in range(runs))
    return Side(name, ids, "full", model, "http://127.0.0.1:8000/v1", "a1b2c3d4e5f6", START_NS)


def change(
    metric: str = "ttft",
    statistic: str = "p50",
    base: float | None = 50.0,
    candidate: float | None = 57.5,
    outcome: Outcome = Outcome.REGRESSION,
    severity: Severity = Severity.MODERATE,
    **others: object,
) -> Change:
    """A change whose differences fit its figures."""
    base, candidate = (None if v is None else float(v) for v in (base, candidate))
    both = base is not None and candidate is not None
    difference = candidate - base if both else None  # type: ignore[operator]
    relative = difference / base if difference is not None and base else None
    tested = relative is not None and outcome is not Outcome.NOT_COMPARED
    found = Change(
        "chat", "concurrency=8", metric, statistic, "ms", "lower", base, candidate, difference,
        relative,
        relative - 0.021 if relative is not None and tested else None,
        relative + 0.021 if relative is not None and tested else None,
        0.00001 if tested else None, 0.0004 if tested else None,
        "Welch's t of 5 and 5 medians" if tested else "", 0.04 if tested else None,
        0.012 if tested else None, outcome, severity, "", (5, 5), True,
    )  # fmt: skip
    return found._replace(**others)  # type: ignore[arg-type]


def comparison(
    *changes: Change, differences: tuple[str, ...] = (), warnings: tuple[str, ...] = ()
) -> Comparison:
    """Of one candidate; without changes: one of each outcome."""
    compared = Compared(side("latest"), differences, changes or tuple(of_each_outcome()), ())
    return Comparison(
        "0123456789ab", START_NS + DAY_NS, side(), (), (compared,), Policy(), warnings,
        "Do not release: ttft got worse.",
    )  # fmt: skip


def of_each_outcome() -> Iterator[Change]:
    yield change()
    yield change("accuracy", "value", 0.9, 0.7, severity=Severity.MAJOR)._replace(
        unit="share", direction="higher", relative=-0.2, low=-0.3, high=-0.14
    )
    yield change("e2e", outcome=Outcome.SUSPECTED_REGRESSION, severity=Severity.MINOR, base=690.0,
                 candidate=745.0)  # fmt: skip
    yield change("requests", "value", 10, 12, Outcome.IMPROVEMENT)._replace(
        unit="requests/s", direction="higher"
    )
    yield change("tpot", "p50", 10, 9.2, Outcome.SUSPECTED_IMPROVEMENT, Severity.MINOR)
    yield change("ttft", "p99", 90, 97, Outcome.CANNOT_TELL, Severity.NONE)._replace(
        detectable=0.24, note="Too few values for this percentile.", p_corrected=1.0
    )
    yield change("itl", "p50", 10, 10.01, Outcome.UNCHANGED, Severity.NONE)
    yield change("itl", "mean", 10, 10.01, Outcome.SHOWN, Severity.NONE, primary=False)
    yield change("goodput", "value", None, 3, Outcome.NEW, Severity.NONE)._replace(
        unit="requests/s", direction="higher"
    )
    yield change("encoding", "p50", 100, None, Outcome.GONE, Severity.NONE)._replace(
        unit="tokens/s", direction="higher"
    )
    yield change("batch", "p50", math.nan, 3, Outcome.NOT_COMPARED, Severity.NONE)._replace(
        note="The base's figure is not finite.", difference=math.nan, relative=math.inf
    )


def distribution(
    benchmark: str, label: str, metric: str, middle: float, generator: random.Random
) -> Distribution:
    """Log-normal, as latencies are."""
    values = sorted(middle * generator.lognormvariate(0, 0.12) for _ in range(400))
    low, high = middle * 0.6, middle * 1.8
    edges = tuple(low + (high - low) * number / BINS for number in range(BINS + 1))
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, max(0, int((value - low) / (high - low) * BINS)))] += 1
    quantiles = tuple(values[round(q / 100 * (len(values) - 1))] for q in range(101))
    return Distribution(benchmark, label, metric, "ms", quantiles, edges, tuple(counts))


def full(cells: int = 48, seed: int = 1) -> Comparison:
    """A whole suite: cells at eight concurrencies each, every latency of every one drawn."""
    generator = random.Random(seed)
    changes: list[Change] = []
    both: tuple[list[Distribution], list[Distribution]] = ([], [])
    for number in range(cells):
        benchmark, label = f"benchmark-{number // 8}", f"concurrency={2 ** (number % 8)}"
        slow = 1.15 if number % 8 == 3 else 1.0
        for metric, middle in LATENCIES.items():
            at = middle * (1 + number % 8 / 4)
            factor = slow if metric == "ttft" else 1.0
            for place, times in zip(both, (1.0, factor), strict=True):
                place.append(distribution(benchmark, label, metric, at * times, generator))
            changes += _statistics(benchmark, label, metric, at, factor, generator)
        for metric, unit, rate in (
            ("output_tokens", "tokens/s", 90.0), ("requests", "requests/s", 1.4),
        ):  # fmt: skip
            value = rate * 2 ** (number % 8) / (1 + number % 8 / 4)
            changes.append(
                change(metric, "value", value, value * generator.gauss(1, 0.004),
                       Outcome.UNCHANGED, Severity.NONE, benchmark=benchmark, label=label,
                       unit=unit, direction="higher")
            )  # fmt: skip
    compared = Compared(
        side("latest"),
        ("Server version: 0.31.0 on the base, 0.32.1 on the candidate.",),
        tuple(sorted(changes, key=lambda c: not c.primary)),
        tuple(both[1]),
    )
    return comparison()._replace(base_distributions=tuple(both[0]), candidates=(compared,))


def _statistics(
    benchmark: str, label: str, metric: str, at: float, factor: float, generator: random.Random
) -> Iterator[Change]:
    for statistic in STATISTICS:
        spread = 1.0 if statistic in ("mean", "p50") else 1.3
        new = at * spread * factor * generator.gauss(1, 0.004)
        worse = factor > 1
        primary = statistic in ("p50", "p95")
        yield change(
            metric, statistic, at * spread, new,
            (Outcome.SHOWN if not primary else Outcome.REGRESSION if worse
             else Outcome.UNCHANGED if statistic == "p50" else Outcome.CANNOT_TELL),
            Severity.MODERATE if worse and primary else Severity.NONE,
            benchmark=benchmark, label=label, primary=primary,
        )  # fmt: skip


def trend(runs: int = 30, step: int | None = 18, direction: Direction = "lower") -> Trend:
    """A history that steps up by 15 % at a run."""
    generator = random.Random(7)
    points = []
    for number in range(runs):
        value = 50 * generator.gauss(1, 0.01) * (1.15 if step and number >= step else 1)
        points.append(
            Point(f"{number:012x}", START_NS + number * DAY_NS, value, value * 0.98, value * 1.02,
                  f"{number:040x}", "e1" if not step or number < step else "e2")
        )  # fmt: skip
    changes = (ChangePoint(step, 50.0, 57.5, 0.15, 0.0002),) if step else ()
    return Trend(
        "chat", "concurrency=8", "ttft", "p50", "ms", direction, "full", "org/model-7b",
        tuple(points), changes, None, "",
    )  # fmt: skip
