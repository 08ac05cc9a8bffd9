"""`slip bench run --flow`: the same runs as a Prefect flow, which its pages then show."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipstream.cli import cache_warm, output
from slipstream.storage import bench, results
from slipstream.storage.errors import SlipError
from slipstream.tasks.benchmarking import prepare, series

if TYPE_CHECKING:
    from slipstream.storage.bench import RunRecord


def measured(home: Path, before: RunRecord | None, asked: Mapping[str, Any]) -> list[RunRecord]:
    """Run the flow `run-benchmark` in this process; Ctrl-C ends it and keeps what was measured.

    Args:
        home: The data folder.
        before: A run that was cut off, or the first of a series that was, to go on with.
        asked: Parameters of the flow; what is empty is as configured.

    Returns:
        The runs as they are kept.

    Raises:
        SlipError: Nothing could be measured, or another benchmark is running.
    """
    from slipstream.flows import launch

    first = before.id if before else secrets.token_hex(series.ID // 2)
    where = {}
    if before:
        where = {"base_url": prepare.address_of(before), "model": before.model}
    cache_warm.say_server()
    try:
        reports = launch.run_benchmark({**asked, **where, "run": first})
    except SlipError:
        if (found := _found(home, first, asked["repeats"])) and found[-1].state == "stopped":
            return found  # and shown
        raise
    for report in reports:
        if report["reused"]:
            output.note(f"run {report['run']} is shown again: nothing has changed since")
    if reports:
        return _stored(home, [report["run"] for report in reports])
    return _found(home, first, asked["repeats"])


def _found(home: Path, first: str, of: int) -> list[RunRecord]:
    return _stored(home, [series.identity(first, number) for number in range(of)])


def _stored(home: Path, identities: Sequence[str]) -> list[RunRecord]:
    with results.opened(home) as connection:
        known = (bench.run(connection, identity) for identity in identities)
        return [run for run in known if run]
