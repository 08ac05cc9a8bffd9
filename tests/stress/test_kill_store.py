"""Killed with SIGKILL at random moments while it writes, the store is consistent each time."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slipstream.storage.outputs import OutputStore, prune

KILLS = 100

# Small frames and a small limit for rows, so that kills hit every step of both ways of storing.
WRITER = """
import random, sys
from pathlib import Path
from slipstream.storage.outputs import OutputStore, rows, writer
writer.FRAME_BYTES, rows.SMALL = 4096, 3000
home, seed = Path(sys.argv[1]), sys.argv[2]
store = OutputStore(home)
number = 0
while True:
    number += 1
    rng = random.Random(f"{seed} {number}")
    raw = rng.randbytes(rng.choice([100, 2000, 20_000, 60_000]))
    out = store.writer((seed, str(number)))
    at = 0
    while at < len(raw):
        size = rng.randint(1, 5000)
        out.write(raw[at : at + size], rng.randint(1, 2))
        at += size
        if rng.random() < 0.3:
            out.flush()
            print("flushed", number, min(at, len(raw)), flush=True)
    stored = out.finish(0)
    assert stored.complete, stored.warning
    print("stored", number, stored.size, flush=True)
"""


def content(seed: str, number: str) -> bytes:
    rng = random.Random(f"{seed} {number}")
    return rng.randbytes(rng.choice([100, 2000, 20_000, 60_000]))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.usefixtures("unmeasured")
def test_a_kill_at_any_moment_loses_nothing_that_was_flushed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store = OutputStore(home)
    rng = random.Random(7)
    incomplete = 0
    for first in range(0, KILLS, 2):
        writers = {
            str(seed): subprocess.Popen(
                [sys.executable, "-c", WRITER, str(home), str(seed)], stdout=subprocess.PIPE
            )
            for seed in (first, first + 1)  # two at once: each also meets what the other left
        }
        promised: dict[str, list[list[str]]] = {}
        for seed, process in writers.items():
            assert process.stdout is not None
            begun = process.stdout.readline()  # its imports are done
            time.sleep(rng.uniform(0, 0.06))
            process.kill()
            # The last line may be cut as well.
            lines = (begun + process.stdout.read()).decode().split("\n")[:-1]
            process.wait()
            process.stdout.close()
            promised[seed] = [line.split() for line in lines]
        incomplete += check(store, promised)
        if first % 20 == 0:
            assert prune.prune(home).lost == 0
    assert store.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert prune.prune(home).orphans == 0
    assert incomplete > KILLS / 10, "the kills came too late to say anything"
    store.close()


def check(store: OutputStore, promised: dict[str, list[list[str]]]) -> int:
    """All logs of these writers are whole or a beginning, and have what was promised."""
    sizes: dict[tuple[str, ...], int] = {}
    incomplete = 0
    for log in store.list(limit=2000):
        if log.command[0] not in promised:
            continue
        raw = b"".join(store.read(log))
        whole = content(*log.command)
        assert whole.startswith(raw)
        assert not log.complete or raw == whole
        assert sum(length for _, length in store.streams(log)) == len(raw)
        assert log.command not in sizes, "stored twice"
        sizes[log.command] = len(raw)
        incomplete += not log.complete
    for seed, lines in promised.items():
        for _, number, size in lines:
            assert sizes[seed, number] >= int(size)
    assert not list(store.folder.glob("partial/*"))
    return incomplete
