"""Prefect's settings for everything that Slipstream runs: a home of its own, no telemetry.

Call `settle`, which imports Prefect: it reads its settings once. A user's own Prefect
profile is neither used nor changed; `PREFECT_API_URL` in the environment is used, because it says
which server is meant, and before the one that `slip up` runs.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from urllib.parse import urlsplit

from slipstream.flows import server
from slipstream.storage.config import endpoints
from slipstream.storage.config.load import load
from slipstream.storage.errors import UsageError
from slipstream.storage.paths import config_path, make_private

FOLDER = "prefect"
"""Prefect's home, in the data folder."""
START_SECONDS = 120
"""For the temporary server: its first start on a new home takes longer than Prefect's own 20 s."""

LEASES = "prefect.server.concurrency.lease_storage.filesystem"
"""Who has a turn, in files of Prefect's home: a server that is started again knows it."""


def prepare(home: Path) -> None:
    """Set the environment for Prefect below the data folder `home`; what is set already stays.

    Where `slip up` runs a server, that one is used.

    Raises:
        UsageError: The mode does not allow where `PREFECT_API_URL` leads.
        EndpointUnavailable: Its host has no address.
    """
    if given := os.environ.get("PREFECT_API_URL"):
        _check(given)
    # CRITICAL: when the temporary server is stopped, its services log how they were cancelled, and
    # what failed is said by us, in a sentence. The logs of runs go to the server all the same.
    for name, value in {
        **_own(home),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(START_SECONDS),
        "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    }.items():
        os.environ.setdefault(name, value)
    if "PREFECT_API_URL" not in os.environ and (up := server.running(home)) and up.healthy:
        os.environ["PREFECT_API_URL"] = up.api_url
    spare_loopback()


def settle(home: Path) -> None:
    """Prepare, and import Prefect, which settles its settings.

    Raises:
        SlipError: As `prepare` says.
    """
    prepare(home)
    with own_folder(home):
        import prefect.main  # noqa: F401


def own_folder(home: Path) -> contextlib.chdir[Path]:
    """Makes Prefect's home the current folder, while Prefect is imported or its server started.

    It reads `.env`, `prefect.toml` and `pyproject.toml` of the current folder, which may be
    anybody's repository: those could have it send the logs of runs elsewhere, or run code.
    """
    return contextlib.chdir(make_private(home / FOLDER))


def _check(api_url: str) -> None:
    """Refuse to send logs and artifacts where the mode lets nothing go."""
    mode = load().config.mode
    try:
        parts = urlsplit(api_url)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        host, port = "", 0
    if not host:
        raise UsageError(
            "PREFECT_API_URL is no URL; write it like http://127.0.0.1:4200/api, or unset it."
        )
    try:
        endpoints.allowed(host, port, mode)
    except UsageError as error:
        raise UsageError(f"PREFECT_API_URL: {error}") from error


def for_children(home: Path, api_url: str) -> dict[str, str]:
    """The environment of what `slip up` starts: nothing of the user's own Prefect is in it.

    Args:
        home: The data folder.
        api_url: Of the server.
    """
    spare_loopback()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    config = {"SLIPSTREAM_CONFIG": str(config_path())} if "SLIPSTREAM_CONFIG" in kept else {}
    return {
        **kept,
        **config,  # both are read from another folder than this one
        "SLIPSTREAM_HOME": str(home),
        **_own(home),
        "PREFECT_API_URL": api_url,
        # Each client reads its certificates, 50 ms for a whole bundle; here no connection has any.
        "PREFECT_API_SSL_CERT_FILE": str(_one_certificate(home)),
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",  # it is the one installed
        **_pages(home),
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # A schedule that was set a moment ago is seen so soon.
        "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
        # In memory, as by default, a turn that is held when the server ends is never given back.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
    }


def _pages(home: Path) -> dict[str, str]:
    """Where Prefect puts its pages: beside its code, else, where that is not ours, with ours."""
    from importlib.util import find_spec

    found = find_spec("prefect")
    if found and found.origin and os.access(Path(found.origin).parent / "server", os.W_OK):
        return {}
    return {"PREFECT_UI_STATIC_DIRECTORY": str(make_private(home / FOLDER) / "ui")}


def _one_certificate(home: Path) -> Path:
    """A file with the first of the usual certificates."""
    import certifi

    bundle = Path(certifi.where()).read_text(encoding="utf-8")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    first = begin + bundle.partition(begin)[2].partition(end)[0] + end + "\n"
    path = make_private(home / FOLDER) / "certificate.pem"
    path.write_text(first, encoding="utf-8")
    return path


def _own(home: Path) -> dict[str, str]:
    """A home of our own, no telemetry; runs print nothing: their logs are on the server."""
    folder = make_private(home / FOLDER)
    return {
        "PREFECT_HOME": str(folder),
        "PREFECT_PROFILES_PATH": str(folder / "profiles.toml"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "http://127.0.0.1",  # else pages of every site
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "DO_NOT_TRACK": "1",
    }


def spare_loopback() -> None:
    """Have no proxy that the user has set stand between us and a server on this machine."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*hosts, "127.0.0.1", "localhost", "::1"]))
