"""Runs of benchmarks in the database: runs, cells, samples, metrics. Values in, values out.

Samples are written while a run goes on, each in a transaction of its own: a kill loses at most the
request under way, and a run that is resumed knows which of its requests have been counted.
"""

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from slipstream.storage import audit, events
from slipstream.storage.connection import Connection
from slipstream.storage.database import printable, transaction

MANY = 1 << 31  # rows; SQLite takes no number above 2^63
DAY_NS = 86_400 * 10**9
RUNNING = "running"
DAMAGED = "damaged"


class RunRecord(NamedTuple):
    """A run.

    Attributes:
        id: 12 hex digits.
        suite: Its suite's name.
        suite_json: The whole suite as it was run.
        base_url: The server.
        model: What it measured.
        seed: Of prompts, arrivals and intervals.
        environment: What it ran on.
        digest: SHA-256 of all prompts in their order.
        state: running, done, cancelled, stopped, failed; damaged: that cannot be told.
        reason: One sentence, where it is not done.
        series: Runs that were repeated together share one, 12 hex digits; empty: none.
        started_ns: UTC, ns since 1970.
        ended_ns: None: it has not ended.
    """

    id: str
    suite: str
    suite_json: str
    base_url: str
    model: str
    seed: int
    environment: dict[str, Any]
    digest: str = ""
    state: str = RUNNING
    reason: str = ""
    series: str = ""
    started_ns: int = 0
    ended_ns: int | None = None


class CellRecord(NamedTuple):
    """A benchmark at one concurrency or rate; see `models.BenchCell`."""

    id: int
    position: int
    benchmark: str
    family: str
    label: str
    settings: dict[str, Any]
    state: str = RUNNING
    reason: str = ""
    withheld: str = ""
    sessions: int = 1
    seconds: float = 0.0


class SampleRow(NamedTuple):
    """A request; see `models.BenchSample`."""

    phase: str
    number: int
    session: int
    worker: int
    intended_ns: int
    sent_ns: int
    ended_ns: int
    status: int
    chunk_ns: bytes
    chunk_tokens: bytes
    first_reasoning_ns: int | None
    first_content_ns: int | None
    first_tool_ns: int | None
    prompt_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    counted_tokens: int | None
    source: str
    prompt_source: str
    finish_reason: str
    fault: str
    detail: str


class MetricRow(NamedTuple):
    """A figure; see `models.BenchMetric`."""

    name: str
    statistic: str
    unit: str
    direction: str
    value: float
    low: float | None
    high: float | None
    size: int


_RUN = ", ".join(RunRecord._fields)
_CELL = ", ".join(CellRecord._fields)
_SAMPLE = ", ".join(SampleRow._fields)
_METRIC = ", ".join(MetricRow._fields)
_LARGEST = 2**63 - 1  # of an INTEGER; a server may state any number


def save_run(connection: Connection, run: RunRecord, *, publish: bool = True) -> None:
    """Write a run that begins, or one that changed; its cells and tags stay.

    Args:
        connection: To the database.
        run: Which one.
        publish: Where it has ended, tell the subscribers of events.

    Raises:
        results.Error: Nothing was saved.
    """
    values = [_value(value) for value in run]
    changed = ", ".join(f"{name} = excluded.{name}" for name in RunRecord._fields[1:])
    with transaction(connection):
        connection.execute(
            f"INSERT INTO bench_runs ({_RUN}) VALUES ({_marks(len(values))})"
            f" ON CONFLICT (id) DO UPDATE SET {changed}",
            values,
        )
        if run.state != RUNNING:
            audit.record(connection, "bench run", run.id, None, {"state": run.state})
            if publish:
                events.emit(connection, events.BENCHMARK_COMPLETE, _event(run))


def runs(
    connection: Connection, limit: int = 50, *, suite: str = "", model: str = ""
) -> list[RunRecord]:
    """The newest runs, newest first; of one suite or model alone where it is given."""
    rows = connection.execute(
        f"SELECT {_RUN} FROM bench_runs WHERE ? IN ('', suite) AND ? IN ('', model)"
        " ORDER BY seq DESC LIMIT ?",
        (suite, model, min(limit, MANY)),
    )
    return [_run(row) for row in rows]


def run(connection: Connection, identity: str) -> RunRecord | None:
    """The run of an id."""
    row = connection.execute(f"SELECT {_RUN} FROM bench_runs WHERE id = ?", (identity,)).fetchone()
    return _run(row) if row else None


def series(connection: Connection, identity: str) -> list[RunRecord]:
    """The runs of a series, oldest first."""
    rows = connection.execute(
        f"SELECT {_RUN} FROM bench_runs WHERE series = ? AND series <> '' ORDER BY seq", (identity,)
    )
    return [_run(row) for row in rows]


def tags(connection: Connection, run: str) -> list[str]:
    """The tags of a run."""
    rows = connection.execute(
        "SELECT name FROM bench_tags WHERE run_seq = (SELECT seq FROM bench_runs WHERE id = ?)"
        " ORDER BY name",
        (run,),
    )
    return [name for (name,) in rows]


def add_tag(connection: Connection, run: str, name: str, *, whole: bool = False) -> None:
    """Give a tag to a run, and take it from the one that had it.

    Args:
        connection: To the database.
        run: Its id.
        name: The tag.
        whole: It names the whole series of the run.
    """
    with transaction(connection):
        connection.execute(
            "INSERT INTO bench_tags (name, run_seq, whole)"
            " VALUES (?, (SELECT seq FROM bench_runs WHERE id = ?), ?)"
            " ON CONFLICT (name) DO UPDATE SET run_seq = excluded.run_seq, whole = excluded.whole",
            (printable(name), run, whole),
        )


def remove_tag(connection: Connection, name: str) -> bool:
    """Take a tag away; whether there was one."""
    return connection.execute("DELETE FROM bench_tags WHERE name = ?", (name,)).rowcount > 0


def save_cell(connection: Connection, run: str, cell: CellRecord) -> CellRecord:
    """Write a cell that begins or one that changed; by its place in its run.

    Returns:
        The same with its id.
    """
    fields = CellRecord._fields[1:]
    changed = ", ".join(f"{name} = excluded.{name}" for name in fields)
    row = connection.execute(
        f"INSERT INTO bench_cells (run_seq, {', '.join(fields)})"
        f" VALUES ((SELECT seq FROM bench_runs WHERE id = ?), {_marks(len(fields))})"
        f" ON CONFLICT (run_seq, position) DO UPDATE SET {changed} RETURNING id",
        (run, *map(_value, cell[1:])),
    ).fetchone()
    return cell._replace(id=row[0])


def cells(connection: Connection, run: str) -> list[CellRecord]:
    """The cells of a run, in their order."""
    rows = connection.execute(
        f"SELECT {_CELL} FROM bench_cells"
        " WHERE run_seq = (SELECT seq FROM bench_runs WHERE id = ?) ORDER BY position",
        (run,),
    )
    return [CellRecord(*row)._replace(settings=json.loads(row[5])) for row in rows]


def add_sample(connection: Connection, cell: int, sample: SampleRow) -> bool:
    """Keep a request; one that is there already (by phase and number) is left as it is.

    Returns:
        Whether it is new.
    """
    return (
        connection.execute(
            f"INSERT INTO bench_samples (cell_id, {_SAMPLE})"
            f" VALUES (?, {_marks(len(sample))}) ON CONFLICT DO NOTHING",
            (cell, *map(_value, sample)),
        ).rowcount
        > 0
    )


def samples(connection: Connection, cell: int) -> Iterator[SampleRow]:
    """The requests of a cell, in the order in which they ended."""
    rows = connection.execute(
        f"SELECT {_SAMPLE} FROM bench_samples WHERE cell_id = ? ORDER BY id", (cell,)
    )
    return (SampleRow(*row) for row in rows)


def tally(connection: Connection, cell: int, column: Literal["fault", "source"]) -> dict[str, int]:
    """How many measured requests of a cell have which value; those without one left out."""
    rows = connection.execute(
        f"SELECT {column}, count(*) FROM bench_samples"
        f" WHERE cell_id = ? AND phase = 'measured' AND {column} <> '' GROUP BY {column}",
        (cell,),
    )
    return dict(rows)


def disagreeing(connection: Connection, cell: int) -> tuple[int, int]:
    """Of how many requests a tokenizer and the server count other tokens, and of how many not."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE counted_tokens <> output_tokens), count(*)"
        " FROM bench_samples"
        " WHERE cell_id = ? AND source = 'server' AND counted_tokens IS NOT NULL",
        (cell,),
    ).fetchone()
    return row[0], row[1] - row[0]


def save_metrics(connection: Connection, cell: int, rows: Iterable[MetricRow]) -> None:
    """Write the figures of a cell, in place of those that were there."""
    with transaction(connection):
        connection.execute("DELETE FROM bench_metrics WHERE cell_id = ?", (cell,))
        connection.executemany(
            f"INSERT INTO bench_metrics (cell_id, {_METRIC}) VALUES (?, {_marks(8)})",
            [(cell, *map(_value, row)) for row in rows],
        )


def metrics(connection: Connection, cell: int) -> list[MetricRow]:
    """The figures of a cell."""
    rows = connection.execute(
        f"SELECT {_METRIC} FROM bench_metrics WHERE cell_id = ? ORDER BY id", (cell,)
    )
    return [MetricRow(*row) for row in rows]


def delete(connection: Connection, run: str) -> None:
    """Remove a run with all that belongs to it, and a baseline of which it was the last run."""
    with transaction(connection):
        connection.execute("DELETE FROM bench_runs WHERE id = ?", (run,))
        connection.execute(
            "DELETE FROM bench_baselines"
            " WHERE seq NOT IN (SELECT baseline_seq FROM bench_baseline_runs)"
        )
        audit.record(connection, "bench delete", run)


def prune(
    connection: Connection,
    days: int,
    now_ns: int | None = None,
    *,
    dry_run: bool = False,
) -> list[str]:
    """Remove runs that are older; those of baselines, tagged ones and those that run stay.

    A tag of a series keeps all its runs.

    Returns:
        Their ids.
    """
    before = (time.time_ns() if now_ns is None else now_ns) - days * DAY_NS
    rows = connection.execute(
        "SELECT id FROM bench_runs WHERE started_ns < ? AND state <> ?"
        " AND seq NOT IN (SELECT run_seq FROM bench_baseline_runs)"
        " AND seq NOT IN (SELECT run_seq FROM bench_tags)"
        " AND series NOT IN (SELECT r.series FROM bench_runs r"
        " JOIN bench_tags t ON t.run_seq = r.seq WHERE t.whole AND r.series <> '')",
        (before, RUNNING),
    ).fetchall()
    for (run,) in () if dry_run else rows:
        delete(connection, run)
    return [run for (run,) in rows]


def _event(run: RunRecord) -> dict[str, Any]:
    """What the subscribers of events are told of a run."""
    names = ("suite", "model", "state", "reason")
    told = {"run": run.id, "server": run.base_url, **{name: getattr(run, name) for name in names}}
    return {name: printable(value) for name, value in told.items()}


def _run(row: tuple[Any, ...]) -> RunRecord:
    found = RunRecord(*row)
    try:
        environment = json.loads(row[6])
    except (ValueError, TypeError):
        environment = None
    if isinstance(environment, dict):
        return found._replace(environment=environment)
    reason = "What it ran on cannot be read."
    return found._replace(environment={}, state=DAMAGED, reason=reason)


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _value(value: object) -> object:
    """What SQLite takes: servers state numbers of any size, and texts of any kind."""
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, int):
        return max(-_LARGEST, min(value, _LARGEST))
    return printable(value) if isinstance(value, str) else value
