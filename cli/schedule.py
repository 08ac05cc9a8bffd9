"""`slip schedule`: what runs by itself, and when."""

from __future__ import annotations

import difflib
from typing import Annotated, Any

import typer

from slipstream.cli import output, status
from slipstream.flows import schedules, server
from slipstream.storage import paths
from slipstream.storage.config import schedule_file, when
from slipstream.storage.config.load import load
from slipstream.storage.errors import NotFoundError, UsageError

JSON_VERSION = 1

app = typer.Typer(help="Show and change what runs by itself.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `slip schedule ls` shows it.")]


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.add_typer(app, name="schedule")


@app.command("ls")
def listed(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the schedules, and when each runs next where `slip up` has started it.

    \b
    slip schedule ls
    """
    found = server.running(paths.home())
    rows = status.scheduled(found if found and found.healthy else None)
    if as_json:
        output.print_json({"version": JSON_VERSION, "schedules": rows})
    else:
        status.print_schedules(rows)


@app.command()
def pause(name: Name) -> None:
    """Start nothing by a schedule until it is resumed.

    \b
    slip schedule pause run-benchmark
    """
    _change(name, {"paused": True})


@app.command()
def resume(name: Name) -> None:
    """Let a schedule run again.

    \b
    slip schedule resume run-benchmark
    """
    _change(name, {"paused": False})


@app.command("set")
def set_(
    name: Name,
    cron: Annotated[
        str, typer.Option("--cron", help="Minute, hour, day, month, day of the week.")
    ] = "",
    every: Annotated[str, typer.Option("--every", help="Such as 90s, 30m, 6h or '2 days'.")] = "",
    off: Annotated[bool, typer.Option("--off", help="Never.")] = False,
) -> None:
    """Say when a flow runs by itself; it holds at once where `slip up` runs, and from then on.

    It is kept in schedules.yaml in the data folder, which counts after your own config.yaml.

    \b
    slip schedule set run-benchmark --cron "0 3 * * 1-5"
    slip schedule set warm-cache --every 15m
    slip schedule set maintain-full --off
    """
    if bool(cron) + bool(every) + off != 1:
        raise UsageError("Give one of --cron, --every and --off.")
    text = cron or (f"every {every}" if every else when.OFF)
    try:
        parsed = when.parse(text)
    except ValueError as error:
        raise UsageError(f"The schedule cannot be read: {error}.") from error
    if bool(parsed.cron) != bool(cron):
        raise UsageError(f"{text!r} is no cron expression; {when.EXAMPLE}.")
    _change(name, {"when": text})


def _change(name: str, values: dict[str, Any]) -> None:
    """Change a schedule, and say what holds now."""
    if name not in schedules.FIELDS:
        near = difflib.get_close_matches(name, schedules.FIELDS, n=1)
        advice = f"did you mean {near[0]}?" if near else "`slip schedule ls` shows all."
        raise NotFoundError(f"There is no schedule {name}; {advice}")
    field = schedules.FIELDS[name]
    home = paths.home()
    schedule_file.change(home, field, values)
    held = getattr(load().config.schedules, field)
    for key, value in values.items():
        if getattr(held, key) != value:
            output.warn(
                f"schedules.{field}.{key} is set elsewhere as well, and that wins; `slip config "
                "show` says where."
            )
    state = "paused" if held.paused else held.when
    if name == "warm-cache" and not load().config.schedules.repositories:
        output.warn("schedules.repositories names none, so that there is nothing to warm.")
    woken = server.wake(home)
    output.note(
        f"{name}: {state}" + ("" if woken else "; nothing is up, `slip up` starts it") + "."
    )
