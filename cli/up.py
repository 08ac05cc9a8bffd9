"""`slip up`: Prefect's server and pages, and what runs by itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from slipstream.cli import output
from slipstream.flows import server, supervise, units
from slipstream.flows.server import ServerInfo
from slipstream.flows.supervise import Wanted
from slipstream.storage import paths
from slipstream.storage.config.load import load
from slipstream.storage.errors import UsageError

KINDS = {"systemd": units.systemd, "launchd": units.launchd}


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("up")(up)


def up(
    kind: Annotated[
        str, typer.Argument(help="With --unit: systemd or launchd; default: this system's.")
    ] = "",
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="0: a free one. [default: server.port]"),
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Where it listens. [default: server.host]")
    ] = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay here until Ctrl-C or SIGTERM.")
    ] = False,
    unit: Annotated[
        bool, typer.Option("--unit", help="Print a unit for a service manager, and start nothing.")
    ] = False,
) -> int:
    """Start Prefect's server with its pages, and serve all flows with their schedules.

    It stays behind when the terminal goes; `slip down` ends it, `slip status` shows it. It has a
    Prefect home of its own in the data folder: your own profile is neither used nor changed. The
    address of the pages is printed.

    \b
    slip up
    slip up --port 8123
    slip up --unit > ~/.config/systemd/user/slipstream.service
    """
    loaded = load()
    for problem in loaded.problems:
        output.warn(problem)
    settings = loaded.config.server
    wanted = Wanted(host or settings.host, settings.port if port is None else port)
    home = paths.home()
    if unit:
        print(_unit(home, kind, wanted), end="")
        return 0
    if kind:
        raise UsageError(f"What {kind} is to say is known with --unit alone.")
    if not supervise.is_loopback(wanted.host):
        supervise.check_host(wanted.host)
        output.warn(
            f"{wanted.host} is reached from other machines, and Prefect's server asks nobody who "
            "they are: whoever reaches it can start your flows."
        )
    if foreground:
        supervise.supervise(home, wanted, _say)
        return 0
    if (found := server.running(home)) and found.url:
        _say_running(found, None if port is None and host is None else wanted)
        return 0
    if not (home / "prefect" / "prefect.db").exists():
        output.note("the first start makes Prefect's database; it takes some 20 seconds.")
    _say(supervise.begin(home, wanted))
    output.note("`slip status` shows it, `slip down` ends it.")
    return 0


def _say(info: ServerInfo) -> None:
    for problem in info.problems:
        output.warn(problem)
    print(info.url, flush=True)


def _say_running(found: ServerInfo, wanted: Wanted | None) -> None:
    """Say what is up already, and in what it differs from what would be started now."""
    output.note(f"it is up already (process {found.pid}).")
    here = server.installed("prefect")
    if found.prefect != here:
        output.warn(
            f"it runs Prefect {found.prefect}, and {here} is installed: `slip down`, then `slip "
            "up` for that one."
        )
    if wanted and wanted.port and not found.url.endswith(f":{wanted.port}"):
        output.warn("it listens elsewhere than asked: `slip down` first.")
    _say(found)


def _unit(home: Path, kind: str, wanted: Wanted) -> str:
    chosen = kind or ("launchd" if sys.platform == "darwin" else "systemd")
    if chosen not in KINDS:
        raise UsageError(f"There is no unit for {chosen}; choose {' or '.join(KINDS)}.")
    arguments = ["up", "--foreground", "--host", wanted.host, "--port", str(wanted.port)]
    return KINDS[chosen](home, arguments)
