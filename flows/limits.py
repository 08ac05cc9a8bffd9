"""Limits on what runs at once, over all hosts of a Prefect server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefect import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.asyncio import concurrency
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from slipstream.flows import server
from slipstream.storage import paths

BENCHMARK = "slipstream-benchmark"
"""One at a time where the limit is 1, which it is on the server of `slip up`. A team chooses for
its own: `prefect gcl create slipstream-benchmark --limit 1`."""

LEASE_SECONDS = 60
"""How long one that was killed still has its turn: the least that Prefect takes."""


@asynccontextmanager
async def one_benchmark() -> AsyncIterator[None]:
    """Wait for a turn to measure, where the server bounds how many do.

    A temporary server has this process alone; on one machine a lock holds whatever the server says.
    What has the turn keeps it when the server is away for a moment.
    """
    address = PREFECT_API_URL.value()
    if address is None:
        yield
        return
    if server.is_ours(paths.home(), address):
        await _made()
    async with concurrency(
        BENCHMARK, occupy=1, lease_duration=LEASE_SECONDS, raise_on_lease_renewal_failure=False
    ):
        yield


async def _made() -> None:
    """Make the limit where there is none; one that somebody has set stays."""
    async with get_client() as client:
        try:
            await client.read_global_concurrency_limit_by_name(BENCHMARK)
        except ObjectNotFound:
            await client.create_global_concurrency_limit(
                GlobalConcurrencyLimitCreate(name=BENCHMARK, limit=1)
            )
