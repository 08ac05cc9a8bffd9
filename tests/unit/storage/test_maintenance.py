"""Care of the stores, step by step: what goes, what stays, what a failure leaves."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from slipstream.storage import audit, bench, database, results
from slipstream.storage.bench import RunRecord
from slipstream.storage.cache import Item, open_cache
from slipstream.storage.config.settings import DEFAULTS, CacheLimits
from slipstream.storage.maintenance import scrub, steps
from slipstream.storage.maintenance.model import Done, Level, Outcome, Settings
from slipstream.storage.outputs import OutputStore
from slipstream.storage.outputs.rows import file_of
from tests.unit.storage.test_prune import put

DAY_NS = 86_400 * 10**9


def done(settings: Settings, level: Level = "full") -> dict[str, Outcome]:
    """Of each step what it did; none may fail."""
    found = {}
    for name, step in steps.LEVELS[level].items():
        each = steps.attempt(name, step, settings)
        assert each.outcome is not None, each
        found[each.step] = each.outcome
    return found


def add_run(home: Path, identity: str, days_ago: float) -> None:
    started = time.time_ns() - int(days_ago * DAY_NS)
    run = RunRecord(identity, "smoke", "{}", "http://x/v1", "m", 0, {}, state="done",
                    started_ns=started)  # fmt: skip
    with closing(results.connect(home)) as connection:
        bench.save_run(connection, run)
        connection.execute(
            "INSERT INTO bench_comparisons (id, base, candidates, suite, worst, created_ns, report)"
            " VALUES (?, 'a', '[]', 'smoke', '', ?, '{}')",
            (identity, started),
        )


def test_what_is_too_old_goes_once_and_a_dry_run_tells_the_same(
    store: OutputStore, home: Path
) -> None:
    put(store, 1, 8)
    kept = put(store, 2, 1)
    add_run(home, "aa0", 91)
    add_run(home, "aa1", 89)
    with open_cache(home, CacheLimits()) as cache:
        cache.set("old", b"x" * 100, ttl=1e-6)
        cache.set("new", b"x")
    planned = done(Settings(home, dry_run=True))
    assert len(store.list()) == 2
    did = done(Settings(home))
    counts = {name: outcome.removed for name, outcome in did.items()}
    assert counts == {
        "logs": 1, "cache": 1, "benchmarks": 2, "telemetry": 0, "left-over files": 0,
        "scrub of logs": 0, "scrub of the cache": 0, "database": 0,
    }  # fmt: skip
    assert {name: planned[name].removed for name in counts} == counts
    assert [log.id for log in store.list()] == [kept.id]
    with closing(results.connect(home)) as connection:
        assert [run.id for run in bench.runs(connection)] == ["aa1"]
        assert connection.execute("SELECT id FROM bench_comparisons").fetchall() == [("aa1",)]
    assert not any(outcome.removed for outcome in done(Settings(home)).values())


def test_the_cache_shrinks_to_limits_that_were_lowered(home: Path) -> None:
    with open_cache(home, CacheLimits()) as cache:
        for number in range(300):
            cache.set(f"key {number}", b"x")
    limits = CacheLimits(max_entries=100)
    did = done(Settings(home, DEFAULTS._replace(cache=limits)), "light")["cache"]
    assert did.removed >= 200
    assert "beyond the limits" in did.note
    with open_cache(home, limits) as cache:
        assert 0 < cache.count() <= 100


def test_old_copies_reports_and_damaged_caches_go_and_the_newest_copy_stays(home: Path) -> None:
    old = time.time() - 40 * 86_400
    (home / "backups").mkdir(parents=True)
    (home / "cache").mkdir()
    names = ("backups/a.db", "backups/b.db", "cache/damaged-1.db", "cache/damaged-2.db")
    for number, name in enumerate(names):
        (home / name).write_bytes(b"12345")
        os.utime(home / name, (old, old + number))
    os.utime(home / "cache/damaged-2.db")
    (home / "reports").mkdir()
    for name, days in (("a.html", 91), ("b.html", 89)):
        (home / "reports" / name).write_bytes(b"12345")
        os.utime(home / "reports" / name, (time.time() - days * 86_400,) * 2)
    did = done(Settings(home))["left-over files"]
    assert (did.removed, did.freed) == (3, 15)
    assert [path.name for path in (home / "reports").iterdir()] == ["b.html"]
    assert (home / "backups/b.db").exists()
    assert (home / "cache/damaged-2.db").exists()


def test_a_scrub_goes_on_where_it_ended_and_begins_anew_at_the_end(
    store: OutputStore, home: Path
) -> None:
    for seed in range(3):
        put(store, seed)
    with open_cache(home, CacheLimits()) as cache:
        cache.set_many([Item(f"key {number}", b"x") for number in range(450)])
    hurried = Settings(home, scrub_seconds=1e-9)
    places = []
    for _ in range(3):
        notes = [scrub.logs(hurried).note, scrub.cache(hurried).note]
        places.append((scrub.place(home, "logs"), scrub.place(home, "cache")))
        assert all(note.startswith(("1 log ", "200 values ", "50 values ")) for note in notes)
    assert places[0] < places[1] > places[2] == (0, 0)
    (home / scrub.STATE).write_text("[}")
    assert scrub.place(home, "logs") == 0
    assert scrub.logs(Settings(home)).note.startswith("3 logs of 600,000 bytes read")


def test_damage_is_found_told_and_stops_no_other_step(store: OutputStore, home: Path) -> None:
    log, whole = put(store, 1), put(store, 2)
    path = file_of(store.folder, log.sha256)
    path.write_bytes(path.read_bytes()[:-1000] + b"x" * 1000)
    with open_cache(home, CacheLimits()) as cache:
        cache.set("key", b"value")
        cache.set("other", b"value")
    with sqlite3.connect(home / "cache" / "cache.db") as connection:
        connection.execute("UPDATE entries SET value = 'spoilt' WHERE key = 'key'")
    did = done(Settings(home))
    assert f"1 log cannot be read whole: {log.id}" in did["scrub of logs"].problem
    assert did["scrub of the cache"].removed == 1
    assert did["database"].note == "in order"
    assert store.resolve(whole.id)
    with open_cache(home, CacheLimits()) as cache:
        assert cache.get("key") is None
        assert cache.get("other") == b"value"


def test_a_damaged_database_fails_its_steps_alone(home: Path) -> None:
    with closing(database.connect(home)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute(
            "INSERT INTO captures (output_id, token, command, cwd, complete, streams, created_ns)"
            " VALUES (9, 't', '[]', '', 1, x'', 1)"
        )
    assert "rows of captures" in done(Settings(home))["database"].problem
    (home / "outputs.db").write_bytes(b"this is no database" * 100)
    found = [steps.attempt(name, step, Settings(home)) for name, step in steps.FULL.items()]
    failed = {each.step for each in found if each.error}
    assert failed == {"logs", "benchmarks", "telemetry", "scrub of logs", "database"}
    assert all("it is damaged" in each.trouble for each in found if each.error)


def test_whatever_a_step_fails_with_becomes_a_sentence() -> None:
    missing = FileNotFoundError(2, "No such file", "x.db")
    for error, text in (
        (missing, "x.db: No such file."),
        (sqlite3.OperationalError("disk I/O error"), "disk I/O error."),
        (TimeoutError(), "TimeoutError."),
    ):
        assert steps.reason(error) == text


def test_the_audit_log_says_what_was_removed_and_found(home: Path) -> None:
    found = [
        Done("logs", Outcome(2, 300, "2 logs")),
        Done("cache", None, "It cannot be used."),
        Done("telemetry", Outcome()),
    ]
    steps.record(Settings(home), "full", found)
    with closing(database.connect(home)) as connection:
        [entry] = audit.entries(connection, action="maintain")
    assert (entry.subject, entry.amount) == ("full", 300)
    assert entry.detail == {
        "logs": {"removed": 2, "freed": 300, "note": "2 logs"},
        "cache": {"problem": "It cannot be used."},
        "telemetry": {},
    }


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_kill_at_any_moment_leaves_stores_that_the_next_run_finishes(
    store: OutputStore, home: Path, unmeasured: None
) -> None:
    for seed in range(60):
        put(store, seed, 8, size=40_000)
    newest = put(store, 99)
    for number in range(20):
        add_run(home, f"{number:012x}", 91)
    code = (
        "import sys; from pathlib import Path\n"
        "from slipstream.storage.maintenance import steps\n"
        "from slipstream.storage.maintenance.model import Settings\n"
        "print('begun', flush=True)\n"
        "for name, step in steps.FULL.items():\n"
        "    print(steps.attempt(name, step, Settings(Path(sys.argv[1]))), flush=True)\n"
    )
    for lines in (1, 2):  # killed in the first step, and in one of the next
        with subprocess.Popen(
            [sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout is not None
            for _ in range(lines):
                running.stdout.readline()
            running.send_signal(signal.SIGKILL)
        with closing(database.connect(home)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert store.resolve(newest.id)
    done(Settings(home))
    assert [log.id for log in store.list()] == [newest.id]
    assert [path.stem for path in store.folder.glob("*/*.slz")] == [newest.sha256]
    assert json.loads((home / scrub.STATE).read_text()) == {"logs": 0, "cache": 0}
    with closing(results.connect(home)) as connection:
        assert bench.runs(connection) == []
