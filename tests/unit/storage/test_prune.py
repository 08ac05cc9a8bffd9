"""Retention: age, size, orphans."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from slipstream.storage import audit, summaries
from slipstream.storage.errors import NotFoundError
from slipstream.storage.outputs import OutputStore, StoredOutput, prune
from slipstream.storage.outputs.prune import PruneReport
from slipstream.storage.outputs.rows import file_of

DAY_NS = 86_400 * 10**9


def put(store: OutputStore, seed: int, days_ago: float = 0, size: int = 200_000) -> StoredOutput:
    out = store.writer()
    out.write(hashlib.shake_128(b"%d" % seed).digest(size))
    stored = out.finish()
    store.connection.execute(
        "UPDATE captures SET created_ns = ? WHERE id = (SELECT max(id) FROM captures)",
        (time.time_ns() - int(days_ago * DAY_NS),),
    )
    return stored


def ids(store: OutputStore) -> list[str]:
    return [log.id for log in store.list()]


def test_a_new_store_has_nothing_to_prune(home: Path) -> None:
    assert prune.prune(home) == PruneReport(0, 0, 0, 0)


def test_logs_older_than_the_limit_go_with_their_files(store: OutputStore, home: Path) -> None:
    old, small, new = put(store, 1, 8), put(store, 2, 8, size=100), put(store, 3, 6)
    size = sum(store.resolve(log.id).stored for log in (old, small))
    assert prune.prune(home) == PruneReport(2, size, 0, 0)
    assert ids(store) == [new.id]
    assert not file_of(store.folder, old.sha256).exists()
    with pytest.raises(NotFoundError, match="pruned"):
        store.resolve(old.id)


def test_an_old_log_that_was_captured_again_stays(store: OutputStore, home: Path) -> None:
    put(store, 1, 30)
    again = put(store, 1, 1)
    assert prune.prune(home).logs == 0
    assert ids(store) == [again.id]


def test_the_oldest_go_until_the_rest_fits(store: OutputStore, home: Path) -> None:
    logs = [put(store, seed) for seed in range(5)]
    prune.prune(home, max_size=2 * store.resolve(logs[0].id).stored)
    assert ids(store) == [logs[4].id, logs[3].id]


def test_the_daily_prune_never_takes_the_newest_log(store: OutputStore, home: Path) -> None:
    put(store, 1)
    newest = put(store, 2)
    report = prune.prune_if_due(home, max_size=10)
    assert report is not None
    assert report.logs == 1
    assert ids(store) == [newest.id]


def test_a_dry_run_reports_the_same_and_removes_nothing(store: OutputStore, home: Path) -> None:
    log = put(store, 1, 8)
    (store.folder / "ab").mkdir()
    (store.folder / "ab" / ("ab" * 32 + ".slz")).write_bytes(b"orphan")
    planned = prune.prune(home, dry_run=True)
    assert ids(store) == [log.id]
    assert prune.prune(home) == planned == PruneReport(1, planned.size, 1, 0)
    assert prune.prune(home) == PruneReport(0, 0, 0, 0)


def test_a_row_without_its_file_goes(store: OutputStore, home: Path) -> None:
    lost, kept = put(store, 1), put(store, 2)
    file_of(store.folder, lost.sha256).unlink()
    assert prune.prune(home) == PruneReport(1, 0, 0, 1)
    assert ids(store) == [kept.id]


def test_what_is_being_written_is_not_touched(store: OutputStore, home: Path) -> None:
    out = store.writer()
    out.write(os.urandom(3 << 20))
    out.flush()
    assert prune.prune(home, days=0, max_size=0) == PruneReport(0, 0, 0, 0)
    stored = out.finish()
    assert stored.kept
    assert len(b"".join(store.read(store.resolve(stored.id)))) == 3 << 20


def test_what_a_killed_writer_left_is_stored_first(store: OutputStore, home: Path) -> None:
    out = store.writer()
    out.write(b"left\n")
    out.flush()
    assert out._partial is not None
    out._partial.leave()
    prune.prune(home)
    assert b"".join(store.read(store.resolve("last"))) == b"left\n"


def test_frames_without_a_journal_are_orphans(store: OutputStore, home: Path) -> None:
    put(store, 1)
    folder = store.folder / "partial"
    folder.mkdir(exist_ok=True)
    (folder / "1-2-3.slz").write_bytes(b"SLIPLOG1")
    assert prune.prune(home).orphans == 1


def test_a_prune_that_was_interrupted_is_finished_by_the_next(
    store: OutputStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(5):
        put(store, seed, 8)
    monkeypatch.setattr(prune, "BATCH", 2)
    unlink, done = Path.unlink, []

    def interrupted(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".slz":
            done.append(path)
            if len(done) == 4:
                raise KeyboardInterrupt
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prune.prune(home)
    monkeypatch.undo()
    assert len(ids(store)) == 3
    assert prune.prune(home).lost == 1
    assert ids(store) == []
    assert list(store.folder.glob("*/*.slz")) == []


def test_summaries_and_events_grow_old_as_logs_do(store: OutputStore, home: Path) -> None:
    put(store, 1)
    for days, name in ((8, "old"), (1, "new")):
        record = summaries.SummaryRecord(name, "", "test", "failed", (), 1, 0, 0, 0, "{}")
        summaries.save(store.connection, record, [])
        store.connection.execute(
            "UPDATE summaries SET created_ns = ? WHERE id = ?",
            (time.time_ns() - days * DAY_NS, name),
        )
    store.connection.execute("UPDATE events SET at_ns = 5 WHERE id = 1")
    prune.prune(home)
    assert [summary.id for summary in summaries.newest(store.connection)] == ["new"]
    assert store.connection.execute("SELECT count(*) FROM events").fetchone() == (2,)


def test_the_audit_log_says_what_was_pruned(store: OutputStore, home: Path) -> None:
    put(store, 1, 8)
    report = prune.prune(home)
    (entry,) = audit.entries(store.connection, action="prune")
    assert (entry.amount, entry.detail["logs"]) == (report.size, 1)


def test_the_database_gives_room_back(store: OutputStore, home: Path) -> None:
    for seed in range(60):
        put(store, seed, 8, size=90_000)
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = (home / "outputs.db").stat().st_size
    prune.prune(home)
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (home / "outputs.db").stat().st_size < before / 10


@pytest.mark.parametrize(("age", "due"), [(0.5, False), (1.5, True), (-1, True)])
def test_the_daily_prune_is_due_after_a_day_or_when_the_clock_went_back(
    home: Path, age: float, due: bool
) -> None:
    assert prune.prune_if_due(home) is not None
    stamp = time.time() - age * 86_400
    os.utime(home / prune.STAMP, (stamp, stamp))
    assert (prune.prune_if_due(home) is not None) == due
    assert prune.prune_if_due(home) is None
