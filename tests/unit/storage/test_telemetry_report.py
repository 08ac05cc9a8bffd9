"""Roll-ups neither lose nor double; windows, reports and exports say what was recorded."""

from __future__ import annotations

import csv
import io
import math
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipstream.storage import database
from slipstream.storage.config.settings import Telemetry
from slipstream.storage.telemetry import export, levels, report
from slipstream.storage.telemetry.batch import Batch
from slipstream.storage.telemetry.histogram import LARGEST, Bucket, bucket, percentile
from slipstream.storage.telemetry.report import Totals
from tests.unit.storage.test_telemetry import Event

DAY = levels.DAY
NOW = 1_800_000_000 // DAY * DAY + 40_000  # seconds since 1970
KEPT = Telemetry(minute_days=2, hour_days=30, day_days=100)


@pytest.fixture
def connection(home: Path) -> Iterator[sqlite3.Connection]:
    with closing(database.connect(home)) as connection:
        yield connection


def record(
    connection: sqlite3.Connection, *events: Event, context: tuple[str, str] = ("r", "c")
) -> None:
    batch = Batch()
    batch.add(((event, context) for event in events), 1.0)  # type: ignore[misc]
    with database.transaction(connection):
        batch.write(connection, NOW * 10**9)


def at(seconds: float, kind: str = "hit", **fields: Any) -> Event:
    return Event(kind, int(seconds * 10**9), **fields)


def roll_up(connection: sqlite3.Connection, now_s: int) -> int:
    with database.transaction(connection):
        return levels.roll_up(connection, now_s, KEPT)


def sums(connection: sqlite3.Connection, table: str = "counts") -> tuple[int, int]:
    query = f"SELECT coalesce(sum(count), 0), count(*) FROM telemetry_{table}"
    where = " WHERE level > 0" if table == "buckets" else ""
    found: tuple[int, int] = connection.execute(query + where).fetchone()
    return found


def test_what_is_old_moves_to_minutes_hours_and_days(connection: sqlite3.Connection) -> None:
    """Each operation is in one level; the commit is told apart up to hours."""
    ages = (60, 3 * 3600, 3 * DAY, 40 * DAY)
    for number in range(50):
        for age in ages:
            record(connection, at(NOW - age - number), context=("r", f"commit{number % 2}"))
    assert roll_up(connection, NOW) > 0
    found = connection.execute(
        "SELECT level, sum(count), count(DISTINCT revision), min(start % level)"
        " FROM telemetry_counts GROUP BY level"
    ).fetchall()
    assert found == [(10, 50, 2, 0), (60, 50, 2, 0), (3600, 50, 2, 0), (DAY, 50, 1, 0)]
    assert sums(connection, "buckets")[0] == 2 * 200  # latency and size


def test_moving_again_changes_nothing(connection: sqlite3.Connection) -> None:
    """It can run at any time, as often as it likes."""
    record(connection, *(at(NOW - n * 997) for n in range(2000)))
    roll_up(connection, NOW)
    before = connection.execute("SELECT * FROM telemetry_counts").fetchall()
    assert roll_up(connection, NOW) == 0
    assert connection.execute("SELECT * FROM telemetry_counts").fetchall() == before


def test_an_interrupted_move_leaves_all_as_it_was(connection: sqlite3.Connection) -> None:
    """It is one transaction."""
    record(connection, *(at(NOW - n * 997) for n in range(500)))
    before = connection.execute("SELECT * FROM telemetry_counts").fetchall()

    def interrupted() -> None:
        with database.transaction(connection):
            levels.roll_up(connection, NOW, KEPT)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert connection.execute("SELECT * FROM telemetry_counts").fetchall() == before


def test_the_oldest_days_go_and_the_counters_stay(connection: sqlite3.Connection) -> None:
    """Counters count since their reset, however long ago."""
    record(connection, at(NOW - 90 * DAY), at(NOW - 200 * DAY))
    roll_up(connection, NOW)
    assert sums(connection) == (1, 1)
    assert [counter.amount for counter in report.counters(connection)] == [2]


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(-60 * DAY, 60 * DAY), st.integers(1, 5), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_a_clock_that_jumps_neither_loses_nor_doubles(
    steps: list[tuple[int, int, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Events come at any time, and what is old is moved in between."""
    home = tmp_path_factory.mktemp("clock")
    clock, expected = NOW, 0
    with closing(database.connect(home)) as connection:
        for jump, number, moving in steps:
            clock = min(max(clock + jump, NOW - 40 * DAY), NOW + 40 * DAY)
            record(connection, *(at(clock + n) for n in range(number)))
            expected += number
            if moving:
                roll_up(connection, clock)
            assert sums(connection)[0] == expected
            assert sum(c.amount for c in report.counters(connection)) == expected


def test_a_move_is_due_when_an_hours_worth_is_old(connection: sqlite3.Connection) -> None:
    """So that it is not done with every batch."""
    assert not levels.is_due(connection, NOW)
    record(connection, at(NOW))
    assert not levels.is_due(connection, NOW + 2 * 3600)
    assert levels.is_due(connection, NOW + 3 * 3600 + 11)


def test_windows_end_now(connection: sqlite3.Connection) -> None:
    """A minute, five minutes, an hour, the session; what a clock set ahead wrote is not in them."""
    for age, number in ((5, 1), (100, 2), (1800, 4), (2 * 3600, 8), (-7200, 16)):
        record(connection, *[at(NOW - age)] * number)
    record(connection, at(NOW - 3500, "miss", reason="expired"))
    found = report.windows(connection, NOW)
    assert {name: (now.hits, now.misses) for name, now in found.items()} == {
        "1 minute": (1, 0),
        "5 minutes": (3, 0),
        "1 hour": (7, 1),
        "session": (7, 1),
    }


def test_a_session_ends_with_a_long_pause(connection: sqlite3.Connection) -> None:
    """Of more than half an hour."""
    assert report.session_start(connection, NOW) == NOW
    for age in (10, 1500, 3000, 6000, 6100):
        record(connection, at(NOW - age))
    assert report.session_start(connection, NOW) == (NOW - 3000) // 10 * 10


def test_counters_are_reset_and_the_time_lines_stay(connection: sqlite3.Connection) -> None:
    """And begin anew."""
    record(connection, at(NOW), at(NOW, "miss", reason="never stored"))
    with database.transaction(connection):
        assert report.reset(connection) == 2
    assert report.counters(connection) == []
    assert report.histogram(connection, "latency") == {}
    assert sums(connection)[0] == 2
    record(connection, at(NOW))
    assert [counter.amount for counter in report.counters(connection)] == [1]


def some(connection: sqlite3.Connection) -> None:
    """Two days: 3 hits of 4 today, 1 of 2 yesterday."""
    record(connection, *(at(NOW - n, latency_ns=1000 * (n + 1), size=10) for n in range(3)))
    record(connection, at(NOW, "miss", reason="never stored"), at(NOW, "set", size=70))
    record(connection, at(NOW - DAY), at(NOW - DAY, "miss", reason="expired"))
    record(connection, at(NOW, tier="memory", operation="search"), context=("other", "d"))


def test_a_report_stands_beside_the_period_before(connection: sqlite3.Connection) -> None:
    """With the hit rate of each and the latencies of the hits."""
    some(connection)
    day = (NOW - DAY + 100, NOW + 10)
    by = ("operation", "tier")
    found = report.report(connection, *day, compared=(day[0] - DAY, day[0]), by=by)
    parse, search = found.lines
    assert parse.group == ("parse", "disk")
    assert parse.now == Totals(hits=3, misses=1, sets=1, read=30, written=70)
    assert parse.now.hit_rate == 0.75
    assert parse.before is not None
    assert parse.before.hit_rate == 0.5
    assert parse.latency == (2000.0, 3000.0, 3000.0)
    assert (search.now.hits, search.before, search.now.hit_rate) == (1, Totals(), 1.0)
    assert found.total.now.hits == 4
    assert Totals().hit_rate is None


def test_a_report_can_tell_repositories_and_commits_apart(connection: sqlite3.Connection) -> None:
    """Histograms are not kept by them."""
    some(connection)
    found = report.report(connection, 0, NOW + 10, by=("repository", "revision"))
    assert [(line.group, line.now.hits, line.latency) for line in found.lines] == [
        (("other", "d"), 1, ()),
        (("r", "c"), 4, ()),
    ]


def test_a_report_is_json_and_csv(connection: sqlite3.Connection) -> None:
    """With the same numbers; no cell begins a formula."""
    some(connection)
    record(connection, at(NOW, operation="=1+1"))
    found = report.report(connection, NOW - 100, NOW + 10, compared=(0, NOW - 100))
    rows = export.as_json(found)["rows"]
    table = list(csv.DictReader(io.StringIO(export.as_csv(found))))
    assert [row["operation"] for row in rows] == ["=1+1", "parse", "search"]
    assert [row["operation"] for row in table] == ["'=1+1", "parse", "search"]
    assert rows[1]["hit_rate"] == float(table[1]["hit_rate"]) == 0.75
    assert rows[1]["hit_rate_change"] == float(table[1]["hit_rate_change"]) == 0.25
    assert rows[1]["before"]["misses"] == int(table[1]["before_misses"]) == 1
    assert rows[1]["p50_ns"] == int(table[1]["p50_ns"]) == 2000
    assert rows[2]["hit_rate_change"] is None


SAMPLE = re.compile(
    r'(?P<name>[a-zA-Z_:][\w:]*)\{(?P<labels>(?:\w+="(?:[^"\\\n]|\\[\\n"])*",?)*)\} (?P<value>\S+)'
)


def samples(text: str) -> dict[tuple[str, str], float]:
    """(name, labels) → value, each line checked against the exposition format."""
    found = {}
    described: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            assert kind in ("counter", "histogram")
            assert name not in described
            described.add(name)
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert re.sub(r"_(bucket|sum|count)$", "", match["name"]) in described
            assert (match["name"], match["labels"]) not in found, "a series stands there twice"
            found[match["name"], match["labels"]] = float(match["value"])
    return found


def test_prometheus_can_read_the_counters_and_histograms(connection: sqlite3.Connection) -> None:
    """Labels are escaped; buckets add up to the count, which `+Inf` has as well."""
    some(connection)
    record(connection, at(NOW, operation='a"b\\c\nd'))
    text = export.as_prometheus(connection)
    found = samples(text)
    total = "slipstream_cache_operations_total"
    assert found[total, 'operation="parse",tier="disk",kind="hit",reason=""'] == 4
    assert found[total, 'operation="parse",tier="disk",kind="miss",reason="expired"'] == 1
    assert (total, r'operation="a\"b\\c\nd",tier="disk",kind="hit",reason=""') in found
    labels = 'operation="parse",tier="disk",kind="hit"'
    name = "slipstream_cache_latency_seconds"
    buckets = [
        (math.inf if bound == "+Inf" else float(bound), value)
        for (series, shown), value in found.items()
        if series == f"{name}_bucket" and shown.startswith(labels)
        for bound in re.findall(r'le="([^"]+)"', shown)
    ]
    assert buckets == sorted(buckets)
    assert [value for _, value in buckets] == sorted(value for _, value in buckets)
    assert buckets[-1] == (math.inf, 4)
    assert found[f"{name}_count", labels] == 4
    assert found[f"{name}_sum", labels] == pytest.approx((1000 + 2000 + 3000 + 5000) / 1e9)
    assert text.endswith("\n")


def test_prometheus_gets_no_samples_from_nothing(connection: sqlite3.Connection) -> None:
    """But says what there would be."""
    text = export.as_prometheus(connection)
    assert samples(text) == {}
    assert text.count("# TYPE") == 4


@given(st.integers(-5, 2**60))
def test_a_value_is_in_the_bucket_whose_bounds_hold_it(value: int) -> None:
    """Each bucket is twice as wide as the one before."""
    number = bucket(value)
    assert 0 <= number <= LARGEST
    if number < LARGEST:
        assert value <= 2**number
    if number > 0:
        assert value > 2 ** (number - 1)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=60), st.floats(0.01, 1.0))
def test_a_percentile_is_at_most_a_factor_of_two_off(values: list[int], share: float) -> None:
    """Whatever the values are."""
    buckets: dict[int, Bucket] = {}
    for value in values:
        old = buckets.get(bucket(value), Bucket(bucket(value), 0, 0))
        buckets[old.number] = Bucket(old.number, old.amount + 1, old.total + value)
    exact = sorted(values)[math.ceil(share * len(values)) - 1]
    found = percentile(buckets.values(), share)
    assert found is not None
    assert exact / 2 <= found <= exact * 2
    assert percentile([], share) is None
