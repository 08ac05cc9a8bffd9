"""What the tests of flows share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from slipstream.flows import environment


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
