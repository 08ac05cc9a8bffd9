"""What is shown of a run of benchmarks: data for its caller, artifacts for Prefect's pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prefect.events import emit_event

from slipstream.flows import artifacts
from slipstream.storage import bench, logs, results
from slipstream.storage.bench import CellRecord, RunRecord
from slipstream.tasks.benchmarking.faults import MEANINGS, Fault

EVENT = "slipstream.benchmark-complete"
"""For automations of Prefect's."""
NAME = "run-benchmark"
"""What the keys of its artifacts begin with; the suite and the model follow."""
COLOURS = ("#8291a7", "#8291a7", "#2563eb", "#d97706", "#059669", "#9333ea")
"""Of a plot's text, grid and lines, on the pages' light and dark grounds alike."""
COLUMNS = (
    ("ttft", "p50"), ("ttft", "p95"), ("itl", "p50"), ("itl", "p95"), ("e2e", "p50"),
    ("e2e", "p95"), ("requests", "value"), ("output_tokens", "value"), ("goodput", "value"),
    ("error_rate", "value"), ("accuracy", "value"), ("dispatch_lag", "p95"),
)  # fmt: skip


def report(home: Path, run: RunRecord) -> dict[str, Any]:
    """A run as data, with a row of figures for each cell, in ms and per second."""
    with results.opened(home) as connection:
        cells = bench.cells(connection, run.id)
        rows = [_row(connection, cell) for cell in cells]
    return {
        "run": run.id,
        "suite": run.suite,
        "model": run.model,
        "server": run.base_url,
        "state": run.state,
        "reason": run.reason,
        "cells": rows,
    }


def _row(connection: results.Connection, cell: CellRecord) -> dict[str, Any]:
    found = {(m.name, m.statistic): m.value for m in bench.metrics(connection, cell.id)}
    row: dict[str, Any] = {"benchmark": cell.benchmark, "load": cell.label, "state": cell.state}
    for name, statistic in COLUMNS:
        value = found.get((name, statistic))
        row[name if statistic == "value" else f"{name} {statistic}"] = (
            None if value is None else round(value, 4)
        )
    faults = bench.tally(connection, cell.id, "fault").items()
    row["faults"] = "; ".join(
        f"{n} × {name}: {MEANINGS[Fault(name)].sentence}" for name, n in faults
    )
    row["note"] = cell.withheld or cell.reason
    return row


async def show(home: Path, run: RunRecord, found: dict[str, Any]) -> None:
    """Put the figures where Prefect's pages show them, and tell automations."""
    key = artifacts.key(NAME, run.suite, run.model)
    again = " It was measured before, and nothing that can be told has changed since."
    told = (
        f"Run {run.id}: {run.suite}, {run.model} on {run.base_url}, {run.state}."
        f"{again if found['reused'] else ''} Times in ms, rates per second."
    )
    await artifacts.table(key, found["cells"], told)
    await artifacts.report(f"{key}-report", "".join(_markdown(run, found)), told)
    if drawn := await asyncio.to_thread(_plotted, home, run):
        await artifacts.image(f"{key}-plot", drawn, f"Run {run.id}: time to first token in ms.")
    about = {name: value for name, value in found.items() if name != "cells"}
    resource = {"prefect.resource.id": f"slipstream.bench-run.{run.id}"}
    emit_event(EVENT, resource=resource, payload=about)


def _plotted(home: Path, run: RunRecord) -> bytes:
    """The plot, if it can be drawn: it is not worth a run."""
    try:
        return plot(home, run)
    except Exception as error:
        logs.warning("flow.no_plot", run=run.id, why=f"{type(error).__name__}: {error}")
        return b""


def plot(home: Path, run: RunRecord) -> bytes:
    """The percentiles of the time to first token, a line for each of the first cells, as SVG.

    Returns:
        Nothing where no cell has any.
    """
    import numpy as np

    from slipstream.tasks.benchmarking.compare import read
    from slipstream.tasks.benchmarking.compare.model import Distribution
    from slipstream.tasks.benchmarking.reports import plots

    lines: list[tuple[str, Distribution]] = []
    with results.opened(home) as connection:
        for cell in bench.cells(connection, run.id):
            values = read.times(connection, cell.id).ttft
            values = values[~np.isnan(values)]
            if values.size and len(lines) < plots.MOST_SERIES:
                quantiles = tuple(np.percentile(values, range(101)).tolist())
                found = Distribution(
                    cell.benchmark, cell.label, "ttft", "ms", quantiles, edges=(), counts=()
                )
                lines.append((_named(cell, plots.LONGEST), found))
    if not lines:
        return b""
    drawn = plots.percentiles(lines).svg
    for colour, shown in zip((plots.TEXT, plots.GRID, *plots.SERIES), COLOURS, strict=True):
        drawn = drawn.replace(colour, shown)
    return drawn.encode()


def _named(cell: CellRecord, longest: int) -> str:
    """A line's name, in which the load stays whole: it tells lines of one benchmark apart."""
    load = cell.label.rpartition("=")[2]
    room = max(longest - len(load) - 1, 1)
    name = cell.benchmark
    return f"{name if len(name) <= room else name[: room - 1] + '…'} {load}"


def _markdown(run: RunRecord, found: dict[str, Any]) -> Iterator[str]:
    yield f"# {run.suite}: {run.model}\n\n"
    yield f"Run `{run.id}` on {run.base_url}: **{run.state}**"
    yield f", {run.reason}\n\n" if run.reason else "\n\n"
    yield "| benchmark | load | TTFT p50 | TTFT p95 | ITL p50 | requests/s | errors | |\n"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n"
    for cell in found["cells"]:
        figures = [
            "" if (value := cell[name]) is None else f"{value:,.4g}"
            for name in ("ttft p50", "ttft p95", "itl p50", "requests", "error_rate")
        ]
        note = " ".join(filter(None, (cell["faults"], cell["note"])))
        row = [cell["benchmark"], cell["load"], *figures, note]
        yield f"| {' | '.join(text.replace('|', chr(92) + '|') for text in row)} |\n"
    about = run.environment
    server = about.get("server") or {}
    yield "\n"
    for name, value in (
        ("server", f"{server.get('name') or 'unknown'} {server.get('version') or ''}"),
        ("machine", f"{about.get('cpu')}, {about.get('cores')} cores"),
        ("system", f"{about.get('system')}, {about.get('python')}"),
        ("commit", about.get("commit") or "none"),
    ):
        yield f"- {name}: {value}\n"
