"""Baselines: the runs that others of the same suite, model and machine are compared with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from slipstream.storage import bench_baselines
from slipstream.storage.bench import RunRecord
from slipstream.storage.bench_baselines import Baseline, Key
from slipstream.storage.errors import UsageError
from slipstream.storage.results import Connection
from slipstream.tasks.benchmarking.compare import noise, pairs, read
from slipstream.tasks.benchmarking.environment import fingerprint


class Steadiness(NamedTuple):
    """How much a figure varies from run to run of a baseline.

    Attributes:
        benchmark: The benchmark's name.
        load: Of the cell, such as `concurrency=8`.
        figure: Such as `ttft p50`.
        unit: Of the median.
        runs: That have it.
        median: Of theirs.
        noise: Deviation between runs as a share; None: fewer than two, or a figure is zero.
    """

    benchmark: str
    load: str
    figure: str
    unit: str
    runs: int
    median: float
    noise: float | None


def key_of(run: RunRecord) -> Key:
    """What a run is compared within: its suite, its model, its machine."""
    return Key(run.suite, run.model, fingerprint(run.environment))


def set_(connection: Connection, runs: Sequence[RunRecord]) -> Baseline:
    """Make runs the baseline of their suite, model and machine.

    Args:
        connection: To the database.
        runs: One at least.

    Raises:
        UsageError: One was not run to its end, or they have not all in common.
    """
    for run in runs:
        if run.state != "done":
            raise UsageError(
                f"Run {run.id} was not run to its end ({run.state}) and cannot be a baseline; "
                f"`slip bench run --resume {run.id}` goes on with it."
            )
    first = key_of(runs[0])
    for run in runs:
        for name, one, other in zip(Key._fields, first, key_of(run), strict=True):
            if one != other:
                raise UsageError(
                    f"Runs {runs[0].id} and {run.id} have not the same {name} ({one}, {other}); "
                    "a baseline is of one suite, model and machine."
                )
    return bench_baselines.set_(connection, first, [run.id for run in runs])


def steadiness(
    connection: Connection, baseline: Baseline, warn: Callable[[str], None]
) -> list[Steadiness]:
    """The figures of a baseline that are tested, each with its noise floor.

    Args:
        connection: To the database.
        baseline: Of which.
        warn: Is told of each run that is damaged and left out.
    """
    runs = []
    for identity in baseline.runs:
        try:
            runs.append(read.run(connection, identity))
        except read.Damaged as error:
            warn(str(error))
    found = []
    for pair in pairs.pair(runs, runs):
        middle = pairs.middle(pair.base)
        if not pair.tested or middle is None:
            continue
        share = None
        if len(pair.base) > 1 and all(figure.metric.value > 0 for figure in pair.base):
            spread = noise.spread(pair.base)
            share = math.sqrt(spread.squares / spread.freedom)
        name = " ".join(part for part in pair.metric[:2] if part != "value")
        found.append(
            Steadiness(
                pair.benchmark, pair.label, name, pair.metric.unit, len(pair.base), middle, share
            )
        )
    return found
