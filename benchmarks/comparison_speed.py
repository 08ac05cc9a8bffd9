"""How long a comparison of two large runs takes, once everything is imported.

python benchmarks/comparison_speed.py                     # 100,000 requests of 64 chunks each
python benchmarks/comparison_speed.py --requests 10000
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

import numpy as np

from slipstream.storage import bench, database
from slipstream.storage.bench import CellRecord, MetricRow, RunRecord
from slipstream.storage.connection import Connection
from slipstream.storage.database import transaction
from slipstream.tasks.benchmarking import statistics
from slipstream.tasks.benchmarking.compare.compare import compare
from slipstream.tasks.benchmarking.compare.sides import side

RUNS = ("aaaaaaaaaaaa", "bbbbbbbbbbbb")
CHUNKS = 64
MS = 1_000_000  # ns
ROUNDS = 7


def make(connection: Connection, run: str, requests: int, seed: int) -> None:
    """A run of one cell, as `slip bench run` keeps it."""
    chance = np.random.default_rng(seed)
    record = RunRecord(run, "large", "{}", "http://127.0.0.1/v1", "m", 1, {}, "d", state="done")
    bench.save_run(connection, record)
    cell = bench.save_cell(
        connection, run, CellRecord(0, 0, "chat", "latency", "concurrency=64", {}, state="done")
    )
    firsts = np.exp(chance.normal(np.log(50), 0.15, requests)) * MS
    gaps = np.exp(chance.normal(np.log(10), 0.05, requests)) * MS
    chunks = (firsts[:, None] + gaps[:, None] * np.arange(CHUNKS)).astype("<i8")

    def rows() -> Iterator[tuple[object, ...]]:
        for number in range(requests):
            sent, own = number * MS, chunks[number]
            yield (
                cell.id, "measured", number, 0, 0, sent, sent, sent + int(own[-1]), 200,
                own.tobytes(), b"", None, int(own[0]), None, 128, CHUNKS, None, None, None,
                "server", "server", "stop", "", "",
            )  # fmt: skip

    names = ", ".join(bench.SampleRow._fields)
    marks = ", ".join("?" * (1 + len(bench.SampleRow._fields)))
    with transaction(connection):
        connection.executemany(
            f"INSERT INTO bench_samples (cell_id, {names}) VALUES ({marks})", rows()
        )
    figures = []
    for name, values in (("ttft", firsts / MS), ("tpot", gaps / MS), ("e2e", chunks[:, -1] / MS)):
        for q, found in statistics.summarise(values).percentiles.items():
            figures.append(MetricRow(name, f"p{q:g}", "ms", "lower", *found, requests))
    bench.save_metrics(connection, cell.id, figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=100_000)
    requests = parser.parse_args().requests
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(database.connect(Path(folder))) as connection,
    ):
        for seed, run in enumerate(RUNS):
            make(connection, run, requests, seed)
        took: list[float] = []
        work: list[float] = []
        for _ in range(ROUNDS):
            begun, worked = time.perf_counter(), time.process_time()
            base = side(connection, RUNS[0])
            made = compare(connection, base, [side(connection, RUNS[1], base)])
            took.append((time.perf_counter() - begun) * 1e3)
            work.append((time.process_time() - worked) * 1e3)
        tested = sum(change.primary for change in made.candidates[0].changes)
        print(
            f"2 x {requests:,} requests of {CHUNKS} chunks, {tested} metrics tested: "
            f"{min(took[1:]):.0f} ms at best, {median(took[1:]):.0f} in the median of {ROUNDS - 1} "
            f"({min(work[1:]):.0f} ms of processor time); the first {took[0]:.0f}, with imports"
        )


if __name__ == "__main__":
    main()
