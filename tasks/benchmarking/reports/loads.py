"""What a server delivers against how long it takes: the sweeps that are in a comparison."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from slipstream.tasks.benchmarking.compare.model import Comparison

Metric: TypeAlias = tuple[str, str]
"""Its name and statistic."""

# The first that all sides have is taken.
_RATES: tuple[Metric, ...] = (("output_tokens", "value"), ("requests", "value"))
_LATENCIES: tuple[Metric, ...] = (("ttft", "p95"), ("ttft", "p50"), ("e2e", "p95"), ("e2e", "p50"))
_LABEL = re.compile(r"(?:(.*) )?(concurrency|rate)=(\d+(?:\.\d+)?)(?:/s)?")


class Load(NamedTuple):
    """A side under one load.

    Attributes:
        load: Such as 8 for `concurrency=8`.
        rate: What it delivered.
        latency: How long that took.
    """

    load: float
    rate: float
    latency: float


class Sweep(NamedTuple):
    """A benchmark under several loads.

    Attributes:
        benchmark: Its name, with the prompt where there are several.
        axis: What the load is: `concurrency` or `rate`.
        rate: Name and unit of what is delivered.
        latency: Name and unit of how long it takes.
        sides: The loads of each side by its name, smallest first; the base's come first.
    """

    benchmark: str
    axis: str
    rate: tuple[str, str]
    latency: tuple[str, str]
    sides: tuple[tuple[str, tuple[Load, ...]], ...]


def sweeps(comparison: Comparison) -> Iterator[Sweep]:
    """The benchmarks that all sides ran under two loads or more."""
    units: dict[Metric, str] = {}
    found: dict[tuple[str, str], dict[Metric, dict[tuple[int, float], float]]] = {}
    for number, compared in enumerate(comparison.candidates, 1):
        for change in compared.changes:
            if not (label := _LABEL.fullmatch(change.label)):
                continue
            metric = change.metric, change.statistic
            units[metric] = change.unit
            name = " ".join(filter(None, (change.benchmark, label[1])))
            values = found.setdefault((name, label[2]), {}).setdefault(metric, {})
            for side, value in ((0, change.base), (number, change.candidate)):
                if value is not None and math.isfinite(value):
                    values[side, float(label[3])] = value
    names = ["base", *(compared.side.name for compared in comparison.candidates)]
    for (benchmark, axis), figures in found.items():
        rate = next((metric for metric in _RATES if metric in figures), None)
        latency = next((metric for metric in _LATENCIES if metric in figures), None)
        if not rate or not latency:
            continue
        sides = []
        for number, name in enumerate(names):
            both = {load for side, load in figures[rate].keys() & figures[latency].keys()
                    if side == number}  # fmt: skip
            loads = tuple(
                Load(load, figures[rate][number, load], figures[latency][number, load])
                for load in sorted(both)
            )
            sides.append((name, loads))
        if all(len(loads) > 1 for _, loads in sides):
            delay = f"{latency[0]} {latency[1]}"
            yield Sweep(benchmark, axis, (rate[0], units[rate]), (delay, units[latency]),
                        tuple(sides))  # fmt: skip
