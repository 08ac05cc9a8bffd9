"""Baselines: the runs that others of the same suite, model and machine are compared with."""

from __future__ import annotations

from collections.abc import Sequence

from slipstream.storage import bench_baselines
from slipstream.storage.bench import RunRecord
from slipstream.storage.bench_baselines import Baseline, Key
from slipstream.storage.errors import UsageError
from slipstream.storage.results import Connection
from slipstream.tasks.benchmarking.environment import fingerprint


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
