"""`slip flow ls|run|runs|logs`: flows on the server of `slip up`, or in this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from slipstream.cli import output
from slipstream.flows import catalog
from slipstream.storage import paths
from slipstream.storage.errors import SlipError

if TYPE_CHECKING:
    from slipstream.flows.launch import Ended
    from slipstream.flows.runs import Seen

JSON_VERSION = 1
INTERRUPTED = 130
LEVELS = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A flow, as `slip flow ls` lists them.")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Run flows, and look at their runs.", no_args_is_help=True)
    for name, function in (("ls", ls), ("run", run), ("runs", runs), ("logs", logs)):
        group.command(name)(function)
    root.add_typer(group, name="flow")


def ls(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Show its parameters.")] = "",
    as_json: Json = False,
) -> None:
    """List the flows, or what one of them can be told.

    \b
    slip flow ls
    slip flow ls run-benchmark
    """
    if not name:
        if as_json:
            found = [{"flow": name, "does": each.does} for name, each in catalog.FLOWS.items()]
            output.print_json({"version": JSON_VERSION, "flows": found})
            return
        rows = [(flow, each.does) for flow, each in catalog.FLOWS.items()]
        output.print_table(("flow", "what it does"), rows)
        return
    _reach(name)
    from slipstream.flows import parameters

    described = parameters.described(catalog.model_of(catalog.imported(name)))
    if as_json:
        told = [each._asdict() for each in described]
        output.print_json({"version": JSON_VERSION, "flow": name, "parameters": told})
        return
    output.print_table(("parameter", "kind", "default", "what it is for"), described)


def run(
    name: Name,
    given: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="KEY=VALUE", help="Several may be given."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Wait for its end, and show its states.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Run a flow: by the runner of `slip up`, or in this process where no server is up.

    The exit status is that of the run: 0 completed, 1 failed or crashed, 3 regression found, 130
    cancelled. Without --watch a run that was given to the runner is left to it, and its id is
    printed. Ctrl-C cancels a run that is watched.

    \b
    slip flow run maintain -p level=full --watch
    slip flow run run-benchmark -p suite=smoke -p concurrency=1 -p concurrency=8
    """
    address = _reach(name)
    from slipstream.flows import launch, parameters

    flow = catalog.imported(name)
    model = catalog.model_of(flow)
    values = parameters.parse(model, given or [])
    if address:
        from slipstream.flows import runs

        with _answers(address):
            deployment = runs.deployment_of(name)
            if deployment is not None:
                values = {**deployment.parameters.get("parameters", {}), **values}
                parameters.checked(model, values)
                identity = runs.start(deployment, {"parameters": values})
                if watch:
                    return _say_ended(_watched(identity), as_json)
                if as_json:
                    output.print_json({"version": JSON_VERSION, "id": identity})
                else:
                    print(identity)
                return 0
        output.note(f"the server at {address} has no deployment of {name}; it runs here.")
    wanted = parameters.checked(model, values)
    with _answers(address):
        return _say_ended(launch.run(name, wanted), as_json)


def runs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Runs to show.")] = 20,
    flow: Annotated[str, typer.Option("--flow", help="Only of this flow.")] = "",
    as_json: Json = False,
) -> None:
    """List the runs of flows, newest first.

    \b
    slip flow runs
    slip flow runs --flow run-benchmark --json
    """
    address = _reach(flow)
    from slipstream.flows import runs

    with _answers(address):
        found = runs.listed(limit, flow)
    if as_json:
        told = [each._asdict() for each in found]
        output.print_json({"version": JSON_VERSION, "runs": told})
        return
    rows = [
        (each.id, each.state, each.name, each.deployment or each.flow,
         output.time_text(each.started_ns) if each.started_ns else "", f"{each.seconds:.1f} s")
        for each in found
    ]  # fmt: skip
    output.print_table(("run", "state", "name", "deployment", "start", "took"), rows, right="took")


def logs(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="latest, an id or its beginning.")
    ] = "latest",
    as_json: Json = False,
) -> None:
    """Show what a run and its tasks logged.

    \b
    slip flow logs
    slip flow logs 3f2a
    """
    address = _reach("")
    from slipstream.flows import runs

    with _answers(address):
        seen = runs.resolve(run)
        lines = list(runs.log(seen.full_id))
    if as_json:
        told = [line._asdict() for line in lines]
        output.print_json({"version": JSON_VERSION, "run": seen._asdict(), "lines": told})
        return
    output.note(f"{seen.name}, {seen.flow}: {seen.state} {seen.message}".rstrip())
    for line in lines:
        when, level = output.time_text(line.at_ns), LEVELS.get(line.level, str(line.level))
        text = f"{line.task}: {line.message}" if line.task else line.message
        print(f"{when} {level:7} {output.printable(text)}")


def _reach(name: str) -> str:
    """The address of the server; empty: a temporary one is started where one is needed.

    Raises:
        NotFoundError: There is no flow with this name, if one is given.
        SlipError: The server of `slip up` does not answer.
    """
    from slipstream.flows import launch

    if name:
        catalog.named(name)
    return launch.reach(paths.home())


@contextmanager
def _answers(address: str) -> Iterator[None]:
    """Turn what a server fails with into a sentence; start the temporary one where none is up."""
    import httpx

    from slipstream.flows import launch

    try:
        if not address:
            seconds = launch.begin()
            output.note(
                "no server is up (`slip up` starts one); a temporary one took "
                f"{seconds:.1f} s to start."
            )
        yield
    except httpx.HTTPError as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        where = f"at {address}" if address else "that was started for this"
        raise SlipError(
            f"Prefect's server {where} does not do what it is asked ({reason}); `slip status` "
            "shows whether ours is up, and PREFECT_API_URL may name another one."
        ) from error


def _watched(identity: str) -> Ended:
    """Show a run's states until it has ended."""
    from slipstream.flows import launch, runs

    live = _Live()
    cancelled = False
    while True:
        try:
            for seen in runs.watch(identity):
                live.show(seen)
            return launch.Ended(identity, seen.name, seen.state, seen.message, seen.status or 0)
        except KeyboardInterrupt:
            if cancelled:
                raise
            cancelled = True
            output.note("cancelling the run; Ctrl-C once more leaves it to end by itself.")
            runs.cancel(identity)
        finally:
            live.end()


class _Live:
    """One line that changes in a terminal; elsewhere a line for each state."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._state = ""
        self._shown = 0

    def show(self, seen: Seen) -> None:
        """Show how a run is."""
        line = f"slip: {output.printable(seen.name)}: {seen.state}"
        if self._live and not output.options.quiet:
            tasks = f", {seen.done} tasks done" if seen.done else ""
            print(f"\r{(line + tasks).ljust(self._shown)}", end="", file=sys.stderr, flush=True)
            self._shown = len(line + tasks)
        elif seen.state != self._state:
            output.note(line.removeprefix("slip: "))
        self._state = seen.state

    def end(self) -> None:
        """Leave the line that stands there."""
        if self._shown:
            print(file=sys.stderr, flush=True)
            self._shown = 0


def _say_ended(ended: Ended, as_json: bool) -> int:
    """Print how a run ended; returns the exit status that it stands for."""
    if as_json:
        output.print_json({"version": JSON_VERSION, **ended._asdict()})
        return ended.status
    print(ended.id)
    text = f"{ended.name}: {ended.state}. {ended.message}".rstrip()
    if ended.status in (0, INTERRUPTED):
        output.note(text)
    else:
        output.fail(text)
    return ended.status
