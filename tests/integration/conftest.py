"""What the tests of flows share, and those of the simulated server."""

from __future__ import annotations

import os
from collections.abc import Iterator

import openai
import pytest

from slipstream.flows import environment
from slipstream.tasks.benchmarking.simulate import Settings, Simulated, start
from tests.integration.simulated import FAST


@pytest.fixture(scope="module")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the tests' own, with the settings of Slipstream."""
    before = dict(os.environ)
    environment.prepare(tmp_path_factory.mktemp("home"))
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    try:
        with prefect_test_harness(server_startup_timeout=environment.START_SECONDS):
            yield str(PREFECT_API_URL.value())
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def server() -> Iterator[Simulated]:
    """One simulated server; requests set for themselves what they need."""
    with start(Settings(**FAST)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Simulated) -> Iterator[openai.OpenAI]:
    """A client of it."""
    with openai.OpenAI(base_url=server.base_url, api_key="any", max_retries=0, timeout=20) as made:
        yield made
