"""Runs a flow in this process, for a command: parameters as data, its result as data.

Prefect reads its settings when it is first imported, so that nothing of it is imported before they
are set.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from slipstream.flows import environment, server
from slipstream.storage.errors import SlipError
from slipstream.storage.paths import home

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State
    from pydantic import BaseModel


def has_server() -> bool:
    """Whether a server is set or up; else a run starts a temporary one, which takes a while."""
    if os.environ.get("PREFECT_API_URL"):
        return True
    up = server.running(home())
    return up is not None and up.healthy


class Ended(NamedTuple):
    """A flow run that has ended in this process.

    Attributes:
        id: Of the flow run.
        name: Of the flow run.
        state: As Prefect names it.
        message: What it says.
        status: What a command exits with.
    """

    id: str
    name: str
    state: str
    message: str
    status: int


def reach(folder: Path) -> str:
    """Prepare Prefect for the server that is set, or else that of `slip up`.

    Call it before the first import of Prefect.

    Returns:
        Its address; empty: none is up, and what asks one starts a temporary one.

    Raises:
        SlipError: That of `slip up` does not answer.
    """
    environment.settle(folder)
    address = os.environ.get("PREFECT_API_URL", "")
    if not address and server.running(folder):
        raise SlipError(
            "The server of `slip up` does not answer; `slip status` shows how it is, and "
            "`slip down` ends it."
        )
    return address


def begin() -> float:
    """Start the temporary server where one is needed; the seconds that took."""
    started = time.monotonic()
    _serve_past_interrupts()
    return time.monotonic() - started


def run(name: str, parameters: BaseModel) -> Ended:
    """Run any flow of `catalog.FLOWS` in this process.

    Args:
        name: Of the flow.
        parameters: Of its own model.

    Raises:
        NotFoundError: There is no such flow.
    """
    from slipstream.flows import catalog, runs

    flow: Any = catalog.imported(name)
    state: State[Any] = asyncio.run(flow(parameters, return_state=True))
    identity = str(state.state_details.flow_run_id or "")
    return Ended(identity, name, state.name or "", runs.message(state), runs.status(state) or 0)


def run_warm(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Run the flow `warm-cache`.

    Args:
        parameters: Of `WarmParameters`; what is left out has its default.

    Returns:
        What is in the index; see `batches.publish`. How many `batches` there were, and how many
        chunks were `embedded`.

    Raises:
        SlipError: As the flow says.
        ValueError: A parameter is wrong.
    """
    environment.settle(home())
    _serve_past_interrupts()
    from slipstream.flows.warm_cache import WarmParameters, warm_cache

    return asyncio.run(warm_cache(WarmParameters.model_validate(parameters)))


def run_invalidate(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Run the flow `invalidate-cache`.

    Args:
        parameters: Of `InvalidateParameters`; what is left out has its default.

    Returns:
        How many `entries` were removed and their `bytes`; `warmed`: as from `run_warm`, if asked.

    Raises:
        SlipError: As the flow says.
        ValueError: A parameter is wrong.
    """
    environment.settle(home())
    _serve_past_interrupts()
    from slipstream.flows.invalidate_cache import InvalidateParameters, invalidate_cache

    return asyncio.run(invalidate_cache(InvalidateParameters.model_validate(parameters)))


def run_benchmark(parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Run the flow `run-benchmark`.

    Args:
        parameters: Of `BenchmarkParameters`; what is left out has its default.

    Returns:
        A report of each run; none where it was cancelled: what was measured is stored.

    Raises:
        SlipError: As the flow says.
        ValueError: A parameter is wrong.
    """
    environment.settle(home())
    _serve_past_interrupts()
    from prefect.exceptions import CancelledRun

    from slipstream.flows import run_benchmark as flows

    try:
        found = asyncio.run(
            flows.run_benchmark(flows.BenchmarkParameters.model_validate(parameters))
        )
    except CancelledRun:
        return []
    return list(found)


def _serve_past_interrupts() -> None:
    """Start the temporary server, if one is needed, so that Ctrl-C does not end it.

    A terminal sends Ctrl-C to all processes of a command, and a flow that keeps what it has when it
    is interrupted needs the server for that. A process inherits which signals are blocked.
    """
    if sys.platform == "win32" or has_server():
        return
    from prefect import get_client

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with environment.own_folder(home()), get_client(sync_client=True):
            pass
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
