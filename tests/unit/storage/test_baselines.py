"""Baselines and series in the database, the names that mean them, and the older marks."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from slipstream.storage import audit, bench, bench_baselines, bench_names, engine, results
from slipstream.storage.bench import RunRecord
from slipstream.storage.bench_baselines import Key
from slipstream.storage.connection import Connection
from slipstream.storage.database import connect
from slipstream.storage.errors import NotFoundError, UsageError
from slipstream.tasks.benchmarking import baselines
from slipstream.tasks.benchmarking.environment import fingerprint, machine

HERE = {"cpu": "x", "cores": 2, "memory_bytes": 8 * 2**30, "gpu": ["g"], "system": "Linux-6.1-a"}
RUN = RunRecord(
    "aaaa00000001", "smoke", "{}", "http://127.0.0.1/v1", "m", 7, HERE, "d", "done", "",
    started_ns=5, ended_ns=6,
)  # fmt: skip
KEY = Key("smoke", "m", fingerprint(HERE))
SERIES = "5e51e5000000"


@pytest.fixture
def connection(results_connection: Connection) -> Connection:
    return results_connection


def saved(connection: Connection, *ids: str, **more: object) -> None:
    for identity in ids:
        bench.save_run(connection, RUN._replace(id=identity, **more))  # type: ignore[arg-type]


def ids(found: list[RunRecord]) -> list[str]:
    return [run.id for run in found]


def test_a_baseline_takes_the_place_of_the_one_of_its_suite_model_and_machine(
    connection: Connection,
) -> None:
    saved(connection, "aa0", "aa1", "aa2")
    other = KEY._replace(model="other")
    assert bench_baselines.set_(connection, KEY, ["aa0"]).runs == ("aa0",)
    bench_baselines.set_(connection, other, ["aa0"])
    bench_baselines.set_(connection, KEY, ["aa2", "aa1", "aa2"])
    assert [(b.key, b.runs) for b in bench_baselines.all_(connection)] == [
        (KEY, ("aa1", "aa2")),
        (other, ("aa0",)),
    ]
    assert bench_baselines.get(connection, KEY._replace(suite="none")) is None
    assert bench_baselines.remove(connection, KEY)
    assert not bench_baselines.remove(connection, KEY)
    assert [entry.action for entry in audit.entries(connection, 2)] == [
        "bench baseline rm",
        "bench baseline set",
    ]


def test_a_baseline_of_a_run_that_is_not_there_is_refused_whole(
    connection: Connection,
) -> None:
    saved(connection, "aa0")
    bench_baselines.set_(connection, KEY, ["aa0"])
    with pytest.raises(results.Error):
        bench_baselines.set_(connection, KEY, ["aa0", "gone"])
    found = bench_baselines.get(connection, KEY)
    assert found
    assert found.runs == ("aa0",)


def test_a_baseline_goes_with_its_last_run(connection: Connection) -> None:
    saved(connection, "aa0", "aa1")
    bench_baselines.set_(connection, KEY, ["aa0", "aa1"])
    bench.delete(connection, "aa0")
    assert bench_names.baseline(connection).runs == ("aa1",)
    bench.delete(connection, "aa1")
    assert connection.execute("SELECT count(*) FROM bench_baselines").fetchone() == (0,)
    with pytest.raises(NotFoundError, match="baseline set"):
        bench_names.resolve(connection, "baseline")


def test_runs_of_baselines_and_of_tagged_series_are_kept_for_ever(
    connection: Connection,
) -> None:
    old = time.time_ns() - 91 * bench.DAY_NS
    saved(connection, "aa0", "aa1", started_ns=old)
    saved(connection, "bb0", "bb1", started_ns=old, series=SERIES)
    saved(connection, "cc0", "cc1", started_ns=old, series="0" * 12)
    bench_baselines.set_(connection, KEY, ["aa1"])
    bench.add_tag(connection, "bb1", "nightly", whole=True)
    bench.add_tag(connection, "cc1", "one")
    assert bench.prune(connection, 90) == ["aa0", "cc0"]
    assert ids(bench.runs(connection)) == ["cc1", "bb1", "bb0", "aa1"]


def test_a_series_is_named_by_its_tag_its_id_or_as_the_latest(
    connection: Connection,
) -> None:
    saved(connection, "aa0", "aa1", series=SERIES)
    saved(connection, "bb0")
    saved(connection, "cc0", "cc1", series="0" * 12, started_ns=bench.DAY_NS)
    bench.add_tag(connection, "aa1", "nightly", whole=True)
    bench.add_tag(connection, "aa1", "nightly-2")
    day = time.strftime("%Y-%m-%d", time.localtime(bench.DAY_NS / 1e9))
    for name, runs in {
        "latest": ["cc0", "cc1"],
        "latest~1": ["bb0"],
        "latest~2": ["aa0", "aa1"],
        "nightly": ["aa0", "aa1"],
        "nightly-2": ["aa1"],
        f"series:{SERIES}": ["aa0", "aa1"],
        "aa1": ["aa1"],
        day: ["cc0", "cc1"],
    }.items():
        assert ids(bench_names.together(connection, name)) == runs, name
    assert bench_names.resolve(connection, f"series:{SERIES}").id == "aa1"
    for name in ("series:", "series:ff", "latest~3"):
        with pytest.raises(NotFoundError):
            bench_names.together(connection, name)


def test_baseline_means_that_of_the_suite_model_and_machine_else_the_newest(
    connection: Connection,
) -> None:
    saved(connection, "aa0", "aa1", "bb0")
    bench_baselines.set_(connection, KEY, ["aa0", "aa1"])
    bench_baselines.set_(connection, KEY._replace(suite="full"), ["bb0"])
    assert ids(bench_names.together(connection, "baseline", KEY)) == ["aa0", "aa1"]
    for key in (None, KEY._replace(model="other")):
        assert ids(bench_names.together(connection, "baseline", key)) == ["bb0"]
    assert bench_names.resolve(connection, "baseline").id == "bb0"


def test_runs_with_not_all_in_common_are_no_baseline(connection: Connection) -> None:
    saved(connection, "aa0")
    for other, what in (
        (RUN._replace(suite="full"), "suite"),
        (RUN._replace(model="other"), "model"),
        (RUN._replace(environment=HERE | {"cores": 4}), "machine"),
        (RUN._replace(state="cancelled"), "end"),
    ):
        with pytest.raises(UsageError, match=what):
            baselines.set_(connection, [RUN, other._replace(id="aa1")])
    assert bench_baselines.all_(connection) == []


def test_a_machine_is_known_by_its_hardware_and_not_by_its_versions() -> None:
    about = machine()
    same = about | {"python": "CPython 9", "clients": {}, "clock": {}}
    assert fingerprint(same) == fingerprint(json.loads(json.dumps(about)))
    assert fingerprint(HERE) == fingerprint(
        HERE | {"system": "Linux-7.0-b", "memory_bytes": 8 * 2**30 - 2**27}
    )
    assert len({fingerprint(a) for a in ({}, HERE, HERE | {"cpu": "y"}, HERE | {"gpu": []})}) == 4


def test_the_run_that_was_marked_before_becomes_the_baseline_of_its_machine(home: Path) -> None:
    home.mkdir(mode=0o700)
    path = home / "outputs.db"
    engine.upgrade(engine.file_url(path), "0003")
    with closing(sqlite3.connect(path)) as connection:
        names = "id, suite, suite_json, base_url, model, seed, digest, state, reason, environment"
        connection.executemany(
            f"INSERT INTO bench_runs ({names}, baseline, started_ns)"
            " VALUES (?, 'smoke', '{}', '', 'm', 1, '', 'done', '', ?, ?, 5)",
            [("aa0", json.dumps(HERE), False), ("aa1", json.dumps(HERE), True)],
        )
        connection.commit()
    with closing(connect(home)) as connection:
        (found,) = bench_baselines.all_(connection)
        assert (found.key, found.runs, found.set_ns) == (KEY, ("aa1",), 5)
        assert bench.tags(connection, "aa1") == []
