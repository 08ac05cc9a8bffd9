"""Runs made for tests: samples with known noise, kept and computed as a real run's are."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from slipstream.storage import bench
from slipstream.storage.bench import CellRecord, RunRecord
from slipstream.storage.bench_answers import AnswerRow, add
from slipstream.storage.connection import Connection
from slipstream.storage.database import transaction
from slipstream.tasks.benchmarking import keep, metrics, statistics
from slipstream.tasks.benchmarking.faults import Fault
from slipstream.tasks.benchmarking.model import Direction, Metric, Phase, Sample, Source

MINUTE = 60 * 10**9
MACHINE = {"cpu": "Example 1", "cores": 8, "memory_bytes": 16 << 30, "system": "Linux-6.1"}


def sample(number: int, ttft: float, gap: float, tokens: int = 8, failed: bool = False) -> Sample:
    """A request that began with its run; times in ms."""
    chunks = array("q", [round((ttft + gap * place) * 1e6) for place in range(tokens)])
    sent = 1 + number * 10**9
    return Sample(
        number=number, phase=Phase.MEASURED, worker=0, intended_ns=sent, sent_ns=sent,
        ended_ns=sent + chunks[-1], status=200, chunk_ns=chunks, chunk_tokens=array("q"),
        prompt_tokens=16, output_tokens=tokens, source=Source.SERVER,
        fault=Fault.SERVER_ERROR if failed else None,
    )  # fmt: skip


def samples(
    seed: int, count: int = 40, ttft: float = 50.0, gap: float = 50.0, spread: float = 0.05,
    run: float = 0.0, failed: int = 0,
) -> list[Sample]:  # fmt: skip
    """Requests with log-normal noise, of a run with an effect of its own.

    Args:
        seed: Of all chances.
        count: How many.
        ttft: Median time to first token, ms.
        gap: Median time per token, ms.
        spread: Standard deviation of the logarithms.
        run: The same of the run's own effect.
        failed: How many of them fail.
    """
    chance = np.random.default_rng(seed)
    level = np.exp(run * chance.normal())
    firsts = ttft * level * np.exp(spread * chance.normal(size=count))
    gaps = gap * level * np.exp(spread * chance.normal(size=count))
    return [
        sample(place, float(first), float(each), failed=place < failed)
        for place, (first, each) in enumerate(zip(firsts, gaps, strict=True))
    ]


def run(
    connection: Connection,
    identity: str,
    cells: Mapping[str, Sequence[Sample]],
    *,
    at: int = 0,
    environment: Mapping[str, Any] | None = None,
    **more: Any,
) -> RunRecord:
    """Keep a run with its cells, by label.

    Args:
        connection: To the results.
        identity: Its id.
        cells: Requests by the cell's label.
        at: When it began, in minutes.
        environment: Instead of what MACHINE has.
        more: Other fields of the run.
    """
    fields: dict[str, Any] = {"suite": "smoke", "suite_json": "{}", "model": "m", "seed": 1}
    fields |= {"base_url": "http://127.0.0.1/v1", "digest": "d", "state": "done"} | more
    record = RunRecord(
        id=identity, environment=MACHINE | dict(environment or {}), started_ns=1 + at * MINUTE,
        ended_ns=MINUTE, **fields,
    )  # fmt: skip
    bench.save_run(connection, record)
    for position, (label, found) in enumerate(cells.items()):
        cell = CellRecord(0, position, "chat", "latency", label, {}, state="done")
        cell = bench.save_cell(connection, identity, cell)
        with transaction(connection):
            for one in found:
                bench.add_sample(connection, cell.id, keep.to_row(one))
        bench.save_metrics(connection, cell.id, map(keep.metric_row, figures(found)))
    return record


def figures(found: Sequence[Sample]) -> list[Metric]:
    """Some of those that a run has: the bootstrap of the others would take a test's whole time."""
    made = []
    for name in ("ttft", "tpot", "e2e", "completion_tokens"):
        values = metrics.values(found, name).values
        if values.size:
            way: Direction = "none" if name == "completion_tokens" else "lower"
            made += metrics.as_metrics(name, "ms", way, statistics.summarise(values))
    if found:
        rate = 1e3 * len(found) / sum(sample.ended_ns - sample.sent_ns for sample in found)
        ends = (rate, rate * 0.99, rate * 1.01)
        made.append(Metric("output_tokens", "value", "tokens/s", "higher", *ends, len(found)))
        share = statistics.wilson(sum(not sample.good for sample in found), len(found))
        made.append(Metric("error_rate", "value", "share", "lower", *share, len(found)))
    return made


def judged(connection: Connection, identity: str, right: Sequence[bool], **more: Any) -> None:
    """Keep a run of a benchmark of tool calls, one answer a case."""
    run(connection, identity, {"concurrency=4": []}, **more)
    (cell,) = bench.cells(connection, identity)
    for place, good in enumerate(right):
        layer = "right" if good else "value"
        row: dict[str, Any] = dict.fromkeys(AnswerRow._fields, "") | {
            "number": place, "case_id": f"case-{place}", "attempt": 0, "score": float(good),
            "layer": layer, "expected": "[]", "actual": "[]",
        }  # fmt: skip
        add(connection, cell.id, AnswerRow(**row))
    share = statistics.wilson(sum(right), len(right))
    metric = Metric("accuracy", "value", "share", "higher", *share, len(right))
    bench.save_metrics(connection, cell.id, [keep.metric_row(metric)])
