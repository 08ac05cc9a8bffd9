"""`slip down`: ends what `slip up` has started."""

from __future__ import annotations

from typing import Annotated

import typer

from slipstream.cli import output
from slipstream.storage import paths
from slipstream.storage.errors import UsageError

WAIT_SECONDS = 10.0


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("down")(down)


def down(
    wait: Annotated[
        float,
        typer.Option("--wait", metavar="SECONDS", min=0, max=86_400, help="For flows to end."),
    ] = WAIT_SECONDS,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel flows at once, as after --wait.")
    ] = False,
) -> int:
    """End Prefect's server and the runner.

    Flows that run have some seconds to end by themselves; then they are cancelled, and keep what
    they have. Nothing happens where nothing is up.

    \b
    slip down
    slip down --wait 3600
    slip down --cancel
    """
    from slipstream.flows import supervise

    if cancel and wait != WAIT_SECONDS:
        raise UsageError("Give either --wait or --cancel.")
    if supervise.finish(paths.home(), 0 if cancel else wait):
        output.note("it is down.")
    else:
        output.note("nothing is up.")
    return 0
