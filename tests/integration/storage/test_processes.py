"""Many processes on one data folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from slipstream.storage.outputs import OutputStore

WRITE = """
import hashlib, sys, time
from pathlib import Path
from slipstream.storage.outputs import OutputStore
home, number = Path(sys.argv[1]), int(sys.argv[2])
sys.stdin.readline()
worst = 0.0
for turn in range(5):
    store = OutputStore(home)
    writer = store.writer(("tool", str(number), str(turn)))
    for size in (10, 1000, 40_000 * turn):
        writer.write(hashlib.shake_128(b"%d %d" % (number, turn)).digest(size), 1)
        writer.flush()
    began = time.monotonic()
    stored = writer.finish(0)
    worst = max(worst, time.monotonic() - began)
    assert stored.complete, stored.warning
    store.close()
print(worst)
"""


def test_ten_writers_at_once_on_a_new_folder_lose_nothing(home: Path, store: OutputStore) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, str(home), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(10)
    ]
    for process in writers:  # all begin at the same moment
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in writers:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    logs = store.list()
    assert len(logs) == 50
    for log in logs:
        assert log.complete
        assert len(b"".join(store.read(log))) == log.size
    assert store.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not list(store.folder.glob("partial/*"))


MIGRATE = """
import sys
from pathlib import Path
from slipstream.storage.database import connect
sys.stdin.readline()
connect(Path(sys.argv[1])).execute("SELECT count(*) FROM outputs")
"""


def test_an_old_database_is_migrated_once_when_several_processes_find_it(home: Path) -> None:
    import sqlite3

    home.mkdir()
    with sqlite3.connect(home / "outputs.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    connection.close()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, str(home)], stdin=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in processes:
        process.communicate("\n", timeout=60)
        assert process.returncode == 0
    assert len(list((home / "backups").iterdir())) == 1
