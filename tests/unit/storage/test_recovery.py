"""What a killed writer leaves is stored at the next start; what lives is left alone."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path

import pytest

from slipstream.storage import database, events
from slipstream.storage.outputs import OutputStore, OutputWriter, rows, writer
from slipstream.storage.outputs.partial import Partial


def noise(size: int) -> bytes:
    return hashlib.shake_128(b"x").digest(size)


def die(out: OutputWriter) -> None:
    """Give up the lock as the kernel does for a dead process."""
    assert out._partial is not None
    out._partial.leave()


class Killed(BaseException):
    pass


def kill(*_: object) -> None:
    raise Killed


@pytest.fixture(params=[0, rows.SMALL])
def any_place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs in files, outputs in the database."""
    monkeypatch.setattr(rows, "SMALL", request.param)


@pytest.mark.usefixtures("any_place")
@pytest.mark.parametrize("frames", [0, 1, 3])
def test_what_was_flushed_is_stored_as_incomplete(store: OutputStore, frames: int) -> None:
    out = store.writer(("make", "all"), "/src")
    out.write(noise(frames << 20), 2)
    out.write(b"built a\n", 1)
    out.flush()
    out.write(b"built b", 1)
    out.flush()
    out.write(b"never flushed", 1)
    die(out)
    log = store.resolve("last")
    raw = noise(frames << 20) + b"built a\nbuilt b"
    assert b"".join(store.read(log)) == raw
    assert (log.complete, log.command, log.cwd) == (False, ("make", "all"), "/src")
    assert log.lines == raw.count(b"\n") + 1
    assert list(store.streams(log)) == [(2, frames << 20), (1, 15)][not frames :]
    assert os.listdir(store.folder / "partial") == []


def test_a_live_writer_is_left_alone(store: OutputStore, home: Path) -> None:
    out = store.writer()
    out.write(b"one\n")
    out.flush()
    assert OutputStore(home).recover() == 0
    out.write(b"two\n")
    log = store.resolve(out.finish().id)
    assert log.complete
    assert b"".join(store.read(log)) == b"one\ntwo\n"
    assert len(store.list()) == 1


def test_a_recovered_log_is_older_than_the_one_that_is_stored_next(store: OutputStore) -> None:
    out = store.writer()
    out.write(b"killed\n")
    out.flush()
    die(out)
    newer = store.writer().finish()
    assert [log.complete for log in store.list()] == [True, False]
    assert store.resolve("last").id == newer.id


@pytest.mark.usefixtures("any_place")
def test_a_writer_killed_before_its_row_is_committed_is_stored_as_complete(
    store: OutputStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = store.writer(("x",))
    out.write(noise(300_000))
    out.write(b"end\n", 1)
    monkeypatch.setattr(events, "emit", kill)  # inside the transaction, its file moved
    with pytest.raises(Killed):
        out.finish(7)
    die(out)
    monkeypatch.undo()
    log = store.resolve("last")
    assert (log.complete, log.exit_status) == (True, 7)
    assert b"".join(store.read(log)) == noise(300_000) + b"end\n"
    assert list(store.streams(log)) == [(0, 300_000), (1, 4)]


@pytest.mark.usefixtures("any_place")
def test_a_writer_killed_after_its_row_is_committed_is_not_stored_twice(
    store: OutputStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Partial, "remove", Partial.leave)
    out = store.writer()
    out.write(b"once\n")
    out.flush()
    stored = out.finish()
    monkeypatch.undo()
    (log,) = store.list()
    assert log.complete
    assert b"".join(store.read(store.resolve(stored.id))) == b"once\n"
    assert os.listdir(store.folder / "partial") == []


@pytest.mark.usefixtures("any_place")
def test_a_recovery_that_is_killed_is_repeated_by_the_next(
    store: OutputStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = store.writer(("x",))
    out.write(noise(1 << 20))
    out.write(b"end\n")
    out.flush()
    die(out)
    monkeypatch.setattr(events, "emit", kill)  # inside the transaction, the file moved
    with pytest.raises(Killed):
        store.recover()
    monkeypatch.undo()
    assert store.recover() == 1
    log = store.resolve("last")
    assert (log.command, log.complete) == (("x",), False)
    assert b"".join(store.read(log)) == noise(1 << 20) + b"end\n"


def test_a_journal_that_was_cut_while_it_was_written_gives_what_is_whole(
    store: OutputStore,
) -> None:
    out = store.writer()
    out.write(b"whole\n")
    out.flush()
    out.write(b"cut\n")
    out.flush()
    die(out)
    (tail,) = store.folder.glob("partial/*.tail")
    os.truncate(tail, tail.stat().st_size - 1)
    assert b"".join(store.read(store.resolve("last"))) == b"whole\n"


def test_a_frame_that_was_cut_while_it_was_written_is_taken_from_the_journal(
    store: OutputStore,
) -> None:
    out = store.writer()
    out.write(noise(1 << 20))
    out.write(b"journal\n")
    out.flush()
    assert out._partial is not None
    with open(out._partial.frames_path, "ab") as file:
        file.write(b"\1\0\0\0 the beginning of a frame")
    die(out)
    assert b"".join(store.read(store.resolve("last"))) == noise(1 << 20) + b"journal\n"


def test_nothing_is_left_of_a_writer_that_was_killed_before_it_wrote(store: OutputStore) -> None:
    store.recover()
    folder = store.folder / "partial"
    folder.mkdir(parents=True)
    (folder / "1-2-3.tail").touch()
    assert store.recover() == 0
    assert os.listdir(folder) == []


def test_a_locked_database_keeps_the_log_aside_until_the_next_command(
    store: OutputStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.recover()
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.02)
    other = sqlite3.connect(home / "outputs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    stored = []
    for size in (10, 300_000):
        out = store.writer()
        out.write(noise(size))
        stored.append(out.finish())
        assert "locked" in stored[-1].warning
    other.execute("ROLLBACK")
    other.close()
    assert [log.id for log in store.list()] == [stored[1].id, stored[0].id]
    for size, result in zip((10, 300_000), stored, strict=True):
        log = store.resolve(result.id)
        assert log.complete
        assert b"".join(store.read(log)) == noise(size)


def test_small_frames_and_threads_lose_nothing_either(
    store: OutputStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "FRAME_BYTES", 64)
    out = store.writer()
    for at in range(0, 10_000, 10):
        out.write(noise(10_000)[at : at + 10], at % 3)
        if at % 70 == 0:
            out.flush()
    out.flush()
    die(out)
    assert b"".join(store.read(store.resolve("last"))) == noise(10_000)
