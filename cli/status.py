"""`slip status`: what `slip up` runs, what comes next, what ran last."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from slipstream.cli import output
from slipstream.flows import runs_view, schedules, server
from slipstream.flows.server import ServerInfo
from slipstream.storage import paths
from slipstream.storage.config.load import load

JSON_VERSION = 1
LAST = 10


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("status")(status)


def status(
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, max=200, help="Last runs to show.")
    ] = LAST,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Show the server, the runner, schedules with their next run, and the last runs.

    The exit status is 0 where it is up and healthy, else 1.

    \b
    slip status
    slip status --json
    """
    found = server.running(paths.home())
    healthy = found is not None and found.healthy
    shown = {
        "version": JSON_VERSION,
        "installed": {name: server.installed(name) for name in ("slipstream", "prefect")},
        "server": _server(found) if found else None,
        "schedules": scheduled(found if healthy else None),
        "runs": runs_view.last(found.api_url, limit) if found and healthy else [],
    }
    if as_json:
        output.print_json(shown)
    else:
        _print(shown, found)
    return 0 if healthy else 1


def scheduled(found: ServerInfo | None) -> list[dict[str, Any]]:
    """The schedules as data, with the time of their next runs where a server is up."""
    config = load().config
    coming = runs_view.coming(found.api_url) if found else {}
    zone = schedules.timezone(config)
    rows = []
    for plan in schedules.planned(config):
        times = [coming[slug] for slug in plan.runs if slug in coming]
        rows.append(
            {
                "name": plan.name,
                "flow": plan.flow,
                "when": plan.when if plan.runs else "off",
                "timezone": zone if plan.parsed.cron else "",
                "paused": plan.paused,
                "next": min(times, default=None),
                "runs": {slug: dict(given) for slug, given in plan.runs.items()},
            }
        )
    return rows


def print_schedules(rows: list[dict[str, Any]]) -> None:
    """Print schedules as a table."""
    table = [
        (
            row["name"],
            " ".join(filter(None, (row["when"], row["timezone"] and f"({row['timezone']})"))),
            "paused" if row["paused"] else local(row["next"]),
        )
        for row in rows
    ]
    output.print_table(("schedule", "when", "next run"), table)


def local(moment: str | None) -> str:
    """A moment of the server's as local time."""
    if not moment:
        return ""
    at = datetime.fromisoformat(moment)
    return output.time_text(int(at.timestamp() * 1e9))


def _server(found: ServerInfo) -> dict[str, Any]:
    return {
        **found._asdict(),
        "started": datetime.fromtimestamp(found.started, UTC).isoformat(timespec="seconds"),
        "problems": list(found.problems),
    }


def _print(shown: dict[str, Any], found: ServerInfo | None) -> None:
    if found is None:
        print("Nothing is up; `slip up` starts it.")
    else:
        since = output.time_text(int(found.started * 1e9))
        state = "healthy" if found.healthy else "starting" if not found.ready else "not answering"
        print(f"server: {found.url or '…'}  {state}, process {found.server_pid or '-'}")
        again = f", started again {found.restarts} times" if found.restarts else ""
        print(f"runner: process {found.runner_pid or '-'}{again}")
        print(f"up since {since}, Prefect {found.prefect}, process {found.pid}")
        if found.prefect != shown["installed"]["prefect"]:
            output.warn(f"Prefect {shown['installed']['prefect']} is installed: restart it.")
        for problem in found.problems:
            output.warn(problem)
    print()
    print_schedules(shown["schedules"])
    if shown["runs"]:
        print()
        rows = [
            (run["flow"], run["name"], run["state"], local(run["started"]), _seconds(run))
            for run in shown["runs"]
        ]
        output.print_table(("flow", "run", "state", "started", "seconds"), rows, right="seconds")


def _seconds(run: dict[str, Any]) -> str:
    return f"{run['seconds']:.1f}" if run["started"] else ""
