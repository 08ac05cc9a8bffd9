"""Samples and metrics as rows of the database, and back: nothing is lost on the way."""

from __future__ import annotations

import sys
from array import array

from slipstream.storage.bench import MetricRow, SampleRow
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.model import Metric, Phase, Sample, Source


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
