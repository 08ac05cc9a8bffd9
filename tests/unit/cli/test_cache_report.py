"""`slip cache report`."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path

import pytest

from slipstream.cli.cache_report import duration, moment, percent, show
from slipstream.storage.errors import UsageError
from slipstream.storage.telemetry import Recorder
from tests.unit.storage.test_telemetry import Event, Source

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def recorded(home: Path) -> None:
    """Now: three hits of four; two days ago: one of two."""
    source = Source()
    recorder = Recorder(home).attach(source)  # type: ignore[arg-type]
    now = time.time_ns()
    for kind in ("hit", "hit", "hit", "miss"):
        source.emit(Event(kind, now, latency_ns=4000, size=2048))
    for kind in ("hit", "miss"):
        source.emit(Event(kind, now - 2 * 86_400 * 10**9))
    recorder.close()


@pytest.mark.usefixtures("recorded")
def test_a_period_is_shown_beside_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    """With its trend in percentage points."""
    assert show("36h", "now", "previous", "operation,tier", "table") == 0
    header, line, total = (row.split("\t") for row in capsys.readouterr().out.splitlines())
    assert dict(zip(header, line, strict=True)) == {
        "operation": "parse", "tier": "disk", "hits": "3", "misses": "1", "rate": "75.0 %",
        "sets": "0", "evicted": "0", "corrupt": "0", "read": "6.0 KiB", "written": "0 B",
        "before": "1", "rate-before": "50.0 %", "trend": "+25.0",
        "p50": "4.0 µs", "p95": "4.0 µs", "p99": "4.0 µs",
    }  # fmt: skip
    assert total[:4] == ["all", "", "3", "1"]


@pytest.mark.usefixtures("recorded")
def test_a_report_is_printed_in_the_formats_of_others(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON, CSV and Prometheus's text; the last since the last reset, whatever the period."""
    assert show("7d", "now", None, "operation", "json") == 0
    assert json.loads(capsys.readouterr().out)["total"]["hits"] == 4
    assert show("36h", "now", "3d", "commit", "csv") == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["revision"], row["hits"], row["before_hits"]) == ("c" * 40, "3", "1")
    assert show("36h", "now", None, "operation", "prometheus") == 0
    assert 'kind="hit",reason=""} 4\n' in capsys.readouterr().out


def test_nothing_recorded_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """The table has its total all the same."""
    assert show("1h", "now", None, "operation,tier", "table") == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1].split("\t")[:4] == ["all", "", "0", "0"]
    assert captured.err == "slip: nothing was recorded in that time.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("yesterday", "now", None, "operation", "table"), "--from 'yesterday' is not a moment"),
        (("1h", "2h", None, "operation", "table"), "--from 1h is not before --to 2h"),
        (("1h", "now", "x", "operation", "table"), "--compare 'x' is not a moment"),
        (("1h", "now", None, "colour", "table"), "--by 'colour' is not one of"),
        (("1h", "now", None, "operation", "xml"), "--format 'xml' is not one of table, json"),
    ],
)
def test_what_is_wrong_is_said(arguments: tuple[str, str, str, str, str], said: str) -> None:
    """In one sentence."""
    with pytest.raises(UsageError, match=said):
        show(*arguments)


def test_moments_are_dates_or_ages() -> None:
    """In local time; never before 1970."""
    assert moment("now", "--from", 1000) == 1000
    assert moment("2m", "--from", 1000) == moment("-2m", "--from", 1000) == 880
    assert moment("9w", "--from", 1000) == 0
    day = int(time.mktime((2026, 1, 31, 0, 0, 0, 0, 0, -1)))
    assert moment("2026-01-31", "--from", 0) == day
    assert moment("2026-01-31T01:00", "--from", 0) == moment("2026-01-31 01:00:00", "--to", 0)


def test_numbers_for_people() -> None:
    """Shares, and times of very different lengths."""
    assert [percent(share) for share in (None, 0.5, 1.0)] == ["", "50.0 %", "100.0 %"]
    times = [duration(ns) for ns in (None, 4200, 1.5e6, 2e9)]
    assert times == ["", "4.2 µs", "1.5 ms", "2.0 s"]
