"""Runs as files: JSON with every sample, which can be imported elsewhere; CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from slipstream.storage import bench, bench_answers
from slipstream.storage.bench import CellRecord, MetricRow, RunRecord, SampleRow
from slipstream.storage.bench_answers import AnswerRow
from slipstream.storage.database import transaction
from slipstream.storage.errors import UsageError
from slipstream.storage.results import Connection
from slipstream.tasks.benchmarking import keep

FORMAT = 2
"""Of the JSON. 1: run, cells, each with its metrics and samples; times in ns, packed as lists.
2: a run has its series, and no longer says whether it is the baseline; a cell has its answers,
where they were judged."""

ARRAYS = ("chunk_ns", "chunk_tokens")


def to_json(connection: Connection, run: RunRecord, *, samples: bool = True) -> Any:
    """A run with all that belongs to it, as JSON values.

    Args:
        connection: To the database.
        run: Which one.
        samples: Each request as well.
    """
    found = []
    for cell in bench.cells(connection, run.id):
        told = cell._asdict()
        del told["id"]
        told["metrics"] = [row._asdict() for row in bench.metrics(connection, cell.id)]
        if samples:
            told["samples"] = [_sample(row) for row in bench.samples(connection, cell.id)]
            if judged := bench_answers.answers(connection, cell.id):
                told["answers"] = [row._asdict() for row in judged]
        found.append(told)
    whole = run._asdict() | {"suite_json": json.loads(run.suite_json)}
    tags = bench.tags(connection, run.id)
    return {"format": FORMAT, "run": whole, "tags": tags, "cells": found}


def samples_csv(connection: Connection, run: RunRecord) -> Iterator[str]:
    """Each request as a line; the moments of its chunks are joined by spaces."""
    yield _line(["benchmark", "cell", *SampleRow._fields])
    for cell in bench.cells(connection, run.id):
        for row in bench.samples(connection, cell.id):
            told = _sample(row)
            for name in ARRAYS:
                told[name] = " ".join(map(str, told[name]))
            yield _line([cell.benchmark, cell.label, *told.values()])


def metrics_csv(connection: Connection, run: RunRecord) -> Iterator[str]:
    """Each figure as a line."""
    yield _line(["benchmark", "cell", "withheld", *MetricRow._fields])
    for cell in bench.cells(connection, run.id):
        for row in bench.metrics(connection, cell.id):
            yield _line([cell.benchmark, cell.label, cell.withheld, *row])


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def from_json(connection: Connection, text: str, where: str) -> RunRecord:
    """Store a run that was exported; all of it or nothing.

    Args:
        connection: To the database.
        text: What `to_json` made.
        where: What the file is called, for messages.

    Raises:
        UsageError: It is none, of a newer format, or stored already.
    """
    try:
        value = json.loads(text, parse_constant=_no_number)
        if value["format"] > FORMAT:
            raise UsageError(f"{where} was exported by a newer Slipstream; install that.")
        told = value["run"] | {"suite_json": json.dumps(value["run"]["suite_json"])}
        told.pop("baseline", None)  # of format 1
        run = RunRecord(**told)
        cells = [_cell(cell) for cell in value["cells"]]
        tags = [str(tag) for tag in value["tags"]]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise UsageError(
            f"{where} is not a run that `slip bench export` wrote ({type(error).__name__})."
        ) from error
    if bench.run(connection, run.id):
        raise UsageError(f"Run {run.id} is stored already; delete it first to import it again.")
    bench.save_run(connection, run, publish=False)
    try:
        for record, metrics, samples, answers in cells:
            stored = bench.save_cell(connection, run.id, record)
            bench.save_metrics(connection, stored.id, metrics)
            with transaction(connection):
                for row in samples:
                    bench.add_sample(connection, stored.id, row)
                for answer in answers:
                    bench_answers.add(connection, stored.id, answer)
    except BaseException:
        bench.delete(connection, run.id)
        raise
    for tag in tags:
        bench.add_tag(connection, run.id, tag)
    return run


def _cell(
    value: Mapping[str, Any],
) -> tuple[CellRecord, list[MetricRow], list[SampleRow], list[AnswerRow]]:
    told = dict(value)
    answers = [AnswerRow(**row) for row in told.pop("answers", ())]
    metrics = [MetricRow(**row) for row in told.pop("metrics")]
    samples = []
    for row in told.pop("samples", ()):
        packed = {name: keep.packed_list(row[name]) for name in ARRAYS}
        samples.append(SampleRow(**row | packed))
    return CellRecord(id=0, **told), metrics, samples, answers


def _sample(row: SampleRow) -> dict[str, Any]:
    told = row._asdict()
    for name in ARRAYS:
        told[name] = keep.unpacked(told[name]).tolist()
    return told


def _line(values: list[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()
