"""A disk that fails costs the log, never the caller: what it needs for the summary is right."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipstream.storage.errors import StorageError
from slipstream.storage.outputs import OutputStore, StoredOutput

LIMITED = """
import hashlib, resource, signal, sys
from pathlib import Path
from slipstream.storage.outputs import OutputStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = OutputStore(Path(sys.argv[1]))
store.connection
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
raw = hashlib.shake_128(b"x").digest(8 << 20)
writer = store.writer()
for at in range(0, len(raw), 1 << 16):
    writer.write(raw[at : at + (1 << 16)])
    if "flush" in sys.argv:
        writer.flush()
stored = writer.finish(0)
assert stored.sha256 == hashlib.sha256(raw).hexdigest()
assert (stored.size, stored.lines) == (len(raw), raw.count(b"\\n") + 1)
assert not stored.kept and not stored.complete
print(stored.warning)
after = store.writer()
after.write(b"small\\n")
assert after.finish(0).kept
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
@pytest.mark.parametrize("how", ["plain", "flush"])
def test_a_file_that_may_not_grow_gives_a_warning_and_the_next_log_is_kept(
    home: Path, store: OutputStore, how: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(home), how], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The log could not be kept: ")
    assert "File too large" in done.stdout
    assert [log.size for log in store.list()] == [6]
    assert list(store.folder.glob("partial/*")) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = sys.platform == "linux" and os.geteuid() == 0
    mounted = (
        mounted
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("only root on Linux may mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def write(store: OutputStore, raw: bytes) -> StoredOutput:
    out = store.writer()
    for at in range(0, len(raw), 1 << 18):
        out.write(raw[at : at + (1 << 18)])
        out.flush()
    stored = out.finish()
    assert stored.sha256 == hashlib.sha256(raw).hexdigest()
    assert stored.size == len(raw)
    return stored


def test_a_full_disk_gives_a_warning_and_what_was_stored_stays(tiny_disk: Path) -> None:
    store = OutputStore(tiny_disk / "home")
    first = write(store, b"first\n")
    stored = write(store, os.urandom(5 << 20))
    assert not stored.kept
    assert "No space left on device" in stored.warning
    assert b"".join(store.read(store.resolve(first.id))) == b"first\n"
    assert write(store, b"second\n").kept
    free = os.statvfs(tiny_disk)
    with open(tiny_disk / "filler", "wb") as filler:
        filler.write(bytes(free.f_bavail * free.f_frsize - 8192))
    for size in (90_000, 200_000):  # a row, a file
        stored = write(store, os.urandom(size))
        assert not stored.kept
        assert "disk" in stored.warning or "No space" in stored.warning
    (tiny_disk / "filler").unlink()
    assert write(store, os.urandom(200_000)).kept
    assert store.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store.close()


def test_a_read_only_disk_gives_a_warning_and_logs_can_still_be_read(tiny_disk: Path) -> None:
    home = tiny_disk / "home"
    store = OutputStore(home)
    kept = write(store, os.urandom(300_000))
    store.close()
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    try:
        store = OutputStore(home)
        stored = write(store, b"new\n")
        assert not stored.kept
        assert "Read-only file system" in stored.warning or "readonly" in stored.warning
        assert len(b"".join(store.read(store.resolve(kept.id)))) == 300_000
        store.close()
        assert not OutputStore(tiny_disk / "other").writer().finish().kept
    finally:
        subprocess.run(["mount", "-o", "remount,rw", tiny_disk], check=True)


def test_a_damaged_database_gives_a_warning(home: Path, store: OutputStore) -> None:
    home.mkdir()
    (home / "outputs.db").write_bytes(b"no database" * 1000)
    stored = write(store, os.urandom(200_000))
    assert not stored.kept
    assert stored.warning.startswith("The log could not be kept: The database ")
    assert "move it away" in stored.warning
    with pytest.raises(StorageError):
        store.list()


def test_a_database_that_stays_locked_does_not_stop_reading(home: Path, store: OutputStore) -> None:
    kept = write(store, b"kept\n")
    with sqlite3.connect(home / "outputs.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert b"".join(store.read(store.resolve(kept.id))) == b"kept\n"
    other.close()


def test_a_file_in_place_of_the_data_folder_gives_a_warning(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    stored = write(OutputStore(tmp_path / "home"), os.urandom(3 << 20))
    assert not stored.kept
    assert stored.lines > 0
    assert "SLIPSTREAM_HOME" in stored.warning
