"""Runs one flow run of a deployment in this process: the end of the way that `slip up` begins."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun
from prefect.engine import handle_engine_signals
from prefect.flow_engine import run_flow
from prefect.logging.loggers import flow_run_logger

from slipstream.flows import catalog
from slipstream.flows.template import CANCEL_SIGNAL


def execute(flow: str, data: str) -> int:
    """Run a flow to its end; Prefect's engine tells the server how that was.

    Args:
        flow: Its name in the catalogue.
        data: The flow run as JSON, as the server gave it.

    Returns:
        The exit status for the process: 0 where the server knows how it ended.
    """
    signal.signal(CANCEL_SIGNAL, _cancelled)
    try:
        run(catalog.imported(flow), FlowRun.model_validate_json(data))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def run(flow: Flow[..., Any], flow_run: FlowRun) -> None:
    """Run it as Prefect's own `python -m prefect.engine` does.

    Raises:
        SystemExit: It ended otherwise than well.
    """
    with handle_engine_signals(flow_run.id):
        logger = flow_run_logger(flow_run)
        asyncio.run(run_flow(flow, flow_run=flow_run, error_logger=logger))  # type: ignore[arg-type]


def _cancelled(*_: object) -> None:
    """Say that the SIGTERM which follows is a cancellation; else it shows as a crash before."""
    with contextlib.suppress(ImportError, AttributeError):
        from prefect._internal import control_listener

        control_listener._set_intent("cancel")


if __name__ == "__main__":
    sys.exit(execute(sys.argv[1], sys.stdin.read()))
