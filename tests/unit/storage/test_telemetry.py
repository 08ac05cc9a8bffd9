"""The recorder: exact whoever writes, off the caller's path, and never the caller's trouble."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from slipstream.storage import database
from slipstream.storage.config.settings import Telemetry
from slipstream.storage.telemetry import Recorder, recorder, report
from slipstream.storage.telemetry.batch import KEPT_EVENTS, LAST

PROCESSES = 4
OPERATIONS = int(os.environ.get("SLIPSTREAM_TEST_OPERATIONS", "20000"))  # of each process

WRITER = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from tests.unit.storage.test_telemetry import Event, Source
from slipstream.storage.telemetry import Recorder

source = Source()
Recorder(Path(sys.argv[1])).attach(source)
for number in range(int(sys.argv[2])):
    kind, reason = (("hit", ""), ("miss", "never stored"), ("set", ""))[number % 3]
    key = f"v1::parse::{number}"
    source.emit(Event(kind, time.time_ns(), key, "parse", "disk", number, 2, reason))
"""


class Event(NamedTuple):
    """As the store gives them."""

    kind: str
    at_ns: int
    key: str = "v1::parse::ab"
    operation: str = "parse"
    tier: str = "disk"
    latency_ns: int = 5000
    size: int = 100
    reason: str = ""


class Source:
    """What a recorder needs of a store."""

    context = ("repository", "c" * 40)
    emit: Callable[[Any], None]

    def listen(self, callback: Callable[[Any], None]) -> None:
        self.emit = callback


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def attached(home: Path, source: Source) -> Iterator[Recorder]:
    made = Recorder(home)
    made.attach(source)  # type: ignore[arg-type]
    yield made
    made.close()


def counted(home: Path) -> dict[tuple[str, str, str], int]:
    """(operation, kind, reason) → count."""
    with closing(database.connect(home)) as connection:
        return {(c.operation, c.kind, c.reason): c.amount for c in report.counters(connection)}


def test_counters_are_exact_after_several_processes(home: Path, unmeasured: None) -> None:
    """Each records and ends; nothing is flushed by hand."""
    root = str(Path(__file__).parents[3])
    command = [sys.executable, "-c", WRITER, str(home), str(OPERATIONS), root, f"{root}/typings"]
    running = [subprocess.Popen(command) for _ in range(PROCESSES)]
    assert [process.wait(120) for process in running] == [0] * PROCESSES
    expected = {
        ("parse", kind, reason): PROCESSES * len(range(first, OPERATIONS, 3))
        for first, (kind, reason) in enumerate((("hit", ""), ("miss", "never stored"), ("set", "")))
    }
    assert counted(home) == expected
    with closing(database.connect(home)) as connection:
        (by_time,) = connection.execute("SELECT sum(count) FROM telemetry_counts").fetchone()
        sums = "SELECT measure, sum(count), sum(total) FROM telemetry_buckets WHERE level = 0"
        histograms = connection.execute(f"{sums} GROUP BY measure").fetchall()
    assert by_time == PROCESSES * OPERATIONS
    latencies = PROCESSES * sum(range(OPERATIONS))
    assert histograms == [
        ("latency", PROCESSES * OPERATIONS, latencies),
        ("size", PROCESSES * OPERATIONS, PROCESSES * OPERATIONS * 2),
    ]


def test_counters_are_exact_after_several_threads(
    home: Path, source: Source, attached: Recorder
) -> None:
    """They share one recorder while it writes."""

    def work() -> None:
        for number in range(3000):
            source.emit(Event("hit" if number % 2 else "set", time.time_ns()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    attached.close()
    assert counted(home) == {("parse", "hit", ""): 6000, ("parse", "set", ""): 6000}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_writes_its_own_events_and_not_its_parents(
    home: Path, source: Source, attached: Recorder
) -> None:
    """Nothing is counted twice, nothing is lost, no lock of the parent's is waited for."""
    source.emit(Event("hit", time.time_ns()))
    child = os.fork()
    if not child:
        source.emit(Event("miss", time.time_ns()))
        attached.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    attached.close()
    assert counted(home) == {("parse", "hit", ""): 1, ("parse", "miss", ""): 1}


def test_events_are_written_by_count_and_by_time(
    home: Path, source: Source, attached: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the process goes on."""

    def wait_for(number: int) -> None:
        give_up = time.monotonic() + 20
        while sum(counted(home).values()) < number and time.monotonic() < give_up:
            time.sleep(0.02)
        assert sum(counted(home).values()) == number

    monkeypatch.setattr(recorder, "SECONDS", 60.0)
    for _ in range(recorder.MANY):
        source.emit(Event("hit", time.time_ns()))
    wait_for(recorder.MANY)
    monkeypatch.setattr(recorder, "SECONDS", 0.05)
    for _ in range(recorder.MANY):  # wakes the thread, which then has the shorter time
        source.emit(Event("hit", time.time_ns()))
    wait_for(2 * recorder.MANY)
    source.emit(Event("hit", time.time_ns()))
    wait_for(2 * recorder.MANY + 1)


def test_what_comes_after_the_end_is_written_at_once(
    home: Path, source: Source, attached: Recorder
) -> None:
    """A store may be closed after its recorder."""
    attached.close()
    source.emit(Event("evict", time.time_ns()))
    assert counted(home) == {("parse", "evict", ""): 1}


def test_a_failure_is_kept_from_the_caller_and_made_good_later(
    tmp_path: Path, source: Source, capfd: pytest.CaptureFixture[str]
) -> None:
    """Here a file stands where the data folder should be, until it does not."""
    home = tmp_path / "home"
    home.touch()
    made = Recorder(home).attach(source)  # type: ignore[arg-type]
    for _ in range(3):
        source.emit(Event("hit", time.time_ns()))
        assert not made.flush()
    home.unlink()
    source.emit(Event("hit", time.time_ns()))
    assert made.flush()
    made.close()
    assert counted(home) == {("parse", "hit", ""): 4}
    assert capfd.readouterr() == ("", "")


def test_a_roll_up_that_fails_does_not_count_anything_twice(
    home: Path, source: Source, attached: Recorder
) -> None:
    """The batch was committed before it."""
    with closing(database.connect(home)) as connection:
        connection.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON telemetry_counts WHEN new.level = 60"
            " BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    source.emit(Event("hit", time.time_ns() - 10 * 3600 * 10**9))
    assert not attached.flush()
    source.emit(Event("hit", time.time_ns()))
    assert not attached.flush()
    assert counted(home) == {("parse", "hit", ""): 2}
    with closing(database.connect(home)) as connection:
        connection.execute("DROP TRIGGER broken")


def test_a_batch_that_cannot_be_written_stays_small(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is counted by time is given up then; the counters are not."""
    monkeypatch.setattr("slipstream.storage.telemetry.batch.MAX_ROWS", 50)
    home = tmp_path / "home"
    home.touch()
    made = Recorder(home).attach(source)  # type: ignore[arg-type]
    for number in range(100):
        source.emit(Event("hit", number * 10**11))
        assert not made.flush()
    home.unlink()
    made.close()
    assert counted(home) == {("parse", "hit", ""): 100}
    with closing(database.connect(home)) as connection:
        assert connection.execute("SELECT count(*) < 60 FROM telemetry_counts").fetchone() == (1,)


def test_text_that_is_not_unicode_does_not_keep_back_the_rest(
    home: Path, source: Source, attached: Recorder
) -> None:
    """A path in a key may be anything."""
    source.emit(Event("hit", time.time_ns(), key="v1::\udc80::x", operation="\udc80"))
    assert attached.flush()
    assert counted(home) == {("?", "hit", ""): 1}


def test_a_sample_leaves_the_counters_exact(home: Path, source: Source) -> None:
    """Histograms have the share that was asked for."""
    made = Recorder(home, Telemetry(sample=0.25)).attach(source)  # type: ignore[arg-type]
    for _ in range(400):
        source.emit(Event("hit", time.time_ns()))
    made.close()
    assert counted(home) == {("parse", "hit", ""): 400}
    with closing(database.connect(home)) as connection:
        (buckets,) = report.histogram(connection, "latency").values()
    assert sum(bucket.amount for bucket in buckets) in (100, 101)


def test_the_newest_events_are_kept_one_by_one(
    home: Path, source: Source, attached: Recorder
) -> None:
    """With their key; never more than a fixed number."""
    for round_ in range(KEPT_EVENTS // LAST + 3):
        for number in range(LAST + 5):
            source.emit(Event("hit", round_ * 1000 + number, key=f"v1::parse::{number}"))
        attached.flush()
    with closing(database.connect(home)) as connection:
        (kept,) = connection.execute("SELECT count(*) FROM telemetry_events").fetchone()
        newest, *_ = report.events_of(connection, "v1::parse::7")
    assert kept == KEPT_EVENTS
    assert (newest["kind"], newest["at_ns"]) == ("hit", round_ * 1000 + 7)


def test_a_database_of_schema_0001_gets_the_tables_and_keeps_its_rows(
    home: Path, source: Source
) -> None:
    """After a back-up, by the recorder or whoever comes first."""
    from slipstream.storage import engine

    home.mkdir(mode=0o700)
    path = home / "outputs.db"
    engine.upgrade(engine.file_url(path), "0001")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("INSERT INTO audit VALUES (1, 2, 'me', 'prune', 'logs', 3, '{}')")
        connection.commit()
    made = Recorder(home).attach(source)  # type: ignore[arg-type]
    source.emit(Event("hit", time.time_ns()))
    made.close()
    assert counted(home) == {("parse", "hit", ""): 1}
    with closing(database.connect(home)) as connection:
        assert connection.execute("SELECT who, amount FROM audit").fetchone() == ("me", 3)
    (copy,) = (home / "backups").iterdir()
    assert copy.name == "outputs-0001-1.db"
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert connection.execute("SELECT count(*) FROM audit").fetchone() == (1,)
