"""The outbox, and what events say."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipstream.storage import audit, bench, bench_comparisons, database, events
from slipstream.storage.bench import RunRecord
from slipstream.storage.bench_comparisons import ComparisonRecord
from slipstream.storage.bus import model
from slipstream.storage.bus.model import BenchmarkComplete, CacheHit
from slipstream.storage.cache import open_cache
from slipstream.storage.connection import Connection
from slipstream.storage.telemetry import Recorder
from slipstream.tasks.summarization.model import Outcome
from slipstream.tasks.summarization.produce import Request, summarise_chunks

RUN = RunRecord("aaaa00000001", "smoke", "{}", "http://127.0.0.1/v1", "m", 7, {"cpu": "x"})
FIELDS: dict[str, Any] = {
    "event": "e", "at_ns": 1, "run": "r", "suite": "s", "model": "m", "server": "u",
    "state": "done", "reason": "",
}  # fmt: skip


@pytest.fixture
def connection(home: Path) -> Iterator[sqlite3.Connection]:
    with closing(database.connect(home)) as opened:
        yield opened


def test_what_was_published_waits_in_its_order_until_it_is_delivered(
    results_connection: Connection,
) -> None:
    """In the outbox of SQLite and in that of PostgreSQL."""
    for number in range(3):
        events.emit(results_connection, f"E{number}", {"n": number})
    found = events.pending(results_connection)
    assert [row.name for row in found] == ["E0", "E1", "E2"]
    assert len({row.id for row in found}) == 3
    assert events.waiting(results_connection) == {"E0": 1, "E1": 1, "E2": 1}
    events.mark_delivered(results_connection, [found[1].number])
    assert [row.name for row in events.pending(results_connection, 1)] == ["E0"]
    assert [row.name for row in events.pending(results_connection)] == ["E0", "E2"]
    assert [row.delivered for row in events.newest(results_connection, 2)] == [True, False]
    assert [row.name for row in events.newest(results_connection, 2, "E0")] == ["E0"]


def test_an_event_goes_with_the_transaction_that_caused_it(connection: sqlite3.Connection) -> None:
    def publish_and_fail() -> None:
        with database.transaction(connection):
            events.emit(connection, "E", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        publish_and_fail()
    assert events.pending(connection) == []


def test_the_outbox_is_bounded(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody relays, the oldest go."""
    monkeypatch.setattr(events, "KEPT", 250)
    with database.transaction(connection):
        for number in range(3000):
            events.emit(connection, "E", {"n": number})
    kept = [json.loads(row.payload)["n"] for row in events.pending(connection, 9999)]
    assert kept == list(range(3000 - len(kept), 3000))
    assert 250 <= len(kept) < 2500  # it is trimmed now and then, by chance


def test_an_event_from_before_they_had_ids_has_one_all_the_same(
    connection: sqlite3.Connection,
) -> None:
    connection.execute(
        "INSERT INTO events (at_ns, name, payload, delivered) VALUES (255, 'E', '{}', 0)"
    )
    assert events.pending(connection)[0].id == "00000000000000ff"


def test_every_publisher_says_what_the_events_are_described_to_say(home: Path) -> None:
    """Publishers on which a command waits do not import the description."""
    from slipstream.storage.config.settings import DEFAULTS

    summarise_chunks([b"error: x\n"], home, DEFAULTS, Request(("make",)), Outcome(2))
    with open_cache(home) as store, closing(database.connect(home)) as connection:
        recorder = Recorder(home).attach(store)
        store.set("v1::a::b", b"value")
        assert store.get("v1::a::b")
        assert store.get("v1::a::c") is None
        assert recorder.flush()
        recorder.close()
        audit.removed_from_cache(connection, "cache.clear", "all entries", 5, {"entries": 1})
        bench.save_run(connection, RUN)  # it runs: nothing is complete
        bench.save_run(connection, RUN._replace(state="stopped", reason="\ud800"))
        bench.save_run(connection, RUN._replace(id="i", state="done"), publish=False)
        made = ComparisonRecord("c", "baseline", ("aa0", "aa1"), "smoke", "major", 1, "{}")
        bench_comparisons.save(connection, made)
        bench_comparisons.save(connection, made._replace(id="d", worst=""))  # no regression
        rows = events.pending(connection)
    found = [model.parse(r.name, {**json.loads(r.payload), "at_ns": r.at_ns}) for r in rows]
    assert [type(event).__name__ for event in found] == [
        "OutputGenerated", "SummaryCreated", "CacheHit", "CacheMiss", "CacheInvalidated",
        "BenchmarkComplete", "RegressionDetected",
    ]  # fmt: skip
    assert [event.event for event in found] == [row.id for row in rows]
    hit, complete = found[2], found[5]
    assert isinstance(hit, CacheHit)
    assert isinstance(complete, BenchmarkComplete)
    assert (hit.count, hit.size, hit.total, hit.total_size) == (1, 5, 1, 5)
    assert hit.origin == events.origin(home)
    assert (complete.run, complete.state, complete.reason) == (RUN.id, "stopped", "?")


def test_hits_and_misses_are_published_once_for_each_batch_with_the_sums_so_far(
    home: Path,
) -> None:
    """A hit waits for no event, and an event which comes twice adds nothing."""
    with open_cache(home) as store, closing(database.connect(home)) as connection:
        recorder = Recorder(home).attach(store)
        store.set("v1::a::b", b"1234")
        for batch in (3, 2):
            for _ in range(batch):
                store.get("v1::a::b")
            recorder.flush()
        recorder.flush()
        rows = [json.loads(row.payload) for row in events.pending(connection)]
    told = [(row["count"], row["size"], row["total"], row["total_size"]) for row in rows]
    assert told == [(3, 12, 3, 12), (2, 8, 5, 20)]


@pytest.mark.parametrize(
    ("name", "change"),
    [("NoSuch", {}), ("BenchmarkComplete", {"version": 2}), ("BenchmarkComplete", {"run": None})],
    ids=["name", "version", "field"],
)
def test_what_is_not_known_here_is_no_event(name: str, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"known here|valid string"):
        model.parse(name, FIELDS | change)


@given(st.dictionaries(st.text(), st.integers()))
def test_fields_that_are_added_later_do_not_disturb(more: dict[str, int]) -> None:
    """Who knows an event of today is given those of tomorrow."""
    assert model.parse("BenchmarkComplete", more | FIELDS) == BenchmarkComplete(**FIELDS)
