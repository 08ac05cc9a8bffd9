"""Prefect's settings for everything that Slipstream runs: a home of its own, no telemetry.

Call `prepare` before the first import of Prefect: it reads its settings once. A user's own Prefect
profile is neither used nor changed; `PREFECT_API_URL` in the environment is used, because it says
which server is meant, and before the one that `slip up` runs.
"""

from __future__ import annotations

import os
from pathlib import Path

from slipstream.flows import server
from slipstream.storage.paths import make_private

START_SECONDS = 120
"""For the temporary server: its first start on a new home takes longer than Prefect's own 20 s."""


def prepare(home: Path) -> None:
    """Set the environment for Prefect below the data folder `home`; what is set already stays.

    Where `slip up` runs a server, that one is used.
    """
    folder = make_private(home / "prefect")
    # CRITICAL: when the temporary server is stopped, its services log how they were cancelled, and
    # what failed is said by us, in a sentence. The logs of runs go to the server all the same.
    for name, value in {
        "PREFECT_HOME": str(folder),
        "PREFECT_PROFILES_PATH": str(folder / "profiles.toml"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(START_SECONDS),
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
        "DO_NOT_TRACK": "1",
    }.items():
        os.environ.setdefault(name, value)
    if "PREFECT_API_URL" not in os.environ and (up := server.running(home)) and up.healthy:
        os.environ["PREFECT_API_URL"] = up.api_url
    spare_loopback()


def spare_loopback() -> None:
    """Have no proxy that the user has set stand between us and a server on this machine."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*hosts, "127.0.0.1", "localhost", "::1"]))
