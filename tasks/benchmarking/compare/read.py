"""Runs as a comparison needs them: figures, times of requests, answers; only the columns needed.

The times of 100,000 requests are read in a quarter of the time that it takes to make them samples:
of a request's chunks the first and the last are asked for, and their bytes become numbers at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from slipstream.storage import bench
from slipstream.storage.bench import RunRecord
from slipstream.storage.bench_answers import PENDING
from slipstream.storage.connection import Connection
from slipstream.tasks.benchmarking.faults import Fault, failed
from slipstream.tasks.benchmarking.model import Metric
from slipstream.tasks.benchmarking.tools.model import Layer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

MS = 1e6  # nanoseconds
TIMES = ("ttft", "tpot", "e2e")
_FAILED = tuple(str(fault) for fault in Fault if failed(fault))
_MARKS = ", ".join("?" * len(_FAILED))
_NUMBER = 8  # bytes of a packed one
PIECE = 500  # requests


class Damaged(Exception):
    """A run's rows do not decode; the sentence says which."""


class Times(NamedTuple):
    """Times of the requests that did not fail, in ms; NaN where a request has none.

    Attributes:
        number: Of each request.
        ttft: First token.
        tpot: Per output token.
        e2e: End of the answer.
    """

    number: NDArray[np.int64]
    ttft: Floats
    tpot: Floats
    e2e: Floats


class Cell(NamedTuple):
    """A cell with its figures.

    Attributes:
        id: In the database.
        state: Such as `done`.
        withheld: Why its figures are not to be believed; empty: they are.
        metrics: By name and statistic.
        times: Of its requests; None: they were not asked for.
    """

    id: int
    state: str
    withheld: str
    metrics: dict[tuple[str, str], Metric]
    times: Times | None


class Run(NamedTuple):
    """A run with its cells, by benchmark and label, in their order."""

    record: RunRecord
    cells: dict[tuple[str, str], Cell]


class Answers(NamedTuple):
    """How a case was answered: right ones, of how many."""

    right: int
    of: int


def run(connection: Connection, identity: str, requests: bool = False) -> Run:
    """A run with its figures.

    Args:
        connection: To the results.
        identity: Its id.
        requests: With the times of its requests.

    Raises:
        Damaged: Its rows do not decode, or it is gone.
    """
    record = bench.run(connection, identity)
    if record is None:
        raise Damaged(f"Run {identity} is no longer there and was left out.")
    if record.state == bench.DAMAGED:
        raise Damaged(f"Run {identity} is damaged and was left out. {record.reason}")
    cells: dict[tuple[str, str], Cell] = {}
    by_id: dict[int, Cell] = {}
    listed = connection.execute(
        "SELECT id, benchmark, label, state, withheld FROM bench_cells"
        " WHERE run_seq = (SELECT seq FROM bench_runs WHERE id = ?) ORDER BY position",
        (identity,),
    ).fetchall()
    for cell, benchmark, label, state, withheld in listed:
        try:
            found = times(connection, cell) if requests else None
        except ValueError as error:
            raise Damaged(
                f"Run {identity} is damaged (requests of {benchmark} {label}: {error}) and was "
                "left out."
            ) from error
        cells[benchmark, label] = by_id[cell] = Cell(cell, state, withheld, {}, found)
    rows = connection.execute(
        "SELECT cell_id, name, statistic, unit, direction, value, low, high, size"
        " FROM bench_metrics WHERE cell_id IN (SELECT id FROM bench_cells"
        " WHERE run_seq = (SELECT seq FROM bench_runs WHERE id = ?)) ORDER BY id",
        (identity,),
    )
    for cell, *values in rows:
        metric = Metric(*values)
        if not _sound(metric):
            raise Damaged(
                f"Run {identity} is damaged (the figure {metric.name} {metric.statistic}) and was "
                "left out."
            )
        by_id[cell].metrics[metric.name, metric.statistic] = metric
    return Run(record, cells)


def _sound(metric: Metric) -> bool:
    """Whether a row holds what it should; SQLite keeps any type in any column."""
    texts = all(isinstance(text, str) for text in metric[:3])
    ends = all(end is None or isinstance(end, int | float) for end in (metric.low, metric.high))
    known = metric.direction in ("lower", "higher", "none")
    # SQLite has no NaN: it keeps NULL in its place
    value = metric.value is None or isinstance(metric.value, int | float)
    return texts and ends and known and value and isinstance(metric.size, int)


def times(connection: Connection, cell: int) -> Times:
    """The times of the measured requests of a cell.

    Raises:
        ValueError: They do not decode.
    """
    import numpy as np

    rows = connection.execute(
        "SELECT number, ended_ns - sent_ns, output_tokens, length(chunk_ns),"
        " substr(chunk_ns, 1, 8), substr(chunk_ns, length(chunk_ns) - 7, 8),"
        " substr(chunk_tokens, 1, 8) FROM bench_samples"
        f" WHERE cell_id = ? AND phase = 'measured' AND fault NOT IN ({_MARKS})",
        (cell, *_FAILED),
    )
    found = [Times(np.empty(0, np.int64), *[np.empty(0)] * 3)]
    try:
        # in pieces, whose memory is used again while it is still in the processor's cache
        for piece in iter(lambda: list(islice(iter(rows), PIECE)), []):
            found.append(_times(piece))
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error
    return Times(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _times(rows: Sequence[tuple[Any, ...]]) -> Times:
    import numpy as np

    numbers, lasted, tokens, lengths, first, last, told = zip(*rows, strict=True)
    length = np.array(lengths, np.int64)
    if (length % _NUMBER).any():
        raise ValueError("chunks of half a number")
    begun, ended = _unpacked(first, length > 0), _unpacked(last, length > 0)
    out = np.array(tokens, np.float64)  # NaN for None
    chunks = np.maximum(length // _NUMBER, 1)
    in_first = np.maximum(1.0, np.nan_to_num(out) / chunks)
    if any(told):
        has = np.array([bool(data) for data in told])
        in_first[has] = _unpacked(told, has)[has]
    after = out - in_first
    per = np.full(len(rows), np.nan)
    sound = (after > 0) & (chunks > 1)
    per[sound] = (ended - begun)[sound] / after[sound] / MS
    return Times(np.array(numbers, np.int64), begun / MS, per, np.array(lasted, np.int64) / MS)


def _unpacked(pieces: Iterable[bytes | None], has: NDArray[np.bool_]) -> Floats:
    """Packed numbers, one for each place that has one; NaN elsewhere."""
    import numpy as np

    found = np.full(has.size, np.nan)
    found[has] = np.frombuffer(b"".join(filter(None, pieces)), dtype="<i8")
    return found


def answers(connection: Connection, cells: Sequence[int]) -> dict[str, Answers]:
    """The answers of cells, by case, without requests that failed and what is not judged yet."""
    if not cells:
        return {}
    rows = connection.execute(
        "SELECT case_id, sum(CASE WHEN layer = 'right' THEN 1 ELSE 0 END), count(*)"
        f" FROM bench_answers WHERE cell_id IN ({', '.join('?' * len(cells))})"
        " AND layer NOT IN (?, ?) GROUP BY case_id ORDER BY case_id",
        (*cells, Layer.FAILED, PENDING),
    )
    return {case: Answers(int(right), count) for case, right, count in rows}
