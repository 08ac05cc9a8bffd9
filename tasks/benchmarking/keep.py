"""Samples and metrics as rows of the database, and back: nothing is lost on the way."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING

from slipstream.storage import bench, bench_answers, results
from slipstream.storage.bench import CellRecord, MetricRow, SampleRow
from slipstream.storage.errors import UsageError
from slipstream.tasks.benchmarking.answer import Answer
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.model import Metric, Phase, Sample, Source

if TYPE_CHECKING:
    from slipstream.tasks.benchmarking.judging import Asked
    from slipstream.tasks.benchmarking.suite import Cell


def to_row(sample: Sample) -> SampleRow:
    """The row of a sample."""
    values = sample._asdict()
    values["chunk_ns"] = packed(sample.chunk_ns)
    values["chunk_tokens"] = packed(sample.chunk_tokens)
    for name in ("phase", "source", "prompt_source"):
        values[name] = str(values[name])
    values["fault"] = str(sample.fault or "")
    return SampleRow(**values)


def to_sample(row: SampleRow) -> Sample:
    """The sample of a row."""
    values = row._asdict()
    values["chunk_ns"] = unpacked(row.chunk_ns)
    values["chunk_tokens"] = unpacked(row.chunk_tokens)
    values["phase"] = Phase(row.phase)
    values["source"] = Source(row.source)
    values["prompt_source"] = Source(row.prompt_source)
    values["fault"] = Fault(row.fault) if row.fault else None
    return Sample(**values)


def metric_row(metric: Metric) -> MetricRow:
    """The row of a metric."""
    return MetricRow(*metric)


def packed(numbers: array[int]) -> bytes:
    """Numbers as little-endian int64."""
    if sys.byteorder == "big":
        numbers = array("q", numbers)
        numbers.byteswap()
    return numbers.tobytes()


def unpacked(data: bytes) -> array[int]:
    """What `packed` made."""
    numbers = array("q")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def packed_list(numbers: list[int]) -> bytes:
    """Numbers of a list, packed.

    Raises:
        TypeError, OverflowError: They are none, or too large.
    """
    return packed(array("q", numbers))


def record(
    cell: Cell, before: CellRecord | None, withheld: str, judging: Asked | None
) -> CellRecord:
    """A cell that begins, or goes on.

    Args:
        cell: What is measured.
        before: As it was when it was cut off; None: it was not begun.
        withheld: Why its figures are not to be believed; empty: they are.
        judging: The cases that it asks, if it does.

    Raises:
        UsageError: It asked other cases before.
    """
    digest = {"cases_digest": judging.digest} if judging else {}
    if before and before.settings.get("cases_digest") != digest.get("cases_digest"):
        raise UsageError(
            f"The cases {cell.benchmark.cases} are not those that the run began with; put them "
            "back, or run them anew."
        )
    return CellRecord(
        id=0,
        position=cell.position,
        benchmark=cell.benchmark.name,
        family=cell.benchmark.family,
        label=cell.label,
        settings=json.loads(cell.benchmark.model_dump_json())
        | {"prompt_tokens": cell.prompt_tokens, "concurrency": cell.slots, "rate": cell.rate}
        | digest,
        withheld=withheld,
        sessions=before.sessions + 1 if before else 1,
        seconds=before.seconds if before else 0.0,
    )


def keeping(
    connection: results.Connection, record: CellRecord, judging: Asked | None = None
) -> tuple[frozenset[int], Callable[[Sample, Answer], None]]:
    """The numbers of a cell's measured requests, and what keeps another one, judged or not."""
    known = frozenset(
        row.number for row in bench.samples(connection, record.id) if row.phase == "measured"
    )

    def save(made: Sample, said: Answer) -> None:
        if judging is None or made.phase is not Phase.MEASURED:
            bench.add_sample(connection, record.id, to_row(made))
            return
        judged = judging.judged(made, said)
        with results.transaction(connection):
            bench.add_sample(connection, record.id, to_row(made))
            bench_answers.add(connection, record.id, judged)

    return known, save
