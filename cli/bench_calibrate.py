"""`slip bench calibrate`: what this machine's client can time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipstream.cli import output
from slipstream.storage import paths

if TYPE_CHECKING:
    from slipstream.tasks.benchmarking.calibrate import Known, Point
    from slipstream.tasks.benchmarking.clients import Clients


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("calibrate")(calibrate)


def calibrate(
    processes: Annotated[
        int, typer.Option("--processes", min=1, max=64, help="Client processes.")
    ] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Find out how many streams this machine's client can time within 5 %.

    It measures the simulated server, which knows the truth, under more and more load. What is
    found is kept, and figures of a run that goes past it are withheld.

    \b
    slip bench calibrate
    """
    home = paths.home()
    known = asyncio.run(_ladder(home, processes))
    if json:
        floor = known.floor._asdict() if known.floor else None
        points = [p._asdict() | {"proven": p.proven} for p in known.points]
        output.print_json({"points": points, "floor": floor})
        return 0
    output.print_table(
        ("load", "processes", "ttft error", "at p95", "itl error", "within 5 %"),
        [_row(point) for point in known.points],
        "processes",
    )
    if known.floor:
        print(f"shortest measurable: ttft {known.floor.ttft_ms:.2f} ms, "
              f"itl {known.floor.itl_ms:.3f} ms")  # fmt: skip
    return 0


def _row(point: Point) -> tuple[str, int, str, str, str, str]:
    load = f"{point.slots} streams" if point.slots else f"{point.rate:g}/s"
    return (
        load,
        point.processes,
        f"{point.ttft_ms:+.2f} ms",
        f"{point.ttft_p95_ms:+.2f} ms",
        f"{point.itl_share:.2%}",
        "yes" if point.proven else "no",
    )


async def _ladder(home: Path, processes: int) -> Known:
    from slipstream.tasks.benchmarking import calibrate as calibration
    from slipstream.tasks.benchmarking.alone import only_one

    machine = calibration.identity()
    with only_one(), ExitStack() as stack:
        server = stack.enter_context(calibration.start())
        async with _clients(processes) as clients:
            known = await calibration.ladder(
                clients,
                server,
                calibration.read(home, machine),
                lambda point: output.note(" ".join(map(str, _row(point)[:3]))),
            )
        calibration.write(home, machine, known)
    return known


@asynccontextmanager
async def _clients(number: int) -> AsyncIterator[Clients]:
    from slipstream.tasks.benchmarking import clients
    from slipstream.tasks.benchmarking.model import Waits

    started = await clients.start(number)
    try:
        await started.open(Waits())
        yield started
    finally:
        await started.close()
