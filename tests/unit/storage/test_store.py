"""The store of outputs: what is written comes back, byte for byte and line by line."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipstream.storage.errors import AmbiguousError, CorruptError, NotFoundError
from slipstream.storage.outputs import OutputStore, StoredOutput, rows, writer
from slipstream.storage.outputs.rows import file_of


def put(store: OutputStore, data: bytes, command: tuple[str, ...] = ()) -> StoredOutput:
    out = store.writer(command)
    out.write(data)
    return out.finish()


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that do not compress."""
    return hashlib.shake_128(b"%d" % seed).digest(size)


@pytest.fixture(scope="module")
def shared() -> Iterator[OutputStore]:
    with tempfile.TemporaryDirectory() as folder:
        store = OutputStore(Path(folder))
        yield store
        store.close()


CHUNKS = st.lists(st.tuples(st.binary(max_size=90), st.integers(0, 2), st.booleans()), max_size=12)


@given(chunks=CHUNKS, small=st.sampled_from([0, 400, 100_000]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_chunks_of_any_streams_come_back_exactly(
    shared: OutputStore,
    monkeypatch: pytest.MonkeyPatch,
    chunks: list[tuple[bytes, int, bool]],
    small: int,
) -> None:
    monkeypatch.setattr(writer, "FRAME_BYTES", 64)  # many frames, hence threads
    monkeypatch.setattr(rows, "SMALL", small)
    out = shared.writer(("tool", "arg"), "/somewhere")
    for data, stream, flush in chunks:
        out.write(data, stream)
        if flush:
            out.flush()
    raw = b"".join(data for data, _, _ in chunks)
    stored = out.finish(3)
    assert stored.kept, stored.warning
    log = shared.resolve()
    assert (stored.sha256, stored.size) == (hashlib.sha256(raw).hexdigest(), len(raw))
    assert stored.lines == log.lines == len(raw.split(b"\n")) - (raw[-1:] in (b"\n", b""))
    assert b"".join(shared.read(log)) == raw
    each = [stream for data, stream, _ in chunks for _ in data]
    assert list(shared.streams(log)) == [(s, len(list(same))) for s, same in groupby(each)]
    assert (log.command, log.cwd, log.exit_status) == (("tool", "arg"), "/somewhere", 3)
    assert not os.listdir(shared.folder / "partial") if small == 0 and raw else True


def test_an_empty_output_is_a_log_too(store: OutputStore) -> None:
    stored = store.writer(("true",)).finish(0)
    log = store.resolve(stored.id)
    assert (log.size, log.lines, list(store.read(log))) == (0, 0, [])
    assert list(store.tail(log, 5)) == []


def test_head_and_tail_are_the_first_and_last_lines(store: OutputStore) -> None:
    log = store.resolve(put(store, b"1\n2\n3\n4").id)
    assert b"".join(store.head(log, 2)) == b"1\n2\n"
    assert b"".join(store.tail(log, 2)) == b"3\n4"
    assert b"".join(store.tail(log, 9)) == b"1\n2\n3\n4"


def test_the_same_bytes_are_stored_once_and_captured_twice(store: OutputStore) -> None:
    first = put(store, noise(300_000), ("one",))
    second = put(store, noise(300_000), ("two",))
    assert first.id == second.id
    assert [log.command for log in store.list()] == [("two",), ("one",)]
    assert len(list(store.folder.glob("*/*.slz"))) == 1
    assert store.resolve(first.id).command == ("two",)


def test_the_id_is_made_of_the_bytes_alone(store: OutputStore, tmp_path: Path) -> None:
    out = OutputStore(tmp_path / "other").writer(("x",), "/y")
    for byte in b"same bytes\n":
        out.write(bytes([byte]), byte % 3)
    assert out.finish(1).id == put(store, b"same bytes\n").id


def test_small_outputs_live_in_the_database_and_large_ones_in_private_files(
    store: OutputStore, home: Path
) -> None:
    small, large = put(store, b"small\n"), put(store, noise(300_000))
    assert not file_of(store.folder, small.sha256).exists()
    file = file_of(store.folder, large.sha256)
    assert file.stat().st_size == store.resolve(large.id).stored
    if sys.platform != "win32":
        for path in (home, *home.rglob("*")):
            allowed = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == allowed, path


def test_a_long_log_that_compresses_well_is_a_row_not_a_file(store: OutputStore) -> None:
    stored = put(store, b"all is well\n" * 300_000)  # 3.6 MB, several frames
    assert not list(store.folder.glob("*/*.slz"))
    assert b"".join(store.read(store.resolve(stored.id))) == b"all is well\n" * 300_000


def test_one_piece_of_any_size_is_taken(store: OutputStore) -> None:
    stored = put(store, noise(5_000_000))
    assert b"".join(store.read(store.resolve(stored.id))) == noise(5_000_000)


def test_a_log_is_found_by_a_unique_prefix_in_any_case_and_by_its_whole_hash(
    store: OutputStore,
) -> None:
    stored = put(store, b"x")
    for name in (stored.id, stored.id[:3], stored.id.upper(), stored.sha256, "last"):
        assert store.resolve(name).sha256 == stored.sha256


def test_a_prefix_of_several_logs_is_ambiguous_and_names_them(store: OutputStore) -> None:
    ids = [put(store, b"%d" % number).id for number in range(17)]
    shared = next(i[0] for i in ids if sum(other[0] == i[0] for other in ids) > 1)
    with pytest.raises(AmbiguousError, match=f"{shared} fits more than one log: {shared}"):
        store.resolve(shared)


@pytest.mark.parametrize("name", ["", "0123456789ab", "xyz", "../x", "%", "ffffffffffffffff\n"])
def test_an_unknown_log_is_one_sentence(store: OutputStore, name: str) -> None:
    with pytest.raises(NotFoundError, match="slip log list"):
        store.resolve(name)


def test_last_of_an_empty_store_says_how_to_fill_it(store: OutputStore) -> None:
    with pytest.raises(NotFoundError, match="slip run"):
        store.resolve("last")


def test_last_is_the_newest_even_when_the_clock_goes_back(
    store: OutputStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, b"first")
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    second = put(store, b"second")
    assert store.resolve("last").id == second.id


def test_storing_an_old_log_again_makes_it_the_last(store: OutputStore) -> None:
    old = put(store, b"old")
    put(store, b"new")
    put(store, b"old")
    assert store.resolve("last").id == old.id


def test_an_output_that_was_given_up_is_not_called_complete(store: OutputStore) -> None:
    out = store.writer()
    out.write(b"half")
    stored = out.finish(complete=False)
    assert stored.kept
    assert not stored.complete
    assert not store.resolve().complete


def test_compression_that_fails_costs_the_log_but_not_its_hash(
    store: OutputStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(raw: bytes, runs: bytes) -> bytes:
        raise MemoryError("no memory for a frame")

    out = store.writer()
    out.write(noise(2_000_000))
    monkeypatch.setattr(writer, "pack_frame", fail)
    for start in range(0, 3_000_000, 100_000):
        out.write(noise(3_000_000, 1)[start : start + 100_000])
    stored = out.finish()
    raw = noise(2_000_000) + noise(3_000_000, 1)
    assert (stored.kept, stored.complete) == (False, False)
    assert stored.warning == "The log could not be kept: no memory for a frame"
    assert stored.sha256 == hashlib.sha256(raw).hexdigest()
    assert (stored.size, stored.lines) == (len(raw), raw.count(b"\n") + 1)
    assert store.list() == []


def test_a_flipped_byte_in_a_file_is_an_error_that_names_the_log_and_harms_no_other(
    store: OutputStore,
) -> None:
    good, bad = put(store, noise(400_000, 1)), put(store, noise(4_000_000, 2))
    path = file_of(store.folder, bad.sha256)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    log = store.resolve(bad.id)
    with pytest.raises(CorruptError, match=bad.id):
        list(store.read(log))
    assert b"".join(store.head(log, 1)) == noise(4_000_000, 2).split(b"\n")[0] + b"\n"
    assert b"".join(store.read(store.resolve(good.id))) == noise(400_000, 1)


def test_a_flipped_byte_in_the_database_is_an_error_that_names_the_log(
    store: OutputStore,
) -> None:
    bad = put(store, b"small log\n" * 20)
    (data,) = store.connection.execute("SELECT data FROM outputs").fetchone()
    for at in range(len(data)):
        damaged = data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]
        store.connection.execute("UPDATE outputs SET data = ?", (damaged,))
        with pytest.raises(CorruptError, match=f"Log {bad.id} is damaged"):
            list(store.read(store.resolve(bad.id)))


def test_bytes_of_another_log_are_not_taken_for_it(store: OutputStore) -> None:
    one, other = put(store, noise(300_000, 1)), put(store, noise(300_000, 2))
    path = file_of(store.folder, one.sha256)
    path.write_bytes(file_of(store.folder, other.sha256).read_bytes())
    with pytest.raises(CorruptError, match="another log"):
        list(store.read(store.resolve(one.id)))


def test_a_missing_file_is_an_error_and_storing_the_bytes_again_mends_it(
    store: OutputStore,
) -> None:
    lost = put(store, noise(300_000))
    file_of(store.folder, lost.sha256).unlink()
    with pytest.raises(CorruptError, match="is missing"):
        list(store.read(store.resolve(lost.id)))
    put(store, noise(300_000))
    assert b"".join(store.read(store.resolve(lost.id))) == noise(300_000)


def test_an_event_is_written_with_each_output(store: OutputStore) -> None:
    from slipstream.storage import events

    stored = put(store, b"x\n")
    (row,) = events.pending(store.connection)
    payload = json.loads(row.payload)
    assert (row.name, payload["sha256"], payload["lines"]) == ("OutputGenerated", stored.sha256, 1)
    events.mark_delivered(store.connection, [row.number])
    assert events.pending(store.connection) == []


def test_a_command_with_bytes_that_are_not_unicode_is_kept(store: OutputStore) -> None:
    out = store.writer(("cat", "caf\udce9"), "/caf\udce9")
    assert out.finish().kept
    assert store.resolve().command == ("cat", "caf\udce9")
