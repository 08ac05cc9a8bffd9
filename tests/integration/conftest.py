"""What the tests of flows share, and those of the simulated server."""

from __future__ import annotations

import os
from collections.abc import Iterator

import openai
import pytest

from slipstream.flows import environment
from slipstream.tasks.benchmarking.simulate import Settings, Simulated, start
from tests.integration.simulated import FAST


@pytest.fixture(scope="session")
def prefect_harness(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, dict[str, str]]]:
    """A server of the tests' own: its address, and the variables that Slipstream sets.

    Its start takes as long as many of the tests, so that all modules of the group share it.
    """
    before = dict(os.environ)
    environment.prepare(tmp_path_factory.mktemp("home"))
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    try:
        with prefect_test_harness(server_startup_timeout=environment.START_SECONDS):
            ours = {name: value for name, value in os.environ.items() if name not in before}
            _set_environment(before)
            yield str(PREFECT_API_URL.value()), ours
    finally:
        _set_environment(before)


@pytest.fixture(scope="module")
def prefect_server(prefect_harness: tuple[str, dict[str, str]]) -> Iterator[str]:
    """The address of a server of the tests' own, with the settings of Slipstream."""
    before = dict(os.environ)
    address, ours = prefect_harness
    os.environ.update(ours)
    yield address
    _set_environment(before)


def _set_environment(variables: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


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
