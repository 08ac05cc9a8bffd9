"""Runs of benchmarks in the database."""

from __future__ import annotations

import sqlite3
import time

import pytest

from slipstream.storage import audit, bench, bench_baselines, bench_names
from slipstream.storage.bench import CellRecord, MetricRow, RunRecord, SampleRow
from slipstream.storage.bench_baselines import Key
from slipstream.storage.connection import Connection
from slipstream.storage.errors import AmbiguousError, NotFoundError, UsageError

RUN = RunRecord("aaaa00000001", "smoke", "{}", "http://127.0.0.1/v1", "m", 7, {"cpu": "x"})
CELL = CellRecord(0, 0, "latency", "latency", "concurrency=1", {"slots": 1})
SAMPLE = SampleRow(
    "measured", 0, 0, 0, 1, 2, 3, 200, b"\1" * 8, b"", None, 5, None, 9, 1, None, None, None,
    "server", "server", "stop", "", "",
)  # fmt: skip


@pytest.fixture
def connection(results_connection: Connection) -> Connection:
    return results_connection


def saved(connection: Connection, *ids: str, **more: object) -> None:
    for identity in ids:
        bench.save_run(connection, RUN._replace(id=identity, **more))  # type: ignore[arg-type]


def test_what_was_saved_comes_back(connection: Connection) -> None:
    bench.save_run(connection, RUN)
    cell = bench.save_cell(connection, RUN.id, CELL)
    assert bench.add_sample(connection, cell.id, SAMPLE)
    metric = MetricRow("ttft", "p50", "ms", "lower", 50.25, 49.0, None, 10)
    bench.save_metrics(connection, cell.id, [metric])
    assert bench.run(connection, RUN.id) == RUN
    assert bench.runs(connection) == [RUN]
    assert bench.runs(connection, suite="other") == bench.runs(connection, model="other") == []
    assert bench.cells(connection, RUN.id) == [cell]
    assert list(bench.samples(connection, cell.id)) == [SAMPLE]
    assert bench.metrics(connection, cell.id) == [metric]
    assert bench.run(connection, "none") is None


def test_a_change_takes_the_place_of_what_was_there(connection: Connection) -> None:
    bench.save_run(connection, RUN)
    cell = bench.save_cell(connection, RUN.id, CELL)
    bench.add_sample(connection, cell.id, SAMPLE)
    done = RUN._replace(state="done", ended_ns=5)
    bench.save_run(connection, done)
    again = bench.save_cell(connection, RUN.id, CELL._replace(state="done"))
    assert again.id == cell.id
    assert bench.run(connection, RUN.id) == done
    assert len(list(bench.samples(connection, cell.id))) == 1
    assert audit.entries(connection)[0].action == "bench run"


def test_a_request_is_counted_once(connection: Connection) -> None:
    """By its phase and number, whatever else is said of it the second time."""
    bench.save_run(connection, RUN)
    cell = bench.save_cell(connection, RUN.id, CELL).id
    assert bench.add_sample(connection, cell, SAMPLE)
    assert not bench.add_sample(connection, cell, SAMPLE._replace(session=1, sent_ns=9))
    assert bench.add_sample(connection, cell, SAMPLE._replace(phase="warmup"))
    assert [s.sent_ns for s in bench.samples(connection, cell)] == [2, 2]


def test_what_requests_have_is_counted(connection: Connection) -> None:
    """Faults, sources, and where two counts of tokens disagree; of measured requests alone."""
    bench.save_run(connection, RUN)
    cell = bench.save_cell(connection, RUN.id, CELL).id
    for number, counted in enumerate([1, 2, None]):
        row = SAMPLE._replace(number=number, counted_tokens=counted, fault="html" * (number > 0))
        bench.add_sample(connection, cell, row)
    bench.add_sample(connection, cell, SAMPLE._replace(phase="warmup", fault="empty"))
    assert bench.tally(connection, cell, "fault") == {"html": 2}
    assert bench.tally(connection, cell, "source") == {"server": 3}
    assert bench.disagreeing(connection, cell) == (1, 1)


def test_what_a_server_says_is_kept_whatever_it_is(connection: Connection) -> None:
    """Numbers of any size and texts of any kind."""
    bench.save_run(connection, RUN)
    cell = bench.save_cell(connection, RUN.id, CELL).id
    bench.add_sample(connection, cell, SAMPLE._replace(prompt_tokens=10**30, detail="\ud800\0x"))
    (found,) = bench.samples(connection, cell)
    nul = "\0" if isinstance(connection, sqlite3.Connection) else "\N{SYMBOL FOR NULL}"
    assert (found.prompt_tokens, found.detail) == (2**63 - 1, f"?{nul}x")


def test_deleting_a_run_deletes_all_of_it(connection: Connection) -> None:
    bench.save_run(connection, RUN)
    cell = bench.save_cell(connection, RUN.id, CELL).id
    bench.add_sample(connection, cell, SAMPLE)
    bench.add_tag(connection, RUN.id, "nightly")
    bench.delete(connection, RUN.id)
    for table in ("runs", "cells", "samples", "tags"):
        assert connection.execute(f"SELECT count(*) FROM bench_{table}").fetchone() == (0,)
    assert audit.entries(connection)[0].action == "bench delete"


def test_old_runs_go_and_baselines_tagged_and_running_ones_stay(
    connection: Connection,
) -> None:
    now = time.time_ns()
    ids = ["aa0", "aa1", "aa2", "aa3", "aa4"]
    saved(connection, *ids, state="done", started_ns=now - 91 * bench.DAY_NS)
    saved(connection, "aa3", started_ns=0)
    saved(connection, "aa4", state="done", started_ns=now)
    bench_baselines.set_(connection, Key("smoke", "m", "here"), ["aa1"])
    bench.add_tag(connection, "aa2", "v1")
    assert bench.prune(connection, 90) == ["aa0"]
    assert {run.id for run in bench.runs(connection)} == {"aa1", "aa2", "aa3", "aa4"}


def test_a_tag_belongs_to_one_run_at_a_time(connection: Connection) -> None:
    saved(connection, "aa0", "aa1")
    for run in ("aa0", "aa1"):
        bench.add_tag(connection, run, "v1")
    assert (bench.tags(connection, "aa0"), bench.tags(connection, "aa1")) == ([], ["v1"])
    assert bench_names.resolve(connection, "v1").id == "aa1"
    assert bench.remove_tag(connection, "v1")
    assert not bench.remove_tag(connection, "v1")
    with pytest.raises(NotFoundError):
        bench_names.resolve(connection, "v1")


def test_runs_are_found_by_every_name_they_have(connection: Connection) -> None:
    noon = int(time.mktime((2026, 3, 29, 12, 0, 0, 0, 0, -1))) * 10**9
    saved(connection, "ab1200000000", started_ns=noon - bench.DAY_NS)
    saved(connection, "ab3400000000", "ab3500000000", started_ns=noon)
    for name, run in {
        "latest": "ab3500000000",
        "latest~0": "ab3500000000",
        "latest~2": "ab1200000000",
        "ab1": "ab1200000000",
        "AB12": "ab1200000000",
        "ab3400000000": "ab3400000000",
        "2026-03-29": "ab3500000000",
        "2026-03-28": "ab1200000000",
    }.items():
        assert bench_names.resolve(connection, name).id == run, name


def test_a_name_that_fits_none_or_several_is_an_error(connection: Connection) -> None:
    with pytest.raises(NotFoundError, match="No run is stored yet"):
        bench_names.resolve(connection)
    saved(connection, "ab1200000000", "ab3400000000", "ab3500000000", "ab3600000000")
    with pytest.raises(NotFoundError, match="not 5 runs"):
        bench_names.resolve(connection, "latest~4")
    with pytest.raises(AmbiguousError, match=r"ab12.*, …; give more digits"):
        bench_names.resolve(connection, "ab")
    for name in ("ff", "nightly", "", "2026-01-01"):
        with pytest.raises(NotFoundError):
            bench_names.resolve(connection, name)
    with pytest.raises(UsageError, match="calendar"):
        bench_names.resolve(connection, "2026-13-01")


@pytest.mark.parametrize(
    "name", ["", "a b", "-x", "x" * 65, "latest", "baseline", "2026-01-01", "a" * 12]
)
def test_a_tag_that_means_something_else_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        bench_names.check_tag(name)


def test_ordinary_names_are_tags() -> None:
    for name in ("v1.2", "nightly", "vllm/0.9"):
        bench_names.check_tag(name)
