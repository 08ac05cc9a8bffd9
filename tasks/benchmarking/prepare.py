"""What a run needs before it begins, for the command and for the flow alike."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from slipstream.storage.config.endpoints import resolve
from slipstream.tasks.benchmarking import calibrate, target
from slipstream.tasks.benchmarking.model import Waits
from slipstream.tasks.benchmarking.run import Limit, Options
from slipstream.tasks.benchmarking.simulate.profiles import PROFILES
from slipstream.tasks.benchmarking.simulate.settings import Settings
from slipstream.tasks.benchmarking.target import ServerError, Target

if TYPE_CHECKING:
    from slipstream.storage.bench import RunRecord
    from slipstream.storage.config.settings import Config
    from slipstream.tasks.benchmarking.clients import Clients
    from slipstream.tasks.benchmarking.simulate.process import Simulated
    from slipstream.tasks.benchmarking.suite import Cell


def options_for(config: Config, url: str, model: str, timeout: float, tokenizer: str) -> Options:
    """How a server is measured: with the key that the configuration names, as the mode allows.

    Args:
        config: The configuration.
        url: The server's base URL.
        model: The one to measure; empty: the only one that the server lists.
        timeout: Seconds between two bytes at the most.
        tokenizer: A tokenizer.json file; empty: none.

    Raises:
        UsageError: The URL is none, or the mode does not allow where it leads.
        EndpointUnavailable: Its host has no address.
    """
    endpoint = resolve(url, config.mode)
    key = os.environ.get(config.bench.api_key_variable, "").strip()
    return Options(
        target=Target(url.rstrip("/"), endpoint, key),
        model=model,
        waits=Waits(read=timeout),
        tokenizer=tokenizer,
    )


def address_of(run: RunRecord) -> str:
    """Where a run goes on; empty: at a new simulated server, as its own ended with it."""
    about = run.environment.get("server", {}).get("model", {})
    if about.get("owned_by") == PROFILES[Settings().profile].owner:
        try:
            target.ask(Target(run.base_url, resolve(run.base_url, "air-gapped")), "/models")
        except ServerError:
            return ""
    return run.base_url


def limit_of(home: Path, stack: ExitStack, note: Callable[[str], None]) -> Limit:
    """What holds a run's figures back: proofs known from before, or made when they are needed.

    Args:
        home: The data folder.
        stack: Ends the server that proofs are made against.
        note: Is told when one is made.
    """
    machine = calibrate.identity()
    known = calibrate.read(home, machine)
    server: Simulated | None = None

    async def limit(cell: Cell, clients: Clients) -> str:
        nonlocal known, server
        point = known.covering(cell.slots, cell.rate, len(clients))
        if point is None:
            what = f"{cell.slots} streams" if cell.slots else f"{cell.rate:g} requests/s"
            note(f"calibrating this machine's client for {what}")
            server = server or stack.enter_context(await asyncio.to_thread(calibrate.start))
            point = await calibrate.prove(clients, server, cell.slots, cell.rate)
            known = known.adding(point)
            calibrate.write(home, machine, known)
        return "" if point.proven else calibrate.reason(point)

    return limit
