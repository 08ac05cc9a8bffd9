"""`slip bench run --flow`: the same run as a Prefect flow, which its pages then show."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipstream.cli import cache_warm
from slipstream.storage import bench, results
from slipstream.storage.errors import SlipError
from slipstream.tasks.benchmarking import prepare
from slipstream.tasks.benchmarking.run import ID_BYTES

if TYPE_CHECKING:
    from slipstream.storage.bench import RunRecord


def measured(home: Path, before: RunRecord | None, asked: Mapping[str, Any]) -> RunRecord:
    """Run the flow `run-benchmark` in this process; Ctrl-C ends it and keeps what was measured.

    Args:
        home: The data folder.
        before: A run that was cut off, to go on with.
        asked: Parameters of the flow; what is empty is as configured.

    Returns:
        The run as it is kept.

    Raises:
        SlipError: Nothing could be measured, or another benchmark is running.
    """
    from slipstream.flows import launch

    identity = before.id if before else secrets.token_hex(ID_BYTES)
    where = {}
    if before:
        where = {"base_url": prepare.address_of(before), "model": before.model}
    cache_warm.say_server()
    try:
        launch.run_benchmark({**asked, **where, "run": identity})
    except SlipError:
        if (found := _found(home, identity)) and found.state == "stopped":
            return found  # and shown
        raise
    found = _found(home, identity)
    assert found is not None
    return found


def _found(home: Path, identity: str) -> RunRecord | None:
    with results.opened(home) as connection:
        return bench.run(connection, identity)
